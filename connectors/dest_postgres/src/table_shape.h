#pragma once
// What a table is beyond its rows, as far as a replace must know it: what would be lost if a table created like it took
// its place, and a number for its definition, by which a change during a load is noticed. Read from the catalogs inside
// whatever transaction the session has open.

#include <string>
#include <vector>

#include "src/session.h"
#include "src/table.h"

namespace rapidbyte::dest_postgres {

/// Queues the question why the table must stay, which reasons_of() reads from the answer; empty: a table created by
/// CREATE TABLE ... (LIKE ... INCLUDING ALL) can take its place.
Result<size_t> queue_reasons_look(Session& session, const TableName& table);
/// The same without the look at the columns of all other tables, whose cost grows with the number of tables.
Result<size_t> queue_own_reasons_look(Session& session, const TableName& table);
std::vector<std::string> reasons_of(const postgres::QueryResult& found);
/// Whether the table is as CREATE TABLE leaves it, apart from columns, constraints and indexes: nobody has given it
/// rights, triggers, policies, settings or anything that uses it. A table with default rights is not.
Result<bool> is_bare(Session& session, const TableInfo& table);

/// Whether values of the table may name a table (regclass, regtype, at any depth), possibly this one.
Result<bool> may_name_tables(Session& session, const TableInfo& table);

/// Equal numbers mean equal columns, defaults, constraints, indexes and comments on them: everything that LIKE copies.
/// Session settings that change how expressions are spelled change it, too.
Result<std::string> definition_number(Session& session, const TableInfo& table);
/// Queues that look; the number is the first_value() of its answer.
Result<size_t> queue_definition_look(Session& session, const TableName& table);

}  // namespace rapidbyte::dest_postgres
