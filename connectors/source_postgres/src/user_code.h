#pragma once
// Where a read runs users' code: a stream's condition, views, foreign tables and the policies of row security. They
// rely on the role's own search_path; everything else is read with the system's schema alone, and in a statement with
// the role's path our own names are all qualified with their schema (TableQuery).

#include <map>
#include <string>
#include <string_view>

#include "catalog.h"
#include "options.h"
#include "postgres/connection.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::source_postgres {

/// The role's own path, up to the end of the transaction.
inline constexpr std::string_view kUserPath = "SET LOCAL search_path TO DEFAULT";

/// Whether reading the table runs such code.
bool needs_user_path(const StreamOptions& options, const Relation& relation);
/// Within a transaction.
sdk::Status set_user_path(postgres::Connection& connection);

/// Whether a value of the table may name a table, type, function or the like (regclass), also within arrays, composites
/// and domains, so that its text depends on the search_path under which it is written.
sdk::Result<bool> refers_by_name(postgres::Connection& connection, const Relation& relation);

/// Views, and tables whose policies apply to the role, that run functions of somebody who is neither a superuser nor
/// the database's owner nor the role itself; by OID, with the name of that owner. Reading one runs them with the role's
/// rights.
sdk::Result<std::map<postgres::Oid, std::string>> find_code_of_others(postgres::Connection& connection);

}  // namespace rapidbyte::source_postgres
