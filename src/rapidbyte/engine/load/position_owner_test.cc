#include "rapidbyte/engine/load/position_owner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "rapidbyte/base/sha256.h"
#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;
using ::testing::HasSubstr;

constexpr const char* kSchema = R"({"properties": {
  "url": {"type": "string", "x-place": true}, "schema": {"type": "string", "x-place": true, "default": "public"},
  "batch": {"type": "string"}}})";

TEST(PlaceOf, IsWhatTheSchemaMarksWithoutCredentials) {
  const json schema = json::parse(kSchema);
  EXPECT_EQ(place_of(schema, {{"url", "postgres://me:se@cret@db:5433/shop?sslmode=require"}, {"batch", "x"}}),
            json({{"url", "postgres://db/shop"}, {"schema", "public"}}));
  EXPECT_EQ(place_of(schema, {{"url", "postgres://db:5433/shop"}, {"schema", "public"}}),
            place_of(schema, {{"url", "postgres://you@db:5433/shop"}}))
      << "another user and a default that is written out are no other place";
  const auto place = [&](const char* url) { return place_of(schema, {{"url", url}})["url"].get<std::string>(); };
  EXPECT_EQ(place("postgres://u:p@[::1]:5432/d"), "postgres://[::1]/d");
  EXPECT_EQ(place("postgres://a:1,b:2/d#x"), "postgres://a,b/d");
  EXPECT_EQ(place("s3://bucket-a/p@v1/x"), "s3://bucket-a/p@v1/x");
  EXPECT_EQ(place("orders.db"), "orders.db");
}

// Whether it changes is kept, and nothing of what it is.
TEST(PlaceOf, IsEveryTextButSecretsWhenNothingIsMarked) {
  const auto kept = [](const char* text) { return "sha256:" + sha256_hex(json(text).dump()).substr(0, 16); };
  for (const json& schema : {json(), json::object(), json::parse(R"({"properties": {"host": {"type": "string"}}})")}) {
    EXPECT_EQ(place_of(schema, {{"host", "db"}, {"password", "hunter2"}, {"rows", 5}, {"url", "x://u:p@h/d"}}),
              json({{"host", kept("db")}, {"url", kept("x://h/d")}}));
  }
}

// A password that is changed is no other place, and none of it is kept.
TEST(PlaceOf, HoldsNoPartOfAPassword) {
  const auto place = [](const std::string& text) {
    const json schema = json::parse(R"({"properties": {"dsn": {"type": "string", "x-place": true}}})");
    return place_of(schema, {{"dsn", text}})["dsn"].get<std::string>();
  };
  for (const char* form : {"host=db user=u password={}", "Server=a;Password={};Database=d", "postgres://u:{}@h/db"}) {
    std::vector<std::string> places;
    for (const std::string password : {"s3cret-one", "other#secret/9"}) {
      std::string text = form;
      text.replace(text.find("{}"), 2, password);
      places.push_back(place(text));
      for (size_t at = 0; at + 5 <= password.size(); ++at)
        EXPECT_THAT(places.back(), ::testing::Not(HasSubstr(password.substr(at, 5)))) << text;
    }
    EXPECT_EQ(places[0], places[1]) << form;
  }
}

// The state is no place for passwords, whatever a manifest marks.
TEST(PlaceOf, HoldsNoSecretThatAManifestMarks) {
  const json schema = json::parse(R"({"properties": {
    "password": {"x-place": true, "default": "hunter2-default"}, "apiKey": {"x-place": true},
    "host": {"x-place": true}, "servers": {"x-place": true}, "port": {"x-place": true}}})");
  const json config = json::parse(R"({"password": "hunter2-one", "apiKey": {"value": "hunter2-two"}, "host": "db",
    "port": 5433, "servers": [{"host": "a", "auth": {"user": "u", "pgpass": "hunter2-three"}},
                              "x://u:hunter2-four@h:1/d"]})");
  EXPECT_EQ(place_of(schema, config), json::parse(R"({"host": "db", "port": 5433, "servers": [
    {"host": "a", "auth": {"user": "u"}}, "x://h/d"]})"));
  EXPECT_EQ(place_of(schema, json::object()), json::object()) << "nor a default";
}

class PositionOwner : public ::testing::Test {
 protected:
  void SetUp() override {
    h_.make_incremental();
    h_.destination->manifest_.config_schema = json::parse(kSchema);
    h_.pipeline.destination.config = {{"url", "x://one/db"}};
    write_file(h_.pipeline.file);
    ASSERT_TRUE(h_.run().succeeded());
    CountingOptions more;
    more.rows = 120;
    h_.source->script = counting_source(more);
  }
  static void write_file(const std::filesystem::path& path) { std::ofstream(path) << "name: p\n"; }

  void expect_refused(const std::string& what) {
    const RunReport report = h_.run();
    ASSERT_FALSE(report.succeeded());
    EXPECT_EQ(report.failure->error.code, "CURSOR_CHANGED");
    EXPECT_EQ(report.failure->stage, Stage::kConfig);
    EXPECT_THAT(report.failure->error.message, HasSubstr("stream 'numbers'"));
    EXPECT_THAT(report.failure->error.message, HasSubstr(what));
    EXPECT_THAT(report.failure->error.message, HasSubstr("rapidbyte state reset"));
    EXPECT_EQ(h_.database.rows("numbers"), count_to(100));
  }
  void expect_resumes() {
    const RunReport report = h_.run();
    ASSERT_TRUE(report.succeeded()) << why(report);
    EXPECT_EQ(report.streams[0].rows_written, 20U);
    EXPECT_EQ(h_.database.rows("numbers"), count_to(120));
  }

  /// Of a stream that nothing is known of, into a table that is not there.
  void begin_a_full_refresh_that_fails_at(int64_t batch) {
    ASSERT_TRUE(h_.writer()->reset("numbers").ok());
    h_.database.tables.clear();
    h_.pipeline.source.streams[0].sync_mode = pipeline::SyncMode::kFullRefresh;
    CountingOptions breaks;
    breaks.before_batch = once(batch, make_error(ErrorCategory::kData, "BAD_ROW", "bad"));
    h_.source->script = counting_source(breaks);
    ASSERT_FALSE(h_.run().succeeded());
  }

  EngineHarness h_;
};

TEST_F(PositionOwner, TakesItsOwn) { expect_resumes(); }

TEST_F(PositionOwner, RefusesAnotherPlaceUnlessTheUserSaysThatItsRowsAreThere) {
  h_.pipeline.destination.config["url"] = "x://two/db";
  expect_refused("url: x://one/db");
  expect_refused("url: x://two/db");
  h_.options.keep_positions = true;
  expect_resumes();
  // From now on the positions are those of the new place.
  h_.options.keep_positions = false;
  EXPECT_TRUE(h_.run().succeeded());
}

// Written in another way, a path is the same place; behind a link ".." leads elsewhere.
TEST_F(PositionOwner, TakesAPathThatIsWrittenInAnotherWayForTheSamePlace) {
  std::filesystem::create_directories(h_.folder / "in" / "deep");
  std::filesystem::create_directory_symlink("in/deep", h_.folder / "link");
  const std::vector<runtime::ConfigPath> paths = {{"/at/path", true, ""}, {"/other", false, ""}, {"/none", false, ""}};
  const auto plain = [&](const std::string& path) {
    return with_plain_paths({{"at", {{"path", path}}}, {"other", 7}, {"more", "./x"}}, paths, h_.folder);
  };
  const json expected = {{"at", {{"path", "o.db"}}}, {"other", 7}, {"more", "./x"}};
  for (const char* path : {"o.db", "./o.db", ".//o.db", "in/../o.db", "in/deep/../.././o.db", "absent/../o.db"})
    EXPECT_EQ(plain(path), expected) << path;
  for (const auto& [path, stays] : {std::pair{"link/../o.db", "link/../o.db"},
                                    {"../o.db", "../o.db"},
                                    {"../../o.db", "../../o.db"},
                                    {"in/../../o.db", "../o.db"},
                                    {"/data//x/../o.db", "/data/o.db"},
                                    {"/../o.db", "/../o.db"},
                                    {"in/", "in"},
                                    {".", "."}}) {
    EXPECT_EQ(plain(path)["at"]["path"], stays) << path;
  }

  h_.destination->manifest_.permissions.config_paths = {{"/url", true, ""}};
  h_.pipeline.destination.config["url"] = "two.db";
  h_.options.keep_positions = true;
  ASSERT_TRUE(h_.run().succeeded());
  h_.options.keep_positions = false;
  h_.pipeline.destination.config["url"] = "./in/../two.db";
  EXPECT_TRUE(h_.run().succeeded());
  h_.pipeline.destination.config["url"] = "in/two.db";
  EXPECT_EQ(h_.run().failure->error.code, "CURSOR_CHANGED");
}

TEST_F(PositionOwner, NamesAllStreamsThatAreConcernedAndAdvisesWhatTheyAllowOnly) {
  // An incremental replace would leave only the newest rows, and is refused.
  h_.pipeline.destination.config["url"] = "x://two/db";
  const std::string alone = h_.run().failure->error.message;
  EXPECT_THAT(alone, HasSubstr("use write_mode upsert; or remove the stream's rows from the table"));
  EXPECT_THAT(alone, ::testing::Not(HasSubstr("replace")));

  h_.pipeline.destination.config["url"] = "x://one/db";
  CountingOptions more;
  more.streams = {"numbers", "b", "c", "d"};
  h_.source->script = counting_source(more);
  for (const char* name : {"b", "c", "d"}) {
    h_.pipeline.source.streams.push_back(h_.pipeline.source.streams.front());
    h_.pipeline.source.streams.back().name = name;
  }
  ASSERT_TRUE(h_.run().succeeded());
  h_.pipeline.destination.config["url"] = "x://two/db";
  h_.pipeline.source.streams[3].sync_mode = pipeline::SyncMode::kFullRefresh;
  const std::string several = h_.run().failure->error.message;
  EXPECT_THAT(several, HasSubstr("stream 'numbers': its position says"));
  EXPECT_THAT(several, HasSubstr("The same holds for 2 more: b, c."));
  EXPECT_THAT(several, HasSubstr("1 more is refused for other reasons: d ('d': its position was made with sync_mode"));
  EXPECT_THAT(several, HasSubstr("use write_mode upsert; or remove the streams' rows from the tables"));
  EXPECT_THAT(several, HasSubstr("--stream numbers --stream b --stream c --stream d"));
  EXPECT_THAT(several, ::testing::Not(HasSubstr("--keep-positions"))) << "of d it would not be enough";
}

TEST_F(PositionOwner, ARunThatIsRefusedKeepsNoPositions) {
  CountingOptions more;
  more.streams = {"numbers", "b"};
  h_.source->script = counting_source(more);
  h_.pipeline.source.streams.push_back(h_.pipeline.source.streams.front());
  h_.pipeline.source.streams.back().name = "b";
  ASSERT_TRUE(h_.run().succeeded());
  h_.pipeline.destination.config["url"] = "x://two/db";
  h_.pipeline.source.streams[1].sync_mode = pipeline::SyncMode::kFullRefresh;
  h_.options.keep_positions = true;
  EXPECT_EQ(h_.run().failure->error.code, "CURSOR_CHANGED");
  EXPECT_THAT(*h_.stream_state().owner_json, HasSubstr("x://one/db"));
}

TEST_F(PositionOwner, RefusesAnotherSettingOnlyWhereItSaysWhere) {
  h_.pipeline.destination.config["batch"] = "large";
  expect_resumes();
}

TEST_F(PositionOwner, RefusesAnotherCursorInAnyCase) {
  h_.options.keep_positions = true;
  h_.pipeline.source.streams[0].cursor_field = "other";
  h_.source->script.discover = [](const runtime::InstanceOptions&) -> Result<std::string> {
    return std::string(R"({"streams": [{"name": "numbers", "schema": [{"name": "id", "data_type": "int64"},
        {"name": "other", "data_type": "int64"}], "supported_sync_modes": ["full_refresh", "incremental"]}]})");
  };
  const RunReport report = h_.run();
  ASSERT_FALSE(report.succeeded());
  EXPECT_EQ(report.failure->error.code, "CURSOR_CHANGED") << why(report);
  EXPECT_THAT(report.failure->error.message, ::testing::Not(HasSubstr("--keep-positions")));
}

TEST_F(PositionOwner, RefusesTheCursorsOfAnotherPipelineFileOfTheName) {
  const std::filesystem::path first = h_.pipeline.file;
  h_.pipeline.file = h_.folder / "copy.yaml";
  write_file(h_.pipeline.file);
  expect_refused(first.string());
  // The file was renamed.
  std::filesystem::remove(first);
  expect_resumes();
}

TEST_F(PositionOwner, TakesTheSameFileByAnotherName) {
  const std::filesystem::path link = h_.folder / "link.yaml";
  std::filesystem::create_symlink(h_.pipeline.file, link);
  h_.pipeline.file = link;
  expect_resumes();
}

TEST_F(PositionOwner, BindsNothingWhereThereIsNoPosition) {
  ASSERT_TRUE(h_.writer()->reset("numbers").ok());
  h_.database.tables.clear();
  h_.pipeline.destination.config["url"] = "x://two/db";
  const RunReport report = h_.run();
  ASSERT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h_.database.rows("numbers"), count_to(120));
}

TEST_F(PositionOwner, ARunThatIsRefusedDoesNotTakeThePositionsOver) {
  h_.pipeline.destination.config["url"] = "x://two/db";
  expect_refused("x://two/db");
  h_.pipeline.destination.config["url"] = "x://one/db";
  expect_resumes();
}

// The stream that did not get its turn keeps the position of the old place, and what it was made for.
TEST_F(PositionOwner, AReplaceElsewhereThatDidNotBeginLeavesThePositionWhereItWas) {
  h_.pipeline.destination.config["url"] = "x://two/db";
  h_.pipeline.source.streams[0].write_mode = pipeline::WriteMode::kReplace;
  h_.pipeline.source.streams[0].sync_mode = pipeline::SyncMode::kFullRefresh;
  const auto open = h_.destination->script.open;
  h_.destination->script.open = [](const runtime::InstanceOptions&) {
    return make_error(ErrorCategory::kAuth, "NO_ENTRY", "no");
  };
  ASSERT_FALSE(h_.run().succeeded());
  h_.destination->script.open = open;
  h_.pipeline.source.streams[0].write_mode.reset();
  h_.make_incremental();
  expect_refused("x://two/db");
}

TEST_F(PositionOwner, IsKeptWithTheLoadWithoutSecrets) {
  const state::StreamState kept = h_.stream_state();
  ASSERT_TRUE(kept.owner_json.has_value());
  EXPECT_EQ(json::parse(*kept.owner_json)["place"]["url"], "x://one/db");
  EXPECT_EQ(json::parse(*kept.owner_json)["cursor_field"], "id");
}

TEST_F(PositionOwner, AnInterruptedLoadIsBoundToo) {
  begin_a_full_refresh_that_fails_at(7);
  ASSERT_TRUE(h_.stream_state().committed);
  h_.pipeline.destination.config["url"] = "x://two/db";
  const RunReport report = h_.run();
  ASSERT_FALSE(report.succeeded());
  EXPECT_EQ(report.failure->error.code, "CURSOR_CHANGED") << why(report);
}

TEST_F(PositionOwner, AnAppendIsNotLoadedAgainByAnotherSyncMode) {
  h_.pipeline.source.streams[0].sync_mode = pipeline::SyncMode::kFullRefresh;
  h_.pipeline.source.streams[0].cursor_field.reset();
  h_.options.keep_positions = true;
  expect_refused("sync_mode incremental, and sync_mode is now full_refresh");
  h_.options.keep_positions = false;
  h_.make_incremental();
  expect_resumes();
}

TEST_F(PositionOwner, AnIncrementalAppendDoesNotBeginAfterFullRefreshes) {
  ASSERT_TRUE(h_.writer()->reset("numbers").ok());
  h_.pipeline.source.streams[0].sync_mode = pipeline::SyncMode::kFullRefresh;
  h_.pipeline.source.streams[0].write_mode = pipeline::WriteMode::kReplace;
  ASSERT_TRUE(h_.run().succeeded());
  h_.pipeline.source.streams[0].write_mode.reset();
  h_.make_incremental();
  const RunReport report = h_.run();
  ASSERT_FALSE(report.succeeded());
  EXPECT_EQ(report.failure->error.code, "CURSOR_CHANGED") << why(report);
  EXPECT_THAT(report.failure->error.message, HasSubstr("loaded with sync_mode full_refresh"));
  EXPECT_EQ(h_.database.rows("numbers"), count_to(120));
}

TEST_F(PositionOwner, WhatCommittedNothingBindsNoSyncMode) {
  begin_a_full_refresh_that_fails_at(0);
  ASSERT_FALSE(h_.stream_state().committed);
  h_.make_incremental();
  h_.source->script = counting_source({});
  const RunReport report = h_.run();
  EXPECT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h_.database.rows("numbers"), count_to(100));
}

/// What a full refresh leaves of an incremental position when it fails before it has committed anything, or before its
/// staging table took the place of the table.
class FailedFullRefresh : public PositionOwner {
 protected:
  void fail_with(pipeline::WriteMode mode, int64_t at_batch) {
    const auto script = h_.source->script;
    pipeline::StreamConfig& stream = h_.pipeline.source.streams[0];
    stream.sync_mode = pipeline::SyncMode::kFullRefresh;
    stream.cursor_field.reset();
    stream.write_mode = mode;
    stream.primary_key = {"id"};
    CountingOptions breaks;
    breaks.before_batch = once(at_batch, make_error(ErrorCategory::kData, "BAD_ROW", "bad"));
    h_.source->script = counting_source(breaks);
    ASSERT_FALSE(h_.run().succeeded());
    h_.source->script = script;
    stream.write_mode.reset();
  }
};

TEST_F(FailedFullRefresh, LeavesThePosition) {
  fail_with(pipeline::WriteMode::kReplace, 7);
  fail_with(pipeline::WriteMode::kUpsert, 0);
  h_.make_incremental();
  expect_resumes();
}

TEST_F(FailedFullRefresh, LeavesThePositionWithADestinationThatCannotBeAsked) {
  h_.destination->own_role().features.clear();
  fail_with(pipeline::WriteMode::kReplace, 7);
  h_.make_incremental();
  expect_resumes();
}

TEST_F(FailedFullRefresh, DoesNotMakeAFullRefreshOfTheRowsThatAreThere) {
  fail_with(pipeline::WriteMode::kReplace, 7);
  expect_refused("sync_mode incremental, and sync_mode is now full_refresh");
}

TEST_F(FailedFullRefresh, LeavesThePositionToItsPlace) {
  h_.pipeline.destination.config["url"] = "x://two/db";
  fail_with(pipeline::WriteMode::kReplace, 7);
  h_.make_incremental();
  expect_refused("x://two/db");
  h_.pipeline.destination.config["url"] = "x://one/db";
  expect_resumes();
}

// The source sees the position of a load that it resumes, not that of one that only has to be finished.
class FinishedButForTheEnd : public PositionOwner {
 protected:
  void SetUp() override {
    PositionOwner::SetUp();
    ASSERT_TRUE(h_.writer()->reset("numbers").ok());
    h_.database.tables.clear();
    h_.source->manifest_.config_schema = json::parse(kSchema);
    h_.pipeline.source.config = {{"url", "x://in"}};
    h_.pipeline.source.streams[0].sync_mode = pipeline::SyncMode::kFullRefresh;
    h_.pipeline.source.streams[0].cursor_field.reset();
    h_.pipeline.source.streams[0].options = {{"path", "a.csv"}};
    const auto finish = h_.destination->script.finish_stream;
    h_.destination->script.finish_stream = [](const runtime::InstanceOptions&, const json&, bool) -> Status {
      return make_error(ErrorCategory::kData, "NO_FINISH", "no");
    };
    ASSERT_FALSE(h_.run().succeeded());
    h_.destination->script.finish_stream = finish;
    ASSERT_EQ(h_.database.rows("numbers"), count_to(120));
  }
  void expect_changed(const std::string& what) {
    const RunReport report = h_.run();
    ASSERT_FALSE(report.succeeded());
    EXPECT_EQ(report.failure->error.code, "CURSOR_CHANGED") << why(report);
    EXPECT_THAT(report.failure->error.message, HasSubstr(what));
  }
};

TEST_F(FinishedButForTheEnd, IsNotTakenForTheRowsOfAnotherSource) {
  h_.pipeline.source.config["url"] = "x://elsewhere";
  expect_changed("x://elsewhere");
  h_.options.keep_positions = true;
  EXPECT_TRUE(h_.run().succeeded());
  EXPECT_EQ(h_.database.rows("numbers"), count_to(120));
}

TEST_F(FinishedButForTheEnd, IsNotTakenForTheRowsOfOtherSettings) {
  h_.pipeline.source.streams[0].options = {{"path", "b.csv"}};
  expect_changed("other settings");
  h_.pipeline.source.streams[0].options = {{"path", "a.csv"}};
  const RunReport report = h_.run();
  EXPECT_TRUE(report.succeeded()) << why(report);
  EXPECT_EQ(h_.database.rows("numbers"), count_to(120));
}

}  // namespace
}  // namespace rapidbyte::engine
