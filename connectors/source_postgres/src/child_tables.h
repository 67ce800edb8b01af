#pragma once
// Tables that INHERIT from others, and partitions: a row belongs to its own table and to all above it. So that it is
// not loaded twice, a parent is read without its children's rows where the pipeline names no streams, because each
// child is a stream, too; and of named streams only one may have it, unless the user wants otherwise.

#include <span>

#include "catalog.h"
#include "options.h"
#include "rapidbyte/sdk/error.h"
#include "table_query.h"

namespace rapidbyte::source_postgres {

/// Restricts `relation` and `query` to the rows that the stream asks for. CHILD_TABLES (config).
sdk::Status choose_child_rows(const StreamOptions& options, Relation& relation, TableQuery& query);

/// CHILD_TABLES (config) when a stream's rows are part of another one's, and the user has not said that this is
/// intended. `relations`: of `streams`, in their order.
sdk::Status check_child_streams(Session& session, std::span<const StreamOptions> streams,
                                std::span<const Relation> relations);

}  // namespace rapidbyte::source_postgres
