// Rows of COPY there and back: what dest-postgres's encoder makes of a batch, source-postgres's decoder makes a batch
// again, with the same values; and the encoder's other ways, texts and arrays, say the same as its rows.

#include <cctype>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include "copy_decoder.h"
#include "fuzz_input.h"
#include "rapidbyte/sdk/batch_builder.h"
#include "rapidbyte/sdk/batch_reader.h"
#include "src/column_type.h"
#include "src/row_encoder.h"
#include "src/time_text.h"

using namespace rapidbyte;

namespace {

namespace dest = dest_postgres;
namespace source = source_postgres;
using postgres::load_be;
using sdk::DataType;
using sdk::TimeUnit;
using sdk::TypeId;
using Bytes = std::span<const uint8_t>;

constexpr int32_t numeric_modifier(int32_t precision, int32_t scale) { return (precision << 16 | scale) + 4; }

struct Case {
  postgres::Oid oid;
  int32_t modifier;
  DataType arrow;
};
/// A column of PostgreSQL and the values that are stored in it without being converted.
const std::vector<Case>& cases() {
  using postgres::kOidNumeric;
  static const std::vector<Case> all = {
      {postgres::kOidBool, -1, DataType::of(TypeId::kBoolean)},
      {postgres::kOidInt2, -1, DataType::of(TypeId::kInt16)},
      {postgres::kOidInt2, -1, DataType::of(TypeId::kInt8)},
      {postgres::kOidInt2, -1, DataType::of(TypeId::kUInt8)},
      {postgres::kOidInt4, -1, DataType::of(TypeId::kInt32)},
      {postgres::kOidInt4, -1, DataType::of(TypeId::kUInt16)},
      {postgres::kOidInt8, -1, DataType::of(TypeId::kInt64)},
      {postgres::kOidInt8, -1, DataType::of(TypeId::kUInt32)},
      {postgres::kOidInt8, -1, DataType::of(TypeId::kUInt64)},
      {postgres::kOidOid, -1, DataType::of(TypeId::kUInt32)},
      {postgres::kOidOid, -1, DataType::of(TypeId::kInt64)},
      {postgres::kOidFloat4, -1, DataType::of(TypeId::kFloat32)},
      {postgres::kOidFloat8, -1, DataType::of(TypeId::kFloat64)},
      {postgres::kOidFloat8, -1, DataType::of(TypeId::kFloat32)},
      {kOidNumeric, numeric_modifier(38, 10), DataType::decimal128(38, 10)},
      {kOidNumeric, numeric_modifier(12, 2), DataType::decimal128(12, 2)},
      {kOidNumeric, numeric_modifier(38, 38), DataType::decimal128(38, 38)},
      {kOidNumeric, numeric_modifier(76, 3), DataType::decimal256(76, 3)},
      {kOidNumeric, numeric_modifier(20, 0), DataType::of(TypeId::kUInt64)},
      {kOidNumeric, -1, DataType::of(TypeId::kInt64)},
      {kOidNumeric, -1, DataType::decimal128(38, 5)},
      {kOidNumeric, -1, DataType::decimal256(76, 40)},
      {kOidNumeric, -1, DataType::of(TypeId::kUtf8)},
      {postgres::kOidText, -1, DataType::of(TypeId::kUtf8)},
      {postgres::kOidVarchar, 4 + 5, DataType::of(TypeId::kUtf8)},
      {postgres::kOidText, -1, DataType::of(TypeId::kLargeUtf8)},
      {postgres::kOidJsonb, -1, DataType::of(TypeId::kUtf8)},
      {postgres::kOidJsonb, -1, DataType::of(TypeId::kLargeUtf8)},
      {postgres::kOidBytea, -1, DataType::of(TypeId::kBinary)},
      {postgres::kOidBytea, -1, DataType::of(TypeId::kLargeBinary)},
      {postgres::kOidBytea, -1, DataType::fixed_size_binary(5)},
      {postgres::kOidUuid, -1, DataType::of(TypeId::kUtf8)},
      {postgres::kOidUuid, -1, DataType::of(TypeId::kLargeUtf8)},
      {postgres::kOidUuid, -1, DataType::fixed_size_binary(16)},
      {postgres::kOidDate, -1, DataType::of(TypeId::kDate32)},
      {postgres::kOidTime, -1, DataType::time64(TimeUnit::kMicrosecond)},
      {postgres::kOidTime, -1, DataType::time64(TimeUnit::kNanosecond)},
      {postgres::kOidTime, -1, DataType::time32(TimeUnit::kMillisecond)},
      {postgres::kOidTime, -1, DataType::time32(TimeUnit::kSecond)},
      {postgres::kOidTimestamp, -1, DataType::timestamp(TimeUnit::kMicrosecond)},
      {postgres::kOidTimestamp, 3, DataType::timestamp(TimeUnit::kMillisecond)},
      {postgres::kOidTimestamp, -1, DataType::timestamp(TimeUnit::kNanosecond)},
      {postgres::kOidTimestamptz, -1, DataType::timestamp(TimeUnit::kSecond, "UTC")},
      {postgres::kOidTimestamptz, -1, DataType::timestamp(TimeUnit::kMicrosecond, "UTC")},
  };
  return all;
}

// --- values ----------------------------------------------------------------------------------------------------------

/// A decimal of up to `bits` bits; now and then NaN.
template <typename Words>
Words decimal(fuzz::Input& input, bool special_values, uint32_t bits) {
  constexpr size_t kCount = sizeof(Words) / 8;
  Words out;
  const uint8_t choice = input.byte();
  if (choice == 0xFF && special_values) {
    out.words[kCount - 1] = uint64_t{1} << 63U;
    return out;
  }
  const uint64_t fill = (choice & 1U) != 0 ? ~uint64_t{0} : 0;
  const uint32_t used = bits * (choice >> 1U) / 127;
  for (size_t i = 0; i < kCount; ++i) {
    const auto begin = static_cast<uint32_t>(64 * i);
    out.words[i] = fill;
    if (begin >= used) continue;
    const uint64_t mask = used - begin >= 64 ? ~uint64_t{0} : (uint64_t{1} << (used - begin)) - 1;
    out.words[i] = (fill & ~mask) | (input.number<uint64_t>() & mask);
  }
  return out;
}

/// A UUID in one of the forms that PostgreSQL reads, or any text.
std::string uuid_text(fuzz::Input& input) {
  const uint8_t choice = input.byte();
  if (choice < 8) return std::string(input.short_text());
  constexpr std::string_view kLower = "0123456789abcdef";
  constexpr std::string_view kUpper = "0123456789ABCDEF";
  const std::string_view digits = (choice & 1U) != 0 ? kUpper : kLower;
  std::string out = (choice & 2U) != 0 ? "{" : "";
  for (int i = 0; i < 16; ++i) {
    const uint8_t byte = input.byte();
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
    const bool usual = i == 3 || i == 5 || i == 7 || i == 9;
    if ((choice & 4U) != 0 ? usual : (choice & 8U) != 0 && i % 2 == 1 && i != 15) out += '-';
  }
  return out + ((choice & 2U) != 0 ? "}" : "");
}

void append_value(fuzz::Input& input, const Case& column, bool special_values, sdk::ColumnBuilder& out) {
  switch (column.arrow.id) {
    case TypeId::kBoolean: return out.append_bool(input.byte() % 2 != 0);
    case TypeId::kInt8:
    case TypeId::kUInt8: return out.append(input.number<uint8_t>());
    case TypeId::kInt16:
    case TypeId::kUInt16: return out.append(input.number<uint16_t>());
    case TypeId::kInt32:
    case TypeId::kUInt32:
    case TypeId::kFloat32:
    case TypeId::kDate32: return out.append(input.number<uint32_t>());
    case TypeId::kTime32:
    case TypeId::kTime64: {
      // A little more than a day.
      const auto most = static_cast<uint64_t>(dest::units_per_second(column.arrow.unit)) * 86'410;
      const uint64_t value = input.number<uint64_t>() % most;
      if (column.arrow.id == TypeId::kTime32) return out.append(static_cast<uint32_t>(value));
      return out.append(column.arrow.unit == TimeUnit::kNanosecond && value % 3 != 0 ? value / 1000 * 1000 : value);
    }
    case TypeId::kTimestamp: {
      const auto value = input.number<int64_t>();
      return out.append(column.arrow.unit == TimeUnit::kNanosecond && value % 3 != 0 ? value / 1000 * 1000 : value);
    }
    // 10^38 and 10^76 are beyond 126 and 252 bits. A value beyond the type's precision would be no sound Arrow.
    case TypeId::kDecimal128:
      return out.append(decimal<sdk::Decimal128Words>(input, special_values, column.arrow.precision == 38 ? 126 : 39));
    case TypeId::kDecimal256: return out.append(decimal<sdk::Decimal256Words>(input, special_values, 252));
    case TypeId::kUtf8:
    case TypeId::kLargeUtf8:
      if (column.oid == postgres::kOidUuid) return out.append_bytes(uuid_text(input));
      return out.append_bytes(input.short_text());
    case TypeId::kBinary:
    case TypeId::kLargeBinary: return out.append_bytes(input.short_text());
    case TypeId::kFixedSizeBinary: {
      uint8_t bytes[16];
      for (uint8_t& byte : bytes) byte = input.byte();
      return out.append_fixed(bytes);
    }
    default: return out.append(input.number<uint64_t>());
  }
}

// --- what they mean --------------------------------------------------------------------------------------------------

bool is_nan(const sdk::ColumnView& column, size_t row) {
  const size_t words = column.type().id == TypeId::kDecimal128 ? 2 : 4;
  const auto* all = column.values<uint64_t>() + row * words;
  for (size_t i = 0; i + 1 < words; ++i) {
    if (all[i] != 0) return false;
  }
  return all[words - 1] == uint64_t{1} << 63U;
}

std::string hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += kDigits[static_cast<uint8_t>(c) >> 4U];
    out += kDigits[static_cast<uint8_t>(c) & 15U];
  }
  return out;
}

std::string double_text(double value) {
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return "double " + std::to_string(bits);
}

/// A number's text without what does not change its value: zeros before it, a sign of zero.
std::string plain_number(std::string_view text) {
  if (text == "NaN" || text.ends_with("nfinity")) return std::string(text);
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  while (text.size() > 1 && text[0] == '0' && text[1] != '.') text.remove_prefix(1);
  const bool zero = text.find_first_not_of("0.") == std::string_view::npos;
  return (negative && !zero ? "-" : "") + std::string(text);
}

/// The value of a batch in one form for all of its types.
std::string meaning(const Case& column, const sdk::ColumnView& view, size_t row) {
  if (view.is_null(row)) return "null";
  const DataType& type = view.type();
  switch (type.id) {
    case TypeId::kBoolean: return view.boolean(row) ? "true" : "false";
    case TypeId::kUInt64: return std::to_string(view.value<uint64_t>(row));
    case TypeId::kFloat32: {
      if (column.oid == postgres::kOidFloat4) return "float " + std::to_string(view.value<uint32_t>(row));
      return double_text(view.value<float>(row));
    }
    case TypeId::kFloat64: return double_text(view.value<double>(row));
    case TypeId::kDecimal128:
    case TypeId::kDecimal256: return is_nan(view, row) ? "NaN" : view.decimal_text(row);
    case TypeId::kUtf8:
    case TypeId::kLargeUtf8: {
      const std::string_view text = view.bytes(row);
      if (column.oid == postgres::kOidNumeric) return plain_number(text);
      if (column.oid != postgres::kOidUuid) return hex(text);
      std::string digits;
      for (const char c : text) {
        if (std::isxdigit(static_cast<unsigned char>(c)) != 0) digits += static_cast<char>(c | 0x20);
      }
      return digits;
    }
    case TypeId::kBinary:
    case TypeId::kLargeBinary: return hex(view.bytes(row));
    case TypeId::kFixedSizeBinary: return hex(view.fixed(row));
    case TypeId::kTime32:
    case TypeId::kTime64: return std::to_string(dest::to_micros(view.integer(row), type.unit));
    case TypeId::kTimestamp: {
      const int64_t value = view.integer(row);
      if (value == INT64_MIN || value == INT64_MAX) return value < 0 ? "-infinity" : "infinity";
      return std::to_string(dest::to_micros(value, type.unit));
    }
    case TypeId::kDate32:
      if (view.value<int32_t>(row) == INT32_MIN) return "-infinity";
      if (view.value<int32_t>(row) == INT32_MAX) return "infinity";
      [[fallthrough]];
    default: return std::to_string(view.integer(row));
  }
}

/// An unconstrained numeric arrives as text, of which nobody knows how many zeros a number had.
std::string wanted_meaning(const Case& column, const sdk::ColumnView& view, size_t row) {
  const std::string out = meaning(column, view, row);
  if (column.oid != postgres::kOidNumeric || view.is_null(row)) return out;
  if (column.modifier != -1 || !view.type().is_text()) return out;
  // PostgreSQL has 16,383 digits behind the point, and "1e3" and "+1" are its numbers, too: what is not plain is not
  // compared.
  return out.find_first_not_of("0123456789.-") != std::string::npos || out.ends_with('.') || out.starts_with('.') ||
                 out.starts_with("-.")
             ? "?"
             : out;
}

// --- the encoder's ways ----------------------------------------------------------------------------------------------

std::vector<uint8_t> encode(dest::RowEncoder& encoder, size_t rows, size_t soft_limit) {
  std::vector<uint8_t> out;
  for (size_t row = 0; row < rows;) {
    sdk::ByteBuffer buffer;
    const size_t next = encoder.encode(row, rows, buffer, soft_limit);
    fuzz::check(next > row && next <= rows, "an encoder makes progress");
    row = next;
    out.insert(out.end(), buffer.data(), buffer.data() + buffer.size());
  }
  return out;
}

std::vector<uint8_t> as_copy(const std::vector<uint8_t>& rows) {
  const std::string_view header = dest::RowEncoder::header(dest::RowFormat::kBinary);
  const std::string_view trailer = dest::RowEncoder::trailer(dest::RowFormat::kBinary);
  std::vector<uint8_t> out(header.begin(), header.end());
  out.insert(out.end(), rows.begin(), rows.end());
  out.insert(out.end(), trailer.begin(), trailer.end());
  return out;
}

/// The fields of all rows, with their lengths.
std::vector<std::string> fields_of(Bytes rows, size_t columns) {
  std::vector<std::string> out;
  while (!rows.empty()) {
    fuzz::check(rows.size() >= 2 && load_be<uint16_t>(rows.data()) == columns, "a row says how many fields it has");
    rows = rows.subspan(2);
    for (size_t i = 0; i < columns; ++i) {
      fuzz::check(rows.size() >= 4, "a field has a length");
      const auto length = load_be<int32_t>(rows.data());
      const size_t size = 4 + (length < 0 ? 0 : static_cast<size_t>(length));
      fuzz::check(length >= -1 && rows.size() >= size, "a field is as long as it says");
      out.emplace_back(reinterpret_cast<const char*>(rows.data()), size);
      rows = rows.subspan(size);
    }
  }
  return out;
}

/// An array's elements are the fields of that column.
void check_array(const sdk::ByteBuffer& array, postgres::Oid element, const std::vector<std::string>& fields,
                 size_t column, size_t columns) {
  std::string wanted;
  uint32_t has_null = 0;
  const size_t rows = fields.size() / columns;
  for (size_t row = 0; row < rows; ++row) {
    const std::string& field = fields[row * columns + column];
    wanted += field;
    if (field == "\xFF\xFF\xFF\xFF") has_null = 1;
  }
  const Bytes bytes = array.span();
  fuzz::check(bytes.size() >= 20 && load_be<uint32_t>(bytes.data()) == 1 && load_be<uint32_t>(bytes.data() + 16) == 1,
              "an array of one dimension, from 1 on");
  fuzz::check(load_be<uint32_t>(bytes.data() + 4) == has_null, "an array says whether it has nulls");
  fuzz::check(load_be<uint32_t>(bytes.data() + 8) == element, "an array says what it is of");
  fuzz::check(load_be<uint32_t>(bytes.data() + 12) == rows, "an array has an element for each row");
  fuzz::check_equal({reinterpret_cast<const char*>(bytes.data()) + 20, bytes.size() - 20}, wanted,
                    "an array has what the rows have");
}

/// Lines of COPY's text format into fields, unescaped; "\N" is no value.
std::vector<std::optional<std::string>> text_fields(Bytes bytes) {
  std::vector<std::optional<std::string>> out;
  std::string field;
  bool is_null = false;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const char c = static_cast<char>(bytes[i]);
    if (c == '\t' || c == '\n') {
      out.emplace_back(is_null ? std::nullopt : std::optional(field));
      field.clear();
      is_null = false;
    } else if (c == '\\') {
      fuzz::check(i + 1 < bytes.size(), "an escape is whole");
      const char next = static_cast<char>(bytes[++i]);
      is_null = next == 'N';
      field += next == 'n' ? '\n' : next == 'r' ? '\r' : next == 't' ? '\t' : next;
    } else {
      field += c;
    }
  }
  return out;
}

/// The text of a field as meaning() has it; "?" when that is another reader's business.
std::string text_meaning(const Case& column, const std::string& text) {
  const auto micros = [](std::optional<int64_t> value) { return value ? std::to_string(*value) : std::string("?"); };
  switch (column.oid) {
    case postgres::kOidBool: return text == "t" ? "true" : "false";
    case postgres::kOidFloat4: {
      const float value = std::strtof(text.c_str(), nullptr);
      uint32_t bits;
      std::memcpy(&bits, &value, sizeof bits);
      return std::isnan(value) ? "?" : "float " + std::to_string(bits);
    }
    case postgres::kOidFloat8: {
      const double value = std::strtod(text.c_str(), nullptr);
      return std::isnan(value) ? "?" : double_text(value);
    }
    case postgres::kOidBytea: return text.starts_with("\\x") ? text.substr(2) : "no bytes";
    case postgres::kOidText:
    case postgres::kOidVarchar:
    case postgres::kOidJsonb: return hex(text);
    case postgres::kOidUuid: {
      std::string digits;
      for (const char c : text) {
        if (std::isxdigit(static_cast<unsigned char>(c)) != 0) digits += static_cast<char>(c | 0x20);
      }
      return digits;
    }
    case postgres::kOidDate: return text.ends_with("infinity") ? text : micros(dest::parse_date(text));
    case postgres::kOidTime: return micros(dest::parse_time(text));
    case postgres::kOidTimestamp:
    case postgres::kOidTimestamptz:
      if (text.ends_with("infinity")) return text;
      return micros(dest::parse_timestamp(text, column.oid == postgres::kOidTimestamptz));
    case postgres::kOidNumeric: return plain_number(text);
    default: return text;
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  // What the batch is.
  const uint8_t shape = input.byte();
  const bool special_values = (shape & 1U) != 0;
  const size_t column_count = shape / 2U % 6U + 1;
  // Mostly a few; now and then more than the encoder takes at once.
  const uint8_t size_of_batch = input.byte();
  const size_t rows = size_of_batch < 224 ? size_of_batch % 16U + 1 : (size_of_batch - 223) * size_t{20};
  const size_t soft_limit = size_t{1} << input.byte() % 18U;
  const uint8_t skip = input.byte();
  std::vector<const Case*> columns;
  sdk::Schema schema;
  for (size_t i = 0; i < column_count; ++i) {
    columns.push_back(&cases()[input.byte() % cases().size()]);
    schema.fields.push_back({.name = "c" + std::to_string(i), .type = columns.back()->arrow});
    schema.fields.back().special_values = special_values;
  }
  auto builder = sdk::BatchBuilder::make(schema);
  fuzz::check(builder.ok(), "the schema has a batch");
  for (size_t i = 0; i < column_count; ++i) {
    // A few values, again and again.
    sdk::ColumnBuilder& out = builder->column(i);
    const uint8_t nulls = input.byte();
    const size_t step = input.byte();
    const size_t kinds = input.byte() % 6U + 1;
    const fuzz::Input begin = input;
    size_t used = 0;
    while (out.length() < rows) {
      if ((nulls >> (out.length() * step % 8U) & 1U) != 0) {
        out.append_null();
        continue;
      }
      if (used++ % kinds == 0) input = begin;
      append_value(input, *columns[i], special_values, out);
    }
  }
  builder->end_rows(rows);
  const auto batch = builder->finish();
  fuzz::check(batch.ok(), "the columns have as many values as there are rows");
  // In memory of its own, where reading beyond the end is seen.
  const std::vector<uint8_t> bytes(batch->begin(), batch->end());
  sdk::BatchReader reader;
  fuzz::check(reader.load(std::span<const uint8_t>(bytes)).ok(), "a batch is read back");

  dest::TargetPlan plan;
  std::vector<source::ColumnPlan> wire;
  for (size_t i = 0; i < column_count; ++i) {
    dest::ColumnPlan column;
    column.source = i;
    column.name = schema.fields[i].name;
    column.type = {.oid = columns[i]->oid, .modifier = columns[i]->modifier};
    if (columns[i]->oid == postgres::kOidNumeric && columns[i]->arrow.is_text()) {
      // As source-postgres sends a numeric without a precision.
      column.type.base_formatted = "numeric";
      schema.fields[i].native_type = "postgresql:numeric";
    }
    column.fit = dest::fit(column.type, schema.fields[i]);
    column.special_values = special_values;
    fuzz::check(column.fit != dest::Fit::kChanged, "the column takes such values");
    plan.columns.push_back(column);
    source::CatalogColumn catalog;
    catalog.name = column.name;
    catalog.type = columns[i]->oid;
    catalog.type_modifier = columns[i]->modifier;
    wire.push_back(source::plan_column(catalog, false));
  }
  plan.number_rows = (skip & 1U) != 0;
  if (plan.number_rows) {
    source::CatalogColumn number;
    number.name = "row number";
    number.type = postgres::kOidInt8;
    wire.push_back(source::plan_column(number, false));
  }
  constexpr int64_t kFirst = 1000;
  dest::RowEncoder encoder;
  encoder.use(plan);
  encoder.load(reader, kFirst);
  for (size_t i = 1; i < encoder.refused().size(); ++i)
    fuzz::check(encoder.refused()[i - 1].row < encoder.refused()[i].row, "a row is refused once, in order");
  for (const dest::RefusedRow& refused : encoder.refused())
    fuzz::check(encoder.is_skipped(refused.row) && sdk::is_valid_utf8(refused.value), "a refused row is left out");
  const std::vector<uint8_t> before =
      encoder.any_skipped() ? std::vector<uint8_t>() : encode(encoder, rows, soft_limit);
  if ((skip & 2U) != 0) encoder.skip(skip / 4U % rows);
  std::vector<size_t> stored;
  for (size_t row = 0; row < rows; ++row) {
    if (!encoder.is_skipped(row)) stored.push_back(row);
  }
  const std::vector<uint8_t> encoded = encode(encoder, rows, soft_limit);

  // Row by row and column by column, the same bytes.
  const std::vector<std::string> fields = fields_of(encoded, wire.size());
  fuzz::check(fields.size() == stored.size() * wire.size(), "all rows are there but those left out");
  if (!before.empty()) {
    const std::vector<std::string> all = fields_of(before, wire.size());
    fuzz::check(all.size() == rows * wire.size(), "all rows are there");
    for (size_t i = 0; i < fields.size(); ++i)
      fuzz::check_equal(fields[i], all[stored[i / wire.size()] * wire.size() + i % wire.size()],
                        "both ways of encoding give the same");
  }
  for (size_t i = 0; i < column_count; ++i) {
    sdk::ByteBuffer array;
    encoder.encode_array(i, 0, rows / 2, columns[i]->oid, array);
    encoder.encode_array(i, rows / 2, rows, columns[i]->oid, array);
    check_array(array, columns[i]->oid, fields, i, wire.size());
  }
  if (plan.number_rows) {
    sdk::ByteBuffer numbers;
    encoder.encode_row_numbers(0, rows, numbers);
    check_array(numbers, postgres::kOidInt8, fields, wire.size() - 1, wire.size());
  }

  // There and back.
  source::DecoderLimits limits;
  limits.special_values = special_values;
  limits.batch_bytes = 64U << 20U;
  source::CopyDecoder decoder(wire, limits);
  const std::vector<uint8_t> stream = as_copy(encoded);
  decoder.feed(stream);
  const auto event = decoder.next();
  // A decimal of more digits than its type has would be corrupt; here are none.
  fuzz::check(event == source::CopyDecoder::Event::kEnd, "what is written can be read");
  fuzz::check(decoder.batch_rows() == stored.size(), "all rows come back");
  sdk::Schema read_schema;
  for (const source::ColumnPlan& column : wire) read_schema.fields.push_back(column.field);
  auto ipc = sdk::IpcEncoder::make(read_schema);
  fuzz::check(ipc.ok(), "the schema has a batch");
  const auto again = ipc->encode(static_cast<int64_t>(stored.size()), decoder.batch());
  fuzz::check(again.ok(), "what the decoder has is a batch");
  sdk::BatchReader back;
  fuzz::check(back.load(*again).ok(), "what was decoded is read back");
  for (size_t i = 0; i < column_count; ++i) {
    for (size_t row = 0; row < stored.size(); ++row) {
      const std::string wanted = wanted_meaning(*columns[i], reader.column(i), stored[row]);
      if (wanted != "?") fuzz::check_equal(meaning(*columns[i], back.column(i), row), wanted, "a value comes back");
    }
  }
  for (size_t row = 0; row < stored.size() && plan.number_rows; ++row)
    fuzz::check(back.column(column_count).integer(row) == kFirst + static_cast<int64_t>(stored[row]),
                "a row has its number");

  // As text.
  plan.format = dest::RowFormat::kText;
  dest::RowEncoder text_encoder;
  text_encoder.use(plan);
  text_encoder.load(reader, kFirst);
  if ((skip & 2U) != 0) text_encoder.skip(skip / 4U % rows);
  const std::vector<std::optional<std::string>> texts = text_fields(encode(text_encoder, rows, soft_limit));
  fuzz::check(texts.size() == fields.size(), "all rows are there as text but those left out");
  for (size_t row = 0; row < stored.size(); ++row) {
    for (size_t i = 0; i < column_count; ++i) {
      const auto& text = texts[row * wire.size() + i];
      const std::string wanted = wanted_meaning(*columns[i], reader.column(i), stored[row]);
      const std::string got = text ? text_meaning(*columns[i], *text) : "null";
      if (wanted != "?" && got != "?") fuzz::check_equal(got, wanted, "a text means the value");
    }
    if (plan.number_rows)
      fuzz::check_equal(texts[row * wire.size() + column_count].value_or(""),
                        std::to_string(kFirst + static_cast<int64_t>(stored[row])), "a row's number as text");
  }
  return 0;
}
