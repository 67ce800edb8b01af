#pragma once
// Options: the connector's config and a stream's own keys as values, checked. A stream may override every key that says
// how a file is read. Plain data, created once by open().

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "column_writer.h"
#include "csv_scanner.h"
#include "file_set.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/json.h"
#include "type_inference.h"

namespace rapidbyte::source_file {

enum class Format : uint8_t { kByName, kCsv, kNdjson };

/// How the files of a stream are read.
struct ReadOptions {
  Format format = Format::kByName;
  std::optional<char> delimiter;  // unset: comma, or tab for .tsv
  char quote = '"';
  char escape = 0;
  bool header = true;
  uint64_t skip_lines = 0;
  bool trim = false;
  RaggedRule ragged = RaggedRule::kError;
  std::vector<std::string> null_values;
  bool empty_is_null = true;
  bool quoted_nulls = false;
  InferenceOptions inference;
  uint64_t sample_rows = 10'000;
  uint64_t sample_files = 10;

  [[nodiscard]] FieldRules field_rules(Format format) const;
};

/// A type that the user has set for a column.
struct ColumnOverride {
  std::string name;
  sdk::DataType type;
  std::string pattern;
};

struct StreamOptions {
  std::string name;
  std::string path;  // empty: by the stream's name
  ReadOptions read;
  std::vector<ColumnOverride> columns;
};

struct SourceOptions {
  std::string folder;
  ReadOptions read;
  std::vector<StreamOptions> streams;  // what the pipeline asks for; empty when nothing is known of it
};

/// INVALID_CONFIG (config) with every problem.
sdk::Result<SourceOptions> parse_source_options(const sdk::Json& config);
sdk::Result<StreamOptions> parse_stream_options(const sdk::Json& entry, const std::string& name,
                                                const ReadOptions& defaults);

/// An Arrow name, or a short name: text, integer, float, decimal(p, s), boolean, date, time, timestamp, timestamptz.
sdk::Result<sdk::DataType> parse_type_name(std::string_view name);

/// The format of a file by its name without .gz or .zst; kByName when the name says nothing.
Format format_of_name(std::string_view file_name);
/// `stem` of "stem.csv.gz"; empty when the name has no extension that we know.
std::string stream_name_of_file(std::string_view file_name);

/// The stream's files. FORMAT_UNKNOWN, and the errors of file_set.h.
struct StreamFiles {
  std::vector<FileEntry> files;
  Format format = Format::kCsv;
  CsvDialect dialect;
};
sdk::Result<StreamFiles> resolve_files(const std::string& folder, const StreamOptions& stream);

}  // namespace rapidbyte::source_file
