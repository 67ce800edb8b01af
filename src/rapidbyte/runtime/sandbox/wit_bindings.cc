#include "rapidbyte/runtime/sandbox/wit_bindings.h"

#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>
#include <wasmtime/component.hh>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/protocol/untrusted_json.h"
#include "rapidbyte/wasmtime_shim.h"

namespace rapidbyte::runtime {
namespace {

using wasmtime::component::Record;
using wasmtime::component::Val;
using wasmtime::component::WitOption;
using wasmtime::component::WitResult;

Status shape_error(std::string_view what) {
  return internal_error(codes::kWitShape, "the component returned a value that is not " + std::string(what) +
                                              "; it was built for another protocol than it names");
}

/// The field of a record, or null.
const Val* field(const Record& record, std::string_view name) {
  for (const auto& entry : record) {
    if (entry.name() == name) return &entry.value();
  }
  return nullptr;
}

std::optional<std::string> text_field(const Record& record, std::string_view name) {
  const Val* value = field(record, name);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string(value->get_string());
}

std::optional<std::string_view> enum_field(const Record& record, std::string_view name) {
  const Val* value = field(record, name);
  if (value == nullptr || !value->is_enum()) return std::nullopt;
  return value->get_enum();
}

std::optional<bool> bool_field(const Record& record, std::string_view name) {
  const Val* value = field(record, name);
  if (value == nullptr || !value->is_bool()) return std::nullopt;
  return value->get_bool();
}

/// Reads unsigned fields into their places; false when one is missing or of another type.
bool u64_fields(const Record& record, std::initializer_list<std::pair<std::string_view, uint64_t*>> fields) {
  for (const auto& [name, place] : fields) {
    const Val* value = field(record, name);
    if (value == nullptr || !value->is_u64()) return false;
    *place = value->get_u64();
  }
  return true;
}

// Codes are words such as TABLE_MISSING.
constexpr size_t kMaxCodeBytes = 128;
// Messages are read by people; one from a server may quote a statement or a row.
constexpr size_t kMaxMessageBytes = size_t{64} << 10U;

/// `text`, cut between two characters.
std::string cut_text(std::string_view text, size_t most) {
  if (text.size() <= most) return std::string(text);
  size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80) --end;
  return std::string(text.substr(0, end)) + "... (" + std::to_string(text.size() - end) + " bytes more)";
}

/// Details that are too large or too deep are dropped, with a note; the error itself stays.
std::string bounded_details(std::string_view text) {
  const auto read = protocol::read_bounded_json(text, protocol::kDetailsLimits, /*build=*/false);
  using protocol::JsonDefect;
  if (read.defect == JsonDefect::kNone || read.defect == JsonDefect::kNotJson) return std::string(text);
  const nlohmann::json note = {
      {"left_out", protocol::describe_json_defect(read, text.size(), protocol::kDetailsLimits)}};
  return protocol::json_text(note);
}

std::optional<ConnectorError> decode_error(const Val& value) {
  if (!value.is_record()) return std::nullopt;
  const Record& record = value.get_record();
  const auto category = enum_field(record, "category");
  const auto scope = enum_field(record, "scope");
  const auto backoff = enum_field(record, "backoff-class");
  const auto code = text_field(record, "code");
  const auto message = text_field(record, "message");
  const auto retryable = bool_field(record, "retryable");
  const auto safe = bool_field(record, "safe-to-retry");
  const Val* retry_after = field(record, "retry-after-ms");
  const Val* commit_state = field(record, "commit-state");
  const Val* details = field(record, "details-json");
  const bool complete = category && scope && backoff && code && message && retryable && safe &&
                        retry_after != nullptr && retry_after->is_option() && commit_state != nullptr &&
                        commit_state->is_option() && details != nullptr && details->is_option();
  if (!complete) return std::nullopt;
  ConnectorError error;
  error.category = error_category_from_string(*category).value_or(ErrorCategory::kInternal);
  error.scope = error_scope_from_string(*scope).value_or(ErrorScope::kPerStream);
  error.backoff_class = backoff_class_from_string(*backoff).value_or(BackoffClass::kNormal);
  error.code = cut_text(*code, kMaxCodeBytes);
  error.message = cut_text(*message, kMaxMessageBytes);
  error.retryable = *retryable;
  error.safe_to_retry = *safe;
  if (const Val* inner = retry_after->get_option().value(); inner != nullptr && inner->is_u64()) {
    error.retry_after_ms = inner->get_u64();
  }
  if (const Val* inner = commit_state->get_option().value(); inner != nullptr && inner->is_enum()) {
    error.commit_state = commit_state_from_string(inner->get_enum());
  }
  if (const Val* inner = details->get_option().value(); inner != nullptr && inner->is_string()) {
    error.details_json = bounded_details(inner->get_string());
  }
  return error;
}

/// The payload of an ok result (null for `_`), or the guest's error.
Result<const Val*> open_result(const Val& value) {
  if (!value.is_result()) return shape_error("a result");
  const WitResult& result = value.get_result();
  if (result.is_ok()) return result.payload();
  const Val* payload = result.payload();
  auto error = payload == nullptr ? std::nullopt : decode_error(*payload);
  if (!error) return shape_error("a connector-error");
  return Status(std::move(*error));
}

Result<const Record*> open_record(const Val& value, std::string_view what) {
  RB_ASSIGN_OR_RETURN(const Val* payload, open_result(value));
  if (payload == nullptr || !payload->is_record()) return shape_error(what);
  return &payload->get_record();
}

Val encode_error(const ConnectorError& error) {
  std::optional<Val> retry_after;
  if (error.retry_after_ms) retry_after = Val(*error.retry_after_ms);
  std::optional<Val> commit_state;
  if (error.commit_state) commit_state = Val::enum_(to_string(*error.commit_state));
  std::optional<Val> details;
  if (error.details_json) details = Val::string(*error.details_json);
  std::vector<std::pair<std::string_view, Val>> fields;
  fields.reserve(10);
  fields.emplace_back("category", Val::enum_(to_string(error.category)));
  fields.emplace_back("scope", Val::enum_(to_string(error.scope)));
  fields.emplace_back("code", Val::string(error.code));
  fields.emplace_back("message", Val::string(error.message));
  fields.emplace_back("retryable", Val(error.retryable));
  fields.emplace_back("retry-after-ms", Val(WitOption(std::move(retry_after))));
  fields.emplace_back("backoff-class", Val::enum_(to_string(error.backoff_class)));
  fields.emplace_back("safe-to-retry", Val(error.safe_to_retry));
  fields.emplace_back("commit-state", Val(WitOption(std::move(commit_state))));
  fields.emplace_back("details-json", Val(WitOption(std::move(details))));
  return Val(Record(std::move(fields)));
}

void encode(const Status& status, std::optional<Val> ok_value, Val& out) {
  out = status.ok() ? Val(WitResult::ok(std::move(ok_value))) : Val(WitResult::err(encode_error(status.error())));
}

rb_bytes_t borrowed(const std::string& text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

}  // namespace

Status decode_unit(const WitValue& value) { return open_result(value).status(); }

Result<std::string> decode_string(const WitValue& value) {
  RB_ASSIGN_OR_RETURN(const Val* payload, open_result(value));
  if (payload == nullptr || !payload->is_string()) return shape_error("a string");
  return std::string(payload->get_string());
}

Result<std::optional<std::string>> decode_optional_string(const WitValue& value) {
  RB_ASSIGN_OR_RETURN(const Val* payload, open_result(value));
  if (payload == nullptr || !payload->is_option()) return shape_error("an option of string");
  const Val* inner = payload->get_option().value();
  if (inner == nullptr) return std::optional<std::string>();
  if (!inner->is_string()) return shape_error("an option of string");
  return std::optional<std::string>(inner->get_string());
}

Result<ValidationResult> decode_validation_result(const WitValue& value) {
  RB_ASSIGN_OR_RETURN(const Record* record, open_record(value, "a validation-result"));
  const auto status = enum_field(*record, "status");
  auto message = text_field(*record, "message");
  if (!status || !message) return shape_error("a validation-result");
  ValidationResult result;
  result.message = cut_text(*message, kMaxMessageBytes);
  if (*status == "failed") result.status = ValidationStatus::kFailed;
  if (*status == "warning") result.status = ValidationStatus::kWarning;
  return result;
}

Result<ReadSummary> decode_read_summary(const WitValue& value) {
  RB_ASSIGN_OR_RETURN(const Record* record, open_record(value, "a read-summary"));
  ReadSummary summary;
  if (!u64_fields(*record, {{"records-read", &summary.records_read},
                            {"bytes-read", &summary.bytes_read},
                            {"batches-emitted", &summary.batches_emitted},
                            {"checkpoint-count", &summary.checkpoint_count},
                            {"records-skipped", &summary.records_skipped}})) {
    return shape_error("a read-summary");
  }
  return summary;
}

Result<WriteSummary> decode_write_summary(const WitValue& value) {
  RB_ASSIGN_OR_RETURN(const Record* record, open_record(value, "a write-summary"));
  WriteSummary summary;
  if (!u64_fields(*record, {{"records-written", &summary.records_written},
                            {"bytes-written", &summary.bytes_written},
                            {"batches-written", &summary.batches_written},
                            {"checkpoint-count", &summary.checkpoint_count},
                            {"records-failed", &summary.records_failed}})) {
    return shape_error("a write-summary");
  }
  return summary;
}

Result<TransformSummary> decode_transform_summary(const WitValue& value) {
  RB_ASSIGN_OR_RETURN(const Record* record, open_record(value, "a transform-summary"));
  TransformSummary summary;
  if (!u64_fields(*record, {{"records-in", &summary.records_in},
                            {"records-out", &summary.records_out},
                            {"bytes-in", &summary.bytes_in},
                            {"bytes-out", &summary.bytes_out},
                            {"batches-processed", &summary.batches_processed}})) {
    return shape_error("a transform-summary");
  }
  return summary;
}

void encode_unit(const Status& status, WitValue& out) { encode(status, std::nullopt, out); }

void encode_bool(const Result<bool>& result, WitValue& out) {
  encode(result.status(), result.ok() ? std::optional<Val>(Val(*result)) : std::nullopt, out);
}

void encode_u64(const Result<uint64_t>& result, WitValue& out) {
  encode(result.status(), result.ok() ? std::optional<Val>(Val(*result)) : std::nullopt, out);
}

void encode_optional_string(const Result<std::optional<std::string>>& result, WitValue& out) {
  std::optional<Val> payload;
  if (result.ok()) {
    std::optional<Val> inner;
    if (result->has_value()) inner = Val::string(**result);
    payload = Val(WitOption(std::move(inner)));
  }
  encode(result.status(), std::move(payload), out);
}

std::optional<std::string_view> as_string(const WitValue& value) {
  if (!value.is_string()) return std::nullopt;
  return value.get_string();
}

std::optional<std::optional<std::string_view>> as_optional_string(const WitValue& value) {
  if (!value.is_option()) return std::nullopt;
  const Val* inner = value.get_option().value();
  if (inner == nullptr) return std::optional<std::string_view>();
  if (!inner->is_string()) return std::nullopt;
  return std::optional<std::string_view>(inner->get_string());
}

std::optional<std::string_view> as_enum(const WitValue& value) {
  if (!value.is_enum()) return std::nullopt;
  return value.get_enum();
}

void lower_error(const ConnectorError& error, rb_connector_error& out) {
  out.category = static_cast<uint8_t>(error.category);
  out.scope = static_cast<uint8_t>(error.scope);
  out.backoff_class = static_cast<uint8_t>(error.backoff_class);
  out.commit_state = error.commit_state ? static_cast<int8_t>(*error.commit_state) : int8_t{-1};
  out.retryable = error.retryable;
  out.safe_to_retry = error.safe_to_retry;
  out.has_retry_after = error.retry_after_ms.has_value();
  out.retry_after_ms = error.retry_after_ms.value_or(0);
  out.code = borrowed(error.code);
  out.message = borrowed(error.message);
  out.details_json = error.details_json ? borrowed(*error.details_json) : rb_bytes_t{nullptr, 0};
}

}  // namespace rapidbyte::runtime
