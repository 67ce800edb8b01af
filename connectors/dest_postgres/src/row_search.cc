#include "src/row_search.h"

#include <algorithm>

#include "rapidbyte/sdk/host.h"
#include "rapidbyte/table/sql_name.h"

namespace rapidbyte::dest_postgres {
namespace {

using postgres::ServerError;
using table::quote_name;

// How much of a value and of a record a message shows.
constexpr std::string_view kShownValue = "200";
constexpr std::string_view kShownRecord = "500";

bool is_one_of(std::string_view sqlstate, std::initializer_list<std::string_view> classes) {
  return std::any_of(classes.begin(), classes.end(), [&](std::string_view c) { return sqlstate.starts_with(c); });
}

// The error means that this is not the time for the load, or that the server is in trouble.
bool is_of_the_moment(std::string_view sqlstate) {
  return is_one_of(sqlstate, {"08", "25", "40", "53", "55", "57", "58", "XX"});
}

// Rows of a table that references itself may depend on later ones, which a part of them lacks.
bool needs_later_rows(const ServerError& error) {
  return error.sqlstate == "23503" && error.detail.find('"' + error.table + '"') != std::string::npos;
}

// Whether the text of a value can be the cause, beyond what is_row_error() recognises by the code alone: errors that a
// type's input function raises about names of objects (regclass and similar) and about the syntax of a text (ltree).
// Under every other code, and in the routines excluded here, a type or a domain's CHECK may fail for all rows alike: a
// function that the role may not execute (42501), or a setting or comparison that does not exist. If such errors
// counted as rows to skip, a whole load would be dropped.
bool may_be_of_a_value(const ServerError& error) {
  const std::string_view sqlstate = error.sqlstate;
  const std::string_view routine = error.routine;
  if (is_one_of(sqlstate, {"3F000", "42601", "42602", "42P01"})) return true;
  if (sqlstate == "42704") return routine != "find_option";  // current_setting()
  if (sqlstate == "42883" || sqlstate == "42725") return routine.starts_with("reg");
  // Names of three parts. Under the same code a type reports that it has no input at all.
  return sqlstate == "0A000" && (routine.starts_with("RangeVarGetRelid") || routine == "DeconstructQualifiedName");
}

// Has a code that rows have, but applies to every row.
bool is_of_the_table(const ServerError& error) {
  const std::string_view sqlstate = error.sqlstate;
  if (sqlstate == "22P04") return true;  // malformed COPY data would be our own mistake
  // RAISE can use any code, and whatever raises it has seen the row.
  if (error.routine == "exec_stmt_raise") return false;
  // An exhausted sequence; an error in PL/pgSQL itself.
  if (sqlstate == "2200H" || sqlstate == "P0000") return true;
  // The stack is full: because of a value that is nested too deeply, or a trigger that calls itself, which has many
  // lines.
  if (sqlstate == "54001") return !error.where.starts_with("COPY ") && error.where.find('\n') != std::string::npos;
  // The server is out of transaction numbers, which has the same code as program limits.
  return sqlstate == "54000" && error.routine.starts_with("GetNew");
}

}  // namespace

bool is_row_error(const ServerError& error) {
  const std::string_view sqlstate = error.sqlstate;
  if (is_of_the_table(error)) return false;
  if (error.value_refused || is_one_of(sqlstate, {"22", "23", "38000", "54000", "54001", "P0"})) return true;
  // A type may refuse a value under other codes: regclass uses that of a missing table.
  if (!error.copied_value().empty() && may_be_of_a_value(error)) return true;
  // Where the server checks the policies of row security, whose SQLSTATE is that of a missing right.
  if (error.routine == "ExecWithCheckOptions") return true;
  // RAISE, under whatever code the trigger chooses.
  return error.routine == "exec_stmt_raise" && !is_of_the_moment(sqlstate);
}

bool is_row_error(const sdk::Error& error) {
  const auto server = postgres::server_error_of(error);
  return server && is_row_error(*server);
}

bool may_be_of_a_value(const sdk::Error& error) {
  const auto server = postgres::server_error_of(error);
  return server && !is_row_error(*server) && may_be_of_a_value(*server);
}

std::string reason_of(const ServerError& error) {
  return error.detail.empty() ? error.message : error.message + " (" + error.detail + ")";
}

Result<std::optional<sdk::Error>> try_rows(Session& session, const std::function<Status()>& work) {
  RB_SDK_RETURN_NOT_OK(session.exec(std::string(kBeginTry)));
  Status done = work();
  if (done.ok()) RB_SDK_RETURN_NOT_OK(session.exec(std::string(kEndTry)));
  return end_try(session, std::move(done));
}

Result<std::optional<sdk::Error>> end_try(Session& session, Status done) {
  if (done.ok()) return std::optional<sdk::Error>();
  if (!session.is_open() || !is_row_error(done.error())) return done;
  RB_SDK_RETURN_NOT_OK(session.exec("ROLLBACK TO SAVEPOINT rapidbyte_rows; " + std::string(kEndTry)));
  return std::optional(std::move(done.error()));
}

std::optional<FoundRow> find_refused(Session& session, uint64_t begin, uint64_t end, const sdk::Error& error,
                                     const std::function<Status(uint64_t begin, uint64_t end)>& load) {
  const auto wanted = postgres::server_error_of(error);
  if (!wanted || needs_later_rows(*wanted)) return std::nullopt;
  while (begin < end && !sdk::host::is_cancelled()) {
    const uint64_t stop = begin + std::max<uint64_t>(1, (end - begin) / 2);
    const auto refused = try_rows(session, [&] { return load(begin, stop); });
    if (!refused.ok()) return std::nullopt;
    if (!*refused) {
      begin = stop;
    } else if (stop - begin > 1) {
      end = stop;
    } else {
      const auto server = postgres::server_error_of(**refused);
      const bool same = server->sqlstate == wanted->sqlstate && server->constraint == wanted->constraint;
      if (!same && !server->value_refused) return std::nullopt;
      return FoundRow{.position = begin, .error = **refused};
    }
  }
  return std::nullopt;
}

std::string StoredRow::place() const {
  return column.empty() ? std::string() : ", column " + quote_name(column) + ", value " + value;
}

Result<StoredRow> read_stored_row(Session& session, const std::string& row, const std::vector<std::string>& columns,
                                  const sdk::Error& error) {
  const auto server = postgres::server_error_of(error);
  StoredRow out;
  // It may be a column of another table, written by a trigger.
  if (server && std::find(columns.begin(), columns.end(), server->column) != columns.end()) out.column = server->column;
  const std::string value =
      out.column.empty() ? "NULL" : "pg_catalog.to_json(r." + quote_name(out.column) + ")::pg_catalog.text";
  RB_SDK_ASSIGN_OR_RETURN(
      const postgres::QueryResult found,
      session.connection().query("SELECT pg_catalog.left(pg_catalog.row_to_json(r)::pg_catalog.text, " +
                                 std::string(kShownRecord) + "), pg_catalog.left(" + value + ", " +
                                 std::string(kShownValue) + ") FROM (" + row + ") r"));
  if (found.rows.empty()) return out;
  out.record = found.rows.front()[0].value_or("");
  out.value = found.rows.front()[1].value_or("NULL");
  return out;
}

}  // namespace rapidbyte::dest_postgres
