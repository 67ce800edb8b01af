#pragma once
// What connectors' run functions return on success. Plain values.

#include <cstdint>

namespace rapidbyte::protocol {

struct ReadSummary {
  uint64_t records_read = 0, bytes_read = 0, batches_emitted = 0, checkpoint_count = 0, records_skipped = 0;
};
struct WriteSummary {
  uint64_t records_written = 0, bytes_written = 0, batches_written = 0, checkpoint_count = 0, records_failed = 0;
};
struct TransformSummary {
  uint64_t records_in = 0, records_out = 0, bytes_in = 0, bytes_out = 0, batches_processed = 0;
};

}  // namespace rapidbyte::protocol
