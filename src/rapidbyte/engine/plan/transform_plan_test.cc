// What transforms say of a stream before its first row, and who is told of it.

#include "rapidbyte/engine/plan/transform_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;
using runtime::InstanceOptions;
using ::testing::HasSubstr;

// Passes batches on and, when it is asked for a plan, gives `answer` (null: none).
Script planning(json answer, std::vector<json>* asked = nullptr, json* ran = nullptr) {
  Script script;
  script.transform = [answer, asked, ran](const InstanceOptions& o,
                                          const json& ctx) -> Result<runtime::TransformSummary> {
    if (ctx.value("ask", "") == "plan") {
      if (asked != nullptr) asked->push_back(ctx);
      if (!answer.is_null())
        RB_RETURN_NOT_OK(o.services->checkpoint(runtime::CheckpointKind::kTransform, protocol::Checkpoint(answer)));
      return runtime::TransformSummary{};
    }
    if (ran != nullptr) *ran = ctx;
    runtime::TransformSummary summary;
    while (true) {
      RB_ASSIGN_OR_RETURN(const auto batch, o.services->next_batch());
      if (!batch) return summary;
      const size_t rows = ids_of(batch->bytes()).size();
      summary.records_in += rows;
      summary.records_out += rows;
      RB_RETURN_NOT_OK(o.services->emit_batch(batch->bytes()));
    }
  };
  return script;
}

json plan_of(const char* column, bool stateless) {
  return {{"plan",
           {{"columns", {{{"name", column}, {"data_type", "Int64"}, {"nullable", false}}}},
            {"stateless", stateless},
            {"note", "said"}}}};
}

std::shared_ptr<FakeConnector> add_transform(EngineHarness& h, const std::string& name, Script script) {
  auto transform = h.runtime.add(name, runtime::ConnectorRole::kTransform, std::move(script));
  transform->own_role().features = {"plan"};
  h.pipeline.transforms.emplace_back();
  h.pipeline.transforms.back().use = name;
  return transform;
}

TEST(TransformPlans, EachIsToldWhatTheOneBeforeMakesAndTheDestinationWhatComesOut) {
  EngineHarness h;
  std::vector<json> first_asked, second_asked;
  json second_ran, written;
  add_transform(h, "first", planning(plan_of("doubled", true), &first_asked));
  add_transform(h, "second", planning(plan_of("tripled", true), &second_asked, &second_ran));
  h.destination->script.write = [&written, write = h.destination->script.write](const InstanceOptions& o,
                                                                                const json& ctx) {
    written = ctx;
    return write(o, ctx);
  };
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  ASSERT_EQ(first_asked.size(), 1U);
  EXPECT_EQ(first_asked[0]["stream_name"], "numbers");
  EXPECT_EQ(first_asked[0]["limits"]["max_memory_bytes"], h.pipeline.resources.max_memory);
  ASSERT_EQ(second_asked.size(), 1U);
  EXPECT_EQ(second_asked[0]["schema"]["columns"][0]["name"], "doubled");
  EXPECT_EQ(second_ran["schema"]["columns"][0]["name"], "doubled");
  EXPECT_EQ(written["schema"]["columns"][0]["name"], "tripled");
}

TEST(TransformPlans, CheckpointsPassOnlyWhatSaysThatItKeepsNothingBack) {
  for (const bool stateless : {true, false}) {
    EngineHarness h;
    add_transform(h, "sql", planning(plan_of("id", stateless)));
    const RunReport report = h.run();
    ASSERT_TRUE(report.succeeded()) << why(report);
    if (stateless) {
      EXPECT_GE(report.streams[0].checkpoints, 5U);
    } else {
      EXPECT_EQ(report.streams[0].checkpoints, 1U);
    }
  }
}

TEST(TransformPlans, OneInstanceAnswersForAllStreams) {
  EngineHarness h;
  h.source->script.discover = [](const InstanceOptions&) -> Result<std::string> {
    return std::string(
        R"({"streams": [{"name": "a", "schema": []}, {"name": "b", "schema": []}, {"name": "c", "schema": []}]})");
  };
  h.pipeline.source.streams.clear();
  std::vector<json> asked;
  const auto transform = add_transform(h, "sql", planning(plan_of("id", true), &asked));
  ASSERT_TRUE(h.run().succeeded());
  ASSERT_EQ(asked.size(), 3U);
  for (const json& question : asked) EXPECT_EQ(question["streams"], json({"a", "b", "c"}));
  EXPECT_EQ(transform->instances, 4);  // the one that was asked, and one for each stream
  EXPECT_EQ(transform->closed, 4);
}

TEST(TransformPlans, ARunOfSomeStreamsNamesAllOfThePipeline) {
  EngineHarness h;
  h.source->script.discover = [](const InstanceOptions&) -> Result<std::string> {
    return std::string(R"({"streams": [{"name": "a", "schema": []}, {"name": "b", "schema": []}]})");
  };
  h.pipeline.source.streams.clear();
  std::vector<json> asked;
  add_transform(h, "sql", planning(plan_of("id", true), &asked));
  h.options.streams = {"b"};
  ASSERT_TRUE(h.run().succeeded());
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0]["stream_name"], "b");
  EXPECT_EQ(asked[0]["streams"], json({"a", "b"}));
}

TEST(TransformPlans, AnAnswerThatCannotBeIsTheTransformsFailureBeforeAnythingIsWritten) {
  const std::pair<json, const char*> cases[] = {
      {nullptr, "is missing"},
      {json{{"plan", 3}}, "no object under \"plan\""},
      {json{{"plan", json::object()}}, "no list \"columns\""},
      {json{{"plan", {{"columns", {{{"name", "id"}}}}}}}, "without a name or a data_type"},
      {json{{"plan", {{"columns", {{{"name", std::string("a\0b", 3)}, {"data_type", "Int64"}}}}}}}, "NUL"},
  };
  for (const auto& [answer, says] : cases) {
    EngineHarness h;
    add_transform(h, "sql", planning(answer));
    const RunReport report = h.run();
    ASSERT_FALSE(report.succeeded());
    ASSERT_TRUE(report.failure);
    EXPECT_EQ(report.failure->stage, Stage::kTransform);
    EXPECT_EQ(report.failure->error.code, "TRANSFORM_PLAN_INVALID");
    EXPECT_THAT(report.failure->error.message, HasSubstr(says));
    EXPECT_THAT(report.failure->error.message, HasSubstr("numbers"));
    EXPECT_TRUE(h.database.rows("numbers").empty());
  }
}

TEST(TransformPlans, ItsOwnErrorEndsTheRun) {
  EngineHarness h;
  Script script;
  script.transform = [](const InstanceOptions&, const json&) -> Result<runtime::TransformSummary> {
    return make_error(ErrorCategory::kConfig, "SQL_INVALID", "line 1, column 8: no such column");
  };
  add_transform(h, "sql", std::move(script));
  const RunReport report = h.run();
  ASSERT_TRUE(report.failure);
  EXPECT_EQ(report.failure->error.code, "SQL_INVALID");
  EXPECT_EQ(report.failure->stage, Stage::kTransform);
  EXPECT_TRUE(h.database.rows("numbers").empty());
}

TEST(TransformPlans, WhoeverDoesNotPlanIsNotAsked) {
  EngineHarness h;
  std::vector<json> asked;
  add_transform(h, "pass", planning(plan_of("other", true), &asked))->own_role().features = {"stateless"};
  json written;
  h.destination->script.write = [&written, write = h.destination->script.write](const InstanceOptions& o,
                                                                                const json& ctx) {
    written = ctx;
    return write(o, ctx);
  };
  ASSERT_TRUE(h.run().succeeded());
  EXPECT_TRUE(asked.empty());
  EXPECT_EQ(written["schema"]["columns"][0]["name"], "id");
}

}  // namespace
}  // namespace rapidbyte::engine
