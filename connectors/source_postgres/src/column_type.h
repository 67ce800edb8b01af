#pragma once
// How a column of PostgreSQL becomes a column of Arrow: which type, how its values are sent, and whether the server
// casts it to text, by the table for both directions (postgres/types); the readable version is in
// docs/connectors/source-postgres.md. Pure.

#include <cstdint>
#include <string>

#include "postgres/types/oids.h"
#include "rapidbyte/sdk/data_type.h"

namespace rapidbyte::source_postgres {

/// A column as the catalog describes it. For a domain, the type below it: the domain may not exist on the other side.
struct CatalogColumn {
  std::string name;
  postgres::Oid type = 0;
  int32_t type_modifier = -1;
  std::string type_name;  // format_type(): "timestamp(3) with time zone"
  char type_kind = 'b';   // pg_type.typtype: b base, e enum, c composite, r range, m multirange
  bool nullable = true;
  int32_t key_position = -1;  // in the primary key, from 0 upwards; -1: not part of it
  bool readable = true;       // by this role
  std::string fields;         // see describe_composites(); empty: it contains no composite
  /// The members below are known only for tables that were asked for by name. Its collation considers no different
  /// texts equal.
  bool is_deterministic = true;
  /// pg_attribute.attnum: stays with the column even if it is renamed.
  int32_t number = 0;
  /// The type in SQL, with its schema and without a modifier: pg_catalog."char". No other type of the same name can
  /// replace it.
  std::string sql_type;
  /// The operators by which the type's B-tree index compares, as OPERATOR(schema.name).
  std::string equal_operator = "OPERATOR(pg_catalog.=)";
  std::string greater_operator = "OPERATOR(pg_catalog.>)";
  /// Somebody created a function for the cast to text. The type's own output is read instead: it runs nobody's code,
  /// and it is what the type can parse.
  bool has_text_cast = false;
  /// For texts: the collation's name; for the default one, the database's. Their order is part of a position.
  std::string collation;
};

/// What a field contains in COPY's binary format, and what it becomes.
enum class WireKind : uint8_t {
  kBool,
  kInt16,
  kInt32,
  kInt64,
  kOid,
  kFloat32,
  kFloat64,
  kText,
  kBytes,
  kJsonb,  // a version byte, then text
  kUuid,  // 16 bytes, becomes text
  kDate,  // days since 2000-01-01
  kTime,  // microseconds of the day
  kTimestamp,  // microseconds since 2000-01-01
  kNumeric128,  // numeric(p, s), p <= 38
  kNumeric256,  // numeric(p, s), p <= 76
  kNumericText,  // numeric of any precision, becomes text
  kWatched,  // text that is kept from the newest row and is not a column (see CopyDecoder)
};

/// A column that is read.
struct ColumnPlan {
  sdk::Field field;
  WireKind kind = WireKind::kText;
  bool cast_to_text = false;
  bool by_output = false;  // ... by the type's output function, because a user has made a function for the cast
  postgres::Oid wire_type = postgres::kOidText;  // what the server must say that it sends
  std::string type_name;  // for messages and casts of literals
};

/// `as_text`: the user wants the column as text (stream option `columns`).
ColumnPlan plan_column(const CatalogColumn& column, bool as_text);

}  // namespace rapidbyte::source_postgres
