#include "rapidbyte/protocol/stream_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <utility>
#include <vector>

#include "rapidbyte/protocol/untrusted_json.h"

namespace rapidbyte::protocol {
namespace {

using ::testing::HasSubstr;

/// Out as the host writes it, in as a guest reads it.
Result<StreamContext> there_and_back(const StreamContext& context, ContextVersion version = ContextVersion::k2_1) {
  RB_ASSIGN_OR_RETURN(const Json document, parse_untrusted(json_text(context_json(context, version)), kContextLimits));
  return read_context(document);
}

TEST(StreamContext, ASourceOf200GetsExactlyThePublishedFieldsWithTheirDefaults) {
  StreamContext context;
  context.stream_name = "orders";
  context.columns = Json::parse(R"([{"name": "id", "data_type": "Int64", "nullable": false}])");
  context.pipeline = "p";
  context.run_id = "r";
  context.load_id = "l";
  context.stream_options = {{"path", "orders.csv"}};
  context.destination_features = {"special-values"};
  context.reference_ring = {"a"};
  context.pipeline_streams = {"a"};
  context.cursor_load_id = "l0";
  context.keep_positions = true;
  context.allow_doubled_rows = true;
  context.without_rows = true;
  EXPECT_EQ(context_json(context, ContextVersion::k2_0), Json::parse(R"({
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

TEST(StreamContext, ADestinationOf210GetsEverything) {
  StreamContext context;
  context.stream_name = "orders";
  context.sync_mode = SyncMode::kIncremental;
  context.cursor = CursorInfo{"updated_at", "timestamp_micros", CursorValue::of_timestamp_micros(17)};
  context.limits = {4096, 16777216, 2, 1, 1, 3, 5, 99};
  context.policies.on_data_error = OnDataError::kDlq;
  static_cast<SchemaEvolution&>(context.policies) = {NewColumn::kFail, RemovedColumn::kFail, TypeChange::kNull,
                                                     NullabilityChange::kFail};
  context.write_mode = WriteMode::kUpsert;
  context.primary_key = {"region", "id"};
  context.pipeline = "sales";
  context.run_id = "run-1";
  context.load_id = "load-1";
  context.partition = {{"from", 1}};
  context.resume = {{"id", "c1"}};
  context.stream_options = {{"path", "orders.csv"}, {"columns", {{"zip", "Utf8"}}}};
  const Json plain = Json::parse(R"({
    "stream_name": "orders",
    "schema": {"columns": []},
    "sync_mode": "incremental",
    "cursor_info": {"cursor_field": "updated_at", "cursor_type": "timestamp_micros", "last_value": {"timestamp_micros": 17}},
    "limits": {"max_batch_bytes": 4096, "max_record_bytes": 16777216, "max_inflight_batches": 2, "max_parallel_requests": 1,
               "checkpoint_interval_bytes": 1, "checkpoint_interval_rows": 3, "checkpoint_interval_seconds": 5, "max_memory_bytes": 99},
    "policies": {"on_data_error": "dlq",
                 "schema_evolution": {"new_column": "fail", "removed_column": "fail", "type_change": "null", "nullability_change": "fail"}},
    "write_mode": {"upsert": {"primary_key": ["region", "id"]}},
    "pipeline": "sales", "run_id": "run-1", "load_id": "load-1", "partition": {"from": 1}, "resume": {"id": "c1"},
    "stream_options": {"path": "orders.csv", "columns": {"zip": "Utf8"}}
  })");
  EXPECT_EQ(context_json(context, ContextVersion::k2_1), plain) << "what is empty is left out";
  context.reference_ring = {"orders", "lines"};
  context.pipeline_streams = {"orders", "lines", "zips"};
  context.cursor_load_id = "load-0";
  context.keep_positions = true;
  context.allow_doubled_rows = true;
  context.without_rows = true;
  Json more = plain;
  more.update(Json::parse(R"({"reference_ring": ["orders", "lines"], "pipeline_streams": ["orders", "lines", "zips"],
                              "cursor_load_id": "load-0", "keep_positions": true, "allow_doubled_rows": true,
                              "without_rows": true})"));
  EXPECT_EQ(context_json(context, ContextVersion::k2_1), more);
}

TEST(StreamContext, ASourceOf210IsToldTheDestinationsFeaturesEvenWhenThereAreNone) {
  StreamContext context;
  EXPECT_EQ(context_json(context, ContextVersion::k2_1).at("destination_features"), Json::array());
  EXPECT_EQ(context_json(context, ContextVersion::k2_1).at("partition"), nullptr);
  EXPECT_EQ(context_json(context, ContextVersion::k2_1).at("resume"), nullptr);
  EXPECT_EQ(context_json(context, ContextVersion::k2_1).at("stream_options"), Json::object());
  context.write_mode = WriteMode::kAppend;
  EXPECT_FALSE(context_json(context, ContextVersion::k2_1).contains("destination_features")) << "it knows its own";
}

TEST(StreamContext, ACursorBeforeTheFirstCheckpointHasNoValue) {
  StreamContext context;
  context.cursor = CursorInfo{"id", "int64", {}};
  EXPECT_EQ(context_json(context, ContextVersion::k2_0).at("cursor_info"),
            Json::parse(R"({"cursor_field": "id", "cursor_type": "int64", "last_value": null})"));
}

/// Contexts with whatever a context may hold; the same ones in every run.
class AnyContext {
 public:
  explicit AnyContext(uint32_t seed) : random_(seed) {}

  StreamContext make() {
    StreamContext out;
    out.stream_name = text();
    out.columns = Json::array();
    for (uint32_t i = below(4); i > 0; --i) out.columns.push_back({{"name", text()}, {"x", any_json(2)}});
    out.sync_mode = static_cast<SyncMode>(below(3));
    if (flip()) out.cursor = CursorInfo{text(), text(), cursor_value()};
    out.limits = {number(), number(), word(), word(), number(), number(), number(), number()};
    static_cast<SchemaEvolution&>(out.policies) = {
        static_cast<NewColumn>(below(3)), static_cast<RemovedColumn>(below(2)), static_cast<TypeChange>(below(3)),
        static_cast<NullabilityChange>(below(2))};
    out.policies.on_data_error = static_cast<OnDataError>(below(3));
    if (flip()) out.write_mode = static_cast<WriteMode>(below(3));
    if (out.write_mode == WriteMode::kUpsert) out.primary_key = names();
    out.pipeline = text();
    out.run_id = text();
    out.load_id = text();
    out.partition = any_json(3);
    out.resume = any_json(3);
    if (flip()) out.stream_options[text()] = any_json(3);
    out.destination_features = names();
    out.reference_ring = names();
    out.pipeline_streams = names();
    out.cursor_load_id = text();
    out.keep_positions = flip();
    out.allow_doubled_rows = flip();
    out.without_rows = flip();
    return out;
  }

 private:
  uint32_t word() { return static_cast<uint32_t>(random_()); }
  uint32_t below(uint32_t count) { return word() % count; }
  bool flip() { return below(2) == 1; }
  uint64_t number() { return (uint64_t{word()} << 32U | word()) >> below(64); }

  std::string text() {
    const std::vector<std::string> pieces = {"",   "a",    "\"", "\\", std::string(1, '\0'), "\n", "ä",
                                             "😀", "null", "/",  "{"};
    std::string out;
    for (uint32_t i = below(4); i > 0; --i) out += pieces[below(static_cast<uint32_t>(pieces.size()))];
    return out;
  }

  std::vector<std::string> names() {
    std::vector<std::string> out;
    for (uint32_t i = below(3); i > 0; --i) out.push_back(text());
    return out;
  }

  CursorValue cursor_value() {
    const auto integer = static_cast<int64_t>(number());
    switch (below(7)) {
      case 0: return CursorValue::of_int64(integer);
      case 1: return CursorValue::of_utf8(text());
      case 2: return CursorValue::of_timestamp_millis(integer);
      case 3: return CursorValue::of_timestamp_micros(-integer);
      case 4: return CursorValue::of_decimal(text(), static_cast<int32_t>(word()));
      case 5: return CursorValue::of_json(any_json(2));
      default: return {};
    }
  }

  Json any_json(int depth) {
    switch (below(depth > 0 ? 7 : 5)) {
      case 0: return nullptr;
      case 1: return flip();
      case 2: return number();
      case 3: return -static_cast<int64_t>(number() >> 1U);
      case 4: return text();
      case 5: {
        Json out = Json::array();
        for (uint32_t i = below(3); i > 0; --i) out.push_back(any_json(depth - 1));
        return out;
      }
      default: {
        Json out = Json::object();
        for (uint32_t i = below(3); i > 0; --i) out[text()] = any_json(depth - 1);
        return out;
      }
    }
  }

  std::mt19937 random_;
};

TEST(StreamContext, WhatIsWrittenIsReadBackFieldByField) {
  for (uint32_t seed = 0; seed < 2'000; ++seed) {
    const StreamContext context = AnyContext(seed).make();
    const auto back = there_and_back(context);
    ASSERT_TRUE(back.ok()) << back.status().to_string();
    ASSERT_EQ(*back, context) << "seed " << seed << ": " << json_text(context_json(context, ContextVersion::k2_1));
  }
}

TEST(StreamContext, NoFieldIsForgottenByThePropertyAbove) {
  // Does not compile when a field comes or goes: then AnyContext, the writer and the reader have to follow.
  const auto& [stream_name, columns, sync_mode, cursor, limits, policies, write_mode, primary_key, pipeline, run_id,
               load_id, partition, resume, stream_options, destination_features, reference_ring, pipeline_streams,
               cursor_load_id, keep_positions, allow_doubled_rows, without_rows] = StreamContext();
  // Over some seeds each field has another value than the one that it has when nothing is said.
  std::vector<bool> differs(21);
  for (uint32_t seed = 0; seed < 50; ++seed) {
    const StreamContext c = AnyContext(seed).make();
    const std::vector<bool> now = {c.stream_name != stream_name,
                                   c.columns != columns,
                                   c.sync_mode != sync_mode,
                                   c.cursor != cursor,
                                   c.limits != limits,
                                   c.policies != policies,
                                   c.write_mode != write_mode,
                                   c.primary_key != primary_key,
                                   c.pipeline != pipeline,
                                   c.run_id != run_id,
                                   c.load_id != load_id,
                                   c.partition != partition,
                                   c.resume != resume,
                                   c.stream_options != stream_options,
                                   c.destination_features != destination_features,
                                   c.reference_ring != reference_ring,
                                   c.pipeline_streams != pipeline_streams,
                                   c.cursor_load_id != cursor_load_id,
                                   c.keep_positions != keep_positions,
                                   c.allow_doubled_rows != allow_doubled_rows,
                                   c.without_rows != without_rows};
    for (size_t i = 0; i < now.size(); ++i) differs[i] = differs[i] || now[i];
  }
  EXPECT_THAT(differs, ::testing::Each(true));
}

TEST(StreamContext, AContextOf200ReadsWithTheDefaultsOfWhatItDoesNotHave) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    StreamContext context = AnyContext(seed).make();
    const auto back = there_and_back(context, ContextVersion::k2_0);
    ASSERT_TRUE(back.ok()) << back.status().to_string();
    StreamContext published;
    published.stream_name = context.stream_name;
    published.columns = context.columns;
    published.sync_mode = context.sync_mode;
    published.cursor = context.cursor;
    published.limits = context.limits;
    published.limits.max_memory_bytes = Limits().max_memory_bytes;
    published.policies = context.policies;
    published.write_mode = context.write_mode;
    published.primary_key = context.primary_key;
    ASSERT_EQ(*back, published) << "seed " << seed;
  }
}

TEST(StreamContext, ErrorsNameTheKey) {
  const std::pair<const char*, const char*> cases[] = {
      {"{}", "`stream_name` is missing"},
      {"[]", "must be an object, not a list"},
      {R"({"stream_name": 1})", "`stream_name` is missing"},
      {R"({"stream_name": "s", "sync_mode": "sometimes"})", "`sync_mode` has an unknown value: \"sometimes\""},
      {R"({"stream_name": "s", "sync_mode": 1})", "`sync_mode` has an unknown value: 1"},
      {R"({"stream_name": "s", "limits": {"max_batch_bytes": -1}})", "`max_batch_bytes` is not a fitting integer: -1"},
      {R"({"stream_name": "s", "limits": {"max_inflight_batches": 4294967296}})", "max_inflight_batches"},
      {R"({"stream_name": "s", "write_mode": "merge"})", "`write_mode` has an unknown value: \"merge\""},
      {R"({"stream_name": "s", "write_mode": "upsert"})", "`write_mode` must be {\"upsert\": ...} with its key"},
      {R"({"stream_name": "s", "write_mode": {"upsert": {}}})", "`write_mode.upsert.primary_key` must be a list"},
      {R"({"stream_name": "s", "write_mode": {"upsert": {"primary_key": [1]}}})", "must be a list of columns"},
      {R"({"stream_name": "s", "cursor_info": {}})", "`cursor_info.cursor_field` is missing"},
      {R"({"stream_name": "s", "stream_options": []})", "`stream_options` must be an object"},
      {R"({"stream_name": "s", "destination_features": "special-values"})", "`destination_features` must be a list"},
      {R"({"stream_name": "s", "destination_features": [1]})", "`destination_features` must be a list of names"},
      {R"({"stream_name": "s", "reference_ring": {}})", "`reference_ring` must be a list of names"},
      {R"({"stream_name": "s", "pipeline_streams": "s"})", "`pipeline_streams` must be a list of names"},
  };
  for (const auto& [text, expected] : cases) {
    const auto context = read_context(Json::parse(text));
    ASSERT_FALSE(context.ok()) << text;
    EXPECT_EQ(context.error().code, "INVALID_CONTEXT") << text;
    EXPECT_EQ(context.error().category, ErrorCategory::kConfig) << text;
    EXPECT_THAT(context.error().message, HasSubstr(expected)) << text;
  }
  const auto cursor = read_context(
      Json::parse(R"({"stream_name": "s", "cursor_info": {"cursor_field": "c", "last_value": {"int64": "x"}}})"));
  ASSERT_FALSE(cursor.ok());
  EXPECT_EQ(cursor.error().code, "INVALID_CURSOR");
}

}  // namespace
}  // namespace rapidbyte::protocol
