#include "rapidbyte/pipeline/stream_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rapidbyte::pipeline {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ConfiguredContext, DefaultsOfThePipelineFileAreThoseOfTheProtocol) {
  StreamConfig stream;
  stream.name = "orders";
  protocol::StreamContext published;
  published.stream_name = "orders";
  EXPECT_EQ(configured_context(stream, DestinationConfig(), Resources(), false), published);
}

TEST(ConfiguredContext, EverySettingOfTheFileArrives) {
  StreamConfig stream;
  stream.name = "orders";
  stream.sync_mode = SyncMode::kIncremental;
  stream.options = {{"path", "orders.csv"}, {"columns", {{"zip", "Utf8"}}}};
  DestinationConfig destination;
  destination.write_mode = WriteMode::kUpsert;
  destination.primary_key = {"region", "id"};
  destination.on_data_error = OnDataError::kDlq;
  destination.schema_evolution = {NewColumn::kFail, RemovedColumn::kFail, TypeChange::kNull, NullabilityChange::kFail};
  Resources resources;
  resources.max_batch_bytes = 4096;
  resources.max_record_bytes = 7;
  resources.max_inflight_batches = 2;
  resources.checkpoint_interval_bytes = 1;
  resources.checkpoint_interval_rows = 3;
  resources.checkpoint_interval_seconds = 5;
  const protocol::StreamContext context = configured_context(stream, destination, resources, true);
  protocol::StreamContext expected;
  expected.stream_name = "orders";
  expected.sync_mode = SyncMode::kIncremental;
  expected.limits = {4096, 7, 2, 1, 1, 3, 5};
  expected.policies.on_data_error = OnDataError::kDlq;
  expected.policies.new_column = NewColumn::kFail;
  expected.policies.removed_column = RemovedColumn::kFail;
  expected.policies.type_change = TypeChange::kNull;
  expected.policies.nullability_change = NullabilityChange::kFail;
  expected.write_mode = WriteMode::kUpsert;
  expected.primary_key = {"region", "id"};
  expected.stream_options = stream.options;
  EXPECT_EQ(context, expected);
}

TEST(ConfiguredContext, TheStreamsOwnSettingsWinOverTheDestinations) {
  StreamConfig stream;
  stream.write_mode = WriteMode::kUpsert;
  stream.primary_key = {"own"};
  DestinationConfig destination;
  destination.write_mode = WriteMode::kReplace;
  destination.primary_key = {"general"};
  const auto for_destination = [&] { return configured_context(stream, destination, Resources(), true); };
  EXPECT_EQ(for_destination().write_mode, WriteMode::kUpsert);
  EXPECT_THAT(for_destination().primary_key, ElementsAre("own"));
  stream.primary_key.clear();
  EXPECT_THAT(for_destination().primary_key, ElementsAre("general"));
  stream.write_mode.reset();
  EXPECT_EQ(for_destination().write_mode, WriteMode::kReplace);
  EXPECT_THAT(for_destination().primary_key, IsEmpty()) << "the key is the upsert's";
  destination.write_mode = WriteMode::kAppend;
  EXPECT_EQ(for_destination().write_mode, WriteMode::kAppend);
  EXPECT_EQ(configured_context(stream, destination, Resources(), false).write_mode, std::nullopt);
}

}  // namespace
}  // namespace rapidbyte::pipeline
