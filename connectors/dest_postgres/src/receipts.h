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
/// receipts of earlier versions, and for a table that does not exist.
using table::Receipt;

/// SQL of a text that identifies the table `table` and where its rows are stored: its oid and file, or those of its
/// partitions. TRUNCATE and rewriting give a table another file. NULL when there is no table.
std::string identity_sql(const TableName& table);
/// The same for names given as SQL of type text.
std::string identity_sql(const std::string& schema, const std::string& table);
/// SQL of a boolean: writing rows into the table, named as above, may run users' code (TableInfo::calls_code). False
/// when it does not exist.
std::string calls_code_sql(const std::string& schema, const std::string& table);
/// Whether everything that existed when identity_sql() returned `was` still exists when it returns `now`. Partitions
/// may have been added.
bool still_holds(std::string_view was, std::string_view now);
/// SQL of the name of a table whose rows are lost in a crash of the server: `table`, if it is UNLOGGED, or a partition
/// of it. NULL when there is none.
std::string unlogged_sql(const TableName& table);
/// SQL of one text about the table of receipts: NULL (absent), "known", "old" (of an earlier version) or "foreign":
/// made by somebody who could use it to run code as us, or to lie about loads: not a plain table, with triggers, rules
/// or row security, or with an owner who is neither this user nor one who controls the schema or the database anyway.
std::string receipts_state_sql(const TableName& receipts);

/// Whether the error is that of a write() whose receipt was no longer the newest: another writer committed in between,
/// so these rows would be doubled. The transaction must be rolled back.
bool is_receipt_changed(const sdk::Error& error);
/// RECEIPT_CHANGED (transient-db): safe to retry; the retry begins after the receipt that is there by then.
Status receipt_changed(const sdk::StreamContext& ctx);

/// What an existing table of receipts has about a stream.
struct StreamReceipts {
  /// The newest of the whole stream.
  std::optional<Receipt> newest;
  /// There are receipts of partitions of other loads; with `all_loads`, of any load.
  bool of_partitions = false;
};

struct LoadReceipt {
  Receipt newest;
  int64_t rows = 0;  // of the load, in all partitions
};

class Receipts {
 public:
  /// `known`: the table exists.
  Receipts(Session& session, std::string schema, bool known)
      : session_(session), name_{std::move(schema), "_rapidbyte_receipts"}, known_(known) {}
  [[nodiscard]] const TableName& name() const { return name_; }
  [[nodiscard]] bool known() const { return known_; }

  /// Creates the table, in its own transaction, when it is absent. RECEIPTS_FOREIGN (config): see receipts_state_sql().
  Status ensure_table();
  /// The newest receipt of this pipeline, stream and partition. Creates nothing.
  Result<std::optional<Receipt>> read(const sdk::StreamContext& ctx);
  /// For the whole stream, whatever partition the context names.
  Result<std::optional<Receipt>> read_stream(const sdk::StreamContext& ctx);
  /// SQL that follows a SELECT: a list of columns and their FROM, one row; for a table that is known and has all
  /// columns. Its parameters are the pipeline, the stream and the load, as $`first_parameter` and the next two.
  /// stream_receipts() reads them from `row`, from column `first` on.
  [[nodiscard]] std::string stream_sql(int first_parameter, bool all_loads) const;
  static StreamReceipts stream_receipts(const postgres::Row& row, size_t first);
  /// Queues a look at the newest receipt of the stream and at what this load has committed in all partitions; for a
  /// table that is known. load_of() reads the answer; nullopt: there is no receipt.
  Result<size_t> queue_load_look(const sdk::StreamContext& ctx);
  static std::optional<LoadReceipt> load_of(const postgres::QueryResult& found);
  /// Queues the receipt of a load that begins, unconditionally; for a caller that alone may write it.
  Status begin_load(const sdk::StreamContext& ctx, const Receipt& receipt);
  /// Queues the writing of a receipt, which fails unless `last` is the existing one (nullopt: none): see
  /// is_receipt_changed(). It waits for a commit of the same receipt that is in progress. Its answer is the
  /// transaction's number, 1, and whether users' code is attached to the table that was written. Returns the place in
  /// the queue. `written`: the table whose identity, as of then, goes into the receipt; nullopt: none.
  Result<size_t> write(const sdk::StreamContext& ctx, const Receipt& receipt, const std::optional<Receipt>& last,
                       const std::optional<TableName>& written = {});
  /// Removes the receipts of this stream's partitions of other loads.
  Status forget_partitions(const sdk::StreamContext& ctx);
  /// Queues the removal of those of all loads.
  Status forget_all_partitions(const sdk::StreamContext& ctx);
  /// Queues an update of all receipts of this load: its rows are in `target`, and published.
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
