#include "rejection.h"

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/batch_builder.h"
#include "rapidbyte/sdk/host.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::source_file {

namespace {

using sdk::Json;
using sdk::Status;

// More lines of the same kind help nobody; the summary has the number.
constexpr uint64_t kMaxLoggedRejections = 10;

std::string base64(std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t k = 0; k < 3; ++k) {
      group = (group << 8U) | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (size_t k = 0; k < 4; ++k) {
      out += i + k <= bytes.size() ? kDigits[(group >> (18 - 6 * k)) & 63U] : '=';
    }
  }
  return out;
}

std::string_view code_of(ProblemKind kind) {
  switch (kind) {
    case ProblemKind::kTooFewFields:
    case ProblemKind::kTooManyFields: return codes::kRaggedRecord;
    case ProblemKind::kTextAfterQuote: return codes::kInvalidQuoting;
    case ProblemKind::kInvalidUtf8: return codes::kInvalidUtf8;
    case ProblemKind::kInvalidJson: return codes::kInvalidJsonRecord;
    case ProblemKind::kUnknownKey: return codes::kUnknownKey;
    case ProblemKind::kDuplicateKey: return codes::kDuplicateKey;
    case ProblemKind::kTooLong: return codes::kRecordTooLarge;
    case ProblemKind::kNullCursor: return codes::kNullCursor;
    case ProblemKind::kWrongType: break;
  }
  return codes::kWrongType;
}

std::string_view raw_record(const RecordProblem& problem, const RejectionContext& context) {
  const uint32_t begin = context.block.row_begin[problem.row];
  return {context.reader.data() + begin, context.block.row_end[problem.row] - begin};
}

/// What to do about a line that is not a JSON object, judging by what it looks like.
std::string json_remedy(std::string_view line, std::string_view detail) {
  while (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r')) line.remove_suffix(1);
  const size_t begin = line.find_first_not_of(" \t\r");
  line = begin == std::string_view::npos ? std::string_view() : line.substr(begin);
  if (line.starts_with('[') || (line.ends_with("},") && detail.find("behind") != std::string_view::npos))
    return "If the file is a JSON array, make a line of each element: jq -c '.[]' IN > OUT";
  if (line.starts_with('{')) {
    // A line that ends where the JSON may continue.
    const bool is_open = line.ends_with('{') || line.ends_with(',') || line.ends_with('[') || line.ends_with(':');
    if (is_open) return "If its objects go over several lines, put each on one: jq -c . IN > OUT";
    if (detail.find("surrogate") != std::string_view::npos)
      return "Escapes from \\uD800 to \\uDFFF come in pairs; correct the line, or write the character itself";
    return "Correct the line";
  }
  if (line.find(',') != std::string_view::npos || line.find(';') != std::string_view::npos ||
      line.find('\t') != std::string_view::npos) {
    return "If the file is CSV, set the option format to csv";
  }
  return "Each line of NDJSON is one object; correct or remove the line";
}

std::string wrong_type_remedy(const ColumnSpec& spec) {
  std::string out =
      "Declare another type with the stream option columns, for example columns: {" + spec.name + ": text}";
  if (!spec.set_by_user) out += "; the type " + spec.type.name() + " was inferred from a sample (option sample_rows)";
  return out + "; a token that means null belongs in null_values";
}

}  // namespace

std::string RejectionPolicy::describe(const RecordProblem& problem, const RejectionContext& context) const {
  const bool has_column = problem.column != RecordProblem::kNoColumn && problem.column < context.names.size();
  const FieldSpan field = has_column ? context.block.field(problem.row, problem.column) : FieldSpan{};
  // A field may begin lines below its record, after quoted line ends.
  const bool at_field = has_column && !field.is_null() && field.begin != 0;
  const uint64_t line = context.reader.line_at(at_field ? field.begin : context.block.row_begin[problem.row]);
  std::string out = "file '" + context.reader.name() + "', line " + std::to_string(line);
  if (has_column) out += ", column '" + context.names[problem.column] + "'";
  out += ": ";
  const std::string wanted = std::to_string(context.block.column_count);
  switch (problem.kind) {
    case ProblemKind::kTooFewFields:
      return out + "the record has " + std::to_string(problem.field_count) + " fields where the header has " + wanted +
             ". Correct the line, or set the option ragged to pad (missing fields become null)";
    case ProblemKind::kTooManyFields:
      return out + "the record has " + std::to_string(problem.field_count) + " fields where the header has " + wanted +
             ". Quote a delimiter that belongs to a value, check the option delimiter, or set the option ragged to "
             "pad_and_drop (surplus fields are dropped)";
    case ProblemKind::kTextAfterQuote:
      return out +
             "text follows a closing quote. Double the quotes within the value, or set the option quote or escape";
    case ProblemKind::kInvalidUtf8:
      return out + "not valid UTF-8: '" +
             printable(has_column ? raw_text(context.reader.data(), field) : raw_record(problem, context)) +
             "'. Convert the file, for example: iconv -f WINDOWS-1252 -t UTF-8 IN > OUT";
    case ProblemKind::kInvalidJson:
      return out + "not a JSON object: " + problem.detail + " at character " + std::to_string(problem.field_count) +
             ": '" + printable(raw_record(problem, context)) + "'. " +
             json_remedy(raw_record(problem, context), problem.detail);
    case ProblemKind::kUnknownKey:
      return out + "the key '" + printable(problem.detail) +
             "' is not a column: it did not occur in the sample. Raise the option sample_rows, or add it to the stream "
             "option "
             "columns";
    case ProblemKind::kDuplicateKey:
      return out + "the key '" + printable(problem.detail) + "' occurs twice in the object";
    case ProblemKind::kTooLong:
      return out + "the record is longer than the limit of " + std::to_string(max_record_bytes_) +
             " bytes. If it is right, raise the limit max_record_bytes; otherwise look for a quote that is not closed";
    case ProblemKind::kNullCursor:
      return out +
             "the cursor column is null, so an incremental read could never tell whether the record is new. Fill it, "
             "or use sync_mode full_refresh";
    case ProblemKind::kWrongType: break;
  }
  std::string scratch;
  const ColumnSpec* spec =
      has_column && problem.column < context.specs.size() ? context.specs[problem.column] : nullptr;
  out += "value '" + printable(field_text(context.reader.data(), field, context.rules, scratch)) + "' is not a " +
         (spec != nullptr ? spec->type.name() : std::string("value of the column's type"));
  return spec != nullptr ? out + ". " + wrong_type_remedy(*spec) : out;
}

std::string record_json(const RecordProblem& problem, const RejectionContext& context) {
  const std::string_view raw = raw_record(problem, context);
  if (!sdk::is_valid_utf8(raw)) return sdk::to_text(Json{{"_raw_base64", base64(raw)}});
  const bool whole_json =
      context.rules.json && problem.kind != ProblemKind::kInvalidJson && problem.kind != ProblemKind::kTooLong;
  if (whole_json) return std::string(raw);
  Json out = Json::object();
  if (!context.rules.json && problem.kind != ProblemKind::kTooLong) {
    std::string scratch;
    for (uint32_t column = 0; column < context.names.size() && column < context.block.column_count; ++column) {
      const FieldSpan& field = context.block.field(problem.row, column);
      if (problem.kind == ProblemKind::kTooFewFields && column >= problem.field_count) break;
      out[context.names[column]] =
          field.is_null() ? Json()
                          : Json(std::string(field_text(context.reader.data(), field, context.rules, scratch)));
    }
    if (problem.kind == ProblemKind::kWrongType || problem.kind == ProblemKind::kNullCursor) return sdk::to_text(out);
  }
  out["_raw"] = std::string(raw);
  if (problem.kind == ProblemKind::kTooLong) out["_truncated"] = true;
  return sdk::to_text(out);
}

Status RejectionPolicy::reject(const RecordProblem& problem, const RejectionContext& context) {
  const std::string message = "stream '" + stream_ + "': " + describe(problem, context);
  if (policy_ == sdk::OnDataError::kFail) {
    return sdk::data_error(std::string(code_of(problem.kind)),
                           message + ". (on_data_error: skip or dlq would load the rest without such records)");
  }
  ++rejected_;
  if (policy_ == sdk::OnDataError::kDlq) {
    return sdk::host::emit_dlq_record(stream_, record_json(problem, context), message, sdk::ErrorCategory::kData);
  }
  if (rejected_ <= kMaxLoggedRejections) sdk::host::log_warn("skipped a record: " + message);
  return {};
}

void RejectionPolicy::log_summary() const {
  if (rejected_ == 0) return;
  const bool dlq = policy_ == sdk::OnDataError::kDlq;
  sdk::host::log_warn("stream '" + stream_ + "': " + std::to_string(rejected_) + " records were " +
                      (dlq ? "sent to the DLQ" : "skipped") + " (on_data_error: " + (dlq ? "dlq" : "skip") + ")");
}

}  // namespace rapidbyte::source_file
