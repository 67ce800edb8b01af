#include "rapidbyte/protocol/catalog.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

namespace rapidbyte::protocol {
namespace {

using nlohmann::json;

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

Status invalid(std::string_view connector, std::string_view what) {
  return make_error(
      ErrorCategory::kSchema, "CATALOG_INVALID",
      fmt::format("{} answered discover with a catalog that {} (protocol.md, catalog). Report this to the "
                  "connector's author",
                  connector, what));
}

/// More than this program takes, from a source that may well have it: nobody's mistake.
Status too_much(std::string_view connector, std::string_view what, std::string_view advice) {
  return make_error(ErrorCategory::kSchema, "CATALOG_INVALID",
                    fmt::format("{} answered discover with a catalog that {}. {}", connector, what, advice));
}

constexpr std::string_view kFewerStreams =
    "Have the source list fewer streams, by its config (of a database: one schema) or by naming them in the pipeline's "
    "source.streams";

/// The stream that was being read when reading broke off, for the message.
std::string stream_under_way(const json& document) {
  const json* streams = member(document, "streams");
  if (streams == nullptr || !streams->is_array() || streams->empty()) return "";
  if (const auto name = text_member(streams->back(), "name")) return fmt::format("in stream {}: ", shown_name(*name));
  return fmt::format("in stream number {}: ", streams->size());
}

/// Why `name` cannot be a name; empty when it can.
std::string name_defect(std::string_view name) {
  if (name.empty()) return "has an empty name";
  if (name.size() > kMaxNameBytes)
    return fmt::format("has a name of {} bytes; {} are allowed", name.size(), kMaxNameBytes);
  if (name.find('\0') != std::string_view::npos) return "has a NUL in its name, where others would cut it";
  return "";
}

Status read_columns(const json& entry, std::string_view connector, CatalogStream& stream) {
  const std::string at = fmt::format("stream {}", shown_name(stream.name));
  const json* schema = member(entry, "schema");
  if (schema == nullptr || schema->is_null()) return {};
  const json* columns = schema->is_object() ? member(*schema, "columns") : schema;
  if (columns == nullptr || !columns->is_array())
    return invalid(connector, fmt::format("has a schema that is not a list of columns in {}", at));
  if (columns->size() > kMaxStreamColumns) {
    return too_much(connector,
                    fmt::format("has {} columns in {}; {} are allowed", columns->size(), at, kMaxStreamColumns),
                    "Leave columns out at the source (a view or a query of a database; of a file, a copy with fewer "
                    "columns, cut for example), or leave the stream out. If the file has fewer columns than that, look "
                    "at what its first line holds and at the source's delimiter and header");
  }
  for (const json& column : *columns) {
    auto name = text_member(column, "name");
    auto data_type = text_member(column, "data_type");
    if (!name || !data_type)
      return invalid(connector, fmt::format("has a column without a name or a data_type in {}", at));
    if (const std::string defect = name_defect(*name); !defect.empty()) {
      return invalid(connector, fmt::format("has a column ({}) in {} that {}", shown_name(*name), at, defect));
    }
    const json* nullable = member(column, "nullable");
    stream.columns.push_back({std::move(*name), std::move(*data_type),
                              nullable == nullptr || !nullable->is_boolean() || nullable->get<bool>()});
  }
  return {};
}

}  // namespace

std::string shown_name(std::string_view name) {
  constexpr size_t kMostBytes = 80;
  std::string out = "'";
  for (const char c : name.substr(0, kMostBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out + (name.size() > kMostBytes ? "...'" : "'");
}

const CatalogStream* Catalog::find(std::string_view stream) const {
  const auto at =
      std::find_if(streams.begin(), streams.end(), [&](const CatalogStream& s) { return s.name == stream; });
  return at == streams.end() ? nullptr : &*at;
}

const json& Catalog::columns_json(size_t index) const {
  static const json kNone = json::array();
  const json* schema = member(document["streams"][index], "schema");
  if (schema != nullptr && schema->is_object()) schema = member(*schema, "columns");
  return schema != nullptr && schema->is_array() ? *schema : kNone;
}

Result<Catalog> parse_catalog(std::string_view json_text, std::string_view connector) {
  BoundedJson read = read_bounded_json(json_text, kCatalogLimits);
  if (read.defect != JsonDefect::kNone) {
    const std::string what =
        fmt::format("{}{}", stream_under_way(read.value), describe_json_defect(read, json_text.size(), kCatalogLimits));
    const bool is_much = read.defect == JsonDefect::kTooLarge || read.defect == JsonDefect::kTooManyValues;
    return is_much ? too_much(connector, what, kFewerStreams) : invalid(connector, what);
  }
  Catalog catalog;
  catalog.document = std::move(read.value);
  const json* streams = member(catalog.document, "streams");
  if (streams == nullptr || !streams->is_array()) return invalid(connector, "has no list of streams");
  if (streams->size() > kMaxCatalogStreams) {
    return too_much(connector,
                    fmt::format("has {} streams, the first is {}; {} are allowed", streams->size(),
                                shown_name(text_member(streams->front(), "name").value_or("")), kMaxCatalogStreams),
                    kFewerStreams);
  }
  std::unordered_set<std::string> names;
  for (const json& entry : *streams) {
    CatalogStream stream;
    auto name = text_member(entry, "name");
    if (!name) return invalid(connector, "has a stream without a name");
    if (const std::string defect = name_defect(*name); !defect.empty())
      return invalid(connector, fmt::format("has a stream ({}) that {}", shown_name(*name), defect));
    if (!names.insert(*name).second)
      return invalid(connector, fmt::format("has two streams of the name {}", shown_name(*name)));
    stream.name = std::move(*name);
    RB_RETURN_NOT_OK(read_columns(entry, connector, stream));
    stream.sync_modes = texts_member(entry, "supported_sync_modes");
    stream.cursor = text_member(entry, "source_defined_cursor");
    stream.primary_key = texts_member(entry, "source_defined_primary_key");
    catalog.streams.push_back(std::move(stream));
  }
  return catalog;
}

}  // namespace rapidbyte::protocol
