#include "connectors/source_parquet/src/source.h"

#include <dirent.h>

#include <algorithm>

#include "connectors/shared/duckdb/stream_runs.h"
#include "connectors/source_parquet/src/stream_reader.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::source_parquet {

using sdk::Json;

namespace {

/// Of a guest whose host does not say how much it may have.
constexpr uint64_t kDefaultMemory = 256ULL << 20U;
constexpr std::string_view kEnding = ".parquet";

Result<std::vector<Part>> parts_of(const Json& partition) {
  std::vector<Part> parts;
  const Json* list = sdk::find_member(partition, "parts");
  if (list == nullptr || !list->is_array())
    return sdk::internal_error(codes::kInvalidPartition, "the partition has no parts");
  for (const Json& entry : *list) {
    const auto file = sdk::string_member(entry, "file");
    const auto begin = sdk::uint_member(entry, "begin");
    const auto end = sdk::uint_member(entry, "end");
    if (!file || !begin || !end)
      return sdk::internal_error(codes::kInvalidPartition, "a part is " + sdk::to_text(entry).substr(0, 200));
    const auto size = sdk::uint_member(entry, "size");
    const auto seconds = sdk::int_member(entry, "seconds");
    const auto nanoseconds = sdk::int_member(entry, "nanoseconds");
    if (!size || !seconds || !nanoseconds)
      return sdk::internal_error(codes::kInvalidPartition, "a part is " + sdk::to_text(entry).substr(0, 200));
    parts.push_back({*file, *begin, *end, {*size, *seconds, *nanoseconds}});
  }
  return parts;
}

}  // namespace

Status ParquetSource::open(const Json& config) {
  RB_SDK_ASSIGN_OR_RETURN(options_, parse_options(config));
  return {};
}

Status ParquetSource::open_engine(uint64_t memory_bytes) {
  if (engine_ != nullptr) return {};
  const uint64_t bytes = memory_bytes == 0 ? kDefaultMemory : memory_bytes;
  RB_SDK_ASSIGN_OR_RETURN(engine_, duck::Engine::open({.memory_bytes = bytes / 100 * duck::kEnginePercent}));
  return {};
}

// Each file of the folder is a stream, and each folder in it that has Parquet files.
Result<std::vector<StreamOptions>> ParquetSource::streams() const {
  if (!options_.streams.empty()) return options_.streams;
  std::vector<StreamOptions> streams;
  RB_SDK_ASSIGN_OR_RETURN(
      const std::vector<FileEntry> files,
      source_file::list_folder(options_.folder, [](const std::string& name) { return name.ends_with(kEnding); }));
  for (const FileEntry& file : files)
    streams.push_back({.name = file.name.substr(0, file.name.size() - kEnding.size()), .path = file.name});
  // Of a folder and a file of one name the file counts; the other can be named by its path.
  DIR* folder = ::opendir(options_.folder.c_str());
  if (folder == nullptr) return streams;
  while (const dirent* entry = ::readdir(folder)) {
    const std::string name = entry->d_name;
    if (name.starts_with('.') || name.starts_with('_')) continue;
    const bool taken =
        std::any_of(streams.begin(), streams.end(), [&](const StreamOptions& stream) { return stream.name == name; });
    if (taken || !source_file::list_files(options_.folder, name + "/**/*.parquet").ok()) continue;
    streams.push_back({.name = name, .path = {}});
  }
  ::closedir(folder);
  std::sort(streams.begin(), streams.end(),
            [](const StreamOptions& a, const StreamOptions& b) { return a.name < b.name; });
  return streams;
}

Result<sdk::Catalog> ParquetSource::discover() {
  RB_SDK_RETURN_NOT_OK(open_engine(0));
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<StreamOptions> wanted, streams());
  sdk::Catalog catalog;
  for (const StreamOptions& options : wanted) {
    auto stream = ParquetStream::make(*engine_, options_.folder, options);
    if (!stream.ok()) return std::move(stream).status().with_context("stream '" + options.name + "'");
    auto columns = stream->columns();
    if (!columns.ok()) {
      // A folder may hold foreign files; only what was asked for must be readable.
      if (!options_.streams.empty()) return std::move(columns).status();
      sdk::host::log_warn("left out: " + columns.error().message);
      continue;
    }
    sdk::CatalogStream entry;
    entry.name = options.name;
    entry.schema = *std::move(columns);
    entry.supported_sync_modes = {sdk::SyncMode::kFullRefresh, sdk::SyncMode::kIncremental};
    catalog.streams.push_back(std::move(entry));
  }
  return catalog;
}

Result<sdk::Validation> ParquetSource::validate() {
  const auto wanted = streams();
  if (!wanted.ok()) return sdk::Validation::failed(wanted.error().message);
  if (wanted->empty())
    return sdk::Validation::warning("folder '" + options_.folder + "' holds no file whose name ends in .parquet");
  const auto catalog = discover();
  if (!catalog.ok()) return sdk::Validation::failed(catalog.error().code + ": " + catalog.error().message);
  return sdk::Validation::success(std::to_string(catalog->streams.size()) + " streams");
}

Result<ParquetStream> ParquetSource::stream_of(const sdk::StreamContext& ctx) {
  RB_SDK_RETURN_NOT_OK(open_engine(ctx.limits.max_memory_bytes));
  for (const StreamOptions& options : options_.streams) {
    if (options.name == ctx.stream_name) return ParquetStream::make(*engine_, options_.folder, options);
  }
  RB_SDK_ASSIGN_OR_RETURN(StreamOptions options, parse_stream_options(ctx.stream_options, ctx.stream_name));
  return ParquetStream::make(*engine_, options_.folder, std::move(options));
}

Result<std::vector<Json>> ParquetSource::plan_partitions(const sdk::StreamContext& ctx, uint32_t want) {
  std::vector<Json> partitions;
  if (ctx.sync_mode != sdk::SyncMode::kFullRefresh) return partitions;
  RB_SDK_ASSIGN_OR_RETURN(const ParquetStream stream, stream_of(ctx));
  std::vector<Part> parts;
  uint64_t rows = 0;
  for (const FileEntry& file : stream.files()) {
    RB_SDK_ASSIGN_OR_RETURN(const FileStamp stamp, FileStamp::of(file.path));
    RB_SDK_ASSIGN_OR_RETURN(const std::vector<Window> windows, stream.windows(file));
    for (const Window& window : windows) {
      parts.push_back({file.name, window.begin, window.end, stamp});
      rows += window.end - window.begin;
    }
  }
  if (parts.size() < 2 || want < 2) return partitions;
  const uint64_t of_each = rows / want + 1;
  Json list = Json::array();
  uint64_t taken = 0;
  for (const Part& part : parts) {
    list.push_back({{"file", part.file},
                    {"begin", part.begin},
                    {"end", part.end},
                    {"size", part.stamp.size},
                    {"seconds", part.stamp.modified_seconds},
                    {"nanoseconds", part.stamp.modified_nanoseconds}});
    taken += part.end - part.begin;
    if (taken < of_each) continue;
    partitions.push_back({{"parts", std::exchange(list, Json::array())}});
    taken = 0;
  }
  if (!list.empty()) partitions.push_back({{"parts", std::move(list)}});
  return partitions;
}

Result<sdk::ReadSummary> ParquetSource::read(const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(const ParquetStream stream, stream_of(ctx));
  sdk::Schema columns = ctx.schema;
  if (columns.fields.empty()) {
    RB_SDK_ASSIGN_OR_RETURN(columns, stream.columns());
  }
  StreamReader reader(ctx, stream, std::move(columns));
  if (ctx.partition.is_null()) return reader.read_all();
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<Part> parts, parts_of(ctx.partition));
  return reader.read_parts(parts);
}

}  // namespace rapidbyte::source_parquet
