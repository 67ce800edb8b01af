#pragma once
// LoadWriter: the rows of one load of one stream, batch after batch, into files; a commit puts them into the table
// (append) or into the receipt (replace) at once.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/dest_file/src/journal.h"
#include "connectors/dest_file/src/part_files.h"
#include "connectors/dest_file/src/target.h"
#include "rapidbyte/table/dialect.h"
#include "rapidbyte/table/refused_rows.h"

namespace rapidbyte::dest_file {

class LoadWriter final : public table::Writer {
 public:
  /// `before`: the receipt that the load resumes behind, if it does. `described`: the table, for messages.
  LoadWriter(duck::Engine& engine, const Config& config, const sdk::StreamContext& ctx,
             std::optional<StoredReceipt> before, std::string described);

  Result<sdk::WriteCount> write(std::span<const uint8_t> batch) override;
  /// When a file is full: each commit makes a file at least.
  bool wants_commit() override { return files_.has_finished(); }
  Status commit(const table::Receipt& receipt) override;

 private:
  Status prepare();
  Status commit_append(const table::Receipt& receipt, std::vector<ListedFile> files);
  Status commit_replace(const table::Receipt& receipt, std::vector<ListedFile> files);

  const sdk::StreamContext& ctx_;
  const Config& config_;
  Layout layout_;
  bool replaces_;
  std::string described_;
  StoredReceipt stored_;
  PartFiles files_;
  table::RefusedRows refused_;

  sdk::BatchReader batch_;
  uint64_t schema_version_ = 0;
  TargetPlan plan_;
  uint64_t rows_seen_ = 0;  // before the current batch
};

/// Bytes after which a file of the stream is closed.
uint64_t file_size_of(const Config& config, bool replaces);
/// The name in the stream's folder of a file that is staged under `staged`.
std::string published_name(const std::string& staged, std::string_view prefix);

}  // namespace rapidbyte::dest_file
