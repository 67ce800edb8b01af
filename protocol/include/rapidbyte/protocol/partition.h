#pragma once
// Partitions: the answer of plan-partitions, a list of JSON values that only the source understands. Each goes into the
// stream context of the instances that move it. Pure functions, any thread.

#include <cstddef>
#include <string_view>
#include <vector>

#include "rapidbyte/protocol/json.h"
#include "rapidbyte/protocol/status.h"

namespace rapidbyte::protocol {

/// Maximum number of partitions of a stream. 1024: each costs two instances and a connection or two, and splitting a
/// table further gains nothing.
inline constexpr size_t kMaxPartitions = 1024;
/// Maximum size of a partition's JSON, in bytes. It says where a partition begins and ends, or names some files, and
/// goes into the context of two instances.
inline constexpr size_t kMaxPartitionBytes = size_t{256} << 10U;

/// Reads the answer; empty when the source does not split the stream. PARTITIONS_INVALID (schema), whose message is the
/// end of a sentence: "plan-partitions ...".
[[nodiscard]] Result<std::vector<Json>> parse_partitions(std::string_view text);

}  // namespace rapidbyte::protocol
