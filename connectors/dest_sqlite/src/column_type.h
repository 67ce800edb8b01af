#pragma once
// The type mapping: how each Arrow type is declared and stored in SQLite, what a declared type does to a stored value
// (its affinity), and whether a column of an existing table accepts values of an Arrow type unchanged. The readable
// table is in README.md.

#include <cstdint>
#include <string>
#include <string_view>

#include "rapidbyte/sdk/data_type.h"

namespace rapidbyte::dest_sqlite {

/// What SQLite does to values of a column (section 3 of its "Datatypes" page).
enum class Affinity : uint8_t { kInteger, kText, kBlob, kReal, kNumeric };

/// The kinds of values that we store.
enum class ValueKind : uint8_t {
  kInteger,   // integers and booleans
  kReal,      // floats
  kText,      // Utf8
  kDecimal,   // decimals, as text
  kTemporal,  // dates, times, timestamps, intervals, as text
  kBlob,      // binary
};

Affinity affinity_of(std::string_view declared_type);

/// The declared type of a column that we create. Its affinity never changes a value of that Arrow type.
std::string_view declared_type(const sdk::DataType& type);

ValueKind kind_of(const sdk::DataType& type);

/// Whether a column of this affinity stores every value of this kind unchanged.
bool stores_unchanged(Affinity affinity, ValueKind kind);

}  // namespace rapidbyte::dest_sqlite
