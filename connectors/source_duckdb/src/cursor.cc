#include "connectors/source_duckdb/src/cursor.h"

#include <algorithm>
#include <array>

#include "connectors/shared/duckdb/sql_text.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::source_duckdb {

using duck::quoted_name;
using duck::quoted_text;
using duck::TextRow;
using sdk::CursorValue;
using sdk::Json;

namespace {

// Types whose values have an order that a position can follow, and a text that gives them back.
bool can_be_cursor(const std::string& type) {
  constexpr auto kTypes = std::to_array<std::string_view>({"TINYINT",
                                                           "SMALLINT",
                                                           "INTEGER",
                                                           "BIGINT",
                                                           "HUGEINT",
                                                           "UTINYINT",
                                                           "USMALLINT",
                                                           "UINTEGER",
                                                           "UBIGINT",
                                                           "UHUGEINT",
                                                           "VARCHAR",
                                                           "DATE",
                                                           "TIMESTAMP",
                                                           "TIMESTAMP_S",
                                                           "TIMESTAMP_MS",
                                                           "TIMESTAMP_NS",
                                                           "TIMESTAMP WITH TIME ZONE",
                                                           "TIMESTAMPTZ_NS",
                                                           "TIME",
                                                           "TIME_NS",
                                                           "UUID"});
  return type.starts_with("DECIMAL(") || std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

Result<std::optional<Cursor>> Cursor::make(const TableStream& stream, const sdk::StreamContext& ctx) {
  if (ctx.sync_mode != sdk::SyncMode::kIncremental || !ctx.cursor) return std::optional<Cursor>();
  const std::string of_stream = "stream '" + ctx.stream_name + "': ";
  const duck::TableDescription& table = stream.table();
  const std::string& field = ctx.cursor->field;
  std::vector<std::string> names = {field};
  const auto is_key = [&](const std::vector<std::string>& key) { return key.size() == 1 && key.front() == field; };
  const bool unique =
      is_key(table.primary_key) || std::any_of(table.unique_keys.begin(), table.unique_keys.end(), is_key);
  const std::vector<std::string>& ties =
      stream.options().tie_breaker.empty() ? table.primary_key : stream.options().tie_breaker;
  if (!unique || !stream.options().tie_breaker.empty()) {
    for (const std::string& tie : ties) {
      if (tie != field) names.push_back(tie);
    }
    if (names.size() == 1) {
      return sdk::config_error(codes::kTieBreakerMissing,
                               of_stream + "rows with the same " + quoted_name(field) +
                                   " cannot be told apart: " + quoted_name(table.name) +
                                   " has no primary key. Name the columns that tell them apart: tie_breaker: [id]");
    }
  }
  Cursor cursor;
  for (const std::string& name : names) {
    const auto type = stream.type_of(name);
    if (!type) {
      return sdk::config_error(codes::kUnknownColumn, of_stream + (name == field ? "cursor_field '" : "tie_breaker '") +
                                                          name + "' is no column of " + quoted_name(table.name));
    }
    if (!can_be_cursor(*type)) {
      return sdk::config_error(
          codes::kCursorType, of_stream + quoted_name(name) + " is " + *type +
                                  ", whose values have no order that a cursor can follow; take an integer, text, date, "
                                  "timestamp or decimal column");
    }
    cursor.parts_.push_back({name, *type});
  }
  RB_SDK_RETURN_NOT_OK(cursor.take_last(stream, ctx.cursor->last_value));
  std::string nulls;
  for (size_t i = 1; i < cursor.parts_.size(); ++i) {
    const std::string& tie = cursor.parts_[i].column;
    const bool never = std::any_of(table.columns.begin(), table.columns.end(),
                                   [&](const auto& column) { return column.name == tie && column.not_null; });
    if (!never) nulls += (nulls.empty() ? "" : " OR ") + quoted_name(tie) + " IS NULL";
  }
  if (!nulls.empty()) {
    RB_SDK_ASSIGN_OR_RETURN(const std::vector<TextRow> found,
                            stream.ask("1", quoted_name(field) + " IS NOT NULL AND (" + nulls + ")", " LIMIT 1"));
    if (!found.empty()) {
      names.erase(names.begin());
      return sdk::data_error(codes::kNullTieBreaker,
                             of_stream + "a row has no value in its tie-breaker (" + joined(names) +
                                 "). Fill it, leave such rows out with `where`, or take columns that are never null");
    }
  }
  return std::optional(std::move(cursor));
}

Status Cursor::take_last(const TableStream& stream, const CursorValue& stored) {
  if (stored.is_null()) return {};
  const auto changed = [&](const std::string& how) {
    return sdk::config_error(
        codes::kCursorChanged,
        "stream '" + stream.options().name + "': " + how +
            ". Put back what it was, or read everything again: rapidbyte state reset PIPELINE.yaml "
            "--stream '" +
            stream.options().name + "' (an append would double the rows that are there)");
  };
  if (stored.kind != CursorValue::Kind::kJson) return changed("the saved position is not one of source-duckdb");
  const Json* about = sdk::find_member(stored.json, "about");
  const Json* values = sdk::find_member(stored.json, "values");
  if (about == nullptr || values == nullptr || !values->is_array() || values->size() != parts_.size())
    return changed("the saved position is not one of source-duckdb, or of other columns");
  if (*about != this->about()) {
    return changed("the saved position is of cursor and tie-breaker " + sdk::to_text(*about) + ", and they are " +
                   sdk::to_text(this->about()) + " now");
  }
  for (const Json& value : *values) {
    if (!value.is_string()) return changed("the saved position is damaged");
    last_.push_back(value.get<std::string>());
  }
  return {};
}

Json Cursor::about() const {
  Json about = Json::array();
  for (const Part& part : parts_) about.push_back(part.column + " " + part.type);
  return about;
}

CursorValue Cursor::value_of(const std::vector<std::string>& values) const {
  if (values.empty()) return {};
  return CursorValue::of_json({{"about", about()}, {"values", values}});
}

// (a > x OR (a = x AND (b > y OR (b = y AND c > z)))), whose first comparison statistics can answer.
std::string Cursor::condition() const {
  const std::string first = quoted_name(parts_[0].column);
  if (last_.empty()) return first + " IS NOT NULL";
  std::string sql;
  for (size_t i = parts_.size(); i-- > 0;) {
    const std::string column = quoted_name(parts_[i].column);
    const std::string value = "CAST(" + quoted_text(last_[i]) + " AS " + parts_[i].type + ")";
    const std::string above = column + " > " + value;
    sql = sql.empty() ? above : "(" + above + " OR (" + column + " = " + value + " AND " + sql + "))";
  }
  if (parts_.size() == 1) return sql;
  return first + " >= CAST(" + quoted_text(last_[0]) + " AS " + parts_[0].type + ") AND " + sql;
}

Result<CursorValue> Cursor::highest(const TableStream& stream) const {
  std::string list;
  std::string order;
  for (const Part& part : parts_) {
    const std::string column = quoted_name(part.column);
    list += (list.empty() ? "" : ", ") + ("CAST(" + column + " AS VARCHAR)");
    order += (order.empty() ? " ORDER BY " : ", ") + column + " DESC";
  }
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<TextRow> top, stream.ask(list, condition(), order + " LIMIT 1"));
  if (top.empty()) return last();
  std::vector<std::string> values;
  for (const auto& value : top[0]) values.push_back(value.value_or(""));
  return value_of(values);
}

}  // namespace rapidbyte::source_duckdb
