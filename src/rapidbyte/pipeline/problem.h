#pragma once
// Problem: one mistake in a pipeline file, and how it is shown. All mistakes of a file are collected and shown
// together.

#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/pipeline/types.h"

namespace rapidbyte::pipeline {

struct Problem {
  SourceLocation location;
  /// Where in the document, for example `source.streams[1].sync_mode`; empty when it concerns the file.
  std::string key_path;
  /// What is wrong, why, and how to fix it, in one line.
  std::string message;
  bool operator==(const Problem&) const = default;
};

/// One line: "pipeline.yaml:7:3: destination.wrte_mode: unknown key; did you mean write_mode?". Known secrets are
/// redacted and control characters escaped.
[[nodiscard]] std::string format_problem(std::string_view file, const Problem& problem);

/// One problem per line, in the order of the file; ends without a line break.
[[nodiscard]] std::string format_problems(std::string_view file, const std::vector<Problem>& problems);

/// `source.streams[1].name` for the JSON Pointer `/source/streams/1/name`.
[[nodiscard]] std::string key_path_of_pointer(std::string_view pointer);

}  // namespace rapidbyte::pipeline
