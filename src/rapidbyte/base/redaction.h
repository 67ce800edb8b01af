#pragma once
// The program's secrets, and the one place that removes them from everything that leaves it: log lines, errors,
// reports, events, the history in the state, the terminal. A secret is found in every form that programs give it:
// plain, in another case, percent-encoded or with backslash escapes (also nested), quoted for SQL, in hexadecimal, in
// base64 at every alignment, and wrapped over lines. Data is not redacted: rows, catalogs and rejected records belong
// to the user. Any thread.

#include <string>
#include <string_view>

namespace rapidbyte {

/// Registers `value` as secret. Values shorter than 4 bytes are ignored, because they would redact ordinary text; those
/// of 4 and 5 bytes are found in another case only as whole words.
void add_secret(std::string value);

/// `text` with every known secret, in any form, replaced by "***". One pass over the text; more only where it has
/// escapes or line breaks.
[[nodiscard]] std::string redact(std::string_view text);

/// The first `most` bytes of `text`, redacted before they are cut, so that no part of a secret is left. The beginning
/// of a secret at the end of `text` is replaced as well, because `text` may already have been cut.
[[nodiscard]] std::string redact_beginning(std::string_view text, size_t most);

}  // namespace rapidbyte
