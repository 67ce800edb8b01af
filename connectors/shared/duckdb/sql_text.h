#pragma once
// SQL that connectors write for the engine: names, texts and values of a config never stand in it but through here.
// Needs no DuckDB, so it is tested natively.

#include <optional>
#include <string>
#include <string_view>

#include "rapidbyte/sdk/data_type.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::duck {

/// `"name"`, with its quotes doubled. A name of a column has no zero byte (docs/protocol.md).
[[nodiscard]] std::string quoted_name(std::string_view name);
/// `'text'`, with its quotes doubled; an expression when it has zero bytes, which DuckDB's parser would end at.
[[nodiscard]] std::string quoted_text(std::string_view text);

/// DuckDB's name of the type that a column of `type` has in a query.
[[nodiscard]] std::string type_sql(const sdk::DataType& type);

/// A type as people write it in a config: SQL's names and Arrow's, in any case (`bigint`, `int64`, `decimal(12, 2)`,
/// `text`, `timestamptz`). nullopt: there is no such type. Timestamps and times have microseconds.
[[nodiscard]] std::optional<sdk::DataType> parse_type(std::string_view text);
/// The names that parse_type() takes, for suggestions.
[[nodiscard]] std::string_view known_types();

/// SQL of `value` as a value of `type`. INVALID_CONFIG (config) when it is none without being changed: a number for a
/// text, digits that the type does not have. Dates, times and intervals are texts that DuckDB has still to read
/// (`needs_check`, which is left alone otherwise): only it knows whether they are some.
[[nodiscard]] sdk::Result<std::string> typed_literal(const sdk::Json& value, const sdk::DataType& type,
                                                     bool& needs_check);

}  // namespace rapidbyte::duck
