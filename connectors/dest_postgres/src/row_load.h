#pragma once
// RowLoad: one way to send the rows of a LoadState's batch to the server. A group is several batches after one
// savepoint, so that the rows that the server refuses can be left out; a part of a batch can be tried separately.

#include <cstdint>
#include <optional>

#include "rapidbyte/sdk/error.h"

namespace rapidbyte::dest_postgres {

class RowLoad {
 public:
  virtual ~RowLoad() = default;

  /// Adopts a new plan: first under the system's path, with the table's own transaction ...
  virtual sdk::Status prepare_table() = 0;
  /// ... and then for the rows.
  virtual sdk::Status prepare_rows() = 0;

  virtual sdk::Status begin_group() = 0;
  /// Adds all rows of the batch that are not skipped to the group.
  virtual sdk::Status append_to_group() = 0;
  /// Ends a group of `rows` rows; `sent` tells whether sending succeeded. The server's error when it refused a row:
  /// then none of them is stored. Where a refused row ends the load, an INSERT has no savepoint, and its error is the
  /// result's.
  virtual sdk::Result<std::optional<sdk::Error>> end_group(sdk::Status sent, uint64_t rows) = 0;
  /// Loads the rows [begin, end) of the batch that are not skipped, after a savepoint. The server's error when it
  /// refused one of them: then none is stored.
  virtual sdk::Result<std::optional<sdk::Error>> try_load(size_t begin, size_t end) = 0;

  /// The number, from 1, of the sent row that the server's error names.
  [[nodiscard]] virtual std::optional<uint64_t> refused_line(const sdk::Error& error) const = 0;
  /// The size at which a group ends.
  [[nodiscard]] virtual size_t most_group_bytes() const = 0;
};

}  // namespace rapidbyte::dest_postgres
