#pragma once
// The type mapping on top of the table for both directions (postgres/types): which PostgreSQL type a new column gets,
// and which types of existing columns accept values of an Arrow type unchanged. The readable table is in
// docs/connectors/dest-postgres.md. Plain values and pure functions.

#include <cstdint>
#include <string>
#include <string_view>

#include "postgres/types/builtin_types.h"
#include "rapidbyte/sdk/data_type.h"

namespace rapidbyte::dest_postgres {

using postgres::Oid;

/// A column's type as the server's catalog describes it. Domains are resolved: everything but `formatted` is about the
/// base type.
struct PgType {
  Oid oid = 0;
  int32_t modifier = -1;       // atttypmod, or the domain's typtypmod
  char kind = 'b';             // typtype: b base, e enum, c composite, r range, m multirange
  Oid array = 0;               // its array type, 0 when it has none
  Oid element = 0;             // of an array, if it is a base type or an enum
  char element_kind = 'b';     // typtype of the element
  std::string formatted = {};       // as declared: "numeric(12,2)", "public.mood", or the domain's name
  std::string base_formatted = {};  // the same of the base type
  std::string cast = {};            // the base type without its modifier: texts can be cast to it without being cut
};

using postgres::NumericBounds;
using postgres::WireType;

/// How a value is sent in binary (postgres/types). kOther has no binary form that we produce.
inline WireType wire_type(const PgType& type) { return postgres::wire_type(type.oid, type.kind); }
inline NumericBounds numeric_bounds(const PgType& type) { return postgres::numeric_bounds(type.oid, type.modifier); }
/// Whether the server silently rounds or cuts texts that do not fit a column: money, and types declared with digits or
/// fields, such as interval(0), timetz(3), numeric(5,2)[]. Values of exactly that type pass unchanged.
bool cuts_silently(const PgType& type);
/// Digits after the point of time, timestamp and timestamptz columns: 6 unless declared with fewer.
int32_t time_digits(const PgType& type);
/// n of varchar(n) and char(n), characters; 0: none.
int32_t max_characters(const PgType& type);

/// Whether a column accepts an Arrow type.
enum class Fit : uint8_t {
  kExact,  // every value fits
  kChecked,  // the column is meant for such values, but single ones may not fit; they are refused rows
  kChanged,  // another type: schema_evolution.type_change decides
};
/// `native_type` is the field's; a column of exactly that type fits exactly.
Fit fit(const PgType& column, const sdk::Field& field);

/// Whether source-postgres sends values of this type as this Arrow type (postgres::arrow_form()), or as another one
/// that has room for the same values. Only then may a column be created with the source's own type.
bool is_sent_as(const PgType& type, const sdk::DataType& arrow);

/// The type of a column that we create, by its Arrow type.
std::string declared_type(const sdk::DataType& type);

/// The text after "postgresql:" in a field's native type, if it can be pasted into SQL once the server has confirmed
/// that it is one of its types; otherwise empty.
std::string_view native_type_text(const sdk::Field& field);

/// The Arrow type that a column's values are converted to when the source's type differs (type_change: coerce).
sdk::DataType natural_type(const PgType& type);

}  // namespace rapidbyte::dest_postgres
