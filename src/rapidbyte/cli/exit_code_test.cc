#include "rapidbyte/cli/exit_code.h"

#include <gtest/gtest.h>

namespace rapidbyte::cli {
namespace {

ConnectorError error(const char* code) {
  ConnectorError made;
  made.code = code;
  return made;
}

TEST(ExitCode, EachStageHasItsNumber) {
  using engine::Stage;
  EXPECT_EQ(to_int(exit_code_for(error("X"), Stage::kInternal)), 1);
  EXPECT_EQ(to_int(exit_code_for(error("X"), Stage::kConfig)), 3);
  EXPECT_EQ(to_int(exit_code_for(error("X"), Stage::kConnector)), 4);
  EXPECT_EQ(to_int(exit_code_for(error("X"), Stage::kSource)), 5);
  EXPECT_EQ(to_int(exit_code_for(error("X"), Stage::kDestination)), 6);
  EXPECT_EQ(to_int(exit_code_for(error("X"), Stage::kTransform)), 7);
  EXPECT_EQ(to_int(exit_code_for(error("X"), Stage::kRejected)), 8);
  EXPECT_EQ(to_int(exit_code_for(error("X"), Stage::kState)), 9);
  EXPECT_EQ(to_int(exit_code_for(error("X"), Stage::kInterrupted)), 130);
}

TEST(ExitCode, UnmistakableCodesWinOverTheStage) {
  for (const char* code : {"CONNECTOR_NOT_FOUND", "CONNECTOR_VERSION_MISMATCH", "CHECKSUM_MISMATCH", "MANIFEST_MISSING",
                           "MANIFEST_INVALID", "PROTOCOL_MISMATCH", "WRONG_ROLE", "COMPONENT_INVALID"}) {
    EXPECT_EQ(to_int(exit_code_for(error(code), engine::Stage::kSource)), 4) << code;
  }
  EXPECT_EQ(to_int(exit_code_for(error("PIPELINE_LOCKED"), engine::Stage::kSource)), 9);
  EXPECT_EQ(to_int(exit_code_for(error("LEASE_LOST"), engine::Stage::kSource)), 9);
  EXPECT_EQ(to_int(exit_code_for(error("STATE_BACKEND"), engine::Stage::kDestination)), 9);
  EXPECT_EQ(to_int(exit_code_for(error("CANCELLED"), engine::Stage::kDestination)), 130);
}

TEST(ExitCode, EveryCodeHasAMeaning) {
  for (const ExitCode code : {ExitCode::kOk, ExitCode::kInternal, ExitCode::kUsage, ExitCode::kInvalidPipeline,
                              ExitCode::kConnector, ExitCode::kSource, ExitCode::kDestination, ExitCode::kTransform,
                              ExitCode::kRejectedRows, ExitCode::kState, ExitCode::kBug, ExitCode::kInterrupted}) {
    EXPECT_NE(meaning_of(code), "unknown") << to_int(code);
  }
}

}  // namespace
}  // namespace rapidbyte::cli
