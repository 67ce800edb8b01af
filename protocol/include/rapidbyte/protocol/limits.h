#pragma once
// Limits for a connector: the `limits` of the stream context, with defaults for when the host, or the pipeline file,
// sets none. Plain values.

#include <cstdint>

namespace rapidbyte::protocol {

struct Limits {
  /// 256 KiB: a batch and its decoded form stay in a core's cache (docs/adr/0010).
  uint64_t max_batch_bytes = uint64_t{256} << 10U;
  uint64_t max_record_bytes = uint64_t{16} << 20U;
  uint32_t max_inflight_batches = 16;
  /// Maximum number of concurrent requests of a connector; ours read one stream with one instance.
  uint32_t max_parallel_requests = 1;
  uint64_t checkpoint_interval_bytes = uint64_t{64} << 20U;
  uint64_t checkpoint_interval_rows = 0;     // 0: no limit by rows
  uint64_t checkpoint_interval_seconds = 0;  // 0: no limit by time
  /// 2.1.0. Memory that the instance may have in all; what would go beyond it fails in the guest.
  uint64_t max_memory_bytes = uint64_t{256} << 20U;

  bool operator==(const Limits&) const = default;
};

}  // namespace rapidbyte::protocol
