#pragma once
// Publishing a replace. A load of few rows, into a small table on which nothing hangs that DELETE and COPY would not
// treat as TRUNCATE and INSERT do, was held back (held_load.h) and is written by the transaction that publishes it. All
// others: the staging's rows take the place of the target's in one transaction, so that readers never see
// an empty table. Three ways:
//
// A target that is not there: the staging gets its name. A target that is nothing but columns, checks, keys, indexes
// and grants, and that nobody changed since the staging was made like it: the staging takes its name, and the old one
// is dropped; this costs no second writing of the rows. Any other target (views, foreign keys, triggers, policies,
// publications, identity columns ... hang on it): it stays the table that it is, and its rows are exchanged by TRUNCATE
// and INSERT ... SELECT, so that nothing is lost; readers wait while that runs.

#include <cstdint>
#include <string>

#include "src/session.h"
#include "src/table.h"
#include "src/table_name.h"

namespace rapidbyte::dest_postgres {

/// Puts the staging's rows in the target's place, inside the open transaction; the last steps of it are queued.
/// `staging` and `seen`: the two tables as they are now (nullopt: absent). `rows`: how many there must be.
/// STAGING_LOST, STAGING_CHANGED (internal), TARGET_CHANGED and LOCKED (transient-db), ROW_DISCARDED, ROW_REFUSED
/// (data) when the rows break what only the target has, and the server's errors.
Status publish_staging(Session& session, const std::optional<TableInfo>& staging, const std::optional<TableInfo>& seen,
                       const TableName& target, const std::string& stream, int64_t rows);

/// A target that nobody changes before the open transaction ends; readers go on seeing its old rows.
struct LockedTarget {
  TableInfo table;
  bool is_empty = false;  // surely; false: it may have rows
};
/// Locks a target that direct_target_sql() has found, which was `seen`; nullopt: it is not such a table any more, and
/// the transaction must be rolled back. LOCKED (transient-db), REPLACE_REFERENCED (config).
Result<std::optional<LockedTarget>> lock_direct_target(Session& session, const TableName& target, Oid seen,
                                                       const std::string& stream);

/// The same for a load without rows and without a staging: the target is emptied.
Status publish_nothing(Session& session, const TableInfo& target, const std::string& stream);

}  // namespace rapidbyte::dest_postgres
