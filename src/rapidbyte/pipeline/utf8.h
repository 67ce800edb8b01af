#pragma once
// Checks on text from outside, before it may reach a YAML or JSON library. Pure functions.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace rapidbyte::pipeline {

/// Offset of the first byte that is not well-formed UTF-8 (overlong forms and surrogates are ill-formed); nullopt when
/// all are.
[[nodiscard]] std::optional<size_t> first_invalid_utf8(std::string_view text);

/// `text` for showing to a user: control characters as \xNN, cut after `most` bytes with "...".
[[nodiscard]] std::string printable(std::string_view text, size_t most = 120);

}  // namespace rapidbyte::pipeline
