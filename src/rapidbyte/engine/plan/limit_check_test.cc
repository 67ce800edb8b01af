// --limit and tables that are there: nothing is cut short or doubled without the user's word.

#include "rapidbyte/engine/plan/limit_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;
using pipeline::WriteMode;
using runtime::InstanceOptions;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LimitCheck : public ::testing::Test {
 protected:
  void mode(WriteMode mode) {
    h_.pipeline.source.streams[0].write_mode = mode;
    if (mode == WriteMode::kUpsert) h_.pipeline.source.streams[0].primary_key = {{"id"}};
  }
  void expect_refused(const std::string& what) {
    const auto rows = h_.database.rows("numbers");
    h_.database.calls.clear();
    h_.options.mode = RunMode::limited(5);
    const RunReport report = h_.run();
    ASSERT_FALSE(report.succeeded());
    EXPECT_EQ(report.failure->error.code, "LIMIT_REFUSED") << why(report);
    EXPECT_EQ(report.failure->stage, Stage::kConfig);
    EXPECT_THAT(report.failure->error.message, AllOf(HasSubstr("stream 'numbers': --limit 5"), HasSubstr(what),
                                                     HasSubstr("--dry-run"), HasSubstr("--allow-partial")));
    EXPECT_THAT(h_.database.seen_calls(), IsEmpty());
    EXPECT_EQ(h_.database.rows("numbers"), rows);
  }
  void expect_taken(uint64_t rows) {
    h_.options.mode = RunMode::limited(5);
    const RunReport report = h_.run();
    ASSERT_TRUE(report.succeeded()) << why(report);
    EXPECT_EQ(report.rows_written(), 5U);
    EXPECT_EQ(h_.database.rows("numbers").size(), rows);
  }

  EngineHarness h_;
};

TEST_F(LimitCheck, ReplaceOfATableThatIsThereIsRefusedWithoutTheUsersWord) {
  mode(WriteMode::kReplace);
  h_.database.tables["numbers"].rows = count_to(70);
  expect_refused("would leave at most 5 rows of a table that already exists");
  h_.options.allow_partial = true;
  expect_taken(5);
}

TEST_F(LimitCheck, AppendToATableThatIsThereIsRefusedWithoutTheUsersWord) {
  mode(WriteMode::kAppend);
  h_.make_incremental();
  ASSERT_TRUE(h_.run().succeeded());
  CountingOptions more;
  more.rows = 120;
  h_.source->script = counting_source(more);
  expect_refused("the next run would write them again");
  h_.options.allow_partial = true;
  expect_taken(105);
}

TEST_F(LimitCheck, ATableThatIsNotThereIsMade) {
  for (const WriteMode write_mode : {WriteMode::kAppend, WriteMode::kReplace}) {
    h_.database.tables.clear();
    mode(write_mode);
    expect_taken(5);
  }
}

// What is there already stays as it is, or becomes what the source has.
TEST_F(LimitCheck, AnUpsertHarmsNothing) {
  mode(WriteMode::kUpsert);
  h_.database.tables["numbers"].rows = {};
  expect_taken(5);
}

TEST_F(LimitCheck, OfSeveralStreamsNoneIsBegunWhenOneIsRefused) {
  CountingOptions source;
  source.streams = {"a", "numbers"};
  h_.source->script = counting_source(source);
  h_.pipeline.source.streams.push_back(h_.pipeline.source.streams[0]);
  h_.pipeline.source.streams[0].name = "a";
  h_.database.tables["numbers"].rows = count_to(70);
  expect_refused("would add up to 5 rows");
  EXPECT_EQ(h_.database.tables.count("a"), 0U);
}

// Where the destination has no word for it, the state tells whether the pipeline has loaded the table.
TEST_F(LimitCheck, OfADestinationThatCannotBeAskedTheStateIs) {
  for (const char* protocol : {"2.0.0", "2.1.0"}) {
    for (const WriteMode write_mode : {WriteMode::kAppend, WriteMode::kReplace}) {
      SCOPED_TRACE(protocol);
      ASSERT_TRUE(h_.writer()->reset(std::nullopt).ok());
      h_.database.tables.clear();
      h_.destination->protocol_ = protocol;
      h_.destination->own_role().features = {};
      h_.destination->script.last_committed = nullptr;
      mode(write_mode);
      h_.options.allow_partial = false;
      h_.options.mode = RunMode::limited(5);
      ASSERT_TRUE(h_.run().succeeded());
      h_.options.mode = RunMode();
      ASSERT_TRUE(h_.run().succeeded());
      expect_refused("a table that this pipeline has loaded before");
      h_.options.allow_partial = true;
      EXPECT_TRUE(h_.run().succeeded());
    }
  }
}

TEST_F(LimitCheck, ADestinationThatRecognisesRowsTakesAnAppend) {
  mode(WriteMode::kAppend);
  h_.destination->own_role().features = {"receipts", "idempotent"};
  h_.database.tables["numbers"].rows = {};
  expect_taken(5);
}

TEST_F(LimitCheck, IsAskedOnceAndTriedAgain) {
  h_.database.tables["numbers"].rows = {1};
  int asked = 0;
  const auto answer = h_.destination->script.last_committed;
  h_.destination->script.last_committed = [&](const json& ctx) -> Result<std::optional<std::string>> {
    EXPECT_EQ(ctx["write_mode"], "append");
    if (++asked == 1)
      return make_retryable_error(ErrorCategory::kTransientNetwork, "AWAY", "the server is away", BackoffClass::kFast);
    return answer(ctx);
  };
  mode(WriteMode::kReplace);
  expect_refused("would leave at most 5 rows");
  EXPECT_EQ(asked, 2);
  EXPECT_EQ(h_.destination->alive, 0);
  h_.options.mode = RunMode::preview();
  EXPECT_TRUE(h_.run().succeeded());
  EXPECT_EQ(asked, 2) << "a dry run writes nothing";
}

}  // namespace
}  // namespace rapidbyte::engine
