#include "rapidbyte/sdk/context.h"

#include <algorithm>
#include <array>
#include <limits>

namespace rapidbyte::sdk {

namespace {

Status bad(std::string_view key, std::string_view what) {
  return config_error("INVALID_CONTEXT", "stream context: `" + std::string(key) + "` " + std::string(what));
}

template <typename E>
struct Choice {
  std::string_view name;
  E value;
};

/// Sets `out` from the member `key`, which must be one of `choices` when it is there.
template <typename E, size_t N>
Status read_choice(const Json& object, std::string_view key, const std::array<Choice<E>, N>& choices, E& out) {
  const Json* member = find_member(object, key);
  if (member == nullptr) return {};
  const auto text = as_string(*member);
  for (const Choice<E>& choice : choices) {
    if (text && *text == choice.name) {
      out = choice.value;
      return {};
    }
  }
  return bad(key, "has an unknown value: " + to_text(*member));
}

template <typename T>
Status read_uint(const Json& object, std::string_view key, T& out) {
  const Json* member = find_member(object, key);
  if (member == nullptr) return {};
  const auto value = as_uint(*member);
  if (!value || *value > std::numeric_limits<T>::max())
    return bad(key, "is not a fitting integer: " + to_text(*member));
  out = static_cast<T>(*value);
  return {};
}

Status read_limits(const Json& root, Limits& out) {
  const Json* limits = find_member(root, "limits");
  if (limits == nullptr) return {};
  RB_SDK_RETURN_NOT_OK(read_uint(*limits, "max_batch_bytes", out.max_batch_bytes));
  RB_SDK_RETURN_NOT_OK(read_uint(*limits, "max_record_bytes", out.max_record_bytes));
  RB_SDK_RETURN_NOT_OK(read_uint(*limits, "max_inflight_batches", out.max_inflight_batches));
  RB_SDK_RETURN_NOT_OK(read_uint(*limits, "max_parallel_requests", out.max_parallel_requests));
  RB_SDK_RETURN_NOT_OK(read_uint(*limits, "checkpoint_interval_bytes", out.checkpoint_interval_bytes));
  RB_SDK_RETURN_NOT_OK(read_uint(*limits, "checkpoint_interval_rows", out.checkpoint_interval_rows));
  return read_uint(*limits, "checkpoint_interval_seconds", out.checkpoint_interval_seconds);
}

Status read_policies(const Json& root, Policies& out) {
  const Json* policies = find_member(root, "policies");
  if (policies == nullptr) return {};
  constexpr std::array kOnDataError = {Choice{"fail", OnDataError::kFail}, Choice{"skip", OnDataError::kSkip},
                                       Choice{"dlq", OnDataError::kDlq}};
  RB_SDK_RETURN_NOT_OK(read_choice(*policies, "on_data_error", kOnDataError, out.on_data_error));
  const Json* evolution = find_member(*policies, "schema_evolution");
  if (evolution == nullptr) return {};
  constexpr std::array kNewColumn = {Choice{"add", NewColumn::kAdd}, Choice{"ignore", NewColumn::kIgnore},
                                     Choice{"fail", NewColumn::kFail}};
  constexpr std::array kRemovedColumn = {Choice{"ignore", RemovedColumn::kIgnore},
                                         Choice{"fail", RemovedColumn::kFail}};
  constexpr std::array kTypeChange = {Choice{"coerce", TypeChange::kCoerce}, Choice{"fail", TypeChange::kFail},
                                      Choice{"null", TypeChange::kNull}};
  constexpr std::array kNullability = {Choice{"allow", NullabilityChange::kAllow},
                                       Choice{"fail", NullabilityChange::kFail}};
  RB_SDK_RETURN_NOT_OK(read_choice(*evolution, "new_column", kNewColumn, out.new_column));
  RB_SDK_RETURN_NOT_OK(read_choice(*evolution, "removed_column", kRemovedColumn, out.removed_column));
  RB_SDK_RETURN_NOT_OK(read_choice(*evolution, "type_change", kTypeChange, out.type_change));
  return read_choice(*evolution, "nullability_change", kNullability, out.nullability_change);
}

Status read_write_mode(const Json& root, StreamContext& out) {
  const Json* mode = find_member(root, "write_mode");
  if (mode == nullptr) return {};
  if (const Json* upsert = find_member(*mode, "upsert")) {
    const Json* keys = find_member(*upsert, "primary_key");
    if (keys == nullptr || !keys->is_array()) return bad("write_mode.upsert.primary_key", "must be a list of columns");
    for (const Json& key : *keys) {
      const auto name = as_string(key);
      if (!name) return bad("write_mode.upsert.primary_key", "must be a list of columns");
      out.primary_key.emplace_back(*name);
    }
    out.write_mode = WriteMode::kUpsert;
    return {};
  }
  constexpr std::array kModes = {Choice{"append", WriteMode::kAppend}, Choice{"replace", WriteMode::kReplace}};
  WriteMode value = WriteMode::kAppend;
  RB_SDK_RETURN_NOT_OK(read_choice(root, "write_mode", kModes, value));
  out.write_mode = value;
  return {};
}

Status read_cursor(const Json& root, StreamContext& out) {
  const Json* info = find_member(root, "cursor_info");
  if (info == nullptr) return {};
  CursorInfo cursor;
  const auto field = string_member(*info, "cursor_field");
  if (!field) return bad("cursor_info.cursor_field", "is missing");
  cursor.field = *field;
  cursor.type = string_member(*info, "cursor_type").value_or("");
  if (const Json* last = find_member(*info, "last_value")) {
    RB_SDK_ASSIGN_OR_RETURN(cursor.last_value, CursorValue::from_json(*last));
  }
  out.cursor = std::move(cursor);
  return {};
}

Status read_names(const Json& root, std::string_view key, std::vector<std::string>& out) {
  const Json* names = find_member(root, key);
  if (names == nullptr || names->is_null()) return {};
  if (!names->is_array()) return bad(std::string(key), "must be a list of names");
  for (const Json& entry : *names) {
    const auto name = as_string(entry);
    if (!name) return bad(std::string(key), "must be a list of names");
    out.emplace_back(*name);
  }
  return {};
}

}  // namespace

Result<CursorValue> CursorValue::from_json(const Json& json) {
  if (json.is_null()) return CursorValue{};
  if (const auto text = as_string(json); text && *text == "null") return CursorValue{};
  if (json.is_object() && json.size() == 1) {
    if (const auto value = int_member(json, "int64")) return of_int64(*value);
    if (auto value = string_member(json, "utf8")) return of_utf8(std::move(*value));
    if (const auto value = int_member(json, "timestamp_millis")) return of_timestamp_millis(*value);
    if (const auto value = int_member(json, "timestamp_micros")) return of_timestamp_micros(*value);
    if (const Json* decimal = find_member(json, "decimal")) {
      auto value = string_member(*decimal, "value");
      const auto scale = int_member(*decimal, "scale");
      if (value && scale && *scale >= INT32_MIN && *scale <= INT32_MAX) {
        return of_decimal(std::move(*value), static_cast<int32_t>(*scale));
      }
    }
    if (const auto member = json.find("json"); member != json.end()) return of_json(*member);
  }
  return config_error("INVALID_CURSOR", "not a cursor value: " + to_text(json));
}

Json CursorValue::to_json() const {
  switch (kind) {
    case Kind::kNull: return "null";
    case Kind::kInt64: return {{"int64", integer}};
    case Kind::kUtf8: return {{"utf8", text}};
    case Kind::kTimestampMillis: return {{"timestamp_millis", integer}};
    case Kind::kTimestampMicros: return {{"timestamp_micros", integer}};
    case Kind::kDecimal: return {{"decimal", {{"value", text}, {"scale", scale}}}};
    case Kind::kJson: return {{"json", json}};
  }
  return "null";
}

Result<StreamContext> StreamContext::parse(std::string_view text) {
  auto parsed = parse_json(text);
  if (!parsed.ok()) return std::move(parsed).status().with_context("stream context");
  StreamContext ctx;
  ctx.raw = std::move(*parsed);
  const Json& root = ctx.raw;
  if (!root.is_object()) return bad("", "must be an object, not " + std::string(describe_type(root)));
  const auto stream = string_member(root, "stream_name");
  if (!stream) return bad("stream_name", "is missing");
  ctx.stream_name = *stream;
  if (const Json* schema = find_member(root, "schema")) {
    if (const Json* columns = find_member(*schema, "columns")) {
      auto read = Schema::from_json(*columns);
      if (!read.ok()) return std::move(read).status().with_context("stream context");
      ctx.schema = std::move(*read);
    }
  }
  constexpr std::array kSyncModes = {Choice{"full_refresh", SyncMode::kFullRefresh},
                                     Choice{"incremental", SyncMode::kIncremental}, Choice{"cdc", SyncMode::kCdc}};
  RB_SDK_RETURN_NOT_OK(read_choice(root, "sync_mode", kSyncModes, ctx.sync_mode));
  RB_SDK_RETURN_NOT_OK(read_cursor(root, ctx));
  RB_SDK_RETURN_NOT_OK(read_limits(root, ctx.limits));
  RB_SDK_RETURN_NOT_OK(read_policies(root, ctx.policies));
  RB_SDK_RETURN_NOT_OK(read_write_mode(root, ctx));
  ctx.pipeline = string_member(root, "pipeline").value_or("");
  ctx.run_id = string_member(root, "run_id").value_or("");
  ctx.load_id = string_member(root, "load_id").value_or("");
  if (const Json* partition = find_member(root, "partition")) ctx.partition = *partition;
  if (const Json* resume = find_member(root, "resume")) ctx.resume = *resume;
  if (const Json* options = find_member(root, "stream_options")) {
    if (!options->is_object()) return bad("stream_options", "must be an object");
    ctx.stream_options = *options;
  }
  RB_SDK_RETURN_NOT_OK(read_names(root, "destination_features", ctx.destination_features));
  RB_SDK_RETURN_NOT_OK(read_names(root, "reference_ring", ctx.reference_ring));
  RB_SDK_RETURN_NOT_OK(read_names(root, "pipeline_streams", ctx.pipeline_streams));
  ctx.cursor_load_id = string_member(root, "cursor_load_id").value_or("");
  ctx.keep_positions = bool_member(root, "keep_positions").value_or(false);
  ctx.allow_doubled_rows = bool_member(root, "allow_doubled_rows").value_or(false);
  return ctx;
}

size_t batch_payload_bytes(const Limits& limits, size_t columns) {
  const uint64_t messages = 1024 + 256 * static_cast<uint64_t>(columns);
  const uint64_t wanted = std::max<uint64_t>(limits.max_batch_bytes, 4096);
  return static_cast<size_t>(std::max({wanted / 2, messages, wanted > messages ? wanted - messages : 0}));
}

bool StreamContext::destination_has(std::string_view feature) const {
  return std::find(destination_features.begin(), destination_features.end(), feature) != destination_features.end();
}

}  // namespace rapidbyte::sdk
