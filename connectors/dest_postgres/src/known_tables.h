#pragma once
// KnownTables: which tables a schema has. For streams without rows, of which there may be thousands, each of which
// needs no more than that its table is there. One thread.

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_set>

#include "src/session.h"
#include "src/table_name.h"

namespace rapidbyte::dest_postgres {

class KnownTables {
 public:
  /// Whether there was a table of that name, partitioned or not, within the last ten seconds. False: there was none, or
  /// it is not known.
  Result<bool> has(Session& session, const TableName& table);

 private:
  struct Schema {
    size_t asked = 0;
    std::chrono::steady_clock::time_point seen;
    uint64_t generation = 0;  // of the session; 0: it was not looked at
    std::unordered_set<std::string> tables;
  };
  // What is asked of so few tables is asked one by one: the schema may be large.
  static constexpr size_t kFew = 4;
  static constexpr std::chrono::seconds kLongest{10};

  std::map<std::string, Schema> schemas_;
};

}  // namespace rapidbyte::dest_postgres
