#include "rapidbyte/state/state_backend.h"

#include <fmt/format.h>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::state {
namespace {

std::string stream_name(const StreamKey& key) {
  return key.partition.empty()
             ? fmt::format("stream '{}' of pipeline '{}'", key.stream, key.pipeline)
             : fmt::format("partition '{}' of stream '{}' of pipeline '{}'", key.partition, key.stream, key.pipeline);
}

}  // namespace

Status check_value_size(const PairKey& key, std::string_view value) {
  if (value.size() <= kMaxValueBytes) return {};
  return internal_error(codes::kStateBackend, fmt::format("the value of state key '{}' has {} bytes; the maximum is {}",
                                                          key.text.substr(0, 200), value.size(), kMaxValueBytes));
}

Status check_quota(std::string_view pipeline, const PairKey& key, std::string_view value, uint64_t others,
                   uint64_t other_bytes) {
  if (others < kMaxPairsPerPipeline && other_bytes <= kMaxPairBytesPerPipeline &&
      key.owner.size() + key.text.size() + value.size() <= kMaxPairBytesPerPipeline - other_bytes) {
    return {};
  }
  return make_error(ErrorCategory::kPermission, codes::kStateQuota,
                    fmt::format("pipeline '{}' keeps {} values of {} bytes in the state, and the connector wants one "
                                "more of {} bytes; at most {} values of {} bytes are kept for a pipeline. This is a "
                                "bug in the connector, which should keep positions there and replace them",
                                pipeline, others, other_bytes, key.owner.size() + key.text.size() + value.size(),
                                kMaxPairsPerPipeline, kMaxPairBytesPerPipeline));
}

Status no_load_id(const StreamKey& key) {
  return internal_error(codes::kStateBackend, fmt::format("{}: a load needs an id", stream_name(key)));
}

Status no_such_load(const StreamKey& key, std::string_view load_id, std::string_view wanted) {
  return internal_error(codes::kStateBackend,
                        fmt::format("{}: load '{}' is not under way, so the state does not {}. The state was reset, or "
                                    "another run has begun its own load; run the pipeline again",
                                    stream_name(key), load_id, wanted));
}

}  // namespace rapidbyte::state
