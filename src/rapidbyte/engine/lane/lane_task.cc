#include "rapidbyte/engine/lane/lane_task.h"

#include <fmt/format.h>

#include <chrono>
#include <exception>
#include <map>
#include <utility>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::engine {
namespace {

using nlohmann::json;

template <typename Value>
json optional_json(const std::optional<Value>& value) {
  return value ? json(*value) : json(nullptr);
}

template <typename Value>
std::optional<Value> optional_from(const json& value) {
  return value.is_null() ? std::nullopt : std::optional<Value>(value.get<Value>());
}

pipeline::Compression compression_from(const std::string& name) {
  using pipeline::Compression;
  static const std::map<std::string, Compression> kNames = {
      {"none", Compression::kNone}, {"lz4", Compression::kLz4}, {"zstd", Compression::kZstd}};
  return kNames.at(name);
}

json stage_json(const LaneStage& stage) {
  return {{"connector", stage.connector},
          {"speaks_2_1", stage.speaks_2_1},
          {"may_hold_rows", stage.may_hold_rows},
          {"may_be_kept", stage.may_be_kept}};
}

LaneStage stage_from(const json& object) {
  LaneStage stage;
  stage.connector = object.at("connector").get<std::string>();
  stage.speaks_2_1 = object.at("speaks_2_1").get<bool>();
  stage.may_hold_rows = object.at("may_hold_rows").get<bool>();
  stage.may_be_kept = object.at("may_be_kept").get<bool>();
  return stage;
}

json usage_json(const StageUsage& usage) {
  return {{"stage", usage.stage},
          {"connector", usage.connector},
          {"total_ns", usage.total.count()},
          {"waiting_input_ns", usage.waiting_input.count()},
          {"waiting_output_ns", usage.waiting_output.count()},
          {"waiting_network_ns", usage.waiting_network.count()},
          {"cpu_ns", usage.cpu.count()}};
}

StageUsage usage_from(const json& object) {
  const auto time = [&](const char* name) { return std::chrono::nanoseconds(object.at(name).get<int64_t>()); };
  StageUsage usage;
  usage.stage = object.at("stage").get<std::string>();
  usage.connector = object.at("connector").get<std::string>();
  usage.total = time("total_ns");
  usage.waiting_input = time("waiting_input_ns");
  usage.waiting_output = time("waiting_output_ns");
  usage.waiting_network = time("waiting_network_ns");
  usage.cpu = time("cpu_ns");
  return usage;
}

json limits_json(const LaneLimits& limits) {
  return {{"queue_batches", limits.queue.max_batches},
          {"queue_bytes", limits.queue.max_bytes},
          {"compression", pipeline::to_string(limits.compression)},
          {"rows", optional_json(limits.rows)},
          {"preview", limits.preview}};
}

LaneLimits limits_from(const json& object) {
  LaneLimits limits;
  limits.queue.max_batches = object.at("queue_batches").get<uint64_t>();
  limits.queue.max_bytes = object.at("queue_bytes").get<uint64_t>();
  limits.compression = compression_from(object.at("compression").get<std::string>());
  limits.rows = optional_from<uint64_t>(object.at("rows"));
  limits.preview = object.at("preview").get<bool>();
  return limits;
}

/// Throws unless `value` is an object.
const json& object_from(const json& value) {
  (void)value.get_ref<const json::object_t&>();
  return value;
}

json position_json(const LanePosition& position) {
  return {{"source_context", position.source_context},
          {"transform_contexts", position.transform_contexts},
          {"destination_context", position.destination_context},
          {"first_checkpoint", position.first_checkpoint.body()},
          {"load_id", position.load_id},
          {"durable", position.durable},
          {"receipts", position.receipts},
          {"rows_before", position.rows_before},
          {"load_start_cursor", position.load_start_cursor.to_json()},
          {"notes_rows", position.notes_rows},
          {"rows_covered", optional_json(position.rows_covered)},
          {"rows_given", optional_json(position.rows_given)},
          {"rows_reported", position.rows_reported},
          {"skips_empty", position.skips_empty}};
}

LanePosition position_from(const json& object) {
  LanePosition position;
  position.source_context = object.at("source_context").get<std::string>();
  position.transform_contexts = object.at("transform_contexts").get<std::vector<std::string>>();
  position.destination_context = object.at("destination_context").get<std::string>();
  position.first_checkpoint = protocol::Checkpoint(object_from(object.at("first_checkpoint")));
  position.load_id = object.at("load_id").get<std::string>();
  position.durable = object.at("durable").get<bool>();
  position.receipts = object.at("receipts").get<bool>();
  position.rows_before = object.at("rows_before").get<uint64_t>();
  position.load_start_cursor = protocol::CursorValue::carried(object.at("load_start_cursor"));
  position.notes_rows = object.at("notes_rows").get<bool>();
  position.rows_covered = optional_from<uint64_t>(object.at("rows_covered"));
  position.rows_given = optional_from<uint64_t>(object.at("rows_given"));
  position.rows_reported = object.at("rows_reported").get<uint64_t>();
  position.skips_empty = object.at("skips_empty").get<bool>();
  return position;
}

/// Turns nlohmann's exceptions about missing or mistyped members into an error.
template <typename Value, typename Read>
Result<Value> read(std::string_view what, Read read_value) {
  try {
    return read_value();
  } catch (const std::exception& error) {
    return internal_error(codes::kLaneInvalid, fmt::format("this is not the {} of a lane: {}", what, error.what()));
  }
}

}  // namespace

json to_json(const LaneTask& task) {
  json transforms = json::array();
  for (const LaneStage& stage : task.transforms) transforms.push_back(stage_json(stage));
  return {{"pipeline", task.pipeline},
          {"stream", task.stream},
          {"source", stage_json(task.source)},
          {"transforms", std::move(transforms)},
          {"destination", stage_json(task.destination)},
          {"limits", limits_json(task.limits)},
          {"special_columns", task.special_columns},
          {"part", optional_json(task.part)},
          {"position", position_json(task.position)}};
}

json to_json(const LaneResult& result) {
  json stages = json::array();
  for (const StageUsage& usage : result.stages) stages.push_back(usage_json(usage));
  return {{"complete", result.complete},
          {"rows_read", result.rows_read},
          {"rows_written", result.rows_written},
          {"rows_rejected", result.rows_rejected},
          {"rows_transformed_away", result.rows_transformed_away},
          {"bytes_read", result.bytes_read},
          {"bytes_written", result.bytes_written},
          {"rows_emitted", result.rows_emitted},
          {"bytes_emitted", result.bytes_emitted},
          {"batches_emitted", result.batches_emitted},
          {"rows_given", result.rows_given},
          {"rows_refused", result.rows_refused},
          {"rows_committed", result.rows_committed},
          {"checkpoints", result.checkpoints},
          {"end_of_load", optional_json(result.end_of_load)},
          {"skipped_empty", result.skipped_empty},
          {"stages", std::move(stages)}};
}

Result<LaneTask> lane_task_from(const json& object) {
  return read<LaneTask>("task", [&] {
    LaneTask task;
    task.pipeline = object.at("pipeline").get<std::string>();
    task.stream = object.at("stream").get<std::string>();
    task.source = stage_from(object.at("source"));
    for (const json& stage : object.at("transforms")) task.transforms.push_back(stage_from(stage));
    task.destination = stage_from(object.at("destination"));
    task.limits = limits_from(object.at("limits"));
    task.special_columns = object.at("special_columns").get<std::vector<std::string>>();
    task.part = optional_from<size_t>(object.at("part"));
    task.position = position_from(object.at("position"));
    return task;
  });
}

Result<LaneResult> lane_result_from(const json& object) {
  return read<LaneResult>("result", [&] {
    LaneResult result;
    result.complete = object.at("complete").get<bool>();
    result.rows_read = object.at("rows_read").get<uint64_t>();
    result.rows_written = object.at("rows_written").get<uint64_t>();
    result.rows_rejected = object.at("rows_rejected").get<uint64_t>();
    result.rows_transformed_away = object.at("rows_transformed_away").get<int64_t>();
    result.bytes_read = object.at("bytes_read").get<uint64_t>();
    result.bytes_written = object.at("bytes_written").get<uint64_t>();
    result.rows_emitted = object.at("rows_emitted").get<uint64_t>();
    result.bytes_emitted = object.at("bytes_emitted").get<uint64_t>();
    result.batches_emitted = object.at("batches_emitted").get<uint64_t>();
    result.rows_given = object.at("rows_given").get<uint64_t>();
    result.rows_refused = object.at("rows_refused").get<uint64_t>();
    result.rows_committed = object.at("rows_committed").get<uint64_t>();
    result.checkpoints = object.at("checkpoints").get<uint64_t>();
    result.end_of_load = optional_from<std::string>(object.at("end_of_load"));
    result.skipped_empty = object.at("skipped_empty").get<bool>();
    for (const json& usage : object.at("stages")) result.stages.push_back(usage_from(usage));
    return result;
  });
}

}  // namespace rapidbyte::engine
