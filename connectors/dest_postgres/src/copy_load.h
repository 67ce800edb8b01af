#pragma once
// CopyLoad: rows by COPY. With a key they go into a temporary table, and from there by one INSERT ... ON CONFLICT.
// Where a refused row ends the load, one COPY runs from commit to commit; otherwise each group is a COPY after a
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
  /// Aborts a COPY that is still running.
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
  /// Sends the batch through it. An error ends the COPY.
  Status append();
  /// Ends it; the server has the rows, but has not merged them.
  Status end();
  /// Of the running COPY, or of the last one: the number of its first row in the stream, and how many rows it has.
  [[nodiscard]] uint64_t first_row() const { return first_row_; }
  [[nodiscard]] uint64_t rows() const { return rows_; }
  /// Moves the rows of an upsert's temporary table into the target. Set kMergeSavepoint before it where a refused row
  /// ends the load.
  Status merge();

  /// From here on rows are sent in text format. No COPY may be running. `empties_table`: rows of the binary format were
  /// merged in this transaction.
  Status use_text_format(bool empties_table);

 private:
  Status open(const std::string& sql);
  Status encode(size_t begin, size_t end);
  Status finish(uint64_t rows);
  /// Ends the COPY of try_sql_, with all that belongs to its savepoint.
  Status finish_try(uint64_t rows);
  void make_sql();

  // A COPY per group costs the server an extra millisecond.
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
