#pragma once
// Patterns for names of streams, as in a shell: `*` any characters (also `.` and `/`), `?` one character, `[a-z_]` one
// of these, `[!a-z]` one of the others. Case matters, a character is a Unicode code point, and a `[` without its `]` is
// literal. Pure functions.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace rapidbyte::protocol {

/// Whether `text` has a character with a special meaning in patterns.
[[nodiscard]] bool is_name_pattern(std::string_view text);

/// Whether all of `name` matches. Takes time at most proportional to the product of both lengths, whatever the pattern.
[[nodiscard]] bool matches_name_pattern(std::string_view pattern, std::string_view name);

/// Indexes in `names` that `wanted` matches: exact matches if there are any, because names may contain such characters
/// themselves, otherwise all that match the pattern.
[[nodiscard]] std::vector<size_t> named_by(std::string_view wanted, std::span<const std::string_view> names);

/// For an error about a `wanted` that matches none of `names`: "; did you mean x?", else a list of the known ones.
[[nodiscard]] std::string name_suggestion(std::string_view wanted, std::span<const std::string_view> names);

}  // namespace rapidbyte::protocol
