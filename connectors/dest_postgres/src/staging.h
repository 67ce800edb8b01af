#pragma once
// Staging for write mode replace: rows go into a separate table beside the target, durable and logged, which publish.h
// puts in the target's place when the load has succeeded. Until then readers see the old rows, and a failed run leaves
// them unchanged.

#include <string>

#include "rapidbyte/sdk/context.h"
#include "src/session.h"
#include "src/table.h"

namespace rapidbyte::dest_postgres {

/// Name of the staging table of a target, in the target's schema.
TableName staging_name(const TableName& target);

/// Gives a table that was created as a staging table the rights that its owner's new tables get (ALTER DEFAULT
/// PRIVILEGES).
Status grant_as_new(Session& session, const TableName& table);

/// Whether the staging table exists. STAGING_FOREIGN (config): something with that name exists that this user did not
/// create: it must not be read, written, dropped or put in the target's place.
Result<bool> has_staging(Session& session, const TableName& target, const std::string& stream);
/// The same in two steps: queues the look, and reads its answer.
Result<size_t> queue_staging_look(Session& session, const TableName& target);
Result<bool> is_staged(const Session& session, const TableName& target, const std::string& stream,
                       const postgres::QueryResult& found);

/// Drops the staging table if it exists, and with it the target that make_staging() created, as long as it is still as
/// empty and bare as it was. Inside a transaction. Anything that is not ours is left alone.
Status drop_staging(Session& session, const TableName& target);

/// SQL of another table with a foreign key that points to `table` (SQL of a text, the table as SQL); no row when there
/// is none.
std::string referring_sql(const std::string& table);
/// SQL of the OID of `table` (as above) if rows can be exchanged in it by DELETE and COPY alone: a plain heap of at
/// most 1 MiB without triggers, rules and row security, to which no foreign key points (not even its own: DELETE would
/// look for each row), in a database that publishes nothing (DELETE may then need a replica identity), and from which
/// this user may delete. Otherwise no row.
std::string direct_target_sql(const std::string& table);
/// SQL of a query that returns a row when the table, named as above, is one of those, has no rows, and no table or view
/// has the staging table's name, whose schema and name are SQL of type text.
std::string empty_target_sql(const std::string& table, const std::string& staging_schema, const std::string& staging);
/// REPLACE_REFERENCED (config) when there is one: the target's rows cannot be removed.
Status check_replaceable(const Session& session, const TableName& target, const std::string& stream,
                         const std::optional<std::string>& referring);

/// Creates the staging table when it is absent: like the target, or from `schema` when there is none. In the latter
/// case the target is created as well, without rows, if values of its columns may name it (regclass): they are parsed
/// while the load runs, and the table that they name must exist. Inside the open transaction. Returns the staging table
/// as it is now.
Result<std::optional<TableInfo>> make_staging(Session& session, const TableName& target, const sdk::StreamContext& ctx,
                                              const sdk::Schema& schema);

/// What the target was like when the staging table was created from it. Kept in the staging table's comment, because
/// another instance may publish the load.
struct Likeness {
  int columns = 0;  // how many the target had; columns of the staging table with higher numbers came with the load
  std::string definition;  // definition_number() of the target; empty: there was none
  bool made_target = false;  // there was none, and it was created together with the staging table
};
/// From the staging table's comment.
Likeness likeness_in(const std::optional<std::string>& comment);
/// Queues a look at a table's comment, which is the first_value() of the answer.
Result<size_t> queue_comment_look(Session& session, const TableName& table);

}  // namespace rapidbyte::dest_postgres
