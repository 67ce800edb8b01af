#include "options.h"

#include <algorithm>

#include "condition.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/config.h"

namespace rapidbyte::source_postgres {

namespace {

using sdk::ConfigReader;
using sdk::Json;
using sdk::Result;
using sdk::Status;

void read_lag(ConfigReader& config, StreamOptions& out) {
  const Json* lag = config.raw("lag");
  if (lag == nullptr) return;
  std::optional<std::string> text;
  if (const auto number = sdk::as_uint(*lag)) text = std::to_string(*number);
  if (const auto string = sdk::as_string(*lag)) text = std::string(*string);
  if (text) out.lag = parse_lag(*text);
  if (!out.lag) {
    config.add_problem("lag",
                       "must be a duration such as 90s, 5m, 2h or 1d, or for a cursor that is a number an amount, and "
                       "above zero; to read up to the newest rows leave it out");
  }
}

void read_columns(ConfigReader& config, StreamOptions& out) {
  const Json* columns = config.raw("columns");
  if (columns == nullptr) return;
  if (!columns->is_object()) {
    config.add_problem("columns", "must be an object of column name to type");
    return;
  }
  for (const auto& [name, value] : columns->items()) {
    if (sdk::as_string(value) != "text") {
      config.add_problem("columns." + name,
                         "must be text, the only type that a column can be given here; for others cast it in a view");
    }
    out.text_columns.push_back(name);
  }
}

void find_repeated(ConfigReader& config, std::string_view key, std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) config.add_problem(key, "names the column `" + *twice + "` twice");
}

}  // namespace

Result<StreamOptions> parse_stream_options(const Json& entry, const std::string& name,
                                           std::string_view default_schema) {
  ConfigReader config(entry, "stream '" + name + "'");
  StreamOptions out;
  out.name = name;
  const std::optional<std::string> table = config.maybe_string("table");
  Result<TableName> parsed = parse_table_name(table.value_or(name), default_schema);
  if (parsed.ok()) {
    out.table = std::move(*parsed);
  } else {
    config.add_problem(table ? "table" : "name", parsed.error().message);
  }
  const bool selects = config.raw("select") != nullptr;
  out.select = config.optional_strings("select");
  if (selects && out.select.empty()) config.add_problem("select", "must name at least one column");
  find_repeated(config, "select", out.select);
  out.where = config.optional_string("where");
  if (const auto problem = condition_problem(out.where)) config.add_problem("where", *problem);
  read_columns(config, out);
  if (config.raw("tie_breaker") != nullptr) {
    out.tie_breaker = config.optional_strings("tie_breaker");
    if (out.tie_breaker->empty()) config.add_problem("tie_breaker", "must name at least one column");
    find_repeated(config, "tie_breaker", *out.tie_breaker);
  }
  read_lag(config, out);
  const std::string children = config.optional_string("child_tables");
  if (!children.empty()) out.child_rows = children == "include";
  if (!children.empty() && children != "include" && children != "exclude") {
    config.add_problem("child_tables", "must be include or exclude");
  }
  out.keep_position = config.optional_bool("keep_position", false);
  // Keys of a stream that the engine acts on; they are included when it passes the pipeline's entries on.
  for (const std::string_view key : {"name", "write_mode", "primary_key"}) config.raw(key);
  const std::string cursor_field = config.optional_string("cursor_field");
  if (config.optional_string("sync_mode") == "incremental") out.cursor_field = cursor_field;
  RB_SDK_RETURN_NOT_OK(config.finish());
  return out;
}

Result<SourceOptions> parse_source_options(const Json& config) {
  ConfigReader reader(config);
  SourceOptions out;
  out.connection = postgres::read_connection_options(reader);
  const Json* streams = reader.raw("streams");
  std::string stream_problems;
  if (streams != nullptr && streams->is_array()) {
    for (const Json& entry : *streams) {
      auto stream = parse_stream_options(entry, sdk::string_member(entry, "name").value_or(""), out.connection.schema);
      if (stream.ok()) {
        out.streams.push_back(std::move(*stream));
      } else {
        stream_problems += "\n" + stream.error().message;
      }
    }
  }
  Status own = reader.finish();
  if (stream_problems.empty()) {
    RB_SDK_RETURN_NOT_OK(own);
    return out;
  }
  return sdk::config_error(codes::kInvalidConfig,
                           own.ok() ? stream_problems.substr(1) : own.error().message + stream_problems);
}

}  // namespace rapidbyte::source_postgres
