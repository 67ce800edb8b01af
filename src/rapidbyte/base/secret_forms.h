#pragma once
// The forms in which a secret may appear in a text, as patterns for SecretMatcher. Escapes are not covered here: the
// matcher undoes them. Pure functions.

#include <string>
#include <string_view>
#include <vector>

namespace rapidbyte {

struct SecretPattern {
  /// In lower case (ASCII), never empty.
  std::string folded;
  /// The exact spelling that the text must have; empty: any case matches.
  std::string exact;
  /// It must not be next to a letter or a digit.
  bool whole_word = false;
};

/// Shorter values occur in ordinary text ("yes", "1"): redacting them would only damage messages.
inline constexpr size_t kMinSecretLength = 4;
/// From this length on a secret is searched for in any case: shorter ones are often words ("Test" for "test").
inline constexpr size_t kMinSecretLengthInAnyCase = 6;

/// Lower case, ASCII only: the locale must not decide what is secret.
[[nodiscard]] constexpr char fold_case(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// `value` itself, each of its lines, and its form without line breaks.
[[nodiscard]] std::vector<SecretPattern> plain_forms(std::string_view value);
/// Hexadecimal, base64 (both alphabets, at all three alignments), quoted for SQL, spaces as in a web form.
[[nodiscard]] std::vector<SecretPattern> encoded_forms(std::string_view value);

}  // namespace rapidbyte
