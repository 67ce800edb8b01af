#pragma once
// `${NAME}` and `${NAME:-default}` inside one string of the pipeline file (docs/pipeline-reference.md). Works on values
// after the YAML has been parsed, so that the contents of the environment can never become YAML structure. Pure
// functions.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rapidbyte::pipeline {

/// Returns the value of an environment variable, nullopt when it is not set.
using EnvLookup = std::function<std::optional<std::string>(std::string_view name)>;

/// Looks names up in this process's environment.
[[nodiscard]] EnvLookup process_environment();

struct Substitution {
  struct Used {
    std::string name;
    std::string value;
  };
  std::string text;
  /// Variables whose value is part of `text`, in order; defaults are not listed.
  std::vector<Used> used;
  /// Names that are not set and have no default, each once.
  std::vector<std::string> missing;
  /// Other mistakes, as sentences: an unclosed `${`, an invalid name, a value that is not UTF-8.
  std::vector<std::string> mistakes;
  /// Whether something in `text` was replaced or unescaped.
  bool changed = false;
};

/// Replaces every `${NAME}` (letters, digits and `_`). `${NAME:-default}` takes the default when NAME is unset or
/// empty; the default ends at the first `}`. `$${` is a literal `${`. Replaced text is not substituted again.
[[nodiscard]] Substitution substitute(std::string_view text, const EnvLookup& lookup);

/// Whether `name` can be an environment variable: a letter or `_`, then letters, digits and `_`.
[[nodiscard]] bool is_env_name(std::string_view name);

}  // namespace rapidbyte::pipeline
