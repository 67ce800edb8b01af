#pragma once
// Finds the row that the server refused when it did not say which: the rows are loaded again after savepoints, half of
// them at a time. Only after a refusal, inside the open transaction, which its owner then rolls back.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "postgres/server_error.h"
#include "src/column_plan.h"
#include "src/session.h"

namespace rapidbyte::dest_postgres {

/// Whether the server refused a row for its content, and would accept others: data exceptions, violated constraints,
/// whatever a trigger raises under any code, row security, rows and index entries that are too large, json that is
/// nested too deeply, a value that its type cannot parse (a regclass that names something that does not exist).
/// Anything that may be a property of the table, the type or the role instead, such as a missing right, never counts,
/// whatever row the server was processing: on_data_error would drop every row.
bool is_row_error(const postgres::ServerError& error);
/// The same for an error of the SDK; false when it is not the server's.
bool is_row_error(const sdk::Error& error);
/// Whether an error that is not a row error by itself may be one: the same SQLSTATE comes from a statement that names
/// something that does not exist and from a value that does (regclass), and outside of a COPY the server does not say
/// which. Only parsing the values alone can tell.
bool may_be_of_a_value(const sdk::Error& error);
/// The server's words: its message, and the detail in parentheses.
std::string reason_of(const postgres::ServerError& error);

/// Runs `work` after a savepoint. The server's error when it refused a row; then none of the work is kept.
Result<std::optional<sdk::Error>> try_rows(Session& session, const std::function<Status()>& work);
/// The same in parts, for work that sends kBeginTry and kEndTry with its own statements: `done` is its overall outcome.
inline constexpr std::string_view kBeginTry = "SAVEPOINT rapidbyte_rows";
inline constexpr std::string_view kEndTry = "RELEASE SAVEPOINT rapidbyte_rows";
Result<std::optional<sdk::Error>> end_try(Session& session, Status done);

struct FoundRow {
  uint64_t position = 0;
  sdk::Error error;
};
/// The first position of [begin, end) that the server refuses, as it did in `error`, when all before it are stored;
/// `load` loads a range. nullopt: the server accepts all of them now, or another error came first.
std::optional<FoundRow> find_refused(Session& session, uint64_t begin, uint64_t end, const sdk::Error& error,
                                     const std::function<Status(uint64_t begin, uint64_t end)>& load);

/// A refused row that is stored in a table of the server.
struct StoredRow {
  std::string column;  // as the error names it; empty: it names none
  std::string value;
  std::string record;  // JSON, cut to a readable length

  /// For a message: ", column "c", value x" where the error names one, and otherwise " in {the record}".
  [[nodiscard]] std::string place() const;
  [[nodiscard]] std::string shown() const { return column.empty() ? " in " + record : std::string(); }
};
/// Reads it with `row`, a SELECT of that one row with these columns.
Result<StoredRow> read_stored_row(Session& session, const std::string& row, const std::vector<std::string>& columns,
                                  const sdk::Error& error);

}  // namespace rapidbyte::dest_postgres
