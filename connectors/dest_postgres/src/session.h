#pragma once
// Session: the connection to the server with what this connector needs around it: opened on first use, settings that
// make texts mean the same everywhere, transactions, and a lock per target table that keeps a second load away. One
// instance of the connector has one session; one thread.

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "postgres/connection.h"
#include "postgres/session/session.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/host.h"
#include "src/table_name.h"

namespace rapidbyte::dest_postgres {

using sdk::Result;
using sdk::Status;

/// Our own statements see only the system's schema. What belongs to the user runs under the role's own path: triggers,
/// defaults, checks, generated columns and index expressions, which the writing of rows calls, and deferred triggers at
/// the commit. A statement that runs under it qualifies every name with its schema.
///
/// Our own plans are made once for all parameters, since planning is most of the cost of a look at the catalogs; those
/// of the user's functions are made as the role's settings say.
inline constexpr std::string_view kRolePath = "SET LOCAL search_path TO DEFAULT; SET LOCAL plan_cache_mode TO DEFAULT";
inline constexpr std::string_view kSystemPath =
    "SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL plan_cache_mode = force_generic_plan";

class Session {
 public:
  explicit Session(postgres::ConnectionOptions options) : options_(std::move(options)) {}

  /// Connects unless there is a usable connection. UNSUPPORTED_SERVER (config) for servers before 12.
  Status open();
  /// Connects ahead of use. Errors are reported by the next open(), which then does not try again.
  void open_ahead();
  /// Requires a successful open().
  postgres::Connection& connection() { return *connection_; }
  [[nodiscard]] bool is_open() const { return connection_ && !connection_->is_broken(); }
  /// Grows with every new connection: whatever a connection holds (temporary tables) is lost with it.
  [[nodiscard]] uint64_t generation() const { return generation_; }
  [[nodiscard]] const postgres::ConnectionOptions& options() const { return options_; }
  void close();

  /// One or more statements, after those that are queued.
  Status exec(const std::string& sql) { return connection_->exec(sql).status(); }
  /// One statement, in the same round trip as those that are queued.
  Status run(std::string_view sql) { return connection_->execute(sql).status(); }
  /// Queues a statement of the open transaction: it is sent with the next one, and its error is reported there.
  Status queue(std::string_view sql) {
    if (connection_->queued() >= kMostQueued) RB_SDK_RETURN_NOT_OK(connection_->run_queued().status());
    return connection_->queue(sql).status();
  }
  /// First column of the first row; nullopt when there is none, or when it is NULL.
  Result<std::optional<std::string>> value(std::string_view sql, std::span<const postgres::Parameter> parameters = {});
  /// The same for a text that never changes but for its parameters.
  Result<std::optional<std::string>> cached_value(std::string_view sql,
                                                  std::span<const postgres::Parameter> parameters = {});

  [[nodiscard]] bool in_transaction() const;
  /// Begins a transaction unless one is open, with the next statement.
  Status begin();
  /// Begins a transaction for rows, under the role's path, unless one is open.
  Status begin_rows();
  /// Rolls back the open transaction. A connection that cannot do that is abandoned.
  void rollback();
  /// Runs `work` in one transaction: committed when it succeeds, rolled back otherwise.
  template <typename Work>
  Status in_transaction(Work work) {
    RB_SDK_RETURN_NOT_OK(begin());
    Status status = work();
    if (status.ok()) status = commit(/*sets_role_path=*/true);
    if (!status.ok()) rollback();
    return status;
  }
  /// Plain COMMIT. COMMIT_ROLLED_BACK (internal) when the server answered that it rolled back. See Commit for data.
  /// `sets_role_path`: first sets the role's path, for deferred triggers; a transaction from begin_rows() has it
  /// already.
  Status commit(bool sets_role_path = false);
  /// COMMIT_ROLLED_BACK unless it is the answer of a COMMIT that has committed.
  [[nodiscard]] Status check_committed(const postgres::CommandResult& result) const;

  /// While one exists, the server may be silent for long: a merge of many rows, an exchange or a commit gives no sign
  /// before it is done.
  using Patience = postgres::Patience<Session>;
  /// How long that is; nullopt: without limit.
  [[nodiscard]] std::optional<std::chrono::milliseconds> patience() const {
    const uint32_t ms = postgres::longest_silence_ms(options_);
    return ms == 0 ? std::nullopt : std::optional(std::chrono::milliseconds(ms));
  }
  /// For Patience.
  void limit_silence(uint32_t ms) {
    if (connection_) connection_->set_read_timeout_ms(ms);
  }

  /// Warns, unless it has already done so with this text: a table and its staging table come from the same look at the
  /// types.
  void warn_once(const std::string& text) {
    if (warned_.insert(text).second) sdk::host::log_warn(text);
  }

  /// Keeps other loads away from `table` until the session ends or locks another one: `shared` locks are compatible
  /// with each other, for loads that only add rows. TARGET_BUSY (transient-db) when another load holds it for longer
  /// than a few seconds. `then`: a query that follows in the same round trip, whose rows are returned; its text never
  /// changes but for its parameters.
  Result<postgres::QueryResult> lock_target(const TableName& table, bool shared, std::string_view then = {},
                                            std::span<const postgres::Parameter> parameters = {});

  /// Resets the session to its state after open(): settings, role, locks and temporary tables of the stream are gone,
  /// and warnings are repeated for the next one. Nobody waits for that. `ran_code`: users' code may have run in the
  /// session, which can have changed anything in it; otherwise only the lock is released.
  void end_stream(bool ran_code);

  /// Users' code (triggers, defaults, checks ...) is about to run in this session, and may remove what it has prepared.
  /// Nothing is prepared until the end of the stream.
  void expect_code();

  /// Whether this connection has created the temporary table of an upsert (load_sql.h) before.
  bool had_upsert_table = false;
  /// Types of the system that the server has looked up by name: the same for every table, permanently.
  struct SystemType {
    postgres::Oid oid = 0;
    char kind = 'b';  // pg_type.typtype
    std::string name;
  };
  std::map<std::string, SystemType, std::less<>> system_types;

 private:
  static constexpr size_t kMostQueued = 100;

  postgres::ConnectionOptions options_;
  std::unique_ptr<postgres::Connection> connection_;
  uint64_t generation_ = 0;
  std::optional<Status> failed_ahead_;
  std::string settings_;  // what the session's texts, time limits and end depend on
  std::optional<std::string> locked_;  // key of the lock that the connection holds
  std::set<std::string> warned_;
  bool runs_code_ = false;
};

/// First column of the first row; nullopt when there is none, or when it is NULL.
std::optional<std::string> first_value(const postgres::QueryResult& result);

/// {"a","b"} as PostgreSQL reads text[].
std::string text_array(const std::vector<std::string>& values);

}  // namespace rapidbyte::dest_postgres
