#pragma once
// ConfigReader: typed values from a connector's config, with every problem reported at once. Read the values that you
// know, then call finish(): it lists what is missing, of the wrong type or out of range, and unknown keys (with "did
// you mean"). Until then wrong entries read as empty or default, so no check is needed in between.

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::sdk {

class ConfigReader {
 public:
  /// `config` must outlive the reader. `where` names it in messages.
  explicit ConfigReader(const Json& config, std::string where = "config");

  std::string required_string(std::string_view key);
  std::string optional_string(std::string_view key, std::string_view fallback = {});
  /// An optional string, where a missing one differs from an empty one.
  std::optional<std::string> maybe_string(std::string_view key);
  /// One of `allowed`; `fallback` applies when the key is missing, the first of `allowed` has no special meaning.
  std::string optional_enum(std::string_view key, std::string_view fallback,
                            std::initializer_list<std::string_view> allowed);
  uint64_t required_uint(std::string_view key, uint64_t min, uint64_t max);
  uint64_t optional_uint(std::string_view key, uint64_t fallback, uint64_t min, uint64_t max);
  int64_t optional_int(std::string_view key, int64_t fallback, int64_t min, int64_t max);
  double optional_double(std::string_view key, double fallback, double min, double max);
  bool optional_bool(std::string_view key, bool fallback);
  /// A list of strings; empty when missing. A single string is not accepted as a list.
  std::vector<std::string> optional_strings(std::string_view key);
  std::vector<std::string> required_strings(std::string_view key);

  /// A nested object with its own keys; a missing one reads as empty. Its problems are reported by the parent's
  /// finish().
  ConfigReader child(std::string_view key);
  /// The raw value, which then counts as a known key; null when missing.
  const Json* raw(std::string_view key);
  /// Adds a problem of your own, for example two keys that exclude each other.
  void add_problem(std::string_view key, std::string_view message);

  /// Ok, or one INVALID_CONFIG (config) error with every problem of this reader and its children.
  Status finish();

 private:
  struct Report;
  struct Node;
  ConfigReader(std::shared_ptr<Report> report, std::shared_ptr<Node> node);

  const Json* take(std::string_view key);
  void wrong_type(std::string_view key, std::string_view expected, const Json& value);

  std::shared_ptr<Report> report_;  // shared with child readers: problems of the whole tree in one list
  std::shared_ptr<Node> node_;
};

}  // namespace rapidbyte::sdk
