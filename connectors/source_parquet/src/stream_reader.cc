#include "connectors/source_parquet/src/stream_reader.h"

#include <nanoarrow/nanoarrow.h>

#include <algorithm>
#include <charconv>

#include "connectors/shared/duckdb/input_rows.h"
#include "connectors/shared/duckdb/row_checks.h"
#include "connectors/shared/duckdb/sql_text.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::source_parquet {

using duck::quoted_name;
using duck::type_sql;
using sdk::CursorValue;
using sdk::Json;
using sdk::TypeId;

namespace {

constexpr uint64_t kLeastRows = 2048;
constexpr uint64_t kMostRows = 65536;

bool is_integer(TypeId id) {
  return id == TypeId::kInt8 || id == TypeId::kInt16 || id == TypeId::kInt32 || id == TypeId::kInt64 ||
         id == TypeId::kUInt8 || id == TypeId::kUInt16 || id == TypeId::kUInt32;
}

bool can_be_cursor(TypeId id) {
  return is_integer(id) || id == TypeId::kUtf8 || id == TypeId::kLargeUtf8 || id == TypeId::kDate32 ||
         id == TypeId::kTimestamp || id == TypeId::kDecimal128;
}

}  // namespace

Status StreamReader::set_up_cursor() {
  if (ctx_.sync_mode != sdk::SyncMode::kIncremental || !ctx_.cursor) return {};
  cursor_column_ = ctx_.cursor->field;
  const auto index = columns_.index_of(cursor_column_);
  if (!index) {
    return sdk::config_error(codes::kUnknownColumn, "stream '" + ctx_.stream_name + "': cursor_field '" +
                                                        cursor_column_ + "' is no column that is read");
  }
  cursor_type_ = columns_.fields[*index].type;
  const std::string what =
      "stream '" + ctx_.stream_name + "': cursor_field '" + cursor_column_ + "' is " + cursor_type_.name();
  if (!can_be_cursor(cursor_type_.id)) {
    return sdk::config_error(codes::kCursorType, what +
                                                     ", whose values have no order that a cursor can follow; take an "
                                                     "integer, text, date, timestamp or decimal column");
  }
  const CursorValue& last = ctx_.cursor->last_value;
  switch (last.kind) {
    case CursorValue::Kind::kNull: return {};
    case CursorValue::Kind::kInt64: last_ = std::to_string(last.integer); break;
    case CursorValue::Kind::kUtf8: last_ = last.text; break;
    default:
      return sdk::config_error(codes::kCursorChanged,
                               what + ", but the cursor was saved as " + last.type() +
                                   ". Put back the cursor_field of before, or read everything again: rapidbyte state "
                                   "reset PIPELINE.yaml --stream '" +
                                   ctx_.stream_name + "'");
  }
  if (is_integer(cursor_type_.id) != (last.kind == CursorValue::Kind::kInt64)) {
    return sdk::config_error(codes::kCursorChanged, what + ", but the cursor was saved as " + last.type());
  }
  return {};
}

CursorValue StreamReader::cursor_value(const Json& text) const {
  if (text.is_null()) return {};
  const auto value = text.get<std::string>();
  if (!is_integer(cursor_type_.id)) return CursorValue::of_utf8(value);
  int64_t number = 0;
  std::from_chars(value.data(), value.data() + value.size(), number);
  return CursorValue::of_int64(number);
}

std::string StreamReader::condition() const {
  const std::string& where = stream_.options().where;
  std::string sql = where.empty() ? "" : "(" + where + "\n)";
  if (last_.is_null()) return sql;
  if (!sql.empty()) sql += " AND ";
  return sql + quoted_name(cursor_column_) + " > CAST($last AS " + type_sql(cursor_type_) + ")";
}

Json StreamReader::parameters() const {
  Json parameters = Json::object();
  if (!last_.is_null()) parameters["last"] = last_;
  return parameters;
}

Result<sdk::ReadSummary> StreamReader::read_all() {
  RB_SDK_RETURN_NOT_OK(set_up_cursor());
  position_.about = about_of(stream_.options(), cursor_column_);
  if (const Json* resume = sdk::find_member(ctx_.resume, "position"); resume != nullptr) {
    RB_SDK_ASSIGN_OR_RETURN(position_, Position::from_json(*resume));
    RB_SDK_RETURN_NOT_OK(check_position(position_, stream_.files(), stream_.options(), cursor_column_));
  }
  while (position_.files_done < stream_.files().size()) {
    RB_SDK_RETURN_NOT_OK(read_file(stream_.files()[position_.files_done], position_.row, UINT64_MAX, true));
    position_.row = 0;
    ++position_.files_done;
  }
  return finish();
}

Result<sdk::ReadSummary> StreamReader::read_parts(const std::vector<Part>& parts) {
  for (const Part& part : parts) {
    const auto file = std::find_if(stream_.files().begin(), stream_.files().end(),
                                   [&](const FileEntry& entry) { return entry.name == part.file; });
    const std::string which = "stream '" + ctx_.stream_name + "': file '" + part.file + "' ";
    if (file == stream_.files().end())
      return sdk::data_error(codes::kFileChanged, which + "is gone since the read began");
    RB_SDK_ASSIGN_OR_RETURN(const FileStamp now, FileStamp::of(file->path));
    if (now != part.stamp) return sdk::data_error(codes::kFileChanged, which + "has changed since the read began");
    RB_SDK_RETURN_NOT_OK(read_file(*file, part.begin, part.end, false));
  }
  return finish();
}

Result<sdk::ReadSummary> StreamReader::finish() {
  // Files are not sorted by the cursor, so only the end of the read may move it.
  const Json& end = position_.highest.is_null() ? last_ : position_.highest;
  RB_SDK_RETURN_NOT_OK(pacer_.emit(cursor_value(end)));
  summary_.checkpoint_count = pacer_.count();
  return summary_;
}

Status StreamReader::read_file(const FileEntry& file, uint64_t begin, uint64_t end, bool has_position) {
  RB_SDK_ASSIGN_OR_RETURN(const FileStamp opened, FileStamp::of(file.path));
  const auto check_unchanged = [&]() -> Status {
    RB_SDK_ASSIGN_OR_RETURN(const FileStamp now, FileStamp::of(file.path));
    if (now == opened) return {};
    return sdk::data_error(codes::kFileChanged, "stream '" + ctx_.stream_name + "': file '" + file.name +
                                                    "' was written to while it was read. Nothing that was read of it "
                                                    "counts; run again when its writer has ended");
  };
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<Window> windows, stream_.windows(file));
  for (Window window : windows) {
    if (window.end <= begin || window.begin >= end) continue;
    window.begin = std::max(window.begin, begin);
    window.end = std::min(window.end, end);
    const Status status = read_window(file, window);
    RB_SDK_RETURN_NOT_OK(check_unchanged());
    RB_SDK_RETURN_NOT_OK(status);
    if (!has_position) continue;
    position_.row = window.end;
    if (!pacer_.due()) continue;
    RB_SDK_ASSIGN_OR_RETURN(position_.done_hash, hash_of_files(stream_.files(), position_.files_done + 1));
    RB_SDK_RETURN_NOT_OK(pacer_.emit(cursor_value(last_), {{"position", position_.to_json()}}));
  }
  return check_unchanged();
}

Status StreamReader::read_window(const FileEntry& file, const Window& window) {
  const auto with_file = [&](const Status& status) -> Status {
    if (status.ok() || status.error().code != codes::kSqlFailed) return status;
    return sdk::data_error(codes::kFileUnreadable,
                           "stream '" + ctx_.stream_name + "', file '" + file.name + "': " + status.error().message);
  };
  RB_SDK_ASSIGN_OR_RETURN(const std::unique_ptr<duck::Query> query,
                          stream_.rows(file, columns_, window, condition(), parameters()));
  if (!encoder_) {
    RB_SDK_ASSIGN_OR_RETURN(encoder_, sdk::IpcEncoder::make(query->columns()));
  }
  for (size_t i = 0; i < encoder_->schema().size(); ++i) {
    const sdk::Field& first = encoder_->schema().fields[i];
    const sdk::Field& now = query->columns().fields[i];
    if (first.type == now.type) continue;
    return sdk::schema_error(codes::kSchemaChanged, "stream '" + ctx_.stream_name + "', file '" + file.name +
                                                        "': column '" + now.name + "' is " + now.type.name() +
                                                        ", and was " + first.type.name() +
                                                        " before; read the two as streams of their own");
  }
  const uint64_t rows = std::max<uint64_t>(window.end - window.begin, 1);
  const uint64_t bytes_of_row = std::max<uint64_t>(window.bytes / rows, 1);
  const uint64_t at_a_time = std::clamp(ctx_.limits.max_batch_bytes / bytes_of_row, kLeastRows, kMostRows);
  duck::NoRows no_rows;
  RB_SDK_RETURN_NOT_OK(with_file(
      query->run(no_rows, static_cast<size_t>(at_a_time), [this](const ArrowArray& batch) { return send(batch); })));
  return with_file(note_highest(file, window));
}

Status StreamReader::send(const ArrowArray& rows) {
  if (const auto unfit = duck::find_unfit_result(rows, encoder_->schema()))
    return sdk::data_error(codes::kFileUnreadable, "stream '" + ctx_.stream_name + "', " + *unfit +
                                                       ", or leave such rows out with `where: isfinite(...)`");
  RB_SDK_ASSIGN_OR_RETURN(const std::span<const uint8_t> batch, sdk::encode_ipc(*encoder_, rows));
  RB_SDK_RETURN_NOT_OK(sdk::host::emit_batch(batch));
  const auto count = static_cast<uint64_t>(rows.length);
  summary_.records_read += count;
  summary_.bytes_read += batch.size();
  ++summary_.batches_emitted;
  pacer_.add_batch(count, batch.size());
  return {};
}

Status StreamReader::note_highest(const FileEntry& file, const Window& window) {
  if (cursor_column_.empty()) return {};
  RB_SDK_ASSIGN_OR_RETURN(
      Json highest,
      stream_.value(file, columns_, window, "max(" + quoted_name(cursor_column_) + ")", condition(), parameters()));
  if (highest.is_null()) return {};
  if (position_.highest.is_null()) {
    position_.highest = std::move(highest);
    return {};
  }
  // Compared as values of the column's type, not as texts.
  Json both = parameters();
  both["a"] = position_.highest;
  both["b"] = highest;
  const std::string type = type_sql(cursor_type_);
  RB_SDK_ASSIGN_OR_RETURN(position_.highest, stream_.value(file, columns_, {window.begin, window.begin, 0},
                                                           "greatest(CAST($a AS " + type + "), CAST($b AS " + type +
                                                               "), max(" + quoted_name(cursor_column_) + "))",
                                                           condition(), both));
  return {};
}

}  // namespace rapidbyte::source_parquet
