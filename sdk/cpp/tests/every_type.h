#pragma once
// A batch with a column of every type, for tests of what carries batches.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

#include "rapidbyte/sdk/arrow.h"

namespace rapidbyte::sdk {

inline Field field(std::string name, std::string_view type, bool nullable = true) {
  auto parsed = DataType::parse(type);
  EXPECT_TRUE(parsed.ok()) << type;
  return {std::move(name), *parsed, nullable};
}

/// A schema with every type, and two rows of it and one of nulls.
inline Schema every_type() {
  return {{field("bool", "Boolean"),
           field("i8", "Int8"),
           field("i16", "Int16"),
           field("i32", "Int32"),
           field("i64", "Int64", false),
           field("u8", "UInt8"),
           field("u16", "UInt16"),
           field("u32", "UInt32"),
           field("u64", "UInt64"),
           field("f32", "Float32"),
           field("f64", "Float64"),
           field("d128", "Decimal128(38, 4)"),
           field("d256", "Decimal256(76, 30)"),
           field("utf8", "Utf8"),
           field("large_utf8", "LargeUtf8"),
           field("binary", "Binary"),
           field("large_binary", "LargeBinary"),
           field("fixed", "FixedSizeBinary(3)"),
           field("date", "Date32"),
           field("time32", "Time32(Millisecond)"),
           field("time64", "Time64(Microsecond)"),
           field("ts", "Timestamp(Microsecond, None)"),
           field("tz", "Timestamp(Nanosecond, Some(\"UTC\"))"),
           field("interval", "Interval(MonthDayNano)")}};
}

inline void append_every_type(BatchBuilder& builder, bool first) {
  size_t i = 0;
  const auto next = [&]() -> ColumnBuilder& { return builder.column(i++); };
  next().append_bool(first);
  next().append<int8_t>(first ? INT8_MIN : INT8_MAX);
  next().append<int16_t>(first ? INT16_MIN : INT16_MAX);
  next().append<int32_t>(first ? INT32_MIN : INT32_MAX);
  next().append<int64_t>(first ? INT64_MIN : INT64_MAX);
  next().append<uint8_t>(UINT8_MAX);
  next().append<uint16_t>(UINT16_MAX);
  next().append<uint32_t>(UINT32_MAX);
  next().append<uint64_t>(UINT64_MAX);
  next().append<float>(first ? -0.0F : std::numeric_limits<float>::infinity());
  next().append<double>(first ? 0.1 : std::nan(""));
  next().append(first ? Decimal128Words{{~uint64_t{0}, ~uint64_t{0}}} : Decimal128Words{{123456789, 0}});
  next().append(first ? Decimal256Words{{0, 0, 0, uint64_t{1} << 63}} : Decimal256Words{{1, 0, 0, 0}});
  next().append_bytes(first ? "" : "h\xC3\xA9llo");
  next().append_bytes("large");
  next().append_bytes(std::string_view("\0\xFF", 2));
  next().append_bytes("");
  next().append_fixed("abc");
  next().append<int32_t>(first ? -1 : 19'723);
  next().append<int32_t>(86'399'999);
  next().append<int64_t>(1);
  next().append<int64_t>(first ? -1 : 1'704'067'200'000'001);
  next().append<int64_t>(first ? -1 : 0);
  next().append(MonthDayNano{-1, 2, first ? INT64_MIN : INT64_MAX});
  EXPECT_EQ(i, builder.column_count());
  builder.end_row();
}

}  // namespace rapidbyte::sdk
