#pragma once
// Texts of values as PostgreSQL reads them, for COPY in text format and for columns whose type changed. Each function
// writes at `out`, which must have kMaxValueText bytes, and returns the end of what it wrote. No locale, no allocation.

#include <cstddef>
#include <cstdint>

namespace rapidbyte::dest_postgres {

/// The longest text of the functions below: a decimal of 78 digits followed by 76 zeros.
inline constexpr int kMaxValueText = 192;

/// "2024-02-29"; "0044-03-15 BC" before the year 1.
char* write_date(char* out, int64_t days_since_1970);
/// "13:05:09.00025": microseconds since midnight, without trailing zeros in the fraction.
char* write_time(char* out, int64_t microseconds);
/// "2024-02-29 13:05:09.00025", followed by "+00" if `utc`, and " BC" at the end before the year 1.
char* write_timestamp(char* out, int64_t microseconds_since_1970, bool utc);
/// "14 mons -3 days 1000000 us".
char* write_interval(char* out, int32_t months, int32_t days, int64_t microseconds);
/// The shortest text that reads back as the same number; NaN, Infinity, -Infinity.
char* write_float(char* out, float value);
char* write_double(char* out, double value);

/// "-12.340": exactly `scale` digits after the point; a negative scale appends zeros. `count` (2 or 4) little-endian
/// words of two's complement.
char* write_decimal(char* out, const uint64_t* words, size_t count, int32_t scale);

}  // namespace rapidbyte::dest_postgres
