#pragma once
// Arrow types and values as text, for the preview of a dry run. Exact: decimals digit by digit, timestamps to their
// unit, floats in the shortest form that reads back the same. Reads validated arrays only (batch_inspector.h). Pure;
// any thread.

#include <cstdint>
#include <optional>
#include <string>

#include <nanoarrow/nanoarrow.h>

namespace rapidbyte::engine {

/// The type as the protocol spells it: "Int64", "Decimal128(10, 2)", "Timestamp(Microsecond, Some(\"UTC\"))",
/// "List(Utf8)".
[[nodiscard]] std::string type_text(const ArrowSchema& schema);

/// Value `row` of `array` as text, nullopt for null. Lists as [a, b], structs as {name: a}; binary as hexadecimal
/// digits.
[[nodiscard]] std::optional<std::string> value_text(const ArrowSchema& schema, const ArrowArrayView& array,
                                                    int64_t row);

/// What a value means in a column that may hold special values (docs/protocol.md, `special_values`): "-infinity",
/// "infinity" or "NaN" for the extremes of its type, nullopt for an ordinary value or null.
[[nodiscard]] std::optional<std::string> special_value_text(const ArrowSchema& schema, const ArrowArrayView& array,
                                                            int64_t row);

}  // namespace rapidbyte::engine
