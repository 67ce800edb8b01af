#pragma once
// Partitions: the answer of plan-partitions, a list of JSON values that mean something to the source alone. Each goes
// into the stream context of the instances that move it. Pure functions, any thread.

#include <cstddef>
#include <string_view>
#include <vector>

#include "rapidbyte/protocol/json.h"
#include "rapidbyte/protocol/status.h"

namespace rapidbyte::protocol {

/// Most partitions of one stream. 1024: each costs two instances and a connection or two, and a source that cuts a
/// table finer gains nothing.
inline constexpr size_t kMaxPartitions = 1024;
/// Most bytes of one partition's JSON. It says where a piece begins and ends, or names some files, and goes into the
/// context of two instances.
inline constexpr size_t kMaxPartitionBytes = size_t{256} << 10U;

/// Reads the answer; empty when the source does not split the stream. PARTITIONS_INVALID (schema), whose message is the
/// end of a sentence: "plan-partitions ...".
[[nodiscard]] Result<std::vector<Json>> parse_partitions(std::string_view text);

}  // namespace rapidbyte::protocol
