#include "connectors/source_parquet/src/parquet_stream.h"

#include <nanoarrow/nanoarrow.h>
#include <sys/stat.h>

#include <algorithm>

#include "connectors/shared/duckdb/input_rows.h"
#include "connectors/shared/duckdb/sql_text.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::source_parquet {

using duck::quoted_name;
using duck::quoted_text;
using duck::type_sql;
using sdk::Json;
using sdk::Schema;

namespace {

// A query costs some milliseconds, whatever it reads.
constexpr uint64_t kWindowRows = 1U << 20U;
constexpr uint64_t kWindowBytes = 128U << 20U;
// A column of every scan, which must not be one of the file's.
constexpr const char* kRowNumber = "file_row_number";

int64_t number_at(const ArrowArray& rows, int64_t column, int64_t row) {
  const ArrowArray& values = *rows.children[column];
  return static_cast<const int64_t*>(values.buffers[1])[values.offset + row];
}

std::string text_at(const ArrowArray& rows, int64_t column, int64_t row) {
  const ArrowArray& values = *rows.children[column];
  const auto* offsets = static_cast<const int32_t*>(values.buffers[1]) + values.offset + row;
  const auto* bytes = static_cast<const char*>(values.buffers[2]);
  return {bytes + offsets[0], static_cast<size_t>(offsets[1] - offsets[0])};
}

bool null_at(const ArrowArray& rows, int64_t column, int64_t row) {
  const ArrowArray& values = *rows.children[column];
  const auto* validity = static_cast<const uint8_t*>(values.buffers[0]);
  const int64_t at = values.offset + row;
  return validity != nullptr && ((validity[at / 8] >> (at % 8)) & 1) == 0;
}

bool is_folder(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

Result<std::vector<FileEntry>> files_of(const std::string& folder, const StreamOptions& options) {
  if (!options.path.empty()) return source_file::list_files(folder, options.path);
  if (is_folder(folder + "/" + options.name)) return source_file::list_files(folder, options.name + "/**/*.parquet");
  return source_file::list_files(folder, options.name + ".parquet");
}

}  // namespace

Result<ParquetStream> ParquetStream::make(duck::Engine& engine, const std::string& folder, StreamOptions options) {
  ParquetStream stream(engine, std::move(options));
  if (!stream.options_.where.empty()) {
    const Status status = engine.check_expression(stream.options_.where);
    if (!status.ok()) return sdk::config_error(codes::kSqlInvalid, "`where`: " + status.error().message);
  }
  RB_SDK_ASSIGN_OR_RETURN(stream.files_, files_of(folder, stream.options_));
  return stream;
}

std::string ParquetStream::scan(const std::vector<std::string>& paths, const std::string& more) const {
  std::string list;
  for (const std::string& path : paths) list += (list.empty() ? "" : ", ") + quoted_text(path);
  return "read_parquet([" + list + "], hive_partitioning = " + (options_.hive_partitions ? "true" : "false") + more +
         ")";
}

Status ParquetStream::unreadable(const std::string& name, const sdk::Error& why) const {
  if (why.code == codes::kSqlOutOfMemory) return sdk::make_error(why.category, why.code, why.message);
  return sdk::data_error(codes::kFileUnreadable, "stream '" + options_.name + "', file '" + name + "': " + why.message);
}

Result<Schema> ParquetStream::columns() const {
  std::vector<std::string> paths;
  for (const FileEntry& file : files_) paths.push_back(file.path);
  const auto query =
      engine_.prepare_own("SELECT * FROM " + scan(paths, ", union_by_name = true") + " LIMIT 0", Json::object());
  if (!query.ok()) {
    // Which file it is only a look at each tells.
    for (const FileEntry& file : files_) {
      const auto alone = engine_.prepare_own("SELECT * FROM " + scan({file.path}) + " LIMIT 0", Json::object());
      if (!alone.ok()) return unreadable(file.name, alone.error());
    }
    return unreadable(files_.front().name, query.error());
  }
  const Schema& all = (*query)->columns();
  if (all.index_of(kRowNumber)) {
    return sdk::schema_error(codes::kNameRefused,
                             "stream '" + options_.name + "': a column is named " + kRowNumber +
                                 ", which is what rows are counted by; leave it out with `select`");
  }
  if (options_.select.empty()) return all;
  Schema chosen;
  for (const std::string& name : options_.select) {
    const auto index = all.index_of(name);
    if (!index) {
      std::string has;
      for (const sdk::Field& field : all.fields) has += (has.empty() ? "" : ", ") + field.name;
      return sdk::config_error(codes::kUnknownColumn, "stream '" + options_.name + "': `select` names column '" + name +
                                                          "', which its files do not have. They have: " + has);
    }
    chosen.fields.push_back(all.fields[*index]);
  }
  return chosen;
}

Result<std::vector<Window>> ParquetStream::windows(const FileEntry& file) const {
  const auto query = engine_.prepare_own(
      "SELECT CAST(max(row_group_num_rows) AS BIGINT) AS n, CAST(max(row_group_bytes) AS BIGINT) AS b FROM "
      "parquet_metadata(" +
          quoted_text(file.path) + ") GROUP BY row_group_id ORDER BY row_group_id",
      Json::object());
  if (!query.ok()) return unreadable(file.name, query.error());
  std::vector<Window> windows;
  duck::NoRows no_rows;
  uint64_t row = 0;
  const Status status = (*query)->run(no_rows, 2048, [&](const ArrowArray& groups) -> Status {
    for (int64_t i = 0; i < groups.length; ++i) {
      const int64_t rows = null_at(groups, 0, i) ? 0 : number_at(groups, 0, i);
      const int64_t bytes = null_at(groups, 1, i) ? 0 : number_at(groups, 1, i);
      if (rows < 0 || bytes < 0) return sdk::data_error(codes::kFileUnreadable, "a row group has a negative size");
      if (rows == 0) continue;
      const bool joins = !windows.empty() && row - windows.back().begin + static_cast<uint64_t>(rows) <= kWindowRows &&
                         windows.back().bytes + static_cast<uint64_t>(bytes) <= kWindowBytes;
      if (!joins) windows.push_back({row, row, 0});
      row += static_cast<uint64_t>(rows);
      windows.back().end = row;
      windows.back().bytes += static_cast<uint64_t>(bytes);
    }
    return {};
  });
  if (!status.ok()) return unreadable(file.name, status.error());
  return windows;
}

Result<std::string> ParquetStream::select_from(const FileEntry& file, const Schema& columns, const Window& window,
                                               const std::string& condition) const {
  const auto here = engine_.prepare_own("SELECT * FROM " + scan({file.path}) + " LIMIT 0", Json::object());
  if (!here.ok()) return unreadable(file.name, here.error());
  const Schema& has = (*here)->columns();
  std::string list;
  std::string wanted;
  for (const sdk::Field& column : columns.fields) {
    const auto index = has.index_of(column.name);
    const std::string name = quoted_name(column.name);
    list += (list.empty() ? "" : ", ");
    wanted += (wanted.empty() ? "" : ", ") + name;
    if (!index) {
      list += "CAST(NULL AS " + type_sql(column.type) + ") AS " + name;
    } else if (has.fields[*index].type == column.type) {
      list += name;
    } else {
      list += "CAST(" + name + " AS " + type_sql(column.type) + ") AS " + name;
    }
  }
  // For a condition on columns that are not read.
  for (const sdk::Field& column : has.fields) {
    if (!columns.index_of(column.name)) list += ", " + quoted_name(column.name);
  }
  // The window is put on the scan itself, where it chooses row groups; what the user asks is asked of the stream's
  // columns, whichever of them this file has.
  std::string sql = "SELECT " + wanted + " FROM (SELECT " + list + " FROM " + scan({file.path}) + " WHERE " +
                    kRowNumber + " >= " + std::to_string(window.begin) + " AND " + kRowNumber + " < " +
                    std::to_string(window.end) + ")";
  if (!condition.empty()) sql += " WHERE " + condition;
  return sql;
}

Result<std::unique_ptr<duck::Query>> ParquetStream::rows(const FileEntry& file, const Schema& columns,
                                                         const Window& window, const std::string& condition,
                                                         const Json& parameters) const {
  RB_SDK_ASSIGN_OR_RETURN(const std::string sql, select_from(file, columns, window, condition));
  return engine_.prepare_own(sql, parameters);
}

Result<Json> ParquetStream::value(const FileEntry& file, const Schema& columns, const Window& window,
                                  const std::string& expression, const std::string& condition,
                                  const Json& parameters) const {
  RB_SDK_ASSIGN_OR_RETURN(const std::string sql, select_from(file, columns, window, condition));
  RB_SDK_ASSIGN_OR_RETURN(
      const std::unique_ptr<duck::Query> query,
      engine_.prepare_own("SELECT CAST(" + expression + " AS VARCHAR) AS value FROM (" + sql + ")", parameters));
  Json found;
  duck::NoRows no_rows;
  RB_SDK_RETURN_NOT_OK(query->run(no_rows, 2048, [&](const ArrowArray& rows) -> Status {
    if (rows.length > 0 && !null_at(rows, 0, 0)) found = text_at(rows, 0, 0);
    return {};
  }));
  return found;
}

}  // namespace rapidbyte::source_parquet
