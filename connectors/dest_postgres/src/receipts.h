#pragma once
// Receipts: one row per pipeline, stream and partition in the table _rapidbyte_receipts, written in the same
// transaction as the rows that it covers. It says up to which source checkpoint the table is complete, so that a killed
// run neither loses nor doubles a row.

#include <cstdint>
#include <optional>
#include <string>

#include "rapidbyte/sdk/context.h"
#include "src/session.h"

namespace rapidbyte::dest_postgres {

struct Receipt {
  std::string load_id;
  std::string target;  // the table that got the rows: the staging of a replace is not the table itself
  std::optional<std::string> checkpoint_json;  // none: the load has begun and committed nothing
  int64_t rows = 0;  // written by this load so far
  bool published = false;  // replace: the swap is done

  bool operator==(const Receipt&) const = default;
};

/// RECEIPT_CHANGED: safe to try again, which begins behind the receipt that is there now.
Status receipt_changed(const sdk::StreamContext& ctx);

class Receipts {
 public:
  /// `known`: the table is there.
  Receipts(Session& session, std::string schema, bool known)
      : session_(session), name_{std::move(schema), "_rapidbyte_receipts"}, known_(known) {}
  [[nodiscard]] const TableName& name() const { return name_; }

  /// Makes the table, in a transaction of its own, when it is absent.
  Status ensure_table();
  /// The newest receipt of this pipeline, stream and partition. Makes nothing.
  Result<std::optional<Receipt>> read(const sdk::StreamContext& ctx);
  /// Of the whole stream, whatever partition the context names.
  Result<std::optional<Receipt>> read_stream(const sdk::StreamContext& ctx);
  /// Rows that this load has committed, in all partitions.
  Result<int64_t> rows_of_load(const sdk::StreamContext& ctx);
  /// Writes it into the open transaction, whatever is there; for who alone may write it.
  Status begin_load(const sdk::StreamContext& ctx, const Receipt& receipt);
  /// Writes it into the open transaction if `last` is what is there (nullopt: nothing); the transaction's number.
  /// Waits for a commit of the same receipt that is under way. RECEIPT_CHANGED (transient-db): another writer came in
  /// between, so these rows would be doubled; the transaction must be rolled back.
  Result<std::string> write(const sdk::StreamContext& ctx, const Receipt& receipt, const std::optional<Receipt>& last);
  /// Removes the receipts of this stream's partitions: all of them, or those of other loads.
  Status forget_partitions(const sdk::StreamContext& ctx, bool all);
  /// All receipts of this load say from now on that its rows are in `target`, and published.
  Status publish(const sdk::StreamContext& ctx, const std::string& target);

 private:
  Result<bool> exists();
  Result<std::optional<Receipt>> read_row(const sdk::StreamContext& ctx, const std::string& partition);

  Session& session_;
  TableName name_;
  bool known_;
};

}  // namespace rapidbyte::dest_postgres
