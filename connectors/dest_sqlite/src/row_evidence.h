#pragma once
// RowEvidence: how a later run finds out whether the rows that a receipt describes are still in their table, although
// others have written the database meanwhile. If the table numbers its rows itself, the load's rows have consecutive
// numbers, and the first and the last one are identified by a hash. If the table's key is the row number, or it has
// none: the number of its rows. It is part of the receipt's checkpoint, and costs two look-ups per commit.

#include <cstdint>
#include <optional>
#include <string>

#include "rapidbyte/table/dialect.h"
#include "src/table.h"

namespace rapidbyte::dest_sqlite {

struct RowEvidence {
  std::string table;
  int64_t epoch = 0;        // ChangeLog's
  bool table_has_rows = false;
  std::optional<int64_t> first_row;  // the load's rows are numbered first_row to last_row
  std::optional<int64_t> last_row;
  std::string edges;  // hash of these two rows
  std::optional<int64_t> table_rows;

  [[nodiscard]] sdk::Json to_json() const;
  /// Missing or malformed members read as absent.
  static RowEvidence from_json(const sdk::Json& json);
  /// From a receipt: its identity.
  static RowEvidence of(const table::Receipt& receipt);
};

/// Collects the evidence of one load while it is written: call before_write() once before its first row, then
/// at_commit() in each transaction that commits rows.
class EvidenceCollector {
 public:
  /// `previous`: what an earlier run of the same load left.
  EvidenceCollector(Database& database, std::string table, std::optional<RowEvidence> previous);

  Status before_write();
  /// `rows` were written since the last commit; `is_end`: nothing comes after this commit.
  Result<RowEvidence> at_commit(int64_t rows, bool is_end, bool appends);

 private:
  Database& database_;
  RowEvidence evidence_;
  bool has_rows_ = false;
  bool looked_ = false;
};

/// Why the rows of `evidence` are not all there any more, or an empty text when they are.
Result<std::string> what_is_missing(Database& database, const TableInfo& table, const RowEvidence& evidence);

/// Whether the table has any row.
Result<bool> has_rows(Database& database, std::string_view table);

}  // namespace rapidbyte::dest_sqlite
