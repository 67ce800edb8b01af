#include "source.h"

#include "discovery.h"
#include "stream_reader.h"

namespace rapidbyte::source_file {

using sdk::Result;
using sdk::Status;

Status FileSource::open(const sdk::Json& config) {
  RB_SDK_ASSIGN_OR_RETURN(options_, parse_source_options(config));
  return {};
}

Result<std::vector<StreamOptions>> FileSource::streams() const {
  if (!options_.streams.empty()) return options_.streams;
  std::vector<StreamOptions> out;
  const auto is_data = [](const std::string& name) { return !stream_name_of_file(name).empty(); };
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<FileEntry> files, list_folder(options_.folder, is_data));
  for (const FileEntry& file : files) {
    StreamOptions stream;
    stream.name = stream_name_of_file(file.name);
    stream.path = file.name;
    stream.read = options_.read;
    stream.read.format = Format::kByName;
    out.push_back(std::move(stream));
  }
  return out;
}

Result<sdk::Catalog> FileSource::discover() {
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<StreamOptions> wanted, streams());
  sdk::Catalog catalog;
  for (const StreamOptions& stream : wanted) {
    auto files = resolve_files(options_.folder, stream);
    if (!files.ok()) return std::move(files).status().with_context("stream '" + stream.name + "'");
    auto schema = discover_schema(stream, *files);
    if (!schema.ok()) {
      // A folder may contain empty or unrelated files; only requested ones must be readable.
      if (options_.streams.empty()) {
        sdk::host::log_warn("file '" + stream.path + "' is left out: " + schema.error().message);
        continue;
      }
      return std::move(schema).status();
    }
    sdk::CatalogStream entry;
    entry.name = stream.name;
    entry.schema = std::move(*schema);
    entry.supported_sync_modes = {sdk::SyncMode::kFullRefresh, sdk::SyncMode::kIncremental};
    catalog.streams.push_back(std::move(entry));
  }
  return catalog;
}

Result<sdk::Validation> FileSource::validate() {
  auto wanted = streams();
  if (!wanted.ok()) return sdk::Validation::failed(wanted.error().message);
  if (wanted->empty()) {
    return sdk::Validation::warning(
        "folder '" + options_.folder +
        "' holds no file whose name ends in .csv, .tsv, .txt, .ndjson or .jsonl (or that with "
        ".gz or .zst)");
  }
  if (options_.streams.empty()) return sdk::Validation::success("the folder can be read");
  size_t count = 0;
  for (const StreamOptions& stream : *wanted) {
    auto files = resolve_files(options_.folder, stream);
    if (!files.ok()) return sdk::Validation::failed("stream '" + stream.name + "': " + files.error().message);
    count += files->files.size();
    auto schema = discover_schema(stream, *files);
    if (!schema.ok()) return sdk::Validation::failed(schema.error().message);
  }
  return sdk::Validation::success(std::to_string(wanted->size()) + " streams, " + std::to_string(count) + " files");
}

Result<sdk::ReadSummary> FileSource::read(const sdk::StreamContext& ctx) {
  for (const StreamOptions& stream : options_.streams) {
    if (stream.name == ctx.stream_name) return StreamReader::run(ctx, options_.folder, stream);
  }
  RB_SDK_ASSIGN_OR_RETURN(const StreamOptions stream,
                          parse_stream_options(ctx.stream_options, ctx.stream_name, options_.read));
  return StreamReader::run(ctx, options_.folder, stream);
}

}  // namespace rapidbyte::source_file
