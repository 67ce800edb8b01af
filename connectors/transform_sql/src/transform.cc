#include "connectors/transform_sql/src/transform.h"

#include "connectors/transform_sql/src/stream_runs.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::transform_sql {

using sdk::Field;
using sdk::Result;
using sdk::Schema;
using sdk::Status;
using sdk::StreamContext;
using sdk::TransformPlan;
using sdk::TransformSummary;

namespace {

// DuckDB may use this part of an instance's memory; the rest is for batches on their way, the program's own data and
// what DuckDB does not count.
constexpr uint64_t kEnginePercent = 60;

// A batch says what its values are; anything else that the source said about its columns is in the context.
Schema input_columns(const Schema& batch, const StreamContext& context) {
  Schema columns = batch;
  for (Field& field : columns.fields) {
    const auto known = context.schema.index_of(field.name);
    if (!known || context.schema.fields[*known].type != field.type) continue;
    field.native_type = context.schema.fields[*known].native_type;
    field.native_fields = context.schema.fields[*known].native_fields;
  }
  return columns;
}

Result<TransformSummary> pass_through() {
  TransformSummary summary;
  for (;;) {
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<sdk::Bytes> batch, sdk::host::next_batch());
    if (!batch) return summary;
    RB_SDK_ASSIGN_OR_RETURN(const uint64_t rows, sdk::count_rows(batch->span()));
    RB_SDK_RETURN_NOT_OK(sdk::host::emit_batch(batch->span()));
    summary.records_in += rows;
    summary.records_out += rows;
    summary.bytes_in += batch->size();
    summary.bytes_out += batch->size();
    ++summary.batches_processed;
  }
}

Status in_stream(Status status, std::string_view stream) {
  if (status.ok()) return status;
  sdk::Error error = status.error();
  error.message = "stream `" + std::string(stream) + "`: " + error.message;
  return error;
}

}  // namespace

Status Transform::open(const sdk::Json& config) {
  RB_SDK_ASSIGN_OR_RETURN(config_, Config::parse(config));
  return {};
}

Status Transform::open_engine(const StreamContext& context) {
  if (engine_ != nullptr) return {};
  RB_SDK_ASSIGN_OR_RETURN(engine_,
                          duck::Engine::open({.memory_bytes = context.limits.max_memory_bytes / 100 * kEnginePercent}));
  for (const Lookup& table : config_.tables)
    RB_SDK_RETURN_NOT_OK(engine_->load_table(table.name, table.path, table.format));
  return {};
}

Result<std::unique_ptr<duck::Query>> Transform::prepare(const std::string& sql, const StreamContext& context,
                                                        const Schema& input) {
  RB_SDK_RETURN_NOT_OK(open_engine(context));
  auto query = engine_->prepare(sql, input, {context.stream_name}, config_.parameters);
  if (!query.ok()) return in_stream(query.status(), context.stream_name);
  if ((*query)->needs_all_rows() && !config_.whole) {
    return in_stream(
        sdk::config_error(
            codes::kSqlNeedsAllRows,
            "the query needs all rows of the stream at once, because " + *(*query)->needs_all_rows() +
                ". With `whole: true` it gets them: they have to fit into `resources.max_memory`, and a load that is "
                "interrupted begins again. Or leave that to the destination"),
        context.stream_name);
  }
  if ((*query)->needs_all_rows() && (*query)->scans() > 1) return in_stream(read_once(), context.stream_name);
  return query;
}

Result<TransformPlan> Transform::plan(const StreamContext& context) {
  const std::string* sql = config_.query_for(context.stream_name);
  if (sql == nullptr) return TransformPlan{.columns = context.schema, .stateless = true, .note = "passes through"};
  RB_SDK_ASSIGN_OR_RETURN(const auto query, prepare(*sql, context, context.schema));
  const auto& why = query->needs_all_rows();
  return TransformPlan{.columns = query->columns(),
                       .stateless = !why,
                       .note = why ? "over the whole stream: " + *why : "batch by batch"};
}

Result<TransformSummary> Transform::transform(const StreamContext& context) {
  const std::string* sql = config_.query_for(context.stream_name);
  if (sql == nullptr) return pass_through();
  TransformSummary summary;
  BatchSource source(summary);
  std::unique_ptr<duck::Query> query;
  std::optional<BatchSink> sink;
  std::optional<BatchRun> run;
  uint64_t schema_version = 0;
  for (;;) {
    RB_SDK_ASSIGN_OR_RETURN(const bool more, source.next());
    if (!more) break;
    if (source.reader().schema_version() != schema_version) {
      const bool first = !run;
      run.reset();
      RB_SDK_ASSIGN_OR_RETURN(query, prepare(*sql, context, input_columns(source.reader().schema(), context)));
      RB_SDK_ASSIGN_OR_RETURN(sink, BatchSink::make(query->columns(), summary));
      schema_version = source.reader().schema_version();
      if (query->needs_all_rows()) {
        if (!first) {
          return in_stream(
              sdk::schema_error(codes::kSchemaChanged,
                                "the columns changed in the middle of the stream, and with the new ones the "
                                "query needs all rows at once: " +
                                    *query->needs_all_rows()),
              context.stream_name);
        }
        RB_SDK_RETURN_NOT_OK(in_stream(run_whole(*query, context, source, *sink), context.stream_name));
        return summary;
      }
      run.emplace(*query, context, source, *sink);
    }
    RB_SDK_RETURN_NOT_OK(run->run());
  }
  if (run || context.schema.fields.empty()) return summary;
  RB_SDK_ASSIGN_OR_RETURN(query, prepare(*sql, context, context.schema));
  if (!query->needs_all_rows()) return summary;
  RB_SDK_ASSIGN_OR_RETURN(sink, BatchSink::make(query->columns(), summary));
  RB_SDK_RETURN_NOT_OK(in_stream(run_empty(*query, *sink), context.stream_name));
  return summary;
}

}  // namespace rapidbyte::transform_sql
