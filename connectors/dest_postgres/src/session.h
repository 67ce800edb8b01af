#pragma once
// Session: the connection to the server with what this connector needs around it: opened on first need, settings that
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
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/host.h"
#include "src/table_name.h"

namespace rapidbyte::dest_postgres {

using sdk::Result;
using sdk::Status;

/// Statements of ours see the system's schema only. What is the user's own runs under the path that the role has:
/// triggers, defaults, checks, generated columns and index expressions, which the writing of rows calls, and at the
/// commit deferred triggers. A statement that runs under it names everything with its schema.
inline constexpr std::string_view kRolePath = "SET LOCAL search_path TO DEFAULT";
inline constexpr std::string_view kSystemPath = "SET LOCAL search_path = pg_catalog, pg_temp";

class Session {
 public:
  explicit Session(postgres::ConnectionOptions options) : options_(std::move(options)) {}

  /// Connects unless a usable connection is there. UNSUPPORTED_SERVER (config) for servers before 12.
  Status open();
  /// Connects already now. What goes wrong is said by the next open(), which then does not try again.
  void open_ahead();
  /// Requires a successful open().
  postgres::Connection& connection() { return *connection_; }
  [[nodiscard]] bool is_open() const { return connection_ && !connection_->is_broken(); }
  /// Grows with every new connection: what a connection holds (temporary tables) is gone with it.
  [[nodiscard]] uint64_t generation() const { return generation_; }
  [[nodiscard]] const postgres::ConnectionOptions& options() const { return options_; }
  void close();

  Status exec(const std::string& sql) { return connection_->exec(sql).status(); }
  /// First column of the first row; nullopt when there is none, or when it is NULL.
  Result<std::optional<std::string>> value(std::string_view sql, std::span<const postgres::Parameter> parameters = {});

  /// Runs `query`, whose two parameters have type name, with `first` and `second`. The server parses and plans it once
  /// per connection, for all values: that is most of what a look at its catalogs costs.
  Result<postgres::QueryResult> query_prepared(std::string_view query, std::string_view first, std::string_view second);

  [[nodiscard]] bool in_transaction() const;
  /// Begins a transaction unless one is open, and runs `then` in it by the same round trip.
  Status begin(const std::string& then = {});
  /// Begins a transaction for rows, under the role's path, unless one is open.
  Status begin_rows();
  /// Rolls back what is open. A connection that cannot do that is given up.
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
  /// `sets_role_path`: first, for deferred triggers; a transaction that begin_rows() began has it.
  Status commit(bool sets_role_path = false);

  /// While one lives, the server may be silent for a day unless the user has set a limit: a merge of many rows, an
  /// exchange or a commit gives no sign before it is done.
  class Patience {
   public:
    explicit Patience(Session& session) : session_(session) {
      if (!session.options_.read_timeout_given) session.wait_at_most(kLongestSilenceMs);
    }
    ~Patience() { session_.wait_at_most(session_.options_.read_timeout_ms); }
    Patience(const Patience&) = delete;
    Patience& operator=(const Patience&) = delete;

   private:
    Session& session_;
  };
  /// How long the server may be silent while a Patience lives; nullopt: without limit.
  [[nodiscard]] std::optional<std::chrono::milliseconds> patience() const {
    const uint32_t ms = options_.read_timeout_given ? options_.read_timeout_ms : kLongestSilenceMs;
    return ms == 0 ? std::nullopt : std::optional(std::chrono::milliseconds(ms));
  }

  /// Warns, unless it has done so with this text: a table and its staging are made by the same look at the types.
  void warn_once(const std::string& text) {
    if (warned_.insert(text).second) sdk::host::log_warn(text);
  }

  /// Keeps other loads away from `table` until the session ends or locks another one: `shared` locks go together, for
  /// loads that only add rows. TARGET_BUSY (transient-db) when another load holds it for longer than a few seconds.
  /// `then`: a query behind it in the same round trip, whose rows are given.
  Result<postgres::QueryResult> lock_target(const TableName& table, bool shared, const std::string& then = {});

  /// The session is again as it was after open(): settings, role, locks, temporary tables and prepared statements of
  /// the stream are gone, and what was warned of is warned of again for the next one. Nobody waits for that.
  void end_stream();

  /// Whether this connection has made the temporary table of an upsert (load_sql.h) before.
  bool had_upsert_table = false;
  /// Types of the system that the server has looked up by name: the same for every table and for ever.
  struct SystemType {
    postgres::Oid oid = 0;
    char kind = 'b';  // pg_type.typtype
    std::string name;
  };
  std::map<std::string, SystemType, std::less<>> system_types;

 private:
  static constexpr uint32_t kLongestSilenceMs = 86'400'000;

  void wait_at_most(uint32_t silence_ms) {
    if (connection_) connection_->set_read_timeout_ms(silence_ms);
  }
  Status start(std::string_view then);
  /// Sets what the session's texts, time limits and end depend on.
  Status set_up();

  postgres::ConnectionOptions options_;
  std::unique_ptr<postgres::Connection> connection_;
  uint64_t generation_ = 0;
  std::optional<Status> failed_ahead_;
  std::string settings_;  // what set_up() has run
  std::optional<std::string> locked_;  // key of the lock that the connection holds
  // What query_prepared() has prepared in the connection. A statement that failed may or may not be prepared, so that
  // the next one gets another name.
  std::string prepared_query_;
  uint32_t preparations_ = 0;
  std::set<std::string> warned_;
};

/// {"a","b"} as PostgreSQL reads text[].
std::string text_array(const std::vector<std::string>& values);

}  // namespace rapidbyte::dest_postgres
