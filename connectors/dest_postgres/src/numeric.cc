#include "src/numeric.h"

#include <algorithm>

#include "postgres/message.h"

namespace rapidbyte::dest_postgres {
namespace {

using postgres::store_be;

constexpr uint16_t kNegative = 0x4000;
constexpr uint16_t kNan = 0xC000;
constexpr uint16_t kPositiveInfinity = 0xD000;
constexpr uint16_t kNegativeInfinity = 0xF000;
constexpr int32_t kGroupDigits = 4;  // decimal digits in one digit of base 10000
constexpr uint64_t kPowers[] = {1, 10, 100, 1000};
// Limits of the type: digits before and after the decimal point (documentation, "Numeric Types").
constexpr size_t kMaxWholeDigits = 131072;
constexpr size_t kMaxFractionDigits = 16383;

// The most groups of a 256-bit number (78 digits), moved by up to 76 digits of a negative scale.
constexpr size_t kMaxGroups = 42;

uint8_t* put_header(uint8_t* at, size_t groups, int32_t weight, uint16_t sign, int32_t scale) {
  store_be<uint32_t>(at, static_cast<uint32_t>(8 + 2 * groups));
  store_be<uint16_t>(at + 4, static_cast<uint16_t>(groups));
  store_be<int16_t>(at + 6, static_cast<int16_t>(weight));
  store_be<uint16_t>(at + 8, sign);
  store_be<uint16_t>(at + 10, static_cast<uint16_t>(scale));
  return at + 12;
}

// Groups come least significant first, in the order in which division produces them.
uint8_t* put_groups(uint8_t* at, const uint16_t* groups, size_t count, bool negative, int32_t scale,
                    int32_t fraction_groups) {
  size_t first = 0;
  while (first < count && groups[first] == 0) ++first;
  while (count > first && groups[count - 1] == 0) --count;
  if (first == count) return put_header(at, 0, 0, 0, scale);
  at =
      put_header(at, count - first, static_cast<int32_t>(count) - 1 - fraction_groups, negative ? kNegative : 0, scale);
  for (size_t i = count; i-- > first; at += 2) store_be<uint16_t>(at, groups[i]);
  return at;
}

int32_t padding_of(int32_t scale) { return (kGroupDigits - scale % kGroupDigits) % kGroupDigits; }

uint16_t group_of(std::string_view digits) {
  uint16_t value = 0;
  for (size_t i = 0; i < kGroupDigits; ++i) {
    value = static_cast<uint16_t>(value * 10 + (i < digits.size() ? digits[i] - '0' : 0));
  }
  return value;
}

bool all_digits(std::string_view text) { return text.find_first_not_of("0123456789") == std::string_view::npos; }

}  // namespace

DecimalLayout DecimalLayout::of(int32_t scale) {
  // The largest value of four base-10000 digits, plus one.
  constexpr uint64_t kEnd = 10'000'000'000'000'000;
  DecimalLayout layout;
  // A negative scale appends zeros, and the number has no fraction.
  if (scale < 0) return layout;
  layout.scale = scale;
  const int32_t padding = padding_of(scale);
  layout.align = kPowers[padding];
  layout.largest = (kEnd - 1) / layout.align;
  layout.fraction_groups = (scale + padding) / kGroupDigits;
  return layout;
}

uint8_t* put_decimal64(uint8_t* at, uint64_t magnitude, bool negative, int32_t scale) {
  const DecimalLayout layout = DecimalLayout::of(scale);
  if (magnitude <= layout.largest) return put_small_decimal(at, small_decimal(magnitude, negative, layout));
  const uint64_t words[2] = {negative ? ~magnitude + 1 : magnitude, negative ? ~uint64_t{0} : 0};
  return put_decimal(at, words, 2, scale);
}

uint8_t* put_decimal(uint8_t* at, const uint64_t* words, size_t count, int32_t scale) {
  const bool negative = (words[count - 1] >> 63) != 0;
  uint64_t magnitude[4] = {};
  uint64_t carry = 1;
  for (size_t i = 0; i < count; ++i) {
    magnitude[i] = words[i];
    if (!negative) continue;
    magnitude[i] = ~words[i] + carry;
    carry = carry != 0 && magnitude[i] == 0 ? 1 : 0;
  }
  const DecimalLayout layout = DecimalLayout::of(scale);
  bool small = magnitude[0] <= layout.largest;
  for (size_t i = 1; i < count; ++i) small = small && magnitude[i] == 0;
  if (small) return put_small_decimal(at, small_decimal(magnitude[0], negative, layout));

  const int32_t shown_scale = scale < 0 ? 0 : scale;
  const int32_t padding = scale < 0 ? (-scale) % kGroupDigits : padding_of(scale);
  uint32_t limbs[9] = {};  // one more than 256 bits, for the padding
  for (size_t i = 0; i < count; ++i) {
    limbs[2 * i] = static_cast<uint32_t>(magnitude[i]);
    limbs[2 * i + 1] = static_cast<uint32_t>(magnitude[i] >> 32);
  }
  uint64_t overflow = 0;
  for (uint32_t& limb : limbs) {
    const uint64_t product = limb * kPowers[padding] + overflow;
    limb = static_cast<uint32_t>(product);
    overflow = product >> 32;
  }
  uint16_t groups[kMaxGroups] = {};
  size_t made = 0;
  // Whole groups of zeros that a negative scale appends.
  if (scale < 0) made = static_cast<size_t>((-scale) / kGroupDigits);
  size_t used = 9;
  while (used > 0 && limbs[used - 1] == 0) --used;
  while (used > 0 && made + 2 <= kMaxGroups) {
    uint64_t remainder = 0;
    for (size_t i = used; i-- > 0;) {
      const uint64_t value = (remainder << 32) | limbs[i];
      limbs[i] = static_cast<uint32_t>(value / 100'000'000);
      remainder = value % 100'000'000;
    }
    groups[made++] = static_cast<uint16_t>(remainder % 10'000);
    groups[made++] = static_cast<uint16_t>(remainder / 10'000);
    while (used > 0 && limbs[used - 1] == 0) --used;
  }
  return put_groups(at, groups, made, negative, shown_scale, scale < 0 ? 0 : (scale + padding) / kGroupDigits);
}

uint8_t* put_numeric_nan(uint8_t* at) { return put_header(at, 0, 0, kNan, 0); }

std::optional<NumericText> parse_numeric(std::string_view text) {
  NumericText number;
  if (text == "NaN") {
    number.kind = NumericText::Kind::kNan;
    return number;
  }
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    number.negative = text.front() == '-';
    text.remove_prefix(1);
  }
  if (text == "Infinity") {
    number.kind = NumericText::Kind::kInfinity;
    return number;
  }
  const size_t point = text.find('.');
  number.whole = text.substr(0, point);
  if (point != std::string_view::npos) number.fraction = text.substr(point + 1);
  if (number.whole.empty() && number.fraction.empty()) return std::nullopt;
  if (!all_digits(number.whole) || !all_digits(number.fraction)) return std::nullopt;
  number.whole.remove_prefix(std::min(number.whole.find_first_not_of('0'), number.whole.size()));
  if (number.whole.size() > kMaxWholeDigits || number.fraction.size() > kMaxFractionDigits) return std::nullopt;
  return number;
}

uint8_t* put_numeric_text(uint8_t* at, const NumericText& number) {
  switch (number.kind) {
    case NumericText::Kind::kNan: return put_numeric_nan(at);
    case NumericText::Kind::kInfinity:
      return put_header(at, 0, 0, number.negative ? kNegativeInfinity : kPositiveInfinity, 0);
    case NumericText::Kind::kFinite: break;
  }
  const auto scale = static_cast<int32_t>(number.fraction.size());
  std::string_view fraction = number.fraction;
  while (!fraction.empty() && fraction.back() == '0') fraction.remove_suffix(1);
  if (number.whole.empty() && fraction.empty()) return put_header(at, 0, 0, 0, scale);

  uint8_t* const header = at;
  at += 12;
  auto weight = static_cast<int32_t>((number.whole.size() + kGroupDigits - 1) / kGroupDigits) - 1;
  const size_t head = number.whole.size() % kGroupDigits;
  if (head != 0) {
    uint16_t value = 0;
    for (const char digit : number.whole.substr(0, head)) value = static_cast<uint16_t>(value * 10 + (digit - '0'));
    store_be<uint16_t>(at, value);
    at += 2;
  }
  for (size_t i = head; i < number.whole.size(); i += kGroupDigits, at += 2) {
    store_be<uint16_t>(at, group_of(number.whole.substr(i, kGroupDigits)));
  }
  for (size_t i = 0; i < fraction.size(); i += kGroupDigits) {
    const uint16_t group = group_of(fraction.substr(i, kGroupDigits));
    // Zeros between the point and the first digit are expressed by the weight.
    if (group == 0 && at == header + 12) {
      --weight;
      continue;
    }
    store_be<uint16_t>(at, group);
    at += 2;
  }
  const auto groups = static_cast<size_t>(at - header - 12) / 2;
  put_header(header, groups, weight, number.negative ? kNegative : 0, scale);
  return at;
}

bool fits_numeric(const NumericText& number, int32_t precision, int32_t scale) {
  if (number.kind == NumericText::Kind::kNan || precision == 0) return true;
  if (number.kind == NumericText::Kind::kInfinity) return false;
  std::string_view fraction = number.fraction;
  while (!fraction.empty() && fraction.back() == '0') fraction.remove_suffix(1);
  if (number.whole.empty() && fraction.empty()) return true;
  if (static_cast<int64_t>(fraction.size()) > std::max(scale, 0)) return false;
  if (scale < 0) {
    // numeric(3, -2): the last two digits are zeros, three may stand before them.
    const auto zeros = static_cast<size_t>(-scale);
    const std::string_view tail =
        number.whole.substr(number.whole.size() > zeros ? number.whole.size() - zeros : size_t{0});
    if (tail.find_first_not_of('0') != std::string_view::npos) return false;
  }
  if (!number.whole.empty()) return static_cast<int64_t>(number.whole.size()) <= int64_t{precision} - scale;
  // 0.00012 fits numeric(2, 5): zeros behind the point need no digit when the scale is larger than the precision.
  const size_t zeros = fraction.find_first_not_of('0');
  return static_cast<int64_t>(zeros) >= int64_t{scale} - precision;
}

}  // namespace rapidbyte::dest_postgres
