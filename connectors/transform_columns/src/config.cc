#include "connectors/transform_columns/src/config.h"

#include <algorithm>

#include "connectors/shared/duckdb/sql_text.h"
#include "rapidbyte/protocol/name_pattern.h"

namespace rapidbyte::transform_columns {

using sdk::ConfigReader;
using sdk::DataType;
using sdk::Json;
using sdk::Result;

namespace {

constexpr uint64_t kMostKept = 1000;

bool has_zero(std::string_view text) { return text.find('\0') != std::string_view::npos; }

// Reads the rules of one place; `reader` reports what is wrong with them.
class RulesReader {
 public:
  explicit RulesReader(ConfigReader& reader) : reader_(reader) {}

  Rules read() {
    Rules rules;
    rules.select = patterns("select");
    rules.exclude = patterns("exclude");
    each("rename", [&](const std::string& pattern, const Json& value) {
      if (!value.is_string() || value.get<std::string>().empty() || has_zero(value.get<std::string>()))
        return problem("rename", pattern, "needs a new name");
      std::string name = value.get<std::string>();
      const auto stars = [](std::string_view text) { return std::count(text.begin(), text.end(), '*'); };
      if (stars(name) > 0 &&
          (stars(name) != 1 || stars(pattern) != 1 || pattern.find_first_of("?[") != std::string::npos))
        return problem("rename", pattern,
                       "has a `*` in the new name, which stands for what the only `*` of the pattern does");
      rules.rename.emplace_back(pattern, std::move(name));
    });
    each("cast", [&](const std::string& pattern, const Json& value) {
      const auto type = value.is_string() ? duck::parse_type(value.get<std::string>()) : std::nullopt;
      if (!type)
        return problem(
            "cast", pattern,
            "needs a type; " + sdk::to_text(value) + " is none. There are " + std::string(duck::known_types()));
      rules.cast.emplace_back(pattern, *type);
    });
    each("default", [&](const std::string& pattern, const Json& value) {
      if (value.is_null() || value.is_structured()) return problem("default", pattern, "needs one value, not null");
      rules.defaults.emplace_back(pattern, value);
    });
    each("mask", [&](const std::string& pattern, const Json& value) {
      if (!value.is_number_unsigned() || value.get<uint64_t>() > kMostKept)
        return problem("mask", pattern, "needs the number of characters that stay, 0 to " + std::to_string(kMostKept));
      rules.mask.emplace_back(pattern, value.get<uint64_t>());
    });
    read_hash(rules);
    rules.to_null = patterns("null");
    return rules;
  }

 private:
  void problem(std::string_view key, const std::string& pattern, const std::string& what) {
    reader_.add_problem(key, "`" + pattern + "` " + what);
  }

  bool usable(std::string_view key, const std::string& pattern) {
    if (!pattern.empty() && !has_zero(pattern)) return true;
    reader_.add_problem(key, "a name of a column is neither empty nor has a zero byte");
    return false;
  }

  std::vector<std::string> patterns(std::string_view key) {
    std::vector<std::string> found = reader_.optional_strings(key);
    std::erase_if(found, [&](const std::string& pattern) { return !usable(key, pattern); });
    return found;
  }

  template <typename Take>
  void each(std::string_view key, const Take& take) {
    const Json* map = reader_.raw(key);
    if (map == nullptr) return;
    if (!map->is_object()) return reader_.add_problem(key, "must name columns: {column: value}");
    for (const auto& [pattern, value] : map->items()) {
      if (usable(key, pattern)) take(pattern, value);
    }
  }

  // A list of columns for SHA-256, or a function for each column.
  void read_hash(Rules& rules) {
    const Json* hash = reader_.raw("hash");
    if (hash == nullptr) return;
    if (hash->is_array()) {
      for (const std::string& pattern : patterns("hash")) rules.hash.emplace_back(pattern, Hash::kSha256);
      return;
    }
    each("hash", [&](const std::string& pattern, const Json& value) {
      if (value == "sha256") {
        rules.hash.emplace_back(pattern, Hash::kSha256);
      } else if (value == "hmac-sha256") {
        rules.hash.emplace_back(pattern, Hash::kHmacSha256);
      } else {
        problem("hash", pattern, "needs sha256 or hmac-sha256");
      }
    });
  }

  ConfigReader& reader_;
};

}  // namespace

bool Rules::empty() const {
  return select.empty() && exclude.empty() && rename.empty() && cast.empty() && defaults.empty() && mask.empty() &&
         hash.empty() && to_null.empty();
}

Result<Config> Config::parse(const Json& json) {
  ConfigReader reader(json);
  Config config;
  config.all = RulesReader(reader).read();
  if (const Json* streams = reader.raw("streams"); streams != nullptr) {
    if (!streams->is_object()) {
      reader.add_problem("streams", "must name streams: {stream: {rename: ...}}");
    } else {
      ConfigReader entries = reader.child("streams");
      for (const auto& [pattern, rules] : streams->items()) {
        if (!rules.is_object()) {
          reader.add_problem("streams", "`" + pattern + "` needs rules, such as {rename: {a: b}}");
          continue;
        }
        ConfigReader entry = entries.child(pattern);
        config.streams.emplace_back(pattern, RulesReader(entry).read());
      }
    }
  }
  RB_SDK_RETURN_NOT_OK(reader.finish());
  bool any = !config.all.empty();
  for (const auto& [pattern, rules] : config.streams) any = any || !rules.empty();
  if (!any) {
    reader.add_problem("select", "give a rule: select, exclude, rename, cast, default, mask, hash or null");
    RB_SDK_RETURN_NOT_OK(reader.finish());
  }
  std::stable_sort(config.streams.begin(), config.streams.end(),
                   [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
  return config;
}

const std::pair<std::string, Rules>* Config::entry_for(std::string_view stream) const {
  for (const auto& entry : streams) {
    if (entry.first == stream) return &entry;
  }
  for (const auto& entry : streams) {
    if (protocol::matches_name_pattern(entry.first, stream)) return &entry;
  }
  return nullptr;
}

bool Config::needs_key() const {
  const auto keyed = [](const Rules& rules) {
    return std::any_of(rules.hash.begin(), rules.hash.end(),
                       [](const auto& rule) { return rule.second == Hash::kHmacSha256; });
  };
  return keyed(all) || std::any_of(streams.begin(), streams.end(), [&](const auto& e) { return keyed(e.second); });
}

}  // namespace rapidbyte::transform_columns
