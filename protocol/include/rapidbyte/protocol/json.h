#pragma once
// JSON of the protocol: nlohmann::json with the settings that guests need, and accessors that cannot abort. Guests are
// built without exceptions, so nlohmann's at() and get<>() with the wrong type would end the program: use the functions
// below. A native build keeps nlohmann's own settings, so that all parts of a program agree on its inline functions.
// Pure functions, any thread.

#ifdef __wasm__
#ifndef JSON_NO_IO
#define JSON_NO_IO 1
#endif
#ifndef JSON_USE_IMPLICIT_CONVERSIONS
#define JSON_USE_IMPLICIT_CONVERSIONS 0
#endif
#endif
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace rapidbyte::protocol {

using Json = nlohmann::json;

/// Compact JSON text. Invalid UTF-8 becomes U+FFFD instead of an exception or an abort.
std::string json_text(const Json& value);

/// The member `key`, or null when `object` is not an object or has no such member (or it is JSON null).
const Json* find_member(const Json& object, std::string_view key);

/// Members by type; nullopt when missing, null or of another type. Integers are taken only when they fit exactly.
std::optional<std::string> string_member(const Json& object, std::string_view key);
std::optional<int64_t> int_member(const Json& object, std::string_view key);
std::optional<uint64_t> uint_member(const Json& object, std::string_view key);
std::optional<double> double_member(const Json& object, std::string_view key);
std::optional<bool> bool_member(const Json& object, std::string_view key);
/// The text of the member, empty when there is none, for uses where missing and empty mean the same.
std::string text_member(const Json& object, std::string_view key);

/// The value itself by type; nullopt when it is of another type.
std::optional<std::string_view> as_string(const Json& value);
std::optional<int64_t> as_int(const Json& value);
std::optional<uint64_t> as_uint(const Json& value);
std::optional<double> as_double(const Json& value);
std::optional<bool> as_bool(const Json& value);

/// "an object", "a string" ...: for messages.
std::string_view describe_type(const Json& value);

}  // namespace rapidbyte::protocol
