#pragma once
// Dates and times from text, for columns whose type changed: ISO 8601 only, in the one form that is restored unchanged.
// Pure functions; nullopt for anything else.

#include <cstdint>
#include <optional>
#include <string_view>

namespace rapidbyte::dest_postgres {

/// "2024-02-29": days since 1970-01-01.
std::optional<int64_t> parse_date(std::string_view text);
/// "13:05:09", with up to six digits after a point: microseconds since midnight.
std::optional<int64_t> parse_time(std::string_view text);
/// Date and time with a space or a T between them: microseconds since 1970. `with_zone`: must be followed by "Z", "+02"
/// or "+02:00"; otherwise nothing may follow.
std::optional<int64_t> parse_timestamp(std::string_view text, bool with_zone);

}  // namespace rapidbyte::dest_postgres
