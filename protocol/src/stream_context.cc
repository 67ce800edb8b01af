#include "rapidbyte/protocol/stream_context.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::protocol {
namespace {

Status bad(std::string_view key, std::string_view what) {
  return config_error(codes::kInvalidContext, "stream context: `" + std::string(key) + "` " + std::string(what));
}

/// Sets `out` from the member `key`, which, if present, must be spelled as one of the cases.
template <typename Mode>
Status read_mode(const Json& object, std::string_view key, Mode& out) {
  const Json* member = find_member(object, key);
  if (member == nullptr) return {};
  const auto text = as_string(*member);
  const auto mode = text ? mode_from_string<Mode>(*text) : std::nullopt;
  if (!mode) return bad(key, "has an unknown value: " + json_text(*member));
  out = *mode;
  return {};
}

template <typename T>
Status read_uint(const Json& object, std::string_view key, T& out) {
  const Json* member = find_member(object, key);
  if (member == nullptr) return {};
  const auto value = as_uint(*member);
  if (!value || *value > std::numeric_limits<T>::max())
    return bad(key, "is not a fitting integer: " + json_text(*member));
  out = static_cast<T>(*value);
  return {};
}

Status read_limits(const Json& root, Limits& out) {
  const Json* limits = find_member(root, "limits");
  if (limits == nullptr) return {};
  RB_RETURN_NOT_OK(read_uint(*limits, "max_batch_bytes", out.max_batch_bytes));
  RB_RETURN_NOT_OK(read_uint(*limits, "max_record_bytes", out.max_record_bytes));
  RB_RETURN_NOT_OK(read_uint(*limits, "max_inflight_batches", out.max_inflight_batches));
  RB_RETURN_NOT_OK(read_uint(*limits, "max_parallel_requests", out.max_parallel_requests));
  RB_RETURN_NOT_OK(read_uint(*limits, "max_memory_bytes", out.max_memory_bytes));
  RB_RETURN_NOT_OK(read_uint(*limits, "checkpoint_interval_bytes", out.checkpoint_interval_bytes));
  RB_RETURN_NOT_OK(read_uint(*limits, "checkpoint_interval_rows", out.checkpoint_interval_rows));
  return read_uint(*limits, "checkpoint_interval_seconds", out.checkpoint_interval_seconds);
}

Json limits_json(const Limits& limits, ContextVersion version) {
  Json json = {{"max_batch_bytes", limits.max_batch_bytes},
               {"max_record_bytes", limits.max_record_bytes},
               {"max_inflight_batches", limits.max_inflight_batches},
               {"max_parallel_requests", limits.max_parallel_requests},
               {"checkpoint_interval_bytes", limits.checkpoint_interval_bytes},
               {"checkpoint_interval_rows", limits.checkpoint_interval_rows},
               {"checkpoint_interval_seconds", limits.checkpoint_interval_seconds}};
  if (version != ContextVersion::k2_0) json["max_memory_bytes"] = limits.max_memory_bytes;
  return json;
}

Status read_policies(const Json& root, Policies& out) {
  const Json* policies = find_member(root, "policies");
  if (policies == nullptr) return {};
  RB_RETURN_NOT_OK(read_mode(*policies, "on_data_error", out.on_data_error));
  const Json* evolution = find_member(*policies, "schema_evolution");
  if (evolution == nullptr) return {};
  RB_RETURN_NOT_OK(read_mode(*evolution, "new_column", out.new_column));
  RB_RETURN_NOT_OK(read_mode(*evolution, "removed_column", out.removed_column));
  RB_RETURN_NOT_OK(read_mode(*evolution, "type_change", out.type_change));
  return read_mode(*evolution, "nullability_change", out.nullability_change);
}

Json policies_json(const Policies& policies) {
  return {{"on_data_error", to_string(policies.on_data_error)},
          {"schema_evolution",
           {{"new_column", to_string(policies.new_column)},
            {"removed_column", to_string(policies.removed_column)},
            {"type_change", to_string(policies.type_change)},
            {"nullability_change", to_string(policies.nullability_change)}}}};
}

/// The names in `list`, which must be a list of texts; otherwise the error names `key` and `what`.
Status take_names(const Json& list, std::string_view key, std::string_view what, std::vector<std::string>& out) {
  if (!list.is_array()) return bad(key, what);
  for (const Json& entry : list) {
    const auto name = as_string(entry);
    if (!name) return bad(key, what);
    out.emplace_back(*name);
  }
  return {};
}

Status read_names(const Json& root, std::string_view key, std::vector<std::string>& out) {
  const Json* names = find_member(root, key);
  return names == nullptr ? Status() : take_names(*names, key, "must be a list of names", out);
}

Status read_write_mode(const Json& root, StreamContext& out) {
  const Json* mode = find_member(root, "write_mode");
  if (mode == nullptr) return {};
  if (const Json* upsert = find_member(*mode, "upsert")) {
    const Json* keys = find_member(*upsert, "primary_key");
    RB_RETURN_NOT_OK(take_names(keys == nullptr ? Json() : *keys, "write_mode.upsert.primary_key",
                                "must be a list of columns", out.primary_key));
    out.write_mode = WriteMode::kUpsert;
    return {};
  }
  // An upsert is written with its key, never as the bare word.
  const auto text = as_string(*mode);
  if (text && *text == to_string(WriteMode::kUpsert))
    return bad("write_mode", "must be {\"upsert\": ...} with its key");
  WriteMode read = WriteMode::kAppend;
  RB_RETURN_NOT_OK(read_mode(root, "write_mode", read));
  out.write_mode = read;
  return {};
}

Json write_mode_json(const StreamContext& context) {
  if (!context.write_mode) return nullptr;
  if (*context.write_mode != WriteMode::kUpsert) return to_string(*context.write_mode);
  return {{"upsert", {{"primary_key", context.primary_key}}}};
}

Status read_cursor(const Json& root, StreamContext& out) {
  const Json* info = find_member(root, "cursor_info");
  if (info == nullptr) return {};
  CursorInfo cursor;
  auto field = string_member(*info, "cursor_field");
  if (!field) return bad("cursor_info.cursor_field", "is missing");
  cursor.field = *std::move(field);
  cursor.type = string_member(*info, "cursor_type").value_or("");
  if (const Json* last = find_member(*info, "last_value")) {
    RB_ASSIGN_OR_RETURN(cursor.last_value, CursorValue::from_json(*last));
  }
  out.cursor = std::move(cursor);
  return {};
}

Json cursor_json(const std::optional<CursorInfo>& cursor) {
  if (!cursor) return nullptr;
  const CursorValue& last = cursor->last_value;
  return {{"cursor_field", cursor->field},
          {"cursor_type", cursor->type},
          {"last_value", last.is_null() ? Json() : last.to_json()}};
}

}  // namespace

bool StreamContext::destination_has(std::string_view feature) const {
  return std::find(destination_features.begin(), destination_features.end(), feature) != destination_features.end();
}

Json context_json(StreamContext context, ContextVersion version) {
  Json out = {{"stream_name", std::move(context.stream_name)}, {"sync_mode", to_string(context.sync_mode)},
              {"cursor_info", cursor_json(context.cursor)},    {"limits", limits_json(context.limits, version)},
              {"policies", policies_json(context.policies)},   {"write_mode", write_mode_json(context)}};
  out["schema"]["columns"] = std::move(context.columns);
  if (version == ContextVersion::k2_0) return out;
  out["pipeline"] = std::move(context.pipeline);
  out["run_id"] = std::move(context.run_id);
  out["load_id"] = std::move(context.load_id);
  out["partition"] = std::move(context.partition);
  out["resume"] = std::move(context.resume);
  out["stream_options"] = std::move(context.stream_options);
  // Written even when empty: it shows the source that the host reports features.
  if (!context.write_mode || !context.destination_features.empty())
    out["destination_features"] = std::move(context.destination_features);
  if (!context.reference_ring.empty()) out["reference_ring"] = std::move(context.reference_ring);
  if (!context.pipeline_streams.empty()) out["pipeline_streams"] = std::move(context.pipeline_streams);
  if (!context.cursor_load_id.empty()) out["cursor_load_id"] = std::move(context.cursor_load_id);
  if (context.keep_positions) out["keep_positions"] = true;
  if (context.allow_doubled_rows) out["allow_doubled_rows"] = true;
  if (context.without_rows) out["without_rows"] = true;
  return out;
}

Result<StreamContext> read_context(const Json& document) {
  if (!document.is_object()) return bad("", "must be an object, not " + std::string(describe_type(document)));
  StreamContext out;
  auto stream = string_member(document, "stream_name");
  if (!stream) return bad("stream_name", "is missing");
  out.stream_name = *std::move(stream);
  if (const Json* schema = find_member(document, "schema")) {
    if (const Json* columns = find_member(*schema, "columns")) out.columns = *columns;
  }
  RB_RETURN_NOT_OK(read_mode(document, "sync_mode", out.sync_mode));
  RB_RETURN_NOT_OK(read_cursor(document, out));
  RB_RETURN_NOT_OK(read_limits(document, out.limits));
  RB_RETURN_NOT_OK(read_policies(document, out.policies));
  RB_RETURN_NOT_OK(read_write_mode(document, out));
  out.pipeline = string_member(document, "pipeline").value_or("");
  out.run_id = string_member(document, "run_id").value_or("");
  out.load_id = string_member(document, "load_id").value_or("");
  if (const Json* partition = find_member(document, "partition")) out.partition = *partition;
  if (const Json* resume = find_member(document, "resume")) out.resume = *resume;
  if (const Json* options = find_member(document, "stream_options")) {
    if (!options->is_object()) return bad("stream_options", "must be an object");
    out.stream_options = *options;
  }
  RB_RETURN_NOT_OK(read_names(document, "destination_features", out.destination_features));
  RB_RETURN_NOT_OK(read_names(document, "reference_ring", out.reference_ring));
  RB_RETURN_NOT_OK(read_names(document, "pipeline_streams", out.pipeline_streams));
  out.cursor_load_id = string_member(document, "cursor_load_id").value_or("");
  out.keep_positions = bool_member(document, "keep_positions").value_or(false);
  out.allow_doubled_rows = bool_member(document, "allow_doubled_rows").value_or(false);
  out.without_rows = bool_member(document, "without_rows").value_or(false);
  return out;
}

}  // namespace rapidbyte::protocol
