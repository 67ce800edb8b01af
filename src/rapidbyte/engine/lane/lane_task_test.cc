#include "rapidbyte/engine/lane/lane_task.h"

#include <gtest/gtest.h>

namespace rapidbyte::engine {
namespace {

using nlohmann::json;

LaneTask full_task() {
  LaneTask task;
  task.pipeline = "p";
  task.stream = "orders";
  task.source = {"source-x", false, false, true};
  task.transforms = {{"t", true, true, false}, {"u", false, false, false}};
  task.destination = {"dest-x", false, false, false};
  task.limits = {{7, 4096}, pipeline::Compression::kZstd, 11, true};
  task.special_columns = {"a", "b"};
  task.part = 3;
  LanePosition& position = task.position;
  position.source_context = R"({"stream_name":"orders"})";
  position.transform_contexts = {"{}", R"({"a":1})"};
  position.destination_context = R"({"write_mode":"append"})";
  position.first_checkpoint = protocol::Checkpoint(nlohmann::json{{"cursor_value", {{"int64", 5}}}});
  position.load_id = "l1";
  position.durable = true;
  position.receipts = true;
  position.rows_before = UINT64_MAX;
  position.load_start_cursor = protocol::CursorValue::of_utf8("x");
  position.notes_rows = true;
  position.rows_covered = std::nullopt;
  position.rows_given = 19;
  position.rows_reported = 18;
  position.skips_empty = true;
  return task;
}

LaneResult full_result() {
  LaneResult result;
  result.complete = true;
  result.rows_read = 1;
  result.rows_written = 2;
  result.rows_rejected = 3;
  result.rows_transformed_away = -4;
  result.bytes_read = 5;
  result.bytes_written = 6;
  result.rows_emitted = 7;
  result.bytes_emitted = 8;
  result.batches_emitted = 9;
  result.rows_given = 10;
  result.rows_refused = 11;
  result.rows_committed = UINT64_MAX;
  result.checkpoints = 12;
  result.end_of_load = R"({"end":true})";
  result.skipped_empty = true;
  using std::chrono::nanoseconds;
  result.stages = {{"source", "c", nanoseconds{1}, nanoseconds{2}, nanoseconds{3}, nanoseconds{-4}, nanoseconds{5}}};
  return result;
}

TEST(LaneTask, GoesThroughJsonAndBackUnchanged) {
  for (const LaneTask& task : {LaneTask(), full_task()}) {
    const auto back = lane_task_from(json::parse(to_json(task).dump()));
    ASSERT_TRUE(back.ok()) << back.status().to_string();
    EXPECT_TRUE(*back == task) << to_json(*back) << to_json(task);
  }
}

TEST(LaneResult, GoesThroughJsonAndBackUnchanged) {
  for (const LaneResult& result : {LaneResult(), full_result()}) {
    const auto back = lane_result_from(json::parse(to_json(result).dump()));
    ASSERT_TRUE(back.ok()) << back.status().to_string();
    EXPECT_TRUE(*back == result) << to_json(*back) << to_json(result);
  }
}

// A task that lost a member on its way would be another one: a lane without its position reads everything again.
TEST(LaneTask, IsRefusedWhenAnythingIsMissingOrOfAnotherKind) {
  for (const json& whole : {to_json(full_task()), to_json(full_task())["position"], to_json(full_task())["limits"]}) {
    for (const auto& [key, value] : whole.items()) {
      SCOPED_TRACE(key);
      json task = to_json(full_task());
      json& part = task.contains(key) ? task : task["position"].contains(key) ? task["position"] : task["limits"];
      part.erase(key);
      EXPECT_EQ(lane_task_from(task).error().code, "LANE_INVALID");
    }
  }
  json task = to_json(full_task());
  task["limits"]["compression"] = "brotli";
  EXPECT_EQ(lane_task_from(task).error().code, "LANE_INVALID");
  EXPECT_EQ(lane_task_from(json("text")).error().code, "LANE_INVALID");
}

TEST(LaneResult, IsRefusedWhenAnythingIsMissing) {
  const json whole = to_json(full_result());
  for (const auto& [key, value] : whole.items()) {
    json result = whole;
    result.erase(key);
    EXPECT_EQ(lane_result_from(result).error().code, "LANE_INVALID") << key;
  }
}

}  // namespace
}  // namespace rapidbyte::engine
