#pragma once
// Staging for write mode replace: rows go into a table of their own beside the target, durable and logged, and take the
// target's place in one transaction when the load has succeeded. Until then readers see the old rows, and a failed run
// leaves them as they were.
//
// Three ways to publish. A target that is not there: the staging gets its name. A target that is nothing but columns,
// checks, keys, indexes and grants: the staging was made like it and takes its name, and the old one is dropped; this
// costs no second writing of the rows. Any other target (views, foreign keys, triggers, policies, publications,
// identity columns
// ... hang on it): it stays the table that it is, and its rows are exchanged by TRUNCATE and INSERT ... SELECT
// in one transaction, so that nothing is lost; readers wait while that runs.

#include <string>
#include <vector>

#include "rapidbyte/sdk/context.h"
#include "src/session.h"
#include "src/table.h"

namespace rapidbyte::dest_postgres {

/// Name of the staging table of a target, in the target's schema.
TableName staging_name(const TableName& target);

/// Drops the staging table if it is there.
Status drop_staging(Session& session, const TableName& target);

/// REPLACE_REFERENCED (config) when foreign keys of other tables point to the target: its rows cannot go.
Status check_replaceable(Session& session, const TableName& target, const std::string& stream);

/// Makes the staging table when it is absent: like the target, or from `schema` when there is none. Inside the open
/// transaction.
Status make_staging(Session& session, const TableName& target, const sdk::StreamContext& ctx,
                    const sdk::Schema& schema);

/// Puts the staging's rows in the target's place, inside the open transaction. `rows`: how many there must be.
/// STAGING_LOST, STAGING_CHANGED (internal), ROW_DISCARDED (data), and the server's errors when the rows break a
/// constraint that only the target has.
Status publish_staging(Session& session, const TableName& target, const std::string& stream, int64_t rows);

/// Why the target must stay the table that it is; empty: a table made like it can take its place.
Result<std::vector<std::string>> reasons_to_keep(Session& session, const TableInfo& target);

}  // namespace rapidbyte::dest_postgres
