#include "connectors/transform_sql/src/config.h"

#include <algorithm>
#include <array>

#include "rapidbyte/protocol/name_pattern.h"

namespace rapidbyte::transform_sql {

using sdk::ConfigReader;
using sdk::Json;
using sdk::Result;

namespace {

struct Ending {
  std::string_view ending;
  std::string_view format;
};
constexpr std::array kEndings = {Ending{".csv", "csv"},     Ending{".tsv", "csv"},    Ending{".json", "json"},
                                 Ending{".ndjson", "json"}, Ending{".jsonl", "json"}, Ending{".parquet", "parquet"}};

std::string format_of(std::string_view path) {
  for (const std::string_view packed : {".gz", ".zst"}) {
    if (path.ends_with(packed)) path.remove_suffix(packed.size());
  }
  for (const Ending& ending : kEndings) {
    if (path.ends_with(ending.ending)) return std::string(ending.format);
  }
  return {};
}

}  // namespace

Result<Config> Config::parse(const Json& json) {
  ConfigReader reader(json);
  Config config;
  config.query = reader.maybe_string("query");
  if (const Json* queries = reader.raw("queries"); queries != nullptr) {
    for (const auto& [pattern, query] : queries->items()) {
      if (!query.is_string()) {
        reader.add_problem("queries", "the query of `" + pattern + "` must be text");
        continue;
      }
      config.queries.emplace_back(pattern, query.get<std::string>());
    }
    // A name before every pattern, then the longest pattern.
    std::stable_sort(config.queries.begin(), config.queries.end(), [&](const auto& a, const auto& b) {
      const bool pattern = protocol::is_name_pattern(a.first);
      if (pattern != protocol::is_name_pattern(b.first)) return !pattern;
      return a.first.size() > b.first.size();
    });
  }
  if (!config.query && config.queries.empty())
    reader.add_problem("query", "give a `query`, or one for some streams under `queries`");
  if (const Json* tables = reader.raw("tables"); tables != nullptr) {
    for (const auto& [name, table] : tables->items()) {
      Lookup lookup{name, {}, {}};
      if (table.is_object() && table.contains("path") && table.at("path").is_string())
        lookup.path = table.at("path").get<std::string>();
      if (table.is_object() && table.contains("format") && table.at("format").is_string())
        lookup.format = table.at("format").get<std::string>();
      if (lookup.path.empty()) {
        reader.add_problem("tables", "table `" + name + "` needs a `path`");
        continue;
      }
      if (lookup.format.empty()) lookup.format = format_of(lookup.path);
      if (lookup.format.empty()) {
        reader.add_problem("tables", "table `" + name + "`: the name of " + lookup.path +
                                         " does not say what it is; add `format`: csv, json or parquet");
        continue;
      }
      config.tables.push_back(std::move(lookup));
    }
  }
  if (const Json* parameters = reader.raw("parameters"); parameters != nullptr) config.parameters = *parameters;
  config.whole = reader.optional_bool("whole", false);
  if (const Json* spill = reader.raw("spill"); spill != nullptr) {
    ConfigReader spill_reader(*spill);
    config.spill_folder = spill_reader.required_string("folder");
    config.spill_bytes = spill_reader.optional_uint("max_bytes", config.spill_bytes, 1U << 20U, UINT64_MAX);
    RB_SDK_RETURN_NOT_OK(spill_reader.finish());
  }
  RB_SDK_RETURN_NOT_OK(reader.finish());
  return config;
}

const std::string* Config::query_for(std::string_view stream) const {
  for (const auto& [pattern, text] : queries) {
    if (pattern == stream) return &text;
  }
  for (const auto& [pattern, text] : queries) {
    if (protocol::matches_name_pattern(pattern, stream)) return &text;
  }
  return query ? &*query : nullptr;
}

}  // namespace rapidbyte::transform_sql
