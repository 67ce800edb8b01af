#include "rapidbyte/cli/exit_code.h"

#include <gtest/gtest.h>

namespace rapidbyte::cli {
namespace {

ConnectorError error(const char* code, ErrorCategory category = ErrorCategory::kData) {
  ConnectorError made;
  made.category = category;
  made.code = code;
  return made;
}

TEST(ExitCode, EachPartHasItsNumber) {
  EXPECT_EQ(to_int(exit_code_for(error("X"), Part::kPipeline)), 3);
  EXPECT_EQ(to_int(exit_code_for(error("X"), Part::kConnector)), 4);
  EXPECT_EQ(to_int(exit_code_for(error("X"), Part::kSource)), 5);
  EXPECT_EQ(to_int(exit_code_for(error("X"), Part::kDestination)), 6);
  EXPECT_EQ(to_int(exit_code_for(error("X"), Part::kTransform)), 7);
  EXPECT_EQ(to_int(exit_code_for(error("X"), Part::kRejected)), 8);
  EXPECT_EQ(to_int(exit_code_for(error("X"), Part::kState)), 9);
  EXPECT_EQ(to_int(exit_code_for(error("X"), Part::kNone)), 1);
  EXPECT_EQ(to_int(exit_code_for(error("X", ErrorCategory::kConfig), Part::kNone)), 3);
}

TEST(ExitCode, UnmistakableCodesWinOverThePart) {
  for (const char* code : {"CONNECTOR_NOT_FOUND", "CONNECTOR_VERSION_MISMATCH", "CHECKSUM_MISMATCH", "MANIFEST_MISSING",
                           "MANIFEST_INVALID", "PROTOCOL_MISMATCH", "WRONG_ROLE", "COMPONENT_INVALID"}) {
    EXPECT_EQ(to_int(exit_code_for(error(code), Part::kSource)), 4) << code;
  }
  EXPECT_EQ(to_int(exit_code_for(error("PIPELINE_LOCKED"), Part::kSource)), 9);
  EXPECT_EQ(to_int(exit_code_for(error("STATE_BACKEND"), Part::kDestination)), 9);
  EXPECT_EQ(to_int(exit_code_for(error("CANCELLED"), Part::kDestination)), 130);
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
