#include "rapidbyte/cli/catalog.h"

#include <fmt/format.h>

#include <algorithm>

namespace rapidbyte::cli {
namespace {

using nlohmann::json;

// A catalog is an object of lists of objects; anything much deeper is an attack on whoever walks over it.
constexpr int kDeepestCatalog = 32;

const json* member(const json& object, std::string_view key) {
  if (!object.is_object()) return nullptr;
  const auto at = object.find(key);
  return at == object.end() ? nullptr : &*at;
}

std::optional<std::string> text_member(const json& object, std::string_view key) {
  const json* value = member(object, key);
  return value != nullptr && value->is_string() ? std::optional(value->get<std::string>()) : std::nullopt;
}

std::vector<std::string> texts_member(const json& object, std::string_view key) {
  std::vector<std::string> texts;
  const json* value = member(object, key);
  if (value == nullptr) return texts;
  if (value->is_string()) return {value->get<std::string>()};
  if (!value->is_array()) return texts;
  for (const json& item : *value) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return texts;
}

/// The list of columns under `schema`, bare or as {"columns": [...]}.
const json* columns_of(const json& stream) {
  const json* schema = member(stream, "schema");
  if (schema != nullptr && schema->is_object()) schema = member(*schema, "columns");
  return schema != nullptr && schema->is_array() ? schema : nullptr;
}

Status invalid(std::string_view connector, std::string_view what) {
  return internal_error("CATALOG_INVALID",
                        fmt::format("{} answered discover with a catalog that {}; this is a defect of the "
                                    "connector, please report it to its author",
                                    connector, what));
}

}  // namespace

const CatalogStream* Catalog::find(std::string_view stream) const {
  const auto at =
      std::find_if(streams.begin(), streams.end(), [&](const CatalogStream& s) { return s.name == stream; });
  return at == streams.end() ? nullptr : &*at;
}

Result<Catalog> parse_catalog(std::string_view json_text, std::string_view connector) {
  bool too_deep = false;
  Catalog catalog;
  catalog.document = json::parse(
      json_text,
      [&too_deep](int depth, json::parse_event_t /*event*/, json& /*parsed*/) {
        too_deep = too_deep || depth > kDeepestCatalog;
        return depth <= kDeepestCatalog;
      },
      false);
  if (too_deep) return invalid(connector, "is nested too deeply");
  if (catalog.document.is_discarded()) return invalid(connector, "is not JSON");
  const json* streams = member(catalog.document, "streams");
  if (streams == nullptr || !streams->is_array()) return invalid(connector, "has no list of streams");
  for (const json& entry : *streams) {
    CatalogStream stream;
    const auto name = text_member(entry, "name");
    if (!name) return invalid(connector, "has a stream without a name");
    stream.name = *name;
    const json* columns = columns_of(entry);
    if (columns == nullptr) return invalid(connector, fmt::format("has no columns for stream {}", *name));
    for (const json& column : *columns) {
      const auto column_name = text_member(column, "name");
      const auto data_type = text_member(column, "data_type");
      if (!column_name || !data_type) {
        return invalid(connector, fmt::format("has a column without a name or a data_type in stream {}", *name));
      }
      const json* nullable = member(column, "nullable");
      stream.columns.push_back(
          {*column_name, *data_type, nullable == nullptr || !nullable->is_boolean() || nullable->get<bool>()});
    }
    stream.sync_modes = texts_member(entry, "supported_sync_modes");
    stream.cursor = text_member(entry, "source_defined_cursor");
    stream.primary_key = texts_member(entry, "source_defined_primary_key");
    catalog.streams.push_back(std::move(stream));
  }
  return catalog;
}

}  // namespace rapidbyte::cli
