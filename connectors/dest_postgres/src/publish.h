#pragma once
// Publishing a replace: the staging's rows take the place of the target's in one transaction, so that readers never see
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

/// The same for a load without rows and without a staging: the target is emptied.
Status publish_nothing(Session& session, const TableInfo& target, const std::string& stream);

}  // namespace rapidbyte::dest_postgres
