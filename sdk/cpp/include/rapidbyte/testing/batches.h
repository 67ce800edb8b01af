#pragma once
// Batches from rows written as JSON, for tests of destinations and transforms.

#include <cstdint>
#include <string_view>
#include <vector>

#include "rapidbyte/sdk/data_type.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::sdk::testing {

/// One Arrow stream with a batch of `rows`, each a JSON list with one value per column: null; numbers; booleans; text
/// for text and binary; "NaN", "Infinity", "-Infinity" for floats; the unscaled integer, as a number or as text, or
/// "NaN" for decimals; units, or "infinity" and "-infinity", for dates and times; [months, days, nanoseconds]. Throws
/// std::invalid_argument when a row does not fit the schema.
std::vector<uint8_t> make_batch(const Schema& schema, const std::vector<Json>& rows);

/// The text of an integer of any length as `count` little-endian words of two's complement.
std::vector<uint64_t> words_of(std::string_view text, size_t count);

}  // namespace rapidbyte::sdk::testing
