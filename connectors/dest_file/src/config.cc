#include "connectors/dest_file/src/config.h"

namespace rapidbyte::dest_file {

using sdk::Json;
using sdk::Result;

Result<Config> Config::parse(const Json& json) {
  sdk::ConfigReader reader(json);
  Config config;
  config.folder = reader.required_string("folder");
  const std::string format = reader.optional_enum("format", "parquet", {"parquet", "csv", "ndjson"});
  config.format = format == "csv" ? Format::kCsv : format == "ndjson" ? Format::kNdjson : Format::kParquet;
  const bool parquet = config.format == Format::kParquet;
  config.compression =
      reader.optional_enum("compression", parquet ? "zstd" : "none", {"zstd", "snappy", "gzip", "none"});
  if (config.compression == "snappy" && !parquet)
    reader.add_problem("compression", "snappy is for parquet only; take gzip or zstd");
  if (reader.raw("file_size") != nullptr)
    config.file_size = reader.optional_uint("file_size", 0, 1U << 20U, UINT64_MAX);
  config.partition_by = reader.optional_strings("partition_by");
  for (const char* of_csv : {"delimiter", "header", "null_value"}) {
    if (reader.raw(of_csv) != nullptr && config.format != Format::kCsv)
      reader.add_problem(of_csv, "is for `format: csv` only");
  }
  config.delimiter = reader.optional_string("delimiter", ",");
  if (config.delimiter.size() != 1 || config.delimiter == "\"" || config.delimiter == "\n" || config.delimiter == "\r")
    reader.add_problem("delimiter", "must be one ASCII character other than a quote or the end of a line");
  config.header = reader.optional_bool("header", true);
  config.null_value = reader.optional_string("null_value");
  config.accept_emptied = reader.optional_enum("emptied_target", "fail", {"fail", "continue"}) == "continue";
  RB_SDK_RETURN_NOT_OK(reader.finish());
  return config;
}

std::string Config::ending() const {
  if (format == Format::kParquet) return ".parquet";
  const std::string packed = compression == "gzip" ? ".gz" : compression == "zstd" ? ".zst" : "";
  return (format == Format::kCsv ? ".csv" : ".ndjson") + packed;
}

}  // namespace rapidbyte::dest_file
