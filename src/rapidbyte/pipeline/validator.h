#pragma once
// Validator: rules of a pipeline that concern more than one value, and the bounds of single values. What needs a
// manifest (modes that a connector supports, keys of its config) is checked by the engine. Pure; called by the parser,
// and again by whoever changes a config afterwards.

#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "rapidbyte/pipeline/problem.h"
#include "rapidbyte/pipeline/types.h"

namespace rapidbyte::pipeline {

/// Returns the place of the value at a JSON Pointer into the pipeline document.
using Locate = std::function<std::optional<SourceLocation>(std::string_view pointer)>;

struct Validation {
  std::vector<Problem> problems;
  std::vector<Problem> warnings;
};

[[nodiscard]] Validation validate_pipeline(const PipelineConfig& config, const Locate& locate);

/// The stream's own setting, else the destination's.
[[nodiscard]] WriteMode effective_write_mode(const StreamConfig& stream, const DestinationConfig& destination);
[[nodiscard]] const std::vector<std::string>& effective_primary_key(const StreamConfig& stream,
                                                                    const DestinationConfig& destination);

}  // namespace rapidbyte::pipeline
