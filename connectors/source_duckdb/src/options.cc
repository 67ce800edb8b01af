#include "connectors/source_duckdb/src/options.h"

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::source_duckdb {

using sdk::Json;
using sdk::Result;

namespace {

// What every stream has, whatever its connector.
constexpr std::string_view kOfTheHost[] = {"name", "sync_mode", "cursor_field", "write_mode", "primary_key"};

}  // namespace

Result<StreamOptions> parse_stream_options(const Json& entry, const std::string& name) {
  sdk::ConfigReader reader(entry, "stream '" + name + "'");
  for (const std::string_view key : kOfTheHost) static_cast<void>(reader.raw(key));
  StreamOptions stream{.name = name,
                       .table = reader.optional_string("table", name),
                       .select = reader.optional_strings("select"),
                       .where = reader.optional_string("where"),
                       .tie_breaker = reader.optional_strings("tie_breaker")};
  RB_SDK_RETURN_NOT_OK(reader.finish());
  return stream;
}

Result<Options> parse_options(const Json& config) {
  sdk::ConfigReader reader(config);
  Options options{
      .path = reader.required_string("path"), .schema = reader.optional_string("schema", "main"), .streams = {}};
  const Json* streams = reader.raw("streams");
  RB_SDK_RETURN_NOT_OK(reader.finish());
  if (streams == nullptr) return options;
  for (const Json& entry : *streams) {
    const auto name = sdk::string_member(entry, "name");
    if (!name) return sdk::config_error(codes::kInvalidConfig, "config.streams: every stream needs a name");
    RB_SDK_ASSIGN_OR_RETURN(StreamOptions stream, parse_stream_options(entry, *name));
    options.streams.push_back(std::move(stream));
  }
  return options;
}

}  // namespace rapidbyte::source_duckdb
