#pragma once
// Dates and times from text, for columns whose type changed: ISO 8601 only, in the one form that comes back the same.
// Pure functions; nullopt for anything else.

#include <cstdint>
#include <optional>
#include <string_view>

namespace rapidbyte::dest_postgres {

/// "2024-02-29": days since 1970-01-01.
std::optional<int64_t> parse_date(std::string_view text);
/// "13:05:09", with up to six digits behind a point: microseconds since midnight.
std::optional<int64_t> parse_time(std::string_view text);
/// Date and time with a space or a T between: microseconds since 1970. `with_zone`: "Z", "+02" or "+02:00" must stand
/// behind it; otherwise nothing may.
std::optional<int64_t> parse_timestamp(std::string_view text, bool with_zone);

}  // namespace rapidbyte::dest_postgres
