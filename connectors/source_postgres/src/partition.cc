#include "partition.h"

#include <algorithm>
#include <charconv>

#include "condition.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"

namespace rapidbyte::source_postgres {

namespace {

using sdk::Json;
using sdk::Result;

// Scans of TID ranges exist since 14; before, every partition would read the whole table.
constexpr uint32_t kTidRangeScans = 140'000;
// Connecting, planning and swapping take some ten milliseconds, in which one session reads a few MiB.
constexpr uint64_t kSmallestTable = uint64_t{32} << 20U;
constexpr uint64_t kSmallestPartition = uint64_t{16} << 20U;
// The list of tables is part of the query, and the server copies it for each of them.
constexpr uint64_t kMostTables = 2000;

uint64_t number_of(const std::optional<std::string>& text) {
  uint64_t value = 0;
  if (text) (void)std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

/// "tree": the table and all tables below it that are read with it.
std::string tree_sql(const Relation& relation) {
  const bool alone = relation.kind != 'p' && !relation.with_children;
  return "WITH RECURSIVE tree(oid) AS (SELECT " + std::to_string(relation.oid) + "::pg_catalog.oid" +
         (alone ? "" : " UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits i JOIN tree ON i.inhparent = tree.oid") +
         ") ";
}

// System functions whose value depends on settings that all our sessions share, not on the moment or the session.
constexpr std::string_view kSteady =
    "'array_to_json', 'array_to_string', 'concat', 'concat_ws', 'date', 'date_part', 'date_trunc', 'extract', "
    "'format', "
    "'json_build_array', 'json_build_object', 'jsonb_build_array', 'jsonb_build_object', 'make_timestamptz', "
    "'overlaps', "
    "'plainto_tsquery', 'quote_literal', 'quote_nullable', 'row_to_json', 'text', 'time', 'timestamp', 'timestamptz', "
    "'timetz', 'timezone', 'to_char', 'to_date', 'to_json', 'to_jsonb', 'to_number', 'to_timestamp', 'to_tsquery', "
    "'to_tsvector'";

/// Whether the condition selects the same rows in every session of one snapshot. now() is the moment at which its
/// session's transaction began, and no session can adopt that of another.
Result<bool> is_steady(postgres::Connection& connection, const std::string& where) {
  const ConditionNames names = condition_names(where);
  if (names.may_follow_the_clock) return false;
  if (names.calls.empty()) return true;
  std::string list;
  for (const std::string& name : names.calls) list += (list.empty() ? "" : ", ") + postgres::quote_literal(name);
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult found,
                          query_catalog(connection, "SELECT 1 FROM pg_catalog.pg_proc p WHERE p.proname IN (" + list +
                                                        ") AND p.provolatile <> 'i' AND NOT (p.pronamespace = "
                                                        "'pg_catalog'::pg_catalog.regnamespace AND p.proname IN (" +
                                                        std::string(kSteady) + ")) LIMIT 1"));
  return found.rows.empty();
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
    return sdk::internal_error(codes::kInvalidPartition,
                               "the partition is not one of source-postgres: " + sdk::to_text(json));
  }
  return Partition{*snapshot, *from_block, sdk::uint_member(json, "to_block")};
}

std::string Partition::condition(const std::string& table, const std::vector<postgres::Oid>& tables) const {
  const auto tid = [](uint64_t block) { return "'(" + std::to_string(block) + ",0)'::pg_catalog.tid"; };
  std::string sql = table + ".ctid OPERATOR(pg_catalog.>=) " + tid(from_block);
  if (to_block) sql += " AND " + table + ".ctid OPERATOR(pg_catalog.<) " + tid(*to_block);
  if (tables.empty()) return sql;
  sql += " AND " + table + ".tableoid OPERATOR(pg_catalog.=) ANY ('{";
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
                                                     const std::string& where, uint32_t want) {
  const bool has_blocks = relation.kind == 'r' || relation.kind == 'p' || relation.kind == 'm';
  if (want < 2 || !has_blocks || connection.server_version() < kTidRangeScans) return std::vector<Partition>();
  // Its policies may do anything.
  if (relation.filtered) return std::vector<Partition>();
  // Reading ctid requires the right on the whole table, not that on columns. With children a range is the same blocks
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
  if (!where.empty()) {
    RB_SDK_ASSIGN_OR_RETURN(const bool steady, is_steady(connection, where));
    if (!steady) {
      sdk::host::log_info("table " + relation.name.spelling("") +
                          " is read by one session: `where` may follow the clock or the session (now()), and parts of "
                          "the table would be read by different ones");
      return std::vector<Partition>();
    }
  }
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult snapshot,
                          query_catalog(connection, "SELECT pg_catalog.pg_export_snapshot()"));
  if (snapshot.rows.empty() || !snapshot.rows[0][0]) return std::vector<Partition>();
  return cut_blocks(blocks, count, *snapshot.rows[0][0]);
}

}  // namespace rapidbyte::source_postgres
