#pragma once
// Partitions of a full refresh: ranges of a table's blocks, all read under one exported snapshot, so that together they
// hold every row once, whatever other sessions write meanwhile. PostgreSQL 14 and newer read such a range without
// touching the rest of the table.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "catalog.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::source_postgres {

/// What the host passes from plan_partitions() to read().
struct Partition {
  std::string snapshot;
  uint64_t from_block = 0;
  std::optional<uint64_t> to_block;  // nullopt: to the end

  [[nodiscard]] sdk::Json to_json() const;
  /// INVALID_PARTITION (internal).
  static sdk::Result<Partition> from_json(const sdk::Json& json);
  /// The rows of the range; `table`: its name in SQL. `tables`: the only ones whose rows count; empty: all.
  [[nodiscard]] std::string condition(const std::string& table, const std::vector<postgres::Oid>& tables = {}) const;
};

/// OIDs of the table itself and of those of its partitions or child tables that are read with it, over all levels, as
/// of the snapshot of the open transaction. A query reads those of the moment at which it begins, whatever its
/// snapshot, so for a table that is attached between two partitions of a read only the later ones would see their part.
sdk::Result<std::vector<postgres::Oid>> tables_of_snapshot(postgres::Connection& connection, const Relation& relation);

/// Cuts `blocks` into `count` ranges of nearly the same length, the last one open-ended, because children may be
/// longer.
std::vector<Partition> cut_blocks(uint64_t blocks, uint64_t count, const std::string& snapshot);

/// At most `want` partitions of a table, none when reading it in parts is not worthwhile or not possible, as with a
/// condition or a policy that gives each session another answer. Exports a snapshot from the open transaction, which
/// must stay open until all partitions have been read. `where`: the user's condition, may be empty.
sdk::Result<std::vector<Partition>> plan_table_partitions(postgres::Connection& connection, const Relation& relation,
                                                          const std::string& where, uint32_t want);

}  // namespace rapidbyte::source_postgres
