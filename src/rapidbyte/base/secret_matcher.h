#pragma once
// SecretMatcher: finds many patterns in a text in one pass (Aho-Corasick), in any case of letters, also through escapes
// and line breaks. Immutable once built, so any thread; time is linear in the text whatever the patterns are.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "rapidbyte/base/secret_forms.h"

namespace rapidbyte {

class SecretMatcher {
 public:
  explicit SecretMatcher(std::vector<SecretPattern> patterns);

  /// A part of a text: [first, second).
  using Span = std::pair<size_t, size_t>;
  /// The parts of `text` that are secret, in order, without overlap or contact. `was_cut`: the beginning of a pattern
  /// at the end of the text counts as a match.
  [[nodiscard]] std::vector<Span> find(std::string_view text, bool was_cut) const;

 private:
  struct Node {
    uint32_t child = 0;  // first of a list; 0: none
    uint32_t sibling = 0;
    uint32_t fail = 0;
    uint32_t depth = 0;
    uint32_t pattern = 0;  // first of those that end here, as index + 1; 0: none
    uint32_t output = 0;  // nearest node on the way of `fail` where a pattern ends
    char byte = 0;
  };

  void insert(uint32_t pattern);
  void link();
  [[nodiscard]] uint32_t child_of(uint32_t node, char byte) const;
  [[nodiscard]] uint32_t step(uint32_t node, char byte) const;
  [[nodiscard]] bool fits(const SecretPattern& pattern, std::string_view text, size_t begin) const;
  /// Adds the matches in `text`; `origin` maps its bytes to positions in the text that it was derived from (empty: the
  /// same).
  void scan(std::string_view text, const std::vector<size_t>& origin, bool was_cut, std::vector<Span>& found) const;

  std::vector<SecretPattern> patterns_;
  std::vector<uint32_t> next_pattern_;  // that ends at the same node
  std::vector<Node> nodes_;
  std::array<uint32_t, 256> first_{};  // children of the root
};

}  // namespace rapidbyte
