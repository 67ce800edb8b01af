#include "rapidbyte/sdk/context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rapidbyte/sdk/data_type.h"

namespace rapidbyte::sdk {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kFull = R"json({
  "stream_name": "orders",
  "schema": {"columns": [{"name": "id", "data_type": "Int64", "nullable": false},
                         {"name": "at", "data_type": "Timestamp(Microsecond, Some(\"UTC\"))"}]},
  "sync_mode": "incremental",
  "cursor_info": {"cursor_field": "id", "cursor_type": "int64", "last_value": {"int64": 41}},
  "limits": {"max_batch_bytes": 4096, "max_record_bytes": 1, "max_inflight_batches": 2, "max_parallel_requests": 3,
             "checkpoint_interval_bytes": 4, "checkpoint_interval_rows": 5, "checkpoint_interval_seconds": 6},
  "policies": {"on_data_error": "dlq", "schema_evolution": {"new_column": "ignore", "removed_column": "fail",
               "type_change": "coerce", "nullability_change": "fail"}},
  "write_mode": {"upsert": {"primary_key": ["id", "at"]}},
  "pipeline": "p", "run_id": "r", "load_id": "l", "partition": {"from": 1}, "resume": {"offset": 9},
  "stream_options": {"path": "x.csv"}, "destination_features": ["receipts", "special-values"], "reference_ring": ["s", "t"],
  "pipeline_streams": ["orders", "s", "t"], "keep_positions": true, "allow_doubled_rows": true,
  "cursor_load_id": "k", "future": true})json";

TEST(StreamContextTest, ReadsEveryPart) {
  const auto ctx = StreamContext::parse(kFull);
  ASSERT_TRUE(ctx.ok()) << ctx.status().to_string();
  EXPECT_EQ(ctx->stream_name, "orders");
  ASSERT_EQ(ctx->schema.size(), 2U);
  EXPECT_FALSE(ctx->schema.fields[0].nullable);
  EXPECT_TRUE(ctx->schema.fields[1].nullable);
  EXPECT_EQ(ctx->schema.fields[1].type, DataType::timestamp(TimeUnit::kMicrosecond, "UTC"));
  EXPECT_EQ(ctx->sync_mode, SyncMode::kIncremental);
  ASSERT_TRUE(ctx->cursor);
  EXPECT_EQ(ctx->cursor->field, "id");
  EXPECT_EQ(ctx->cursor->last_value, CursorValue::of_int64(41));
  EXPECT_EQ(ctx->limits.max_batch_bytes, 4096U);
  EXPECT_EQ(ctx->limits.checkpoint_interval_seconds, 6U);
  EXPECT_EQ(ctx->policies.on_data_error, OnDataError::kDlq);
  EXPECT_EQ(ctx->policies.new_column, NewColumn::kIgnore);
  EXPECT_EQ(ctx->policies.removed_column, RemovedColumn::kFail);
  EXPECT_EQ(ctx->policies.type_change, TypeChange::kCoerce);
  EXPECT_EQ(ctx->policies.nullability_change, NullabilityChange::kFail);
  EXPECT_EQ(ctx->write_mode, WriteMode::kUpsert);
  EXPECT_THAT(ctx->primary_key, ElementsAre("id", "at"));
  EXPECT_EQ(ctx->pipeline + ctx->run_id + ctx->load_id, "prl");
  EXPECT_EQ(int_member(ctx->partition, "from"), 1);
  EXPECT_EQ(int_member(ctx->resume, "offset"), 9);
  EXPECT_EQ(string_member(ctx->stream_options, "path"), "x.csv");
  EXPECT_THAT(ctx->destination_features, ElementsAre("receipts", "special-values"));
  EXPECT_THAT(ctx->reference_ring, ElementsAre("s", "t"));
  EXPECT_THAT(ctx->pipeline_streams, ElementsAre("orders", "s", "t"));
  EXPECT_TRUE(ctx->keep_positions);
  EXPECT_TRUE(ctx->allow_doubled_rows);
  EXPECT_EQ(ctx->cursor_load_id, "k");
  EXPECT_TRUE(ctx->destination_has(kSpecialValues));
  EXPECT_FALSE(ctx->destination_has("special"));
  EXPECT_EQ(bool_member(ctx->raw, "future"), true);
}

TEST(StreamContextTest, WhatIsLeftOutHasTheProtocolsDefaults) {
  const auto ctx = StreamContext::parse(R"({"stream_name": "s", "cursor_info": null, "write_mode": null})");
  ASSERT_TRUE(ctx.ok()) << ctx.status().to_string();
  EXPECT_EQ(ctx->sync_mode, SyncMode::kFullRefresh);
  EXPECT_FALSE(ctx->cursor);
  EXPECT_FALSE(ctx->write_mode);
  EXPECT_EQ(ctx->policies.on_data_error, OnDataError::kFail);
  EXPECT_EQ(ctx->policies.new_column, NewColumn::kAdd);
  EXPECT_TRUE(ctx->resume.is_null());
  EXPECT_TRUE(ctx->stream_options.is_object());
  EXPECT_FALSE(ctx->destination_has(kSpecialValues));
}

TEST(StreamContextTest, ErrorsNameTheKey) {
  const std::pair<const char*, const char*> cases[] = {
      {"{}", "stream_name"},
      {"[]", "must be an object, not a list"},
      {"{", "not valid JSON"},
      {R"({"stream_name": "s", "sync_mode": "sometimes"})", "`sync_mode` has an unknown value: \"sometimes\""},
      {R"({"stream_name": "s", "limits": {"max_batch_bytes": -1}})", "max_batch_bytes"},
      {R"({"stream_name": "s", "limits": {"max_inflight_batches": 4294967296}})", "max_inflight_batches"},
      {R"({"stream_name": "s", "write_mode": "merge"})", "write_mode"},
      {R"({"stream_name": "s", "write_mode": {"upsert": {}}})", "primary_key"},
      {R"({"stream_name": "s", "cursor_info": {}})", "cursor_field"},
      {R"({"stream_name": "s", "cursor_info": {"cursor_field": "c", "last_value": {"int64": "x"}}})", "cursor value"},
      {R"({"stream_name": "s", "schema": {"columns": [{"name": "c", "data_type": "Int65"}]}})", "column `c`: `Int65`"},
      {R"({"stream_name": "s", "stream_options": []})", "stream_options"},
      {R"({"stream_name": "s", "destination_features": "special-values"})", "destination_features"},
      {R"({"stream_name": "s", "destination_features": [1]})", "destination_features"},
      {R"({"stream_name": "s", "reference_ring": {}})", "reference_ring"},
      {R"({"stream_name": "s", "pipeline_streams": "s"})", "pipeline_streams"},
  };
  for (const auto& [text, expected] : cases) {
    const auto ctx = StreamContext::parse(text);
    ASSERT_FALSE(ctx.ok()) << text;
    EXPECT_THAT(ctx.error().message, HasSubstr(expected)) << text;
  }
}

TEST(CursorValueTest, RoundTripsThroughJson) {
  const CursorValue values[] = {CursorValue{},
                                CursorValue::of_int64(INT64_MIN),
                                CursorValue::of_utf8("a\"b"),
                                CursorValue::of_timestamp_millis(-5),
                                CursorValue::of_timestamp_micros(1),
                                CursorValue::of_decimal("12345678901234567890.5", 1),
                                CursorValue::of_json(Json{{"k", {1, nullptr}}})};
  for (const CursorValue& value : values) {
    const auto back = CursorValue::from_json(value.to_json());
    ASSERT_TRUE(back.ok()) << to_text(value.to_json());
    EXPECT_EQ(*back, value);
  }
}

TEST(FieldTest, NativeTypeAndSpecialValuesTravelOnlyWhenTheySaySomething) {
  const Field plain{"id", DataType::of(TypeId::kInt64), false};
  EXPECT_EQ(plain.to_json(), Json::parse(R"({"name": "id", "data_type": "Int64", "nullable": false})"));
  Field price{"price", DataType::decimal128(12, 2)};
  price.native_type = "postgresql:numeric(12,2)";
  price.special_values = true;
  const auto back = Field::from_json(price.to_json());
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->native_type, "postgresql:numeric(12,2)");
  EXPECT_TRUE(back->special_values);
  EXPECT_EQ(back->native_fields, "");
  Field pair{"pair", DataType::of(TypeId::kUtf8)};
  pair.native_fields = "(a integer,b text)";
  EXPECT_EQ(Field::from_json(pair.to_json())->native_fields, "(a integer,b text)");
  const auto bare = Field::from_json(plain.to_json());
  ASSERT_TRUE(bare.ok());
  EXPECT_EQ(bare->native_type, "");
  EXPECT_FALSE(bare->special_values);
}

TEST(FieldTest, ABatchsOwnSchemaEqualsTheContextsThatSaysMore) {
  const Field in_batch{"at", DataType::timestamp(TimeUnit::kMicrosecond)};
  Field in_context = in_batch;
  in_context.native_type = "postgresql:timestamp(3) without time zone";
  in_context.special_values = true;
  EXPECT_EQ(in_batch, in_context);
  in_context.nullable = false;
  EXPECT_FALSE(in_batch == in_context);
}

TEST(DataTypeTest, NamesRoundTrip) {
  const char* const names[] = {"Boolean",
                               "Int8",
                               "Int16",
                               "Int32",
                               "Int64",
                               "UInt8",
                               "UInt16",
                               "UInt32",
                               "UInt64",
                               "Float32",
                               "Float64",
                               "Decimal128(38, 10)",
                               "Decimal128(5, -2)",
                               "Decimal256(76, 0)",
                               "Utf8",
                               "LargeUtf8",
                               "Binary",
                               "LargeBinary",
                               "FixedSizeBinary(16)",
                               "Date32",
                               "Time32(Second)",
                               "Time32(Millisecond)",
                               "Time64(Microsecond)",
                               "Time64(Nanosecond)",
                               "Timestamp(Second, None)",
                               "Timestamp(Millisecond, None)",
                               "Timestamp(Microsecond, Some(\"UTC\"))",
                               "Timestamp(Nanosecond, Some(\"Europe/Berlin\"))",
                               "Interval(MonthDayNano)"};
  for (const char* name : names) {
    const auto type = DataType::parse(name);
    ASSERT_TRUE(type.ok()) << name;
    EXPECT_EQ(type->name(), name);
  }
}

TEST(DataTypeTest, RefusesWhatIsNotAType) {
  const char* const names[] = {"",
                               "int64",
                               "Int64 x",
                               "Decimal128",
                               "Decimal128(39, 0)",
                               "Decimal128(5)",
                               "Decimal128(5, 6)",
                               "Decimal256(77, 0)",
                               "Time32(Microsecond)",
                               "Time64(Second)",
                               "Timestamp(Microsecond)",
                               "Timestamp(Microsecond, UTC)",
                               "Timestamp(Microsecond, Some(\"\"))",
                               "FixedSizeBinary(0)",
                               "List(Int64)",
                               "Interval(DayTime)"};
  for (const char* name : names) {
    const auto type = DataType::parse(name);
    ASSERT_FALSE(type.ok()) << name;
    EXPECT_EQ(type.error().code, "UNKNOWN_TYPE");
  }
}

}  // namespace
}  // namespace rapidbyte::sdk
