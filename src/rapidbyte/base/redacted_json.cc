#include "rapidbyte/base/redacted_json.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "rapidbyte/base/redaction.h"
#include "rapidbyte/protocol/untrusted_json.h"

namespace rapidbyte {
namespace {

using nlohmann::json;

// Members of our documents whose values are chosen by us or named by the user, and cannot contain foreign text.
constexpr std::array<std::string_view, 20> kOurs = {"event",      "time",        "run_id",   "load_id",   "outcome",
                                                    "stage",      "category",    "scope",    "connector", "kind",
                                                    "status",     "role",        "roles",    "protocol",  "pipeline",
                                                    "started_at", "finished_at", "dlq_path", "sync_mode", "write_mode"};

template <typename Visit>
void walk(json& document, const Visit& visit) {
  std::vector<json*> open = {&document};
  while (!open.empty()) {
    json& value = *open.back();
    open.pop_back();
    if (value.is_object()) {
      for (auto& [key, member] : value.get_ref<json::object_t&>()) {
        if (visit(key, member) && member.is_structured()) open.push_back(&member);
      }
    } else if (value.is_array()) {
      for (json& item : value) {
        if (visit(std::string_view(), item) && item.is_structured()) open.push_back(&item);
      }
    }
  }
}

void redact_text(json& value) {
  if (value.is_string()) value = redact(value.get_ref<const std::string&>());
}

void redact_keys(json& object) {
  std::vector<std::pair<std::string, std::string>> renamed;
  for (const auto& [key, member] : object.items()) {
    if (std::string shown = redact(key); shown != key) renamed.emplace_back(key, std::move(shown));
  }
  for (auto& [key, shown] : renamed) {
    json member = std::move(object[key]);
    object.erase(key);
    object[shown] = std::move(member);
  }
}

void redact_foreign(json& value) {
  redact_text(value);
  if (value.is_number()) {
    if (std::string shown = redact(value.dump()); shown.find("***") != std::string::npos) value = std::move(shown);
  }
  if (value.is_object()) redact_keys(value);
}

}  // namespace

json redacted(json document) {
  redact_text(document);
  walk(document, [](std::string_view key, json& value) {
    if (std::find(kOurs.begin(), kOurs.end(), key) != kOurs.end()) return false;
    redact_text(value);
    return true;
  });
  return document;
}

std::string redacted_foreign_json(const std::string& json_text) {
  auto parsed = protocol::parse_untrusted(json_text, protocol::kDetailsLimits);
  if (!parsed.ok()) return redact(json_text);
  json document = *std::move(parsed);
  redact_foreign(document);
  walk(document, [](std::string_view /*key*/, json& value) {
    redact_foreign(value);
    return true;
  });
  return protocol::json_text(document);
}

}  // namespace rapidbyte
