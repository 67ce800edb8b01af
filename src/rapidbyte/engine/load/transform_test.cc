// Transforms between source and destination: their batches, the checkpoints that pass them or wait, and their errors.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;
using runtime::InstanceOptions;

Script doubling_filter(bool keep_odd) {
  Script script;
  script.transform = [keep_odd](const InstanceOptions& o, const json&) -> Result<runtime::TransformSummary> {
    runtime::TransformSummary summary;
    while (true) {
      RB_ASSIGN_OR_RETURN(const auto batch, o.services->next_batch());
      if (!batch) return summary;
      for (const int64_t id : ids_of(batch->bytes())) {
        ++summary.records_in;
        if (!keep_odd && id % 2 != 0) continue;
        ++summary.records_out;
        RB_RETURN_NOT_OK(o.services->emit_batch(id_batch(id, 1).bytes()));
      }
      ++summary.batches_processed;
    }
  };
  return script;
}

TEST(Transforms, WhatTheyCountIsInTheReportAlsoWhenTheyFail) {
  for (const bool fails : {false, true}) {
    EngineHarness h;
    Script script = doubling_filter(true);
    script.transform = [fails, pass = script.transform](const InstanceOptions& o,
                                                        const json& ctx) -> Result<runtime::TransformSummary> {
      auto summary = pass(o, ctx);
      o.services->metric({"failed", runtime::MetricKind::kCounter, 3, {{"rule", "positive"}}});
      o.services->metric({"failed", runtime::MetricKind::kCounter, 4, {{"rule", "positive"}}});
      if (fails) return make_error(ErrorCategory::kData, "CHECK_FAILED", "too many");
      return summary;
    };
    h.runtime.add("check", runtime::ConnectorRole::kTransform, script);
    h.pipeline.transforms.resize(1);
    h.pipeline.transforms[0].use = "check";
    const RunReport report = h.run();
    EXPECT_EQ(report.succeeded(), !fails) << why(report);
    ASSERT_EQ(report.streams[0].counters.size(), 1U);
    const CounterTotal& counter = report.streams[0].counters[0];
    EXPECT_EQ(counter.connector, "check");
    EXPECT_EQ(counter.name, "failed");
    EXPECT_EQ(counter.labels[0].second, "positive");
    EXPECT_EQ(counter.value, 7);
  }
}

TEST(Transforms, SendsBatchesAndMarkersThroughTransforms) {
  EngineHarness h;
  h.runtime.add("filter", runtime::ConnectorRole::kTransform, doubling_filter(false))->own_role().features = {
      "stateless"};
  h.runtime.add("pass", runtime::ConnectorRole::kTransform, doubling_filter(true))->own_role().features = {"stateless"};
  h.pipeline.transforms.resize(2);
  h.pipeline.transforms[0].use = "filter";
  h.pipeline.transforms[1].use = "pass";
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h.database.rows("numbers").size(), 50U);
  EXPECT_EQ(report.streams[0].rows_read, 100U);
  EXPECT_EQ(report.streams[0].rows_written, 50U);
  EXPECT_EQ(report.streams[0].rows_transformed_away, 50);
  EXPECT_GE(report.streams[0].checkpoints, 5U);
  EXPECT_EQ(json::parse(h.stream_state().checkpoint_json.value())["next"], 100);
}

TEST(Transforms, PassesOnWhatTheSourceSaysAboutAColumnAndWhatTheDestinationCanDo) {
  EngineHarness h;
  h.source->script.discover = [](const InstanceOptions&) -> Result<std::string> {
    return std::string(R"({"streams": [{"name": "numbers", "schema": [{"name": "id", "data_type": "Int64",
        "nullable": false, "native_type": "postgresql:int8", "special_values": true, "of_its_own": {"oid": 20}}]}]})");
  };
  h.destination->own_role().features = {"receipts", "special-values", "partitioned"};
  json read_ctx, write_ctx, first_ctx, second_ctx;
  const auto read = h.source->script.read;
  h.source->script.read = [&, read](const InstanceOptions& o, const json& ctx) {
    read_ctx = ctx;
    return read(o, ctx);
  };
  const auto write = h.destination->script.write;
  h.destination->script.write = [&, write](const InstanceOptions& o, const json& ctx) {
    write_ctx = ctx;
    return write(o, ctx);
  };
  const auto watched = [](json& seen) {
    Script script = doubling_filter(true);
    script.transform = [&seen, run = script.transform](const InstanceOptions& o, const json& ctx) {
      seen = ctx;
      return run(o, ctx);
    };
    return script;
  };
  h.runtime.add("first", runtime::ConnectorRole::kTransform, watched(first_ctx))->own_role().features = {
      "special-values"};
  h.runtime.add("second", runtime::ConnectorRole::kTransform, watched(second_ctx))->own_role().features = {
      "special-values", "receipts"};
  h.pipeline.transforms.resize(2);
  h.pipeline.transforms[0].use = "first";
  h.pipeline.transforms[1].use = "second";
  ASSERT_TRUE(h.run().succeeded());
  const json column = json::parse(R"({"name": "id", "data_type": "Int64", "nullable": false,
      "native_type": "postgresql:int8", "special_values": true, "of_its_own": {"oid": 20}})");
  EXPECT_EQ(read_ctx["schema"]["columns"][0], column);
  EXPECT_EQ(write_ctx["schema"]["columns"][0], column);
  // Only what everything behind the one that sends understands.
  EXPECT_EQ(read_ctx["destination_features"], json::parse(R"(["special-values"])"));
  EXPECT_EQ(first_ctx["destination_features"], json::parse(R"(["receipts", "special-values"])"));
  EXPECT_EQ(second_ctx["destination_features"], json::parse(R"(["receipts", "special-values", "partitioned"])"));
  EXPECT_FALSE(write_ctx.contains("destination_features"));

  h.options.mode = RunMode::preview();
  ASSERT_TRUE(h.run().succeeded());
  EXPECT_EQ(read_ctx["destination_features"], json::parse(R"(["special-values"])"));
}

TEST(Transforms, HoldsMarkersBackForATransformThatKeepsRows) {
  EngineHarness h;
  Script buffering;
  buffering.transform = [](const InstanceOptions& o, const json&) -> Result<runtime::TransformSummary> {
    runtime::TransformSummary summary;
    while (true) {
      RB_ASSIGN_OR_RETURN(const auto batch, o.services->next_batch());
      if (!batch) break;
      summary.records_in += ids_of(batch->bytes()).size();
    }
    summary.records_out = summary.records_in;
    RB_RETURN_NOT_OK(o.services->emit_batch(id_batch(0, static_cast<int64_t>(summary.records_in)).bytes()));
    return summary;
  };
  h.runtime.add("sort", runtime::ConnectorRole::kTransform, buffering)->own_role().features = {"stateful"};
  h.pipeline.transforms.resize(1);
  h.pipeline.transforms[0].use = "sort";
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  // Only the marker behind the rows: a crash before it must read everything again.
  EXPECT_EQ(report.streams[0].checkpoints, 1U);
  EXPECT_EQ(h.database.rows("numbers"), count_to(100));
}

TEST(Transforms, ReportsATransformsError) {
  EngineHarness h;
  Script broken;
  broken.transform = [](const InstanceOptions& o, const json&) -> Result<runtime::TransformSummary> {
    RB_ASSIGN_OR_RETURN(const auto batch, o.services->next_batch());
    return make_error(ErrorCategory::kData, "BAD_SQL", "no such column");
  };
  h.runtime.add("sql", runtime::ConnectorRole::kTransform, broken);
  h.pipeline.transforms.resize(1);
  h.pipeline.transforms[0].use = "sql";
  h.pipeline.resources.max_inflight_batches = 1;
  const RunReport report = h.run();
  EXPECT_EQ(report.failure->stage, Stage::kTransform);
  EXPECT_EQ(report.failure->error.code, "BAD_SQL");
}

/// Joins three batches into one, and says nothing of it in its manifest: any 2.0.0 transform may do so.
Script coalescing_transform() {
  Script script;
  script.transform = [](const InstanceOptions& o, const json&) -> Result<runtime::TransformSummary> {
    runtime::TransformSummary summary;
    std::vector<int64_t> held;
    int batches = 0;
    const auto emit = [&]() -> Status {
      if (held.empty()) return {};
      summary.records_out += held.size();
      // The ids are consecutive.
      PooledBuffer joined = id_batch(held.front(), static_cast<int64_t>(held.size()));
      held.clear();
      return o.services->emit_batch(joined.bytes());
    };
    while (true) {
      RB_ASSIGN_OR_RETURN(const auto batch, o.services->next_batch());
      if (!batch) break;
      const auto ids = ids_of(batch->bytes());
      summary.records_in += ids.size();
      held.insert(held.end(), ids.begin(), ids.end());
      if (++batches % 3 == 0) RB_RETURN_NOT_OK(emit());
    }
    RB_RETURN_NOT_OK(emit());
    return summary;
  };
  return script;
}

TEST(Transforms, RowsThatATransformHeldBackAreReadAgain) {
  for (int64_t at = 1; at < 10; ++at) {
    SCOPED_TRACE(at);
    CountingOptions source;
    source.before_batch = once(at, make_error(ErrorCategory::kInternal, "KILLED", "killed"));
    EngineHarness h(source);
    const auto transform = h.runtime.add("join", runtime::ConnectorRole::kTransform, coalescing_transform());
    transform->protocol_ = "2.0.0";
    h.pipeline.transforms.resize(1);
    h.pipeline.transforms[0].use = "join";
    ASSERT_EQ(h.run().failure->error.code, "KILLED");
    const RunReport second = h.run();
    ASSERT_TRUE(second.succeeded()) << why(second);
    EXPECT_EQ(h.database.rows("numbers"), count_to(100));
  }
}

TEST(Transforms, OnlyAStatelessTransformLetsCheckpointsPassBeforeTheEnd) {
  struct Case {
    std::vector<std::string> features;
    bool early;
  };
  for (const Case& c : {Case{{}, false}, Case{{"stateful"}, false}, Case{{"stateless"}, true},
                        Case{{"stateless", "stateful"}, false}}) {
    EngineHarness h;
    Script pass;
    pass.transform = [](const InstanceOptions& o, const json&) -> Result<runtime::TransformSummary> {
      runtime::TransformSummary summary;
      while (true) {
        RB_ASSIGN_OR_RETURN(auto batch, o.services->next_batch());
        if (!batch) return summary;
        const auto ids = ids_of(batch->bytes());
        summary.records_in += ids.size();
        summary.records_out += ids.size();
        RB_RETURN_NOT_OK(o.services->emit_batch(batch->bytes()));
      }
    };
    h.runtime.add("pass", runtime::ConnectorRole::kTransform, pass)->own_role().features = c.features;
    h.pipeline.transforms.resize(1);
    h.pipeline.transforms[0].use = "pass";
    const RunReport report = h.run();
    ASSERT_TRUE(report.succeeded()) << why(report);
    if (c.early) {
      EXPECT_GT(report.streams[0].checkpoints, 1U);
    } else {
      EXPECT_EQ(report.streams[0].checkpoints, 1U) << c.features.size();
    }
  }
}

}  // namespace
}  // namespace rapidbyte::engine
