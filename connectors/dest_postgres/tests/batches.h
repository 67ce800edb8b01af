#pragma once
// Batches from rows written as JSON, for the tests of dest-postgres.

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "rapidbyte/sdk/arrow.h"

namespace rapidbyte::dest_postgres {

using sdk::DataType;
using sdk::Json;
using sdk::Schema;
using sdk::Status;
using sdk::TypeId;

/// A batch of `rows`, each a JSON list with one value per column: null; numbers; booleans; text for text and binary;
/// "NaN", "Infinity", "-Infinity" for floats; the unscaled integer, as a number or as text, or "NaN" for decimals;
/// units, or "infinity" and "-infinity", for dates and times; [months, days, nanoseconds].
std::vector<uint8_t> make_batch(const Schema& schema, const std::vector<Json>& rows);

/// The text of an integer of any length as little-endian words of two's complement.
std::vector<uint64_t> words_of(std::string_view text, size_t count);

}  // namespace rapidbyte::dest_postgres
