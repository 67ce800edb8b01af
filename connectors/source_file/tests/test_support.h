#pragma once
// What the connector's tests share: a separate folder, whole reads through RecordReader at any buffer size, and whole
// runs through the SDK's FakeHost with the emitted batches as text.

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "csv_scanner.h"
#include "field_text.h"
#include "rapidbyte/sdk/connector.h"
#include "rapidbyte/testing/fake_host.h"
#include "record_reader.h"
#include "source.h"

namespace rapidbyte::source_file::testing {

/// A folder that is removed with the object.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  [[nodiscard]] std::string path() const { return path_.string(); }
  std::string write(const std::string& name, std::string_view content) const;

 private:
  std::filesystem::path path_;
};

/// One row per record: fields as text, "NULL" for null, and "!kind" for a record with a problem.
using Table = std::vector<std::vector<std::string>>;

struct ReadBack {
  Table rows;
  std::string error;  // code of the error that ended the read
};
ReadBack read_csv(const std::string& path, const CsvDialect& dialect, uint32_t columns, size_t buffer_bytes,
                  uint64_t max_record_bytes = uint64_t{1} << 20U);
ReadBack read_ndjson(const std::string& path, const std::vector<std::string>& keys, size_t buffer_bytes,
                     uint64_t max_record_bytes = uint64_t{1} << 20U);

std::string gzip(std::string_view text);
std::string zstd(std::string_view text);

/// One run of a stream, as the engine would do it.
struct RunResult {
  sdk::Status status;
  sdk::ReadSummary summary;
  sdk::Schema schema;
  Table rows;                         // all batches, values as JSON text
  std::vector<size_t> batch_bytes;    // encoded size per batch
  std::vector<sdk::Json> checkpoints;
  std::vector<size_t> rows_covered;   // rows emitted before each checkpoint
  std::vector<sdk::testing::DlqRecord> dlq;
  std::vector<std::string> warnings;
};
struct RunOptions {
  sdk::Json config = sdk::Json::object();   // beside folder
  sdk::Json stream = sdk::Json::object();   // beside name
  std::string name = "data";
  std::string on_data_error = "fail";
  std::string type_change = "fail";
  std::string cursor_field;                 // incremental when set
  sdk::Json last_value = "null";
  sdk::Json resume;
  uint64_t max_batch_bytes = 256 << 10;
  uint64_t max_record_bytes = 0;
  uint64_t checkpoint_interval_rows = 0;
  uint64_t fail_emit = 0;                   // the nth emit-batch fails
  std::function<void()> meanwhile;          // called once, when the first batch is emitted
};
RunResult run(const std::string& folder, const RunOptions& options = {});
/// The same with a source that stays open; it was opened with the stream in its config.
RunResult run_stream(sdk::SourceAdapter<FileSource>& source, const RunOptions& options);
/// `options.stream` as it stands in the config.
sdk::Json stream_entry(const RunOptions& options);

}  // namespace rapidbyte::source_file::testing
