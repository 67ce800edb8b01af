#pragma once
// A field of COPY's binary format as the text that PostgreSQL would print, for messages and for rejected records. Not
// for bulk data: see CopyDecoder. Pure; the bytes may be anything.

#include <cstdint>
#include <span>
#include <string>

#include "column_type.h"

namespace rapidbyte::source_postgres {

/// From PostgreSQL's epoch, 2000-01-01, to that of Arrow, 1970-01-01.
inline constexpr int32_t kEpochDays = 10'957;
inline constexpr int64_t kEpochMicros = int64_t{kEpochDays} * 86'400 * 1'000'000;

/// "2024-02-29", "0044-03-15 BC", "infinity"; days since 2000-01-01.
std::string date_text(int32_t days);
/// "23:59:59.999999"; microseconds of the day.
std::string time_text(int64_t micros);
/// "2024-02-29 12:30:00.5", with `zoned` "2024-02-29 12:30:00.5+00"; microseconds since 2000-01-01.
std::string timestamp_text(int64_t micros, bool zoned);

/// The text of a field that is not null. Bytes that do not fit the kind are shown as hex.
std::string value_text(const ColumnPlan& column, std::span<const uint8_t> bytes);

/// `text` for a message: control characters as `?`, cut to a hundred bytes.
std::string shortened(std::string_view text);

}  // namespace rapidbyte::source_postgres
