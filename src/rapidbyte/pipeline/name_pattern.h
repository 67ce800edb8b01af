#pragma once
// Patterns for the names of streams, as a shell has them for files: `*` any characters (also `.` and `/`), `?` one
// character, `[a-z_]` one of these, `[!a-z]` one of the others. Case counts, a character is a code point of UTF-8, and
// a
// `[` without its `]` stands for itself. Pure functions.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rapidbyte::pipeline {

/// Whether `text` has a character that means something in a pattern.
[[nodiscard]] bool is_name_pattern(std::string_view text);

/// Whether all of `name` matches. The time grows with the product of both lengths at most, whatever the pattern.
[[nodiscard]] bool matches_name_pattern(std::string_view pattern, std::string_view name);

/// Places in `names` that `wanted` stands for: those of that very name if there are any, because names may have such
/// characters themselves, otherwise all that match. Empty: none.
[[nodiscard]] std::vector<size_t> named_by(std::string_view wanted, std::span<const std::string_view> names);

/// For an error about a `wanted` that stands for none of `names`: "; did you mean x?", else which there are.
[[nodiscard]] std::string name_suggestion(std::string_view wanted, std::span<const std::string_view> names);

}  // namespace rapidbyte::pipeline
