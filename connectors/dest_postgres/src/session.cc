#include "src/session.h"

#include <utility>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::dest_postgres {
namespace {

using postgres::Parameter;

// Generated columns and the catalog columns that this connector reads.
constexpr uint32_t kOldestServer = 120'000;

// In addition to those of all sessions (postgres/session). Rows are written under the role's search_path (kRolePath).
constexpr std::string_view kSettings =
    "SET DateStyle = 'ISO, YMD'; SET xmloption = content; SET default_transaction_isolation = 'read committed'; "
    "SET plan_cache_mode = force_generic_plan";

// Ends a stream, apart from the settings. Not DISCARD ALL: it also drops the statements that the next stream needs
// again, and makes a role with a default of its own (ALTER ROLE ... SET role) the one that logged in.
constexpr std::string_view kForget =
    "CLOSE ALL; SET SESSION AUTHORIZATION DEFAULT; RESET ALL; RESET ROLE; UNLISTEN *; SELECT "
    "pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES; ";

// A load that was just killed still holds its lock until the server notices; then waiting helps.
constexpr std::string_view kLockWait = "10s";

}  // namespace

void Session::open_ahead() {
  Status opened = open();
  if (!opened.ok()) failed_ahead_ = std::move(opened);
}

Status Session::open() {
  if (failed_ahead_) {
    Status failed = std::move(*failed_ahead_);
    failed_ahead_.reset();
    return failed;
  }
  if (is_open()) return {};
  connection_.reset();
  locked_.reset();
  RB_SDK_ASSIGN_OR_RETURN(postgres::OpenSession opened,
                          postgres::open_session(options_, {.settings = kSettings, .oldest_server = kOldestServer}));
  ++generation_;
  runs_code_ = false;
  had_upsert_table = false;
  system_types.clear();
  connection_ = std::make_unique<postgres::Connection>(std::move(opened.connection));
  // With other settings the same texts would mean something else.
  settings_ = std::move(opened.settings);
  return {};
}

void Session::close() {
  if (connection_) connection_->close();
  connection_.reset();
  locked_.reset();
}

Result<std::optional<std::string>> Session::value(std::string_view sql, std::span<const Parameter> parameters) {
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult result, connection_->execute(sql, parameters));
  return first_value(result);
}

Result<std::optional<std::string>> Session::cached_value(std::string_view sql, std::span<const Parameter> parameters) {
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult result, connection_->execute_cached(sql, parameters));
  return first_value(result);
}

// Whatever is queued belongs to a transaction, and starts it if none has begun.
bool Session::in_transaction() const {
  return is_open() &&
         (connection_->transaction_status() != postgres::TransactionStatus::kIdle || connection_->queued() != 0);
}

// Whatever the role's default is: under REPEATABLE READ, waiting for another writer would end in an error instead of
// showing what it did.
constexpr std::string_view kBegin = "BEGIN ISOLATION LEVEL READ COMMITTED";

Status Session::begin() { return in_transaction() ? Status() : queue(kBegin); }

Status Session::begin_rows() {
  if (in_transaction()) return {};
  return exec(std::string(kBegin) + "; " + std::string(kRolePath));
}

void Session::rollback() {
  if (!is_open()) return;
  connection_->drop_queued();
  if (!in_transaction()) return;
  if (!exec("ROLLBACK").ok()) close();
}

Status Session::commit(bool sets_role_path) {
  const Patience patience(*this);
  if (sets_role_path) {
    RB_SDK_RETURN_NOT_OK(queue("SET LOCAL search_path TO DEFAULT"));
    RB_SDK_RETURN_NOT_OK(queue("SET LOCAL plan_cache_mode TO DEFAULT"));
  }
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult result, connection_->execute("COMMIT"));
  return check_committed(result.command);
}

Status Session::check_committed(const postgres::CommandResult& result) const {
  if (result.tag == "COMMIT") return {};
  return sdk::internal_error(codes::kCommitRolledBack, options_.where() + ": the server answered COMMIT with " +
                                                           result.tag + "; nothing of the transaction was kept");
}

Result<postgres::QueryResult> Session::lock_target(const TableName& table, bool shared, std::string_view then,
                                                   std::span<const Parameter> parameters) {
  const std::string key = (shared ? "shared " : "") + table.text();
  if (locked_ == key) {
    if (then.empty()) return postgres::QueryResult();
    return connection_->execute_cached(then, parameters);
  }
  // Of a previous stream that did not end.
  if (locked_) RB_SDK_RETURN_NOT_OK(queue("SELECT pg_catalog.pg_advisory_unlock_all()"));
  locked_.reset();
  // One round trip and one transaction; an error reverts the setting.
  RB_SDK_RETURN_NOT_OK(queue("SET lock_timeout = '" + std::string(kLockWait) + "'"));
  const std::string name = "rapidbyte " + table.sql();
  const Parameter names[] = {name};
  RB_SDK_RETURN_NOT_OK(connection_
                           ->queue(shared
                                       ? "SELECT pg_catalog.pg_advisory_lock_shared(pg_catalog.hashtextextended($1, 0))"
                                       : "SELECT pg_catalog.pg_advisory_lock(pg_catalog.hashtextextended($1, 0))",
                                   names, /*cached=*/true)
                           .status());
  RB_SDK_RETURN_NOT_OK(queue("SET lock_timeout = 0"));
  if (!then.empty()) RB_SDK_RETURN_NOT_OK(connection_->queue(then, parameters, /*cached=*/true).status());
  auto answers = connection_->run_queued();
  if (!answers.ok() && postgres::sqlstate_of(answers.error()) == "55P03") {
    Status busy = sdk::transient_db_error(
        codes::kTargetBusy,
        "table " + table.text() + " of " + options_.where() +
            " is being loaded by another run of Rapidbyte, which holds its lock (an advisory lock). "
            "Wait for it, or end it; pg_locks shows who holds it (locktype advisory).");
    busy.error().safe_to_retry = true;
    busy.error().backoff_class = sdk::BackoffClass::kSlow;
    return busy;
  }
  if (!answers.ok()) return answers.status();
  locked_ = key;
  return std::move(answers->back());
}

void Session::expect_code() {
  if (std::exchange(runs_code_, true) || !is_open()) return;
  connection_->set_caching(false);
}

void Session::end_stream(bool ran_code) {
  warned_.clear();
  if (!is_open() || in_transaction()) return;
  if (!ran_code && !runs_code_ && !had_upsert_table) {
    // A stream that has written nothing may have taken no lock.
    if (std::exchange(locked_, std::nullopt)) (void)connection_->post("SELECT pg_catalog.pg_advisory_unlock_all()");
    return;
  }
  // Users' code, such as the triggers of the stream's table, may have changed settings that decide how rows are read
  // and written (client_encoding, the role, session_replication_role ...), or have created temporary tables. A
  // connection that fails to reset is ended, and everything with it.
  (void)connection_->post((runs_code_ ? "DEALLOCATE ALL; " : "") + std::string(kForget) + settings_);
  if (std::exchange(runs_code_, false)) connection_->set_caching(true);
  locked_.reset();
  had_upsert_table = false;
}

std::optional<std::string> first_value(const postgres::QueryResult& result) {
  if (result.rows.empty() || result.rows.front().empty()) return std::nullopt;
  return result.rows.front().front();
}

std::string text_array(const std::vector<std::string>& values) {
  std::string out = "{";
  for (const std::string& value : values) {
    if (out.size() > 1) out += ',';
    out += '"';
    for (const char c : value) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  return out + "}";
}

}  // namespace rapidbyte::dest_postgres
