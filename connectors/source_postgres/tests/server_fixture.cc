#include "server_fixture.h"

#include <sstream>

#include "rapidbyte/sdk/batch_reader.h"
#include "rapidbyte/testing/fake_host.h"
#include "value_text.h"

namespace rapidbyte::source_postgres::testing {

namespace {

using postgres::testing::PostgresServer;
using sdk::Json;
using sdk::TypeId;

std::string hex(std::string_view bytes) {
  std::ostringstream out;
  out << "\\x" << std::hex;
  for (const char c : bytes) {
    out << (static_cast<unsigned char>(c) >> 4U) << (static_cast<unsigned char>(c) & 15U);
  }
  return out.str();
}

/// The value as PostgreSQL prints it; floats as their bits, which tell -0 and NaN apart.
std::string text_of(const sdk::ColumnView& column, size_t row) {
  if (column.is_null(row)) return "NULL";
  switch (column.type().id) {
    case TypeId::kBoolean: return column.boolean(row) ? "true" : "false";
    case TypeId::kInt16:
    case TypeId::kInt32:
    case TypeId::kInt64:
    case TypeId::kUInt32: return std::to_string(column.integer(row));
    case TypeId::kFloat32: {
      char bits[16];
      std::snprintf(bits, sizeof bits, "\\x%08x", column.value<uint32_t>(row));
      return bits;
    }
    case TypeId::kFloat64: {
      char bits[24];
      std::snprintf(bits, sizeof bits, "\\x%016llx", static_cast<unsigned long long>(column.value<uint64_t>(row)));
      return bits;
    }
    case TypeId::kDecimal128:
    case TypeId::kDecimal256: {
      const bool nan =
          column.type().id == TypeId::kDecimal128
              ? column.value<sdk::Decimal128Words>(row) == sdk::Decimal128Words{{0, uint64_t{1} << 63U}}
              : column.value<sdk::Decimal256Words>(row) == sdk::Decimal256Words{{0, 0, 0, uint64_t{1} << 63U}};
      return nan ? "NaN" : column.decimal_text(row);
    }
    case TypeId::kBinary: return hex(column.bytes(row));
    case TypeId::kUtf8: return std::string(column.bytes(row));
    case TypeId::kDate32: {
      const auto days = column.value<int32_t>(row);
      return date_text(days == INT32_MAX || days == INT32_MIN ? days : days - kEpochDays);
    }
    case TypeId::kTime64: return time_text(column.value<int64_t>(row));
    case TypeId::kTimestamp: {
      const auto micros = column.value<int64_t>(row);
      return timestamp_text(micros == INT64_MAX || micros == INT64_MIN ? micros : micros - kEpochMicros,
                            column.type().timezone.has_value());
    }
    default: return "?";
  }
}

void read_back(const sdk::testing::FakeHost& host, RunResult& out) {
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
      return;
    }
    out.batch_bytes.push_back(item.batch.size());
    for (size_t row = 0; row < reader.rows(); ++row) {
      std::vector<std::string>& values = out.rows.emplace_back();
      for (size_t i = 0; i < reader.column_count(); ++i) values.push_back(text_of(reader.column(i), row));
    }
  }
}

}  // namespace

std::vector<std::string> RunResult::firsts() const {
  std::vector<std::string> out;
  for (const std::vector<std::string>& row : rows) out.push_back(row.front());
  return out;
}

Json RunResult::cursor() const { return checkpoints.empty() ? Json() : checkpoints.back()["cursor_value"]; }

Json make_run_context(const RunOptions& options, const sdk::Schema& schema) {
  Json ctx = sdk::testing::make_context(options.name, schema);
  ctx["stream_options"] = options.stream;
  ctx["limits"]["max_batch_bytes"] = options.max_batch_bytes;
  ctx["limits"]["max_record_bytes"] = options.max_record_bytes;
  ctx["limits"]["checkpoint_interval_rows"] = options.checkpoint_interval_rows;
  ctx["policies"]["on_data_error"] = options.on_data_error;
  ctx["resume"] = options.resume;
  ctx["partition"] = options.partition;
  if (options.special_values) ctx["destination_features"] = {"special-values"};
  if (!options.cursor_field.empty()) {
    ctx["sync_mode"] = "incremental";
    ctx["cursor_info"] = {{"cursor_field", options.cursor_field},
                          {"cursor_type", "json"},
                          {"last_value", options.last_value.is_null() ? Json("null") : options.last_value}};
  }
  return ctx;
}

void ServerTest::SetUp() {
  RB_REQUIRE_POSTGRES();
  database_ = PostgresServer::shared().make_database();
}

std::string ServerTest::sql(const std::string& text) const { return PostgresServer::shared().sql(text, database_); }

std::vector<std::string> ServerTest::lines(const std::string& query) const {
  std::istringstream in(sql(query));
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(line);
  return out;
}

Json ServerTest::config() const {
  Json config = PostgresServer::shared().config();
  config["database"] = database_;
  return config;
}

RunResult ServerTest::run(const RunOptions& options) const { return run(options, Json::object()); }

RunResult ServerTest::run(const RunOptions& options, const Json& more_config) const {
  RunResult out;
  sdk::testing::FakeHost host;
  sdk::SourceAdapter<PostgresSource> source;
  Json config = this->config();
  config.update(more_config);
  Json stream = options.stream;
  stream["name"] = options.name;
  config["streams"] = Json::array({stream});
  out.status = source.open(sdk::to_text(config));
  if (!out.status.ok()) return out;
  const auto catalog = source.discover();
  if (!catalog.ok()) {
    out.status = catalog.status();
    return out;
  }
  out.schema = *sdk::Schema::from_json((*sdk::parse_json(*catalog))["streams"][0]["schema"]);
  if (options.fail_emit != 0) {
    sdk::Error error;
    error.code = "CHANNEL_SEND";
    host.fail_call("emit-batch", options.fail_emit, error);
  }
  host.before_call = options.before_call;
  const auto summary = source.run_read(sdk::to_text(make_run_context(options, out.schema)));
  if (summary.ok()) {
    out.summary = *summary;
  } else {
    out.status = summary.status();
  }
  (void)source.close();
  read_back(host, out);
  for (const sdk::testing::DlqRecord& record : host.dlq()) out.dlq.push_back(record.record_json);
  for (const sdk::testing::LogLine& line : host.logs()) {
    if (line.level == sdk::host::LogLevel::kWarn) out.warnings.push_back(line.message);
  }
  return out;
}

sdk::Result<sdk::Catalog> ServerTest::discover(const Json& more_config) const {
  sdk::testing::FakeHost host;
  PostgresSource source;
  Json config = this->config();
  config.update(more_config);
  RB_SDK_RETURN_NOT_OK(source.open(config));
  return source.discover();
}

sdk::Result<sdk::Validation> ServerTest::validate(const Json& more_config) const {
  sdk::testing::FakeHost host;
  PostgresSource source;
  Json config = this->config();
  config.update(more_config);
  RB_SDK_RETURN_NOT_OK(source.open(config));
  return source.validate();
}

}  // namespace rapidbyte::source_postgres::testing
