#include "src/table_writer.h"

#include <algorithm>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"

namespace rapidbyte::dest_sqlite {
namespace {

// More rows per statement save SQLite's fixed cost of a statement; beyond 32 rows nothing is gained (measured).
constexpr size_t kMaxRowsPerInsert = 32;
// A statement with more parameters than this takes longer to prepare than it saves.
constexpr size_t kMaxParameters = 2048;

std::string insert_sql(const TargetPlan& plan, size_t rows) {
  // OR FAIL keeps the rows before a refused one, so that a refused row costs nothing but itself. It also overrides "ON
  // CONFLICT IGNORE" in a table's own definition, which would lose rows silently.
  std::string sql = "INSERT OR FAIL INTO " + quote_name(plan.table) + " (";
  std::string row = "(";
  for (size_t i = 0; i < plan.columns.size(); ++i) {
    sql += (i == 0 ? "" : ", ") + quote_name(plan.columns[i].name);
    row += i == 0 ? "?" : ", ?";
  }
  row += ")";
  sql += ") VALUES ";
  for (size_t i = 0; i < rows; ++i) sql += (i == 0 ? "" : ", ") + row;
  if (plan.key.empty()) return sql;
  std::string conflict;
  std::string updates;
  std::string old_values;
  std::string new_values;
  size_t compared = 0;
  for (const std::string& name : plan.key) conflict += (conflict.empty() ? "" : ", ") + quote_name(name);
  for (const ColumnPlan& column : plan.columns) {
    const bool in_key = std::any_of(plan.key.begin(), plan.key.end(),
                                    [&column](const std::string& name) { return same_name(name, column.name); });
    // With triggers every row must count as one change, or a row that a trigger drops would not be noticed.
    if (in_key && !plan.row_by_row) continue;
    const std::string name = quote_name(column.name);
    const std::string separator = updates.empty() ? "" : ", ";
    updates += separator + name + " = excluded." + name;
    // BINARY, whatever the column's collation: a row that differs in case has changed.
    old_values += separator + name + " COLLATE BINARY";
    new_values += separator + "excluded." + name;
    ++compared;
    if (column.affinity != Affinity::kBlob) continue;
    // A column without a type distinguishes 1 from 1.0.
    old_values += ", typeof(" + name + ")";
    new_values += ", typeof(excluded." + name + ")";
    ++compared;
  }
  sql += " ON CONFLICT (" + conflict + ") DO ";
  if (updates.empty()) return sql + "NOTHING";
  sql += "UPDATE SET " + updates;
  if (plan.row_by_row || compared > kMaxColumns) return sql;
  // A row that already exists unchanged is not written again: overlapping loads cost no more than reading.
  return sql + " WHERE (" + old_values + ") IS NOT (" + new_values + ")";
}

bool is_refusal(int code) {
  const int primary = code & 0xff;
  return primary == SQLITE_CONSTRAINT || primary == SQLITE_MISMATCH || primary == SQLITE_TOOBIG;
}

}  // namespace

TableWriter::TableWriter(Database& database, const sdk::StreamContext& ctx, std::string table,
                         std::vector<std::string> key, OnSchema on_schema)
    : database_(database),
      ctx_(ctx),
      table_(std::move(table)),
      key_(std::move(key)),
      on_schema_(std::move(on_schema)),
      refused_(ctx) {}

Result<Statement> TableWriter::prepare_insert(size_t rows) {
  return database_.prepare_persistent(insert_sql(plan_, rows));
}

Status TableWriter::prepare() {
  // An INSERT prepared for another schema would keep the table from being altered.
  insert_many_.reset();
  insert_one_.reset();
  if (on_schema_) RB_SDK_RETURN_NOT_OK(on_schema_(batch_.schema()));
  RB_SDK_ASSIGN_OR_RETURN(plan_,
                          prepare_target(database_, table_,
                                         {.stream = ctx_.stream_name,
                                          .schema = batch_.schema(),
                                          .key = key_,
                                          .policies = ctx_.policies,
                                          .has_rows = batch_.rows() != 0,
                                          .has_values = [this](size_t column) { return batch_.has_values(column); }}));
  if (plan_.columns.empty()) return {};  // no row has come
  rows_per_insert_ = std::clamp<size_t>(kMaxParameters / plan_.columns.size(), 1, kMaxRowsPerInsert);
  if (plan_.row_by_row) rows_per_insert_ = 1;
  RB_SDK_ASSIGN_OR_RETURN(insert_one_, prepare_insert(1));
  if (rows_per_insert_ > 1) {
    RB_SDK_ASSIGN_OR_RETURN(insert_many_, prepare_insert(rows_per_insert_));
  }
  return {};
}

Result<sdk::WriteCount> TableWriter::write(std::span<const uint8_t> bytes) {
  RB_SDK_RETURN_NOT_OK(batch_.load(bytes));
  // A table without columns and rows: there is no such table here, and nothing to keep.
  if (batch_.schema().fields.empty() && batch_.rows() == 0) return sdk::WriteCount();
  if (batch_.schema_version() != schema_version_) {
    RB_SDK_RETURN_NOT_OK(prepare());
    schema_version_ = batch_.schema_version();
  }
  RB_SDK_RETURN_NOT_OK(table::check_late_values(plan_.columns, plan_.no_columns, batch_));
  if (plan_.columns.empty()) return sdk::WriteCount();
  values_.load(batch_, plan_);
  sdk::WriteCount count;
  size_t begin = 0;
  for (const RefusedRow& refused : values_.refused()) {
    RB_SDK_RETURN_NOT_OK(write_rows(begin, refused.row, count));
    RB_SDK_RETURN_NOT_OK(reject(refused, count));
    begin = refused.row + 1;
  }
  RB_SDK_RETURN_NOT_OK(write_rows(begin, batch_.rows(), count));
  rows_seen_ += batch_.rows();
  // The bound texts point into the batch, which is about to be released.
  sqlite3_clear_bindings(insert_one_->handle());
  if (insert_many_) sqlite3_clear_bindings(insert_many_->handle());
  return count;
}

Status TableWriter::write_rows(size_t begin, size_t end, sdk::WriteCount& count) {
  while (begin < end) {
    const bool many = insert_many_ && end - begin >= rows_per_insert_;
    const size_t rows = many ? rows_per_insert_ : 1;
    size_t stored = 0;
    RB_SDK_ASSIGN_OR_RETURN(const bool whole, insert(many ? *insert_many_ : *insert_one_, begin, rows, &stored));
    count.written += stored;
    begin += stored;
    if (whole) continue;
    // Find and name the refused row by trying the rest of these rows one by one.
    for (const size_t last = begin + rows - stored; begin < last; ++begin) {
      size_t one = 0;
      RB_SDK_ASSIGN_OR_RETURN(const bool in, insert(*insert_one_, begin, 1, &one));
      count.written += one;
      if (!in) RB_SDK_RETURN_NOT_OK(reject(refused_by_table(begin), count));
    }
  }
  return {};
}

Result<bool> TableWriter::insert(Statement& statement, size_t begin, size_t rows, size_t* stored) {
  sqlite3_stmt* handle = statement.handle();
  const auto width = static_cast<int>(plan_.columns.size());
  for (size_t i = 0; i < rows; ++i) values_.bind(handle, static_cast<int>(i) * width + 1, begin + i);
  const int rc = sqlite3_step(handle);
  if (rc == SQLITE_DONE) {
    const auto changed = static_cast<size_t>(sqlite3_changes64(database_.handle()));
    sqlite3_reset(handle);
    if (changed != rows && (plan_.key.empty() || plan_.row_by_row)) {
      return sdk::data_error(codes::kRowDiscarded,
                             "stream \"" + ctx_.stream_name + "\", row " + std::to_string(rows_seen_ + begin + 1) +
                                 ": a trigger of table " + quote_name(plan_.table) +
                                 " dropped the row without an error (RAISE(IGNORE))"
                                 ". Rows are never lost silently: drop the trigger, or filter in the source.");
    }
    *stored = rows;
    return true;
  }
  if (!is_refusal(sqlite3_extended_errcode(database_.handle()))) {
    Status status = database_.error("inserting into " + quote_name(plan_.table));
    sqlite3_reset(handle);
    return status;
  }
  if (!database_.in_transaction()) {
    Status status =
        sdk::data_error(codes::kLoadRolledBack,
                        "stream \"" + ctx_.stream_name + "\", near row " + std::to_string(rows_seen_ + begin + 1) +
                            ": " + sqlite3_errmsg(database_.handle()) +
                            ", and the table's own rules (RAISE(ROLLBACK)) "
                            "undid the whole transaction. Change the trigger to RAISE(ABORT) to refuse single rows.");
    sqlite3_reset(handle);
    return status;
  }
  // Rows before the refused one are stored, unless the statement was undone as a whole: then none is.
  *stored = static_cast<size_t>(sqlite3_changes64(database_.handle()));
  last_refusal_ = sqlite3_errmsg(database_.handle());
  sqlite3_reset(handle);
  return false;
}

RefusedRow TableWriter::refused_by_table(size_t row) const {
  RefusedRow refused{.row = row, .column = {}, .value = {}, .reason = last_refusal_};
  // "UNIQUE constraint failed: orders.id, orders.day": the columns follow the table's name.
  for (const ColumnPlan& column : plan_.columns) {
    const std::string full = plan_.table + "." + column.name;
    const size_t at = last_refusal_.find(full);
    if (at == std::string::npos) continue;
    const size_t end = at + full.size();
    if (end < last_refusal_.size() && last_refusal_.compare(end, 2, ", ") != 0) continue;
    if (!refused.column.empty()) {
      refused.column += ", ";
      refused.value += ", ";
    }
    refused.column += column.name;
    refused.value += readable_value(batch_.column(column.source), row);
  }
  return refused;
}

std::string TableWriter::record_json(size_t row) const {
  sdk::Json record = sdk::Json::object();
  for (size_t i = 0; i < batch_.column_count(); ++i) {
    record[batch_.schema().fields[i].name] = batch_.column(i).json(row);
  }
  return sdk::to_text(record);
}

Status TableWriter::reject(const RefusedRow& refused, sdk::WriteCount& count) {
  return refused_.reject(
      refused, rows_seen_, [&] { return record_json(refused.row); },
      "Table " + quote_name(plan_.table) + " of " + database_.path(), count.failed);
}

}  // namespace rapidbyte::dest_sqlite
