#include "src/change_log.h"

namespace rapidbyte::dest_sqlite {

Result<std::optional<ChangeLog::Entry>> ChangeLog::read() {
  RB_SDK_ASSIGN_OR_RETURN(Statement exists, database_.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND "
                                                              "name = '_rapidbyte_changes'"));
  RB_SDK_ASSIGN_OR_RETURN(const bool found, exists.step());
  if (!found) return std::optional<Entry>();
  RB_SDK_ASSIGN_OR_RETURN(Statement statement,
                          database_.prepare("SELECT change_counter, epoch FROM _rapidbyte_changes WHERE id = 1"));
  RB_SDK_ASSIGN_OR_RETURN(const bool row, statement.step());
  if (!row) return std::optional<Entry>();
  return std::optional<Entry>(Entry{statement.integer(0), statement.integer(1)});
}

Result<std::optional<int64_t>> ChangeLog::epoch() {
  if (database_.is_wal()) return std::optional<int64_t>();
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<Entry> entry, read());
  if (!entry || entry->change_counter != database_.change_counter()) return std::optional<int64_t>();
  return std::optional<int64_t>(entry->epoch);
}

Result<int64_t> ChangeLog::note_commit(bool rows_went) {
  RB_SDK_RETURN_NOT_OK(
      database_.exec("CREATE TABLE IF NOT EXISTS _rapidbyte_changes (\n  id INTEGER PRIMARY KEY CHECK (id = 1),\n"
                     "  change_counter INTEGER NOT NULL,\n  epoch INTEGER NOT NULL\n)"));
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<Entry> entry, read());
  const int64_t before = database_.change_counter_at_begin();
  int64_t epoch = entry ? entry->epoch : 1;
  if (rows_went || (entry && entry->change_counter != before)) ++epoch;
  RB_SDK_ASSIGN_OR_RETURN(Statement statement,
                          database_.prepare("INSERT OR REPLACE INTO _rapidbyte_changes (id, change_counter, epoch) "
                                            "VALUES (1, ?, ?)"));
  // SQLite increments the number when the transaction commits; four bytes, which wrap around.
  statement.bind(1, (before + 1) & 0xffffffff);
  statement.bind(2, epoch);
  const auto done = statement.step();
  if (!done.ok()) return database_.error("recording the commit");
  return epoch;
}

}  // namespace rapidbyte::dest_sqlite
