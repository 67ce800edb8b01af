#include "rapidbyte/protocol/catalog.h"

#include <algorithm>
#include <unordered_set>

#include "joined.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::protocol {
namespace {

using nlohmann::json;

std::vector<std::string> texts_member(const json& object, std::string_view key) {
  std::vector<std::string> texts;
  const json* value = find_member(object, key);
  if (value == nullptr) return texts;
  if (const auto text = as_string(*value)) return {std::string(*text)};
  if (!value->is_array()) return texts;
  for (const json& item : *value) {
    if (const auto text = as_string(item)) texts.emplace_back(*text);
  }
  return texts;
}

Status invalid(std::string_view connector, std::string_view what) {
  return make_error(ErrorCategory::kSchema, codes::kCatalogInvalid,
                    joined(connector, " answered discover with a catalog that ", what,
                           " (protocol.md, catalog). Report this to the connector's author"));
}

/// More than this program accepts, from a source that may really have it: nobody's mistake.
Status too_much(std::string_view connector, std::string_view what, std::string_view advice) {
  return make_error(ErrorCategory::kSchema, codes::kCatalogInvalid,
                    joined(connector, " answered discover with a catalog that ", what, ". ", advice));
}

constexpr std::string_view kFewerStreams =
    "Have the source list fewer streams, by its config (of a database: one schema) or by naming them in the pipeline's "
    "source.streams";

/// The stream at which reading failed, for the message.
std::string stream_under_way(const json& document) {
  const json* streams = find_member(document, "streams");
  if (streams == nullptr || !streams->is_array() || streams->empty()) return "";
  if (const auto name = string_member(streams->back(), "name")) return joined("in stream ", shown_name(*name), ": ");
  return joined("in stream number ", streams->size(), ": ");
}

/// Why `name` is not a valid name; empty when it is.
std::string name_defect(std::string_view name) {
  if (name.empty()) return "has an empty name";
  if (name.size() > kMaxNameBytes)
    return joined("has a name of ", name.size(), " bytes; ", kMaxNameBytes, " are allowed");
  if (name.find('\0') != std::string_view::npos) return "has a NUL in its name, where other programs would truncate it";
  return "";
}

Status read_columns(const json& entry, std::string_view connector, CatalogStream& stream) {
  const std::string at = joined("stream ", shown_name(stream.name));
  const json* schema = find_member(entry, "schema");
  if (schema == nullptr) return {};
  const json* columns = schema->is_object() ? find_member(*schema, "columns") : schema;
  if (columns == nullptr || !columns->is_array())
    return invalid(connector, joined("has a schema that is not a list of columns in ", at));
  if (columns->size() > kMaxStreamColumns) {
    return too_much(connector,
                    joined("has ", columns->size(), " columns in ", at, "; ", kMaxStreamColumns, " are allowed"),
                    "Leave columns out at the source (a view or a query of a database; of a file, a copy with fewer "
                    "columns, cut for example), or leave the stream out. If the file has fewer columns than that, look "
                    "at what its first line holds and at the source's delimiter and header");
  }
  for (const json& column : *columns) {
    auto name = string_member(column, "name");
    auto data_type = string_member(column, "data_type");
    if (!name || !data_type) return invalid(connector, joined("has a column without a name or a data_type in ", at));
    if (const std::string defect = name_defect(*name); !defect.empty()) {
      return invalid(connector, joined("has a column (", shown_name(*name), ") in ", at, " that ", defect));
    }
    stream.columns.push_back({std::move(*name), std::move(*data_type), bool_member(column, "nullable").value_or(true)});
  }
  return {};
}

}  // namespace

std::string shown_name(std::string_view name) {
  constexpr size_t kMaxBytes = 80;
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  std::string out = "'";
  for (const char c : name.substr(0, kMaxBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      out += "\\x";
      out += kHexDigits[byte >> 4U];
      out += kHexDigits[byte & 15U];
    } else {
      out += c;
    }
  }
  return out + (name.size() > kMaxBytes ? "...'" : "'");
}

const CatalogStream* Catalog::find(std::string_view stream) const {
  const auto at =
      std::find_if(streams.begin(), streams.end(), [&](const CatalogStream& s) { return s.name == stream; });
  return at == streams.end() ? nullptr : &*at;
}

const json& Catalog::columns_json(size_t index) const {
  static const json kNone = json::array();
  const json* schema = find_member(document["streams"][index], "schema");
  if (schema != nullptr && schema->is_object()) schema = find_member(*schema, "columns");
  return schema != nullptr && schema->is_array() ? *schema : kNone;
}

Result<Catalog> parse_catalog(std::string_view json_text, std::string_view connector) {
  BoundedJson read = read_bounded_json(json_text, kCatalogLimits);
  if (read.defect != JsonDefect::kNone) {
    const std::string what =
        joined(stream_under_way(read.value), describe_json_defect(read, json_text.size(), kCatalogLimits));
    const bool is_much = read.defect == JsonDefect::kTooLarge || read.defect == JsonDefect::kTooManyValues;
    return is_much ? too_much(connector, what, kFewerStreams) : invalid(connector, what);
  }
  Catalog catalog;
  catalog.document = std::move(read.value);
  const json* streams = find_member(catalog.document, "streams");
  if (streams == nullptr || !streams->is_array()) return invalid(connector, "has no list of streams");
  if (streams->size() > kMaxCatalogStreams) {
    return too_much(connector,
                    joined("has ", streams->size(), " streams, the first is ",
                           shown_name(string_member(streams->front(), "name").value_or("")), "; ", kMaxCatalogStreams,
                           " are allowed"),
                    kFewerStreams);
  }
  std::unordered_set<std::string> names;
  for (const json& entry : *streams) {
    CatalogStream stream;
    auto name = string_member(entry, "name");
    if (!name) return invalid(connector, "has a stream without a name");
    if (const std::string defect = name_defect(*name); !defect.empty())
      return invalid(connector, joined("has a stream (", shown_name(*name), ") that ", defect));
    if (!names.insert(*name).second)
      return invalid(connector, joined("has two streams of the name ", shown_name(*name)));
    stream.name = std::move(*name);
    RB_RETURN_NOT_OK(read_columns(entry, connector, stream));
    stream.sync_modes = texts_member(entry, "supported_sync_modes");
    stream.cursor = string_member(entry, "source_defined_cursor");
    stream.primary_key = texts_member(entry, "source_defined_primary_key");
    catalog.streams.push_back(std::move(stream));
  }
  return catalog;
}

}  // namespace rapidbyte::protocol
