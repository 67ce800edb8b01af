#pragma once
// FieldReader: reads the keys of one map of the pipeline file as typed values, and collects every mistake with its
// place. A getter returns nullopt when the key is absent, null or wrong; wrong ones are reported. finish() reports keys
// that nobody asked for.

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rapidbyte/pipeline/problem.h"
#include "rapidbyte/pipeline/yaml_tree.h"

namespace rapidbyte::pipeline {

class FieldReader {
 public:
  /// `node` must be a map. `path` is its key path, empty for the document. Both references outlive the reader.
  FieldReader(const YamlNode& node, std::string path, SourceLocation location, std::vector<Problem>& problems);

  /// Text of a scalar as written (`0123` stays `0123`), after substitution.
  std::optional<std::string> text(std::string_view key);
  /// A list of texts, none of them null.
  std::optional<std::vector<std::string>> text_list(std::string_view key);
  /// Bytes, with kb, mb and gb.
  std::optional<uint64_t> size(std::string_view key);
  /// A whole number of at most `largest`.
  std::optional<uint64_t> count(std::string_view key, uint64_t largest);

  /// One of the values of an enum that has to_string().
  template <typename Enum>
  std::optional<Enum> one_of(std::string_view key, std::initializer_list<Enum> values) {
    const YamlNode* node = scalar(key, "one value");
    if (node == nullptr) return std::nullopt;
    std::vector<std::string_view> names;
    for (Enum value : values) {
      names.push_back(to_string(value));
      if (names.back() == node->text) return value;
    }
    report_unknown_value(key, *node, names);
    return std::nullopt;
  }

  /// The node of a key, of any kind; null when absent, null or unresolved.
  const YamlNode* node(std::string_view key);
  /// A map, or null when absent, null or not a map (reported).
  const YamlNode* map(std::string_view key);
  /// A list, or null when absent, null or not a list (reported).
  const YamlNode* list(std::string_view key);

  /// Reports `key` as missing, at the place of this map.
  void report_missing(std::string_view key, std::string_view how);
  void report(std::string_view key, SourceLocation location, std::string message);
  /// Reports every key that was never asked for, except those that begin with `free_prefix` (unless that is empty).
  void finish(std::string_view free_prefix = {});

  [[nodiscard]] std::string path_of(std::string_view key) const;
  /// Place of the key itself.
  [[nodiscard]] SourceLocation key_location(std::string_view key) const;
  [[nodiscard]] const std::vector<std::string_view>& known() const { return known_; }

 private:
  const YamlNode* scalar(std::string_view key, std::string_view wanted);
  void report_kind(std::string_view key, const YamlNode& node, std::string_view wanted);
  void report_unknown_value(std::string_view key, const YamlNode& node, std::span<const std::string_view> names);

  const YamlNode& node_;
  std::string path_;
  SourceLocation location_;
  std::vector<Problem>& problems_;
  /// Keys asked for; they are literals.
  std::vector<std::string_view> known_;
};

}  // namespace rapidbyte::pipeline
