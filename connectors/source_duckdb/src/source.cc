#include "connectors/source_duckdb/src/source.h"

#include <algorithm>

#include "connectors/shared/duckdb/stream_runs.h"
#include "connectors/source_duckdb/src/stream_reader.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::source_duckdb {

using sdk::Json;

namespace {

/// Of a guest whose host does not say how much it may have.
constexpr uint64_t kDefaultMemory = 256ULL << 20U;
// A partition is worth its own instance from here on.
constexpr uint64_t kLeastRowsOfPartition = 122'880;

Result<Window> window_of(const Json& partition, const std::string& path) {
  const auto begin = sdk::uint_member(partition, "begin");
  const auto end = sdk::uint_member(partition, "end");
  const auto stamp = sdk::string_member(partition, "stamp");
  if (!begin || !end || !stamp)
    return sdk::internal_error(codes::kInvalidPartition, "the partition is " + sdk::to_text(partition).substr(0, 200));
  if (*stamp != DatabaseStamp::of(path).text) {
    return sdk::data_error(codes::kSourceChanged,
                           "database " + path + " has been changed since the read began. Run again");
  }
  return Window{*begin, *end};
}

}  // namespace

Status DuckdbSource::open(const Json& config) {
  RB_SDK_ASSIGN_OR_RETURN(options_, parse_options(config));
  return {};
}

Status DuckdbSource::close() {
  database_.reset();
  return {};
}

Status DuckdbSource::open_database(uint64_t memory_bytes) {
  if (database_ == nullptr) {
    if (!duck::Database::is_there(options_.path)) {
      return sdk::config_error(codes::kNotADatabase,
                               "database " + options_.path + ": it is empty. Give another `path`");
    }
    RB_SDK_ASSIGN_OR_RETURN(database_, duck::Database::open({.path = options_.path, .read_only = true}));
  }
  const uint64_t bytes = memory_bytes == 0 ? kDefaultMemory : memory_bytes;
  return database_->set_memory(bytes / 100 * duck::kEnginePercent);
}

Result<std::vector<StreamOptions>> DuckdbSource::streams() {
  if (!options_.streams.empty()) return options_.streams;
  RB_SDK_ASSIGN_OR_RETURN(
      const std::vector<duck::TextRow> names,
      database_->query(
          "SELECT table_name FROM duckdb_tables() WHERE database_name = current_database() AND schema_name "
          "= $1 AND NOT internal UNION ALL SELECT view_name FROM duckdb_views() WHERE database_name = "
          "current_database() AND schema_name = $1 AND NOT internal ORDER BY 1",
          {options_.schema}));
  std::vector<StreamOptions> streams;
  for (const duck::TextRow& name : names) {
    const std::string table = name[0].value_or("");
    // What dest-duckdb keeps for itself.
    if (!table.starts_with("_rapidbyte_")) streams.push_back({.name = table, .table = table});
  }
  return streams;
}

Result<sdk::Catalog> DuckdbSource::discover() {
  RB_SDK_RETURN_NOT_OK(open_database(0));
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<StreamOptions> wanted, streams());
  sdk::Catalog catalog;
  for (const StreamOptions& options : wanted) {
    const auto stream = TableStream::make(*database_, options_.schema, options);
    if (!stream.ok()) {
      // A database may hold views that only another program can read; only what was asked for must be readable.
      if (!options_.streams.empty()) return stream.status();
      sdk::host::log_warn("left out: " + stream.error().message);
      continue;
    }
    sdk::CatalogStream entry;
    entry.name = options.name;
    entry.schema = stream->columns();
    entry.supported_sync_modes = {sdk::SyncMode::kFullRefresh, sdk::SyncMode::kIncremental};
    const std::vector<std::string>& key = stream->table().primary_key;
    const bool whole = std::all_of(key.begin(), key.end(), [&](const std::string& column) {
      return stream->columns().index_of(column).has_value();
    });
    if (whole) entry.source_defined_primary_key = key;
    catalog.streams.push_back(std::move(entry));
  }
  return catalog;
}

Result<sdk::Validation> DuckdbSource::validate() {
  const auto catalog = discover();
  if (!catalog.ok()) return sdk::Validation::failed(catalog.error().code + ": " + catalog.error().message);
  if (catalog->streams.empty()) {
    return sdk::Validation::warning("schema " + options_.schema + " of " + options_.path + " has no table and no view");
  }
  return sdk::Validation::success(std::to_string(catalog->streams.size()) + " streams");
}

Result<TableStream> DuckdbSource::stream_of(const sdk::StreamContext& ctx) {
  RB_SDK_RETURN_NOT_OK(open_database(ctx.limits.max_memory_bytes));
  for (const StreamOptions& options : options_.streams) {
    if (options.name == ctx.stream_name) return TableStream::make(*database_, options_.schema, options);
  }
  RB_SDK_ASSIGN_OR_RETURN(StreamOptions options, parse_stream_options(ctx.stream_options, ctx.stream_name));
  return TableStream::make(*database_, options_.schema, std::move(options));
}

Result<std::vector<Json>> DuckdbSource::plan_partitions(const sdk::StreamContext& ctx, uint32_t want) {
  std::vector<Json> partitions;
  if (ctx.sync_mode != sdk::SyncMode::kFullRefresh || want < 2) return partitions;
  RB_SDK_ASSIGN_OR_RETURN(const TableStream stream, stream_of(ctx));
  const uint64_t of_each = std::max(stream.end() / want + 1, kLeastRowsOfPartition);
  if (stream.end() <= of_each) return partitions;
  const std::string stamp = DatabaseStamp::of(options_.path).text;
  for (uint64_t begin = 0; begin < stream.end(); begin += of_each) {
    const uint64_t end = std::min(begin + of_each, stream.end());
    partitions.push_back({{"begin", begin}, {"end", end}, {"stamp", stamp}});
  }
  return partitions;
}

Result<sdk::ReadSummary> DuckdbSource::read(const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(const TableStream stream, stream_of(ctx));
  StreamReader reader(ctx, stream, options_.path);
  if (ctx.partition.is_null()) return reader.read_all();
  RB_SDK_ASSIGN_OR_RETURN(const Window window, window_of(ctx.partition, options_.path));
  return reader.read_window_only(window);
}

}  // namespace rapidbyte::source_duckdb
