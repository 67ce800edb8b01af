#include "rapidbyte/cli/commands/state_command.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "rapidbyte/cli/testing/command_fixture.h"

namespace rapidbyte::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class StateCommand : public CommandFixture {
 protected:
  void SetUp() override {
    CommandFixture::SetUp();
    write_pipeline();
  }
  void load_two_streams() {
    const auto run = writer();
    ASSERT_NE(run, nullptr);
    ASSERT_TRUE(run->begin_load({"p", "orders", ""}, "load-1", false).ok());
    ASSERT_TRUE(run->save_checkpoint({"p", "orders", ""}, "load-1",
                                     R"({"cursor_field": "id", "cursor_value": {"int64": 42}})", 1000)
                    .ok());
    ASSERT_TRUE(run->begin_load({"p", "customers", ""}, "load-2", false).ok());
    ASSERT_TRUE(run->save_checkpoint({"p", "customers", ""}, "load-2", R"({"offset": 7})", 5).ok());
    ASSERT_TRUE(run->complete_load({"p", "customers", ""}, "load-2").ok());
    ASSERT_TRUE(
        make_state()
            ->record_run({"run-1", "p", "2026-01-31T12:00:00Z", "2026-01-31T12:00:05Z", "failed", 1005, "no disk"})
            .ok());
  }
  ExitCode show(bool json = false, std::vector<std::string> streams = {}) {
    auto made = context();
    return state_show_command({.pipeline = file_, .streams = std::move(streams), .json = json}, made);
  }
  ExitCode reset(std::vector<std::string> streams = {}, bool yes = false) {
    auto made = context();
    return state_reset_command({.pipeline = file_, .streams = std::move(streams), .yes = yes}, made);
  }
  std::vector<std::string> names_known() {
    std::vector<std::string> names;
    const auto known = make_state()->list_streams("p");
    EXPECT_TRUE(known.ok());
    for (const auto& [key, stream] : *known) names.push_back(key.stream);
    std::sort(names.begin(), names.end());
    return names;
  }
  void load_named(const std::vector<std::string>& names) {
    const auto run = writer();
    for (const std::string& name : names) ASSERT_TRUE(run->begin_load({"p", name, ""}, "load", false).ok());
  }
  ExitCode accept(std::string stream, bool yes = false) {
    auto made = context();
    return state_accept_command({.pipeline = file_, .stream = std::move(stream), .yes = yes}, made);
  }
  size_t streams_known() {
    auto state = make_state();
    return state ? state->list_streams("p")->size() : 0;
  }
};

TEST_F(StateCommand, ShowsTheValueOfACursorThatSaysWhatItIsAbout) {
  ASSERT_TRUE(writer()->begin_load({"p", "orders", ""}, "load-1", false).ok());
  ASSERT_TRUE(
      writer()
          ->save_checkpoint(
              {"p", "orders", ""}, "load-1",
              R"({"cursor_field": "id", "cursor_value": {"json": {"column": "id", "value": {"int64": 42}, "path": "a"}}})",
              1000)
          .ok());
  (void)show();
  EXPECT_THAT(data_.raw(), HasSubstr("id = 42 "));
}

TEST_F(StateCommand, ShowOfAFreshPipelineSaysSoAndCreatesNothing) {
  EXPECT_EQ(show(), ExitCode::kOk);
  EXPECT_THAT(talk_.raw(), HasSubstr("Nothing is known about pipeline p yet"));
  EXPECT_FALSE(std::filesystem::exists(state_path()));
}

TEST_F(StateCommand, ShowTellsCursorsLoadsAndRuns) {
  load_two_streams();
  EXPECT_EQ(show(), ExitCode::kOk);
  EXPECT_THAT(data_.raw(), HasSubstr("id = 42"));
  EXPECT_THAT(data_.raw(), HasSubstr("interrupted after 1,000 rows"));
  EXPECT_THAT(data_.raw(), HasSubstr("complete"));
  EXPECT_THAT(data_.raw(), HasSubstr("position in the source"));
  EXPECT_THAT(data_.raw(), HasSubstr("no disk"));
}

TEST_F(StateCommand, ShowAsJsonHasTheCheckpointItself) {
  load_two_streams();
  EXPECT_EQ(show(true, {"orders"}), ExitCode::kOk);
  const auto document = nlohmann::json::parse(data_.raw());
  ASSERT_EQ(document["streams"].size(), 1U);
  EXPECT_EQ(document["streams"][0]["checkpoint"]["cursor_value"]["int64"], 42);
  EXPECT_EQ(document["streams"][0]["rows_committed"], 1000);
  EXPECT_EQ(document["runs"][0]["run_id"], "run-1");
}

TEST_F(StateCommand, ResetAsksAndDoesNothingWithoutAYes) {
  load_two_streams();
  answer_ = false;
  EXPECT_EQ(reset(), ExitCode::kOk);
  EXPECT_THAT(asked_, HasSubstr("all streams of pipeline p"));
  EXPECT_EQ(streams_known(), 2U);
}

TEST_F(StateCommand, ResetWithNobodyToAskIsWrongUsage) {
  load_two_streams();
  EXPECT_EQ(reset(), ExitCode::kUsage);
  EXPECT_THAT(talk_.raw(), HasSubstr("--yes"));
  EXPECT_EQ(streams_known(), 2U);
}

TEST_F(StateCommand, ResetForgetsOneStreamOrAll) {
  load_two_streams();
  answer_ = true;
  EXPECT_EQ(reset({"orders"}), ExitCode::kOk);
  EXPECT_THAT(asked_, HasSubstr("stream orders of pipeline p"));
  EXPECT_EQ(streams_known(), 1U);
  EXPECT_EQ(reset({}, true), ExitCode::kOk);
  EXPECT_EQ(streams_known(), 0U);
}

TEST_F(StateCommand, ResetOfAnUnknownStreamChangesNothing) {
  load_two_streams();
  EXPECT_EQ(reset({"ordrs"}, true), ExitCode::kOk);
  EXPECT_THAT(talk_.raw(), HasSubstr("Nothing is known about stream ordrs"));
  EXPECT_EQ(streams_known(), 2U);
}

TEST_F(StateCommand, StreamsAreChosenByPattern) {
  load_named({"sales.a", "sales.b", "sales.c", "other"});
  EXPECT_EQ(show(true, {"sales.[ab]", "oth?r"}), ExitCode::kOk);
  auto document = nlohmann::json::parse(data_.raw());
  ASSERT_EQ(document["streams"].size(), 3U);
  answer_ = true;
  EXPECT_EQ(reset({"sales.[!b]", "sales.a"}), ExitCode::kOk);
  EXPECT_THAT(asked_, HasSubstr("Forget the cursors of streams sales.a, sales.c of pipeline p?"));
  EXPECT_THAT(names_known(), ElementsAre("other", "sales.b"));
}

TEST_F(StateCommand, APatternThatMatchesNothingIsAnErrorAndChangesNothing) {
  load_named({"sales.a", "sales.b"});
  EXPECT_EQ(reset({"sales.a", "slaes.*"}, true), ExitCode::kInvalidPipeline);
  EXPECT_THAT(talk_.raw(),
              HasSubstr("error: invalid pipeline (UNKNOWN_STREAM): the state of pipeline p has no stream that "
                        "matches 'slaes.*'; did you mean sales.a?"));
  EXPECT_EQ(streams_known(), 2U);
  talk_.clear();
  EXPECT_EQ(show(true, {"x*"}), ExitCode::kInvalidPipeline);
  EXPECT_THAT(talk_.raw(), HasSubstr("; known are sales.a, sales.b"));
  EXPECT_EQ(data_.raw(), "");
}

TEST_F(StateCommand, AnExactNameIsNoPattern) {
  load_named({"a*", "ab", "ac"});
  EXPECT_EQ(reset({"a*"}, true), ExitCode::kOk);
  EXPECT_THAT(names_known(), ElementsAre("ab", "ac"));
  EXPECT_EQ(reset({"a*"}, true), ExitCode::kOk) << "now it is one";
  EXPECT_EQ(streams_known(), 0U);
}

TEST_F(StateCommand, AQuestionAboutManyStreamsNamesAFew) {
  std::vector<std::string> names;
  for (int i = 10; i < 40; ++i) names.push_back("t" + std::to_string(i));
  load_named(names);
  answer_ = false;
  EXPECT_EQ(reset({"t*"}), ExitCode::kOk);
  EXPECT_THAT(asked_, HasSubstr("streams t10, t11, t12, t13, t14, t15, t16, t17, t18, t19 and 20 more of pipeline p?"));
  EXPECT_EQ(streams_known(), 30U);
}

TEST_F(StateCommand, ANameOfWhichNothingIsKnownIsSaidAndTheOthersAreForgotten) {
  load_two_streams();
  EXPECT_EQ(reset({"ordrs", "customers"}, true), ExitCode::kOk);
  EXPECT_THAT(talk_.raw(),
              HasSubstr("Nothing is known about stream ordrs of pipeline p (did you mean orders?); see: "));
  EXPECT_THAT(names_known(), ElementsAre("orders"));
  talk_.clear();
  EXPECT_EQ(show(false, {"zzz"}), ExitCode::kOk);
  EXPECT_THAT(talk_.raw(), HasSubstr("Nothing is known about stream zzz of pipeline p; see: "));
}

TEST_F(StateCommand, ResetWhileARunIsUnderWayIsRefused) {
  load_two_streams();
  auto state = make_state();
  auto lease = state->acquire_lease("p", "run-2");
  ASSERT_TRUE(lease.ok());
  EXPECT_EQ(reset({}, true), ExitCode::kState);
  EXPECT_EQ(streams_known(), 2U);
}

TEST_F(StateCommand, ShowTellsHowManyRowsADestinationWithoutReceiptsMayHave) {
  load_two_streams();
  ASSERT_TRUE(writer()->note_rows({"p", "orders", ""}, "load-1", 1500, 1200).ok());
  EXPECT_EQ(show(), ExitCode::kOk);
  EXPECT_THAT(data_.raw(), HasSubstr("interrupted after 1,000 rows, up to 1,500 given"));
  data_.clear();
  EXPECT_EQ(show(true, {"orders"}), ExitCode::kOk);
  const auto document = nlohmann::json::parse(data_.raw());
  EXPECT_EQ(document["streams"][0]["rows_given"], 1500);
  EXPECT_EQ(document["streams"][0]["rows_reported"], 1200);
}

TEST_F(StateCommand, AcceptTakesAMiscountedLoadAsItIsAfterAYes) {
  load_two_streams();
  const std::string end = R"({"end": true, "load_id": "load-1", "cursor_value": {"int64": 99}})";
  const nlohmann::json mark = {{"load_id", "load-1"}, {"why", "10 rows"}, {"end", end}};
  ASSERT_TRUE(writer()->set_stream_note("orders", "miscounted", mark.dump()).ok());
  EXPECT_EQ(accept("orders"), ExitCode::kUsage) << "nobody to ask";
  answer_ = false;
  EXPECT_EQ(accept("orders"), ExitCode::kOk);
  EXPECT_THAT(asked_, HasSubstr("stream orders"));
  EXPECT_NE(make_state()->load_stream({"p", "orders", ""})->checkpoint_json, end);
  answer_ = true;
  EXPECT_EQ(accept("customers"), ExitCode::kState) << "its load is complete";
  EXPECT_THAT(talk_.raw(), HasSubstr("NOTHING_TO_ACCEPT"));
  {
    auto state = make_state();
    auto lease = state->acquire_lease("p", "run-2");
    ASSERT_TRUE(lease.ok());
    EXPECT_EQ(accept("orders"), ExitCode::kState) << "a run is under way";
  }
  EXPECT_EQ(accept("orders"), ExitCode::kOk);
  EXPECT_EQ(make_state()->load_stream({"p", "orders", ""})->checkpoint_json, end);
  EXPECT_EQ(accept("orders"), ExitCode::kState) << "once is enough";
}

TEST_F(StateCommand, AcceptTakesOneStreamAndSaysSoOfAPatternThatMatchesNoneOrSeveral) {
  load_named({"north.a", "north.b", "south"});
  answer_ = true;
  EXPECT_EQ(accept("nroth.*"), ExitCode::kInvalidPipeline);
  EXPECT_THAT(talk_.raw(),
              HasSubstr("(UNKNOWN_STREAM): the state of pipeline p has no stream that matches 'nroth.*'; did "
                        "you mean north.a?"));
  talk_.clear();
  EXPECT_EQ(accept("north.*"), ExitCode::kUsage);
  EXPECT_THAT(talk_.raw(),
              HasSubstr("takes one stream at a time, and north.* matches 2 of them: streams north.a, north.b"));
  talk_.clear();
  EXPECT_EQ(accept("soth"), ExitCode::kState);
  EXPECT_THAT(talk_.raw(), HasSubstr("Nothing is known about stream soth of pipeline p (did you mean south?)"));
  EXPECT_EQ(asked_, "") << "there was nothing to ask about";
  // One match is one stream.
  talk_.clear();
  EXPECT_EQ(accept("s*"), ExitCode::kState);
  EXPECT_THAT(asked_, HasSubstr("stream south as it is"));
  EXPECT_THAT(talk_.raw(), HasSubstr("NOTHING_TO_ACCEPT"));
}

TEST_F(StateCommand, AStateFileThatIsNoneIsExitCode9) {
  std::filesystem::create_directories(state_path().parent_path());
  std::ofstream(state_path()) << std::string(5000, 'x');
  EXPECT_EQ(show(), ExitCode::kState);
  EXPECT_THAT(talk_.raw(), HasSubstr("error: state not available (STATE_BACKEND)"));
  EXPECT_THAT(talk_.raw(), Not(HasSubstr("terminate")));
}

}  // namespace
}  // namespace rapidbyte::cli
