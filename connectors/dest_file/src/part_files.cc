#include "connectors/dest_file/src/part_files.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "connectors/shared/duckdb/input_rows.h"
#include "connectors/shared/duckdb/row_checks.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::dest_file {

using sdk::BatchReader;
using sdk::Json;

namespace {

constexpr size_t kMostOpenFiles = 64;
// Rows that wait in all open files together.
constexpr uint64_t kMostWaitingBytes = 64ULL << 20U;
constexpr size_t kMostFolderBytes = 240;
// What Hive, and everybody since, calls the folder of null.
constexpr std::string_view kNullFolder = "__HIVE_DEFAULT_PARTITION__";

std::string as_text(const Json& value) { return value.is_string() ? value.get<std::string>() : sdk::to_text(value); }

// As Hive writes values into paths: what could be taken for something else is %XX.
std::string in_path(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20U || byte == 0x7f || std::string_view("\"#%'*/:=?\\{[]}^<>|").find(c) != std::string_view::npos) {
      char escaped[4];
      std::snprintf(escaped, sizeof(escaped), "%%%02X", byte);
      out += escaped;
    } else {
      out += c;
    }
  }
  return out;
}

std::string in_folder(const std::string& column, const std::optional<std::string>& value) {
  return in_path(column) + "=" + (value ? in_path(*value) : std::string(kNullFolder));
}

duck::FileFormat format_of(const Config& config) {
  duck::FileFormat format;
  if (config.format == Format::kParquet) {
    format.name = "parquet";
    format.options = {{"compression", config.compression == "none" ? "uncompressed" : config.compression}};
    return format;
  }
  format.name = "csv";
  format.bytes_per_group = 2ULL << 20U;
  format.options = {{"compression", config.compression}};
  if (config.format == Format::kCsv) {
    format.options["header"] = config.header;
    format.options["delimiter"] = config.delimiter;
    format.options["nullstr"] = config.null_value;
  } else {
    // Each record is one text, and nothing is put around or between them.
    format.options["header"] = false;
    format.options["delimiter"] = "\n";
    format.options["quote"] = "";
    format.options["escape"] = "";
  }
  return format;
}

}  // namespace

Status PartFiles::begin(const sdk::Schema& rows, const std::vector<OutputColumn>& columns) {
  RB_SDK_RETURN_NOT_OK(finish());
  rows_ = rows;
  columns_.clear();
  partition_columns_.clear();
  const auto& names = config_.partition_by;
  partition_columns_.resize(names.size());
  for (const OutputColumn& column : columns) {
    const auto part = std::find(names.begin(), names.end(), column.field.name);
    if (part == names.end()) {
      columns_.push_back(column);
      continue;
    }
    if (column.convert) {
      return sdk::schema_error(codes::kTypeChanged, "column `" + column.field.name +
                                                        "` is one of partition_by, and its type has changed; what is a "
                                                        "folder's name cannot be converted. Write into another folder");
    }
    partition_columns_[static_cast<size_t>(part - names.begin())] = column;
  }
  return {};
}

Result<uint64_t> PartFiles::write(const BatchReader& batch, const RejectRow& reject) {
  uint64_t written = 0;
  size_t begin = 0;
  // Values that DuckDB would take for others never get to it.
  while (begin < batch.rows()) {
    const auto unfit = duck::find_unfit_row(batch, begin, batch.rows() - begin);
    const size_t end = unfit ? unfit->row : batch.rows();
    if (end > begin) {
      RB_SDK_ASSIGN_OR_RETURN(const uint64_t count, write_range(batch, begin, end - begin, reject));
      written += count;
    }
    if (!unfit) break;
    RB_SDK_RETURN_NOT_OK(reject({unfit->row, unfit->why}));
    begin = end + 1;
  }
  return written;
}

Result<uint64_t> PartFiles::write_range(const BatchReader& batch, size_t begin, size_t rows, const RejectRow& reject) {
  if (partition_columns_.empty()) return write_rows(batch, begin, rows, {Key()}, reject);
  uint64_t written = 0;
  size_t from = begin;
  std::set<Key> keys;
  const auto write_until = [&](size_t end) -> Status {
    if (end == from) return {};
    RB_SDK_ASSIGN_OR_RETURN(const uint64_t count,
                            write_rows(batch, from, end - from, {keys.begin(), keys.end()}, reject));
    written += count;
    keys.clear();
    return {};
  };
  for (size_t row = begin; row < begin + rows; ++row) {
    Key key;
    std::string why;
    for (const auto& column : partition_columns_) {
      const bool is_null = !column || batch.column(column->source).is_null(row);
      key.push_back(is_null ? std::nullopt : std::optional(as_text(batch.column(column->source).json(row))));
      if (!key.back()) continue;
      if (key.back() == kNullFolder || key.back()->find('\0') != std::string::npos ||
          in_folder(column->field.name, key.back()).size() > kMostFolderBytes)
        why = "column `" + column->field.name + "`: the value cannot be a folder's name";
    }
    if (!why.empty()) {
      RB_SDK_RETURN_NOT_OK(write_until(row));
      RB_SDK_RETURN_NOT_OK(reject({row, why}));
      from = row + 1;
      continue;
    }
    keys.insert(std::move(key));
    if (keys.size() < kMostOpenFiles) continue;
    RB_SDK_RETURN_NOT_OK(write_until(row + 1));
    from = row + 1;
  }
  RB_SDK_RETURN_NOT_OK(write_until(begin + rows));
  return written;
}

// Halves what fails until the rows are found that do. With several partitions some of them have the rows already when
// another one fails, so that they cannot be tried again.
Result<uint64_t> PartFiles::write_rows(const BatchReader& batch, size_t begin, size_t rows,
                                       const std::vector<Key>& keys, const RejectRow& reject) {
  uint64_t written = 0;
  for (const Key& key : keys) {
    const Result<uint64_t> count = put(batch, begin, rows, key);
    if (count.ok()) {
      written += *count;
      continue;
    }
    if (count.error().code != codes::kSqlFailed) return count.status();
    if (keys.size() > 1) {
      return sdk::data_error(codes::kRowRefused, count.error().message +
                                                     ". With partition_by such a row cannot be left out; correct it in "
                                                     "the source");
    }
    if (rows == 1) {
      RB_SDK_RETURN_NOT_OK(reject({begin, count.error().message}));
      return uint64_t{0};
    }
    RB_SDK_ASSIGN_OR_RETURN(const uint64_t first, write_rows(batch, begin, rows / 2, keys, reject));
    RB_SDK_ASSIGN_OR_RETURN(const uint64_t second, write_rows(batch, begin + rows / 2, rows - rows / 2, keys, reject));
    return first + second;
  }
  // Every row is in one file, and in one only.
  if (written == rows) return written;
  return sdk::internal_error(codes::kFileWriteFailed, "of " + std::to_string(rows) + " rows the files took " +
                                                          std::to_string(written) +
                                                          ". Nothing of this transaction was kept; please report this");
}

Result<uint64_t> PartFiles::put(const BatchReader& batch, size_t begin, size_t rows, const Key& key) {
  RB_SDK_ASSIGN_OR_RETURN(OpenFile* const file, file_for(key));
  duck::RowsOfBatch input(batch, begin, rows);
  RB_SDK_ASSIGN_OR_RETURN(const uint64_t count, file->writer->write(input));
  const bool is_full = file->writer->bytes() + file->writer->waiting_bytes() / 4 >= file_size_;
  RB_SDK_RETURN_NOT_OK(is_full ? finish_file(key) : bound_memory());
  return count;
}

Result<PartFiles::OpenFile*> PartFiles::file_for(const Key& key) {
  const auto found = open_.find(key);
  if (found != open_.end()) {
    found->second.last_used = ++uses_;
    return &found->second;
  }
  if (open_.size() >= kMostOpenFiles) {
    const auto oldest = std::min_element(open_.begin(), open_.end(), [](const auto& a, const auto& b) {
      return a.second.last_used < b.second.last_used;
    });
    RB_SDK_RETURN_NOT_OK(finish_file(Key(oldest->first)));
  }
  char number[24];
  std::snprintf(number, sizeof(number), "-%06llu", static_cast<unsigned long long>(next_number_++));
  OpenFile file{.name = folder_of_key(key) + load_tag_ + number + config_.ending(), .writer = {}, .last_used = ++uses_};
  const std::string path = layout_.staged_folder() + "/" + file.name;
  RB_SDK_RETURN_NOT_OK(make_folders(folder_of(path)));
  RB_SDK_RETURN_NOT_OK(remove_file(path));
  RB_SDK_ASSIGN_OR_RETURN(file.writer, engine_.write_file(path, format_of(config_), rows_,
                                                          select_list(config_.format, rows_, columns_), where_of(key)));
  return &open_.emplace(key, std::move(file)).first->second;
}

Status PartFiles::finish_file(const Key& key) {
  const auto found = open_.find(key);
  OpenFile& file = found->second;
  RB_SDK_RETURN_NOT_OK(file.writer->finish());
  const std::string path = layout_.staged_folder() + "/" + file.name;
  RB_SDK_RETURN_NOT_OK(sync_file(path));
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<uint64_t> bytes, size_of(path));
  finished_.push_back({file.name, file.writer->rows(), bytes.value_or(0)});
  open_.erase(found);
  return {};
}

Status PartFiles::bound_memory() {
  uint64_t waiting = 0;
  for (const auto& [key, file] : open_) waiting += file.writer->waiting_bytes();
  if (waiting < kMostWaitingBytes) return {};
  const auto largest = std::max_element(open_.begin(), open_.end(), [](const auto& a, const auto& b) {
    return a.second.writer->waiting_bytes() < b.second.writer->waiting_bytes();
  });
  return largest->second.writer->flush();
}

Status PartFiles::write_empty() {
  if (config_.format == Format::kNdjson || !partition_columns_.empty()) return {};
  RB_SDK_ASSIGN_OR_RETURN(OpenFile* const file, file_for(Key()));
  static_cast<void>(file);
  return finish();
}

Status PartFiles::finish() {
  while (!open_.empty()) RB_SDK_RETURN_NOT_OK(finish_file(Key(open_.begin()->first)));
  return {};
}

std::vector<ListedFile> PartFiles::take_finished() { return std::exchange(finished_, {}); }

std::string PartFiles::folder_of_key(const Key& key) const {
  std::string folder;
  for (size_t i = 0; i < key.size(); ++i) folder += in_folder(config_.partition_by[i], key[i]) + "/";
  return folder;
}

std::string PartFiles::where_of(const Key& key) const {
  std::string where;
  for (size_t i = 0; i < key.size(); ++i) {
    if (!partition_columns_[i]) continue;
    const sdk::Field& field = rows_.fields[partition_columns_[i]->source];
    const std::string name = quoted_name(field.name);
    if (!where.empty()) where += " AND ";
    where += name + (key[i] ? " = CAST(" + quoted_text(*key[i]) + " AS " + type_sql(field.type) + ")"
                            : std::string(" IS NULL"));
  }
  return where;
}

}  // namespace rapidbyte::dest_file
