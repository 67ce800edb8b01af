#pragma once
// PairStore: the key-value pairs of one pipeline, as its connectors reach them through the host. Thread safe. A lease
// is one (lease.h); a dry run has one that discards what is written.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rapidbyte/base/status.h"

namespace rapidbyte::state {

/// Largest value or checkpoint, in bytes. Cursors have a few hundred; 16 MiB is ample, and keeps a guest from filling
/// the disk with one call.
inline constexpr size_t kMaxValueBytes = size_t{16} << 20U;
/// Limits for all key-value pairs of one pipeline, keys included, so that a component cannot fill a file shared with
/// others. 64 MiB and 10,000 pairs: state is for positions; the largest known use has a dozen.
inline constexpr uint64_t kMaxPairsPerPipeline = 10'000;
inline constexpr uint64_t kMaxPairBytesPerPipeline = uint64_t{64} << 20U;

/// The owner of a key-value pair. Each scope, and each owner in it, has its own keys; the numbers are the protocol's.
enum class PairScope : uint8_t {
  kPipeline = 0,   // all connectors and streams of the pipeline; without an owner
  kStream = 1,     // the owner is the stream's name
  kConnector = 2,  // the owner is the connector instance ("source", "destination", "transform-0")
};

/// Names one pair of a pipeline. A text alone is a key of the pipeline's scope. Views: they must outlive the call.
struct PairKey {
  template <std::convertible_to<std::string_view> Text>
  PairKey(const Text& key) : text(key) {}  // NOLINT(google-explicit-constructor): a text is a key of the pipeline
  PairKey(PairScope of, std::string_view owned_by, std::string_view key) : scope(of), owner(owned_by), text(key) {}

  PairScope scope = PairScope::kPipeline;
  std::string_view owner;
  std::string_view text;
};

class PairStore {
 public:
  virtual ~PairStore() = default;

  virtual Result<std::optional<std::string>> get(const PairKey& key) = 0;
  virtual Status put(const PairKey& key, std::string_view value) = 0;
  /// Sets `value` only if the current value equals `expected` (nullopt: only if absent). False when it does not.
  virtual Result<bool> compare_and_set(const PairKey& key, const std::optional<std::string>& expected,
                                       std::string_view value) = 0;
};

}  // namespace rapidbyte::state
