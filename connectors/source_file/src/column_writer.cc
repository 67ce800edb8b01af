#include "column_writer.h"

#include <limits>
#include <type_traits>

#include "byte_scan.h"
#include "fast_parse.h"
#include "value_parse.h"

namespace rapidbyte::source_file {

namespace {

using sdk::TypeId;

constexpr int64_t kMicrosPerDay = int64_t{86'400} * 1'000'000;

/// Packs a byte per row (0 or 1) into Arrow's bits.
void pack_bits(const sdk::ByteBuffer& bytes, sdk::ByteBuffer& bits) {
  const size_t count = bytes.size();
  bits.clear();
  bits.resize((count + 7) / 8);
  const uint8_t* in = bytes.data();
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, in + i, 8);
    // Moves bit 0 of byte k to bit 56 + k.
    bits.data()[i / 8] = static_cast<uint8_t>((word * 0x0102040810204080ULL) >> 56U);
  }
  if (i < count) {
    unsigned last = 0;
    for (size_t k = i; k < count; ++k) last |= static_cast<unsigned>(in[k]) << (k - i);
    bits.data()[i / 8] = static_cast<uint8_t>(last);
  }
}

template <typename T>
bool no_fast_path(std::string_view, T&) {
  return false;
}

/// Copies in steps of 16 bytes: most texts are short, and a call costs more than the copy. Both sides are padded.
inline void copy_short(uint8_t* to, const char* from, size_t size) {
  if (size > 256) {
    std::memcpy(to, from, size);
    return;
  }
  for (size_t i = 0; i < size; i += 16) std::memcpy(to + i, from + i, 16);
}

}  // namespace

bool is_supported_type(const sdk::DataType& type) {
  switch (type.id) {
    case TypeId::kBoolean:
    case TypeId::kInt8:
    case TypeId::kInt16:
    case TypeId::kInt32:
    case TypeId::kInt64:
    case TypeId::kUInt8:
    case TypeId::kUInt16:
    case TypeId::kUInt32:
    case TypeId::kUInt64:
    case TypeId::kFloat32:
    case TypeId::kFloat64:
    case TypeId::kUtf8:
    case TypeId::kDate32: return true;
    case TypeId::kDecimal128:
      return type.precision >= 1 && type.precision <= 38 && type.scale >= 0 && type.scale <= type.precision;
    case TypeId::kTime64: return type.unit == sdk::TimeUnit::kMicrosecond;
    case TypeId::kTimestamp:
      return type.unit == sdk::TimeUnit::kMicrosecond && (!type.timezone || *type.timezone == "UTC");
    default: return false;
  }
}

ColumnWriter::ColumnWriter(ColumnSpec spec, const FieldRules& rules)
    : spec_(std::move(spec)), rules_(&rules), variable_(spec_.type.id == TypeId::kUtf8) {
  clear();
}

template <typename T, typename Fast, typename Parse>
void ColumnWriter::append_fixed(const char* data, const RecordBlock& block, uint32_t column,
                                std::span<const uint32_t> rows, std::vector<RecordProblem>& problems, const Fast& fast,
                                const Parse& parse) {
  const size_t count = rows.size();
  const size_t old = valid_.size();
  values_.resize((old + count) * sizeof(T));
  valid_.resize(old + count);
  auto* out = reinterpret_cast<T*>(values_.data()) + old;
  uint8_t* valid = valid_.data() + old;
  const FieldSpan* fields = block.fields.data() + column;
  const size_t stride = block.column_count;
  const bool has_tokens = !rules_->null_tokens.empty();
  size_t nulls = 0;
  for (size_t i = 0; i < count; ++i) {
    const FieldSpan field = fields[rows[i] * stride];
    T value{};
    bool is_valid = false;
    if (!field.is_null() && !(has_tokens && is_null_field(data, field, *rules_))) {
      is_valid = fast(raw_text(data, field), value) || parse(raw_text(data, field), value);
      if (!is_valid && field.is_escaped()) is_valid = parse(field_text(data, field, *rules_, scratch_), value);
      if (!is_valid) [[unlikely]] {
        problems.push_back({rows[i], ProblemKind::kWrongType, column, 0, {}});
        value = T{};
      }
    }
    std::memcpy(&out[i], &value, sizeof(T));
    valid[i] = static_cast<uint8_t>(is_valid);
    nulls += static_cast<size_t>(!is_valid);
  }
  null_count_ += nulls;
}

template <typename T>
void ColumnWriter::append_integers(const char* data, const RecordBlock& block, uint32_t column,
                                   std::span<const uint32_t> rows, std::vector<RecordProblem>& problems) {
  const bool strict = !spec_.set_by_user;
  const auto fast = [](std::string_view text, T& out) {
    int64_t wide = 0;
    if (!fast_parse_int64(text, wide)) return false;
    out = static_cast<T>(wide);
    // Compared as signed, so that a negative number never passes as a large unsigned one.
    return wide >= 0 ? static_cast<uint64_t>(out) == static_cast<uint64_t>(wide)
                     : std::is_signed_v<T> && static_cast<int64_t>(out) == wide;
  };
  append_fixed<T>(data, block, column, rows, problems, fast, [strict](std::string_view text, T& out) {
    if constexpr (std::is_signed_v<T>) {
      int64_t wide = 0;
      if (!parse_int64(text, strict, wide)) return false;
      out = static_cast<T>(wide);
      return static_cast<int64_t>(out) == wide;
    } else {
      uint64_t wide = 0;
      if (!parse_uint64(text, strict, wide)) return false;
      out = static_cast<T>(wide);
      return static_cast<uint64_t>(out) == wide;
    }
  });
}

void ColumnWriter::append_text(const char* data, const RecordBlock& block, uint32_t column,
                               std::span<const uint32_t> rows) {
  const size_t count = rows.size();
  const size_t old = valid_.size();
  offsets_.resize((old + count + 1) * sizeof(int32_t));
  valid_.resize(old + count);
  auto* offsets = reinterpret_cast<int32_t*>(offsets_.data()) + old + 1;
  uint8_t* valid = valid_.data() + old;
  const FieldSpan* fields = block.fields.data() + column;
  const size_t stride = block.column_count;
  const bool has_tokens = !rules_->null_tokens.empty();
  size_t nulls = 0;
  size_t size = values_.size();
  for (size_t i = 0; i < count; ++i) {
    const FieldSpan field = fields[rows[i] * stride];
    const bool null = field.is_null() || (has_tokens && is_null_field(data, field, *rules_));
    if (!null) {
      const size_t length = field.length();
      if (size + length + kScanPadding > values_.capacity()) {
        values_.resize(size);
        values_.reserve(length + kScanPadding);
      }
      if (!field.is_escaped()) {
        copy_short(values_.data() + size, data + field.begin, length);
        size += length;
      } else {
        size +=
            unescape(raw_text(data, field), field.is_quoted(), *rules_, reinterpret_cast<char*>(values_.data()) + size);
      }
    }
    offsets[i] = static_cast<int32_t>(size);
    valid[i] = static_cast<uint8_t>(!null);
    nulls += static_cast<size_t>(null);
  }
  values_.resize(size);
  null_count_ += nulls;
}

void ColumnWriter::append_times(const char* data, const RecordBlock& block, uint32_t column,
                                std::span<const uint32_t> rows, std::vector<RecordProblem>& problems) {
  const std::string_view pattern = spec_.pattern;
  if (spec_.type.id == TypeId::kDate32) {
    if (pattern.empty()) {
      append_fixed<int32_t>(data, block, column, rows, problems, no_fast_path<int32_t>, parse_date);
      return;
    }
    append_fixed<int32_t>(data, block, column, rows, problems, no_fast_path<int32_t>,
                          [pattern](std::string_view text, int32_t& days) {
                            PatternValue value;
                            if (!parse_by_pattern(text, pattern, value) || value.micros % kMicrosPerDay != 0)
                              return false;
                            days = static_cast<int32_t>(value.micros / kMicrosPerDay);
                            return true;
                          });
    return;
  }
  const bool want_zone = spec_.type.timezone.has_value();
  if (pattern.empty()) {
    append_fixed<int64_t>(data, block, column, rows, problems, no_fast_path<int64_t>,
                          [want_zone](std::string_view text, int64_t& micros) {
                            bool has_zone = false;
                            return parse_timestamp(text, micros, has_zone) && has_zone == want_zone;
                          });
    return;
  }
  append_fixed<int64_t>(data, block, column, rows, problems, no_fast_path<int64_t>,
                        [pattern, want_zone](std::string_view text, int64_t& micros) {
                          PatternValue value;
                          if (!parse_by_pattern(text, pattern, value)) return false;
                          micros = value.micros;
                          return value.has_zone == want_zone;
                        });
}

void ColumnWriter::append(const char* data, const RecordBlock& block, uint32_t column, std::span<const uint32_t> rows,
                          std::vector<RecordProblem>& problems) {
  const bool strict = !spec_.set_by_user;
  const char point = rules_->decimal_point;
  switch (spec_.type.id) {
    case TypeId::kInt8: append_integers<int8_t>(data, block, column, rows, problems); return;
    case TypeId::kInt16: append_integers<int16_t>(data, block, column, rows, problems); return;
    case TypeId::kInt32: append_integers<int32_t>(data, block, column, rows, problems); return;
    case TypeId::kInt64: append_integers<int64_t>(data, block, column, rows, problems); return;
    case TypeId::kUInt8: append_integers<uint8_t>(data, block, column, rows, problems); return;
    case TypeId::kUInt16: append_integers<uint16_t>(data, block, column, rows, problems); return;
    case TypeId::kUInt32: append_integers<uint32_t>(data, block, column, rows, problems); return;
    case TypeId::kUInt64: append_integers<uint64_t>(data, block, column, rows, problems); return;
    case TypeId::kBoolean:
      append_fixed<uint8_t>(data, block, column, rows, problems, fast_parse_boolean,
                            [strict](std::string_view text, uint8_t& out) {
                              bool value = false;
                              if (!parse_boolean(text, !strict, value)) return false;
                              out = static_cast<uint8_t>(value);
                              return true;
                            });
      return;
    case TypeId::kFloat64:
      append_fixed<double>(
          data, block, column, rows, problems, no_fast_path<double>,
          [strict, point](std::string_view text, double& out) { return parse_double(text, point, strict, out); });
      return;
    case TypeId::kFloat32:
      append_fixed<float>(
          data, block, column, rows, problems, no_fast_path<float>, [point](std::string_view text, float& out) {
            double value = 0;
            if (!parse_double(text, point, false, value)) return false;
            const bool finite = value - value == 0;
            if (finite && (value > std::numeric_limits<float>::max() || value < std::numeric_limits<float>::lowest())) {
              return false;
            }
            out = static_cast<float>(value);
            return true;
          });
      return;
    case TypeId::kDecimal128: {
      const int32_t precision = spec_.type.precision;
      const int32_t scale = spec_.type.scale;
      append_fixed<__int128>(data, block, column, rows, problems, no_fast_path<__int128>,
                             [precision, scale, strict, point](std::string_view text, __int128& out) {
                               return parse_decimal(text, point, precision, scale, strict, out);
                             });
      return;
    }
    case TypeId::kTime64:
      append_fixed<int64_t>(data, block, column, rows, problems, no_fast_path<int64_t>, parse_time);
      return;
    case TypeId::kDate32:
    case TypeId::kTimestamp: append_times(data, block, column, rows, problems); return;
    default: append_text(data, block, column, rows); return;
  }
}

void ColumnWriter::append_nulls(size_t count) {
  const size_t rows = valid_.size() + count;
  valid_.resize_filled(rows, 0);
  null_count_ += count;
  if (variable_) {
    const auto end = static_cast<int32_t>(values_.size());
    for (size_t i = 0; i < count; ++i) offsets_.push(end);
  } else {
    const size_t width = spec_.type.id == TypeId::kBoolean ? 1 : spec_.type.value_width();
    values_.resize_filled(rows * width, 0);
  }
}

size_t ColumnWriter::bytes_needed(size_t rows, size_t text_bytes) const {
  const size_t validity = rows / 8 + 1;
  if (variable_) return rows * sizeof(int32_t) + text_bytes + validity;
  return (spec_.type.id == TypeId::kBoolean ? validity : rows * spec_.type.value_width()) + validity;
}

void ColumnWriter::truncate(size_t length) {
  for (size_t row = length; row < valid_.size(); ++row) null_count_ -= static_cast<size_t>(valid_.data()[row] == 0);
  valid_.truncate(length);
  if (variable_) {
    offsets_.truncate((length + 1) * sizeof(int32_t));
    int32_t end = 0;
    std::memcpy(&end, offsets_.data() + length * sizeof(int32_t), sizeof(end));
    values_.truncate(static_cast<size_t>(end));
  } else {
    values_.truncate(length * (spec_.type.id == TypeId::kBoolean ? 1 : spec_.type.value_width()));
  }
}

void ColumnWriter::clear() {
  valid_.clear();
  values_.clear();
  offsets_.clear();
  if (variable_) offsets_.push(int32_t{0});
  null_count_ = 0;
}

sdk::ColumnBuffers ColumnWriter::buffers() {
  sdk::ColumnBuffers out;
  out.null_count = static_cast<int64_t>(null_count_);
  if (null_count_ != 0) {
    pack_bits(valid_, packed_valid_);
    out.validity = packed_valid_.span();
  }
  if (spec_.type.id == TypeId::kBoolean) {
    pack_bits(values_, packed_values_);
    out.values = packed_values_.span();
  } else {
    out.values = values_.span();
  }
  if (variable_) out.offsets = offsets_.span();
  return out;
}

std::string_view ColumnWriter::text(size_t row) const {
  int32_t range[2] = {0, 0};
  std::memcpy(range, offsets_.data() + row * sizeof(int32_t), sizeof(range));
  return {reinterpret_cast<const char*>(values_.data()) + range[0], static_cast<size_t>(range[1] - range[0])};
}

}  // namespace rapidbyte::source_file
