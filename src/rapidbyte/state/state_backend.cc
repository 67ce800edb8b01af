#include "rapidbyte/state/state_backend.h"

#include <fmt/format.h>

namespace rapidbyte::state {
namespace {

std::string stream_name(const StreamKey& key) {
  return key.partition.empty()
             ? fmt::format("stream '{}' of pipeline '{}'", key.stream, key.pipeline)
             : fmt::format("partition '{}' of stream '{}' of pipeline '{}'", key.partition, key.stream, key.pipeline);
}

}  // namespace

Status check_value_size(std::string_view key, std::string_view value) {
  if (value.size() <= kMaxValueBytes) return {};
  return internal_error("STATE_BACKEND",
                        fmt::format("the value of state key '{}' has {} bytes; the most that the state keeps is {}",
                                    key.substr(0, 200), value.size(), kMaxValueBytes));
}

Status no_load_id(const StreamKey& key) {
  return internal_error("STATE_BACKEND", fmt::format("{}: a load needs an id", stream_name(key)));
}

Status no_such_load(const StreamKey& key, std::string_view load_id, std::string_view wanted) {
  return internal_error(
      "STATE_BACKEND",
      fmt::format("{}: load '{}' is not under way, so the state does not {}. The state was reset, or another run "
                  "has begun a load of its own; run the pipeline again",
                  stream_name(key), load_id, wanted));
}

}  // namespace rapidbyte::state
