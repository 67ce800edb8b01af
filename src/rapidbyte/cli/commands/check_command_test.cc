#include "rapidbyte/cli/commands/check_command.h"

#include <gmock/gmock.h>

#include "rapidbyte/cli/testing/command_fixture.h"

namespace rapidbyte::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class CheckCommand : public CommandFixture {
 protected:
  ExitCode check(bool json = false, bool quiet = false) {
    auto made = context();
    CheckArguments arguments;
    arguments.pipeline = file_;
    arguments.json = json;
    arguments.verbosity.quiet = quiet;
    return check_command(arguments, made);
  }
  [[nodiscard]] const std::string& said() const { return talk_.raw(); }
};

TEST_F(CheckCommand, SaysOnStderrWhatItCompiles) {
  write_pipeline();
  ASSERT_EQ(check(), ExitCode::kOk);
  ASSERT_TRUE(slow_compilation_);
  slow_compilation_("big", 18'000'000);
  EXPECT_THAT(talk_.raw(), HasSubstr("compiling big (once, "));
}

TEST_F(CheckCommand, SaysOfEveryPartThatItIsFine) {
  write_pipeline();
  EXPECT_EQ(check(), ExitCode::kOk);
  EXPECT_EQ(said(),
            "ok       file         pipeline p, 1 stream\n"
            "ok       connector    test/source 1.2.3, protocol 2.1.0, connectors/test/source.wasm\n"
            "ok       connector    test/dest 1.2.3, protocol 2.1.0, connectors/test/dest.wasm\n"
            "ok       permissions  test/source gets hosts: none; folders: none; variables: none\n"
            "ok       source       test/source is ready\n"
            "ok       source       1 of its 2 streams are used\n"
            "ok       permissions  test/dest gets hosts: none; folders: none; variables: none\n"
            "ok       destination  test/dest is ready\n"
            "ok       state        " +
                state_path().string() +
                " will be created by the first run\n"
                "Everything is in place. Load with: rapidbyte run " +
                file_.string() + "\n");
  EXPECT_EQ(data_.raw(), "");
}

TEST_F(CheckCommand, AnInterruptionWhileAConnectorIsAskedIsNoFailureOfIt) {
  connectors_["test/source"].on_discover = [this] { cancel_.cancel(); };
  connectors_["test/source"].catalog = internal_error("CANCELLED", "the call was interrupted");
  write_pipeline();
  EXPECT_EQ(check(), ExitCode::kInterrupted) << said();
}

TEST_F(CheckCommand, AFeatureThatIsNotKnownIsAWarningOfItsConnector) {
  connectors_["test/dest"].manifest.warnings = {"its manifest gives destination the feature 'recepts'"};
  write_pipeline();
  EXPECT_EQ(check(), ExitCode::kOk) << "newer connectors must load";
  EXPECT_THAT(said(), HasSubstr("warning  connector    test/dest 1.2.3, protocol 2.1.0, connectors/test/dest.wasm: its "
                                "manifest gives destination the feature 'recepts'"));
  EXPECT_THAT(said(), HasSubstr("ok       connector    test/source"));
}

TEST_F(CheckCommand, WarnsThatAnInterruptedAppendCouldDoubleRows) {
  runtime::Role& role = *connectors_["test/dest"].manifest.destination;
  role = runtime::Role{{"append", "replace"}, {}};
  write_pipeline();
  EXPECT_EQ(check(), ExitCode::kOk);
  EXPECT_THAT(said(), HasSubstr("warning  destination  test/dest cannot tell after a crash which rows it has"));
  EXPECT_THAT(said(), HasSubstr("ROWS_MAY_DOUBLE"));
  EXPECT_THAT(said(), HasSubstr("Stream: orders"));
  EXPECT_THAT(said(), HasSubstr("fix: use write_mode replace"));
  for (const bool replace : {false, true}) {
    role.features = {};
    if (!replace) role.features = {"idempotent"};
    write_pipeline(replace ? "{name: orders, sync_mode: full_refresh, write_mode: replace}"
                           : "{name: orders, sync_mode: full_refresh}");
    talk_.clear();
    EXPECT_EQ(check(), ExitCode::kOk) << said();
    EXPECT_THAT(said(), Not(HasSubstr("after a crash"))) << replace;
  }
}

TEST_F(CheckCommand, NamesVariablesThatAManifestAsksForAndThePipelineDoesNotGrant) {
  connectors_["test/source"].manifest.permissions.env_allowed_vars = {"CHECK_TOKEN", "CHECK_PROXY"};
  write_pipeline();
  EXPECT_EQ(check(), ExitCode::kOk);
  EXPECT_THAT(said(),
              HasSubstr("ok       permissions  test/source gets hosts: none; folders: none; variables: none "
                        "(permissions.env does not grant CHECK_TOKEN, CHECK_PROXY, which its manifest asks for)"));
}

TEST_F(CheckCommand, MovesNoDataCreatesNoStateAndClosesWhatItOpens) {
  write_pipeline();
  EXPECT_EQ(check(), ExitCode::kOk);
  EXPECT_THAT(calls_.names, ElementsAre("source.open", "source.validate", "source.discover", "source.close",
                                        "destination.open", "destination.validate", "destination.close"));
  EXPECT_FALSE(std::filesystem::exists(state_path().parent_path()));
}

TEST_F(CheckCommand, GivesTheSourceItsStreamsAsARunWould) {
  connectors_["test/source"].manifest.stream_schema = {{"type", "object"}};
  write_pipeline("{name: orders, sync_mode: incremental, cursor_field: id, path: orders.csv}");
  EXPECT_EQ(check(), ExitCode::kOk) << said();
  EXPECT_EQ(calls_.configs["source"], nlohmann::json::parse(R"({"folder": "data", "streams": [
                {"name": "orders", "sync_mode": "incremental", "cursor_field": "id", "path": "orders.csv"}]})"));
}

TEST_F(CheckCommand, ListsAllMistakesOfTheFileWithTheirPlaces) {
  write_file("version: \"1.0\"\npipelin: p\nsource:\n  use: test/source\n  streams: []\n");
  EXPECT_EQ(check(), ExitCode::kInvalidPipeline);
  EXPECT_THAT(said(), HasSubstr("failed   file"));
  EXPECT_THAT(said(), HasSubstr(file_.string() + ":2:1: "));
  EXPECT_THAT(said(), HasSubstr("did you mean"));
  EXPECT_THAT(said(), HasSubstr("destination"));
}

TEST_F(CheckCommand, AMissingConnectorIsExitCode4AndTheRestIsStillLookedAt) {
  connectors_.erase("test/source");
  write_pipeline();
  EXPECT_EQ(check(), ExitCode::kConnector);
  EXPECT_THAT(said(), HasSubstr("failed   connector    test/source was not found; tried: connectors/x.wasm"));
  EXPECT_THAT(said(), HasSubstr("skipped  source "));
  EXPECT_THAT(said(), HasSubstr("ok       destination "));
}

TEST_F(CheckCommand, ConfigMistakesAreShownAtTheirPlaceBeforeAnyGuestStarts) {
  write_pipeline("{name: orders, sync_mode: full_refresh}", "{folders: data}");
  EXPECT_EQ(check(), ExitCode::kInvalidPipeline);
  EXPECT_THAT(said(), HasSubstr("failed   config       the config of test/source is invalid"));
  EXPECT_THAT(said(), HasSubstr(file_.string() + ":5:12: source.config"));
  EXPECT_THAT(said(), HasSubstr("did you mean"));
  EXPECT_THAT(calls_.names, Not(::testing::Contains("source.open")));
}

TEST_F(CheckCommand, AStreamKeyThatTheConnectorDoesNotKnowIsAMistake) {
  write_pipeline("{name: orders, sync_mode: full_refresh, pth: x}");
  EXPECT_EQ(check(), ExitCode::kInvalidPipeline);
  EXPECT_THAT(said(), HasSubstr("source.streams[0].pth"));
}

TEST_F(CheckCommand, StreamsThatTheSourceDoesNotHaveAreNamed) {
  write_pipeline("{name: ordrs, sync_mode: full_refresh}");
  EXPECT_EQ(check(), ExitCode::kInvalidPipeline);
  EXPECT_THAT(said(), HasSubstr("the source test/source has no stream 'ordrs'; did you mean orders?"));
  EXPECT_THAT(said(), HasSubstr("fix: list what it has with: rapidbyte discover"));
}

TEST_F(CheckCommand, AModeOrCursorThatTheStreamDoesNotHaveIsNamed) {
  write_pipeline("{name: orders, sync_mode: incremental, cursor_field: ids}");
  EXPECT_EQ(check(), ExitCode::kInvalidPipeline);
  EXPECT_THAT(said(), HasSubstr("the cursor_field 'ids' is not a column; did you mean id?"));
  write_pipeline("{name: customers, sync_mode: incremental, cursor_field: id}");
  EXPECT_EQ(check(), ExitCode::kInvalidPipeline);
  EXPECT_THAT(said(), HasSubstr("has sync_mode incremental, but stream 'customers' supports only full_refresh"));
}

TEST_F(CheckCommand, EveryStreamThatDoesNotFitIsListed) {
  write_pipeline(
      "{name: ordrs, sync_mode: full_refresh}\n    - {name: orders, sync_mode: full_refresh, write_mode: replace}");
  EXPECT_EQ(check(), ExitCode::kInvalidPipeline);
  EXPECT_THAT(said(), HasSubstr(":7:"));
  EXPECT_THAT(said(), HasSubstr("'ordrs'"));
  EXPECT_THAT(said(), HasSubstr(":8:"));
  EXPECT_THAT(said(), HasSubstr("supports only append"));
}

TEST_F(CheckCommand, EachPartHasItsExitCode) {
  struct Case {
    const char* name;
    std::function<void()> break_it;
    ExitCode code;
  };
  const Status refused = make_error(ErrorCategory::kAuth, "REFUSED", "the server refused");
  const auto fresh = connectors_;
  const Case cases[] = {
      {"source open", [&] { connectors_["test/source"].open = refused; }, ExitCode::kSource},
      {"source validate", [&] { connectors_["test/source"].validation = refused; }, ExitCode::kSource},
      {"source discover", [&] { connectors_["test/source"].catalog = refused; }, ExitCode::kSource},
      {"source catalog", [&] { connectors_["test/source"].catalog = std::string("nonsense"); }, ExitCode::kSource},
      {"source says no",
       [&] {
         connectors_["test/source"].validation = runtime::ValidationResult{runtime::ValidationStatus::kFailed, "no"};
       },
       ExitCode::kSource},
      {"destination open", [&] { connectors_["test/dest"].open = refused; }, ExitCode::kDestination},
      {"destination start", [&] { connectors_["test/dest"].instantiate = refused; }, ExitCode::kDestination},
      {"bad checksum",
       [&] { connectors_["test/dest"].load = make_error(ErrorCategory::kPermission, "CHECKSUM_MISMATCH", "differs"); },
       ExitCode::kConnector},
      {"first failure decides", [&] { connectors_["test/dest"].open = connectors_["test/source"].open = refused; },
       ExitCode::kSource},
  };
  write_pipeline();
  for (const Case& c : cases) {
    connectors_ = fresh;
    c.break_it();
    EXPECT_EQ(check(), c.code) << c.name;
  }
}

TEST_F(CheckCommand, AWarningIsShownAndIsNoFailure) {
  connectors_["test/dest"].validation =
      runtime::ValidationResult{runtime::ValidationStatus::kWarning, "the table is large"};
  write_pipeline();
  EXPECT_EQ(check(), ExitCode::kOk);
  EXPECT_THAT(said(), HasSubstr("warning  destination  test/dest warns: the table is large\n"));
}

TEST_F(CheckCommand, QuietShowsOnlyWhatIsNotFine) {
  write_pipeline();
  EXPECT_EQ(check(false, true), ExitCode::kOk);
  EXPECT_EQ(said(), "");
}

TEST_F(CheckCommand, APermissionThatCannotBeGivenKeepsTheGuestFromStarting) {
  connectors_["test/source"].manifest.permissions.config_paths = {
      {.pointer = "/folder", .read_write = false, .lock = ""}};
  write_pipeline();
  EXPECT_EQ(check(), ExitCode::kSource);
  EXPECT_THAT(said(), HasSubstr("failed   permissions  "));
  EXPECT_THAT(said(), HasSubstr("data does not exist"));
  EXPECT_THAT(calls_.names, Not(::testing::Contains("source.open")));
}

TEST_F(CheckCommand, WhatIsGrantedIsToldExactlyForEachConnector) {
  connectors_["test/source"].manifest.permissions.config_paths = {
      {.pointer = "/folder", .read_write = false, .lock = ""}};
  connectors_["test/dest"].manifest.permissions.config_paths = {
      {.pointer = "/path", .read_write = true, .lock = "sqlite"}};
  std::filesystem::create_directory(folder_ / "data");
  write_file(
      "version: \"1.0\"\npipeline: p\nsource:\n  use: test/source\n  config: {folder: data}\n  streams:\n    - {name: "
      "orders, sync_mode: full_refresh}\ndestination:\n  use: test/dest\n  config: {path: out.db}\n");
  EXPECT_EQ(check(), ExitCode::kOk);
  const std::string root = std::filesystem::canonical(folder_).string();
  EXPECT_THAT(said(), HasSubstr("test/source gets hosts: none; folders: " + root + "/data (read); variables: none\n"));
  EXPECT_THAT(said(), HasSubstr("test/dest gets hosts: none; folders: none; files: " + root +
                                "/out.db (read and write, with its journal); variables: none\n"));
}

TEST_F(CheckCommand, AFolderThatAGuestMustNotWriteIsRefusedWithItsLine) {
  connectors_["test/dest"].manifest.permissions.config_paths = {{.pointer = "/folder", .read_write = true, .lock = ""}};
  write_file(
      "version: \"1.0\"\npipeline: p\nsource:\n  use: test/source\n  streams:\n    - {name: orders, sync_mode: "
      "full_refresh}\ndestination:\n  use: test/dest\n  config:\n    folder: .\n");
  EXPECT_EQ(check(), ExitCode::kInvalidPipeline);
  EXPECT_THAT(said(), HasSubstr("failed   permissions  test/dest: config /folder is not granted\n"));
  EXPECT_THAT(said(), HasSubstr("p.yaml:10:5: destination.config.folder: test/dest may write "));
  EXPECT_THAT(said(), HasSubstr("holds the pipeline file"));
  EXPECT_THAT(calls_.names, Not(::testing::Contains("destination.open")));
}

TEST_F(CheckCommand, AStateInUseByARunIsExitCode9) {
  write_pipeline();
  auto state = make_state();
  ASSERT_NE(state, nullptr);
  auto lease = state->acquire_lease("p", "run-1");
  ASSERT_TRUE(lease.ok());
  EXPECT_EQ(check(), ExitCode::kState);
  EXPECT_THAT(said(), HasSubstr("failed   state "));
}

TEST_F(CheckCommand, APositionThatWasMadeForSomethingElseIsShownAsARunWouldRefuseIt) {
  write_pipeline("{name: orders, sync_mode: incremental, cursor_field: id}");
  const state::StreamKey key{"p", "orders", ""};
  {
    ASSERT_TRUE(
        writer()->begin_load(key, "l", false, R"({"source": "test/source", "destination": "other/dest"})").ok());
    ASSERT_TRUE(writer()->save_checkpoint(key, "l", R"({"load_id": "l", "cursor_value": {"int64": 1}})", 1).ok());
    ASSERT_TRUE(writer()->complete_load(key, "l").ok());
  }
  EXPECT_EQ(check(), ExitCode::kInvalidPipeline);
  EXPECT_THAT(said(), HasSubstr("failed   state "));
  EXPECT_THAT(said(), HasSubstr("stream 'orders'"));
  EXPECT_THAT(said(), HasSubstr("other/dest"));
  EXPECT_EQ((*make_state()->load_stream(key)).load_id, "l");
}

// What `run` would refuse because of an interrupted load.
TEST_F(CheckCommand, ShowsALoadThatCannotBeResumed) {
  write_pipeline();
  const state::StreamKey key{"p", "orders", ""};
  ASSERT_TRUE(writer()->begin_load(key, "load-1", true, "{}").ok());
  EXPECT_EQ(check(), ExitCode::kOk) << said();
  ASSERT_TRUE(
      writer()
          ->save_checkpoint(key, "load-1", R"({"load_id": "load-1", "batches_covered": 3, "rows_covered": 60})", 60)
          .ok());
  EXPECT_EQ(check(), ExitCode::kInvalidPipeline) << said();
  EXPECT_THAT(said(), HasSubstr("the source test/source cannot resume in the middle"));
  // A source that can, and a destination that keeps no receipts.
  connectors_["test/source"].manifest.source->features.emplace_back("resume");
  EXPECT_EQ(check(), ExitCode::kOk) << said();
  connectors_["test/dest"].manifest.destination->features.clear();
  ASSERT_TRUE(writer()->note_rows(key, "load-1", 80, 60).ok());
  EXPECT_EQ(check(), ExitCode::kState) << said();
  EXPECT_THAT(said(), HasSubstr("up to 20 of the rows that would be written now"));
  ASSERT_TRUE(
      writer()->set_stream_note("orders", "miscounted", R"({"load_id": "load-1", "why": "one is missing."})").ok());
  EXPECT_EQ(check(), ExitCode::kState) << said();
  EXPECT_THAT(said(), HasSubstr("one is missing. Look at the table"));
  EXPECT_TRUE(writer()->reset("orders").ok());
  EXPECT_EQ(check(), ExitCode::kOk);
}

TEST_F(CheckCommand, JsonIsOneDocumentOnStdout) {
  connectors_["test/dest"].open = make_error(ErrorCategory::kAuth, "REFUSED", "the server refused");
  write_pipeline();
  EXPECT_EQ(check(true), ExitCode::kDestination);
  EXPECT_EQ(said(), "");
  const auto document = nlohmann::json::parse(data_.raw());
  EXPECT_EQ(document["ok"], false);
  EXPECT_EQ(document["exit_code"], 6);
  EXPECT_EQ(document["findings"].size(), 9U);
  const auto failed = std::find_if(document["findings"].begin(), document["findings"].end(),
                                   [](const auto& finding) { return finding["status"] == "failed"; });
  ASSERT_NE(failed, document["findings"].end());
  EXPECT_EQ((*failed)["part"], "destination");
  EXPECT_EQ((*failed)["exit_code"], 6);
}

}  // namespace
}  // namespace rapidbyte::cli
