#pragma once
// Parser: pipeline YAML (docs/pipeline-reference.md) to PipelineConfig. Reports all mistakes of a file at once, each
// with its place, and includes the validator's. Runs once per process on one thread; registers the secrets that it
// finds.

#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "rapidbyte/pipeline/env_substitution.h"
#include "rapidbyte/pipeline/problem.h"
#include "rapidbyte/pipeline/types.h"

namespace rapidbyte::pipeline {

class YamlTree;

struct ParseOutcome {
  /// The pipeline with every default applied; only when there are no problems.
  std::optional<PipelineConfig> config;
  /// In the order of the file. A single one makes the pipeline invalid.
  std::vector<Problem> problems;
  /// What is allowed, but probably not intended. In the order of the file.
  std::vector<Problem> warnings;

  /// The place of the value at a JSON Pointer into the document, for example "/destination/config/path" or
  /// "/source/streams/0/columns". When the value is missing, the place of the nearest enclosing part. nullopt without a
  /// document.
  [[nodiscard]] std::optional<SourceLocation> locate(std::string_view pointer) const;

  /// A problem found later (a connector's JSON Schema, a manifest) with its place: `section` is a pointer such as
  /// "/source/config", `pointer` one into that section, such as "/path".
  [[nodiscard]] Problem problem_at(std::string_view section, std::string_view pointer, std::string message) const;

  /// The document, for locate(). Shared because outcomes are copied and the tree cannot be.
  std::shared_ptr<const YamlTree> document;
};

/// Reads and parses a file of at most 1 MiB. A file that cannot be read is a problem, too.
[[nodiscard]] ParseOutcome parse_pipeline_file(const std::filesystem::path& file, const EnvLookup& env_lookup);

/// Parses `text`; `file` is where it came from (relative paths are taken from its folder) and need not exist.
[[nodiscard]] ParseOutcome parse_pipeline_text(std::string_view text, const std::filesystem::path& file,
                                               const EnvLookup& env_lookup);

}  // namespace rapidbyte::pipeline
