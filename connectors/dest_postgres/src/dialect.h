#pragma once
// PostgresDialect: PostgreSQL's part of the life cycle of a table destination (rapidbyte/table). One instance has one
// session with the server; the host calls it from one thread. Rows and receipt of a commit are one transaction. Others
// use the database meanwhile, and several instances may write partitions of one load. Queries are sent together: the
// first statement of a step asks for everything that the step needs to know, and the answers are kept for later.

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rapidbyte/table/life_cycle.h"
#include "src/held_load.h"
#include "src/known_tables.h"
#include "src/receipts.h"
#include "src/session.h"
#include "src/table_writer.h"

namespace rapidbyte::dest_postgres {

class PostgresDialect final : public table::Dialect {
 public:
  Status configure(const sdk::Json& config) override;
  Result<sdk::Validation> validate() override;
  Status close() override;
  [[nodiscard]] bool accepts_emptied() const override { return accept_emptied_; }

  [[nodiscard]] Status check_stream(const std::string& stream) const override;
  [[nodiscard]] std::string table_key(const std::string& stream) const override { return target_of(stream).sql(); }
  [[nodiscard]] std::string named(const std::string& stream) const override;
  [[nodiscard]] std::string database() const override { return session_->options().where(); }
  [[nodiscard]] std::string receipts_name(const std::string& stream) const override;
  [[nodiscard]] std::string conflict_advice() const override;
  [[nodiscard]] std::string receipt_missing_advice() const override;
  [[nodiscard]] std::string name_of(const std::string& stream, table::Place place) const override;

  Status open() override { return session_->open(); }
  Result<bool> open_existing() override;
  Status in_transaction(const std::function<Status()>& work, bool rows_go) override;
  void rollback() override { session_->rollback(); }

  Result<std::optional<Receipt>> read_receipt(const sdk::StreamContext& ctx) override;
  Result<std::optional<Receipt>> newest_receipt(const sdk::StreamContext& ctx) override;
  Result<std::optional<Receipt>> resumed_receipt(const sdk::StreamContext& ctx) override;
  /// Queues it unconditionally; for a caller that alone may write it.
  Status write_receipt(const sdk::StreamContext& ctx, const Receipt& receipt) override;
  Result<bool> still_holds(const sdk::StreamContext& ctx, const Receipt& receipt) override;
  Status check_receipt_of_target(const sdk::StreamContext& ctx, const Receipt& receipt) override;

  Result<bool> exists(const sdk::StreamContext& ctx, table::Place place) override;
  Result<bool> has_rows(const sdk::StreamContext& ctx) override;
  Status check_upsert_key(const sdk::StreamContext& ctx) override;
  Status make_target(const sdk::StreamContext& ctx, const sdk::Schema& schema) override;
  Status make_staging(const sdk::StreamContext& ctx, const sdk::Schema& schema) override;
  Status drop_staging(const sdk::StreamContext& ctx) override;
  Status publish_staging(const sdk::StreamContext& ctx, int64_t rows) override;
  Result<std::unique_ptr<table::Writer>> make_writer(const sdk::StreamContext& ctx,
                                                     const std::optional<Receipt>& previous) override;

  Status ask(const sdk::StreamContext& ctx, const std::function<Status()>& question) override;
  Status stream_begins(const sdk::StreamContext& ctx) override;
  Status stream_has_begun(const sdk::StreamContext& ctx) override;
  Result<bool> begins_replace(const sdk::StreamContext& ctx) override;
  Result<bool> needs_nothing(const sdk::StreamContext& ctx) override;
  Status hold_target(const sdk::StreamContext& ctx) override;
  Result<std::optional<Receipt>> previous_receipt(const sdk::StreamContext& ctx) override;
  [[nodiscard]] bool has_nothing_to_discard(const sdk::StreamContext& ctx) const override;
  Result<bool> publishes(const sdk::StreamContext& ctx) override;
  Result<table::ReplaceState> replace_state(const sdk::StreamContext& ctx) override;
  Status publish_nothing(const sdk::StreamContext& ctx) override;
  Status write_published(const sdk::StreamContext& ctx, const Receipt& newest) override;
  Status explain(const sdk::StreamContext& ctx, Status status) override;
  void stream_ended(const sdk::StreamContext& ctx, bool ok) override;
  Result<std::vector<sdk::StreamReference>> references(const std::vector<std::string>& streams) override;

 private:
  friend class LoadWriter;

  /// The table of a stream, which may be one that check_stream() refuses.
  [[nodiscard]] TableName target_of(const std::string& stream) const;
  [[nodiscard]] TableName target_of(const sdk::StreamContext& ctx) const { return target_of(ctx.stream_name); }
  /// Asks a new session what the first stream needs.
  void look_ahead();
  [[nodiscard]] Receipts receipts_for(const TableName& target) const;
  Result<Receipts> ensure_receipts(const TableName& target);
  /// Another connection may lead to another server, where the receipts have not been seen.
  void forget_receipts_of_others();
  Status lock(const sdk::StreamContext& ctx, const TableName& target);
  /// `batch`: the current one, of `schema`; null: none.
  Result<TargetPlan> prepare(const sdk::StreamContext& ctx, const TableName& target, const sdk::Schema& schema,
                             const sdk::BatchReader* batch);
  /// Begins a replace through a staging table: removes what an earlier one left, and records that in the receipt.
  Status begin_staged(const sdk::StreamContext& ctx, const TableName& target, bool staging_there);
  /// Writes the rows of a load that was held, and publishes them, in one transaction; false: the target has changed,
  /// nothing was done, and the transaction must be rolled back.
  Result<bool> publish_held(const sdk::StreamContext& ctx, const TableName& target, Receipts& receipts,
                            const HeldLoad& held);
  /// Writes them into a staging table.
  Status stage_held(const sdk::StreamContext& ctx, const TableName& target, Receipts& receipts, const HeldLoad& held);

  std::unique_ptr<Session> session_;
  std::string table_prefix_;
  std::string receipts_schema_;
  bool schema_from_stream_ = true;
  bool accept_emptied_ = false;
  bool stage_always_ = false;
  LoadMethod method_ = LoadMethod::kCopy;
  KnownTables known_tables_;
  std::optional<TableName> begun_;  // begin_stream() was called on this instance
  std::optional<TableName> prepared_;  // the table of the batches that this instance got
  /// What the first statement of a stream has seen.
  struct BeginLook {
    StreamReceipts receipts;
    bool receipts_seen = false;
    bool staging_there = false;
    std::optional<std::string> referring;  // a table whose foreign key points to the target
    std::optional<std::string> direct_target;  // the target's OID, if rows can be exchanged in it
  };
  BeginLook begin_look_;
  /// The stream's newest receipt as stream_begins() has seen it, for later callers; nullopt: it has not looked.
  std::optional<std::optional<Receipt>> newest_;
  /// A replace whose rows have not been sent to the server yet.
  std::optional<HeldLoad> held_;
  /// The two tables as replace_state() has seen them.
  std::optional<TableInfo> staging_seen_;
  std::optional<TableInfo> target_seen_;
  /// Nothing that this stream has done so far can have run users' code in the session.
  bool ran_no_code_ = false;
  /// The session's generation in which a stream was served; 0: none.
  uint64_t served_ = 0;
  /// The generation in which `receipts_known_` was seen.
  uint64_t known_in_ = 0;
  std::string receipts_known_;  // the schema with a known receipts table;
                                // empty: not known
  /// The stream that last_committed() was asked about, and the receipt that it read: the source resumes after it, so
  /// rows may only be added while it is the newest.
  std::optional<std::pair<std::string, std::optional<Receipt>>> resumed_from_;
};

using PostgresDestination = table::Destination<PostgresDialect>;

}  // namespace rapidbyte::dest_postgres
