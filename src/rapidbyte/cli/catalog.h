#pragma once
// A source's catalog (protocol.md section 4) as the command line shows it. The JSON comes from a guest, so nothing
// about its shape is taken for granted. Pure functions, any thread.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/base/status.h"

namespace rapidbyte::cli {

struct CatalogColumn {
  std::string name;
  std::string data_type;
  bool nullable = true;
};

struct CatalogStream {
  std::string name;
  std::vector<CatalogColumn> columns;
  std::vector<std::string> sync_modes;
  std::optional<std::string> cursor;
  std::vector<std::string> primary_key;
};

struct Catalog {
  std::vector<CatalogStream> streams;
  /// What the source said, with keys that this program does not know.
  nlohmann::json document;

  [[nodiscard]] const CatalogStream* find(std::string_view stream) const;
};

/// CATALOG_INVALID (internal) names the connector and what is wrong.
[[nodiscard]] Result<Catalog> parse_catalog(std::string_view json_text, std::string_view connector);

}  // namespace rapidbyte::cli
