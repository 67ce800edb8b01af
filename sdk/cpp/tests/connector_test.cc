#include "rapidbyte/sdk/connector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rapidbyte/testing/fake_host.h"

namespace rapidbyte::sdk {
namespace {

using testing::FakeHost;
using testing::make_context;

/// The minimum that a source needs.
struct SmallSource {
  Status open(const Json& config) {
    ConfigReader reader(config);
    rows = reader.optional_uint("rows", 1, 1, 100);
    return reader.finish();
  }
  Result<Catalog> discover() {
    return Catalog{{{"numbers", {{{"n", DataType::of(TypeId::kInt64), false}}}, {SyncMode::kFullRefresh}, {}, {}}}};
  }
  Result<ReadSummary> read(const StreamContext& ctx) {
    RB_SDK_ASSIGN_OR_RETURN(BatchBuilder builder, BatchBuilder::make(ctx.schema));
    for (uint64_t i = 0; i < rows; ++i) {
      builder.column(0).append(static_cast<int64_t>(i));
      builder.end_row();
    }
    RB_SDK_RETURN_NOT_OK(builder.emit());
    return ReadSummary{.records_read = rows, .batches_emitted = 1};
  }
  uint64_t rows = 0;
};

struct FullDestination {
  Status open(const Json&) { return {}; }
  Result<Validation> validate() { return Validation::failed("no such table"); }
  Result<WriteSummary> write(const StreamContext&) { return WriteSummary{.records_written = 4}; }
  Status close() { return internal_error("CLOSE", "twice"); }
  Status begin_stream(const StreamContext& ctx) { return config_error("BEGIN", ctx.stream_name); }
  Status finish_stream(const StreamContext&, bool succeeded) {
    return succeeded ? Status() : internal_error("DISCARDED", "");
  }
  Result<std::optional<std::string>> last_committed(const StreamContext&) {
    return std::optional<std::string>("{\"end\":true}");
  }
};

struct Referring : FullDestination {
  Result<std::vector<StreamReference>> references(const std::vector<std::string>& streams) {
    if (streams.size() != 3) return config_error("STREAMS", std::to_string(streams.size()));
    return std::vector<StreamReference>{{streams[0], streams[1]}, {streams[0], streams[2]}, {streams[2], streams[1]}};
  }
};

struct Passing {
  Status open(const Json&) { return {}; }
  Result<TransformSummary> transform(const StreamContext&) {
    return TransformSummary{.records_in = 2, .records_out = 1};
  }
};

struct Planning : Passing {
  Result<TransformPlan> plan(const StreamContext& ctx) {
    if (ctx.schema.fields.empty()) return config_error("NO_COLUMNS", ctx.stream_name);
    return TransformPlan{
        .columns = {{{"doubled", DataType::of(TypeId::kInt64), false}}}, .stateless = true, .note = "doubles"};
  }
};

TEST(ConnectorTest, ASourceGoesThroughItsLife) {
  FakeHost host;
  SourceAdapter<SmallSource> source;
  ASSERT_TRUE(source.open(R"({"rows": 3})").ok());
  EXPECT_EQ(source.validate()->kind, Validation::Kind::kSuccess);
  const auto catalog = source.discover();
  ASSERT_TRUE(catalog.ok());
  EXPECT_EQ(
      *catalog,
      R"({"streams":[{"name":"numbers","schema":[{"data_type":"Int64","name":"n","nullable":false}],)"
      R"("source_defined_cursor":null,"source_defined_primary_key":null,"supported_sync_modes":["full_refresh"]}]})");
  const auto summary =
      source.run_read(to_text(make_context("numbers", {{{"n", DataType::of(TypeId::kInt64), false}}})));
  ASSERT_TRUE(summary.ok()) << summary.status().to_string();
  EXPECT_EQ(summary->records_read, 3U);
  EXPECT_EQ(host.sent_batches().size(), 1U);
  EXPECT_EQ(*source.plan_partitions(to_text(make_context("numbers")), 4), "[]");
  EXPECT_TRUE(source.close().ok());
}

TEST(ConnectorTest, CallsBeforeOpenAndAfterCloseAreRefused) {
  SourceAdapter<SmallSource> source;
  EXPECT_EQ(source.discover().error().code, "NOT_OPEN");
  EXPECT_EQ(source.run_read("{}").error().code, "NOT_OPEN");
  EXPECT_TRUE(source.close().ok()) << "close is called whatever happened before";
  ASSERT_TRUE(source.open("{}").ok());
  ASSERT_TRUE(source.close().ok());
  EXPECT_EQ(source.validate().error().code, "NOT_OPEN");
}

TEST(ConnectorTest, BadConfigAndBadContextAreErrorsNotAborts) {
  SourceAdapter<SmallSource> source;
  EXPECT_EQ(source.open("{").error().code, "INVALID_JSON");
  EXPECT_EQ(source.open(R"({"rows": "many"})").error().code, "INVALID_CONFIG");
  ASSERT_TRUE(source.open("{}").ok());
  EXPECT_EQ(source.run_read("[]").error().code, "INVALID_CONTEXT");
}

TEST(ConnectorTest, OptionalMembersAreFoundAndCalled) {
  DestinationAdapter<FullDestination> destination;
  ASSERT_TRUE(destination.open("{}").ok());
  const std::string ctx = to_text(make_context("orders"));
  EXPECT_EQ(destination.validate()->kind, Validation::Kind::kFailed);
  EXPECT_EQ(destination.begin_stream(ctx).error().message, "orders");
  EXPECT_TRUE(destination.finish_stream(ctx, true).ok());
  EXPECT_EQ(destination.finish_stream(ctx, false).error().code, "DISCARDED");
  EXPECT_EQ(**destination.last_committed(ctx), "{\"end\":true}");
  EXPECT_EQ(destination.run_write(ctx)->records_written, 4U);
  EXPECT_EQ(destination.close().error().code, "CLOSE");
  EXPECT_TRUE(destination.close().ok()) << "the struct is gone after the first close";
}

TEST(ConnectorTest, ADestinationIsAskedForReferencesByLastCommitted) {
  DestinationAdapter<Referring> destination;
  ASSERT_TRUE(destination.open("{}").ok());
  EXPECT_EQ(**destination.last_committed(R"({"ask": "references", "streams": ["a", "b", "c"], "stream_name": ""})"),
            R"({"references":{"a":["b","c"],"c":["b"]}})");
  EXPECT_EQ(destination.last_committed(R"({"ask": "references", "streams": []})").error().code, "STREAMS");
  // Everything else is the usual question.
  for (const std::string& other : {to_text(make_context("orders")), std::string(R"({"stream_name": "s", "ask": "x"})"),
                                   std::string(R"({"stream_name": "s", "ask": "references"})")}) {
    EXPECT_EQ(**destination.last_committed(other), "{\"end\":true}") << other;
  }
  EXPECT_FALSE(destination.last_committed("{").ok());
  // One that lacks the member answers as before.
  DestinationAdapter<FullDestination> plain;
  ASSERT_TRUE(plain.open("{}").ok());
  EXPECT_EQ(**plain.last_committed(R"({"ask": "references", "streams": ["a"], "stream_name": ""})"), "{\"end\":true}");
}

TEST(ConnectorTest, ATransformNeedsOnlyTwoMembers) {
  TransformAdapter<Passing> transform;
  ASSERT_TRUE(transform.open("{}").ok());
  EXPECT_EQ(transform.run_transform(to_text(make_context("s")))->records_out, 1U);
  EXPECT_EQ(transform.validate()->message, "ok");
  EXPECT_TRUE(transform.close().ok());
}

TEST(ConnectorTest, ATransformIsAskedForItsPlanByRunTransform) {
  FakeHost host;
  TransformAdapter<Planning> transform;
  ASSERT_TRUE(transform.open("{}").ok());
  Json question = make_context("numbers");
  question["ask"] = "plan";
  // Its own error is the answer.
  EXPECT_EQ(transform.run_transform(to_text(question)).error().code, "NO_COLUMNS");
  EXPECT_TRUE(host.checkpoints().empty());
  question["schema"]["columns"] = Json::array({{{"name", "n"}, {"data_type", "Int64"}}});
  const auto summary = transform.run_transform(to_text(question));
  ASSERT_TRUE(summary.ok()) << summary.status().to_string();
  EXPECT_EQ(summary->records_in, 0U);
  ASSERT_EQ(host.checkpoints().size(), 1U);
  EXPECT_EQ(host.checkpoints()[0].kind, host::CheckpointKind::kTransform);
  const Json plan = host.checkpoints()[0].payload["plan"];
  EXPECT_EQ(plan["columns"][0]["name"], "doubled");
  EXPECT_EQ(plan["stateless"], true);
  EXPECT_EQ(plan["note"], "doubles");
  // Without the question it is a stream like any other, also for a transform that plans.
  EXPECT_EQ(transform.run_transform(to_text(make_context("numbers")))->records_out, 1U);
}

TEST(ConnectorTest, WhatASourceSendsIsWhatADestinationTakes) {
  FakeHost source_host;
  CheckpointPacer pacer([] {
    StreamContext ctx;
    ctx.stream_name = "numbers";
    ctx.limits.checkpoint_interval_rows = 1;
    return ctx;
  }());
  auto builder = BatchBuilder::make({{{"n", DataType::of(TypeId::kInt64), false}}});
  ASSERT_TRUE(builder.ok());
  for (int64_t i = 0; i < 5; ++i) {
    builder->column(0).append(i);
    builder->end_row();
    ASSERT_TRUE(builder->emit().ok());
    pacer.add_batch(1, 8);
    ASSERT_TRUE(pacer.emit_if_due(CursorValue::of_int64(i)).ok());
  }
  FakeHost host;
  host.push_stream_of(source_host);
  uint64_t rows = 0;
  std::vector<int64_t> cursors;
  const auto summary = run_commit_loop(
      [&](std::span<const uint8_t> batch) -> Result<WriteCount> {
        RB_SDK_ASSIGN_OR_RETURN(const uint64_t count, count_rows(batch));
        rows += count;
        return WriteCount{.written = count};
      },
      [&](const std::string& checkpoint) -> Status {
        const auto marker = parse_json(checkpoint);
        const Json* cursor = marker.ok() ? find_member(*marker, "cursor_value") : nullptr;
        if (cursor != nullptr) cursors.push_back(int_member(*cursor, "int64").value_or(-1));
        return {};
      });
  ASSERT_TRUE(summary.ok()) << summary.status().to_string();
  EXPECT_EQ(rows, 5U);
  EXPECT_EQ(cursors, (std::vector<int64_t>{0, 1, 2, 3, 4}))
      << "the end marker repeats the last checkpoint and is taken in its place";
}

}  // namespace
}  // namespace rapidbyte::sdk
