#include "rapidbyte/protocol/cursor_value.h"

#include <gtest/gtest.h>

#include <vector>

namespace rapidbyte::protocol {
namespace {

TEST(CursorValue, EveryKindRoundTripsAndKnowsItsName) {
  const std::vector<std::pair<CursorValue, std::string>> values = {
      {CursorValue(), ""},
      {CursorValue::of_int64(INT64_MIN), "int64"},
      {CursorValue::of_utf8("a\"b"), "utf8"},
      {CursorValue::of_timestamp_millis(-5), "timestamp_millis"},
      {CursorValue::of_timestamp_micros(1), "timestamp_micros"},
      {CursorValue::of_decimal("12345678901234567890.5", 1), "decimal"},
      {CursorValue::of_json(Json{{"k", {1, nullptr}}}), "json"}};
  for (const auto& [value, type] : values) {
    const auto back = CursorValue::from_json(value.to_json());
    ASSERT_TRUE(back.ok()) << back.status().to_string();
    EXPECT_EQ(*back, value);
    EXPECT_EQ(CursorValue::carried(value.to_json()), value);
    EXPECT_EQ(value.type(), type);
  }
}

TEST(CursorValue, WhatIsNotUnderstoodIsRefusedByAReaderAndCarriedByTheHostAsItIs) {
  for (const char* text : {R"({"uuid":"1b"})", R"({"int64":"x"})", R"({"int64":1,"more":2})", "7", "[]", "{}",
                           R"({"decimal":{"value":"1","scale":0,"precision":9}})",
                           R"({"decimal":{"value":"1","scale":2147483648}})", R"("now")", "18446744073709551615"}) {
    const Json json = Json::parse(text);
    const CursorValue carried = CursorValue::carried(json);
    EXPECT_EQ(carried.kind, CursorValue::Kind::kOpaque) << text;
    EXPECT_EQ(carried.to_json(), json) << text;
  }
  const auto refused = CursorValue::from_json(Json::parse(R"({"uuid":"1b"})"));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().category, ErrorCategory::kConfig);
  EXPECT_EQ(CursorValue::carried(Json::parse(R"({"uuid":"1b"})")).type(), "uuid");
  EXPECT_EQ(CursorValue::carried(Json::parse("7")).type(), "");
  EXPECT_TRUE(CursorValue::carried("null").is_null());
  EXPECT_TRUE(CursorValue::carried(nullptr).is_null());
}

TEST(CursorValue, CursorTypesFollowTheColumn) {
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      {"Int8", "int64"},
      {"Int64", "int64"},
      {"UInt32", "int64"},
      {"UInt64", "json"},
      {"Utf8", "utf8"},
      {"LargeUtf8", "utf8"},
      {"Date32", "utf8"},
      {"Time64(Microsecond)", "utf8"},
      {"Timestamp(Millisecond, None)", "timestamp_millis"},
      {"Timestamp(Microsecond, Some(\"UTC\"))", "timestamp_micros"},
      {"Timestamp(Nanosecond, None)", "timestamp_micros"},
      {"Decimal128(38, 9)", "decimal"},
      {"Decimal256(76, 9)", "decimal"},
      {"Float64", "json"},
      {"Boolean", "json"},
  };
  for (const auto& [type, cursor] : cases) EXPECT_EQ(cursor_type_of(type), cursor) << type;
}

}  // namespace
}  // namespace rapidbyte::protocol
