#include "rapidbyte/engine/errors.h"

#include <gtest/gtest.h>

#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;

ConnectorError error(std::string code) {
  ConnectorError made;
  made.code = std::move(code);
  return made;
}

TEST(RunFailure, BelongsToWhereItsErrorWasBorn) {
  for (const char* code :
       {"CONNECTOR_NOT_FOUND", "CONNECTOR_REF_INVALID", "CONNECTOR_VERSION_MISMATCH", "CHECKSUM_MISMATCH",
        "MANIFEST_MISSING", "MANIFEST_INVALID", "PROTOCOL_MISMATCH", "WRONG_ROLE", "COMPONENT_INVALID"}) {
    EXPECT_EQ(RunFailure(Stage::kSource, error(code)).stage, Stage::kConnector) << code;
  }
  EXPECT_EQ(RunFailure(Stage::kSource, error("PIPELINE_LOCKED")).stage, Stage::kState);
  EXPECT_EQ(RunFailure(Stage::kDestination, error("STATE_BACKEND")).stage, Stage::kState);
}

TEST(RunFailure, BelongsToItsStageOtherwise) {
  for (const Stage stage : {Stage::kConfig, Stage::kConnector, Stage::kSource, Stage::kDestination, Stage::kTransform,
                            Stage::kRejected, Stage::kState, Stage::kInterrupted, Stage::kInternal}) {
    // Only who ends the run interrupts it (failure_of()).
    EXPECT_EQ(RunFailure(stage, error("CANCELLED")).stage, stage);
    EXPECT_EQ(RunFailure(stage, error("SOMETHING")).stage, stage);
  }
}

TEST(RunFailure, OfTheStateIsTheStatesWhoeverMetIt) {
  EngineHarness h;
  h.source->script.read = [](const runtime::InstanceOptions&, const json&) -> Result<runtime::ReadSummary> {
    return make_error(ErrorCategory::kInternal, "STATE_BACKEND", "the disk is full");
  };
  const RunReport report = h.run();
  ASSERT_EQ(report.outcome, Outcome::kFailed);
  EXPECT_EQ(report.failure->stage, Stage::kState);
  EXPECT_EQ(to_json(report)["failure"]["stage"], "state");
  EXPECT_TRUE(report.failure->concerns_every_stream);
}

}  // namespace
}  // namespace rapidbyte::engine
