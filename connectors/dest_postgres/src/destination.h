#pragma once
// PostgresDestination: the connector itself. One instance has one session with the server; the host calls it from one
// thread. Rows and receipt of a commit are one transaction.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rapidbyte/sdk/connector.h"
#include "src/held_load.h"
#include "src/receipts.h"
#include "src/session.h"
#include "src/table_writer.h"

namespace rapidbyte::dest_postgres {

class PostgresDestination {
 public:
  Status open(const sdk::Json& config);
  Result<sdk::Validation> validate();
  Status begin_stream(const sdk::StreamContext& ctx);
  Result<sdk::WriteSummary> write(const sdk::StreamContext& ctx);
  Status finish_stream(const sdk::StreamContext& ctx, bool succeeded);
  Result<std::optional<std::string>> last_committed(const sdk::StreamContext& ctx);
  Result<std::vector<sdk::StreamReference>> references(const std::vector<std::string>& streams);
  Status close();

 private:
  /// The table that a stream goes to; NAME_REFUSED (config).
  Result<TableName> target_of(const std::string& stream) const;
  Result<TableName> target_of(const sdk::StreamContext& ctx) const { return target_of(ctx.stream_name); }
  /// TARGET_CONFLICT (config): two streams of the pipeline go to one table.
  [[nodiscard]] Status check_targets(const std::vector<std::string>& streams) const;
  /// That the table and the position that the run starts from belong together. TARGET_EMPTIED (config): the table is
  /// gone or empty although an incremental load goes on behind rows in it. Else as the two below.
  Status check_still_there(const sdk::StreamContext& ctx, const TableName& target);
  /// The table as messages name it.
  [[nodiscard]] std::string described(const TableName& target) const;
  /// POSITION_MISSING (config).
  Status check_not_loaded_before(const sdk::StreamContext& ctx, const TableName& target);
  /// RECEIPT_MISSING (config): nothing shows that the rows before the cursor were loaded into this server's table.
  /// RECEIPT_FOREIGN (config).
  Status check_is_ours(const sdk::StreamContext& ctx, const TableName& target);
  Result<std::optional<Receipt>> newest_receipt(const sdk::StreamContext& ctx, const TableName& target);
  /// Asks a new session what the first stream needs.
  void look_ahead();
  Receipts receipts_for(const TableName& target);
  Result<Receipts> ensure_receipts(const TableName& target);
  Status lock(const sdk::StreamContext& ctx, const TableName& target);
  Result<sdk::WriteSummary> write_stream(const sdk::StreamContext& ctx, const TableName& target);
  /// `batch`: the one that has come, of `schema`; null: none.
  Result<TargetPlan> prepare(const sdk::StreamContext& ctx, const TableName& target, const sdk::Schema& schema,
                             const sdk::BatchReader* batch);
  /// The answer of `ask`, which only reads or begins what has not been written yet. It is asked once more when the
  /// session of the stream before turns out to be closed, or not to know any more what it had prepared.
  template <typename Ask>
  auto with_current_session(const TableName& target, const Ask& ask) -> decltype(ask());
  Status begin_target(const sdk::StreamContext& ctx, const TableName& target);
  /// last_committed() over an open session.
  Result<std::optional<std::string>> position_in(const sdk::StreamContext& ctx, const TableName& target);
  Status finish_target(const sdk::StreamContext& ctx, bool succeeded);
  Status finish_replace(const sdk::StreamContext& ctx, const TableName& target);
  /// Begins a replace that goes through a staging table: what an earlier one left goes, and the receipt says so.
  Status begin_staged(const sdk::StreamContext& ctx, const TableName& target, bool staging_there);
  /// Gives the rows of a load that was held to the server, and publishes them.
  Status finish_held(const sdk::StreamContext& ctx, const TableName& target);
  /// By one transaction; false: the target is not as it was any more, nothing was done, and the transaction must be
  /// rolled back.
  Result<bool> publish_held(const sdk::StreamContext& ctx, const TableName& target, Receipts& receipts,
                            const HeldLoad& held);
  /// As publish_held(), through a staging table.
  Status stage_held(const sdk::StreamContext& ctx, const TableName& target, Receipts& receipts, const HeldLoad& held);

  std::unique_ptr<Session> session_;
  std::string table_prefix_;
  std::string receipts_schema_;
  bool schema_from_stream_ = true;
  bool accept_emptied_ = false;
  bool stage_always_ = false;
  LoadMethod method_ = LoadMethod::kCopy;
  std::optional<TableName> begun_;  // begin_stream() came to this instance
  std::optional<TableName> prepared_;  // the table of batches that came to this instance
  /// The stream's newest receipt as begin_stream() has seen it, for who asks next; nullopt: it has not looked.
  std::optional<std::optional<Receipt>> newest_;
  /// A replace whose rows were not given to the server yet.
  std::optional<HeldLoad> held_;
  /// Nothing that this stream did so far can have run code of users in the session.
  bool ran_no_code_ = false;
  /// The session's generation in which a stream was served; 0: none.
  uint64_t served_ = 0;
  /// The generation in which `receipts_known_` was seen.
  uint64_t known_in_ = 0;
  std::string receipts_known_;  // the schema whose receipts table is there; empty: not known
  /// The stream that last_committed() was asked about, and what it read: the source goes on behind it, so rows may only
  /// be added while it is the newest.
  std::optional<std::pair<std::string, std::optional<Receipt>>> resumed_from_;
};

}  // namespace rapidbyte::dest_postgres
