#include "rapidbyte/sdk/connector.h"

namespace rapidbyte::sdk {

namespace {

std::string_view to_string(SyncMode mode) {
  switch (mode) {
    case SyncMode::kFullRefresh: return "full_refresh";
    case SyncMode::kIncremental: return "incremental";
    case SyncMode::kCdc: return "cdc";
  }
  return "full_refresh";
}

}  // namespace

std::string Catalog::to_text() const {
  Json list = Json::array();
  for (const CatalogStream& stream : streams) {
    Json modes = Json::array();
    for (const SyncMode mode : stream.supported_sync_modes) modes.push_back(std::string(to_string(mode)));
    Json entry = {
        {"name", stream.name}, {"schema", stream.schema.to_json()}, {"supported_sync_modes", std::move(modes)}};
    entry["source_defined_cursor"] = stream.source_defined_cursor ? Json(*stream.source_defined_cursor) : Json();
    entry["source_defined_primary_key"] =
        stream.source_defined_primary_key.empty() ? Json() : Json(stream.source_defined_primary_key);
    list.push_back(std::move(entry));
  }
  return sdk::to_text(Json{{"streams", std::move(list)}});
}

namespace adapter {

Status not_open(std::string_view function) {
  return internal_error("NOT_OPEN", std::string(function) + " was called before open() or after close()");
}

std::string partitions_text(const std::vector<Json>& partitions) { return to_text(Json(partitions)); }

}  // namespace adapter
}  // namespace rapidbyte::sdk
