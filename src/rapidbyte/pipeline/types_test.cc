#include "rapidbyte/pipeline/types.h"

#include <gtest/gtest.h>

namespace rapidbyte::pipeline {
namespace {

TEST(Types, AreSpelledAsInTheProtocol) {
  EXPECT_EQ(to_string(SyncMode::kFullRefresh), "full_refresh");
  EXPECT_EQ(to_string(SyncMode::kIncremental), "incremental");
  EXPECT_EQ(to_string(SyncMode::kCdc), "cdc");
  EXPECT_EQ(to_string(WriteMode::kAppend), "append");
  EXPECT_EQ(to_string(WriteMode::kReplace), "replace");
  EXPECT_EQ(to_string(WriteMode::kUpsert), "upsert");
  EXPECT_EQ(to_string(OnDataError::kFail), "fail");
  EXPECT_EQ(to_string(OnDataError::kSkip), "skip");
  EXPECT_EQ(to_string(OnDataError::kDlq), "dlq");
  EXPECT_EQ(to_string(NewColumn::kAdd), "add");
  EXPECT_EQ(to_string(NewColumn::kIgnore), "ignore");
  EXPECT_EQ(to_string(NewColumn::kFail), "fail");
  EXPECT_EQ(to_string(RemovedColumn::kIgnore), "ignore");
  EXPECT_EQ(to_string(RemovedColumn::kFail), "fail");
  EXPECT_EQ(to_string(TypeChange::kCoerce), "coerce");
  EXPECT_EQ(to_string(TypeChange::kFail), "fail");
  EXPECT_EQ(to_string(TypeChange::kNull), "null");
  EXPECT_EQ(to_string(NullabilityChange::kAllow), "allow");
  EXPECT_EQ(to_string(NullabilityChange::kFail), "fail");
  EXPECT_EQ(to_string(Compression::kNone), "none");
  EXPECT_EQ(to_string(Compression::kLz4), "lz4");
  EXPECT_EQ(to_string(Compression::kZstd), "zstd");
}

}  // namespace
}  // namespace rapidbyte::pipeline
