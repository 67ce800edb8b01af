#pragma once
// What a scalar of the pipeline file means: YAML's core schema for connector config, and sizes and counts for our own
// keys. Pure functions over text.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <variant>

namespace rapidbyte::pipeline {

/// The JSON value of an unquoted scalar by YAML's core schema: null, true and false (three spellings each), integers
/// (also 0x and 0o), floats. Everything else is text: `yes`, `NA`, and whatever a JSON number cannot hold exactly or at
/// all (leading zeros as in zip codes, integers beyond 64 bits, .inf, .nan, 1e999).
[[nodiscard]] nlohmann::json plain_scalar_to_json(std::string_view text);

/// Whether an unquoted scalar is null: empty, ~, null, Null or NULL.
[[nodiscard]] bool is_null_text(std::string_view text);

/// A number, or a sentence that says what is wrong and how to write it.
using NumberOrMistake = std::variant<uint64_t, std::string>;

/// Bytes: a whole number, alone or with kb, mb or gb (1024 based, any case, a space allowed between).
[[nodiscard]] NumberOrMistake parse_size(std::string_view text);

/// A whole number, not negative.
[[nodiscard]] NumberOrMistake parse_count(std::string_view text);

}  // namespace rapidbyte::pipeline
