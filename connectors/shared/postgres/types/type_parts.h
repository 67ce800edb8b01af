#pragma once
// What types are made of: a column's type may contain others, as an array, a domain, a range or a composite type does,
// and what matters about those matters for the column. SQL for the server's catalogs and the evaluation of its answers;
// both connectors ask the same, so that what they say about a type can be compared. The statements require that
// search_path is the system's schema alone.

#include <map>
#include <string>
#include <string_view>

#include "postgres/connection.h"

namespace rapidbyte::postgres {

/// WITH RECURSIVE part(oid): the types that the query `types` (SQL of a column of OIDs) returns and all within them, to
/// any depth.
std::string type_parts_sql(std::string_view types);

/// Types whose values are names of objects, as their OIDs: those whose text depends on the search_path (regproc,
/// regprocedure, regoper, regoperator, regclass, regtype, regconfig, regdictionary, regcollation), and those that may
/// name a table or its type (regclass, regtype).
inline constexpr std::string_view kNamesByPath = "24, 2202, 2203, 2204, 2205, 2206, 3734, 3769, 4191";
inline constexpr std::string_view kNamesOfTables = "2205, 2206";
/// A query with one row if `types` contain one of `names`.
std::string names_objects_sql(std::string_view types, std::string_view names);

/// A query that composite_fields() reads: for each type in `types`, what is in it.
std::string composite_fields_sql(std::string_view types);
/// The fields of those types that are composite or contain composites, by OID: `(a integer,b point[])`; users' types
/// without their schema, domains as what they are made of. Values of two types with equal text have equal texts; if
/// they differ, a field of one may be another field of the other. A text of more than 4 KiB, also within another, is
/// `sha256:` and its hash.
std::map<Oid, std::string> composite_fields(const QueryResult& answer);

}  // namespace rapidbyte::postgres
