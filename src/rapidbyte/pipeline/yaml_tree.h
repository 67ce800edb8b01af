#pragma once
// YamlTree: one YAML document as nodes that know their place in the file. Bounded before anything is built from it:
// size of the file, depth, and the number of nodes after aliases are followed (no "billion laughs"). Immutable once
// read, except for the substitution pass of parser.cc. Hides yaml-cpp: no other file includes it.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/pipeline/problem.h"

namespace rapidbyte::pipeline {

/// 1 MiB: thousands of streams fit; anything larger is not a pipeline file.
inline constexpr size_t kMaxFileBytes = size_t{1} << 20U;
/// Nodes of a document with every alias followed: as many as fit into 1 MiB of ordinary YAML.
inline constexpr uint64_t kMaxNodes = 100'000;
/// Text of all scalars with every alias followed, bytes.
inline constexpr uint64_t kMaxTextBytes = uint64_t{4} << 20U;
/// Deeper than any connector's config; every walk over the tree may recurse.
inline constexpr size_t kMaxDepth = 64;
/// Bytes of one key; keys are repeated in paths and messages.
inline constexpr size_t kMaxKeyBytes = 256;

struct YamlNode {
  enum class Kind : uint8_t { kScalar, kSequence, kMap };
  struct Entry {
    std::string key;
    SourceLocation key_location;
    YamlNode* value;
  };

  Kind kind = Kind::kScalar;
  /// An unquoted scalar, whose text decides its type.
  bool plain = false;
  /// Names a missing variable: the problem has been reported, and the value must not be used.
  bool unresolved = false;
  /// Set by the substitution pass: aliases reach a node several times.
  bool substituted = false;
  SourceLocation location;
  std::string text;
  std::vector<YamlNode*> items;
  std::vector<Entry> entries;
  uint64_t nodes_below = 1;
  uint64_t text_below = 0;

  [[nodiscard]] bool is_null() const;
  [[nodiscard]] const YamlNode* find(std::string_view key) const;
  /// "a list", "a map", "text" ... for messages.
  [[nodiscard]] std::string_view kind_name() const;
};

class YamlTree {
 public:
  /// Nodes refer to each other by address, so a tree cannot be moved.
  YamlTree() = default;
  YamlTree(const YamlTree&) = delete;
  YamlTree& operator=(const YamlTree&) = delete;

  /// Reads `text` into this (empty) tree. Duplicate keys, keys that are not text, unknown tags, a second document,
  /// anything that is not UTF-8 and all syntax errors become problems. After an error that ends the reading, root() is
  /// null.
  void read(std::string_view text, std::vector<Problem>& problems);

  [[nodiscard]] YamlNode* root() { return root_; }
  [[nodiscard]] const YamlNode* root() const { return root_; }

  /// The place of the value at a JSON Pointer: that of its key, or of the list entry. When the pointer leads beyond the
  /// file's contents (a missing required key), the place of the nearest part that exists. nullopt for an empty tree.
  [[nodiscard]] std::optional<SourceLocation> locate(std::string_view pointer) const;

 private:
  friend class YamlTreeBuilder;
  std::deque<YamlNode> nodes_;
  YamlNode* root_ = nullptr;
};

/// The value as JSON, typed by YAML's core schema (scalar_text.h). Unresolved scalars become null.
[[nodiscard]] nlohmann::json to_json(const YamlNode& node);

}  // namespace rapidbyte::pipeline
