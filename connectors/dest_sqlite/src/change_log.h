#pragma once
// ChangeLog: whether anybody else has written the database since our last commit. SQLite counts the transactions that
// change a file in its header; each of our commits records that number, in the same transaction, in the single row of
// the table _rapidbyte_changes. If the number differs later, another program has written. An epoch is a period in which
// nobody but us wrote: a receipt of the current epoch describes rows that are certainly there.

#include <cstdint>
#include <optional>

#include "src/database.h"

namespace rapidbyte::dest_sqlite {

class ChangeLog {
 public:
  explicit ChangeLog(Database& database) : database_(database) {}

  /// The current epoch; nullopt when somebody else has written since our last commit, when we have never written, and
  /// for a database in WAL mode, where SQLite does not maintain the number. Creates nothing.
  Result<std::optional<int64_t>> epoch();

  /// Records the commit that is about to come, inside its transaction, and returns its epoch. `rows_went`: the
  /// transaction itself removed rows, so that earlier receipts no longer prove anything.
  Result<int64_t> note_commit(bool rows_went);

 private:
  struct Entry {
    int64_t change_counter = 0;
    int64_t epoch = 0;
  };
  Result<std::optional<Entry>> read();

  Database& database_;
};

}  // namespace rapidbyte::dest_sqlite
