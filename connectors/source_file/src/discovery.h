#pragma once
// Discovery: names and types of a stream's columns from a sample of its files. Reads at most kSampleBytes of each of
// the first sample_files files; the same files and options give the same schema.

#include <memory>
#include <string>
#include <vector>

#include "options.h"
#include "rapidbyte/sdk/data_type.h"
#include "rapidbyte/sdk/error.h"
#include "record_reader.h"

namespace rapidbyte::source_file {

/// 1 MiB of text per file: thousands of records, read in milliseconds.
inline constexpr uint64_t kSampleBytes = uint64_t{1} << 20U;

/// Opens a file of the stream. For CSV the header (or for files without one, the width of the first record) is read:
/// `names` are the columns, empty when the file has no record at all. For NDJSON `names` stays empty: call set_keys()
/// next.
struct OpenFile {
  std::unique_ptr<RecordReader> reader;
  std::vector<std::string> names;
};
sdk::Result<OpenFile> open_stream_file(const FileEntry& file, const StreamFiles& files, const ReadOptions& options,
                                       const ReaderLimits& limits);

/// Header texts as column names: an empty one becomes column_N (N from 1), a repeated one name_2, name_3 ...
std::vector<std::string> unique_names(std::vector<std::string> header);

/// The stream's columns: those of the first file in its order, then those that other sampled files add. NO_COLUMNS,
/// COLUMN_NOT_FOUND (an override of a column that does not exist).
sdk::Result<sdk::Schema> discover_schema(const StreamOptions& stream, const StreamFiles& files);

/// What the writers need to know, from the schema of the context and the user's overrides.
sdk::Result<std::vector<ColumnSpec>> column_specs(const sdk::Schema& schema, const StreamOptions& stream);

}  // namespace rapidbyte::source_file
