#pragma once
// The forms in which one secret may appear in a text, as patterns for SecretMatcher. What escapes do is not here: the
// matcher undoes them. Pure functions.

#include <string>
#include <string_view>
#include <vector>

namespace rapidbyte {

struct SecretPattern {
  /// In lower case (ASCII), never empty.
  std::string folded;
  /// The spelling that must stand in the text; empty: any case will do.
  std::string exact;
  /// Neither a letter nor a digit may stand beside it.
  bool whole_word = false;
};

/// Shorter values occur in ordinary text ("yes", "1"): redacting them would only damage messages.
inline constexpr size_t kShortestSecret = 4;
/// From here on a secret is looked for in any case: shorter ones are often words ("Test" for "test").
inline constexpr size_t kShortestSecretInAnyCase = 6;

/// Lower case, ASCII only: the locale must not decide what is secret.
[[nodiscard]] constexpr char fold_case(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// `value` itself, each of its lines, and its form without line breaks.
[[nodiscard]] std::vector<SecretPattern> plain_forms(std::string_view value);
/// Hexadecimal, base64 (both alphabets, at all three alignments), quoted for SQL, spaces as in a web form.
[[nodiscard]] std::vector<SecretPattern> encoded_forms(std::string_view value);

}  // namespace rapidbyte
