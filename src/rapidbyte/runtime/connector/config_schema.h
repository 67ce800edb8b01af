#pragma once
// Says in plain words what is wrong with a config, given its JSON Schema (draft 7). manifest.cc lets valijson decide
// whether a config is valid; this module explains a refusal, since valijson's own messages name neither the types, nor
// the allowed values, nor a likely misspelling. Pure functions. No value is shown whose key looks secret.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "rapidbyte/runtime/connector/manifest.h"

namespace rapidbyte::runtime {

/// Longest text that is matched against a `pattern`: std::regex recurses per character, which takes up
/// to 0.8 KiB of stack each (4 KiB under AddressSanitizer) of the usual 8 MiB.
inline constexpr size_t kMaxPatternInputBytes = 1024;
/// Maximum nesting of a schema or a config. Real ones have fewer than ten levels.
inline constexpr size_t kMaxJsonDepth = 100;

struct Explanation {
  std::vector<ConfigProblem> problems;
  /// A text was too long to be matched safely: valijson must not apply the schema either.
  bool unsafe_to_match = false;
};

/// Every problem of `value`, in the order of the config. Requires check_schema_shape(schema) to be nullopt and a value
/// that is not nested deeper than kMaxJsonDepth.
[[nodiscard]] Explanation explain_config(const nlohmann::json& schema, const nlohmann::json& value);

/// Why a schema can't be used: nested too deep, not an object, or it refers to itself endlessly. nullopt: usable.
[[nodiscard]] std::optional<std::string> check_schema_shape(const nlohmann::json& schema);

/// Whether objects and arrays are nested deeper than `most`. Does not recurse.
[[nodiscard]] bool is_deeper_than(const nlohmann::json& value, size_t most);

}  // namespace rapidbyte::runtime
