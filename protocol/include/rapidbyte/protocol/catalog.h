#pragma once
// A source's catalog (protocol.md), parsed once: planning, `check` and `discover` use the same value. The text comes
// from a guest, so its size, shape and names are limited here, and later code need not check again. Pure functions, any
// thread.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/protocol/bounded_json.h"
#include "rapidbyte/protocol/json.h"
#include "rapidbyte/protocol/status.h"

namespace rapidbyte::protocol {

/// 32 MiB of text are enough for 5,000 tables of 50 columns with their native types; two million values are about as
/// many, and take some 200 MiB at worst. A user with more names a schema or streams in the source's config.
inline constexpr JsonLimits kCatalogLimits = {size_t{32} << 20U, 64, 2'000'000};
/// More tables than any database that people work with; each becomes a line of the report.
inline constexpr size_t kMaxCatalogStreams = 50'000;
/// Ten times the limits of PostgreSQL's tables (1,600) and SQLite's (2,000); wide CSV files have some thousands.
inline constexpr size_t kMaxStreamColumns = 20'000;
/// PostgreSQL's names have at most 63 bytes; a column's name in a CSV file may be a whole question of a survey.
inline constexpr size_t kMaxNameBytes = 4'096;

struct CatalogColumn {
  std::string name;
  std::string data_type;
  bool nullable = true;
};

struct CatalogStream {
  std::string name;
  /// Empty when the source does not report its columns.
  std::vector<CatalogColumn> columns;
  std::vector<std::string> sync_modes;
  std::optional<std::string> cursor;
  std::vector<std::string> primary_key;
};

struct Catalog {
  std::vector<CatalogStream> streams;
  /// The source's own text, including keys that this program does not know.
  nlohmann::json document;

  [[nodiscard]] const CatalogStream* find(std::string_view stream) const;
  /// The columns of `streams[index]` as the source gave them: a list.
  [[nodiscard]] const nlohmann::json& columns_json(size_t index) const;
};

/// CATALOG_INVALID (schema) names the connector, the stream and what is wrong.
[[nodiscard]] Result<Catalog> parse_catalog(std::string_view json_text, std::string_view connector);

/// `name` as it may be shown in a message: at most some dozens of bytes, control characters as \x1b.
[[nodiscard]] std::string shown_name(std::string_view name);

}  // namespace rapidbyte::protocol
