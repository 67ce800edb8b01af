#pragma once
// Staging for write mode replace: rows go into a separate table, which takes the target's place in one transaction when
// the load has succeeded. Until then readers see the old table, and a failed run leaves it unchanged.

#include <string>

#include "rapidbyte/sdk/context.h"
#include "src/database.h"
#include "src/table.h"

namespace rapidbyte::dest_sqlite {

/// Name of the staging table of a target.
std::string staging_name(std::string_view target);

/// Drops the staging table if it exists.
Status drop_staging(Database& database, std::string_view target);

/// Creates the staging table when it is absent. If the target's definition holds more than columns and a key
/// (constraints, defaults, generated columns ...), the staging table uses that definition, so that nothing of it is
/// lost; otherwise it is made from `schema` with the target's key, where the schema still has those columns. NEW_COLUMN
/// or REMOVED_COLUMN (schema) when the target exists and schema_evolution says fail.
Status make_staging(Database& database, std::string_view target, const sdk::StreamContext& ctx,
                    const sdk::Schema& schema);

/// Puts the staging table in the target's place, inside the open transaction: drops the old table, renames, and
/// recreates its indexes and triggers. INDEX_LOST (data) when a unique index does not fit the new rows; an index over a
/// column that is gone is named in the log.
Status swap_in_staging(Database& database, std::string_view target, const std::string& stream);

}  // namespace rapidbyte::dest_sqlite
