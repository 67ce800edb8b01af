#pragma once
// Receipts: one row per pipeline, stream and partition in the table _rapidbyte_receipts, written in the same
// transaction as the rows that it covers. It says up to which source checkpoint the table is complete, so that a killed
// run neither loses nor doubles a row.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "rapidbyte/sdk/context.h"
#include "rapidbyte/table/dialect.h"
#include "src/session.h"

namespace rapidbyte::dest_postgres {

/// `identity`: of the table that the rows were written into, as identity_sql() gives it at the commit; empty in
/// receipts of earlier versions, and for a table that is not there.
using table::Receipt;

/// SQL of a text that says which table `table` is, and where its rows lie: its oid and file, or those of its
/// partitions. TRUNCATE and rewriting give a table another file. NULL when there is no table.
std::string identity_sql(const TableName& table);
/// The same of names that are SQL of type text.
std::string identity_sql(const std::string& schema, const std::string& table);
/// SQL of a boolean: writing rows into the table, named as above, may run code of users (TableInfo::calls_code). False
/// when it is not there.
std::string calls_code_sql(const std::string& schema, const std::string& table);
/// Whether all that was there when identity_sql() gave `was` is there when it gives `now`. Partitions may have come.
bool still_holds(std::string_view was, std::string_view now);
/// SQL of the name of a table whose rows a crash of the server may take: `table`, if it is UNLOGGED, or a partition of
/// it. NULL when there is none.
std::string unlogged_sql(const TableName& table);
/// SQL of one text about the table of receipts: NULL (absent), "known", "old" (of an earlier version) or "foreign":
/// what somebody made who could run code as us by it, or lie about loads: not a plain table, with triggers, rules or
/// row security, or of an owner who is neither this user nor one that has the schema or the database anyway.
std::string receipts_state_sql(const TableName& receipts);

/// Whether the error is that of a write() whose receipt was not the last one any more: another writer came in between,
/// so these rows would be doubled. The transaction must be rolled back.
bool is_receipt_changed(const sdk::Error& error);
/// RECEIPT_CHANGED (transient-db): safe to try again, which begins behind the receipt that is there now.
Status receipt_changed(const sdk::StreamContext& ctx);

/// What a table of receipts that is there has of a stream.
struct StreamReceipts {
  /// The newest of the whole stream.
  std::optional<Receipt> newest;
  /// There are some of partitions of other loads; asked for with `all_loads`, of any.
  bool of_partitions = false;
};

struct LoadReceipt {
  Receipt newest;
  int64_t rows = 0;  // of the load, in all partitions
};

class Receipts {
 public:
  /// `known`: the table is there.
  Receipts(Session& session, std::string schema, bool known)
      : session_(session), name_{std::move(schema), "_rapidbyte_receipts"}, known_(known) {}
  [[nodiscard]] const TableName& name() const { return name_; }
  [[nodiscard]] bool known() const { return known_; }

  /// Makes the table, in a transaction of its own, when it is absent. RECEIPTS_FOREIGN (config): see
  /// receipts_state_sql().
  Status ensure_table();
  /// The newest receipt of this pipeline, stream and partition. Makes nothing.
  Result<std::optional<Receipt>> read(const sdk::StreamContext& ctx);
  /// Of the whole stream, whatever partition the context names.
  Result<std::optional<Receipt>> read_stream(const sdk::StreamContext& ctx);
  /// SQL behind a SELECT: a list of columns and what they are FROM, one row; of a table that is known and has all
  /// columns. Its parameters are the pipeline, the stream and the load, as $`first_parameter` and the two behind it.
  /// stream_receipts() reads them from `row`, from column `first` on.
  [[nodiscard]] std::string stream_sql(int first_parameter, bool all_loads) const;
  static StreamReceipts stream_receipts(const postgres::Row& row, size_t first);
  /// Queues a look at the newest receipt of the stream and at what this load has committed in all partitions; of a
  /// table that is known. load_of() reads the answer; nullopt: there is no receipt.
  Result<size_t> queue_load_look(const sdk::StreamContext& ctx);
  static std::optional<LoadReceipt> load_of(const postgres::QueryResult& found);
  /// Queues the receipt of a load that begins, whatever is there; for who alone may write it.
  Status begin_load(const sdk::StreamContext& ctx, const Receipt& receipt);
  /// Queues the writing of a receipt, which fails unless `last` is what is there (nullopt: nothing): see
  /// is_receipt_changed(). It waits for a commit of the same receipt that is under way. Its answer is the transaction's
  /// number, 1, and whether code of users hangs on the table that was written. The place in the queue. `written`: the
  /// table whose identity the receipt gets, which is the one as it is then; nullopt: none.
  Result<size_t> write(const sdk::StreamContext& ctx, const Receipt& receipt, const std::optional<Receipt>& last,
                       const std::optional<TableName>& written = {});
  /// Removes the receipts of this stream's partitions of other loads.
  Status forget_partitions(const sdk::StreamContext& ctx);
  /// Queues the removal of those of all loads.
  Status forget_all_partitions(const sdk::StreamContext& ctx);
  /// Queues that all receipts of this load say that its rows are in `target`, and published.
  Status publish(const sdk::StreamContext& ctx, const std::string& target);

 private:
  Result<std::string> state();
  /// Whether it can be read. RECEIPTS_FOREIGN (config).
  Result<bool> exists();
  Result<std::optional<Receipt>> read_row(const sdk::StreamContext& ctx, const std::string& partition);

  Session& session_;
  TableName name_;
  bool known_;
  bool has_identity_ = true;  // the table has the column
};

}  // namespace rapidbyte::dest_postgres
