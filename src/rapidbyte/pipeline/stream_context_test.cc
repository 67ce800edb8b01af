#include "rapidbyte/pipeline/stream_context.h"

#include <gtest/gtest.h>

namespace rapidbyte::pipeline {
namespace {

using nlohmann::json;

TEST(StreamContext, SourceOf200GetsExactlyThePublishedFieldsWithTheirDefaults) {
  StreamConfig stream;
  stream.name = "orders";
  stream.options = {{"path", "orders.csv"}};
  const DestinationConfig destination;
  const Resources resources;
  StreamContextInput input{.stream = stream, .destination = destination, .resources = resources};
  input.columns = json::parse(R"([{"name": "id", "data_type": "Int64", "nullable": false}])");
  input.pipeline = "p";
  input.run_id = "r";
  input.load_id = "l";
  input.destination_features = {"special-values"};
  EXPECT_EQ(make_stream_context(input), json::parse(R"({
    "stream_name": "orders",
    "schema": {"columns": [{"name": "id", "data_type": "Int64", "nullable": false}]},
    "sync_mode": "full_refresh",
    "cursor_info": null,
    "limits": {"max_batch_bytes": 262144, "max_record_bytes": 16777216, "max_inflight_batches": 16, "max_parallel_requests": 1,
               "checkpoint_interval_bytes": 67108864, "checkpoint_interval_rows": 0, "checkpoint_interval_seconds": 0},
    "policies": {"on_data_error": "fail",
                 "schema_evolution": {"new_column": "add", "removed_column": "ignore", "type_change": "fail", "nullability_change": "allow"}},
    "write_mode": null
  })"));
}

TEST(StreamContext, DestinationOf210GetsEverything) {
  StreamConfig stream;
  stream.name = "orders";
  stream.sync_mode = SyncMode::kIncremental;
  stream.cursor_field = "updated_at";
  stream.options = {{"path", "orders.csv"}, {"columns", {{"zip", "Utf8"}}}};
  DestinationConfig destination;
  destination.write_mode = WriteMode::kUpsert;
  destination.primary_key = {"region", "id"};
  destination.on_data_error = OnDataError::kDlq;
  destination.schema_evolution = {NewColumn::kFail, RemovedColumn::kFail, TypeChange::kNull, NullabilityChange::kFail};
  Resources resources;
  resources.max_batch_bytes = 4096;
  resources.max_inflight_batches = 2;
  resources.checkpoint_interval_bytes = 1;
  resources.checkpoint_interval_rows = 3;
  resources.checkpoint_interval_seconds = 5;
  StreamContextInput input{.stream = stream, .destination = destination, .resources = resources};
  input.cursor = CursorInfo{"updated_at", "timestamp_micros", {{"timestamp_micros", 17}}};
  input.for_destination = true;
  input.for_2_1 = true;
  input.pipeline = "sales";
  input.run_id = "run-1";
  input.load_id = "load-1";
  input.partition = {{"from", 1}};
  input.resume = {{"id", "c1"}};
  input.destination_features = {"special-values"};  // it knows its own
  EXPECT_EQ(make_stream_context(input), json::parse(R"({
    "stream_name": "orders",
    "schema": {"columns": []},
    "sync_mode": "incremental",
    "cursor_info": {"cursor_field": "updated_at", "cursor_type": "timestamp_micros", "last_value": {"timestamp_micros": 17}},
    "limits": {"max_batch_bytes": 4096, "max_record_bytes": 16777216, "max_inflight_batches": 2, "max_parallel_requests": 1,
               "checkpoint_interval_bytes": 1, "checkpoint_interval_rows": 3, "checkpoint_interval_seconds": 5},
    "policies": {"on_data_error": "dlq",
                 "schema_evolution": {"new_column": "fail", "removed_column": "fail", "type_change": "null", "nullability_change": "fail"}},
    "write_mode": {"upsert": {"primary_key": ["region", "id"]}},
    "pipeline": "sales", "run_id": "run-1", "load_id": "load-1", "partition": {"from": 1}, "resume": {"id": "c1"},
    "stream_options": {"path": "orders.csv", "columns": {"zip": "Utf8"}}
  })"));
  input.keep_positions = true;
  input.allow_doubled_rows = true;
  input.cursor_load_id = "load-0";
  const json asked = make_stream_context(input);
  EXPECT_EQ(asked["keep_positions"], true);
  EXPECT_EQ(asked["allow_doubled_rows"], true);
  EXPECT_EQ(asked["cursor_load_id"], "load-0");
  input.for_destination = false;
  for (const char* key : {"keep_positions", "allow_doubled_rows", "cursor_load_id"})
    EXPECT_FALSE(make_stream_context(input).contains(key)) << key;
}

TEST(StreamContext, SourceOf210LearnsTheDestinationsFeaturesAndGetsItsColumnsBackWhole) {
  const StreamConfig stream;
  const DestinationConfig destination;
  const Resources resources;
  StreamContextInput input{.stream = stream, .destination = destination, .resources = resources};
  input.for_2_1 = true;
  input.destination_features = {"receipts", "special-values"};
  input.columns = json::parse(R"([{"name": "doc", "data_type": "Utf8", "native_type": "postgresql:jsonb", "x": [1]}])");
  const json context = make_stream_context(input);
  EXPECT_EQ(context.at("destination_features"), json::parse(R"(["receipts", "special-values"])"));
  EXPECT_EQ(context.at("schema").at("columns"), input.columns);
}

TEST(StreamContext, TheStreamsOwnSettingsWinOverTheDestinations) {
  StreamConfig stream;
  stream.write_mode = WriteMode::kUpsert;
  stream.primary_key = {"own"};
  DestinationConfig destination;
  destination.write_mode = WriteMode::kReplace;
  destination.primary_key = {"general"};
  const Resources resources;
  StreamContextInput input{.stream = stream, .destination = destination, .resources = resources};
  input.for_destination = true;
  EXPECT_EQ(make_stream_context(input)["write_mode"], json::parse(R"({"upsert": {"primary_key": ["own"]}})"));
  stream.primary_key.clear();
  EXPECT_EQ(make_stream_context(input)["write_mode"], json::parse(R"({"upsert": {"primary_key": ["general"]}})"));
  stream.write_mode.reset();
  EXPECT_EQ(make_stream_context(input)["write_mode"], "replace");
  destination.write_mode = WriteMode::kAppend;
  EXPECT_EQ(make_stream_context(input)["write_mode"], "append");
}

TEST(StreamContext, AbsentExtrasOf210AreNullAndOptionsAreAnObject) {
  const StreamConfig stream;
  const DestinationConfig destination;
  const Resources resources;
  StreamContextInput input{.stream = stream, .destination = destination, .resources = resources};
  input.for_2_1 = true;
  const json context = make_stream_context(input);
  EXPECT_EQ(context.at("partition"), nullptr);
  EXPECT_EQ(context.at("resume"), nullptr);
  EXPECT_EQ(context.at("stream_options"), json::object());
}

TEST(StreamContext, CursorBeforeTheFirstCheckpointHasNoValue) {
  const StreamConfig stream;
  const DestinationConfig destination;
  const Resources resources;
  StreamContextInput input{.stream = stream, .destination = destination, .resources = resources};
  input.cursor = CursorInfo{"id", "int64", nullptr};
  EXPECT_EQ(make_stream_context(input)["cursor_info"],
            json::parse(R"({"cursor_field": "id", "cursor_type": "int64", "last_value": null})"));
}

TEST(StreamContext, CursorTypesFollowTheColumn) {
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
}  // namespace rapidbyte::pipeline
