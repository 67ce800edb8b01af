#include "rapidbyte/cli/state_command.h"

#include <gmock/gmock.h>

#include "rapidbyte/cli/command_fixture.h"

namespace rapidbyte::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class StateCommand : public CommandFixture {
 protected:
  void SetUp() override {
    CommandFixture::SetUp();
    write_pipeline();
  }
  void load_two_streams() {
    auto state = make_state();
    ASSERT_NE(state, nullptr);
    ASSERT_TRUE(state->begin_load({"p", "orders", ""}, "load-1", false).ok());
    ASSERT_TRUE(state
                    ->save_checkpoint({"p", "orders", ""}, "load-1",
                                      R"({"cursor_field": "id", "cursor_value": {"int64": 42}})", 1000)
                    .ok());
    ASSERT_TRUE(state->begin_load({"p", "customers", ""}, "load-2", false).ok());
    ASSERT_TRUE(state->save_checkpoint({"p", "customers", ""}, "load-2", R"({"offset": 7})", 5).ok());
    ASSERT_TRUE(state->complete_load({"p", "customers", ""}, "load-2").ok());
    ASSERT_TRUE(
        state->record_run({"run-1", "p", "2026-01-31T12:00:00Z", "2026-01-31T12:00:05Z", "failed", 1005, "no disk"})
            .ok());
  }
  ExitCode show(bool json = false, std::optional<std::string> stream = {}) {
    auto made = context();
    return state_show_command({.pipeline = file_, .stream = std::move(stream), .json = json}, made);
  }
  ExitCode reset(std::optional<std::string> stream = {}, bool yes = false) {
    auto made = context();
    return state_reset_command({.pipeline = file_, .stream = std::move(stream), .yes = yes}, made);
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
  auto state = make_state();
  ASSERT_NE(state, nullptr);
  ASSERT_TRUE(state->begin_load({"p", "orders", ""}, "load-1", false).ok());
  ASSERT_TRUE(
      state
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
  EXPECT_THAT(talk_.raw(), HasSubstr("Nothing is known of pipeline p yet"));
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
  EXPECT_EQ(show(true, "orders"), ExitCode::kOk);
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
  EXPECT_EQ(reset("orders"), ExitCode::kOk);
  EXPECT_THAT(asked_, HasSubstr("stream orders of pipeline p"));
  EXPECT_EQ(streams_known(), 1U);
  EXPECT_EQ(reset({}, true), ExitCode::kOk);
  EXPECT_EQ(streams_known(), 0U);
}

TEST_F(StateCommand, ResetOfAnUnknownStreamChangesNothing) {
  load_two_streams();
  EXPECT_EQ(reset("ordrs", true), ExitCode::kOk);
  EXPECT_THAT(talk_.raw(), HasSubstr("Nothing is known of stream ordrs"));
  EXPECT_EQ(streams_known(), 2U);
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
  ASSERT_TRUE(make_state()->note_rows({"p", "orders", ""}, "load-1", 1500, 1200).ok());
  EXPECT_EQ(show(), ExitCode::kOk);
  EXPECT_THAT(data_.raw(), HasSubstr("interrupted after 1,000 rows, up to 1,500 given"));
  data_.clear();
  EXPECT_EQ(show(true, "orders"), ExitCode::kOk);
  const auto document = nlohmann::json::parse(data_.raw());
  EXPECT_EQ(document["streams"][0]["rows_given"], 1500);
  EXPECT_EQ(document["streams"][0]["rows_reported"], 1200);
}

TEST_F(StateCommand, AcceptTakesAMiscountedLoadAsItIsAfterAYes) {
  load_two_streams();
  const std::string end = R"({"end": true, "load_id": "load-1", "cursor_value": {"int64": 99}})";
  const nlohmann::json mark = {{"load_id", "load-1"}, {"why", "10 rows"}, {"end", end}};
  ASSERT_TRUE(make_state()->put("p:engine", "miscounted:orders", mark.dump()).ok());
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

TEST_F(StateCommand, AStateFileThatIsNoneIsExitCode9) {
  std::filesystem::create_directories(state_path().parent_path());
  std::ofstream(state_path()) << std::string(5000, 'x');
  EXPECT_EQ(show(), ExitCode::kState);
  EXPECT_THAT(talk_.raw(), HasSubstr("error: state not available (STATE_BACKEND)"));
  EXPECT_THAT(talk_.raw(), Not(HasSubstr("terminate")));
}

}  // namespace
}  // namespace rapidbyte::cli
