#include "nanoarrow_schema.h"

#include <array>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::sdk {

namespace {

struct TypePair {
  TypeId ours;
  ArrowType theirs;
};

constexpr std::array kTypes = {
    TypePair{TypeId::kBoolean, NANOARROW_TYPE_BOOL},
    TypePair{TypeId::kInt8, NANOARROW_TYPE_INT8},
    TypePair{TypeId::kInt16, NANOARROW_TYPE_INT16},
    TypePair{TypeId::kInt32, NANOARROW_TYPE_INT32},
    TypePair{TypeId::kInt64, NANOARROW_TYPE_INT64},
    TypePair{TypeId::kUInt8, NANOARROW_TYPE_UINT8},
    TypePair{TypeId::kUInt16, NANOARROW_TYPE_UINT16},
    TypePair{TypeId::kUInt32, NANOARROW_TYPE_UINT32},
    TypePair{TypeId::kUInt64, NANOARROW_TYPE_UINT64},
    TypePair{TypeId::kFloat32, NANOARROW_TYPE_FLOAT},
    TypePair{TypeId::kFloat64, NANOARROW_TYPE_DOUBLE},
    TypePair{TypeId::kDecimal128, NANOARROW_TYPE_DECIMAL128},
    TypePair{TypeId::kDecimal256, NANOARROW_TYPE_DECIMAL256},
    TypePair{TypeId::kUtf8, NANOARROW_TYPE_STRING},
    TypePair{TypeId::kLargeUtf8, NANOARROW_TYPE_LARGE_STRING},
    TypePair{TypeId::kBinary, NANOARROW_TYPE_BINARY},
    TypePair{TypeId::kLargeBinary, NANOARROW_TYPE_LARGE_BINARY},
    TypePair{TypeId::kFixedSizeBinary, NANOARROW_TYPE_FIXED_SIZE_BINARY},
    TypePair{TypeId::kDate32, NANOARROW_TYPE_DATE32},
    TypePair{TypeId::kTime32, NANOARROW_TYPE_TIME32},
    TypePair{TypeId::kTime64, NANOARROW_TYPE_TIME64},
    TypePair{TypeId::kTimestamp, NANOARROW_TYPE_TIMESTAMP},
    TypePair{TypeId::kIntervalMonthDayNano, NANOARROW_TYPE_INTERVAL_MONTH_DAY_NANO},
};

ArrowType theirs_of(TypeId id) {
  for (const TypePair& pair : kTypes) {
    if (pair.ours == id) return pair.theirs;
  }
  return NANOARROW_TYPE_UNINITIALIZED;
}

static_assert(static_cast<int>(TimeUnit::kSecond) == NANOARROW_TIME_UNIT_SECOND);
static_assert(static_cast<int>(TimeUnit::kNanosecond) == NANOARROW_TIME_UNIT_NANO);

ArrowErrorCode set_type(ArrowSchema* out, const DataType& type) {
  const ArrowType id = theirs_of(type.id);
  switch (type.id) {
    case TypeId::kDecimal128:
    case TypeId::kDecimal256: return ArrowSchemaSetTypeDecimal(out, id, type.precision, type.scale);
    case TypeId::kFixedSizeBinary: return ArrowSchemaSetTypeFixedSize(out, id, type.byte_width);
    case TypeId::kTime32:
    case TypeId::kTime64: return ArrowSchemaSetTypeDateTime(out, id, static_cast<ArrowTimeUnit>(type.unit), nullptr);
    case TypeId::kTimestamp:
      return ArrowSchemaSetTypeDateTime(out, id, static_cast<ArrowTimeUnit>(type.unit),
                                        type.timezone ? type.timezone->c_str() : nullptr);
    default: return ArrowSchemaSetType(out, id);
  }
}

Status unsupported(const std::string& column, std::string_view what) {
  return schema_error(codes::kUnsupportedSchema, "column `" + shown_name(column) + "`: " + std::string(what));
}

}  // namespace

std::string shown_name(std::string_view name) {
  std::string out;
  for (const char c : name) out += c == '\0' ? std::string("\\0") : std::string(1, c);
  return out;
}

Status check_text_of_schema(const std::string& column, std::string_view text) {
  if (text.find('\0') == std::string_view::npos) return {};
  return unsupported(column,
                     "a NUL byte stands in its name or time zone, where Arrow's C interface would cut it off; "
                     "give it another name");
}

Status to_nanoarrow(const Schema& schema, ArrowSchema* out) {
  ArrowSchemaInit(out);
  const auto count = static_cast<int64_t>(schema.size());
  if (ArrowSchemaSetTypeStruct(out, count) != NANOARROW_OK) {
    return schema_error(codes::kUnsupportedSchema, "cannot make a schema of " + std::to_string(count) + " columns");
  }
  for (size_t i = 0; i < schema.size(); ++i) {
    const Field& field = schema.fields[i];
    ArrowSchema* child = out->children[i];
    RB_SDK_RETURN_NOT_OK(check_text_of_schema(field.name, field.name));
    RB_SDK_RETURN_NOT_OK(check_text_of_schema(field.name, field.type.timezone.value_or("")));
    if (set_type(child, field.type) != NANOARROW_OK) return unsupported(field.name, "not a valid " + field.type.name());
    if (ArrowSchemaSetName(child, field.name.c_str()) != NANOARROW_OK) std::abort();
    child->flags = field.nullable ? ARROW_FLAG_NULLABLE : 0;
  }
  return {};
}

Result<Schema> from_nanoarrow(const ArrowSchema& schema) {
  Schema out;
  for (int64_t i = 0; i < schema.n_children; ++i) {
    const ArrowSchema* child = schema.children[i];
    Field field;
    field.name = child->name == nullptr ? "" : child->name;
    field.nullable = (child->flags & ARROW_FLAG_NULLABLE) != 0;
    ArrowError error{};
    ArrowSchemaView view{};
    if (ArrowSchemaViewInit(&view, child, &error) != NANOARROW_OK) return unsupported(field.name, error.message);
    if (child->dictionary != nullptr) return unsupported(field.name, "dictionary-encoded columns are not supported");
    bool found = false;
    for (const TypePair& pair : kTypes) {
      if (pair.theirs != view.type) continue;
      field.type.id = pair.ours;
      found = true;
    }
    if (!found) {
      return unsupported(field.name, std::string("type ") + ArrowTypeString(view.type) + " is not supported");
    }
    switch (field.type.id) {
      case TypeId::kDecimal128:
      case TypeId::kDecimal256:
        field.type.precision = view.decimal_precision;
        field.type.scale = view.decimal_scale;
        break;
      case TypeId::kFixedSizeBinary: field.type.byte_width = view.fixed_size; break;
      case TypeId::kTimestamp:
        if (view.timezone != nullptr && view.timezone[0] != '\0') field.type.timezone = view.timezone;
        field.type.unit = static_cast<TimeUnit>(view.time_unit);
        break;
      case TypeId::kTime32:
      case TypeId::kTime64: field.type.unit = static_cast<TimeUnit>(view.time_unit); break;
      default: break;
    }
    // The bytes are untrusted: a scale of two billion would be two billion zeros later.
    if (const auto same = DataType::parse(field.type.name()); !same.ok() || *same != field.type) {
      return unsupported(field.name, "not a valid " + field.type.name());
    }
    out.fields.push_back(std::move(field));
  }
  return out;
}

}  // namespace rapidbyte::sdk
