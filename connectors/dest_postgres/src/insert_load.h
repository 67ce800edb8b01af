#pragma once
// InsertLoad: rows by INSERT of arrays, one parameter per column: for servers and poolers that do not support COPY, and
// for tables with too many columns for the temporary table of an upsert. A group is collected and sent in one
// statement, after a savepoint where rows may be refused.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "src/load_state.h"
#include "src/row_load.h"

namespace rapidbyte::dest_postgres {

class InsertLoad final : public RowLoad {
 public:
  explicit InsertLoad(LoadState& state) : state_(state) {}

  Status prepare_table() override;
  Status prepare_rows() override;
  Status begin_group() override;
  Status append_to_group() override;
  Result<std::optional<sdk::Error>> end_group(Status sent, uint64_t rows) override;
  Result<std::optional<sdk::Error>> try_load(size_t begin, size_t end) override;
  /// None: an INSERT's error names no row.
  [[nodiscard]] std::optional<uint64_t> refused_line(const sdk::Error& /*error*/) const override { return {}; }
  [[nodiscard]] size_t most_group_bytes() const override { return kMostGroupBytes; }

  /// Inserts the rows [begin, end) of the batch that are not skipped, within a try_rows(): an error caused by a value
  /// says so (refuse_value()).
  Status insert_rows(size_t begin, size_t end);
  /// The first column of a row, sent as text, whose type cannot parse it; null: none.
  const ColumnPlan* column_of_text(size_t row);

 private:
  /// Appends the rows [begin, end) of the batch that are not skipped to arrays_, and to gathered_.
  void gather(size_t begin, size_t end);
  void forget_gathered();
  /// INSERT of the collected rows.
  Status insert_gathered();
  /// As insert_rows(), for the collected rows.
  Status try_insert();
  /// Whether the column's type cannot parse one of these texts, an array as gather() builds it.
  Result<bool> is_read_refused(const ColumnPlan& column, const sdk::ByteBuffer& values);

  // An INSERT costs the server half a millisecond, and holds its rows in memory several times.
  static constexpr size_t kMostGroupBytes = size_t{1} << 20;

  LoadState& state_;
  std::string sql_;
  std::vector<Oid> types_;
  std::vector<sdk::ByteBuffer> arrays_;
  uint64_t gathered_ = 0;  // rows in arrays_
};

}  // namespace rapidbyte::dest_postgres
