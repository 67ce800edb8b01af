#include "rejection.h"

#include "postgres/message.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/batch_builder.h"
#include "rapidbyte/sdk/host.h"
#include "rapidbyte/sdk/json.h"
#include "value_text.h"

namespace rapidbyte::source_postgres {

namespace {

using sdk::Json;
using sdk::Status;

// More lines of the same kind help nobody; the summary has the number.
constexpr uint64_t kMaxLoggedRejections = 10;

std::string_view code_of(ProblemKind kind) {
  switch (kind) {
    case ProblemKind::kSpecialValue: return codes::kSpecialValue;
    case ProblemKind::kOutOfRange: return codes::kOutOfRange;
    case ProblemKind::kInvalidUtf8: return codes::kInvalidUtf8;
    case ProblemKind::kTooLarge: return codes::kRecordTooLarge;
  }
  return codes::kWrongValue;
}

/// Calls `field` with index and bytes (null: NULL) of every field that is present.
template <typename F>
void for_each_field(const RowProblem& problem, const F& field) {
  const uint8_t* at = problem.fields.data();
  for (size_t i = 0; i < problem.field_count; ++i) {
    const auto length = postgres::load_be<int32_t>(at);
    at += 4;
    if (length < 0) {
      field(i, static_cast<const uint8_t*>(nullptr), size_t{0});
    } else {
      field(i, at, static_cast<size_t>(length));
      at += length;
    }
  }
}

std::string hex(std::string_view bytes) {
  ColumnPlan as_bytes;
  as_bytes.kind = WireKind::kBytes;
  return value_text(as_bytes, {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()});
}

}  // namespace

std::string RejectionPolicy::describe(const RowProblem& problem, std::span<const ColumnPlan> columns,
                                      uint64_t row) const {
  const ColumnPlan& column = columns[problem.column];
  const std::string& name = column.field.name;
  std::string out = "row " + std::to_string(row) + ", column `" + name + "`";
  const std::string as_text = "Read the column as text with the stream option columns: {" + name + ": text}";
  if (problem.kind == ProblemKind::kTooLarge) {
    return out + ": the value has " + std::to_string(problem.value_bytes) + " bytes; a row may have " +
           std::to_string(max_record_bytes_) +
           ". Raise resources.max_record_bytes (and resources.max_memory to four times as much), or leave the column "
           "out with the stream option select";
  }
  std::string value;
  for_each_field(problem, [&](size_t i, const uint8_t* bytes, size_t size) {
    if (i == problem.column && bytes != nullptr) value = value_text(column, {bytes, size});
  });
  if (problem.kind == ProblemKind::kInvalidUtf8) {
    return out + ": not valid UTF-8: '" + shortened(hex(value)) +
           "'. The database's encoding does not say how its texts are encoded (SQL_ASCII?); correct the row";
  }
  out += ": value '" + shortened(value) + "' is not a " + column.field.type.name();
  if (problem.kind == ProblemKind::kOutOfRange) return out + ", whose range ends earlier. " + as_text;
  return out + ", and the destination does not declare that it knows such values. " + as_text +
         ", or leave such rows out with the option where";
}

std::string record_json(const RowProblem& problem, std::span<const ColumnPlan> columns) {
  Json record = Json::object();
  for_each_field(problem, [&](size_t i, const uint8_t* bytes, size_t size) {
    const ColumnPlan& column = columns[i];
    if (column.kind == WireKind::kWatched) return;
    if (bytes == nullptr) {
      record[column.field.name] = nullptr;
      return;
    }
    std::string text = value_text(column, {bytes, size});
    // JSON cannot hold them; hex loses nothing.
    if (!sdk::is_valid_utf8(text)) text = hex(text);
    record[column.field.name] = std::move(text);
  });
  if (problem.field_count < columns.size()) record["_truncated"] = true;
  return sdk::to_text(record);
}

Status RejectionPolicy::reject(const RowProblem& problem, std::span<const ColumnPlan> columns, uint64_t row) {
  std::string message = describe(problem, columns, row);
  if (policy_ == sdk::OnDataError::kFail) {
    return sdk::data_error(std::string(code_of(problem.kind)),
                           message + ". (on_data_error: skip or dlq would load the rest without such rows)");
  }
  ++rejected_;
  message.insert(0, "stream '" + stream_ + "', ");
  if (policy_ == sdk::OnDataError::kDlq) {
    return sdk::host::emit_dlq_record(stream_, record_json(problem, columns), message, sdk::ErrorCategory::kData);
  }
  if (rejected_ <= kMaxLoggedRejections) sdk::host::log_warn("skipped a row: " + message);
  return {};
}

void RejectionPolicy::log_summary() const {
  if (rejected_ == 0) return;
  const bool dlq = policy_ == sdk::OnDataError::kDlq;
  sdk::host::log_warn("stream '" + stream_ + "': " + std::to_string(rejected_) + " rows were " +
                      (dlq ? "sent to the DLQ" : "skipped") + " (on_data_error: " + (dlq ? "dlq" : "skip") + ")");
}

}  // namespace rapidbyte::source_postgres
