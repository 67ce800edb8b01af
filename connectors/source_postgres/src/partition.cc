#include "partition.h"

#include <algorithm>
#include <charconv>

namespace rapidbyte::source_postgres {

namespace {

using sdk::Json;
using sdk::Result;

// Scans of TID ranges came with 14; before, every partition would read the whole table.
constexpr uint32_t kTidRangeScans = 140'000;
// Connecting, planning and swapping cost some ten milliseconds, in which one session reads a few MiB.
constexpr uint64_t kSmallestTable = uint64_t{32} << 20U;
constexpr uint64_t kSmallestPartition = uint64_t{16} << 20U;
// The list of tables stands in the query, and the server copies it for each of them.
constexpr uint64_t kMostTables = 2000;

uint64_t number_of(const std::optional<std::string>& text) {
  uint64_t value = 0;
  if (text) (void)std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

/// "tree": the table and all below it.
std::string tree_sql(const Relation& relation) {
  return "WITH RECURSIVE tree(oid) AS (SELECT " + std::to_string(relation.oid) +
         "::pg_catalog.oid UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid) ";
}

}  // namespace

Json Partition::to_json() const {
  Json json = {{"snapshot", snapshot}, {"from_block", from_block}};
  json["to_block"] = to_block ? Json(*to_block) : Json();
  return json;
}

Result<Partition> Partition::from_json(const Json& json) {
  const auto snapshot = sdk::string_member(json, "snapshot");
  const auto from_block = sdk::uint_member(json, "from_block");
  if (!snapshot || !from_block) {
    return sdk::internal_error("INVALID_PARTITION",
                               "the partition is not one of source-postgres: " + sdk::to_text(json));
  }
  return Partition{*snapshot, *from_block, sdk::uint_member(json, "to_block")};
}

std::string Partition::condition(const std::string& table, const std::vector<postgres::Oid>& tables) const {
  std::string sql = table + ".ctid >= '(" + std::to_string(from_block) + ",0)'::pg_catalog.tid";
  if (to_block) sql += " AND " + table + ".ctid < '(" + std::to_string(*to_block) + ",0)'::pg_catalog.tid";
  if (tables.empty()) return sql;
  sql += " AND " + table + ".tableoid = ANY ('{";
  for (size_t i = 0; i < tables.size(); ++i) sql += (i == 0 ? "" : ",") + std::to_string(tables[i]);
  return sql + "}'::pg_catalog.oid[])";
}

Result<std::vector<postgres::Oid>> tables_of_snapshot(postgres::Connection& connection, const Relation& relation) {
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult found,
                          query_catalog(connection, tree_sql(relation) + "SELECT oid FROM tree ORDER BY oid"));
  std::vector<postgres::Oid> out;
  out.reserve(found.rows.size());
  for (const postgres::Row& row : found.rows) out.push_back(static_cast<postgres::Oid>(number_of(row[0])));
  return out;
}

std::vector<Partition> cut_blocks(uint64_t blocks, uint64_t count, const std::string& snapshot) {
  std::vector<Partition> out;
  for (uint64_t i = 0; i < count; ++i) {
    Partition part{snapshot, blocks * i / count, std::nullopt};
    if (i + 1 < count) part.to_block = blocks * (i + 1) / count;
    out.push_back(std::move(part));
  }
  return out;
}

Result<std::vector<Partition>> plan_table_partitions(postgres::Connection& connection, const Relation& relation,
                                                     uint32_t want) {
  const bool has_blocks = relation.kind == 'r' || relation.kind == 'p' || relation.kind == 'm';
  if (want < 2 || !has_blocks || connection.server_version() < kTidRangeScans) return std::vector<Partition>();
  // ctid is read with the right on the whole table, not with that on columns. With children a range is the same blocks
  // of each of them. Foreign tables and storage other than the heap have no blocks.
  RB_SDK_ASSIGN_OR_RETURN(
      const postgres::QueryResult size,
      query_catalog(connection,
                    tree_sql(relation) +
                        "SELECT coalesce(pg_catalog.max(pg_catalog.pg_relation_size(c.oid) / "
                        "pg_catalog.current_setting('block_size')::pg_catalog.int4), 0), "
                        "coalesce(pg_catalog.sum(pg_catalog.pg_relation_size(c.oid)), 0), "
                        "pg_catalog.has_table_privilege(" +
                        std::to_string(relation.oid) +
                        ", 'SELECT') AND pg_catalog.bool_and(c.relkind = 'p' OR (c.relkind IN ('r', 'm') AND am.amname "
                        "= 'heap')), pg_catalog.count(*) "
                        "FROM tree JOIN pg_catalog.pg_class c ON c.oid = tree.oid "
                        "LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam"));
  if (size.rows.empty() || size.rows[0][2] != "t") return std::vector<Partition>();
  const uint64_t blocks = number_of(size.rows[0][0]);
  const uint64_t bytes = number_of(size.rows[0][1]);
  if (bytes < kSmallestTable || number_of(size.rows[0][3]) > kMostTables) return std::vector<Partition>();
  const uint64_t count = std::min<uint64_t>({want, bytes / kSmallestPartition, blocks});
  if (count < 2) return std::vector<Partition>();
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult snapshot,
                          query_catalog(connection, "SELECT pg_catalog.pg_export_snapshot()"));
  if (snapshot.rows.empty() || !snapshot.rows[0][0]) return std::vector<Partition>();
  return cut_blocks(blocks, count, *snapshot.rows[0][0]);
}

}  // namespace rapidbyte::source_postgres
