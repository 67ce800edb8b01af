#pragma once
// Publishing a replace. A load of few rows, into a small table without anything that DELETE and COPY would treat
// differently from TRUNCATE and INSERT, was held back (held_load.h) and is written by the transaction that publishes
// it. For all others, the rows of the staging table replace those of the target in one transaction, so that readers
// never see an empty table. Three ways:
//
// A target that does not exist: the staging table gets its name. A target that has only columns, checks, keys, indexes
// and grants, and that nobody has changed since the staging table was created like it: the staging table takes its
// name, and the old one is dropped; this avoids writing the rows twice. Any other target (with views, foreign keys,
// triggers, policies, publications, identity columns ...): the table stays, and its rows are exchanged by TRUNCATE and
// INSERT ... SELECT, so that nothing is lost; readers wait while that runs.

#include <cstdint>
#include <string>

#include "src/session.h"
#include "src/table.h"
#include "src/table_name.h"

namespace rapidbyte::dest_postgres {

/// Replaces the target's rows with those of the staging table, inside the open transaction; the last steps are queued.
/// `staging` and `seen`: the two tables as they are now (nullopt: absent). `rows`: how many there must be.
/// STAGING_LOST, STAGING_CHANGED (internal), TARGET_CHANGED and LOCKED (transient-db), ROW_DISCARDED, ROW_REFUSED
/// (data) when the rows violate something that only the target has, and the server's errors.
Status publish_staging(Session& session, const std::optional<TableInfo>& staging, const std::optional<TableInfo>& seen,
                       const TableName& target, const std::string& stream, int64_t rows);

/// A target that nobody changes before the open transaction ends; readers keep seeing its old rows.
struct LockedTarget {
  TableInfo table;
  bool is_empty = false;  // certainly; false: it may have rows
};
/// Locks a target that direct_target_sql() has found, which was `seen`; nullopt: it is no longer such a table, and the
/// transaction must be rolled back. LOCKED (transient-db), REPLACE_REFERENCED (config).
Result<std::optional<LockedTarget>> lock_direct_target(Session& session, const TableName& target, Oid seen,
                                                       const std::string& stream);

/// The same for a load without rows and without a staging table: the target is emptied.
Status publish_nothing(Session& session, const TableInfo& target, const std::string& stream);

}  // namespace rapidbyte::dest_postgres
