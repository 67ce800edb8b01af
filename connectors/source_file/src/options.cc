#include "options.h"

#include <algorithm>
#include <cctype>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/config.h"

namespace rapidbyte::source_file {

namespace {

using sdk::ConfigReader;
using sdk::DataType;
using sdk::Json;
using sdk::Result;
using sdk::Status;
using sdk::TypeId;

std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

std::string_view without_compression(std::string_view name) {
  for (const std::string_view end : {".gz", ".zst"}) {
    if (name.ends_with(end)) name.remove_suffix(end.size());
  }
  return name;
}

bool is_plain_symbol(char c) {
  const auto u = static_cast<unsigned char>(c);
  return u < 0x80 && c != '\n' && c != '\r' && c != '\0' && std::isalnum(u) == 0;
}

/// One symbol of ASCII, or (where allowed) the empty string for "none".
void read_symbol(ConfigReader& config, std::string_view key, bool may_be_empty, std::optional<char>& out) {
  const std::optional<std::string> text = config.maybe_string(key);
  if (!text) return;
  if (text->empty() && may_be_empty) {
    out = '\0';
  } else if (*text == "\\t" || *text == "tab") {
    out = '\t';
  } else if (text->size() == 1 && is_plain_symbol(text->front())) {
    out = text->front();
  } else {
    config.add_problem(key, may_be_empty ? "must be one ASCII symbol, or empty for none"
                                         : "must be one ASCII symbol (for a tab: \"\\t\")");
  }
}

void read_pattern(ConfigReader& config, std::string_view key, bool with_time, std::string& out) {
  const std::optional<std::string> pattern = config.maybe_string(key);
  if (!pattern) return;
  out = *pattern;
  if (pattern->empty()) return;
  const std::string problem = check_pattern(*pattern);
  if (!problem.empty()) {
    config.add_problem(key, problem);
  } else if (pattern_has_time(*pattern) != with_time) {
    config.add_problem(key, with_time ? "has no time of day (%H); use date_format for dates"
                                      : "has a time of day; use timestamp_format");
  }
}

void read_read_options(ConfigReader& config, ReadOptions& out) {
  const std::optional<std::string> format = config.maybe_string("format");
  if (format) {
    if (*format == "csv") {
      out.format = Format::kCsv;
    } else if (*format == "ndjson") {
      out.format = Format::kNdjson;
    } else {
      config.add_problem("format", "must be csv or ndjson");
    }
  }
  read_symbol(config, "delimiter", false, out.delimiter);
  std::optional<char> quote, escape, point;
  read_symbol(config, "quote", true, quote);
  read_symbol(config, "escape", true, escape);
  read_symbol(config, "decimal_point", false, point);
  out.quote = quote.value_or(out.quote);
  out.escape = escape.value_or(out.escape);
  if (out.escape == out.quote) out.escape = 0;  // doubled quotes are understood anyway
  out.inference.decimal_point = point.value_or(out.inference.decimal_point);
  if (out.inference.decimal_point != '.' && out.inference.decimal_point != ',') {
    config.add_problem("decimal_point", "must be \".\" or \",\"");
  }
  const char delimiter = out.delimiter.value_or(',');
  if (delimiter == out.quote || delimiter == out.escape) {
    config.add_problem("delimiter", "must differ from quote and escape");
  }
  if (out.escape == '-' || out.escape == '+' || out.escape == '.')
    config.add_problem("escape", "must not be a sign or a point");
  out.header = config.optional_bool("header", out.header);
  out.skip_lines = config.optional_uint("skip_lines", out.skip_lines, 0, 1'000'000);
  out.trim = config.optional_bool("trim", out.trim);
  if (const std::optional<std::string> ragged = config.maybe_string("ragged")) {
    if (*ragged == "error") {
      out.ragged = RaggedRule::kError;
    } else if (*ragged == "pad") {
      out.ragged = RaggedRule::kPad;
    } else if (*ragged == "pad_and_drop") {
      out.ragged = RaggedRule::kPadAndDrop;
    } else {
      config.add_problem("ragged", "must be error, pad or pad_and_drop");
    }
  }
  if (config.raw("null_values") != nullptr) out.null_values = config.optional_strings("null_values");
  out.empty_is_null = config.optional_bool("empty_is_null", out.empty_is_null);
  out.quoted_nulls = config.optional_bool("quoted_nulls", out.quoted_nulls);
  read_pattern(config, "date_format", false, out.inference.date_pattern);
  read_pattern(config, "timestamp_format", true, out.inference.timestamp_pattern);
  // A sample of more than a million rows takes longer than the second that anybody wants to wait for types.
  out.sample_rows = config.optional_uint("sample_rows", out.sample_rows, 1, 1'000'000);
  out.sample_files = config.optional_uint("sample_files", out.sample_files, 1, 10'000);
}

void read_columns(ConfigReader& config, StreamOptions& out) {
  const Json* columns = config.raw("columns");
  if (columns == nullptr) return;
  if (!columns->is_object()) {
    config.add_problem("columns", "must be an object of column name to type");
    return;
  }
  for (const auto& [name, value] : columns->items()) {
    const std::string where = "columns." + name;
    ColumnOverride column;
    column.name = name;
    std::optional<std::string> type;
    if (const auto text = sdk::as_string(value)) {
      type = std::string(*text);
    } else {
      type = sdk::string_member(value, "type");
      column.pattern = sdk::string_member(value, "format").value_or("");
    }
    if (!type) {
      config.add_problem(where, "must be a type name, or an object with type and format");
      continue;
    }
    Result<DataType> parsed = parse_type_name(*type);
    if (!parsed.ok()) {
      config.add_problem(where, parsed.error().message);
      continue;
    }
    column.type = std::move(*parsed);
    if (!column.pattern.empty()) {
      const bool timestamp = column.type.id == TypeId::kTimestamp;
      if (column.type.id != TypeId::kDate32 && !timestamp) {
        config.add_problem(where, "a format is for Date32 and Timestamp columns only");
      } else if (const std::string problem = check_pattern(column.pattern); !problem.empty()) {
        config.add_problem(where, problem);
      } else if (timestamp && pattern_has_zone(column.pattern) != column.type.timezone.has_value()) {
        config.add_problem(where,
                           "a format with %z belongs to Timestamp(Microsecond, Some(\"UTC\")), one without it to "
                           "Timestamp(Microsecond, None)");
      }
    }
    out.columns.push_back(std::move(column));
  }
}

Status finish_stream(ConfigReader& config, StreamOptions& out) {
  out.path = config.optional_string("path");
  read_read_options(config, out.read);
  read_columns(config, out);
  // Keys of a stream that the engine acts on; they are included when it passes the pipeline's entries on.
  for (const std::string_view key : {"name", "sync_mode", "cursor_field", "write_mode", "primary_key"}) config.raw(key);
  return config.finish();
}

}  // namespace

FieldRules ReadOptions::field_rules(Format format_used) const {
  FieldRules rules;
  rules.json = format_used == Format::kNdjson;
  rules.quote = quote;
  rules.escape = escape;
  rules.decimal_point = rules.json ? '.' : inference.decimal_point;
  if (!rules.json) {
    rules.null_tokens = null_values;
    rules.quoted_nulls = quoted_nulls;
    // Empty unquoted fields are null already; with quoted_nulls empty quoted ones are, too.
    if (quoted_nulls && empty_is_null) rules.null_tokens.emplace_back();
  }
  return rules;
}

Result<DataType> parse_type_name(std::string_view name) {
  const std::string lower = lowered(name);
  const auto timestamp = [](std::optional<std::string> zone) {
    return DataType::timestamp(sdk::TimeUnit::kMicrosecond, std::move(zone));
  };
  if (lower == "text" || lower == "string") return DataType::of(TypeId::kUtf8);
  if (lower == "integer" || lower == "int" || lower == "bigint") return DataType::of(TypeId::kInt64);
  if (lower == "float" || lower == "double") return DataType::of(TypeId::kFloat64);
  if (lower == "boolean" || lower == "bool") return DataType::of(TypeId::kBoolean);
  if (lower == "date") return DataType::of(TypeId::kDate32);
  if (lower == "time") return DataType::time64(sdk::TimeUnit::kMicrosecond);
  if (lower == "timestamp") return timestamp(std::nullopt);
  if (lower == "timestamptz") return timestamp("UTC");
  const std::string arrow = lower.starts_with("decimal(") ? "Decimal128" + lower.substr(7) : std::string(name);
  Result<DataType> type = DataType::parse(arrow);
  if (type.ok() && is_supported_type(*type)) return type;
  return sdk::config_error(
      codes::kUnknownType,
      "type '" + std::string(name) +
          "' is not one that files can be read as; use text, integer, float, decimal(p, s), boolean, "
          "date, time, timestamp, timestamptz, or the Arrow names Utf8, Int8 to Int64, UInt8 to UInt64, "
          "Float32, Float64, Decimal128(p, s), Boolean, Date32, Time64(Microsecond), "
          "Timestamp(Microsecond, None), Timestamp(Microsecond, Some(\"UTC\"))");
}

Result<StreamOptions> parse_stream_options(const Json& entry, const std::string& name, const ReadOptions& defaults) {
  StreamOptions out;
  out.name = name;
  out.read = defaults;
  ConfigReader config(entry, "stream '" + name + "'");
  RB_SDK_RETURN_NOT_OK(finish_stream(config, out));
  return out;
}

Result<SourceOptions> parse_source_options(const Json& json) {
  SourceOptions out;
  ConfigReader config(json);
  out.folder = config.required_string("folder");
  const std::string encoding = config.optional_string("encoding", "utf-8");
  if (lowered(encoding) != "utf-8" && lowered(encoding) != "utf8") {
    config.add_problem("encoding", "only utf-8 is read; convert the files, for example with iconv");
  }
  read_read_options(config, out.read);
  const Json* streams = config.raw("streams");
  RB_SDK_RETURN_NOT_OK(config.finish());
  if (streams == nullptr) return out;
  if (!streams->is_array()) return sdk::config_error(codes::kInvalidConfig, "config.streams must be a list of streams");
  for (const Json& entry : *streams) {
    const std::optional<std::string> name = sdk::string_member(entry, "name");
    if (!name) return sdk::config_error(codes::kInvalidConfig, "config.streams: every stream needs a name");
    RB_SDK_ASSIGN_OR_RETURN(StreamOptions stream, parse_stream_options(entry, *name, out.read));
    out.streams.push_back(std::move(stream));
  }
  return out;
}

Format format_of_name(std::string_view file_name) {
  const std::string name = lowered(without_compression(file_name));
  for (const std::string_view end : {".csv", ".tsv", ".txt"}) {
    if (name.ends_with(end)) return Format::kCsv;
  }
  for (const std::string_view end : {".ndjson", ".jsonl"}) {
    if (name.ends_with(end)) return Format::kNdjson;
  }
  return Format::kByName;
}

std::string stream_name_of_file(std::string_view file_name) {
  if (format_of_name(file_name) == Format::kByName) return {};
  const std::string_view name = without_compression(file_name);
  return std::string(name.substr(0, name.rfind('.')));
}

Result<StreamFiles> resolve_files(const std::string& folder, const StreamOptions& stream) {
  StreamFiles out;
  if (!stream.path.empty()) {
    RB_SDK_ASSIGN_OR_RETURN(out.files, list_files(folder, stream.path));
  } else {
    std::vector<std::string> extensions;
    if (stream.read.format != Format::kNdjson) extensions = {"csv", "tsv"};
    if (stream.read.format != Format::kCsv) extensions.insert(extensions.end(), {"ndjson", "jsonl"});
    RB_SDK_ASSIGN_OR_RETURN(out.files, find_stream_file(folder, stream.name, extensions));
  }
  const std::string& first = out.files.front().name;
  out.format = stream.read.format == Format::kByName ? format_of_name(first) : stream.read.format;
  if (out.format == Format::kByName) {
    return sdk::config_error(
        codes::kFormatUnknown,
        "the name of file '" + first +
            (lowered(first).ends_with(".parquet")
                 ? "' says that it is a Parquet file, which source-file does not read; use rapidbyte/source-parquet"
                 : "' does not say which format it has; set the option format to csv or ndjson"));
  }
  if (stream.read.format == Format::kByName) {
    for (const FileEntry& file : out.files) {
      if (format_of_name(file.name) != out.format) {
        return sdk::config_error(codes::kFormatUnknown,
                                 "files '" + first + "' and '" + file.name +
                                     "' do not have the same format by their names; set the option format, "
                                     "or a narrower path");
      }
    }
  }
  const bool tabs = lowered(without_compression(first)).ends_with(".tsv");
  out.dialect = CsvDialect{stream.read.delimiter.value_or(tabs ? '\t' : ','),
                           stream.read.quote,
                           stream.read.escape,
                           stream.read.trim,
                           stream.read.empty_is_null,
                           stream.read.ragged};
  return out;
}

}  // namespace rapidbyte::source_file
