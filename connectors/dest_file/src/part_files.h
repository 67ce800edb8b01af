#pragma once
// PartFiles: rows into files, one at a time or one for each partition, in the staged folder. A file that has reached
// its size is closed and the next begun. Files that are finished are on the disk.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/dest_file/src/config.h"
#include "connectors/dest_file/src/layout.h"
#include "connectors/dest_file/src/listing.h"
#include "connectors/dest_file/src/output_columns.h"
#include "connectors/shared/duckdb/engine.h"
#include "rapidbyte/sdk/batch_reader.h"

namespace rapidbyte::dest_file {

/// A row that no file takes.
struct UnfitRow {
  size_t row = 0;  // in the batch
  std::string why;
};
using RejectRow = std::function<Status(const UnfitRow&)>;

class PartFiles {
 public:
  /// `first_number`: of the next file of the load. `file_size`: bytes after which a file is closed.
  PartFiles(duck::Engine& engine, const Config& config, const Layout& layout, std::string load_tag,
            uint64_t first_number, uint64_t file_size)
      : engine_(engine),
        config_(config),
        layout_(layout),
        load_tag_(std::move(load_tag)),
        next_number_(first_number),
        file_size_(file_size) {}

  /// Rows come in these columns from now on; what is open is finished.
  Status begin(const sdk::Schema& rows, const std::vector<OutputColumn>& columns);
  /// Puts the rows that fit into files, and hands over the others. Returns how many went in.
  Result<uint64_t> write(const sdk::BatchReader& batch, const RejectRow& reject);
  /// A file without rows, which says the columns; nothing for ndjson, which has no such thing.
  Status write_empty();
  /// Closes what is open. The files are on the disk, staged.
  Status finish();
  /// The files that are finished and not yet handed over; names below the staged folder.
  std::vector<ListedFile> take_finished();
  [[nodiscard]] bool has_finished() const { return !finished_.empty(); }
  [[nodiscard]] uint64_t next_number() const { return next_number_; }

 private:
  struct OpenFile {
    std::string name;
    std::unique_ptr<duck::FileWriter> writer;
    uint64_t last_used = 0;
  };
  using Key = std::vector<std::optional<std::string>>;  // a partition's values

  Result<uint64_t> write_range(const sdk::BatchReader& batch, size_t begin, size_t rows, const RejectRow& reject);
  Result<uint64_t> write_rows(const sdk::BatchReader& batch, size_t begin, size_t rows, const std::vector<Key>& keys,
                              const RejectRow& reject);
  Result<uint64_t> put(const sdk::BatchReader& batch, size_t begin, size_t rows, const Key& key);
  Result<OpenFile*> file_for(const Key& key);
  Status finish_file(const Key& key);
  Status bound_memory();
  [[nodiscard]] std::string folder_of_key(const Key& key) const;
  [[nodiscard]] std::string where_of(const Key& key) const;

  duck::Engine& engine_;
  const Config& config_;
  const Layout& layout_;
  std::string load_tag_;
  uint64_t next_number_;
  uint64_t file_size_;

  sdk::Schema rows_;
  std::vector<OutputColumn> columns_;
  /// One for each of `partition_by`; null where the stream has no such column any more.
  std::vector<std::optional<OutputColumn>> partition_columns_;
  std::map<Key, OpenFile> open_;
  uint64_t uses_ = 0;
  std::vector<ListedFile> finished_;
};

}  // namespace rapidbyte::dest_file
