#pragma once
// numeric in PostgreSQL's binary form (numeric_send: four 16-bit words, then base-10000 digits), as an unscaled integer
// or as the text that the server would print. Pure; the bytes may be anything.

#include <cstdint>
#include <span>

#include "postgres/message.h"
#include "rapidbyte/sdk/batch_builder.h"

namespace rapidbyte::source_postgres {

enum class NumericOutcome : uint8_t {
  kOk,
  kNan,
  kInfinity,
  kNegativeInfinity,
  kDoesNotFit,  // more digits than the column's type has: not what the catalog said
  kMalformed,  // not a numeric at all
};

/// Value times 10^scale as two's complement.
NumericOutcome decode_numeric(std::span<const uint8_t> bytes, int32_t scale, sdk::Decimal128Words& out);
NumericOutcome decode_numeric(std::span<const uint8_t> bytes, int32_t scale, sdk::Decimal256Words& out);

inline constexpr size_t kNumericHeaderBytes = 8;
inline constexpr uint16_t kNegativeNumeric = 0x4000;
inline constexpr uint64_t kPowersOfTen[] = {
    1ULL,
    10ULL,
    100ULL,
    1'000ULL,
    10'000ULL,
    100'000ULL,
    1'000'000ULL,
    10'000'000ULL,
    100'000'000ULL,
    1'000'000'000ULL,
    10'000'000'000ULL,
    100'000'000'000ULL,
    1'000'000'000'000ULL,
    10'000'000'000'000ULL,
    100'000'000'000'000ULL,
    1'000'000'000'000'000ULL,
    10'000'000'000'000'000ULL,
    100'000'000'000'000'000ULL,
    1'000'000'000'000'000'000ULL,
    10'000'000'000'000'000'000ULL,
};

/// Bytes that decode_small_numeric() may read, whatever the size of the value.
inline constexpr size_t kSmallNumericBytes = kNumericHeaderBytes + 8;

/// decode_numeric() for numbers of up to four digits, as nearly all numbers in practice are: the digits come from one
/// load, without a loop. False: the number is a different one, or invalid; decode_numeric() tells. Requires
/// kSmallNumericBytes readable bytes at `at`.
inline bool decode_small_numeric(const uint8_t* at, size_t size, int32_t scale, sdk::Decimal128Words& out) {
  constexpr uint64_t kEach = 0x0001'0001'0001'0001ULL;
  constexpr uint64_t kTops = 0x8000 * kEach;
  // Lifts a digit above 9999 to the top bit of its 16.
  constexpr uint64_t kAbove = (0x8000 - 10'000) * kEach;
  const auto header = postgres::load_be<uint64_t>(at);
  const auto digits = static_cast<uint32_t>(header >> 48U);
  const auto weight = static_cast<int16_t>(header >> 32U);
  const auto sign = static_cast<uint16_t>(header >> 16U);
  if (digits - 1 > 3 || size != kNumericHeaderBytes + size_t{2} * digits) return false;
  if (sign != 0 && sign != kNegativeNumeric) return false;
  const uint64_t groups = postgres::load_be<uint64_t>(at + kNumericHeaderBytes) >> (16 * (4 - digits));
  if (((groups | (groups + kAbove)) & kTops) != 0) return false;
  const auto last = static_cast<uint32_t>(groups & 0xFFFF);
  uint64_t value = ((groups >> 48U) * 10'000 + (groups >> 32U & 0xFFFF)) * 10'000 + (groups >> 16U & 0xFFFF);
  // Power of ten of the last digit's unit, counted from the scale.
  const int32_t shift = 4 * (weight - static_cast<int32_t>(digits) + 1) + scale;
  // Nothing may remain beyond the scale.
  uint32_t rest = 0;
  switch (shift) {
    case -1:
      value = value * 1'000 + last / 10;
      rest = last % 10;
      break;
    case -2:
      value = value * 100 + last / 100;
      rest = last % 100;
      break;
    case -3:
      value = value * 10 + last / 1'000;
      rest = last % 1'000;
      break;
    default:
      // 18 decimal digits fit 64 bits with their sign.
      if (shift < 0 || shift > 18 - 4 * static_cast<int32_t>(digits)) return false;
      value = (value * 10'000 + last) * kPowersOfTen[shift];
  }
  if (rest != 0) return false;
  const uint64_t negative = sign == 0 ? 0 : ~uint64_t{0};
  out.words[0] = (value ^ negative) - negative;
  out.words[1] = value == 0 ? 0 : negative;
  return true;
}

/// An upper bound of the characters that numeric_text() writes; 0: malformed.
size_t numeric_text_bound(std::span<const uint8_t> bytes);
/// Writes the exact text ("-12.340", "NaN", "Infinity") and returns its length. Requires numeric_text_bound() != 0 and
/// that much room.
size_t numeric_text(std::span<const uint8_t> bytes, char* out);

}  // namespace rapidbyte::source_postgres
