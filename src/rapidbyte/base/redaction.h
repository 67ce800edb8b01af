#pragma once
// The program's secrets, and the one place that takes them out of what leaves it: log lines, errors, reports, events,
// the history in the state, the terminal. A secret is found in every form that programs give it: as it is, in another
// case, percent-encoded or with backslash escapes (also one inside the other), quoted for SQL, in hexadecimal, in
// base64 at every alignment, and broken over lines. Data is not redacted: rows, catalogs and rejected records are the
// user's. Any thread.

#include <string>
#include <string_view>

namespace rapidbyte {

/// Remembers `value` as secret. Values shorter than 4 bytes are ignored, because they would redact ordinary text; those
/// of 4 and 5 bytes are found in another case only as a word of their own.
void add_secret(std::string value);

/// `text` with every known secret, in whatever form, replaced by "***". One pass over the text; more only where it
/// holds escapes or line breaks.
[[nodiscard]] std::string redact(std::string_view text);

/// The first `most` bytes of `text`, redacted before they are cut, so that no half of a secret is left. A beginning of
/// a secret at the end of `text` is replaced as well: `text` may have been cut before.
[[nodiscard]] std::string redact_beginning(std::string_view text, size_t most);

}  // namespace rapidbyte
