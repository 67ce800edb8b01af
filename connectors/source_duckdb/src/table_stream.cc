#include "connectors/source_duckdb/src/table_stream.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "connectors/shared/duckdb/sql_text.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::source_duckdb {

using duck::quoted_name;
using duck::TextRow;
using sdk::Schema;

namespace {

std::string stamp_of_file(const std::string& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0) return "-";
  return std::to_string(info.st_size) + ":" + std::to_string(info.st_mtim.tv_sec) + "." +
         std::to_string(info.st_mtim.tv_nsec);
}

}  // namespace

DatabaseStamp DatabaseStamp::of(const std::string& path) {
  return {stamp_of_file(path) + " " + stamp_of_file(path + ".wal")};
}

Result<TableStream> TableStream::make(duck::Database& database, const std::string& schema, StreamOptions options) {
  TableStream stream(database, std::move(options));
  const std::string of_stream = "stream '" + stream.options_.name + "': ";
  RB_SDK_ASSIGN_OR_RETURN(std::optional<duck::TableDescription> table,
                          database.describe(stream.options_.table, schema));
  if (!table) {
    return sdk::config_error(codes::kTableMissing, of_stream + "schema " + quoted_name(schema) + " of " +
                                                       database.path() + " has no table or view " +
                                                       quoted_name(stream.options_.table) +
                                                       ". Name it with `table`, or its schema in the source's config");
  }
  stream.table_ = *std::move(table);
  stream.sql_name_ = quoted_name(schema) + "." + quoted_name(stream.table_.name);
  if (stream.table_.is_view) {
    const auto described =
        database.query("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM " + stream.sql_name_ + ")");
    if (!described.ok()) {
      return sdk::config_error(
          codes::kSqlInvalid, of_stream + "view " + stream.sql_name_ + " cannot be read: " + described.error().message);
    }
    for (const TextRow& column : *described)
      stream.table_.columns.push_back({.name = column[0].value_or(""), .type = column[1].value_or("")});
  }
  if (!stream.options_.where.empty()) {
    const Status status = database.check_expression(stream.options_.where);
    if (!status.ok()) return sdk::config_error(codes::kSqlInvalid, of_stream + "`where`: " + status.error().message);
  }
  auto all = database.select("SELECT * FROM " + stream.sql_name_ + " LIMIT 0", /*shown=*/false);
  if (!all.ok()) {
    return sdk::config_error(codes::kSqlInvalid,
                             of_stream + stream.sql_name_ + " cannot be read: " + all.error().message);
  }
  Schema columns = (*all)->columns();
  for (sdk::Field& field : columns.fields) {
    const bool not_null = std::any_of(stream.table_.columns.begin(), stream.table_.columns.end(),
                                      [&](const auto& column) { return column.name == field.name && column.not_null; });
    field.nullable = !not_null;
  }
  if (stream.options_.select.empty()) {
    stream.columns_ = std::move(columns);
  } else {
    for (const std::string& name : stream.options_.select) {
      const auto index = columns.index_of(name);
      if (!index) {
        std::string has;
        for (const sdk::Field& field : columns.fields) has += (has.empty() ? "" : ", ") + field.name;
        return sdk::config_error(codes::kUnknownColumn, of_stream + "`select` names column '" + name + "', which " +
                                                            stream.sql_name_ + " does not have. It has: " + has);
      }
      stream.columns_.fields.push_back(columns.fields[*index]);
    }
  }
  if (!stream.options_.where.empty()) {
    const auto fits = database.select("SELECT 1 AS one FROM " + stream.from(std::nullopt, {}), /*shown=*/false);
    if (!fits.ok()) return sdk::config_error(codes::kSqlInvalid, of_stream + "`where`: " + fits.error().message);
  }
  if (stream.table_.is_view) return stream;
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<TextRow> last,
                          database.query("SELECT max(rowid) + 1 FROM " + stream.sql_name_));
  const std::string text = last[0][0].value_or("0");
  std::from_chars(text.data(), text.data() + text.size(), stream.end_);
  return stream;
}

std::optional<std::string> TableStream::type_of(const std::string& column) const {
  for (const auto& known : table_.columns) {
    if (known.name == column) return known.type;
  }
  return std::nullopt;
}

std::string TableStream::from(const std::optional<Window>& window, const std::string& condition) const {
  std::string sql = sql_name_;
  std::string_view glue = " WHERE ";
  const auto add = [&](const std::string& more) {
    sql += std::string(glue) + more;
    glue = " AND ";
  };
  if (window) add("rowid >= " + std::to_string(window->begin) + " AND rowid < " + std::to_string(window->end));
  // The line ends a comment with which a condition may end.
  if (!options_.where.empty()) add("(" + options_.where + "\n)");
  if (!condition.empty()) add("(" + condition + ")");
  return sql;
}

Result<std::unique_ptr<duck::Query>> TableStream::rows(const Schema& columns, const std::optional<Window>& window,
                                                       const std::string& condition) const {
  std::string list;
  for (const sdk::Field& field : columns.fields) list += (list.empty() ? "" : ", ") + quoted_name(field.name);
  return database_->select("SELECT " + list + " FROM " + from(window, condition), /*shown=*/false);
}

Result<std::vector<TextRow>> TableStream::ask(const std::string& what, const std::string& condition,
                                              const std::string& rest) const {
  return database_->query("SELECT " + what + " FROM " + from(std::nullopt, condition) + rest);
}

}  // namespace rapidbyte::source_duckdb
