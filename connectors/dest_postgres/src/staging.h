#pragma once
// Staging for write mode replace: rows go into a table of their own beside the target, durable and logged, which
// publish.h puts in the target's place when the load has succeeded. Until then readers see the old rows, and a failed
// run leaves them as they were.

#include <string>

#include "rapidbyte/sdk/context.h"
#include "src/session.h"
#include "src/table.h"

namespace rapidbyte::dest_postgres {

/// Name of the staging table of a target, in the target's schema.
TableName staging_name(const TableName& target);

/// Gives a table that was made as a staging the rights that its owner's new tables get (ALTER DEFAULT PRIVILEGES).
Status grant_as_new(Session& session, const TableName& table);

/// Whether the staging table is there. STAGING_FOREIGN (config): something of that name is, which this user did not
/// make: nothing of it may be read, written, dropped or put in the target's place.
Result<bool> has_staging(Session& session, const TableName& target, const std::string& stream);
/// The same in two steps: queues the look, and reads its answer.
Result<size_t> queue_staging_look(Session& session, const TableName& target);
Result<bool> is_staged(const Session& session, const TableName& target, const std::string& stream,
                       const postgres::QueryResult& found);

/// Drops the staging table if it is there, and with it the target that make_staging() made, as long as it is as empty
/// and bare as it was made. Inside a transaction. What is not ours is left alone.
Status drop_staging(Session& session, const TableName& target);

/// SQL of another table with a foreign key that points to `table` (SQL of a text, the table as SQL); no row when there
/// is none.
std::string referring_sql(const std::string& table);
/// SQL of the OID of `table` (as above) if rows can be exchanged in it by DELETE and COPY alone: a plain heap of at
/// most 1 MiB without triggers, rules and row security, to which no foreign key points (not even its own: DELETE would
/// look for each row), of a database that publishes nothing (DELETE may need a replica
/// identity then), and of which this user may delete. No row else.
std::string direct_target_sql(const std::string& table);
/// SQL of a query: a row when the table, named as above, is one of those, has no rows, and no table or view has the
/// staging's name, of which schema and name are SQL of type text.
std::string empty_target_sql(const std::string& table, const std::string& staging_schema, const std::string& staging);
/// REPLACE_REFERENCED (config) when there is one: the target's rows cannot go.
Status check_replaceable(const Session& session, const TableName& target, const std::string& stream,
                         const std::optional<std::string>& referring);

/// Makes the staging table when it is absent: like the target, or from `schema` when there is none. Then the target is
/// made as well, without rows, if values of its columns may name it (regclass): they are read while the load runs, and
/// there must be what they name. Inside the open transaction. The staging as it is now.
Result<std::optional<TableInfo>> make_staging(Session& session, const TableName& target, const sdk::StreamContext& ctx,
                                              const sdk::Schema& schema);

/// What the target was when the staging was made like it. It stands in the staging's comment, because another instance
/// may publish the load.
struct Likeness {
  int columns = 0;  // how many the target had; those of the staging with higher numbers came with the load
  std::string definition;  // definition_number() of the target; empty: there was none
  bool made_target = false;  // there was none, and it was made together with the staging
};
/// Of the staging's comment.
Likeness likeness_in(const std::optional<std::string>& comment);
/// Queues a look at a table's comment, which is the first_value() of the answer.
Result<size_t> queue_comment_look(Session& session, const TableName& table);

}  // namespace rapidbyte::dest_postgres
