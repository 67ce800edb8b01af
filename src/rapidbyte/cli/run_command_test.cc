#include "rapidbyte/cli/run_command.h"

#include <gmock/gmock.h>

#include <functional>
#include <thread>
#include <vector>

#include "rapidbyte/cli/testing/command_fixture.h"

namespace rapidbyte::cli {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class RunCommand : public CommandFixture {
 protected:
  void SetUp() override {
    CommandFixture::SetUp();
    arguments_.pipeline = file_;
  }
  ExitCode run() {
    auto made = context();
    return run_command(arguments_, made);
  }
  RunArguments arguments_;
};

TEST_F(RunCommand, ASuccessfulRunSaysWhatItDidOnStderrOnly) {
  write_pipeline();
  EXPECT_EQ(run(), ExitCode::kOk) << talk_.raw();
  EXPECT_EQ(data_.raw(), "");
  EXPECT_THAT(talk_.raw(), HasSubstr("✓ orders: 0 rows read, 0 written"));
  EXPECT_THAT(calls_.names, Contains("destination.run_write"));
}

TEST_F(RunCommand, JsonIsOneDocumentWithTheExitCode) {
  write_pipeline();
  arguments_.json = true;
  arguments_.verbosity.quiet = true;
  EXPECT_EQ(run(), ExitCode::kOk) << talk_.raw();
  EXPECT_EQ(talk_.raw(), "");
  const auto document = nlohmann::json::parse(data_.raw());
  EXPECT_EQ(document["pipeline"], "p");
  EXPECT_EQ(document["exit_code"], 0);
  EXPECT_EQ(document["streams"][0]["stream"], "orders");
}

TEST_F(RunCommand, EachFailureHasItsExitCodeInTheDocumentToo) {
  struct Case {
    const char* name;
    std::function<void()> break_it;
    int code;
  };
  const Status refused = make_error(ErrorCategory::kAuth, "REFUSED", "the server refused");
  const auto fresh = connectors_;
  const Case cases[] = {
      {"no connector", [&] { connectors_.erase("test/dest"); }, 4},
      {"source", [&] { connectors_["test/source"].open = refused; }, 5},
      {"destination", [&] { connectors_["test/dest"].open = refused; }, 6},
      {"unknown stream", [&] { arguments_.streams = {"ordrs"}; }, 3},
  };
  write_pipeline();
  arguments_.json = true;
  for (const Case& c : cases) {
    connectors_ = fresh;
    arguments_.streams.clear();
    c.break_it();
    data_.clear();
    EXPECT_EQ(to_int(run()), c.code) << c.name;
    const auto document = nlohmann::json::parse(data_.raw());
    EXPECT_EQ(document["exit_code"], c.code) << c.name;
    EXPECT_EQ(document["outcome"], "failed") << c.name;
  }
}

TEST_F(RunCommand, ConfigMistakesOfAllConnectorsAreShownTogether) {
  connectors_["test/dest"].manifest.config_schema = {{"type", "object"}, {"required", {"path"}}};
  write_pipeline("{name: orders, sync_mode: full_refresh}", "{folders: data}");
  EXPECT_EQ(run(), ExitCode::kInvalidPipeline);
  EXPECT_THAT(talk_.raw(), HasSubstr("source.config"));
  EXPECT_THAT(talk_.raw(), HasSubstr("destination.config"));
}

TEST_F(RunCommand, ConfigMistakesAreShownAtTheirPlaceAndNothingStarts) {
  write_pipeline("{name: orders, sync_mode: full_refresh}", "{folders: data}");
  EXPECT_EQ(run(), ExitCode::kInvalidPipeline);
  EXPECT_THAT(talk_.raw(), HasSubstr(file_.string() + ":5:12: source.config"));
  EXPECT_THAT(talk_.raw(), HasSubstr("did you mean"));
  EXPECT_THAT(calls_.names, IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(state_path()));
}

TEST_F(RunCommand, MistakesOfTheFileAreAllShownAndListedInTheDocument) {
  write_file("version: \"1.0\"\npipelin: p\nsource:\n  use: test/source\n  streams: []\n");
  arguments_.json = true;
  EXPECT_EQ(run(), ExitCode::kInvalidPipeline);
  EXPECT_THAT(talk_.raw(), HasSubstr(file_.string() + ":2:1: "));
  const auto document = nlohmann::json::parse(data_.raw());
  EXPECT_EQ(document["exit_code"], 3);
  EXPECT_GE(document["problems"].size(), 2U);
  EXPECT_EQ(document["problems"][0]["line"].is_number(), true);
}

TEST_F(RunCommand, AMissingFileIsAnInvalidPipeline) {
  EXPECT_EQ(run(), ExitCode::kInvalidPipeline);
  EXPECT_THAT(talk_.raw(), HasSubstr("p.yaml"));
}

TEST_F(RunCommand, AStateThatIsThereIsOpenedBesideTheConnectorsOnce) {
  write_pipeline();
  ASSERT_EQ(run(), ExitCode::kOk) << talk_.raw();
  auto made = context();
  std::vector<std::thread::id> openers;
  made.open_state = [&openers, open = made.open_state](const pipeline::StateConfig& config) {
    openers.push_back(std::this_thread::get_id());
    return open(config);
  };
  EXPECT_EQ(run_command(arguments_, made), ExitCode::kOk) << talk_.raw();
  ASSERT_EQ(openers.size(), 1U);
  EXPECT_NE(openers[0], std::this_thread::get_id());

  // A refused run has opened it for nothing, and has closed it again.
  write_pipeline("{name: orders, sync_mode: full_refresh}", "{folders: data}");
  EXPECT_EQ(run_command(arguments_, made), ExitCode::kInvalidPipeline);
  EXPECT_EQ(openers.size(), 2U);
  write_pipeline();

  made.open_state = [](const pipeline::StateConfig&) {
    return Result<std::unique_ptr<state::StateBackend>>(internal_error("STATE_BACKEND", "the file is damaged"));
  };
  EXPECT_EQ(run_command(arguments_, made), ExitCode::kState);
  EXPECT_THAT(talk_.raw(), HasSubstr("the file is damaged"));
}

TEST_F(RunCommand, ADryRunWritesNothingAndNeedsNoDestination) {
  connectors_.erase("test/dest");
  write_pipeline();
  arguments_.dry_run = true;
  EXPECT_EQ(run(), ExitCode::kOk) << talk_.raw();
  EXPECT_FALSE(std::filesystem::exists(state_path().parent_path()));
  EXPECT_THAT(calls_.names, Not(Contains("destination.open")));
  EXPECT_THAT(talk_.raw(), HasSubstr("Nothing was written."));
}

TEST_F(RunCommand, EventsAreWrittenWhereAsked) {
  write_pipeline();
  arguments_.events = folder_ / "events.ndjson";
  EXPECT_EQ(run(), ExitCode::kOk) << talk_.raw();
  std::ifstream in(arguments_.events);
  std::vector<std::string> kinds;
  for (std::string line; std::getline(in, line);) kinds.push_back(nlohmann::json::parse(line)["event"]);
  ASSERT_FALSE(kinds.empty());
  EXPECT_EQ(kinds.front(), "run_started");
  EXPECT_EQ(kinds.back(), "run_finished");
}

TEST_F(RunCommand, AnEventsFileThatCannotBeWrittenIsWrongUsageBeforeAnythingStarts) {
  write_pipeline();
  arguments_.events = folder_ / "no" / "events.ndjson";
  arguments_.json = true;
  EXPECT_EQ(run(), ExitCode::kUsage);
  EXPECT_THAT(calls_.names, IsEmpty());
  EXPECT_EQ(nlohmann::json::parse(data_.raw())["failure"]["code"], "EVENTS_FILE");
}

TEST_F(RunCommand, ARefusedRunLeavesNoEventsOfAnEarlierOne) {
  arguments_.events = folder_ / "events.ndjson";
  std::ofstream(arguments_.events) << "{\"event\": \"run_finished\"}\n";
  write_pipeline("{name: orders, sync_mode: full_refresh}", "{folders: data}");
  EXPECT_EQ(run(), ExitCode::kInvalidPipeline);
  EXPECT_EQ(std::filesystem::file_size(arguments_.events), 0U);
}

// Whoever could write the file of events could say in the program's name that rows were committed.
TEST_F(RunCommand, EventsAreNotWrittenWhereAGuestMayWrite) {
  connectors_["test/dest"].manifest.permissions.config_paths = {{.pointer = "/folder", .read_write = true, .lock = ""}};
  std::filesystem::create_directories(folder_ / "out" / "sub");
  write_file(
      "version: \"1.0\"\npipeline: p\nsource:\n  use: test/source\n  streams:\n    - {name: orders, sync_mode: "
      "full_refresh}\ndestination:\n  use: test/dest\n  config:\n    folder: out\n");
  std::ofstream(folder_ / "keys") << "keys";
  std::filesystem::create_symlink("../keys", folder_ / "out" / "link.ndjson");
  for (const char* name : {"out/events.ndjson", "out/sub/events.ndjson", "out/link.ndjson"}) {
    SCOPED_TRACE(name);
    arguments_.events = folder_ / name;
    talk_.clear();
    EXPECT_EQ(run(), ExitCode::kInvalidPipeline);
    EXPECT_THAT(talk_.raw(), HasSubstr("p.yaml:10:5: destination.config.folder: test/dest may write "));
    EXPECT_THAT(talk_.raw(), HasSubstr("holds the file of --events (" + arguments_.events.string() + ")"));
    EXPECT_THAT(calls_.names, IsEmpty());
  }
  EXPECT_EQ(std::filesystem::file_size(folder_ / "keys"), 4U) << "what the link leads to is as it was";
  arguments_.events = folder_ / "events.ndjson";
  EXPECT_EQ(run(), ExitCode::kOk) << talk_.raw();
}

TEST_F(RunCommand, ACancelledRunIs130) {
  write_pipeline();
  cancel_.cancel();
  EXPECT_EQ(run(), ExitCode::kInterrupted);
  EXPECT_THAT(talk_.raw(), HasSubstr("Interrupted: 0 rows were committed"));
}

TEST_F(RunCommand, AStateInUseIsExitCode9) {
  write_pipeline();
  auto state = make_state();
  ASSERT_NE(state, nullptr);
  auto lease = state->acquire_lease("p", "another-run");
  ASSERT_TRUE(lease.ok());
  EXPECT_EQ(run(), ExitCode::kState);
  EXPECT_THAT(talk_.raw(), HasSubstr("PIPELINE_LOCKED"));
}

}  // namespace
}  // namespace rapidbyte::cli
