#include "src/column_type.h"

namespace rapidbyte::dest_postgres {
namespace {

using sdk::DataType;
using sdk::TypeId;

constexpr std::string_view kNativePrefix = postgres::kNativeTypePrefix;

bool is_integer(TypeId id) {
  switch (id) {
    case TypeId::kInt8:
    case TypeId::kInt16:
    case TypeId::kInt32:
    case TypeId::kInt64:
    case TypeId::kUInt8:
    case TypeId::kUInt16:
    case TypeId::kUInt32:
    case TypeId::kUInt64: return true;
    default: return false;
  }
}

bool is_decimal(TypeId id) { return id == TypeId::kDecimal128 || id == TypeId::kDecimal256; }
bool is_binary(TypeId id) {
  return id == TypeId::kBinary || id == TypeId::kLargeBinary || id == TypeId::kFixedSizeBinary;
}

// Bytes of the smallest signed integer that holds every value of the type; 9 for UInt64.
int signed_width(TypeId id) {
  switch (id) {
    case TypeId::kInt8: return 1;
    case TypeId::kInt16:
    case TypeId::kUInt8: return 2;
    case TypeId::kInt32:
    case TypeId::kUInt16: return 4;
    case TypeId::kInt64:
    case TypeId::kUInt32: return 8;
    default: return 9;
  }
}

// Decimal digits that values of an integer type can have.
int integer_digits(TypeId id) {
  switch (id) {
    case TypeId::kInt8:
    case TypeId::kUInt8: return 3;
    case TypeId::kInt16:
    case TypeId::kUInt16: return 5;
    case TypeId::kInt32:
    case TypeId::kUInt32: return 10;
    case TypeId::kInt64: return 19;
    default: return 20;
  }
}

Fit integer_fit(TypeId id, int target_width) {
  if (!is_integer(id)) return Fit::kChanged;
  if (signed_width(id) <= target_width) return Fit::kExact;
  // There is no integer wider than bigint to offer, and most UInt64 columns fit it.
  return id == TypeId::kUInt64 && target_width == 8 ? Fit::kChecked : Fit::kChanged;
}

Fit numeric_fit(const PgType& column, const DataType& type) {
  const NumericBounds bounds = numeric_bounds(column);
  const int32_t whole = bounds.precision - bounds.scale;
  if (is_integer(type.id)) {
    return bounds.precision == 0 || integer_digits(type.id) <= whole ? Fit::kExact : Fit::kChanged;
  }
  if (!is_decimal(type.id)) return Fit::kChanged;
  if (bounds.precision == 0) return Fit::kExact;
  return type.scale <= bounds.scale && type.precision - type.scale <= whole ? Fit::kExact : Fit::kChanged;
}

Fit time_fit(const PgType& column, const DataType& type) {
  const int32_t digits = time_digits(column);
  switch (type.unit) {
    case sdk::TimeUnit::kSecond: return Fit::kChecked;
    case sdk::TimeUnit::kMillisecond: return digits >= 3 ? Fit::kChecked : Fit::kChanged;
    case sdk::TimeUnit::kMicrosecond:
    case sdk::TimeUnit::kNanosecond: break;
  }
  return digits == 6 ? Fit::kChecked : Fit::kChanged;
}

}  // namespace

bool cuts_silently(const PgType& type) {
  const WireType wire = wire_type(type);
  if (wire != WireType::kInterval && wire != WireType::kOther) return false;
  // Bit strings of another length are errors.
  if (type.oid == postgres::kOidBit || type.oid == postgres::kOidVarbit) return false;
  return type.oid == postgres::kOidMoney || type.modifier >= 0;
}

int32_t time_digits(const PgType& type) { return type.modifier < 0 || type.modifier > 6 ? 6 : type.modifier; }

int32_t max_characters(const PgType& type) {
  if (type.oid != postgres::kOidVarchar && type.oid != postgres::kOidBpchar) return 0;
  return type.modifier < 5 ? 0 : type.modifier - 4;
}

bool is_sent_as(const PgType& type, const DataType& arrow) {
  const DataType sent = postgres::arrow_form(type.oid, type.modifier, type.kind).type;
  if (sent.is_text()) return arrow.is_text();
  switch (sent.id) {
    case TypeId::kUInt32: return arrow.id == TypeId::kUInt32 || arrow.id == TypeId::kInt64;
    case TypeId::kDecimal128:
    case TypeId::kDecimal256:
      return is_decimal(arrow.id) && arrow.precision == sent.precision && arrow.scale == sent.scale;
    case TypeId::kBinary: return arrow.id == TypeId::kBinary || arrow.id == TypeId::kLargeBinary;
    case TypeId::kTimestamp:
      return arrow.id == sent.id && arrow.unit == sent.unit && arrow.timezone.has_value() == sent.timezone.has_value();
    case TypeId::kTime64: return arrow == sent;
    default: return arrow.id == sent.id;
  }
}

namespace {

/// The bound type of a built-in range or multirange; empty for any other type.
std::string_view bound_of(std::string_view type) {
  struct Range {
    std::string_view name, bound;
  };
  static constexpr std::array kRanges = {Range{"int4", "integer"},
                                         Range{"int8", "bigint"},
                                         Range{"num", "numeric"},
                                         Range{"ts", "timestamp without time zone"},
                                         Range{"tstz", "timestamp with time zone"},
                                         Range{"date", "date"}};
  for (const std::string_view end : {"multirange", "range"}) {
    if (!type.ends_with(end)) continue;
    const std::string_view name = type.substr(0, type.size() - end.size());
    for (const Range& range : kRanges) {
      if (range.name == name) return range.bound;
    }
    return {};
  }
  return {};
}

/// The element or bound type of an array, range or multirange, without its modifier; empty for another type.
std::string part_of(std::string_view type) {
  std::string part;
  if (type.ends_with("[]")) {
    part = type.substr(0, type.size() - 2);
  } else {
    return std::string(bound_of(type));
  }
  // "timestamp(3) without time zone" and "character varying(10)".
  if (const size_t open = part.find('('); open != part.npos) {
    const size_t close = part.find(')', open);
    if (close != part.npos) part.erase(open, close - open + 1);
  }
  return part;
}

/// Whether every text of `from`, read as `to`, is the same value. Users' types have their own names on each side: the
/// server checks their values, and does not round.
bool parts_fit(std::string_view from, std::string_view to) {
  // Types whose values the server reads from texts of other types by rounding, cutting or completing them.
  constexpr std::array<std::string_view, 16> kBending = {"boolean",
                                                         "smallint",
                                                         "integer",
                                                         "bigint",
                                                         "numeric",
                                                         "real",
                                                         "double precision",
                                                         "money",
                                                         "date",
                                                         "time without time zone",
                                                         "time with time zone",
                                                         "timestamp without time zone",
                                                         "timestamp with time zone",
                                                         "interval",
                                                         "name",
                                                         "\"char\""};
  constexpr std::array<std::string_view, 3> kTexts = {"text", "character varying", "character"};
  if (from == to) return true;
  const bool is_bent = std::find(kBending.begin(), kBending.end(), to) != kBending.end();
  const bool is_known = std::find(kBending.begin(), kBending.end(), from) != kBending.end() ||
                        std::find(kTexts.begin(), kTexts.end(), from) != kTexts.end();
  // Other sources spell types differently: a name that is not the server's own tells nothing.
  if (!is_bent || !is_known) return true;
  const auto is_one_of = [&](std::initializer_list<std::string_view> types) {
    return std::find(types.begin(), types.end(), from) != types.end();
  };
  if (to == "integer") return is_one_of({"smallint"});
  if (to == "bigint") return is_one_of({"smallint", "integer"});
  if (to == "numeric") return is_one_of({"smallint", "integer", "bigint", "real", "double precision"});
  if (to == "real") return is_one_of({"smallint"});
  if (to == "double precision") return is_one_of({"smallint", "integer", "real"});
  if (to == "name") return is_one_of({"\"char\""});
  return false;
}

/// Whether a column of arrays or ranges has another element type than the one that the source says it sends.
bool parts_changed(const PgType& column, const sdk::Field& field) {
  const std::string sent = part_of(native_type_text(field));
  const std::string kept = part_of(column.base_formatted);
  return !sent.empty() && !kept.empty() && !parts_fit(sent, kept);
}

}  // namespace

Fit fit(const PgType& column, const sdk::Field& field) {
  const DataType& type = field.type;
  if (field.native_type == std::string(kNativePrefix) + column.base_formatted && is_sent_as(column, type)) {
    // The values come from a column of the same type. Text into enums and the like is still checked by the server.
    return Fit::kExact;
  }
  switch (wire_type(column)) {
    case WireType::kBool: return type.id == TypeId::kBoolean ? Fit::kExact : Fit::kChanged;
    case WireType::kInt2: return integer_fit(type.id, 2);
    case WireType::kInt4: return integer_fit(type.id, 4);
    case WireType::kInt8: return integer_fit(type.id, 8);
    case WireType::kOid:
      if (type.id == TypeId::kUInt32 || type.id == TypeId::kUInt16 || type.id == TypeId::kUInt8) return Fit::kExact;
      return is_integer(type.id) ? Fit::kChecked : Fit::kChanged;
    case WireType::kFloat4: return type.id == TypeId::kFloat32 ? Fit::kExact : Fit::kChanged;
    case WireType::kFloat8:
      return type.id == TypeId::kFloat64 || type.id == TypeId::kFloat32 ? Fit::kExact : Fit::kChanged;
    case WireType::kNumeric: return numeric_fit(column, type);
    case WireType::kBytea: return is_binary(type.id) ? Fit::kExact : Fit::kChanged;
    case WireType::kUuid:
      if (type.id == TypeId::kFixedSizeBinary && type.byte_width == 16) return Fit::kExact;
      return type.is_text() ? Fit::kChecked : Fit::kChanged;
    case WireType::kDate: return type.id == TypeId::kDate32 ? Fit::kChecked : Fit::kChanged;
    case WireType::kTime:
      return type.id == TypeId::kTime32 || type.id == TypeId::kTime64 ? time_fit(column, type) : Fit::kChanged;
    case WireType::kTimestamp:
      if (type.id != TypeId::kTimestamp || type.timezone.has_value() != (column.oid == postgres::kOidTimestamptz)) {
        return Fit::kChanged;
      }
      return time_fit(column, type);
    case WireType::kText:
    case WireType::kJsonb: return type.is_text() ? Fit::kChecked : Fit::kChanged;
    case WireType::kInterval:
    case WireType::kOther:
      if (cuts_silently(column) || parts_changed(column, field)) return Fit::kChanged;
      if (column.oid == postgres::kOidInterval && type.id == TypeId::kIntervalMonthDayNano) return Fit::kChecked;
      return type.is_text() ? Fit::kChecked : Fit::kChanged;
  }
  return Fit::kChanged;
}

std::string declared_type(const DataType& type) {
  switch (type.id) {
    case TypeId::kBoolean: return "boolean";
    case TypeId::kInt8:
    case TypeId::kInt16:
    case TypeId::kUInt8: return "smallint";
    case TypeId::kInt32:
    case TypeId::kUInt16: return "integer";
    case TypeId::kInt64:
    case TypeId::kUInt32: return "bigint";
    case TypeId::kUInt64: return "numeric(20,0)";
    case TypeId::kFloat32: return "real";
    case TypeId::kFloat64: return "double precision";
    case TypeId::kDecimal128:
    case TypeId::kDecimal256: {
      // Scales below zero exist since PostgreSQL 15; the same values fit a longer number without a fraction.
      const int32_t precision = type.scale < 0 ? type.precision - type.scale : type.precision;
      return "numeric(" + std::to_string(precision) + "," + std::to_string(type.scale < 0 ? 0 : type.scale) + ")";
    }
    case TypeId::kUtf8:
    case TypeId::kLargeUtf8: return "text";
    case TypeId::kBinary:
    case TypeId::kLargeBinary:
    case TypeId::kFixedSizeBinary: return "bytea";
    case TypeId::kDate32: return "date";
    case TypeId::kTime32:
    case TypeId::kTime64: return "time";
    case TypeId::kTimestamp: return type.timezone ? "timestamp with time zone" : "timestamp";
    case TypeId::kIntervalMonthDayNano: return "interval";
  }
  return "text";
}

std::string_view native_type_text(const sdk::Field& field) {
  std::string_view text = field.native_type;
  if (!text.starts_with(kNativePrefix)) return {};
  text.remove_prefix(kNativePrefix.size());
  // The text comes from another component. Characters that no type name needs are not pasted into SQL, whatever the
  // server's parser would make of them.
  if (text.find_first_of(";'\\$\n\r") != std::string_view::npos || text.find('\0') != std::string_view::npos) return {};
  if (text.find("--") != std::string_view::npos || text.find("/*") != std::string_view::npos) return {};
  return text;
}

DataType natural_type(const PgType& type) {
  // The digits of a number as received.
  if (wire_type(type) == WireType::kNumeric) return DataType::of(TypeId::kUtf8);
  return postgres::arrow_form(type.oid, type.modifier, type.kind).type;
}

}  // namespace rapidbyte::dest_postgres
