#pragma once
// Scripts of the tests for what a guest tries: commands between semicolons, their arguments between blanks.

#include <map>
#include <string>
#include <string_view>
#include <vector>

/// Runs each command of `script` by `run`, which gets its words, and gives the answers a line each. `names`: what a
/// symbol stands for in a word.
template <typename Run>
std::string run_script(std::string_view script, const std::map<char, std::string>& names, Run run) {
  std::string answers;
  while (!script.empty()) {
    const size_t end = script.find(';');
    std::vector<std::string> words(1);
    for (const char c : script.substr(0, end)) {
      const auto name = names.find(c);
      if (c == ' ') {
        words.emplace_back();
      } else if (name != names.end()) {
        words.back() += name->second;
      } else {
        words.back() += c;
      }
    }
    answers += (answers.empty() ? "" : "\n") + run(words);
    script.remove_prefix(end == std::string_view::npos ? script.size() : end + 1);
  }
  return answers;
}
