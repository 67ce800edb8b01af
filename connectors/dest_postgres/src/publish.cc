#include "src/publish.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <functional>
#include <optional>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"
#include "rapidbyte/table/sql_name.h"
#include "src/row_search.h"
#include "src/staging.h"
#include "src/table_shape.h"

namespace rapidbyte::dest_postgres {
namespace {

using postgres::Parameter;
using table::quote_name;

// Indexes of the target ($1, as SQL) and of the staging table ($2) that have the same definition, with their names.
// Equal ones are paired in the order of creation.
constexpr std::string_view kIndexPairsQuery = R"(
WITH i AS (
  SELECT x.indrelid, c.relname, k AS definition,
    row_number() OVER (PARTITION BY x.indrelid, k ORDER BY x.indexrelid) AS n
  FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class c ON c.oid = x.indexrelid,
  LATERAL (SELECT x.indisunique::text || x.indisprimary ||
    EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conindid = x.indexrelid) ||
    substring(pg_catalog.pg_get_indexdef(x.indexrelid) FROM
      position(' USING ' IN pg_catalog.pg_get_indexdef(x.indexrelid))) AS k) d
  WHERE x.indrelid IN (pg_catalog.to_regclass($1::text), pg_catalog.to_regclass($2::text)))
SELECT o.relname, s.relname FROM (SELECT * FROM i WHERE indrelid = pg_catalog.to_regclass($1::text)) o
FULL JOIN (SELECT * FROM i WHERE indrelid = pg_catalog.to_regclass($2::text)) s USING (definition, n))";

// What gives another table ($2, as SQL) the rights of the target ($1, as SQL), all granted by the owner; nothing when
// it has the default rights of new tables.
constexpr std::string_view kGrantsQuery = R"(
SELECT format('REVOKE ALL ON TABLE %s FROM %I', $2::text, current_user) FROM pg_catalog.pg_class
  WHERE oid = pg_catalog.to_regclass($1::text) AND relacl IS NOT NULL
UNION ALL SELECT format('GRANT %s ON TABLE %s TO %s%s', string_agg(privilege_type, ', '), $2::text,
    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(grantee)) END,
    CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
  FROM pg_catalog.pg_class, pg_catalog.aclexplode(relacl) WHERE oid = pg_catalog.to_regclass($1::text) GROUP BY grantee, is_grantable)";

constexpr std::string_view kAccessExclusive = "ACCESS EXCLUSIVE";

// Who holds a lock on a table ($1), its partitions or its children, as a text; with $2 only those who do more than
// read. About other users' sessions the server may show only their process id.
constexpr std::string_view kHoldersQuery = R"(
WITH RECURSIVE tables(oid) AS (SELECT $1::oid
  UNION ALL SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tables t ON t.oid = i.inhparent)
SELECT string_agg(DISTINCT CASE WHEN l.pid IS NULL THEN 'a prepared transaction' ELSE 'session ' || l.pid ||
  coalesce(' (' || nullif(concat_ws(', ', 'user ' || a.usename, nullif(a.application_name, ''),
    a.state || ' since ' || date_trunc('second', a.state_change)), '') || ')', '') END, '; ')
FROM pg_catalog.pg_locks l LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid() AND
  l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()) AND
  l.relation IN (SELECT oid FROM tables) AND
  (NOT $2::pg_catalog.bool OR l.mode <> 'AccessShareLock'))";

// Bytes of a table's ($1, as SQL) own file, and whether it is small including everything that belongs to it. A
// transaction that locks the table first does not wait for others here.
constexpr std::string_view kFileSizeQuery =
    "SELECT pg_catalog.pg_relation_size(c.oid), pg_catalog.pg_table_size(c.oid) <= 1048576 FROM pg_catalog.pg_class c "
    "JOIN pg_catalog.pg_am a ON a.oid = c.relam WHERE c.oid = pg_catalog.to_regclass($1::text) AND a.amname = 'heap'";

Result<std::optional<std::string>> holders_of(Session& session, Oid oid, bool only_writers) {
  const std::string text = std::to_string(oid);
  const Parameter parameters[] = {text, only_writers ? "t" : "f"};
  return session.value(kHoldersQuery, parameters);
}

// What publishing must know, asked in one round trip.
struct Looks {
  // In the order in which they are queued: the first before the lock, the others under it.
  enum Place : size_t { kRows, kTable, kReferring, kReasons, kDefinition, kLikeness, kIndexes, kComment, kGrants };
  std::vector<postgres::QueryResult> answers;
  [[nodiscard]] const postgres::QueryResult& operator[](Place place) const { return answers[place]; }
};

// How many rows the staging table has.
Status queue_count(Session& session, const TableName& staging) {
  return session.queue("SELECT count(*) FROM " + staging.sql());
}

// Looks from kTable on. The target is locked, and the staging table is ours.
Status queue_looks(Session& session, const TableName& target, const TableName& staging) {
  const std::string old_table = target.sql();
  const std::string new_table = staging.sql();
  const Parameter tables[] = {old_table, new_table};
  const std::span<const Parameter> alone = std::span(tables).first(1);
  postgres::Connection& connection = session.connection();
  RB_SDK_RETURN_NOT_OK(queue_table_look(session, target).status());
  RB_SDK_RETURN_NOT_OK(connection.queue(referring_sql("$1"), alone, /*cached=*/true).status());
  RB_SDK_RETURN_NOT_OK(queue_reasons_look(session, target).status());
  RB_SDK_RETURN_NOT_OK(queue_definition_look(session, target).status());
  RB_SDK_RETURN_NOT_OK(queue_comment_look(session, staging).status());
  RB_SDK_RETURN_NOT_OK(connection.queue(kIndexPairsQuery, tables, /*cached=*/true).status());
  RB_SDK_RETURN_NOT_OK(queue_comment_look(session, target).status());
  return connection.queue(kGrantsQuery, tables, /*cached=*/true).status();
}

// From here on nobody can change the table or add anything that depends on it. `before` and `behind` queue what runs
// before the lock and under it; the answers are those of `before` and then those of `behind`.
//
// Whoever comes after a waiting lock has to wait, too: behind one slow reader all others would stand still. So the wait
// is short, and between two waits the others get their turn. Together they take no longer than the server may be
// silent, as if they were one wait.
Result<std::vector<postgres::QueryResult>> lock_table(Session& session, const TableInfo& table, std::string_view mode,
                                                      const std::string& stream, const std::function<Status()>& before,
                                                      const std::function<Status()>& behind) {
  using std::chrono::milliseconds;
  using std::chrono::steady_clock;
  constexpr milliseconds kOneWait{2000};
  constexpr useconds_t kPauseUs = 500'000;
  const auto limit = session.patience();
  // Shorter than the limit, so that the server's answer says what is wrong, and not our own timeout.
  const auto one_wait = limit ? std::min(kOneWait, *limit / 2) : kOneWait;
  const auto begin = steady_clock::now();
  bool warned = false;
  std::vector<postgres::QueryResult> first;  // answers to the queries before the lock
  if (before) {
    RB_SDK_RETURN_NOT_OK(before());
  }
  const size_t lead = session.connection().queued();
  // The answer to each step is requested immediately: the server may be silent for each of them, not for all together.
  RB_SDK_RETURN_NOT_OK(session.connection().queue_flush());
  for (;;) {
    RB_SDK_RETURN_NOT_OK(session.queue("SAVEPOINT rapidbyte_lock"));
    RB_SDK_RETURN_NOT_OK(session.queue("SET LOCAL lock_timeout = " + std::to_string(one_wait.count())));
    RB_SDK_RETURN_NOT_OK(session.queue("LOCK TABLE " + table.name.sql() + " IN " + std::string(mode) + " MODE"));
    RB_SDK_RETURN_NOT_OK(session.queue("SET LOCAL lock_timeout = 0"));
    RB_SDK_RETURN_NOT_OK(session.queue("RELEASE SAVEPOINT rapidbyte_lock"));
    RB_SDK_RETURN_NOT_OK(session.connection().queue_flush());
    const size_t looks = session.connection().queued();
    RB_SDK_RETURN_NOT_OK(behind());
    std::vector<postgres::QueryResult> answers;
    const Status locked = session.connection().run_queued(answers);
    if (first.size() < lead) {
      for (size_t i = 0; i < lead && i < answers.size(); ++i) first.push_back(std::move(answers[i]));
    }
    if (locked.ok()) {
      for (size_t i = looks; i < answers.size(); ++i) first.push_back(std::move(answers[i]));
      return first;
    }
    if (postgres::sqlstate_of(locked.error()) != "55P03" || sdk::host::is_cancelled()) return locked;
    RB_SDK_RETURN_NOT_OK(session.exec("ROLLBACK TO SAVEPOINT rapidbyte_lock; RELEASE SAVEPOINT rapidbyte_lock"));
    const bool give_up = limit && steady_clock::now() - begin >= *limit;
    if (give_up || !warned) {
      RB_SDK_ASSIGN_OR_RETURN(const auto holders, holders_of(session, table.oid, mode != kAccessExclusive));
      const std::string in_use = "stream \"" + stream + "\": table " + table.name.text() + " of " +
                                 session.options().where() + " is in use by " +
                                 holders.value_or("sessions that come and go");
      if (give_up) {
        Status status = sdk::transient_db_error(
            codes::kLocked, in_use + ", so that the new rows could not take the place of the old ones within " +
                                std::to_string(std::chrono::duration_cast<std::chrono::seconds>(*limit).count()) +
                                " seconds (read_timeout_seconds). The old rows were left as they were. End these "
                                "transactions (pg_terminate_backend ends a session), and run again.");
        status.error().safe_to_retry = true;
        status.error().backoff_class = sdk::BackoffClass::kSlow;
        return status;
      }
      sdk::host::log_warn(in_use + "; the new rows take the place of the old ones as soon as its transactions end");
      warned = true;
    }
    usleep(kPauseUs);
  }
}

Result<std::vector<postgres::QueryResult>> lock_out_readers(Session& session, const TableInfo& table,
                                                            const std::string& stream,
                                                            const std::function<Status()>& before,
                                                            const std::function<Status()>& behind) {
  return lock_table(session, table, kAccessExclusive, stream, before, behind);
}

// Everything that follows is queued: it is sent with the commit, whose error is that of whatever fails.

Status take_name(Session& session, const TableName& staging, const TableName& target) {
  RB_SDK_RETURN_NOT_OK(session.queue("COMMENT ON TABLE " + staging.sql() + " IS NULL"));
  return session.queue("ALTER TABLE " + staging.sql() + " RENAME TO " + quote_name(target.table));
}

// The table did not exist yet.
Status become_new_table(Session& session, const TableName& staging, const TableName& target) {
  RB_SDK_RETURN_NOT_OK(grant_as_new(session, staging));
  return take_name(session, staging, target);
}

bool indexes_match(const postgres::QueryResult& pairs) {
  return std::all_of(pairs.rows.begin(), pairs.rows.end(),
                     [](const postgres::Row& pair) { return pair[0] && pair[1]; });
}

// The staging table becomes the target. Their indexes match.
Status swap_tables(Session& session, const TableName& target, const TableName& staging, const Looks& looks) {
  for (const postgres::Row& grant : looks[Looks::kGrants].rows)
    RB_SDK_RETURN_NOT_OK(session.queue(grant[0].value_or("")));
  RB_SDK_RETURN_NOT_OK(session.queue("DROP TABLE " + target.sql()));
  RB_SDK_RETURN_NOT_OK(take_name(session, staging, target));
  for (const postgres::Row& pair : looks[Looks::kIndexes].rows) {
    const TableName made{target.schema, *pair[1]};
    RB_SDK_RETURN_NOT_OK(session.queue("ALTER INDEX " + made.sql() + " RENAME TO " + quote_name(*pair[0])));
  }
  const auto comment = first_value(looks[Looks::kComment]);
  if (!comment) return {};
  return session.queue("COMMENT ON TABLE " + target.sql() + " IS " + postgres::quote_literal(*comment));
}

// A retry restarts the load with the table as it is then.
Status target_changed(const TableInfo& target, const std::string& stream, const std::string& what) {
  Status status = sdk::transient_db_error(
      codes::kTargetChanged,
      "stream \"" + stream + "\": while the load ran, " + what + " of table " + target.name.text() +
          ". Its old rows were left as they were; the next attempt loads into the table as it is "
          "now, as schema_evolution says.");
  status.error().safe_to_retry = true;
  return status;
}

// The row that the target refuses, found in the staging table. Its position there says nothing about its position in
// the stream.
Status exchange_error(Session& session, const TableInfo& target, const TableInfo& staging, const std::string& stream,
                      const std::string& insert, const std::vector<std::string>& columns, const Status& status) {
  if (!session.is_open() || !is_row_error(status.error())) return status;
  // Positions are ctids: the server's pages hold fewer rows than this.
  constexpr uint64_t kRowsPerPage = 4096;
  const auto ctid = [](uint64_t position) {
    return "'(" + std::to_string(position / kRowsPerPage) + "," + std::to_string(position % kRowsPerPage) +
           ")'::pg_catalog.tid";
  };
  const std::string from = " FROM " + staging.name.sql() + " WHERE ctid OPERATOR(pg_catalog.";
  const auto search = [&]() -> Result<std::optional<FoundRow>> {
    RB_SDK_RETURN_NOT_OK(session.exec("ROLLBACK TO SAVEPOINT rapidbyte_exchange"));
    const std::string oid = std::to_string(staging.oid);
    const Parameter parameters[] = {oid};
    RB_SDK_ASSIGN_OR_RETURN(const auto pages,
                            session.value("SELECT pg_catalog.pg_relation_size($1::pg_catalog.oid) "
                                          "OPERATOR(pg_catalog./) pg_catalog.current_setting('block_size')::bigint",
                                          parameters));
    uint64_t count = 0;
    if (pages) std::from_chars(pages->data(), pages->data() + pages->size(), count);
    return find_refused(session, 0, count * kRowsPerPage, status.error(), [&](uint64_t begin, uint64_t end) {
      return session.exec(insert + from + ">=) " + ctid(begin) + " AND ctid OPERATOR(pg_catalog.<) " + ctid(end));
    });
  };
  const auto found = search();
  const FoundRow* row = found.ok() && *found ? &**found : nullptr;
  std::string at;
  std::string reason = reason_of(*postgres::server_error_of(row != nullptr ? row->error : status.error()));
  if (row != nullptr) {
    std::string list;
    for (const std::string& name : columns) list += (list.empty() ? "" : ", ") + quote_name(name);
    const auto stored =
        read_stored_row(session, "SELECT " + list + from + "=) " + ctid(row->position), columns, row->error);
    if (stored.ok()) {
      at = stored->place();
      reason += " in " + stored->record;
    }
  }
  return sdk::data_error(codes::kRowRefused, "stream \"" + stream + "\"" + at + ": " + reason + ". Table " +
                                                 target.name.text() + " of " + session.options().where() +
                                                 " does not take it; the old rows were left as they were. Correct the "
                                                 "source, or drop what refuses the row for the time of the load.");
}

// The target stays; its rows are exchanged.
Status exchange_rows(Session& session, const TableInfo& target, const TableInfo& staging, const Likeness& like,
                     const std::string& stream, int64_t rows) {
  std::vector<std::string> names;
  std::string columns;
  for (const TableColumn& column : staging.columns) {
    if (column.generated) continue;
    const std::string name = quote_name(column.name);
    const TableColumn* there = target.find(column.name);
    if (there == nullptr) {
      // Whoever dropped or renamed it did not want it back, and without it its values would be lost.
      if (column.number <= like.columns) {
        return target_changed(target, stream, "somebody dropped or renamed column " + name);
      }
      RB_SDK_RETURN_NOT_OK(
          session.exec("ALTER TABLE " + target.name.sql() + " ADD COLUMN " + name + " " + column.type.formatted));
    } else if (there->type.formatted != column.type.formatted || there->generated) {
      // The server would silently round or cut values on the way.
      return target_changed(target, stream,
                            "somebody changed the type of column " + name + " (it was " + column.type.formatted + ")");
    }
    columns += (columns.empty() ? "" : ", ") + name;
    names.push_back(column.name);
  }
  if (target.calls_code) session.expect_code();
  // Partitions are emptied with their parent; children of another kind have rows of their own.
  RB_SDK_RETURN_NOT_OK(
      session.exec(std::string(kRolePath) + "; TRUNCATE " + (target.kind == 'p' ? "" : "ONLY ") + target.name.sql()));
  const std::string list = columns.empty() ? "" : " (" + columns + ") OVERRIDING SYSTEM VALUE";
  const std::string insert = "INSERT INTO " + target.name.sql() + list + " SELECT " + columns;
  const auto inserted =
      session.connection().exec("SAVEPOINT rapidbyte_exchange; " + insert + " FROM " + staging.name.sql());
  if (!inserted.ok()) {
    return exchange_error(session, target, staging, stream, insert, names, inserted.status());
  }
  if (static_cast<uint64_t>(rows) != inserted->affected_rows) {
    return sdk::data_error(codes::kRowDiscarded,
                           "stream \"" + stream + "\": of " + std::to_string(rows) + " rows table " +
                               target.name.text() + " took " + std::to_string(inserted->affected_rows) +
                               ": a trigger or rule drops rows without an error. The old rows were left as "
                               "they were; drop the trigger, or filter in the source.");
  }
  return session.exec(std::string(kSystemPath) + "; DROP TABLE " + staging.name.sql());
}

Status check_count(const TableName& staging, const std::string& stream, const postgres::QueryResult& counted,
                   int64_t rows) {
  const auto staged = first_value(counted);
  if (staged == std::to_string(rows)) return {};
  return sdk::internal_error(codes::kStagingChanged, "stream \"" + stream + "\": the staging table " + staging.text() +
                                                         " has " + staged.value_or("?") + " rows, but " +
                                                         std::to_string(rows) +
                                                         " were loaded into it. The old table was left as it was; run "
                                                         "again.");
}

}  // namespace

Status publish_staging(Session& session, const std::optional<TableInfo>& staging, const std::optional<TableInfo>& seen,
                       const TableName& target, const std::string& stream, int64_t rows) {
  if (!staging) {
    return sdk::internal_error(codes::kStagingLost, "stream \"" + stream + "\": the staging table " +
                                                        staging_name(target).text() + " with " + std::to_string(rows) +
                                                        " rows is gone. The old table was left as it was; run again.");
  }
  const TableName& staged = staging->name;
  const Session::Patience patience(session);
  if (!seen) {
    RB_SDK_RETURN_NOT_OK(queue_count(session, staged));
    RB_SDK_ASSIGN_OR_RETURN(const auto counted, session.connection().run_queued());
    RB_SDK_RETURN_NOT_OK(check_count(staged, stream, counted.back(), rows));
    return become_new_table(session, staged, target);
  }
  Looks looks;
  RB_SDK_ASSIGN_OR_RETURN(looks.answers, lock_out_readers(
                                             session, *seen, stream, [&] { return queue_count(session, staged); },
                                             [&] { return queue_looks(session, target, staged); }));
  RB_SDK_RETURN_NOT_OK(check_count(staged, stream, looks[Looks::kRows], rows));
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> table, table_of(session, target, looks[Looks::kTable]));
  if (!table) return become_new_table(session, staged, target);
  RB_SDK_RETURN_NOT_OK(check_replaceable(session, target, stream, first_value(looks[Looks::kReferring])));
  std::vector<std::string> reasons = reasons_of(looks[Looks::kReasons]);
  const Likeness like = likeness_in(first_value(looks[Looks::kLikeness]));
  const bool has_more_columns = !staging->columns.empty() && staging->columns.back().number > like.columns;
  if (reasons.empty() && has_more_columns) {
    RB_SDK_ASSIGN_OR_RETURN(const bool named, may_name_tables(session, *staging));
    if (named) reasons.emplace_back("values of its new columns may name it");
  }
  if (like.definition != first_value(looks[Looks::kDefinition]).value_or(""))
    reasons.emplace_back("its definition changed during the load");
  if (reasons.empty() && !indexes_match(looks[Looks::kIndexes]))
    reasons.emplace_back("its indexes are not those of the staging table");
  if (reasons.empty()) return swap_tables(session, target, staged, looks);
  std::string why;
  for (const std::string& reason : reasons) why += (why.empty() ? "" : ", ") + reason;
  sdk::host::log_debug("stream \"" + stream + "\": table " + target.text() + " keeps its definition (" + why +
                       "); its rows are exchanged");
  return exchange_rows(session, *table, *staging, like, stream, rows);
}

Result<std::optional<LockedTarget>> lock_direct_target(Session& session, const TableName& target, Oid seen,
                                                       const std::string& stream) {
  const Session::Patience patience(session);
  const std::string name = target.sql();
  const Parameter parameters[] = {name};
  const auto looks = [&]() -> Status {
    postgres::Connection& connection = session.connection();
    RB_SDK_RETURN_NOT_OK(queue_table_look(session, target).status());
    RB_SDK_RETURN_NOT_OK(connection.queue(referring_sql("$1"), parameters, /*cached=*/true).status());
    RB_SDK_RETURN_NOT_OK(connection.queue(kFileSizeQuery, parameters, /*cached=*/true).status());
    return connection.queue(direct_target_sql("$1"), parameters, /*cached=*/true).status();
  };
  TableInfo table;
  table.oid = seen;
  table.name = target;
  // Readers continue. Transactions that have locked single rows (SELECT ... FOR UPDATE) are waited for here, where a
  // wait is short and reported, and not in DELETE.
  const auto answers = lock_table(session, table, "EXCLUSIVE", stream, {}, looks);
  if (!answers.ok()) {
    // undefined_table, and wrong_object_type
    const std::string state = postgres::sqlstate_of(answers.error());
    if (state == "42P01" || state == "42809") return std::optional<LockedTarget>();
    return answers.status();
  }
  // The answer to BEGIN may come before them.
  const std::span<const postgres::QueryResult> seen_now = std::span(*answers).last(4);
  const postgres::QueryResult& size = seen_now[2];
  // In a large table DELETE would leave as many dead rows.
  const bool is_small = !size.rows.empty() && size.rows.front()[1] == "t";
  if (!is_small || !first_value(seen_now[3])) return std::optional<LockedTarget>();
  RB_SDK_RETURN_NOT_OK(check_replaceable(session, target, stream, first_value(seen_now[1])));
  RB_SDK_ASSIGN_OR_RETURN(std::optional<TableInfo> found, table_of(session, target, seen_now[0]));
  if (!found) return std::optional<LockedTarget>();
  return std::optional(LockedTarget{.table = std::move(*found), .is_empty = first_value(size) == "0"});
}

Status publish_nothing(Session& session, const TableInfo& target, const std::string& stream) {
  const Session::Patience patience(session);
  const std::string name = target.name.sql();
  const Parameter parameters[] = {name};
  const auto looks = [&]() -> Status {
    RB_SDK_RETURN_NOT_OK(queue_table_look(session, target.name).status());
    RB_SDK_RETURN_NOT_OK(session.connection().queue(referring_sql("$1"), parameters, /*cached=*/true).status());
    return session.connection().queue(kFileSizeQuery, parameters, /*cached=*/true).status();
  };
  RB_SDK_ASSIGN_OR_RETURN(const auto answers, lock_out_readers(session, target, stream, {}, looks));
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> table, table_of(session, target.name, answers[0]));
  if (!table)
    return sdk::internal_error(codes::kTableLost, "table " + target.name.text() + " is locked, but not there");
  RB_SDK_RETURN_NOT_OK(check_replaceable(session, target.name, stream, first_value(answers[1])));
  // A file without bytes has no rows, not even rows that this user may not see. Partitions have files of their own.
  if (table->kind == 'r' && first_value(answers[2]) == "0") return {};
  if (table->calls_code) session.expect_code();
  return session.exec(std::string(kRolePath) + "; TRUNCATE " + (table->kind == 'p' ? "" : "ONLY ") + name + "; " +
                      std::string(kSystemPath));
}

}  // namespace rapidbyte::dest_postgres
