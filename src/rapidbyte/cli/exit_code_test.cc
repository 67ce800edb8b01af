#include "rapidbyte/cli/exit_code.h"

#include <gtest/gtest.h>

namespace rapidbyte::cli {
namespace {

TEST(ExitCode, EachStageHasItsNumber) {
  using engine::Stage;
  EXPECT_EQ(to_int(exit_code_for(Stage::kInternal)), 1);
  EXPECT_EQ(to_int(exit_code_for(Stage::kConfig)), 3);
  EXPECT_EQ(to_int(exit_code_for(Stage::kConnector)), 4);
  EXPECT_EQ(to_int(exit_code_for(Stage::kSource)), 5);
  EXPECT_EQ(to_int(exit_code_for(Stage::kDestination)), 6);
  EXPECT_EQ(to_int(exit_code_for(Stage::kTransform)), 7);
  EXPECT_EQ(to_int(exit_code_for(Stage::kRejected)), 8);
  EXPECT_EQ(to_int(exit_code_for(Stage::kState)), 9);
  EXPECT_EQ(to_int(exit_code_for(Stage::kInterrupted)), 130);
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
