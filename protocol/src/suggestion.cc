#include "rapidbyte/protocol/suggestion.h"

#include <algorithm>
#include <vector>

namespace rapidbyte::protocol {
namespace {

// Longer words are not typing mistakes, and the cost of a comparison grows with the product of the lengths.
constexpr size_t kMaxWordBytes = 64;
// Nobody reads more, and a database may have thousands of tables.
constexpr size_t kMaxListed = 20;

std::string folded(std::string_view word) {
  std::string out(word);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '-' || c == ' ') c = '_';
  }
  return out;
}

}  // namespace

size_t edit_distance(std::string_view a, std::string_view b) {
  // Three rows of the table: a swap of neighbours looks two rows back.
  std::vector<size_t> before_last(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replace = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replace, last[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

std::optional<std::string_view> closest(std::string_view word, std::span<const std::string_view> known) {
  if (word.empty() || word.size() > kMaxWordBytes) return std::nullopt;
  const std::string given = folded(word);
  std::optional<std::string_view> best;
  size_t best_distance = 0;
  for (std::string_view candidate : known) {
    const size_t distance = edit_distance(given, folded(candidate));
    if (distance > std::max<size_t>(1, std::min(word.size(), candidate.size()) / 3)) continue;
    if (!best || distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string suggestion_text(std::string_view word, std::span<const std::string_view> known) {
  if (auto near = closest(word, known)) return "; did you mean " + std::string(*near) + "?";
  std::string text = "; known are ";
  for (size_t i = 0; i < std::min(known.size(), kMaxListed); ++i) {
    if (i > 0) text += ", ";
    text += known[i];
  }
  if (known.size() > kMaxListed) text += " and " + std::to_string(known.size() - kMaxListed) + " more";
  return text;
}

}  // namespace rapidbyte::protocol
