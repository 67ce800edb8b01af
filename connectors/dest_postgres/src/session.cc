#include "src/session.h"

namespace rapidbyte::dest_postgres {
namespace {

using postgres::Parameter;

// Generated columns and the catalog columns that this connector reads.
constexpr uint32_t kOldestServer = 120'000;

// Limits of the role's own would cut a long load in the middle, as they would a restore: pg_dump and pg_restore switch
// them off, too. Nothing that makes data durable is touched.
//
// The search_path: nobody's function, operator, cast or type of the same name takes the place of the server's own in a
// statement of ours. Rows are written under the role's path (kRolePath).
constexpr std::string_view kSettings =
    "SET search_path = pg_catalog, pg_temp; "
    "SET DateStyle = 'ISO, YMD'; SET IntervalStyle = postgres; SET TimeZone = 'UTC'; SET bytea_output = hex; "
    "SET lc_monetary = 'C'; SET statement_timeout = 0; SET lock_timeout = 0; "
    "SET idle_in_transaction_session_timeout = 0; SET xmloption = content; "
    "SET default_transaction_isolation = 'read committed'";

// A backend whose client was killed ends within half a minute, and within two seconds where it can look: a long merge
// for nobody would keep the next run away. Not every platform of the server has these.
constexpr std::string_view kOrphans =
    "; SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3";
constexpr std::string_view kOrphansSince14 = "; SET client_connection_check_interval = '2s'";

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
  prepared_query_.clear();
  RB_SDK_ASSIGN_OR_RETURN(postgres::Connection connection, postgres::Connection::connect(options_));
  if (connection.server_version() < kOldestServer) {
    return sdk::config_error("UNSUPPORTED_SERVER",
                             options_.where() + ": this server is older than PostgreSQL 12 (its number is " +
                                 std::to_string(connection.server_version()) + "). Use a newer one.");
  }
  ++generation_;
  had_upsert_table = false;
  system_types.clear();
  connection_ = std::make_unique<postgres::Connection>(std::move(connection));
  Status set = set_up();
  // With other settings the same texts would mean something else.
  if (!set.ok()) close();
  return set;
}

Status Session::set_up() {
  std::string settings(kSettings);
  const uint32_t version = connection_->server_version();
  if (version >= 140'000) settings += "; SET idle_session_timeout = 0";
  if (version >= 170'000) settings += "; SET transaction_timeout = 0";
  std::string orphans(kOrphans);
  if (version >= 140'000) orphans += kOrphansSince14;
  // One round trip; a statement that fails takes the others back with it.
  settings_ = settings + orphans;
  Status set = exec(settings_);
  if (!set.ok() && is_open() && postgres::sqlstate_of(set.error()).starts_with("22")) {
    settings_ = settings;
    set = exec(settings_);
  }
  return set;
}

void Session::close() {
  if (connection_) connection_->close();
  connection_.reset();
  locked_.reset();
}

Result<std::optional<std::string>> Session::value(std::string_view sql, std::span<const Parameter> parameters) {
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult result, connection_->execute(sql, parameters));
  if (result.rows.empty() || result.rows.front().empty()) return std::optional<std::string>();
  return result.rows.front().front();
}

Result<postgres::QueryResult> Session::query_prepared(std::string_view query, std::string_view first,
                                                      std::string_view second) {
  std::string sql;
  if (query != prepared_query_) {
    prepared_query_.clear();
    ++preparations_;
    sql =
        "PREPARE rapidbyte_prepared_" + std::to_string(preparations_) + "(name, name) AS " + std::string(query) + "; ";
  }
  // The setting is the role's again behind it, for the sake of functions that triggers call.
  sql += "SET LOCAL plan_cache_mode = force_generic_plan; EXECUTE rapidbyte_prepared_" + std::to_string(preparations_) +
         "(" + postgres::quote_literal(first) + ", " + postgres::quote_literal(second) +
         "); SET LOCAL plan_cache_mode TO DEFAULT";
  auto result = connection_->query(sql);
  if (result.ok()) prepared_query_ = query;
  return result;
}

bool Session::in_transaction() const {
  return is_open() && connection_->transaction_status() != postgres::TransactionStatus::kIdle;
}

Status Session::begin(const std::string& then) {
  if (in_transaction()) return then.empty() ? Status() : exec(then);
  return start(then);
}

Status Session::begin_rows() {
  if (in_transaction()) return {};
  return start(kRolePath);
}

Status Session::start(std::string_view then) {
  // Whatever the role's default is: under REPEATABLE READ, waiting for another writer would end in an error instead of
  // a look at what it did.
  return exec("BEGIN ISOLATION LEVEL READ COMMITTED; " + std::string(then));
}

void Session::rollback() {
  if (!in_transaction()) return;
  if (!exec("ROLLBACK").ok()) close();
}

Status Session::commit(bool sets_role_path) {
  const Patience patience(*this);
  RB_SDK_ASSIGN_OR_RETURN(const postgres::CommandResult result,
                          connection_->exec(sets_role_path ? std::string(kRolePath) + "; COMMIT" : "COMMIT"));
  if (result.tag == "COMMIT") return {};
  return sdk::internal_error("COMMIT_ROLLED_BACK", options_.where() + ": the server answered COMMIT with " +
                                                       result.tag + "; nothing of the transaction was kept");
}

Result<postgres::QueryResult> Session::lock_target(const TableName& table, bool shared, const std::string& then) {
  const std::string key = (shared ? "shared " : "") + table.text();
  if (locked_ == key) {
    if (then.empty()) return postgres::QueryResult();
    return connection_->query(then);
  }
  // Of a stream before that did not end.
  const std::string unlock = locked_ ? "SELECT pg_catalog.pg_advisory_unlock_all(); " : "";
  locked_.reset();
  // One round trip; an error takes the setting back.
  auto locked = connection_->query(
      unlock + "SET lock_timeout = '" + std::string(kLockWait) + "'; SELECT pg_catalog.pg_advisory_lock" +
      (shared ? "_shared" : "") + "(pg_catalog.hashtextextended(" +
      postgres::quote_literal("rapidbyte " + table.sql()) + ", 0)); SET lock_timeout = 0; " + then);
  if (!locked.ok() && postgres::sqlstate_of(locked.error()) == "55P03") {
    Status busy = sdk::transient_db_error(
        "TARGET_BUSY", "table " + table.text() + " of " + options_.where() +
                           " is being loaded by another run of Rapidbyte, which holds its lock (an advisory lock). "
                           "Wait for it, or end it; pg_locks shows who holds it (locktype advisory).");
    busy.error().safe_to_retry = true;
    busy.error().backoff_class = sdk::BackoffClass::kSlow;
    return busy;
  }
  if (locked.ok()) locked_ = key;
  return locked;
}

void Session::end_stream() {
  warned_.clear();
  if (!is_open() || in_transaction()) return;
  // Triggers of the stream's table may have set what decides how rows are read and written (client_encoding, the role,
  // session_replication_role ...), have made temporary tables, or prepared statements of our names. A connection that
  // does not take it is ended, and everything with it.
  if (connection_->post("DISCARD ALL").ok()) (void)connection_->post(settings_);
  locked_.reset();
  had_upsert_table = false;
  prepared_query_.clear();
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
