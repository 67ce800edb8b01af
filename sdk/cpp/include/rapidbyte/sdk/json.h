#pragma once
// JSON of the SDK: nlohmann::json with the settings that guests need, and accessors that cannot abort. Guests are built
// without exceptions, where nlohmann's at() and get<>() with the wrong type end the program: use the functions named
// below, which come from the protocol library.

#ifndef JSON_NO_IO
#define JSON_NO_IO 1
#endif
#ifndef JSON_USE_IMPLICIT_CONVERSIONS
#define JSON_USE_IMPLICIT_CONVERSIONS 0
#endif
#include <string>
#include <string_view>

#include "rapidbyte/protocol/json.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::sdk {

using Json = protocol::Json;

/// Parses one JSON text. INVALID_JSON (config) says at which byte; the text itself is not quoted, as it may hold
/// secrets. Nesting deeper than 128 levels is INVALID_JSON, too: copying and printing a value recurse.
Result<Json> parse_json(std::string_view text);

/// Compact JSON text. Bytes that are not UTF-8 become U+FFFD instead of ending the program.
inline std::string to_text(const Json& value) { return protocol::json_text(value); }

// Members of an object and values by type: nullopt, or null, when there is no value of that type.
using protocol::as_bool;
using protocol::as_double;
using protocol::as_int;
using protocol::as_string;
using protocol::as_uint;
using protocol::bool_member;
using protocol::double_member;
using protocol::find_member;
using protocol::int_member;
using protocol::string_member;
using protocol::uint_member;
/// "an object", "a string" ...: for messages.
using protocol::describe_type;

}  // namespace rapidbyte::sdk
