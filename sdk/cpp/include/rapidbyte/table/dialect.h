#pragma once
// Dialect: what a destination of tables says and does for the life cycle that all of them have (life_cycle.h): its
// names, its receipts, its tables and their staging, and how rows get into them. The life cycle calls it, never the
// other way round, and always in the same order; a dialect decides nothing about modes, policies or positions. Called
// by one thread.
//
// The functions without a body are what every destination writes. The others are for databases that several writers
// load at a time, or in which others work meanwhile; their defaults suit a file that one process writes.

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

/// One of the two tables of a stream: the one that it is for, and the one that has the rows of a replace until they are
/// published.
enum class Place : uint8_t { kTarget, kStaging };

/// What a load has left: one per pipeline, stream and partition, written by the same transaction as the rows that it
/// speaks of.
struct Receipt {
  std::string load_id = {};
  std::string target = {};  // as Dialect::name_of() says where the rows are; empty: of a version that did not
  std::optional<std::string> checkpoint_json = {};  // none: the load has begun and committed nothing
  int64_t rows = 0;  // written by this load so far
  bool published = false;  // replace: the rows are in the target
  /// By what the destination knows the table, or the rows, again.
  std::string identity = {};

  /// Of what they say; by what the rows are known is found at the commit.
  bool operator==(const Receipt& other) const {
    return load_id == other.load_id && target == other.target && checkpoint_json == other.checkpoint_json &&
           rows == other.rows && published == other.published;
  }
};

/// What of a replace is there when it is to be published.
struct ReplaceState {
  std::optional<Receipt> newest = {};
  int64_t rows = 0;  // of the load, in all partitions
  bool staging_there = false;
  bool target_there = false;
};

/// Puts the rows of one load into its table. Made for one run-write.
class Writer {
 public:
  virtual ~Writer() = default;
  /// Puts a batch into the open transaction, or begins one. Rows that are counted later are counted by settle().
  virtual Result<sdk::WriteCount> write(std::span<const uint8_t> batch) = 0;
  /// Comes before each commit(): counts the rows that write() did not.
  virtual Result<sdk::WriteCount> settle() { return sdk::WriteCount(); }
  /// Commits what is written together with the receipt, which is the load's newest from then on. May be called when
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
  /// Two streams with one key are one table.
  [[nodiscard]] virtual std::string table_key(const std::string& stream) const = 0;
  /// For messages: "table "orders"".
  [[nodiscard]] virtual std::string named(const std::string& stream) const = 0;
  /// For messages: "/data/shop.db".
  [[nodiscard]] virtual std::string database() const = 0;
  [[nodiscard]] std::string described(const std::string& stream) const { return named(stream) + " of " + database(); }
  /// For messages: the table of the receipts that the stream's are in.
  [[nodiscard]] virtual std::string receipts_name(const std::string& stream) const = 0;
  /// What else keeps the streams of a pipeline, which are of different tables, from being loaded, so that nothing is
  /// made of any.
  [[nodiscard]] virtual Status check_together(const std::vector<std::string>& /*streams*/) const { return {}; }
  /// Behind a message that says that two streams are one table: why, and what to do.
  [[nodiscard]] virtual std::string conflict_advice() const = 0;
  /// Behind a message that says that the target is gone or empty, or that there is no receipt: what else may be the
  /// reason, and what else can be done; sentences with a space before each.
  [[nodiscard]] virtual std::string emptied_advice(const sdk::StreamContext& /*ctx*/, bool /*is_gone*/) const {
    return {};
  }
  [[nodiscard]] virtual std::string receipt_missing_advice() const { return {}; }
  /// How a receipt says that its rows are there (Receipt::target).
  [[nodiscard]] virtual std::string name_of(const std::string& stream, Place place) const = 0;
  /// Whether the rows of a receipt are in that table.
  [[nodiscard]] virtual bool is_of(const Receipt& receipt, const std::string& stream, Place place) const {
    return receipt.target == name_of(stream, place);
  }

  // --- The database.

  /// Opens or makes it; open already: checks that it still is what it was.
  virtual Status open() = 0;
  /// Opens it unless that would make it: false.
  virtual Result<bool> open_existing() = 0;
  /// Runs `work` in one transaction: committed when it succeeds, rolled back otherwise. `rows_go`: `work` may take rows
  /// away that a receipt speaks of.
  virtual Status in_transaction(const std::function<Status()>& work, bool rows_go) = 0;
  /// Rolls back what is open, if anything is.
  virtual void rollback() = 0;

  // --- Receipts.

  /// The newest of this pipeline, stream and partition. Makes nothing.
  virtual Result<std::optional<Receipt>> read_receipt(const sdk::StreamContext& ctx) = 0;
  /// The same of the whole stream, whatever partition the context names.
  virtual Result<std::optional<Receipt>> newest_receipt(const sdk::StreamContext& ctx) { return read_receipt(ctx); }
  /// As read_receipt(), for last_committed(): the source goes on behind it.
  virtual Result<std::optional<Receipt>> resumed_receipt(const sdk::StreamContext& ctx) { return read_receipt(ctx); }
  /// Writes it into the open transaction.
  virtual Status write_receipt(const sdk::StreamContext& ctx, const Receipt& receipt) = 0;
  /// Whether the rows that the receipt of an interrupted load speaks of are still in the table, which is there. False:
  /// they are gone, and can be read again. An error when that would double rows, or leave a gap.
  virtual Result<bool> still_holds(const sdk::StreamContext& ctx, const Receipt& receipt) = 0;
  /// RECEIPT_FOREIGN (config) when the stream's newest receipt is of another table than the one that is there.
  virtual Status check_receipt_of_target(const sdk::StreamContext& /*ctx*/, const Receipt& /*receipt*/) { return {}; }

  // --- Tables.

  virtual Result<bool> exists(const sdk::StreamContext& ctx, Place place) = 0;
  /// Whether the target, which is there, has rows; true when this user cannot see whether it has.
  virtual Result<bool> has_rows(const sdk::StreamContext& ctx) = 0;
  /// Of a target that is there and empty although rows were loaded into it: whether that needs no word of the user.
  virtual Result<bool> may_be_empty(const sdk::StreamContext& /*ctx*/, const std::optional<Receipt>& /*newest*/) {
    return false;
  }
  /// UPSERT_KEY_NOT_UNIQUE (schema) when the target is there and has no such key.
  virtual Status check_upsert_key(const sdk::StreamContext& ctx) = 0;
  /// Makes or fits the target (column_fit.h), inside the open transaction.
  virtual Status make_target(const sdk::StreamContext& ctx, const sdk::Schema& schema) = 0;
  /// Makes the staging unless it is there, inside the open transaction.
  virtual Status make_staging(const sdk::StreamContext& ctx, const sdk::Schema& schema) = 0;
  /// Drops the staging if it is there, inside the open transaction.
  virtual Status drop_staging(const sdk::StreamContext& ctx) = 0;
  /// Puts the staging's rows, which must be `rows`, in the target's place, inside the open transaction.
  virtual Status publish_staging(const sdk::StreamContext& ctx, int64_t rows) = 0;

  // --- Rows.

  /// `previous`: the receipt that the load begins behind.
  virtual Result<std::unique_ptr<Writer>> make_writer(const sdk::StreamContext& ctx,
                                                      const std::optional<Receipt>& previous) = 0;

  // --- For databases of many users and writers.

  /// Runs a question, which changes nothing that it cannot change twice, and once more when its first answer is an
  /// error only because the session of the stream before was over.
  virtual Status ask(const sdk::StreamContext& /*ctx*/, const std::function<Status()>& question) { return question(); }
  /// A stream begins: locks its target, and clears away what an interrupted load left that nobody goes on with.
  virtual Status stream_begins(const sdk::StreamContext& /*ctx*/) { return {}; }
  /// The stream that has begun is no replace, and may go on.
  virtual Status stream_has_begun(const sdk::StreamContext& /*ctx*/) { return {}; }
  /// Begins a replace in a way of its own; false: the usual way.
  virtual Result<bool> begins_replace(const sdk::StreamContext& /*ctx*/) { return false; }
  /// Of a stream without rows of which nothing but its end comes (feature "empty-streams"), in mode append or replace:
  /// whether the target already is what the load would make of it, so that nothing has to be written. It only reads.
  /// False: the stream begins and ends the usual way.
  virtual Result<bool> needs_nothing(const sdk::StreamContext& /*ctx*/) { return false; }
  /// Before rows are written, and before a stream ends: the target's lock is held, or taken again.
  virtual Status hold_target(const sdk::StreamContext& /*ctx*/) { return {}; }
  /// The receipt behind which rows are written; it is the time to make the table of receipts.
  virtual Result<std::optional<Receipt>> previous_receipt(const sdk::StreamContext& ctx) { return read_receipt(ctx); }
  /// The stream that ends has written nothing into the database that would have to go.
  [[nodiscard]] virtual bool has_nothing_to_discard(const sdk::StreamContext& /*ctx*/) const { return false; }
  /// Publishes a replace in a way of its own; false: the usual way.
  virtual Result<bool> publishes(const sdk::StreamContext& /*ctx*/) { return false; }
  /// What is there to publish, inside the open transaction.
  virtual Result<ReplaceState> replace_state(const sdk::StreamContext& ctx);
  /// Publishes a load that had no rows and made no staging, inside the open transaction.
  virtual Status publish_nothing(const sdk::StreamContext& ctx);
  /// Says in the receipts of the load that its rows are in the target, inside the open transaction.
  virtual Status write_published(const sdk::StreamContext& ctx, const Receipt& newest);
  /// An error of writing or publishing, with what the destination knows about it.
  virtual Status explain(const sdk::StreamContext& /*ctx*/, Status status) { return status; }
  /// The stream is over. What is kept of it is forgotten.
  virtual void stream_ended(const sdk::StreamContext& /*ctx*/, bool /*ok*/) {}
  /// See sdk/connector.h; the streams are of different tables.
  virtual Result<std::vector<sdk::StreamReference>> references(const std::vector<std::string>& /*streams*/) {
    return std::vector<sdk::StreamReference>();
  }
};

}  // namespace rapidbyte::table
