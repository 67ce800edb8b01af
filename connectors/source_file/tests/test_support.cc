#include "test_support.h"

#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <cstdlib>

#include "rapidbyte/sdk/batch_reader.h"

namespace rapidbyte::source_file::testing {

namespace {

using sdk::Json;

std::string_view kind_name(ProblemKind kind) {
  switch (kind) {
    case ProblemKind::kTooFewFields: return "!few";
    case ProblemKind::kTooManyFields: return "!many";
    case ProblemKind::kTextAfterQuote: return "!quote";
    case ProblemKind::kInvalidUtf8: return "!utf8";
    case ProblemKind::kInvalidJson: return "!json";
    case ProblemKind::kUnknownKey: return "!key";
    case ProblemKind::kDuplicateKey: return "!twice";
    case ProblemKind::kTooLong: return "!long";
    default: return "!other";
  }
}

ReadBack read_all(RecordReader& reader, const FieldRules& rules) {
  ReadBack out;
  RecordBlock block;
  std::string scratch;
  while (true) {
    const auto more = reader.next(block);
    if (!more.ok()) {
      out.error = more.error().code;
      return out;
    }
    if (!*more) return out;
    size_t problem = 0;
    for (uint32_t row = 0; row < block.row_count; ++row) {
      if (problem < block.problems.size() && block.problems[problem].row == row) {
        out.rows.push_back({std::string(kind_name(block.problems[problem++].kind))});
        continue;
      }
      std::vector<std::string> fields;
      for (uint32_t column = 0; column < block.column_count; ++column) {
        const FieldSpan& field = block.field(row, column);
        fields.emplace_back(
            is_null_field(reader.data(), field, rules) ? "NULL" : field_text(reader.data(), field, rules, scratch));
      }
      out.rows.push_back(std::move(fields));
    }
  }
}

}  // namespace

TempFolder::TempFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "rapidbyte-source-file-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) std::abort();
  path_ = name;
}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempFolder::write(const std::string& name, std::string_view content) const {
  const std::filesystem::path path = path_ / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary).write(content.data(), static_cast<std::streamsize>(content.size()));
  return path.string();
}

ReadBack read_csv(const std::string& path, const CsvDialect& dialect, uint32_t columns, size_t buffer_bytes,
                  uint64_t max_record_bytes) {
  ReaderLimits limits;
  limits.buffer_bytes = buffer_bytes;
  limits.max_record_bytes = max_record_bytes;
  auto reader = RecordReader::open_csv(path, "test.csv", dialect, 0, limits);
  if (!reader.ok()) return {{}, reader.error().code};
  (*reader)->set_columns(columns);
  FieldRules rules;
  rules.quote = dialect.quote;
  rules.escape = dialect.escape;
  return read_all(**reader, rules);
}

ReadBack read_ndjson(const std::string& path, const std::vector<std::string>& keys, size_t buffer_bytes,
                     uint64_t max_record_bytes) {
  ReaderLimits limits;
  limits.buffer_bytes = buffer_bytes;
  limits.max_record_bytes = max_record_bytes;
  auto reader = RecordReader::open_ndjson(path, "test.ndjson", limits);
  if (!reader.ok()) return {{}, reader.error().code};
  (*reader)->set_keys(keys);
  FieldRules rules;
  rules.json = true;
  return read_all(**reader, rules);
}

std::string gzip(std::string_view text) {
  z_stream stream = {};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&stream, static_cast<uLong>(text.size())) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(std::string_view text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

Json stream_entry(const RunOptions& options) {
  Json stream = options.stream;
  stream["name"] = options.name;
  return stream;
}

RunResult run(const std::string& folder, const RunOptions& options) {
  RunResult out;
  sdk::testing::FakeHost host;
  sdk::SourceAdapter<FileSource> source;
  Json config = options.config;
  config["folder"] = folder;
  config["streams"] = Json::array({stream_entry(options)});
  out.status = source.open(sdk::to_text(config));
  if (!out.status.ok()) return out;
  out = run_stream(source, options);
  (void)source.close();
  return out;
}

RunResult run_stream(sdk::SourceAdapter<FileSource>& source, const RunOptions& options) {
  RunResult out;
  sdk::testing::FakeHost host;
  const auto catalog = source.discover();
  if (!catalog.ok()) {
    out.status = catalog.status();
    return out;
  }
  const auto parsed = sdk::parse_json(*catalog);
  for (const Json& stream : (*parsed)["streams"]) {
    if (stream["name"] == Json(options.name)) out.schema = *sdk::Schema::from_json(stream["schema"]);
  }
  Json ctx = sdk::testing::make_context(options.name, out.schema);
  ctx["stream_options"] = options.stream;
  ctx["limits"]["max_batch_bytes"] = options.max_batch_bytes;
  ctx["limits"]["max_record_bytes"] = options.max_record_bytes;
  ctx["limits"]["checkpoint_interval_rows"] = options.checkpoint_interval_rows;
  ctx["policies"]["on_data_error"] = options.on_data_error;
  ctx["policies"]["schema_evolution"]["type_change"] = options.type_change;
  ctx["resume"] = options.resume;
  if (!options.cursor_field.empty()) {
    ctx["sync_mode"] = "incremental";
    ctx["cursor_info"] = {
        {"cursor_field", options.cursor_field}, {"cursor_type", "utf8"}, {"last_value", options.last_value}};
  }
  if (options.fail_emit != 0) {
    sdk::Error error;
    error.code = "CHANNEL_SEND";
    host.fail_call("emit-batch", options.fail_emit, error);
  }
  bool done = !options.meanwhile;
  host.before_call = [&](std::string_view function) {
    if (done || function != "emit-batch") return;
    done = true;
    options.meanwhile();
  };
  const auto summary = source.run_read(sdk::to_text(ctx));
  if (summary.ok()) {
    out.summary = *summary;
  } else {
    out.status = summary.status();
  }
  sdk::BatchReader reader;
  for (const sdk::testing::StreamItem& item : host.sent()) {
    if (!item.is_batch()) {
      out.checkpoints.push_back(item.marker);
      out.rows_covered.push_back(out.rows.size());
      continue;
    }
    const sdk::Status loaded = reader.load(item.batch);
    if (!loaded.ok()) {
      out.status = loaded;
      return out;
    }
    out.batch_bytes.push_back(item.batch.size());
    for (size_t row = 0; row < reader.rows(); ++row) {
      std::vector<std::string> values;
      values.reserve(reader.column_count());
      for (size_t column = 0; column < reader.column_count(); ++column) {
        values.push_back(sdk::to_text(reader.column(column).json(row)));
      }
      out.rows.push_back(std::move(values));
    }
  }
  out.dlq = host.dlq();
  for (const sdk::testing::LogLine& line : host.logs()) {
    if (line.level == sdk::host::LogLevel::kWarn) out.warnings.push_back(line.message);
  }
  return out;
}

}  // namespace rapidbyte::source_file::testing
