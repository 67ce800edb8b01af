#pragma once
// Says in plain words what is wrong with a config, given its JSON Schema (draft 7). manifest.cc lets valijson decide
// whether a config fits; this module explains the refusal, since valijson's own texts name neither the types, nor the
// allowed values, nor a likely misspelling. Pure functions. No value is shown whose key looks secret.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "rapidbyte/runtime/connector/manifest.h"

namespace rapidbyte::runtime {

/// Longest text that is matched against a `pattern`: std::regex recurses per character, which takes up
/// to 0.8 KiB of stack each (4 KiB under AddressSanitizer) of the usual 8 MiB.
inline constexpr size_t kMaxPatternInputBytes = 1024;
/// Deepest nesting of a schema or a config that is looked at. Real ones have less than ten levels.
inline constexpr size_t kMaxJsonDepth = 100;

struct Explanation {
  std::vector<ConfigProblem> problems;
  /// A text was too long to be matched safely: the schema must not be applied by valijson either.
  bool unsafe_to_match = false;
};

/// Every problem of `value`, in the order of the config. Requires check_schema_shape(schema) to be nullopt and a value
/// that is not nested deeper than kMaxJsonDepth.
[[nodiscard]] Explanation explain_config(const nlohmann::json& schema, const nlohmann::json& value);

/// Why a schema can't be used: nested too deep, no object, or it refers to itself without end. nullopt: usable.
[[nodiscard]] std::optional<std::string> check_schema_shape(const nlohmann::json& schema);

/// Whether objects and arrays are nested deeper than `most`. Needs no stack of its own depth.
[[nodiscard]] bool is_deeper_than(const nlohmann::json& value, size_t most);

}  // namespace rapidbyte::runtime
