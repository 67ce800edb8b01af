#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "rapidbyte/text/number_text.h"
#include "rapidbyte/text/time_text.h"
#include "two_digits.h"

namespace rapidbyte::text {

namespace {

bool is_digit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) != lower[i]) return false;
  }
  return true;
}

constexpr uint64_t kPow10[] = {1ULL,
                               10ULL,
                               100ULL,
                               1000ULL,
                               10000ULL,
                               100000ULL,
                               1000000ULL,
                               10000000ULL,
                               100000000ULL,
                               1000000000ULL,
                               10000000000ULL,
                               100000000000ULL,
                               1000000000000ULL,
                               10000000000000ULL,
                               100000000000000ULL,
                               1000000000000000ULL,
                               10000000000000000ULL,
                               100000000000000000ULL,
                               1000000000000000000ULL,
                               10000000000000000000ULL};

// Powers that a double holds exactly: with a mantissa of at most 2^53 one multiplication or division rounds correctly.
constexpr double kExactPow10[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

// Powers of five for nearest_double(): the first 128 bits of 5^q, rounded down, and of 1 / 5^-q, rounded up. In this
// range the product with a mantissa of 64 bits is exact enough that the rounding is always right (Lemire, "Number
// Parsing at a Gigabyte per Second", 2021).
constexpr int32_t kMaxFivePower = 27;
struct FivePowers {
  uint64_t high[2 * kMaxFivePower + 1] = {};
  uint64_t low[2 * kMaxFivePower + 1] = {};
  constexpr FivePowers() {
    uint64_t power = 1;
    for (int32_t q = 0; q <= kMaxFivePower; ++q) {
      uint32_t bits = 0;
      while (bits < 64 && (power >> bits) != 0) ++bits;
      high[kMaxFivePower + q] = power << (64 - bits);
      if (q != 0) {
        const unsigned __int128 first = static_cast<unsigned __int128>(1) << (bits + 63);
        uint64_t quotient = static_cast<uint64_t>(first / power);
        const unsigned __int128 rest = (first % power) << 64U;
        const uint64_t fraction = static_cast<uint64_t>(rest / power) + 1;
        if (fraction == 0) ++quotient;
        high[kMaxFivePower - q] = quotient;
        low[kMaxFivePower - q] = fraction;
      }
      power *= 5;
    }
  }
};
constexpr FivePowers kFivePowers;

struct Product {
  uint64_t high;
  uint64_t low;
};

/// 64 x 64 bits in parts of 32: WebAssembly has no wider multiplication, and a call would cost more.
Product multiply(uint64_t a, uint64_t b) {
  const uint64_t a_low = static_cast<uint32_t>(a), a_high = a >> 32U;
  const uint64_t b_low = static_cast<uint32_t>(b), b_high = b >> 32U;
  const uint64_t low = a_low * b_low;
  const uint64_t middle = a_high * b_low + (low >> 32U);
  const uint64_t cross = a_low * b_high + static_cast<uint32_t>(middle);
  return {a_high * b_high + (middle >> 32U) + (cross >> 32U), (cross << 32U) | static_cast<uint32_t>(low)};
}

/// mantissa * 10^exponent to the nearest double, ties to even. mantissa is not 0, |exponent| <= kMaxFivePower.
double nearest_double(uint64_t mantissa, int32_t exponent) {
  const auto leading = static_cast<uint32_t>(__builtin_clzll(mantissa));
  const uint64_t normal = mantissa << leading;
  Product product = multiply(normal, kFivePowers.high[kMaxFivePower + exponent]);
  if ((product.high & 0x1FFU) == 0x1FFU) {
    // The bits that decide about rounding are all set, so the rest of the power may carry into them.
    const Product rest = multiply(normal, kFivePowers.low[kMaxFivePower + exponent]);
    product.low += rest.high;
    product.high += product.low < rest.high ? 1 : 0;
  }
  const auto upper = static_cast<uint32_t>(product.high >> 63U);
  const uint32_t shift = upper + 64 - 52 - 3;
  uint64_t bits = product.high >> shift;
  // Exactly half way between two doubles: only possible while the power of five is exact.
  if (product.low <= 1 && exponent >= -4 && exponent <= 23 && (bits & 3U) == 1 && (bits << shift) == product.high)
    bits &= ~uint64_t{1};
  bits += bits & 1U;
  bits >>= 1U;
  // 217706 / 2^16 is log2(10), near enough for the exponents here.
  int32_t power2 =
      ((217706 * exponent) >> 16) + 63 + static_cast<int32_t>(upper) - static_cast<int32_t>(leading) + 1023;
  if (bits >= (uint64_t{2} << 52U)) {
    bits = uint64_t{1} << 52U;
    ++power2;
  }
  bits = (bits & ~(uint64_t{1} << 52U)) | (static_cast<uint64_t>(power2) << 52U);
  double out = 0;
  std::memcpy(&out, &bits, sizeof(out));
  return out;
}

unsigned __int128 pow10_128(uint32_t exponent) {
  unsigned __int128 value = 1;
  while (exponent >= 19) {
    value *= kPow10[19];
    exponent -= 19;
  }
  return value * kPow10[exponent];
}

struct SignAndDigits {
  bool negative = false;
  bool ok = false;
};

SignAndDigits take_sign(const char*& p, const char* end, bool strict) {
  SignAndDigits sign;
  if (p == end) return sign;
  if (*p == '-') {
    sign.negative = true;
    ++p;
  } else if (*p == '+') {
    if (strict) return sign;
    ++p;
  }
  sign.ok = p != end;
  return sign;
}

/// Digits only, up to 20 of them after leading zeros; false when not, or when the value does not fit.
bool parse_digits(const char* p, const char* end, uint64_t& out) {
  uint64_t value = 0;
  const auto length = static_cast<size_t>(end - p);
  if (length <= 19) {
    for (; p != end; ++p) {
      const auto digit = static_cast<unsigned char>(*p - '0');
      if (digit > 9) return false;
      value = value * 10 + digit;
    }
    out = value;
    return length != 0;
  }
  for (; p != end; ++p) {
    const auto digit = static_cast<unsigned char>(*p - '0');
    if (digit > 9) return false;
    if (__builtin_mul_overflow(value, uint64_t{10}, &value) || __builtin_add_overflow(value, digit, &value))
      return false;
  }
  out = value;
  return true;
}

template <typename T>
char* write_number(char* out, T value) {
  const auto word = [out](std::string_view text) {
    std::memcpy(out, text.data(), text.size());
    return out + text.size();
  };
  if (std::isnan(value)) return word("NaN");
  if (std::isinf(value)) return word(value < 0 ? "-Infinity" : "Infinity");
  return std::to_chars(out, out + kMaxValueText, value).ptr;
}

}  // namespace

bool parse_float_word(std::string_view text, double& out) {
  const bool negative = !text.empty() && text.front() == '-';
  if (negative) text.remove_prefix(1);
  if (equals_ignoring_case(text, "infinity") || equals_ignoring_case(text, "inf")) {
    out = negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
    return true;
  }
  if (equals_ignoring_case(text, "nan")) {
    out = std::numeric_limits<double>::quiet_NaN();
    return true;
  }
  return false;
}

bool parse_int64(std::string_view text, bool strict, int64_t& out) {
  const char* p = text.data();
  const char* end = p + text.size();
  const SignAndDigits sign = take_sign(p, end, strict);
  if (!sign.ok) return false;
  if (strict && *p == '0' && (end - p > 1 || sign.negative)) return false;
  uint64_t magnitude = 0;
  if (!parse_digits(p, end, magnitude)) return false;
  constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (magnitude > kMax + (sign.negative ? 1 : 0)) return false;
  out = sign.negative ? static_cast<int64_t>(0 - magnitude) : static_cast<int64_t>(magnitude);
  return true;
}

bool parse_uint64(std::string_view text, bool strict, uint64_t& out) {
  const char* p = text.data();
  const char* end = p + text.size();
  const SignAndDigits sign = take_sign(p, end, strict);
  if (!sign.ok || sign.negative) return false;
  if (strict && *p == '0' && end - p > 1) return false;
  return parse_digits(p, end, out);
}

bool parse_decimal(std::string_view text, char point, int32_t precision, int32_t scale, bool strict, __int128& out) {
  const char* p = text.data();
  const char* end = p + text.size();
  const SignAndDigits sign = take_sign(p, end, strict);
  if (!sign.ok) return false;
  if (strict && *p == '0' && end - p > 1 && is_digit(p[1])) return false;

  // Up to 18 digits cannot overflow a 64-bit mantissa: that covers nearly every number there is.
  if (end - p <= 19) {
    uint64_t mantissa = 0;
    int32_t fraction = -1;
    uint32_t digits = 0;
    for (; p != end; ++p) {
      const auto digit = static_cast<unsigned char>(*p - '0');
      if (digit <= 9) {
        mantissa = mantissa * 10 + digit;
        ++digits;
        fraction += fraction >= 0 ? 1 : 0;
      } else if (*p == point && fraction < 0) {
        fraction = 0;
      } else {
        return false;
      }
    }
    if (digits == 0 || (strict && fraction == 0)) return false;
    const int32_t shift = scale - (fraction > 0 ? fraction : 0);
    if (shift >= 0 && static_cast<uint32_t>(shift) + digits <= 18 &&
        (precision >= 18 || mantissa * kPow10[shift] < kPow10[precision])) {
      const auto value = static_cast<int64_t>(mantissa * kPow10[shift]);
      out = sign.negative ? -value : value;
      return true;
    }
    p = text.data() + ((text.front() == '-' || text.front() == '+') ? 1 : 0);
  }

  unsigned __int128 value = 0;
  int32_t fraction = -1;
  bool any = false;
  // A value of this size has no room for another digit. Checked before it is added: 10 times a 38-digit value wraps.
  const unsigned __int128 full = pow10_128(static_cast<uint32_t>(precision - 1));
  for (; p != end; ++p) {
    if (*p == point && fraction < 0) {
      fraction = 0;
      continue;
    }
    const auto digit = static_cast<unsigned char>(*p - '0');
    if (digit > 9) return false;
    any = true;
    if (fraction >= scale) {
      if (digit != 0) return false;
      ++fraction;
      continue;
    }
    if (value >= full) return false;
    value = value * 10 + digit;
    fraction += fraction >= 0 ? 1 : 0;
  }
  if (!any || (strict && fraction == 0)) return false;
  int32_t shift = scale - (fraction > 0 ? (fraction < scale ? fraction : scale) : 0);
  for (; shift > 0; --shift) {
    if (value >= full) return false;
    value *= 10;
  }
  out = sign.negative ? -static_cast<__int128>(value) : static_cast<__int128>(value);
  return true;
}

bool parse_double(std::string_view text, char point, bool strict, double& out) {
  const char* p = text.data();
  const char* end = p + text.size();
  const SignAndDigits sign = take_sign(p, end, strict);
  if (!sign.ok) return false;
  const char* number = p;
  if (!is_digit(*p) && *p != point) return parse_float_word(text, out);
  if (strict && *p == '0' && end - p > 1 && is_digit(p[1])) return false;

  uint64_t mantissa = 0;
  uint32_t digits = 0;       // significant, that is, after leading zeros
  uint32_t digit_count = 0;  // all
  int32_t exponent = 0;
  bool seen_point = false;
  bool fraction_digit = false;
  bool point_replaced = false;
  for (; p != end; ++p) {
    const auto digit = static_cast<unsigned char>(*p - '0');
    if (digit <= 9) {
      if (digits < 19) mantissa = mantissa * 10 + digit;
      if (digits != 0 || digit != 0) ++digits;
      ++digit_count;
      if (seen_point) {
        --exponent;
        fraction_digit = true;
      }
    } else if (*p == point && !seen_point) {
      seen_point = true;
      point_replaced = point != '.';
    } else {
      break;
    }
  }
  if (digit_count == 0 || (strict && seen_point && !fraction_digit)) return false;
  if (p != end) {
    if (*p != 'e' && *p != 'E') return false;
    ++p;
    bool negative_exponent = false;
    if (p != end && (*p == '+' || *p == '-')) negative_exponent = *p++ == '-';
    if (p == end) return false;
    int32_t written = 0;
    for (; p != end; ++p) {
      if (!is_digit(*p)) return false;
      if (written < 100000) written = written * 10 + (*p - '0');
    }
    exponent += negative_exponent ? -written : written;
  }
  if (strict && digits > 17) return false;
  if (digits <= 19 && mantissa <= (uint64_t{1} << 53U) && exponent >= -22 && exponent <= 22) {
    const auto exact = static_cast<double>(mantissa);
    const double value = exponent < 0 ? exact / kExactPow10[-exponent] : exact * kExactPow10[exponent];
    out = sign.negative ? -value : value;
    return true;
  }
  if (digits <= 19 && mantissa != 0 && exponent >= -kMaxFivePower && exponent <= kMaxFivePower) {
    const double value = nearest_double(mantissa, exponent);
    out = sign.negative ? -value : value;
    return true;
  }
  double value = 0;
  std::from_chars_result parsed{};
  if (point_replaced) {
    std::string dotted(number, end);
    dotted[dotted.find(point)] = '.';
    parsed = std::from_chars(dotted.data(), dotted.data() + dotted.size(), value);
    if (parsed.ec != std::errc() || parsed.ptr != dotted.data() + dotted.size()) return false;
  } else {
    parsed = std::from_chars(number, end, value);
    if (parsed.ec != std::errc() || parsed.ptr != end) return false;
  }
  if (std::isinf(value) || (value == 0 && digits != 0)) return false;
  out = sign.negative ? -value : value;
  return true;
}

bool parse_boolean(std::string_view text, bool lenient, bool& out) {
  if (equals_ignoring_case(text, "true")) return out = true, true;
  if (equals_ignoring_case(text, "false")) return out = false, true;
  if (!lenient) return false;
  for (const std::string_view yes : {"t", "yes", "y", "1"}) {
    if (equals_ignoring_case(text, yes)) return out = true, true;
  }
  for (const std::string_view no : {"f", "no", "n", "0"}) {
    if (equals_ignoring_case(text, no)) return out = false, true;
  }
  return false;
}

char* write_decimal128(char* out, uint64_t low, int64_t high, int32_t scale) {
  char digits[40];
  char* end = digits + sizeof(digits);
  char* begin = end;
  const bool negative = high < 0;
  uint64_t rest = 0;
  if (high == (static_cast<int64_t>(low) >> 63)) {
    rest = negative ? 0 - low : low;
  } else {
    unsigned __int128 magnitude = (static_cast<unsigned __int128>(static_cast<uint64_t>(high)) << 64) | low;
    if (negative) magnitude = 0 - magnitude;
    constexpr uint64_t kBillions = 1'000'000'000'000'000'000U;
    while (magnitude >> 63 != 0) {  // Down in steps of 18 digits until 63 bits are left.
      begin -= 18;
      write_padded(begin, static_cast<uint64_t>(magnitude % kBillions), 18);
      magnitude /= kBillions;
    }
    rest = static_cast<uint64_t>(magnitude);
  }
  while (rest >= 100) {
    begin -= 2;
    std::memcpy(begin, &kTwoDigits[size_t{2} * (rest % 100)], 2);
    rest /= 100;
  }
  if (rest >= 10) {
    begin -= 2;
    std::memcpy(begin, &kTwoDigits[size_t{2} * rest], 2);
  } else if (rest != 0 || begin == end) {
    // NOLINTNEXTLINE(clang-analyzer-security.ArrayBound): 39 digits at most, of 40
    *--begin = static_cast<char>('0' + rest);
  }
  if (negative) *out++ = '-';
  const auto count = static_cast<int32_t>(end - begin);
  if (scale <= 0) {
    std::memcpy(out, begin, static_cast<size_t>(count));
    out += count;
    if (count == 1 && *begin == '0') return out;
    std::memset(out, '0', static_cast<size_t>(-scale));
    return out - scale;
  }
  const int32_t whole = count > scale ? count - scale : 0;
  if (whole == 0) {
    *out++ = '0';
  } else {
    std::memcpy(out, begin, static_cast<size_t>(whole));
    out += whole;
  }
  *out++ = '.';
  const int32_t zeros = scale - (count - whole);
  std::memset(out, '0', static_cast<size_t>(zeros));
  out += zeros;
  std::memcpy(out, begin + whole, static_cast<size_t>(count - whole));
  return out + (count - whole);
}

char* write_decimal(char* out, const uint64_t* words, size_t count, int32_t scale) {
  if (count == 2) return write_decimal128(out, words[0], static_cast<int64_t>(words[1]), scale);
  const bool negative = (words[count - 1] >> 63) != 0;
  uint32_t limbs[8];
  uint64_t carry = 1;
  for (size_t i = 0; i < count; ++i) {
    uint64_t word = words[i];
    if (negative) {
      word = ~word + carry;
      carry = carry != 0 && word == 0 ? 1 : 0;
    }
    limbs[2 * i] = static_cast<uint32_t>(word);
    limbs[2 * i + 1] = static_cast<uint32_t>(word >> 32);
  }
  char digits[kMaxValueText];  // the last one first
  size_t made = 0;
  size_t used = 2 * count;
  while (used > 0 && limbs[used - 1] == 0) --used;
  const bool is_zero = used == 0;
  if (scale < 0 && !is_zero) {
    for (; made < static_cast<size_t>(-scale); ++made) digits[made] = '0';
  }
  while (used > 0) {
    uint64_t remainder = 0;
    for (size_t i = used; i-- > 0;) {
      const uint64_t value = (remainder << 32) | limbs[i];
      limbs[i] = static_cast<uint32_t>(value / 1'000'000'000);
      remainder = value % 1'000'000'000;
    }
    while (used > 0 && limbs[used - 1] == 0) --used;
    for (int i = 0; i < 9 && (used > 0 || remainder != 0); ++i, remainder /= 10) {
      digits[made++] = static_cast<char>('0' + remainder % 10);
    }
  }
  const auto places = static_cast<size_t>(scale > 0 ? scale : 0);
  while (made <= places) digits[made++] = '0';
  if (negative) *out++ = '-';
  for (size_t i = made; i-- > 0;) {
    *out++ = digits[i];
    if (i == places && places != 0) *out++ = '.';
  }
  return out;
}

char* write_float(char* out, float value) { return write_number(out, value); }
char* write_double(char* out, double value) { return write_number(out, value); }

std::string decimal_text(__int128 unscaled, int32_t scale) {
  char text[kMaxValueText];
  char* end = write_decimal128(text, static_cast<uint64_t>(unscaled), static_cast<int64_t>(unscaled >> 64), scale);
  return {text, end};
}

}  // namespace rapidbyte::text
