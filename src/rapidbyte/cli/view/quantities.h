#pragma once
// Numbers as people read them: 1,234,567 rows, 38.1 MB, 3.2 s. Bytes are decimal (1 MB = 1,000,000), as disks and
// networks count. Pure functions, any thread.

#include <cstdint>
#include <string>

namespace rapidbyte::cli {

/// "1,234,567".
[[nodiscard]] std::string format_count(uint64_t count);
/// `count` with its noun: "1 row", "2 rows".
[[nodiscard]] std::string format_rows(uint64_t count);
/// "912 B", "38.1 MB".
[[nodiscard]] std::string format_bytes(uint64_t bytes);
/// "0.04 s", "3.2 s", "2 min 05 s", "1 h 02 min".
[[nodiscard]] std::string format_duration(double seconds);
/// Elapsed time of a clock that runs: "0:03", "1:02:03".
[[nodiscard]] std::string format_clock(double seconds);
/// `amount` per second, rounded; 0 when no time has passed.
[[nodiscard]] uint64_t per_second(uint64_t amount, double seconds);

}  // namespace rapidbyte::cli
