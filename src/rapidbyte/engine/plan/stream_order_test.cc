#include "rapidbyte/engine/plan/stream_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;
using namespace std::chrono_literals;
using runtime::InstanceOptions;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

using Streams = std::vector<size_t>;

// The order in which one worker gets them.
Streams sequence(const StreamOrder& order) {
  StreamSchedule schedule(order);
  Streams out;
  while (const auto stream = schedule.next()) {
    out.push_back(*stream);
    schedule.ended(*stream);
  }
  return out;
}

TEST(OrderStreams, PutsWhatIsReferredToFirstAndKeepsTheOrderOtherwise) {
  const struct {
    const char* what;
    size_t count;
    std::vector<StreamReference> references;
    Streams expected;
  } cases[] = {
      {"none", 3, {}, {0, 1, 2}},
      {"no streams", 0, {}, {}},
      {"already in order", 3, {{1, 0}, {2, 1}}, {0, 1, 2}},
      {"three levels backwards", 3, {{0, 1}, {1, 2}}, {2, 1, 0}},
      {"twice the same", 2, {{0, 1}, {0, 1}}, {1, 0}},
      {"to itself", 2, {{0, 0}, {1, 1}}, {0, 1}},
      {"one in the middle", 4, {{1, 3}}, {0, 2, 3, 1}},
      {"two ways to one", 4, {{0, 1}, {0, 2}, {1, 3}, {2, 3}}, {3, 1, 2, 0}},
      {"a cycle in the order given", 3, {{0, 2}, {2, 0}}, {0, 1, 2}},
      {"one of a cycle refers to a later stream", 3, {{0, 1}, {1, 0}, {1, 2}}, {0, 2, 1}},
      {"after a cycle", 3, {{0, 2}, {1, 2}, {2, 1}}, {1, 2, 0}},
  };
  for (const auto& c : cases) EXPECT_EQ(sequence(order_streams(c.count, c.references)), c.expected) << c.what;
}

TEST(OrderStreams, NamesEveryCycle) {
  const StreamOrder order = order_streams(7, {{0, 1}, {1, 0}, {2, 3}, {3, 4}, {4, 2}, {2, 0}, {5, 5}, {6, 5}});
  EXPECT_THAT(order.cycles, ElementsAre(Streams{0, 1}, Streams{2, 3, 4}));
  EXPECT_THAT(order_streams(3, {{0, 1}, {1, 2}, {0, 2}}).cycles, IsEmpty());
}

// Of each random graph: every stream comes once, and behind all that it refers to unless they are in one cycle.
TEST(OrderStreams, HoldsForRandomReferences) {
  uint32_t seed = 1;
  const auto random = [&](size_t below) {
    seed = seed * 1664525U + 1013904223U;
    return static_cast<size_t>(seed >> 8U) % below;
  };
  for (int round = 0; round < 300; ++round) {
    const size_t count = 1 + random(12);
    std::vector<StreamReference> references;
    std::vector<std::vector<bool>> reaches(count, std::vector<bool>(count));
    for (size_t i = random(2 * count + 1); i > 0; --i) {
      references.push_back({random(count), random(count)});
      reaches[references.back().stream][references.back().refers_to] = true;
    }
    for (size_t k = 0; k < count; ++k) {
      for (size_t i = 0; i < count; ++i) {
        for (size_t j = 0; j < count; ++j) reaches[i][j] = reaches[i][j] || (reaches[i][k] && reaches[k][j]);
      }
    }
    const StreamOrder order = order_streams(count, references);
    const Streams found = sequence(order);
    ASSERT_EQ(found.size(), count);
    Streams place(count, count);
    for (size_t i = 0; i < count; ++i) place[found[i]] = i;
    for (const StreamReference& reference : references) {
      if (reaches[reference.refers_to][reference.stream]) continue;
      EXPECT_LT(place[reference.refers_to], place[reference.stream]) << "round " << round;
    }
    std::vector<size_t> in_cycle(count, count);
    for (size_t cycle = 0; cycle < order.cycles.size(); ++cycle) {
      for (const size_t stream : order.cycles[cycle]) in_cycle[stream] = cycle;
    }
    for (size_t i = 0; i < count; ++i) {
      for (size_t j = 0; j < count; ++j) {
        const bool together = i != j && reaches[i][j] && reaches[j][i];
        EXPECT_EQ(together, i != j && in_cycle[i] < count && in_cycle[i] == in_cycle[j]) << "round " << round;
      }
    }
  }
}

TEST(OrderStreams, TakesAChainThatIsDeeperThanAnyStack) {
  constexpr size_t kCount = 200'000;
  std::vector<StreamReference> references;
  for (size_t i = 0; i + 1 < kCount; ++i) references.push_back({i, i + 1});
  const Streams found = sequence(order_streams(kCount, references));
  ASSERT_EQ(found.size(), kCount);
  EXPECT_EQ(found.front(), kCount - 1);
  EXPECT_EQ(found.back(), 0U);
}

TEST(StreamSchedule, AWorkerWaitsUntilWhatIsReferredToHasEnded) {
  StreamSchedule schedule(order_streams(2, {{0, 1}}));
  ASSERT_EQ(schedule.next(), 1U);
  auto second = std::async(std::launch::async, [&] { return schedule.next(); });
  EXPECT_EQ(second.wait_for(50ms), std::future_status::timeout);
  schedule.ended(1);
  EXPECT_EQ(second.get(), 0U);
  EXPECT_EQ(schedule.next(), std::nullopt);
}

TEST(StreamSchedule, StoppingWakesWhoWaits) {
  StreamSchedule schedule(order_streams(2, {{0, 1}}));
  ASSERT_EQ(schedule.next(), 1U);
  auto second = std::async(std::launch::async, [&] { return schedule.next(); });
  EXPECT_EQ(second.wait_for(50ms), std::future_status::timeout);
  schedule.stop();
  EXPECT_EQ(second.get(), std::nullopt);
}

TEST(StreamSchedule, WhatWaitsForAFailedStreamNeverBeginsAndNobodyWaitsForIt) {
  // 0 and 5 wait for 1, 2 waits for 0 and 1, 4 for 3.
  StreamSchedule schedule(order_streams(6, {{0, 1}, {2, 0}, {2, 1}, {4, 3}, {5, 1}}));
  ASSERT_EQ(schedule.next(), 1U);
  ASSERT_EQ(schedule.next(), 3U);
  auto waiting = std::async(std::launch::async, [&] { return schedule.next(); });
  EXPECT_EQ(waiting.wait_for(50ms), std::future_status::timeout);
  EXPECT_THAT(schedule.failed(1), UnorderedElementsAre(0U, 2U, 5U));
  EXPECT_EQ(waiting.wait_for(50ms), std::future_status::timeout) << "4 may still begin";
  EXPECT_THAT(schedule.failed(3), ElementsAre(4U));
  EXPECT_EQ(waiting.get(), std::nullopt);
}

TEST(StreamSchedule, AFailedStreamHoldsNothingElseBack) {
  StreamSchedule schedule(order_streams(4, {{0, 1}, {0, 2}}));
  ASSERT_EQ(schedule.next(), 1U);
  ASSERT_EQ(schedule.next(), 2U);
  EXPECT_THAT(schedule.failed(1), ElementsAre(0U));
  EXPECT_THAT(schedule.failed(2), IsEmpty()) << "it is held back already";
  EXPECT_EQ(schedule.next(), 3U);
  EXPECT_EQ(schedule.next(), std::nullopt);
}

class ReferencesTest : public ::testing::Test {
 protected:
  explicit ReferencesTest(std::vector<std::string> streams = {"a", "b", "c"}) : h(source_of(std::move(streams))) {
    h.pipeline.source.streams.clear();
    h.destination->own_role().features.emplace_back("stream-references");
  }
  static CountingOptions source_of(std::vector<std::string> streams) {
    CountingOptions options;
    options.rows = 20;
    options.streams = std::move(streams);
    return options;
  }
  /// What the destination answers to the question; other questions have no answer.
  void answer(std::optional<std::string> text) {
    h.destination->script.last_committed = [this, text](const json& ctx) -> Result<std::optional<std::string>> {
      if (!ctx.contains("ask")) return std::optional<std::string>();
      ++asked;
      question = ctx;
      return text;
    };
  }

  EngineHarness h;
  std::atomic<int> asked{0};
  json question;
};

TEST_F(ReferencesTest, LoadsAStreamOnlyAfterThoseThatItRefersToHaveBeenFinished) {
  answer(R"({"references": {"a": ["b", "unknown"], "b": ["c", "b"], "unknown": ["a"]}})");
  for (const uint32_t parallelism : {1U, 4U}) {
    h.database.calls.clear();
    h.pipeline.resources.parallelism = parallelism;
    const RunReport report = h.run();
    ASSERT_TRUE(report.succeeded()) << why(report);
    EXPECT_THAT(h.database.seen_calls(),
                ElementsAre("begin c", "finish c true", "begin b", "finish b true", "begin a", "finish a true"))
        << parallelism;
    // The report keeps the pipeline's order.
    EXPECT_EQ(report.streams[0].stream, "a");
    EXPECT_EQ(report.streams[0].rows_written, 20U);
  }
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(question["ask"], "references");
  EXPECT_EQ(question["streams"], json::parse(R"(["a", "b", "c"])"));
  for (const json& ctx : h.database.begin_contexts) EXPECT_FALSE(ctx.contains("reference_ring"));
  EXPECT_EQ(h.destination->alive, 0);
}

TEST_F(ReferencesTest, TellsTheStreamsOfACycleWhichOnesTheyAre) {
  answer(R"({"references": {"a": ["c"], "c": ["a"], "b": ["a"]}})");
  h.pipeline.resources.parallelism = 4;
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  for (const json& ctx : h.database.begin_contexts) {
    if (ctx["stream_name"] == "b") {
      EXPECT_FALSE(ctx.contains("reference_ring"));
    } else {
      EXPECT_EQ(ctx["reference_ring"], json::parse(R"(["a", "c"])"));
    }
  }
  const auto calls = h.database.seen_calls();
  EXPECT_EQ(calls[0], "begin a");
  EXPECT_EQ(calls[1], "finish a true");
}

TEST_F(ReferencesTest, DoesNotBeginAStreamWhenOneThatItRefersToHasFailed) {
  answer(R"({"references": {"a": ["c"], "b": ["c"]}})");
  h.pipeline.resources.parallelism = 4;
  const auto finish = h.destination->script.finish_stream;
  h.destination->script.finish_stream = [&](const InstanceOptions& options, const json& ctx, bool succeeded) -> Status {
    if (ctx["stream_name"] == "c") return config_error("BROKEN", "it broke");
    return finish(options, ctx, succeeded);
  };
  const RunReport report = h.run();
  EXPECT_FALSE(report.succeeded());
  EXPECT_EQ(report.failure->error.code, "BROKEN");
  EXPECT_EQ(report.streams[0].outcome, Outcome::kNotStarted);
  EXPECT_EQ(report.streams[1].outcome, Outcome::kNotStarted);
}

TEST_F(ReferencesTest, IsNotAskedWithoutTheFeatureNorByAnOlderProtocolNorForOneStream) {
  answer(R"({"references": {"a": ["c"]}})");
  const auto features = h.destination->own_role().features;
  h.destination->own_role().features.clear();
  ASSERT_TRUE(h.run().succeeded());
  h.destination->own_role().features = features;
  h.destination->protocol_ = "2.0.0";
  (void)h.run();
  h.destination->protocol_ = "2.1.0";
  h.options.streams = {"a"};
  ASSERT_TRUE(h.run().succeeded());
  h.options.streams.clear();
  h.options.mode = RunMode::preview();
  ASSERT_TRUE(h.run().succeeded());
  EXPECT_EQ(asked, 0);
}

TEST_F(ReferencesTest, AnAnswerThatCannotBeReadEndsTheRunBeforeAnythingIsLoaded) {
  for (const char* text : {"{", "[]", "{}", "7", R"({"references": []})", R"({"references": {"a": "b"}})",
                           R"({"references": {"a": [1]}})", R"({"references": {"a": [[[[[[[[[["b"]]]]]]]]]]}})"}) {
    answer(text);
    const RunReport report = h.run();
    ASSERT_FALSE(report.succeeded()) << text;
    EXPECT_EQ(report.failure->error.code, "REFERENCES_INVALID") << text << why(report);
    EXPECT_EQ(report.failure->stage, Stage::kDestination);
  }
  EXPECT_THAT(h.database.seen_calls(), IsEmpty());
}

TEST_F(ReferencesTest, AnAnswerThatCannotBeReadIsNamedByItsKey) {
  const std::string longer(5000, 'x');
  for (const auto& [text, said] :
       {std::pair<std::string, std::string>{R"({"references": {"a": [], "b": "c"}})", "at key 'b', string instead"},
        {R"({"references": {"a": [], "c": ["a", 1]}})", "at key 'c', a list with number in it"},
        {R"({"references": {")" + longer + R"(": 1}})", "at key '" + longer.substr(0, 80) + "...', number"},
        {R"({"references": []})", "no object under \"references\""}}) {
    answer(text);
    const RunReport report = h.run();
    ASSERT_FALSE(report.succeeded()) << text;
    EXPECT_THAT(report.failure->error.message, HasSubstr(said));
  }
}

TEST_F(ReferencesTest, AQuestionThatFailsForAMomentIsAskedAgain) {
  answer(R"({"references": {}})");
  int failures = 2;
  h.destination->script.open = [&](const InstanceOptions&) -> Status {
    if (failures-- <= 0) return {};
    ConnectorError error = make_error(ErrorCategory::kTransientNetwork, "AWAY", "the server is away").error();
    error.retryable = true;
    return Status(error);
  };
  const RunReport report = h.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h.clock.delays().size(), 2U);
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(h.destination->alive, 0);
}

}  // namespace
}  // namespace rapidbyte::engine
