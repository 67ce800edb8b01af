#include "src/binary_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string>

#include "postgres/message.h"
#include "src/column_check.h"
#include "src/numeric.h"
#include "src/time_text.h"
#include "src/wire_value.h"

namespace rapidbyte::dest_postgres {
namespace {

using postgres::store_be;
using sdk::ByteBuffer;

// The server's own limit (MAXDIM).
constexpr size_t kMostDimensions = 6;
// Small numbers take four times as many bytes in binary as in text.
constexpr size_t kMostColumnBytes = size_t{64} << 20;

/// Room for `bytes` after the current content.
uint8_t* room(ByteBuffer& out, size_t bytes) {
  out.reserve(bytes);
  return out.data() + out.size();
}
void end_at(ByteBuffer& out, const uint8_t* end) { out.resize(static_cast<size_t>(end - out.data())); }

template <typename T>
void put_number(ByteBuffer& out, T value) {
  uint8_t* const at = room(out, sizeof value);
  store_be<T>(at, value);
  end_at(out, at + sizeof value);
}

template <typename T>
bool put_integer(std::string_view text, ByteBuffer& out) {
  T value{};
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return false;
  end_at(out, put_fixed(room(out, kLengthBytes + sizeof value), value));
  return true;
}

// "1.5e-07", "NaN", "-Infinity". strtod() accepts more (blanks, hexadecimal), which is left to the server, and is as
// exact as the server.
template <typename T, typename Bits>
bool put_real(std::string_view text, ByteBuffer& out) {
  constexpr size_t kLongest = 32;  // the shortest text that reads back as the same number has 24
  if (text.empty() || text.size() > kLongest) return false;
  T value{};
  if (text == "NaN") {
    value = std::numeric_limits<T>::quiet_NaN();
  } else if (text == "Infinity" || text == "-Infinity") {
    value = text.front() == '-' ? -std::numeric_limits<T>::infinity() : std::numeric_limits<T>::infinity();
  } else {
    if (text.find_first_not_of("0123456789+-.e") != std::string_view::npos) return false;
    char digits[kLongest + 1];
    *std::copy(text.begin(), text.end(), digits) = '\0';
    char* end = nullptr;
    if constexpr (sizeof(T) == sizeof(float)) {
      value = std::strtof(digits, &end);
    } else {
      value = std::strtod(digits, &end);
    }
    // Values that are too large, and those that become zero, are errors to the server.
    if (end != digits + text.size() || !std::isfinite(value)) return false;
    if (value == 0 && text.substr(0, text.find('e')).find_first_of("123456789") != std::string_view::npos) return false;
  }
  end_at(out, put_fixed(room(out, kLengthBytes + sizeof value), std::bit_cast<Bits>(value)));
  return true;
}

bool put_hex_bytes(std::string_view text, ByteBuffer& out) {
  if (!text.starts_with("\\x") || text.size() % 2 != 0) return false;
  text.remove_prefix(2);
  uint8_t* at = room(out, kLengthBytes + text.size() / 2);
  store_be<uint32_t>(at, static_cast<uint32_t>(text.size() / 2));
  at += kLengthBytes;
  for (; !text.empty(); text.remove_prefix(2)) {
    uint8_t byte = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + 2, byte, 16);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + 2) return false;
    *at++ = byte;
  }
  end_at(out, at);
  return true;
}

bool has_element_form(WireType wire) {
  switch (wire) {
    case WireType::kInterval:
    case WireType::kOther: return false;
    default: return true;
  }
}

// Length and value of an element or bound of a type that is sent as `wire`.
bool put_value(Oid type, WireType wire, std::string_view text, ByteBuffer& out) {
  switch (wire) {
    case WireType::kBool:
      if (text != "t" && text != "f") return false;
      end_at(out, put_fixed<uint8_t>(room(out, kLengthBytes + 1), text == "t" ? 1 : 0));
      return true;
    case WireType::kInt2: return put_integer<int16_t>(text, out);
    case WireType::kInt4: return put_integer<int32_t>(text, out);
    case WireType::kInt8: return put_integer<int64_t>(text, out);
    case WireType::kOid: return put_integer<uint32_t>(text, out);
    case WireType::kFloat4: return put_real<float, uint32_t>(text, out);
    case WireType::kFloat8: return put_real<double, uint64_t>(text, out);
    case WireType::kNumeric: {
      const auto number = parse_numeric(text);
      if (!number) return false;
      end_at(out, put_numeric_text(room(out, kLengthBytes + kNumericTextExtra + text.size()), *number));
      return true;
    }
    case WireType::kText:
      // The server would truncate it.
      if (type == postgres::kOidName && text.size() > 63) return false;
      end_at(out, put_bytes(room(out, kLengthBytes + text.size()), text));
      return true;
    case WireType::kJsonb: end_at(out, put_jsonb(room(out, kLengthBytes + 1 + text.size()), text)); return true;
    case WireType::kBytea: return put_hex_bytes(text, out);
    case WireType::kUuid:
      if (!is_uuid(text)) return false;
      end_at(out, put_uuid(room(out, kLengthBytes + 16), text));
      return true;
    case WireType::kDate: {
      const auto days = parse_date(text);
      if (!days || *days > INT32_MAX || *days < INT32_MIN) return false;
      end_at(out, put_fixed(room(out, kLengthBytes + 4), to_postgres_days(static_cast<int32_t>(*days))));
      return true;
    }
    case WireType::kTime: {
      const auto micros = parse_time(text);
      if (!micros) return false;
      end_at(out, put_fixed(room(out, kLengthBytes + 8), *micros));
      return true;
    }
    case WireType::kTimestamp: {
      const auto micros = parse_timestamp(text, type == postgres::kOidTimestamptz);
      if (!micros) return false;
      end_at(out, put_fixed(room(out, kLengthBytes + 8), to_postgres_micros(*micros, sdk::TimeUnit::kMicrosecond)));
      return true;
    }
    case WireType::kInterval:
    case WireType::kOther: break;
  }
  return false;
}

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool is_null(std::string_view text) {
  return text.size() == 4 && (text[0] | 0x20) == 'n' && (text[1] | 0x20) == 'u' && (text[2] | 0x20) == 'l' &&
         (text[3] | 0x20) == 'l';
}

// An element of an array as array_out() writes it: a text that contains a blank, brace, comma, quote or backslash, is
// empty, or reads NULL is quoted.
class ArrayText {
 public:
  ArrayText(const PgType& type, std::string_view text, ByteBuffer& out)
      : element_(type.element),
        wire_(wire_type({.oid = type.element, .kind = type.element_kind})),
        text_(text),
        out_(out) {}

  bool put() {
    size_t dimensions = 0;
    while (dimensions < text_.size() && text_[dimensions] == '{') ++dimensions;
    if (dimensions == 0 || dimensions > kMostDimensions) return false;
    const bool is_empty = text_ == "{}";
    if (is_empty) dimensions = 0;
    const size_t head = out_.size();
    put_number(out_, static_cast<uint32_t>(dimensions));
    put_number<uint32_t>(out_, 0);
    put_number(out_, element_);
    if (is_empty) return true;
    for (size_t i = 0; i < dimensions; ++i) {
      put_number<uint32_t>(out_, 0);
      put_number<uint32_t>(out_, 1);
    }
    text_.remove_prefix(dimensions);
    if (!put_elements(dimensions)) return false;
    if (has_null_) store_be<uint32_t>(out_.data() + head + 4, 1);
    for (size_t i = 0; i < dimensions; ++i) {
      store_be<uint32_t>(out_.data() + head + 12 + 8 * i, sizes_[i + 1]);
    }
    return true;
  }

 private:
  bool take(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }

  bool put_elements(size_t dimensions) {
    std::array<uint32_t, kMostDimensions + 1> counts{};  // by depth, of the arrays not yet closed
    size_t depth = dimensions;
    for (;;) {
      if (!put_element()) return false;
      ++counts[depth];
      if (take(',')) continue;
      // Close, perhaps several, and open as many again.
      do {
        if (!take('}')) return false;
        if (sizes_[depth] == 0) sizes_[depth] = counts[depth];
        if (sizes_[depth] != counts[depth]) return false;
        counts[depth--] = 0;
        if (depth == 0) return text_.empty();
        ++counts[depth];
      } while (!take(','));
      for (; depth < dimensions; ++depth) {
        if (!take('{')) return false;
      }
    }
  }

  bool put_element() {
    if (take('"')) return put_quoted();
    size_t size = 0;
    for (; size < text_.size() && text_[size] != ',' && text_[size] != '}'; ++size) {
      const char c = text_[size];
      if (c == '{' || c == '"' || c == '\\' || is_blank(c)) return false;
    }
    if (size == 0) return false;
    const std::string_view element = text_.substr(0, size);
    text_.remove_prefix(size);
    if (!is_null(element)) return put_value(element_, wire_, element, out_);
    has_null_ = true;
    end_at(out_, put_null(room(out_, kLengthBytes)));
    return true;
  }

  bool put_quoted() {
    const size_t plain = text_.find_first_of("\"\\");
    if (plain == std::string_view::npos) return false;
    if (text_[plain] == '"') {
      const std::string_view element = text_.substr(0, plain);
      text_.remove_prefix(plain + 1);
      return put_value(element_, wire_, element, out_);
    }
    unescaped_.assign(text_.substr(0, plain));
    size_t at = plain;
    for (; at < text_.size() && text_[at] != '"'; ++at) {
      if (text_[at] == '\\' && ++at == text_.size()) return false;
      unescaped_ += text_[at];
    }
    if (at == text_.size()) return false;
    text_.remove_prefix(at + 1);
    return put_value(element_, wire_, unescaped_, out_);
  }

  Oid element_;
  WireType wire_;
  std::string_view text_;
  ByteBuffer& out_;
  std::array<uint32_t, kMostDimensions + 1> sizes_{};  // by depth, from 1
  bool has_null_ = false;
  std::string unescaped_;
};

Oid bound_type(Oid range) {
  switch (range) {
    case postgres::kOidInt4Range: return postgres::kOidInt4;
    case postgres::kOidInt8Range: return postgres::kOidInt8;
    case postgres::kOidNumRange: return postgres::kOidNumeric;
    case postgres::kOidTsRange: return postgres::kOidTimestamp;
    case postgres::kOidTstzRange: return postgres::kOidTimestamptz;
    case postgres::kOidDateRange: return postgres::kOidDate;
    default: return 0;
  }
}

// "[1,5)", "(,5]", "empty"; texts with blanks are quoted.
bool put_range(Oid range, std::string_view text, ByteBuffer& out) {
  enum : uint8_t { kEmpty = 1, kLowerIncluded = 2, kUpperIncluded = 4, kNoLower = 8, kNoUpper = 16 };
  if (text == "empty") {
    put_number<uint8_t>(out, kEmpty);
    return true;
  }
  const size_t comma = text.find(',');
  if (text.size() < 3 || comma == std::string_view::npos || text.find(',', comma + 1) != std::string_view::npos) {
    return false;
  }
  const char open = text.front();
  const char close = text.back();
  if ((open != '[' && open != '(') || (close != ']' && close != ')')) return false;
  const auto unquoted = [](std::string_view bound) {
    return bound.size() >= 2 && bound.front() == '"' && bound.back() == '"' ? bound.substr(1, bound.size() - 2) : bound;
  };
  const std::string_view lower = text.substr(1, comma - 1);
  const std::string_view upper = text.substr(comma + 1, text.size() - comma - 2);
  uint8_t flags = 0;
  if (lower.empty()) {
    flags |= kNoLower;
  } else if (open == '[') {
    flags |= kLowerIncluded;
  }
  if (upper.empty()) {
    flags |= kNoUpper;
  } else if (close == ']') {
    flags |= kUpperIncluded;
  }
  put_number(out, flags);
  const Oid type = bound_type(range);
  const WireType wire = wire_type({.oid = type});
  return (lower.empty() || put_value(type, wire, unquoted(lower), out)) &&
         (upper.empty() || put_value(type, wire, unquoted(upper), out));
}

bool put_bits(std::string_view text, ByteBuffer& out) {
  put_number(out, static_cast<uint32_t>(text.size()));
  for (size_t i = 0; i < text.size(); i += 8) {
    uint8_t byte = 0;
    for (size_t bit = i; bit < std::min(i + 8, text.size()); ++bit) {
      if (text[bit] != '0' && text[bit] != '1') return false;
      byte = static_cast<uint8_t>(byte | (text[bit] - '0') << (7 - bit % 8));
    }
    put_number(out, byte);
  }
  return true;
}

std::optional<uint8_t> small_number(std::string_view text) {
  uint8_t value = 0;
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

using Address = std::array<uint8_t, 16>;

bool read_ipv4(std::string_view text, uint8_t* bytes) {
  for (int i = 0; i < 4; ++i) {
    const size_t end = i == 3 ? text.size() : text.find('.');
    if (end == std::string_view::npos) return false;
    const auto byte = small_number(text.substr(0, end));
    if (!byte) return false;
    bytes[i] = *byte;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return true;
}

bool read_ipv6(std::string_view text, Address& address) {
  std::array<uint8_t, 16> head{};
  size_t before = 0;  // bytes
  std::optional<size_t> gap;
  if (text.starts_with("::")) {
    gap = 0;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    const size_t end = std::min(text.find(':'), text.size());
    const std::string_view group = text.substr(0, end);
    if (group.find('.') != std::string_view::npos) {
      if (end != text.size() || before > 12 || !read_ipv4(group, head.data() + before)) return false;
      before += 4;
      break;
    }
    uint16_t value = 0;
    const auto parsed = std::from_chars(group.data(), group.data() + group.size(), value, 16);
    if (group.empty() || group.size() > 4 || before > 14 || parsed.ec != std::errc() ||
        parsed.ptr != group.data() + group.size()) {
      return false;
    }
    store_be<uint16_t>(head.data() + before, value);
    before += 2;
    text.remove_prefix(end);
    if (text.empty()) break;
    text.remove_prefix(1);
    if (text.starts_with(':')) {
      if (gap) return false;
      gap = before;
      text.remove_prefix(1);
    } else if (text.empty()) {
      return false;
    }
  }
  if (gap ? before > 14 : before != 16) return false;
  address = {};
  const size_t left = gap.value_or(before);
  std::copy_n(head.begin(), left, address.begin());
  std::copy(head.begin() + static_cast<ptrdiff_t>(left), head.begin() + static_cast<ptrdiff_t>(before),
            address.end() - static_cast<ptrdiff_t>(before - left));
  return true;
}

bool put_address(bool is_cidr, std::string_view text, ByteBuffer& out) {
  const size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  const bool is_v6 = host.find(':') != std::string_view::npos;
  const uint8_t most = is_v6 ? 128 : 32;
  uint8_t bits = most;
  if (slash != std::string_view::npos) {
    const auto given = small_number(text.substr(slash + 1));
    if (!given || *given > most) return false;
    bits = *given;
  } else if (is_cidr) {
    return false;  // the server guesses how many
  }
  Address address{};
  if (is_v6 ? !read_ipv6(host, address) : !read_ipv4(host, address.data())) return false;
  const size_t size = is_v6 ? 16 : 4;
  // PGSQL_AF_INET and PGSQL_AF_INET6 of the server's utils/inet.h.
  const uint8_t head[] = {static_cast<uint8_t>(is_v6 ? 3 : 2), bits, static_cast<uint8_t>(is_cidr ? 1 : 0),
                          static_cast<uint8_t>(size)};
  out.append(head, sizeof head);
  out.append(address.data(), size);
  return true;
}

bool put_mac_address(size_t size, std::string_view text, ByteBuffer& out) {
  if (text.size() != size * 3 - 1) return false;
  for (size_t i = 0; i < size; ++i) {
    uint8_t byte = 0;
    const char* const at = text.data() + i * 3;
    const auto parsed = std::from_chars(at, at + 2, byte, 16);
    if (parsed.ec != std::errc() || parsed.ptr != at + 2 || (i + 1 < size && at[2] != ':')) return false;
    put_number(out, byte);
  }
  return true;
}

}  // namespace

TextForm text_form(const PgType& type) {
  if (type.element != 0) {
    const bool known = has_element_form(wire_type({.oid = type.element, .kind = type.element_kind}));
    return known ? TextForm::kArray : TextForm::kNone;
  }
  if (bound_type(type.oid) != 0) return TextForm::kRange;
  switch (type.oid) {
    case postgres::kOidBit:
    case postgres::kOidVarbit: return TextForm::kBits;
    case postgres::kOidInet:
    case postgres::kOidCidr: return TextForm::kAddress;
    case postgres::kOidMacaddr:
    case postgres::kOidMacaddr8: return TextForm::kMacAddress;
    default: return TextForm::kNone;
  }
}

bool put_binary_text(const PgType& type, std::string_view text, ByteBuffer& out) {
  switch (text_form(type)) {
    case TextForm::kArray: return ArrayText(type, text, out).put();
    case TextForm::kRange: return put_range(type.oid, text, out);
    case TextForm::kBits: return put_bits(text, out);
    case TextForm::kAddress: return put_address(type.oid == postgres::kOidCidr, text, out);
    case TextForm::kMacAddress: return put_mac_address(type.oid == postgres::kOidMacaddr ? 6 : 8, text, out);
    case TextForm::kNone: break;
  }
  return false;
}

bool BinaryColumn::read(const PgType& type, const ColumnSource& texts, size_t rows) {
  values_.clear();
  offsets_.assign(1, 0);
  offsets_.reserve(rows + 1);
  for (size_t row = 0; row < rows; ++row) {
    if (!texts.is_null(row) && !put_binary_text(type, texts.bytes(row), values_)) return false;
    if (values_.size() > kMostColumnBytes) return false;
    offsets_.push_back(static_cast<int32_t>(values_.size()));
  }
  return true;
}

ColumnSource BinaryColumn::source(const ColumnSource& texts) const {
  ColumnSource out = texts;
  out.type = sdk::DataType::of(sdk::TypeId::kBinary);
  out.offsets = reinterpret_cast<const uint8_t*>(offsets_.data());
  out.values = values_.data();
  return out;
}

}  // namespace rapidbyte::dest_postgres
