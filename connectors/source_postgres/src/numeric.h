#pragma once
// numeric in PostgreSQL's binary form (numeric_send: four 16-bit words, then digits to the base of 10,000), as an
// unscaled integer or as the text that the server would print. Pure; the bytes may be anything.

#include <cstdint>
#include <span>

#include "rapidbyte/sdk/batch_builder.h"

namespace rapidbyte::source_postgres {

enum class NumericOutcome : uint8_t {
  kOk,
  kNan,
  kInfinity,
  kNegativeInfinity,
  kDoesNotFit,  // more digits than the column's type has: not what the catalog said
  kMalformed,   // not a numeric at all
};

/// Value times 10^scale as two's complement.
NumericOutcome decode_numeric(std::span<const uint8_t> bytes, int32_t scale, sdk::Decimal128Words& out);
NumericOutcome decode_numeric(std::span<const uint8_t> bytes, int32_t scale, sdk::Decimal256Words& out);

/// An upper bound of the characters that numeric_text() writes; 0: malformed.
size_t numeric_text_bound(std::span<const uint8_t> bytes);
/// Writes the exact text ("-12.340", "NaN", "Infinity") and gives its length. Requires numeric_text_bound() != 0 and
/// so much room.
size_t numeric_text(std::span<const uint8_t> bytes, char* out);

}  // namespace rapidbyte::source_postgres
