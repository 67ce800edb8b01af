#include "rapidbyte/engine/prepare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Parts = PrepareOptions::Parts;

std::vector<std::string> ids_in(const PreparedPipeline& prepared) {
  std::vector<std::string> ids;
  for (const PreparedConnector& connector : prepared.connectors) ids.push_back(connector.slot.id);
  return ids;
}

class Prepare : public ::testing::Test {
 protected:
  Prepare() {
    const json strict = {{"type", "object"}, {"additionalProperties", false}};
    h_.source->manifest_.config_schema = strict;
    h_.source->manifest_.stream_schema = nullptr;
    h_.destination->manifest_.config_schema = strict;
    h_.runtime.add("pass", runtime::ConnectorRole::kTransform, Script());
    h_.pipeline.transforms.emplace_back().use = "pass";
  }
  PreparedPipeline prepared(Parts parts = Parts::kAll, bool collect = false) {
    PrepareOptions options;
    options.parts = parts;
    options.collect = collect;
    return prepare(h_.pipeline, h_.runtime, std::move(options));
  }
  EngineHarness h_;
};

TEST_F(Prepare, GivesEveryConnectorInTheOrderOfTheData) {
  const PreparedPipeline all = prepared();
  EXPECT_THAT(ids_in(all), ElementsAre("source", "transform-0", "destination"));
  EXPECT_FALSE(all.refusal().has_value());
  EXPECT_FALSE(all.failure().has_value());
  EXPECT_EQ(all.source, h_.source);
  EXPECT_EQ(all.destination, h_.destination);
  EXPECT_EQ(all.transforms.size(), 1U);
  EXPECT_EQ(all.connectors[1].slot.pointer, "/transforms/0");
  EXPECT_EQ(all.connectors[1].slot.stage, Stage::kTransform);
}

TEST_F(Prepare, LeavesOutWhatADryRunAndDiscoverDoNotNeed) {
  h_.pipeline.destination.use = "not-there";
  const PreparedPipeline dry = prepared(Parts::kWithoutDestination);
  EXPECT_THAT(ids_in(dry), ElementsAre("source", "transform-0"));
  EXPECT_FALSE(dry.failure().has_value());
  EXPECT_EQ(dry.destination, nullptr);
  h_.pipeline.transforms[0].use = "not-there";
  const PreparedPipeline source = prepared(Parts::kSource);
  EXPECT_THAT(ids_in(source), ElementsAre("source"));
  EXPECT_FALSE(source.failure().has_value());
}

TEST_F(Prepare, RefusesAConnectorThatCannotBeLoadedBeforeAnyMistake) {
  h_.pipeline.source.config = {{"tpyo", 1}};
  h_.pipeline.destination.use = "not-there";
  const auto refusal = prepared().refusal();
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->failure.error.code, "CONNECTOR_NOT_FOUND");
  EXPECT_EQ(refusal->failure.stage, Stage::kConnector);
  EXPECT_THAT(refusal->mistakes, IsEmpty());
}

TEST_F(Prepare, ShowsTheMistakesOfAllConfigsTogether) {
  h_.pipeline.source.config = {{"tpyo", 1}};
  h_.pipeline.source.streams[0].options = {{"a/b~c", 1}};
  h_.pipeline.destination.config = {{"other", 1}};
  const PreparedPipeline made = prepared();
  const auto refusal = made.refusal();
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->failure.error.code, "PIPELINE_INVALID");
  EXPECT_EQ(refusal->failure.stage, Stage::kConfig);
  ASSERT_EQ(refusal->mistakes.size(), 3U);
  EXPECT_EQ(refusal->mistakes[0].section, "/source/config");
  EXPECT_EQ(refusal->mistakes[1].section, "/source/streams/0");
  EXPECT_EQ(refusal->mistakes[1].pointer, "/a~1b~0c");
  EXPECT_EQ(refusal->mistakes[2].section, "/destination/config");
  EXPECT_EQ(made.source, nullptr) << "what does not fit is not used";
}

TEST_F(Prepare, CollectsWhatIsWrongWithEveryPart) {
  h_.pipeline.source.use = "not-there";
  h_.pipeline.destination.config = {{"other", 1}};
  const PreparedPipeline made = prepared(Parts::kAll, /*collect=*/true);
  ASSERT_EQ(made.connectors.size(), 3U);
  EXPECT_EQ(made.connectors[0].loaded.error().code, "CONNECTOR_NOT_FOUND");
  EXPECT_TRUE(made.connectors[1].usable());
  EXPECT_EQ(made.connectors[2].mistakes.size(), 1U);
  EXPECT_FALSE(made.connectors[2].fits());
  EXPECT_FALSE(made.fits());
}

TEST_F(Prepare, TellsAGrantThatIsRefusedFromOneThatCannotBeGiven) {
  runtime::ConfigPath path;
  path.pointer = "/path";
  path.read_write = true;
  h_.source->manifest_.config_schema = {{"type", "object"}};
  h_.source->manifest_.permissions.config_paths = {path};
  h_.pipeline.source.config = {{"path", (h_.folder / "absent" / "x").string()}};
  const PreparedPipeline absent = prepared();
  EXPECT_FALSE(absent.refusal().has_value()) << "no mistake of the file";
  ASSERT_TRUE(absent.failure().has_value());
  EXPECT_EQ(absent.failure()->stage, Stage::kSource);
  EXPECT_FALSE(absent.connectors[0].usable());

  std::filesystem::create_directory(h_.folder / "events");
  h_.pipeline.source.config = {{"path", (h_.folder / "events").string()}};
  ASSERT_FALSE(prepared().failure().has_value());
  PrepareOptions options;
  options.protect = {{"the file of --events", h_.folder / "events" / "run.ndjson"}};
  const PreparedPipeline protected_by = prepare(h_.pipeline, h_.runtime, std::move(options));
  ASSERT_TRUE(protected_by.refusal().has_value());
  EXPECT_EQ(protected_by.refusal()->failure.error.code, "PIPELINE_INVALID");
  ASSERT_EQ(protected_by.refusal()->mistakes.size(), 1U);
  EXPECT_THAT(protected_by.refusal()->mistakes[0].message, HasSubstr("--events"));
  EXPECT_EQ(protected_by.failure()->error.code, "GRANT_REFUSED");
}

TEST_F(Prepare, DiscoverAsksOnlyToLook) {
  bool only_looks = false;
  const auto ask = h_.source->script.discover;
  h_.source->script.discover = [&, ask](const runtime::InstanceOptions& options) {
    only_looks = options.only_looks;
    return ask(options);
  };
  PreparedPipeline made = prepared(Parts::kSource);
  EXPECT_FALSE(discover(made, CancelToken()).has_value());
  EXPECT_EQ(made.catalog.streams.size(), 1U);
  EXPECT_TRUE(only_looks);
  EXPECT_EQ(h_.source->alive, 0);

  h_.source->script.discover = [](const runtime::InstanceOptions&) { return Result<std::string>(std::string("[")); };
  const auto failure = discover(made, CancelToken());
  ASSERT_TRUE(failure.has_value());
  EXPECT_EQ(failure->error.code, "CATALOG_INVALID");
  EXPECT_EQ(failure->stage, Stage::kSource);
}

TEST_F(Prepare, ARunOfWhatCannotBeUsedIsAReport) {
  h_.pipeline.source.use = "not-there";
  const RunReport report = h_.run();
  ASSERT_EQ(report.outcome, Outcome::kFailed);
  EXPECT_EQ(report.failure->error.code, "CONNECTOR_NOT_FOUND");
  EXPECT_EQ(report.failure->stage, Stage::kConnector);
}

}  // namespace
}  // namespace rapidbyte::engine
