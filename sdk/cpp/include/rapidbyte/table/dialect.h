#pragma once
// Dialect: what a table destination contributes to the life cycle that all of them share (life_cycle.h): its names, its
// receipts, its tables and their staging, and how rows get into them. The life cycle calls it, never the other way
// round, and always in the same order; a dialect decides nothing about modes, policies or positions. Called by one
// thread.
//
// Every destination implements the functions without a body. The others are for databases that several writers load
// concurrently, or that others use meanwhile; their defaults suit a file that one process writes.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rapidbyte/sdk/checkpoint.h"
#include "rapidbyte/sdk/connector.h"
#include "rapidbyte/sdk/context.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::table {

using sdk::Result;
using sdk::Status;

/// The two tables of a stream: its target, and the staging table that holds the rows of a replace until they are
/// published.
enum class Place : uint8_t { kTarget, kStaging };

/// What a load has left: one per pipeline, stream and partition, written in the same transaction as the rows that it
/// describes.
struct Receipt {
  std::string load_id = {};
  std::string target = {};  // as Dialect::name_of() names where the rows are; empty in old receipts
  std::optional<std::string> checkpoint_json = {};  // none: the load has begun and committed nothing
  int64_t rows = 0;  // written by this load so far
  bool published = false;  // replace: the rows are in the target
  /// What identifies the table, or the rows, to the destination later on.
  std::string identity = {};

  /// Compares what they say, without the identity, which is determined at the commit.
  bool operator==(const Receipt& other) const {
    return load_id == other.load_id && target == other.target && checkpoint_json == other.checkpoint_json &&
           rows == other.rows && published == other.published;
  }
};

/// What exists of a replace when it is to be published.
struct ReplaceState {
  std::optional<Receipt> newest = {};
  int64_t rows = 0;  // of the load, in all partitions
  bool staging_there = false;
  bool target_there = false;
};

/// Writes the rows of one load into its table. Created for one run-write.
class Writer {
 public:
  virtual ~Writer() = default;
  /// Writes a batch into the open transaction, or begins one. Rows that are counted later are counted by settle().
  virtual Result<sdk::WriteCount> write(std::span<const uint8_t> batch) = 0;
  /// Whether to commit at a marker that is not the last. False keeps the rows in the open transaction, and a later
  /// commit covers the marker. For destinations whose commits are files.
  virtual bool wants_commit() { return true; }
  /// Called before each commit(): counts the rows that write() did not.
  virtual Result<sdk::WriteCount> settle() { return sdk::WriteCount(); }
  /// Commits what is written together with the receipt, which is then the newest one of the load. May be called when
  /// nothing has been written since the last commit.
  virtual Status commit(const Receipt& receipt) = 0;
};

class Dialect {
 public:
  virtual ~Dialect() = default;

  // --- The connector's own functions; see sdk/connector.h. `emptied_target: continue` of the config goes to
  // accepts_emptied().
  virtual Status configure(const sdk::Json& config) = 0;
  virtual Result<sdk::Validation> validate() = 0;
  virtual Status close() = 0;
  [[nodiscard]] virtual bool accepts_emptied() const = 0;

  // --- Names. `stream` is a stream's name.

  /// NAME_REFUSED (config) for a stream that cannot become a table here.
  [[nodiscard]] virtual Status check_stream(const std::string& stream) const = 0;
  /// Two streams with the same key are the same table.
  [[nodiscard]] virtual std::string table_key(const std::string& stream) const = 0;
  /// For messages: "table "orders"".
  [[nodiscard]] virtual std::string named(const std::string& stream) const = 0;
  /// For messages: "/data/shop.db".
  [[nodiscard]] virtual std::string database() const = 0;
  [[nodiscard]] std::string described(const std::string& stream) const { return named(stream) + " of " + database(); }
  /// For messages: the table that holds the stream's receipts.
  [[nodiscard]] virtual std::string receipts_name(const std::string& stream) const = 0;
  /// Any other reason why the streams of a pipeline, which are of different tables, cannot be loaded; checked before
  /// anything is made of any of them.
  [[nodiscard]] virtual Status check_together(const std::vector<std::string>& /*streams*/) const { return {}; }
  /// Follows a message that two streams are the same table: why, and what to do.
  [[nodiscard]] virtual std::string conflict_advice() const = 0;
  /// Follows a message that the target is gone or empty, or that there is no receipt: other possible reasons and
  /// remedies; sentences, each with a leading space.
  [[nodiscard]] virtual std::string emptied_advice(const sdk::StreamContext& /*ctx*/, bool /*is_gone*/) const {
    return {};
  }
  [[nodiscard]] virtual std::string receipt_missing_advice() const { return {}; }
  /// How a receipt records where its rows are (Receipt::target).
  [[nodiscard]] virtual std::string name_of(const std::string& stream, Place place) const = 0;
  /// Whether the rows of a receipt are in that table.
  [[nodiscard]] virtual bool is_of(const Receipt& receipt, const std::string& stream, Place place) const {
    return receipt.target == name_of(stream, place);
  }

  // --- The database.

  /// Opens or creates it; when already open, checks that it is still the same.
  virtual Status open() = 0;
  /// Opens it, unless that would create it: false.
  virtual Result<bool> open_existing() = 0;
  /// Runs `work` in one transaction: committed when it succeeds, rolled back otherwise. `rows_go`: `work` may remove
  /// rows that a receipt describes.
  virtual Status in_transaction(const std::function<Status()>& work, bool rows_go) = 0;
  /// Rolls back the open transaction, if there is one.
  virtual void rollback() = 0;

  // --- Receipts.

  /// The newest of this pipeline, stream and partition. Creates nothing.
  virtual Result<std::optional<Receipt>> read_receipt(const sdk::StreamContext& ctx) = 0;
  /// The same for the whole stream, whatever partition the context names.
  virtual Result<std::optional<Receipt>> newest_receipt(const sdk::StreamContext& ctx) { return read_receipt(ctx); }
  /// As read_receipt(), for last_committed(): the source resumes after it.
  virtual Result<std::optional<Receipt>> resumed_receipt(const sdk::StreamContext& ctx) { return read_receipt(ctx); }
  /// Writes it into the open transaction.
  virtual Status write_receipt(const sdk::StreamContext& ctx, const Receipt& receipt) = 0;
  /// Whether the rows that the receipt of an interrupted load describes are still in the table, which exists. False:
  /// they are gone, and can be read again. An error when that would double rows, or leave a gap.
  virtual Result<bool> still_holds(const sdk::StreamContext& ctx, const Receipt& receipt) = 0;
  /// RECEIPT_FOREIGN (config) when the stream's newest receipt is for a table other than the existing one.
  virtual Status check_receipt_of_target(const sdk::StreamContext& /*ctx*/, const Receipt& /*receipt*/) { return {}; }

  // --- Tables.

  virtual Result<bool> exists(const sdk::StreamContext& ctx, Place place) = 0;
  /// Whether the target, which exists, has rows; true when this user cannot tell.
  virtual Result<bool> has_rows(const sdk::StreamContext& ctx) = 0;
  /// For a target that exists and is empty although rows were loaded into it: whether that is fine without asking the
  /// user.
  virtual Result<bool> may_be_empty(const sdk::StreamContext& /*ctx*/, const std::optional<Receipt>& /*newest*/) {
    return false;
  }
  /// UPSERT_KEY_NOT_UNIQUE (schema) when the target exists and has no such key.
  virtual Status check_upsert_key(const sdk::StreamContext& ctx) = 0;
  /// Creates or fits the target (column_fit.h), inside the open transaction.
  virtual Status make_target(const sdk::StreamContext& ctx, const sdk::Schema& schema) = 0;
  /// Creates the staging table unless it exists, inside the open transaction.
  virtual Status make_staging(const sdk::StreamContext& ctx, const sdk::Schema& schema) = 0;
  /// Drops the staging table if it exists, inside the open transaction.
  virtual Status drop_staging(const sdk::StreamContext& ctx) = 0;
  /// Replaces the target's rows with those of the staging table, of which there must be `rows`, inside the open
  /// transaction.
  virtual Status publish_staging(const sdk::StreamContext& ctx, int64_t rows) = 0;

  // --- Rows.

  /// `previous`: the receipt after which the load begins.
  virtual Result<std::unique_ptr<Writer>> make_writer(const sdk::StreamContext& ctx,
                                                      const std::optional<Receipt>& previous) = 0;

  // --- For databases of many users and writers.

  /// Runs a query, which changes nothing that must not be changed twice; runs it once more when the first answer is an
  /// error only because the session of the previous stream had ended.
  virtual Status ask(const sdk::StreamContext& /*ctx*/, const std::function<Status()>& question) { return question(); }
  /// A stream begins: locks its target, and removes what an interrupted load left that nobody resumes.
  virtual Status stream_begins(const sdk::StreamContext& /*ctx*/) { return {}; }
  /// The stream has begun, is not a replace, and may proceed.
  virtual Status stream_has_begun(const sdk::StreamContext& /*ctx*/) { return {}; }
  /// Begins a replace in the dialect's own way; false: in the usual way.
  virtual Result<bool> begins_replace(const sdk::StreamContext& /*ctx*/) { return false; }
  /// Whether the target of a stream without rows, of which only the end is asked for (feature "empty-streams"; append
  /// or replace), already is what the load would make of it, so that nothing has to be written. Only reads. False: the
  /// stream begins and ends the usual way.
  virtual Result<bool> needs_nothing(const sdk::StreamContext& /*ctx*/) { return false; }
  /// Before rows are written, and before a stream ends: makes sure that the target's lock is held.
  virtual Status hold_target(const sdk::StreamContext& /*ctx*/) { return {}; }
  /// The receipt after which rows are written; also the time to create the table of receipts.
  virtual Result<std::optional<Receipt>> previous_receipt(const sdk::StreamContext& ctx) { return read_receipt(ctx); }
  /// Whether the ending stream has written nothing into the database that would have to be removed.
  [[nodiscard]] virtual bool has_nothing_to_discard(const sdk::StreamContext& /*ctx*/) const { return false; }
  /// Publishes a replace in the dialect's own way; false: in the usual way.
  virtual Result<bool> publishes(const sdk::StreamContext& /*ctx*/) { return false; }
  /// What there is to publish, inside the open transaction.
  virtual Result<ReplaceState> replace_state(const sdk::StreamContext& ctx);
  /// Publishes a load that had no rows and made no staging table, inside the open transaction.
  virtual Status publish_nothing(const sdk::StreamContext& ctx);
  /// Records in the receipts of the load that its rows are in the target, inside the open transaction.
  virtual Status write_published(const sdk::StreamContext& ctx, const Receipt& newest);
  /// An error of writing or publishing, with what the destination knows about it.
  virtual Status explain(const sdk::StreamContext& /*ctx*/, Status status) { return status; }
  /// The stream has ended. Forgets what was kept for it.
  virtual void stream_ended(const sdk::StreamContext& /*ctx*/, bool /*ok*/) {}
  /// See sdk/connector.h; the streams are of different tables.
  virtual Result<std::vector<sdk::StreamReference>> references(const std::vector<std::string>& /*streams*/) {
    return std::vector<sdk::StreamReference>();
  }
};

}  // namespace rapidbyte::table
