#pragma once
// Where a stream's rows are stored. Pure functions.

#include "rapidbyte/table/life_cycle.h"
#include "src/staging.h"
#include "src/table_name.h"

namespace rapidbyte::dest_postgres {

using table::mode_of;

inline TableName table_at(const TableName& target, table::Place place) {
  return place == table::Place::kStaging ? staging_name(target) : target;
}
/// Where the rows are until the load is published.
inline TableName written_table(const sdk::StreamContext& ctx, const TableName& target) {
  return table_at(target, table::written_place(ctx));
}

}  // namespace rapidbyte::dest_postgres
