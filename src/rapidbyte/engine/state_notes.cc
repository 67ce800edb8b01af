#include "rapidbyte/engine/state_notes.h"

#include <fmt/format.h>

namespace rapidbyte::engine {
namespace {

std::string shell_word(std::string_view text) {
  const bool plain = !text.empty() && text.find_first_not_of(
                                          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+@%:=,") ==
                                          std::string_view::npos;
  if (plain) return std::string(text);
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

}  // namespace

std::string notes_of(const RunContext& run) { return run.pipeline.name + ":engine"; }

std::string reset_hint(const RunContext& run, std::string_view stream) {
  return fmt::format("rapidbyte state reset {} --stream {}", shell_word(run.pipeline.file.string()),
                     shell_word(stream));
}

}  // namespace rapidbyte::engine
