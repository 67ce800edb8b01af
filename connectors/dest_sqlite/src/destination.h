#pragma once
// SqliteDestination: the connector itself. One instance serves one database file, for one stream after the other; the
// host calls it from one thread and holds the file's lock. Rows, receipt and schema changes of a commit are one
// transaction. Between streams only the connection is kept; what belongs to a stream lives in the calls for it,
// or is forgotten when the next one begins.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rapidbyte/sdk/connector.h"
#include "src/database.h"
#include "src/receipts.h"
#include "src/table.h"

namespace rapidbyte::dest_sqlite {

class SqliteDestination {
 public:
  Status open(const sdk::Json& config);
  Result<sdk::Validation> validate();
  Status begin_stream(const sdk::StreamContext& ctx);
  Result<sdk::WriteSummary> write(const sdk::StreamContext& ctx);
  Status finish_stream(const sdk::StreamContext& ctx, bool succeeded);
  Result<std::optional<std::string>> last_committed(const sdk::StreamContext& ctx);
  /// TARGET_CONFLICT (config) when two of them are one table; otherwise none refers to another.
  Result<std::vector<sdk::StreamReference>> references(const std::vector<std::string>& streams);
  Status close();

 private:
  Status check_targets(const std::vector<std::string>& streams) const;
  /// That the table and the position that the run starts from belong together: TARGET_EMPTIED, RECEIPT_MISSING,
  /// RECEIPT_FOREIGN, POSITION_MISSING (config). `table`: nullopt when it is not there.
  Status check_target_is_there(const sdk::StreamContext& ctx, const std::optional<TableInfo>& table);
  Status check_not_loaded_before(const sdk::StreamContext& ctx, const std::optional<TableInfo>& table);
  Result<bool> holds_rows_of(const sdk::StreamContext& ctx, const TableInfo& table, const Receipt& receipt,
                             const sdk::Json& checkpoint);
  Status begin_replace(const sdk::StreamContext& ctx, const std::string& table);
  Status finish_replace(const sdk::StreamContext& ctx, const std::string& table);
  Result<sdk::WriteSummary> write_stream(const sdk::StreamContext& ctx);
  /// Runs `work` in one transaction: committed when it succeeds, rolled back otherwise. `rows_went`: `work` may take
  /// rows away that a receipt speaks of.
  template <typename Work>
  Status in_transaction(Work work, bool rows_went = false);

  std::string table_prefix_;
  /// A table of earlier incremental loads may be gone or emptied: only new rows come into it.
  bool accept_emptied_ = false;
  std::unique_ptr<Database> database_;
  /// The load of the replace that begin_stream() has begun and of which no receipt is committed yet; else empty.
  std::string begun_replace_;
};

}  // namespace rapidbyte::dest_sqlite
