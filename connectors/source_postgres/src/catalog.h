#pragma once
// What the server's catalog says about tables: their columns with types, keys, and what the role may read. One query
// for any number of tables, so that a database with thousands of them is discovered at once. The queries see no schema
// but the system's, so that nobody's function or operator can replace one of the system's; and types of other schemas
// are named with theirs.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "column_type.h"
#include "postgres/connection.h"
#include "rapidbyte/sdk/error.h"
#include "session.h"
#include "table_name.h"

namespace rapidbyte::source_postgres {

struct Relation {
  TableName name;
  postgres::Oid oid = 0;
  char kind = 'r';  // pg_class.relkind: r table, p partitioned, v view, m materialized view, f foreign table
  /// A plain table with INHERITS children.
  bool has_children = false;
  /// Their rows are read with it: see take_child_rows().
  bool with_children = false;
  /// Row-level security hides rows from this role.
  bool filtered = false;
  /// A plain table whose file had no byte when begin_read() looked, with the lock held: it has no rows, not even ones
  /// that are not committed yet. Rows of children do not count. Not known of a look for a cursor.
  bool has_no_rows = false;
  /// The role may read at least one column.
  bool readable = true;
  std::vector<CatalogColumn> columns;
  /// Column names of every unique index that holds for all rows at any time (not partial, not on expressions, not
  /// deferred). Only for tables that were asked for by name.
  std::vector<std::vector<std::string>> unique_keys;

  /// The rows of children are read, too. The table's keys do not hold for them, so it counts as a table without keys,
  /// and a column of theirs may be null where its own is not.
  void take_child_rows();
  /// Names of the primary key's columns, in its order.
  [[nodiscard]] std::vector<std::string> primary_key() const;
  [[nodiscard]] const CatalogColumn* find_column(std::string_view name) const;
};

/// All tables, partitioned tables, views, materialized views and foreign tables that users created, without the
/// partitions of partitioned tables and without what belongs to extensions; by schema and name.
sdk::Result<std::vector<Relation>> load_all_relations(Session& session);
/// Those named, in that order, partitions too. TABLE_MISSING (schema) for the first that does not exist. The look at a
/// single table is prepared: begin_read() with the same session and table then costs the server a third.
sdk::Result<std::vector<Relation>> load_relations(Session& session, std::span<const TableName> names);

/// Begins the transaction in which one table is read, locks the table, and only then looks at it: what commits before
/// the lock (TRUNCATE, an ALTER TABLE that rewrites) is seen as a whole, and nothing of the kind can commit after it.
/// `snapshot`: one that another session has exported after it took the lock; otherwise every statement has its own.
/// `for_cursor`: the read uses a cursor. Otherwise what only cursors need may be missing: unique_keys and, of a column,
/// is_deterministic, sql_type, its operators and its collation; has_no_rows may be known instead. Looking those up is
/// half of the look's cost.
sdk::Result<Relation> begin_read(Session& session, const TableName& name,
                                 const std::optional<std::string>& snapshot = std::nullopt, bool for_cursor = false);
/// Sets CatalogColumn::fields of the columns that are composite or contain composites, as far as the role may read
/// them: tables that it may not read cost it nothing. Only users' types, and no enums, are asked about.
sdk::Status describe_composites(postgres::Connection& connection, std::span<Relation> relations);
/// One of our own queries, on the catalog alone. Within a transaction search_path stays the system's schema until its
/// end.
sdk::Result<postgres::QueryResult> query_catalog(postgres::Connection& connection, std::string_view sql);

/// The columns that the user asked for, as they are read. UNKNOWN_COLUMN (config) names one that the table lacks.
sdk::Result<std::vector<ColumnPlan>> plan_columns(const Relation& relation, std::span<const std::string> select,
                                                  std::span<const std::string> text_columns);

/// Names of the columns that the role may read; empty when that is all of them.
std::vector<std::string> select_readable(const Relation& relation);

/// UNKNOWN_COLUMN (config): `what` names the option, the message the nearest columns.
sdk::Status unknown_column(const Relation& relation, std::string_view what, std::string_view column);

}  // namespace rapidbyte::source_postgres
