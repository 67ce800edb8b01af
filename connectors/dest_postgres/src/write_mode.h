#pragma once
// How a stream is written, and where its rows lie meanwhile. Pure functions.

#include "rapidbyte/sdk/context.h"
#include "src/staging.h"
#include "src/table_name.h"

namespace rapidbyte::dest_postgres {

inline sdk::WriteMode mode_of(const sdk::StreamContext& ctx) {
  return ctx.write_mode.value_or(sdk::WriteMode::kAppend);
}

/// Where the rows lie until the load is published. A load may go on with another write_mode than it began with; rows in
/// the staging of a broken-off replace must not count.
inline TableName written_table(const sdk::StreamContext& ctx, const TableName& target) {
  return mode_of(ctx) == sdk::WriteMode::kReplace ? staging_name(target) : target;
}

}  // namespace rapidbyte::dest_postgres
