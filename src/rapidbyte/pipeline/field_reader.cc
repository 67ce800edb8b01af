#include "rapidbyte/pipeline/field_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "rapidbyte/pipeline/scalar_text.h"
#include "rapidbyte/pipeline/suggestion.h"
#include "rapidbyte/pipeline/utf8.h"

namespace rapidbyte::pipeline {

FieldReader::FieldReader(const YamlNode& node, std::string path, SourceLocation location,
                         std::vector<Problem>& problems)
    : node_(node), path_(std::move(path)), location_(location), problems_(problems) {}

std::string FieldReader::path_of(std::string_view key) const {
  std::string path = path_;
  if (!path.empty()) path += '.';
  return path + printable(key);
}

SourceLocation FieldReader::key_location(std::string_view key) const {
  for (const YamlNode::Entry& entry : node_.entries) {
    if (entry.key == key) return entry.key_location;
  }
  return location_;
}

void FieldReader::report(std::string_view key, SourceLocation location, std::string message) {
  problems_.push_back({location, path_of(key), std::move(message)});
}

void FieldReader::report_missing(std::string_view key, std::string_view how) {
  const YamlNode* present = node_.find(key);
  if (present != nullptr && present->unresolved) return;
  report(key, present != nullptr ? key_location(key) : location_,
         fmt::format("{}; {}", present != nullptr ? "has no value" : "is missing", how));
}

void FieldReader::report_kind(std::string_view key, const YamlNode& node, std::string_view wanted) {
  report(key, node.location, fmt::format("must be {}, but is {}", wanted, node.kind_name()));
}

const YamlNode* FieldReader::node(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.push_back(key);
  const YamlNode* found = node_.find(key);
  if (found == nullptr || found->unresolved || found->is_null()) return nullptr;
  return found;
}

const YamlNode* FieldReader::map(std::string_view key) {
  const YamlNode* found = node(key);
  if (found == nullptr || found->kind == YamlNode::Kind::kMap) return found;
  report_kind(key, *found, "a map (lines 'key: value', indented)");
  return nullptr;
}

const YamlNode* FieldReader::list(std::string_view key) {
  const YamlNode* found = node(key);
  if (found == nullptr || found->kind == YamlNode::Kind::kSequence) return found;
  report_kind(key, *found, "a list (lines that begin with '- ', or [a, b])");
  return nullptr;
}

const YamlNode* FieldReader::scalar(std::string_view key, std::string_view wanted) {
  const YamlNode* found = node(key);
  if (found == nullptr || found->kind == YamlNode::Kind::kScalar) return found;
  report_kind(key, *found, wanted);
  return nullptr;
}

std::optional<std::string> FieldReader::text(std::string_view key) {
  const YamlNode* found = scalar(key, "text");
  if (found == nullptr) return std::nullopt;
  return found->text;
}

std::optional<std::vector<std::string>> FieldReader::text_list(std::string_view key) {
  const YamlNode* found = node(key);
  if (found == nullptr) return std::nullopt;
  if (found->kind != YamlNode::Kind::kSequence) {
    const bool one = found->kind == YamlNode::Kind::kScalar;
    report(key, found->location,
           one ? fmt::format("must be a list, but is a single value; write [{}]", printable(found->text))
               : "must be a list of texts, but is a map");
    return std::nullopt;
  }
  std::vector<std::string> texts;
  bool good = true;
  for (size_t i = 0; i < found->items.size(); ++i) {
    const YamlNode& item = *found->items[i];
    if (item.unresolved) {
      good = false;
    } else if (item.kind != YamlNode::Kind::kScalar || item.is_null()) {
      report(fmt::format("{}[{}]", key, i), item.location, fmt::format("must be text, but is {}", item.kind_name()));
      good = false;
    } else {
      texts.push_back(item.text);
    }
  }
  if (!good) return std::nullopt;
  return texts;
}

std::optional<uint64_t> FieldReader::size(std::string_view key) {
  const YamlNode* found = scalar(key, "a size");
  if (found == nullptr) return std::nullopt;
  NumberOrMistake parsed = parse_size(found->text);
  if (const auto* mistake = std::get_if<std::string>(&parsed)) {
    report(key, found->location, *mistake);
    return std::nullopt;
  }
  return std::get<uint64_t>(parsed);
}

std::optional<uint64_t> FieldReader::count(std::string_view key, uint64_t largest) {
  const YamlNode* found = scalar(key, "a whole number");
  if (found == nullptr) return std::nullopt;
  NumberOrMistake parsed = parse_count(found->text);
  if (const auto* mistake = std::get_if<std::string>(&parsed)) {
    report(key, found->location, *mistake);
    return std::nullopt;
  }
  const uint64_t number = std::get<uint64_t>(parsed);
  if (number > largest) {
    report(key, found->location, fmt::format("{} is too large; the maximum is {}", number, largest));
    return std::nullopt;
  }
  return number;
}

void FieldReader::report_unknown_value(std::string_view key, const YamlNode& node,
                                       std::span<const std::string_view> names) {
  report(key, node.location,
         fmt::format("unknown value '{}'{}", printable(node.text), suggestion_text(node.text, names)));
}

void FieldReader::finish(std::string_view free_prefix) {
  for (const YamlNode::Entry& entry : node_.entries) {
    if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
    if (!free_prefix.empty() && entry.key.starts_with(free_prefix)) continue;
    report(entry.key, entry.key_location, "unknown key" + suggestion_text(entry.key, known_));
  }
}

}  // namespace rapidbyte::pipeline
