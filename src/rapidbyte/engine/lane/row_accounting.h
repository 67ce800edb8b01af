#pragma once
// Row accounting: no run claims success unless every row that was read is written or rejected. Each stage's summary is
// compared with the host's counts in the queues and with the summary of the stage before. Pure functions;
// ROW_COUNT_MISMATCH names the numbers.

#include <cstdint>
#include <string_view>

#include "rapidbyte/base/status.h"
#include "rapidbyte/engine/lane/batch_queue.h"
#include "rapidbyte/runtime/component_runtime.h"

namespace rapidbyte::engine {

/// Rows that the source emitted: read minus skipped, which must equal the count in `out`. A 2.0.0 source may leave
/// skipped rows out of records_read altogether.
Result<uint64_t> check_source_rows(std::string_view stream, const runtime::ReadSummary& summary, const QueueCounts& out,
                                   bool speaks_2_1);
/// Rows that the transform emitted. It must have taken `received` rows; it may drop or add some.
Result<uint64_t> check_transform_rows(std::string_view stream, std::string_view transform,
                                      const runtime::TransformSummary& summary, uint64_t received,
                                      const QueueCounts& out);
/// The destination must have written or rejected each of the `received` rows. In a resumed load it may leave out those
/// that it already has: exactly the `already_there` rows that it had reported as committed after the position, since
/// only then do two independent counts agree that nothing is missing. Returns the number of rows left out: 0 or
/// `already_there`.
Result<uint64_t> check_destination_rows(std::string_view stream, uint64_t written, uint64_t refused, uint64_t received,
                                        uint64_t already_there);

}  // namespace rapidbyte::engine
