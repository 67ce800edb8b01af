#pragma once
// Finding the row that the server refused when it did not say which: the rows are loaded again behind savepoints, half
// of them at a time. Only after a refusal, inside the open transaction, which its owner then rolls back.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "postgres/server_error.h"
#include "src/column_plan.h"
#include "src/session.h"

namespace rapidbyte::dest_postgres {

/// Whether the server refused a row for what is in it, and would take others: data exceptions, broken constraints, what
/// a trigger raises under any code, row security, rows and index entries that are too large, json that is nested too
/// deeply, a value whose type does not read it (a regclass that names what is not there). What may be a property of the
/// table, the type or the role instead, such as a missing right, never counts, whatever it was that the server had
/// before it when it said so: on_data_error would drop every row.
bool is_row_error(const postgres::ServerError& error);
/// The same of an error of the SDK; false when it is not the server's.
bool is_row_error(const sdk::Error& error);
/// Whether an error that is not of a row by itself may be: the same SQLSTATE comes from a statement that names what is
/// not there and from a value that does (regclass), and outside of a COPY the server does not say which. Then only
/// reading the values alone tells.
bool may_be_of_a_value(const sdk::Error& error);
/// The server's words: its message, and the detail in parentheses.
std::string reason_of(const postgres::ServerError& error);

/// Does `work` behind a savepoint. The server's error when it refused a row; then nothing of the work is in.
Result<std::optional<sdk::Error>> try_rows(Session& session, const std::function<Status()>& work);
/// The same in parts, for work that sends kBeginTry and kEndTry with its own statements: `done` is how all of it ended.
inline constexpr std::string_view kBeginTry = "SAVEPOINT rapidbyte_rows";
inline constexpr std::string_view kEndTry = "RELEASE SAVEPOINT rapidbyte_rows";
Result<std::optional<sdk::Error>> end_try(Session& session, Status done);

struct FoundRow {
  uint64_t position = 0;
  sdk::Error error;
};
/// The first position of [begin, end) that the server refuses, as it did in `error`, when all before it are in; `load`
/// loads a range. nullopt: it takes all of them now, or something else came between.
std::optional<FoundRow> find_refused(Session& session, uint64_t begin, uint64_t end, const sdk::Error& error,
                                     const std::function<Status(uint64_t begin, uint64_t end)>& load);

/// A refused row that lies in a table of the server.
struct StoredRow {
  std::string column;  // as the error names it; empty: it names none
  std::string value;
  std::string record;  // JSON, cut to a readable length

  /// For a message: ", column "c", value x" where the error names one, and otherwise " in {the record}".
  [[nodiscard]] std::string place() const;
  [[nodiscard]] std::string shown() const { return column.empty() ? " in " + record : std::string(); }
};
/// Reads it by `row`, a SELECT of that one row with these columns.
Result<StoredRow> read_stored_row(Session& session, const std::string& row, const std::vector<std::string>& columns,
                                  const sdk::Error& error);

}  // namespace rapidbyte::dest_postgres
