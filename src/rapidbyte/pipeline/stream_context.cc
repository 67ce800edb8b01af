#include "rapidbyte/pipeline/stream_context.h"

#include <algorithm>
#include <array>

#include "rapidbyte/pipeline/validator.h"

namespace rapidbyte::pipeline {
namespace {

nlohmann::json write_mode_json(const StreamContextInput& input) {
  if (!input.for_destination) return nullptr;
  const WriteMode mode = effective_write_mode(input.stream, input.destination);
  if (mode != WriteMode::kUpsert) return to_string(mode);
  return {{"upsert", {{"primary_key", effective_primary_key(input.stream, input.destination)}}}};
}

nlohmann::json cursor_json(const std::optional<CursorInfo>& cursor) {
  if (!cursor) return nullptr;
  return {{"cursor_field", cursor->field}, {"cursor_type", cursor->type}, {"last_value", cursor->last_value}};
}

nlohmann::json limits_json(const Resources& resources) {
  return {{"max_batch_bytes", resources.max_batch_bytes},
          {"max_record_bytes", resources.max_record_bytes},
          {"max_inflight_batches", resources.max_inflight_batches},
          {"max_parallel_requests", kMaxParallelRequests},
          {"checkpoint_interval_bytes", resources.checkpoint_interval_bytes},
          {"checkpoint_interval_rows", resources.checkpoint_interval_rows},
          {"checkpoint_interval_seconds", resources.checkpoint_interval_seconds}};
}

nlohmann::json policies_json(const DestinationConfig& destination) {
  const SchemaEvolution& evolution = destination.schema_evolution;
  return {{"on_data_error", to_string(destination.on_data_error)},
          {"schema_evolution",
           {{"new_column", to_string(evolution.new_column)},
            {"removed_column", to_string(evolution.removed_column)},
            {"type_change", to_string(evolution.type_change)},
            {"nullability_change", to_string(evolution.nullability_change)}}}};
}

}  // namespace

nlohmann::json make_stream_context(const StreamContextInput& input) {
  nlohmann::json context = {{"stream_name", input.stream.name},
                            {"sync_mode", to_string(input.stream.sync_mode)},
                            {"cursor_info", cursor_json(input.cursor)},
                            {"limits", limits_json(input.resources)},
                            {"policies", policies_json(input.destination)},
                            {"write_mode", write_mode_json(input)}};
  context["schema"]["columns"] = input.columns;
  if (input.for_2_1) {
    context["pipeline"] = input.pipeline;
    context["run_id"] = input.run_id;
    context["load_id"] = input.load_id;
    context["partition"] = input.partition;
    context["resume"] = input.resume;
    context["stream_options"] = input.stream.options;
    if (input.for_destination) {
      if (!input.pipeline_streams.empty()) context["pipeline_streams"] = input.pipeline_streams;
      if (input.cursor && !input.cursor_load_id.empty()) context["cursor_load_id"] = input.cursor_load_id;
      if (input.keep_positions) context["keep_positions"] = true;
      if (input.allow_doubled_rows) context["allow_doubled_rows"] = true;
      if (!input.reference_ring.empty()) context["reference_ring"] = input.reference_ring;
    } else {
      context["destination_features"] = input.destination_features;
    }
  }
  return context;
}

std::string_view cursor_type_of(std::string_view data_type) {
  constexpr std::array<std::string_view, 7> kIntegers = {"Int8",  "Int16",  "Int32", "Int64",
                                                         "UInt8", "UInt16", "UInt32"};
  if (std::find(kIntegers.begin(), kIntegers.end(), data_type) != kIntegers.end()) return "int64";
  if (data_type.starts_with("Timestamp(Millisecond") || data_type.starts_with("Timestamp(Second"))
    return "timestamp_millis";
  if (data_type.starts_with("Timestamp(")) return "timestamp_micros";
  if (data_type.starts_with("Decimal")) return "decimal";
  if (data_type == "Utf8" || data_type == "LargeUtf8" || data_type.starts_with("Date") || data_type.starts_with("Time"))
    return "utf8";
  return "json";
}

}  // namespace rapidbyte::pipeline
