#pragma once
// LifeCycle: takes a stream in a table destination from begin-stream to finish-stream: which table its rows go into in
// each write mode, when a load may begin, resume or must restart, what is committed together, and what is published.
// The SQL is the Dialect's. The rows and the receipt of a commit are one transaction, so that a killed run neither
// loses nor doubles a row; the rows of a replace stay in a staging table until the load has succeeded.
//
// Destination<D> is the whole connector around a dialect of type D.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rapidbyte/table/dialect.h"

namespace rapidbyte::table {

/// The write mode of a stream; append when the host does not say.
sdk::WriteMode mode_of(const sdk::StreamContext& ctx);
/// Where the stream's rows are written.
inline Place written_place(const sdk::StreamContext& ctx) {
  return mode_of(ctx) == sdk::WriteMode::kReplace ? Place::kStaging : Place::kTarget;
}
/// The primary key of an upsert; empty in other modes.
std::vector<std::string> upsert_key(const sdk::StreamContext& ctx);
/// A sentence, without its full stop, that tells the user how to load all rows of a stream again. `table`: as
/// Dialect::named(); `rows_there`: it may hold rows of earlier runs, which an append would add once more.
std::string how_to_restart(const sdk::StreamContext& ctx, const std::string& table, bool rows_there);

class LifeCycle {
 public:
  /// `dialect` outlives it.
  explicit LifeCycle(Dialect& dialect) : dialect_(dialect) {}

  /// NAME_REFUSED, TARGET_CONFLICT, PRIMARY_KEY_MISSING (config); and, when the table and the position that the run
  /// starts from do not belong together, TARGET_EMPTIED, RECEIPT_MISSING, RECEIPT_FOREIGN, POSITION_MISSING (config).
  Status begin_stream(const sdk::StreamContext& ctx);
  Result<sdk::WriteSummary> write(const sdk::StreamContext& ctx);
  /// LOAD_UNKNOWN, STAGING_LOST (internal). May be called again after a crash.
  Status finish_stream(const sdk::StreamContext& ctx, bool succeeded);
  Result<std::optional<std::string>> last_committed(const sdk::StreamContext& ctx);
  /// TARGET_CONFLICT (config).
  Result<std::vector<sdk::StreamReference>> references(const std::vector<std::string>& streams);

 private:
  Status check_targets(const std::vector<std::string>& streams) const;
  Status begin(const sdk::StreamContext& ctx);
  Status begin_replace(const sdk::StreamContext& ctx);
  /// Checks that the table and the position that the run starts from belong together.
  Status check_position(const sdk::StreamContext& ctx);
  Status check_not_loaded_before(const sdk::StreamContext& ctx);
  Status check_receipt(const sdk::StreamContext& ctx);
  [[nodiscard]] Status target_emptied(const sdk::StreamContext& ctx, bool is_gone) const;
  /// The checkpoint after which the load of an interrupted run resumes.
  Result<std::optional<std::string>> position(const sdk::StreamContext& ctx);
  Result<sdk::WriteSummary> write_stream(const sdk::StreamContext& ctx);
  Status finish(const sdk::StreamContext& ctx, bool succeeded);
  /// The same of a stream of which nothing else came.
  Status finish_without_rows(const sdk::StreamContext& ctx);
  Status publish(const sdk::StreamContext& ctx);

  Dialect& dialect_;
  /// The load of the replace that begin_stream() has begun, while none of its receipts is committed; otherwise empty.
  std::string begun_replace_;
};

template <typename D>
class Destination {
 public:
  Status open(const sdk::Json& config) { return dialect_.configure(config); }
  Result<sdk::Validation> validate() { return dialect_.validate(); }
  Status begin_stream(const sdk::StreamContext& ctx) { return life_cycle_.begin_stream(ctx); }
  Result<sdk::WriteSummary> write(const sdk::StreamContext& ctx) { return life_cycle_.write(ctx); }
  Status finish_stream(const sdk::StreamContext& ctx, bool succeeded) {
    return life_cycle_.finish_stream(ctx, succeeded);
  }
  Result<std::optional<std::string>> last_committed(const sdk::StreamContext& ctx) {
    return life_cycle_.last_committed(ctx);
  }
  Result<std::vector<sdk::StreamReference>> references(const std::vector<std::string>& streams) {
    return life_cycle_.references(streams);
  }
  Status close() { return dialect_.close(); }

 private:
  D dialect_;
  LifeCycle life_cycle_{dialect_};
};

}  // namespace rapidbyte::table
