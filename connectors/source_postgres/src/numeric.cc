#include "numeric.h"

#include <cstring>
#include <string_view>

#include "postgres/message.h"

namespace rapidbyte::source_postgres {

namespace {

using postgres::load_be;
using Wide = unsigned __int128;

constexpr size_t kHeaderBytes = kNumericHeaderBytes;
constexpr uint16_t kPositive = 0x0000;
constexpr uint16_t kNegative = kNegativeNumeric;
constexpr uint16_t kNan = 0xC000;
constexpr uint16_t kInfinity = 0xD000;
constexpr uint16_t kNegativeInfinity = 0xF000;
constexpr uint16_t kMaxDisplayScale = 0x3FFF;

struct Header {
  int32_t digits = 0;
  int32_t weight = 0;  // of the first digit, as a power of 10,000
  uint16_t sign = 0;
  uint16_t display_scale = 0;
};

bool read_header(std::span<const uint8_t> bytes, Header& out) {
  if (bytes.size() < kHeaderBytes) return false;
  out.digits = load_be<int16_t>(bytes.data());
  out.weight = load_be<int16_t>(bytes.data() + 2);
  out.sign = load_be<uint16_t>(bytes.data() + 4);
  out.display_scale = load_be<uint16_t>(bytes.data() + 6);
  return out.digits >= 0 && bytes.size() == kHeaderBytes + 2 * static_cast<size_t>(out.digits);
}

/// 256 bits without sign, least significant word first.
struct Words256 {
  uint64_t words[4] = {0, 0, 0, 0};

  void multiply_add(uint64_t factor, uint64_t addend) {
    Wide carry = addend;
    for (uint64_t& word : words) {
      carry += static_cast<Wide>(word) * factor;
      word = static_cast<uint64_t>(carry);
      carry >>= 64U;
    }
  }
};

/// The accumulators have the same interface: value = value * factor + addend. None can overflow, because the caller has
/// counted the decimal digits of the result.
struct Accumulate64 {
  uint64_t value = 0;
  void multiply_add(uint64_t factor, uint64_t addend) { value = value * factor + addend; }
};
struct Accumulate128 {
  Wide value = 0;
  void multiply_add(uint64_t factor, uint64_t addend) { value = value * factor + addend; }
};

/// The base-10000 digit at `index`.
uint16_t digit_at(const uint8_t* digits, int32_t index) {
  return load_be<uint16_t>(digits + 2 * static_cast<ptrdiff_t>(index));
}

int32_t decimal_digits(uint16_t digit) { return digit >= 1000 ? 4 : digit >= 100 ? 3 : digit >= 10 ? 2 : 1; }

/// Adds up all digits down to the scale. False when a digit is invalid or digits remain beyond the scale.
template <typename T>
bool accumulate(const uint8_t* digits, const Header& header, int32_t scale, T& out) {
  for (int32_t i = 0; i + 1 < header.digits; ++i) {
    const auto digit = digit_at(digits, i);
    if (digit > 9999) return false;
    out.multiply_add(10000, digit);
  }
  const auto last = digit_at(digits, header.digits - 1);
  if (last > 9999) return false;
  // Power of ten of the last group's unit, counted from the scale.
  int32_t shift = 4 * (header.weight - (header.digits - 1)) + scale;
  if (shift < 0) {
    if (shift < -3) return false;
    const auto cut = static_cast<uint16_t>(kPowersOfTen[-shift]);
    if (last % cut != 0) return false;
    out.multiply_add(kPowersOfTen[4 + shift], last / cut);
    return true;
  }
  out.multiply_add(10000, last);
  for (; shift > 19; shift -= 19) out.multiply_add(kPowersOfTen[19], 0);
  if (shift != 0) out.multiply_add(kPowersOfTen[shift], 0);
  return true;
}

NumericOutcome outcome_of_sign(uint16_t sign) {
  switch (sign) {
    case kPositive:
    case kNegative: return NumericOutcome::kOk;
    case kNan: return NumericOutcome::kNan;
    case kInfinity: return NumericOutcome::kInfinity;
    case kNegativeInfinity: return NumericOutcome::kNegativeInfinity;
    default: return NumericOutcome::kMalformed;
  }
}

/// Decimal digits of value * 10^scale, leading zeros not counted; 0 and less: the value is below the scale.
int32_t digits_of_result(const uint8_t* digits, const Header& header, int32_t scale) {
  return decimal_digits(load_be<uint16_t>(digits)) + 4 * header.weight + scale;
}

}  // namespace

NumericOutcome decode_numeric(std::span<const uint8_t> bytes, int32_t scale, sdk::Decimal128Words& out) {
  Header header;
  if (!read_header(bytes, header)) return NumericOutcome::kMalformed;
  const NumericOutcome kind = outcome_of_sign(header.sign);
  if (kind != NumericOutcome::kOk) return kind;
  out = {};
  if (header.digits == 0) return NumericOutcome::kOk;
  const uint8_t* const digits = bytes.data() + kHeaderBytes;
  const int32_t total = digits_of_result(digits, header, scale);
  if (total > 38) return NumericOutcome::kDoesNotFit;
  uint64_t low = 0;
  uint64_t high = 0;
  // Nearly all numbers in practice have fewer than 19 digits, and 64-bit arithmetic is several times faster.
  if (total <= 18) {
    Accumulate64 sum;
    if (!accumulate(digits, header, scale, sum)) return NumericOutcome::kDoesNotFit;
    low = sum.value;
  } else {
    Accumulate128 sum;
    if (!accumulate(digits, header, scale, sum)) return NumericOutcome::kDoesNotFit;
    low = static_cast<uint64_t>(sum.value);
    high = static_cast<uint64_t>(sum.value >> 64U);
  }
  if (header.sign == kNegative) {
    low = ~low + 1;
    high = ~high + (low == 0 ? 1 : 0);
  }
  out.words[0] = low;
  out.words[1] = high;
  return NumericOutcome::kOk;
}

NumericOutcome decode_numeric(std::span<const uint8_t> bytes, int32_t scale, sdk::Decimal256Words& out) {
  Header header;
  if (!read_header(bytes, header)) return NumericOutcome::kMalformed;
  const NumericOutcome kind = outcome_of_sign(header.sign);
  if (kind != NumericOutcome::kOk) return kind;
  out = {};
  if (header.digits == 0) return NumericOutcome::kOk;
  const uint8_t* const digits = bytes.data() + kHeaderBytes;
  if (digits_of_result(digits, header, scale) > 76) return NumericOutcome::kDoesNotFit;
  Words256 sum;
  if (!accumulate(digits, header, scale, sum)) return NumericOutcome::kDoesNotFit;
  std::memcpy(out.words, sum.words, sizeof out.words);
  if (header.sign == kNegative) {
    uint64_t carry = 1;
    for (uint64_t& word : out.words) {
      word = ~word + carry;
      carry = carry != 0 && word == 0 ? 1 : 0;
    }
  }
  return NumericOutcome::kOk;
}

size_t numeric_text_bound(std::span<const uint8_t> bytes) {
  Header header;
  if (!read_header(bytes, header)) return 0;
  if (outcome_of_sign(header.sign) == NumericOutcome::kMalformed) return 0;
  if (header.display_scale > kMaxDisplayScale) return 0;
  for (int32_t i = 0; i < header.digits; ++i) {
    if (digit_at(bytes.data() + kHeaderBytes, i) > 9999) return 0;
  }
  // Sign, point and "-Infinity"; integer digits; fraction digits, rounded up to a group.
  const size_t integer = header.weight >= 0 ? 4 * (static_cast<size_t>(header.weight) + 1) : 1;
  return 16 + integer + header.display_scale + 4;
}

size_t numeric_text(std::span<const uint8_t> bytes, char* out) {
  Header header;
  (void)read_header(bytes, header);
  const auto word = [&](std::string_view text) {
    std::memcpy(out, text.data(), text.size());
    return text.size();
  };
  switch (outcome_of_sign(header.sign)) {
    case NumericOutcome::kNan: return word("NaN");
    case NumericOutcome::kInfinity: return word("Infinity");
    case NumericOutcome::kNegativeInfinity: return word("-Infinity");
    default: break;
  }
  const auto group_at = [&](int32_t index) -> uint32_t {
    return index < 0 || index >= header.digits ? 0U : digit_at(bytes.data() + kHeaderBytes, index);
  };
  char* at = out;
  if (header.sign == kNegative) *at++ = '-';
  const auto put_group = [&](uint32_t digit) {
    *at++ = static_cast<char>('0' + digit / 1000);
    *at++ = static_cast<char>('0' + digit / 100 % 10);
    *at++ = static_cast<char>('0' + digit / 10 % 10);
    *at++ = static_cast<char>('0' + digit % 10);
  };
  char* const integer = at;
  for (int32_t i = 0; i <= header.weight; ++i) put_group(group_at(i));
  // Leading zeros of the first group; the last zero of a zero stays.
  size_t zeros = 0;
  const auto length = static_cast<size_t>(at - integer);
  while (zeros + 1 < length && integer[zeros] == '0') ++zeros;
  if (zeros != 0) {
    std::memmove(integer, integer + zeros, length - zeros);
    at -= zeros;
  }
  if (header.weight < 0) *at++ = '0';
  if (header.display_scale != 0) {
    *at++ = '.';
    char* const fraction = at;
    for (int32_t i = header.weight + 1; at - fraction < header.display_scale; ++i) put_group(group_at(i));
    at = fraction + header.display_scale;
  }
  return static_cast<size_t>(at - out);
}

}  // namespace rapidbyte::source_postgres
