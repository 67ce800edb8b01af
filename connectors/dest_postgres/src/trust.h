#pragma once
// Which objects in the database are trusted to be what they seem. In a schema where everybody may create objects
// (public, by PostgreSQL's default up to version 14), a table, domain or view with the name that we look for may be a
// stranger's, and its code would run with our rights.

#include <string>

#include "src/session.h"
#include "src/table_name.h"

namespace rapidbyte::dest_postgres {

/// SQL of a boolean: `owner` (SQL of a role's oid) is this user, a superuser, the owner of `schema` (SQL of a
/// namespace's oid) or the owner of the database, who could do all of this without us.
std::string is_trusted_owner_sql(const std::string& owner, const std::string& schema);

/// SQL of one text about a table of ours: NULL (absent), "ours", or "foreign": not a plain table, with triggers, rules
/// or row security, or of an owner who is not trusted.
/// `condition`: table_condition_sql().
std::string trust_sql(const std::string& condition);

/// Revokes the rights that ALTER DEFAULT PRIVILEGES gave to others on a table created in the open transaction, so that
/// nobody ever has them.
Status take_others_rights(Session& session, const TableName& table);
/// The same in two steps: a query for the statements to run, whose parameters are the table as SQL, its schema and its
/// name.
extern const std::string_view kOthersRightsQuery;
Status run_statements(Session& session, const postgres::QueryResult& statements);

}  // namespace rapidbyte::dest_postgres
