#include "rapidbyte/pipeline/problem.h"

#include <fmt/format.h>

#include <algorithm>

#include "rapidbyte/base/redaction.h"
#include "rapidbyte/pipeline/utf8.h"

namespace rapidbyte::pipeline {
namespace {

// Long enough for all our messages; a value of the file in a message must not fill the screen.
constexpr size_t kMaxLineBytes = 2000;

}  // namespace

std::string format_problem(std::string_view file, const Problem& problem) {
  std::string line(file);
  if (problem.location.line > 0) line += fmt::format(":{}:{}", problem.location.line, problem.location.column);
  line += ": ";
  if (!problem.key_path.empty()) line += problem.key_path + ": ";
  line += problem.message;
  return printable(redact(line), kMaxLineBytes);
}

std::string format_problems(std::string_view file, const std::vector<Problem>& problems) {
  std::string text;
  for (const Problem& problem : problems) {
    if (!text.empty()) text += '\n';
    text += format_problem(file, problem);
  }
  return text;
}

std::string key_path_of_pointer(std::string_view pointer) {
  std::string path;
  while (pointer.starts_with('/')) {
    pointer.remove_prefix(1);
    const std::string_view segment = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(segment.size());
    const bool index =
        !segment.empty() && std::all_of(segment.begin(), segment.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (index) {
      path += fmt::format("[{}]", segment);
      continue;
    }
    if (!path.empty()) path += '.';
    for (size_t i = 0; i < segment.size(); ++i) {
      const bool escaped = segment[i] == '~' && i + 1 < segment.size();
      if (escaped) ++i;
      path += escaped ? (segment[i] == '1' ? '/' : '~') : segment[i];
    }
  }
  return path;
}

}  // namespace rapidbyte::pipeline
