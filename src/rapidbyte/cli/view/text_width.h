#pragma once
// How much room text takes on a terminal, and how to make it fit. Works on UTF-8 from anywhere (table data, connector
// messages): invalid bytes and characters that control a terminal are made visible first. Pure functions, any thread.

#include <cstddef>
#include <string>
#include <string_view>

namespace rapidbyte::cli {

/// `text` as it may be shown: control characters become \n, \t, \x1b ..., C1 controls and characters that turn the
/// direction of text become \u009b ..., bytes that are not UTF-8 become U+FFFD.
[[nodiscard]] std::string make_printable(std::string_view text);

/// Terminal columns that printable UTF-8 takes: combining marks none, ideographs and most emoji two.
[[nodiscard]] size_t display_width(std::string_view text);

/// The longest beginning of `text` that fits into `columns`, with an ellipsis ("…", or "..." when not `unicode`) in
/// place of what was cut. Never splits a character.
[[nodiscard]] std::string fit_width(std::string_view text, size_t columns, bool unicode = true);

enum class Align { kLeft, kRight };
/// `text` filled with spaces up to `columns`; longer text stays as it is.
[[nodiscard]] std::string pad_width(std::string_view text, size_t columns, Align align = Align::kLeft);

}  // namespace rapidbyte::cli
