#include "rapidbyte/protocol/name_pattern.h"

#include <algorithm>
#include <optional>

#include "rapidbyte/protocol/suggestion.h"

namespace rapidbyte::protocol {
namespace {

constexpr std::string_view kSpecial = "*?[";

/// The bytes of the first character of `text`, which is not empty. A byte that begins no UTF-8 character counts as a
/// character.
std::string_view first_character(std::string_view text) {
  const auto first = static_cast<unsigned char>(text[0]);
  const size_t length = first < 0xC0U ? 1 : first < 0xE0U ? 2 : first < 0xF0U ? 3 : 4;
  size_t end = 1;
  while (end < std::min(length, text.size()) && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) ++end;
  return text.substr(0, end == length ? end : 1);
}

std::string_view take_character(std::string_view& text) {
  const std::string_view character = first_character(text);
  text.remove_prefix(character.size());
  return character;
}

/// The contents of a bracket. The bytes of UTF-8 characters sort in the order of their code points.
class CharacterSet {
 public:
  /// `pattern` begins with the bracket; afterwards it begins after the set. nullopt: the bracket is never closed.
  static std::optional<CharacterSet> take(std::string_view& pattern) {
    std::string_view rest = pattern.substr(1);
    const bool negated = rest.starts_with('!') || rest.starts_with('^');
    if (negated) rest.remove_prefix(1);
    // A bracket in the first place is a member.
    const size_t end = rest.empty() ? std::string_view::npos : rest.find(']', 1);
    if (end == std::string_view::npos) return std::nullopt;
    pattern = rest.substr(end + 1);
    return CharacterSet(rest.substr(0, end), negated);
  }

  [[nodiscard]] bool has(std::string_view character) const {
    std::string_view rest = members_;
    while (!rest.empty()) {
      const std::string_view from = take_character(rest);
      std::string_view to = from;
      if (rest.size() > 1 && rest[0] == '-') {
        rest.remove_prefix(1);
        to = take_character(rest);
      }
      if (from <= character && character <= to) return !negated_;
    }
    return negated_;
  }

 private:
  CharacterSet(std::string_view members, bool negated) : members_(members), negated_(negated) {}

  std::string_view members_;
  bool negated_;
};

/// Whether `character` matches the beginning of `pattern`, which is not a star; then `pattern` is advanced past it.
bool take_one(std::string_view& pattern, std::string_view character) {
  if (pattern.empty()) return false;
  if (pattern[0] == '[') {
    std::string_view rest = pattern;
    if (const auto set = CharacterSet::take(rest)) {
      pattern = rest;
      return set->has(character);
    }
  }
  const std::string_view wanted = take_character(pattern);
  return wanted == "?" || wanted == character;
}

}  // namespace

bool is_name_pattern(std::string_view text) { return text.find_first_of(kSpecial) != std::string_view::npos; }

bool matches_name_pattern(std::string_view pattern, std::string_view name) {
  // Only the last star ever needs to backtrack: what the ones before it have taken is as good as anything else.
  std::optional<std::string_view> behind_star;
  std::string_view name_at_star;
  while (!name.empty()) {
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      behind_star = pattern;
      name_at_star = name;
      continue;
    }
    if (take_one(pattern, first_character(name))) {
      take_character(name);
      continue;
    }
    if (!behind_star) return false;
    pattern = *behind_star;
    take_character(name_at_star);
    name = name_at_star;
  }
  return pattern.find_first_not_of('*') == std::string_view::npos;
}

std::vector<size_t> named_by(std::string_view wanted, std::span<const std::string_view> names) {
  std::vector<size_t> found;
  for (size_t i = 0; i < names.size(); ++i) {
    if (names[i] == wanted) found.push_back(i);
  }
  if (!found.empty() || !is_name_pattern(wanted)) return found;
  for (size_t i = 0; i < names.size(); ++i) {
    if (matches_name_pattern(wanted, names[i])) found.push_back(i);
  }
  return found;
}

std::string name_suggestion(std::string_view wanted, std::span<const std::string_view> names) {
  // The letters of a pattern tell what was meant.
  std::string letters(wanted);
  std::erase_if(letters, [](char c) { return kSpecial.find(c) != std::string_view::npos || c == ']'; });
  return suggestion_text(letters, names);
}

}  // namespace rapidbyte::protocol
