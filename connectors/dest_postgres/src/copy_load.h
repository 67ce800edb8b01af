#pragma once
// CopyLoad: rows by COPY. With a key they go into a temporary table, and from there by one INSERT ... ON CONFLICT.
// Where a refused row ends the load, one COPY runs from commit to commit; otherwise each group is a COPY behind a
// savepoint.

#include <cstdint>
#include <optional>
#include <string>

#include "postgres/connection.h"
#include "src/load_state.h"
#include "src/row_load.h"

namespace rapidbyte::dest_postgres {

class CopyLoad final : public RowLoad {
 public:
  explicit CopyLoad(LoadState& state) : state_(state) {}
  /// Gives up what is being sent.
  ~CopyLoad() override;
  CopyLoad(const CopyLoad&) = delete;
  CopyLoad& operator=(const CopyLoad&) = delete;

  Status prepare_table() override;
  Status prepare_rows() override;
  Status begin_group() override;
  Status append_to_group() override;
  Result<std::optional<sdk::Error>> end_group(Status sent, uint64_t rows) override;
  Result<std::optional<sdk::Error>> try_load(size_t begin, size_t end) override;
  [[nodiscard]] std::optional<uint64_t> refused_line(const sdk::Error& error) const override;
  [[nodiscard]] size_t most_group_bytes() const override { return kMostGroupBytes; }

  [[nodiscard]] bool is_open() const { return copy_.has_value(); }
  /// Begins the COPY that runs from commit to commit.
  Status begin();
  /// Sends the batch by it. After an error it is over.
  Status append();
  /// Ends it; the rows are the server's, but not merged.
  Status end();
  /// Of that COPY, or of the one that was the last: the number in the stream of its first row, and how many it has.
  [[nodiscard]] uint64_t first_row() const { return first_row_; }
  [[nodiscard]] uint64_t rows() const { return rows_; }
  /// Moves what lies in the temporary table of an upsert into the target. kMergeSavepoint stands before it where a
  /// refused row ends the load.
  Status merge();

  /// From here on rows go in text format. Nothing is being sent. `empties_table`: rows of the binary format were merged
  /// in this transaction.
  Status use_text_format(bool empties_table);

 private:
  Status open(const std::string& sql);
  Status encode(size_t begin, size_t end);
  Status finish(uint64_t rows);
  /// Ends the COPY of try_sql_, with all that belongs to its savepoint.
  Status finish_try(uint64_t rows);
  void make_sql();

  // A COPY of a group costs the server a millisecond of its own.
  static constexpr size_t kMostGroupBytes = size_t{8} << 20;

  LoadState& state_;
  std::string sql_;
  std::string try_sql_;
  std::string merge_sql_;
  std::optional<postgres::CopyIn> copy_;
  uint64_t first_row_ = 0;
  uint64_t rows_ = 0;
};

}  // namespace rapidbyte::dest_postgres
