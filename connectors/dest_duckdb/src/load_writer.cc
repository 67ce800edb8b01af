#include "connectors/dest_duckdb/src/load_writer.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "connectors/dest_duckdb/src/receipts.h"
#include "connectors/shared/duckdb/input_rows.h"
#include "connectors/shared/duckdb/row_checks.h"
#include "connectors/shared/duckdb/sql_text.h"
#include "connectors/shared/duckdb/stream_runs.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/table/column_fit.h"
#include "rapidbyte/table/sql_name.h"

namespace rapidbyte::dest_duckdb {

using duck::quoted_name;
using duck::TextRow;
using table::RefusedRow;

namespace {

size_t number_of(const std::optional<std::string>& text) {
  size_t number = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

// The row's number in the input; a name that no column has.
std::string number_column(const sdk::Schema& schema) {
  std::string name = "_rapidbyte_number";
  while (std::any_of(schema.fields.begin(), schema.fields.end(),
                     [&](const sdk::Field& field) { return same_name(field.name, name); }))
    name += "_";
  return name;
}

struct Converted {
  std::string value;  // SQL of the table's type
  std::string fits;   // SQL: whether the value is what it was
};

// Only reversible conversions are made: '007' is no number, and 1.5 is no integer.
Converted converted(const sdk::Field& from, const std::string& type) {
  const std::string name = quoted_name(from.name);
  const std::string to = "TRY_CAST(" + name + " AS " + type + ")";
  const std::string back = "TRY_CAST(" + to + " AS " + duck::type_sql(from.type) + ")";
  const std::string fits = "(" + name + " IS NULL OR " + back + " IS NOT DISTINCT FROM " + name + ")";
  return {"CASE WHEN " + fits + " THEN " + to + " END", fits};
}

std::string joined(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : std::string(separator)) + part;
  return text;
}

std::vector<std::string> quoted(const std::vector<std::string>& names) {
  std::vector<std::string> out;
  for (const std::string& name : names) out.push_back(quoted_name(name));
  return out;
}

std::string shown_value(const sdk::ColumnView& column, size_t row) {
  constexpr size_t kShownBytes = 200;
  std::string text = column.is_null(row) ? "NULL" : sdk::to_text(column.json(row));
  if (text.size() > kShownBytes) text = text.substr(0, kShownBytes) + "...";
  return text;
}

}  // namespace

LoadWriter::LoadWriter(duck::Database& database, const sdk::StreamContext& ctx, std::string table,
                       std::vector<std::string> key, MakeTable make)
    : database_(database),
      ctx_(ctx),
      table_(std::move(table)),
      key_(std::move(key)),
      make_(std::move(make)),
      refused_(ctx) {}

Status LoadWriter::prepare() {
  // The statements read the view of the columns before.
  insert_.reset();
  repeated_.reset();
  insert_last_.reset();
  unconverted_.reset();
  keys_.reset();
  insert_returning_.reset();
  view_.reset();
  const sdk::Schema& schema = batch_.schema();
  if (make_) RB_SDK_RETURN_NOT_OK(make_(schema));
  RB_SDK_ASSIGN_OR_RETURN(plan_,
                          prepare_target(database_, table_,
                                         {.stream = ctx_.stream_name,
                                          .schema = schema,
                                          .key = key_,
                                          .policies = ctx_.policies,
                                          .has_rows = batch_.rows() != 0,
                                          .has_values = [this](size_t column) { return batch_.has_values(column); }}));
  if (plan_.columns.empty()) return {};  // no row has come
  RB_SDK_ASSIGN_OR_RETURN(view_, database_.view(schema));

  std::vector<std::string> names;
  std::vector<std::string> values;
  std::string misfit;  // which column of the plan does not convert
  for (size_t i = 0; i < plan_.columns.size(); ++i) {
    const ColumnPlan& column = plan_.columns[i];
    const sdk::Field& field = schema.fields[column.source];
    names.push_back(quoted_name(column.name));
    if (!column.convert) {
      values.push_back(quoted_name(field.name));
      continue;
    }
    Converted conversion = converted(field, column.type);
    values.push_back(std::move(conversion.value));
    if (!column.null_if_changed) misfit += " WHEN NOT " + conversion.fits + " THEN " + std::to_string(i);
  }
  const std::string number = quoted_name(number_column(schema));
  const std::string numbered = "(SELECT *, row_number() OVER () - 1 AS " + number + " FROM " + view_->name() + ")";
  if (!misfit.empty()) {
    RB_SDK_ASSIGN_OR_RETURN(
        unconverted_, view_->prepare("SELECT " + number + ", misfit FROM (SELECT " + number + ", CASE" + misfit +
                                     " END AS misfit FROM " + numbered + ") WHERE misfit IS NOT NULL ORDER BY 1"));
  }
  const std::string into = "INSERT INTO main." + quoted_name(plan_.table) + " (" + joined(names, ", ") + ") ";
  const std::string select = "SELECT " + joined(values, ", ") + " FROM ";
  if (plan_.key.empty()) {
    RB_SDK_ASSIGN_OR_RETURN(insert_, view_->prepare(into + select + view_->name()));
    if (plan_.unique_keys.empty() || ctx_.policies.on_data_error == sdk::OnDataError::kFail) return {};
    // For each row, each of its keys as text, and whether one of them repeats an earlier one.
    std::string repeats;
    std::vector<std::string> given;
    std::vector<std::string> returned;
    for (const auto& key : plan_.unique_keys) {
      std::vector<std::string> parts;
      std::string there;
      for (const std::string& part : key) {
        const auto column = std::find_if(plan_.columns.begin(), plan_.columns.end(),
                                         [&](const ColumnPlan& candidate) { return candidate.name == part; });
        // It has its default, or null: then a row that is refused ends the load.
        if (column == plan_.columns.end()) return {};
        const std::string& value = values[static_cast<size_t>(column - plan_.columns.begin())];
        parts.push_back("CAST(" + value + " AS " + column->type + ")");
        there += (there.empty() ? "" : " AND ") + value + " IS NOT NULL";
      }
      repeats += (repeats.empty() ? "" : " OR ") + ("(" + there + " AND row_number() OVER (PARTITION BY ") +
                 joined(parts, ", ") + " ORDER BY " + number + ") > 1)";
      given.push_back("CAST(row(" + joined(parts, ", ") + ") AS VARCHAR)");
      returned.push_back("CAST(row(" + joined(quoted(key), ", ") + ") AS VARCHAR)");
    }
    RB_SDK_ASSIGN_OR_RETURN(keys_, view_->prepare("SELECT " + repeats + ", " + joined(given, ", ") + " FROM " +
                                                  numbered + " ORDER BY " + number));
    RB_SDK_ASSIGN_OR_RETURN(
        insert_returning_,
        view_->prepare(into + select + view_->name() + " ON CONFLICT DO NOTHING RETURNING " + joined(returned, ", ")));
    return {};
  }

  std::vector<std::string> key_values;
  std::vector<std::string> assignments;
  std::string changed;
  for (size_t i = 0; i < plan_.columns.size(); ++i) {
    if (plan_.columns[i].in_key) {
      key_values.push_back(values[i]);
      continue;
    }
    assignments.push_back(names[i] + " = excluded." + names[i]);
    const std::string old_value = quoted_name(plan_.table) + "." + names[i];
    const std::string new_value = "excluded." + names[i];
    changed += (changed.empty() ? "" : " OR ") + old_value + " IS DISTINCT FROM " + new_value;
    // 0.0 and -0.0 are the same to a comparison.
    if (plan_.columns[i].type == "DOUBLE" || plan_.columns[i].type == "FLOAT")
      changed += " OR signbit(" + old_value + ") IS DISTINCT FROM signbit(" + new_value + ")";
  }
  std::string conflict = " ON CONFLICT (" + joined(quoted(plan_.key), ", ") + ") DO ";
  if (assignments.empty()) {
    conflict += "NOTHING";
  } else {
    // A row that already exists unchanged is not written again: overlapping loads cost no more than reading.
    conflict += "UPDATE SET " + joined(assignments, ", ") + " WHERE " + changed;
  }
  RB_SDK_ASSIGN_OR_RETURN(insert_, view_->prepare(into + select + view_->name() + conflict));
  const std::string keys = joined(key_values, ", ");
  RB_SDK_ASSIGN_OR_RETURN(
      repeated_, view_->prepare("SELECT count(*) - count(DISTINCT " +
                                (key_values.size() == 1 ? keys : "row(" + keys + ")") + ") FROM " + view_->name()));
  // Of rows with the same key DuckDB would keep the first.
  RB_SDK_ASSIGN_OR_RETURN(insert_last_,
                          view_->prepare(into + select + numbered + " QUALIFY row_number() OVER (PARTITION BY " + keys +
                                         " ORDER BY " + number + " DESC) = 1" + conflict));
  return {};
}

Result<sdk::WriteCount> LoadWriter::write(std::span<const uint8_t> bytes) {
  RB_SDK_RETURN_NOT_OK(batch_.load(bytes));
  // A table without columns and rows: there is no such table here, and nothing to keep.
  if (batch_.schema().fields.empty() && batch_.rows() == 0) return sdk::WriteCount();
  RB_SDK_RETURN_NOT_OK(database_.begin());
  if (batch_.schema_version() != schema_version_) {
    RB_SDK_RETURN_NOT_OK(prepare());
    schema_version_ = batch_.schema_version();
  }
  RB_SDK_RETURN_NOT_OK(table::check_late_values(plan_.columns, plan_.no_columns, batch_));
  if (plan_.columns.empty()) return sdk::WriteCount();
  sdk::WriteCount count;
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<RefusedRow> refused, find_refused());
  size_t begin = 0;
  for (const RefusedRow& row : refused) {
    RB_SDK_RETURN_NOT_OK(write_rows(begin, row.row, count));
    RB_SDK_RETURN_NOT_OK(reject(row, count));
    begin = row.row + 1;
  }
  RB_SDK_RETURN_NOT_OK(write_rows(begin, batch_.rows(), count));
  rows_seen_ += batch_.rows();
  return count;
}

Result<std::vector<RefusedRow>> LoadWriter::find_refused() {
  std::vector<RefusedRow> found;
  // Values that DuckDB would take for others.
  for (size_t begin = 0; begin < batch_.rows();) {
    const auto unfit = duck::find_unfit_row(batch_, begin, batch_.rows() - begin);
    if (!unfit) break;
    found.push_back({.row = unfit->row, .column = {}, .value = {}, .reason = unfit->why});
    begin = unfit->row + 1;
  }
  for (const ColumnPlan& column : plan_.columns) {
    const sdk::ColumnView& view = batch_.column(column.source);
    if (!column.refuse_null || !view.has_nulls()) continue;
    for (size_t row = 0; row < batch_.rows(); ++row) {
      if (!view.is_null(row)) continue;
      found.push_back({.row = row,
                       .column = column.name,
                       .value = "NULL",
                       .reason = column.in_key ? "a key must not be null" : "the column is NOT NULL"});
    }
  }
  if (unconverted_) {
    // Those found so far must not get into a statement, whatever it is.
    std::vector<bool> out(batch_.rows(), false);
    for (const RefusedRow& row : found) out[row.row] = true;
    for (size_t begin = 0; begin < batch_.rows();) {
      size_t end = begin;
      while (end < batch_.rows() && !out[end]) ++end;
      if (end > begin) {
        duck::RowsOfBatch input(batch_, begin, end - begin);
        RB_SDK_ASSIGN_OR_RETURN(const std::vector<TextRow> misfits, unconverted_->run(input));
        for (const TextRow& misfit : misfits) {
          const size_t row = begin + number_of(misfit[0]);
          const ColumnPlan& column = plan_.columns[number_of(misfit[1])];
          found.push_back({.row = row,
                           .column = column.name,
                           .value = shown_value(batch_.column(column.source), row),
                           .reason = "the value does not fit " + column.type + " exactly"});
        }
      }
      begin = end + 1;
    }
  }
  std::stable_sort(found.begin(), found.end(), [](const RefusedRow& a, const RefusedRow& b) { return a.row < b.row; });
  found.erase(
      std::unique(found.begin(), found.end(), [](const RefusedRow& a, const RefusedRow& b) { return a.row == b.row; }),
      found.end());
  return found;
}

Status LoadWriter::write_rows(size_t begin, size_t end, sdk::WriteCount& count) {
  if (begin == end) return {};
  return insert_returning_ ? insert_new(begin, end, count) : insert(begin, end, count);
}

Status LoadWriter::insert(size_t begin, size_t end, sdk::WriteCount& count) {
  const size_t rows = end - begin;
  duck::RowsOfBatch input(batch_, begin, rows);
  duck::InputStatement* statement = insert_.get();
  if (repeated_) {
    RB_SDK_ASSIGN_OR_RETURN(const std::vector<TextRow> repeated, repeated_->run(input));
    if (number_of(repeated[0][0]) > 0) statement = insert_last_.get();
  }
  duck::RowsOfBatch again(batch_, begin, rows);
  auto stored = statement->run(again);
  if (!stored.ok()) {
    if (stored.error().code != codes::kRowRefused) return std::move(stored).status();
    return refused_.row_refused(
        ", one of the rows " + std::to_string(rows_seen_ + begin + 1) + " to " + std::to_string(rows_seen_ + end),
        stored.error().message, "Table " + quoted_name(plan_.table));
  }
  const size_t written = number_of((*stored)[0][0]);
  if (plan_.key.empty() && written != rows) {
    return sdk::internal_error(codes::kRowDiscarded, "stream \"" + ctx_.stream_name + "\": DuckDB stored " +
                                                         std::to_string(written) + " of " + std::to_string(rows) +
                                                         " rows. Nothing of this commit was kept.");
  }
  count.written += rows;
  return {};
}

Status LoadWriter::insert_new(size_t begin, size_t end, sdk::WriteCount& count) {
  duck::RowsOfBatch input(batch_, begin, end - begin);
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<TextRow> rows, keys_->run(input));
  const size_t keys = plan_.unique_keys.size();
  // A statement takes no row that repeats an earlier one of its own: which of them is stored would be DuckDB's choice.
  for (size_t from = begin; from < end;) {
    size_t to = from + 1;
    while (to < end && rows[to - begin][0] != "true") ++to;
    duck::RowsOfBatch part(batch_, from, to - from);
    RB_SDK_ASSIGN_OR_RETURN(const std::vector<TextRow> stored, insert_returning_->run(part));
    // What was stored comes in the order of the input.
    size_t next = 0;
    for (size_t row = from; row < to; ++row) {
      const TextRow& given = rows[row - begin];
      bool is_stored = next < stored.size();
      for (size_t key = 0; key < keys && is_stored; ++key) is_stored = stored[next][key] == given[key + 1];
      if (is_stored) {
        ++next;
        ++count.written;
        continue;
      }
      RB_SDK_RETURN_NOT_OK(reject({.row = row,
                                   .column = joined(plan_.unique_keys[0], ", "),
                                   .value = given[1].value_or("NULL"),
                                   .reason = "a row with the same key is there already"},
                                  count));
    }
    if (next != stored.size()) {
      return sdk::internal_error(codes::kRowDiscarded, "stream \"" + ctx_.stream_name +
                                                           "\": DuckDB does not say which rows it stored. Nothing of "
                                                           "this commit was kept.");
    }
    from = to;
  }
  return {};
}

Status LoadWriter::reject(const RefusedRow& refused, sdk::WriteCount& count) {
  return refused_.reject(
      refused, rows_seen_, [&] { return duck::record_of(batch_, refused.row); },
      "Table " + table::quote_name(plan_.table) + " of " + database_.path(), count.failed);
}

Status LoadWriter::commit(const table::Receipt& receipt) {
  RB_SDK_RETURN_NOT_OK(database_.begin());
  table::Receipt complete = receipt;
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<duck::TableDescription> table, read_table(database_, table_));
  if (table) {
    RB_SDK_ASSIGN_OR_RETURN(const RowEvidence evidence, RowEvidence::of_table(database_, table->name));
    complete.identity = evidence.to_text();
  }
  RB_SDK_RETURN_NOT_OK(write_receipt(database_, ctx_, complete));
  return database_.commit();
}

}  // namespace rapidbyte::dest_duckdb
