#include "source.h"

#include <algorithm>

#include "catalog.h"
#include "child_tables.h"
#include "incremental.h"
#include "partition.h"
#include "rapidbyte/sdk/host.h"
#include "stream_reader.h"
#include "table_query.h"
#include "user_code.h"

namespace rapidbyte::source_postgres {

namespace {

using sdk::Result;
using sdk::Status;

constexpr std::string_view kDefaultSchema = "public";

Result<sdk::CatalogStream> catalog_stream(const Relation& relation, const StreamOptions& options) {
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<ColumnPlan> columns,
                          plan_columns(relation, options.select, options.text_columns));
  sdk::CatalogStream stream;
  stream.name = options.name;
  for (const ColumnPlan& column : columns) stream.schema.fields.push_back(column.field);
  stream.supported_sync_modes = {sdk::SyncMode::kFullRefresh, sdk::SyncMode::kIncremental};
  const std::vector<std::string> key = relation.primary_key();
  // A key with a column left out identifies nothing.
  bool whole = true;
  for (const std::string& name : key) whole = whole && stream.schema.index_of(name).has_value();
  if (whole) stream.source_defined_primary_key = key;
  return stream;
}

/// Runs the query without its rows.
Status try_query(postgres::Connection& connection, const TableQuery& query, bool user_path) {
  RB_SDK_RETURN_NOT_OK(connection.exec("BEGIN READ ONLY").status());
  Status status = user_path ? set_user_path(connection) : Status();
  if (status.ok()) status = connection.execute(query.select_sql() + " LIMIT 0", {}).status();
  if (!connection.is_broken()) RB_SDK_RETURN_NOT_OK(connection.exec("ROLLBACK").status());
  return status;
}

std::string version_text(uint32_t version) {
  return "PostgreSQL " + std::to_string(version / 10'000) + "." + std::to_string(version % 10'000);
}

}  // namespace

Status PostgresSource::open(const sdk::Json& config) {
  RB_SDK_ASSIGN_OR_RETURN(options_, parse_source_options(config));
  return {};
}

Result<Session> PostgresSource::take_session() {
  if (!idle_) return open_session(options_.connection);
  Session session = std::move(*idle_);
  idle_.reset();
  return session;
}

Result<sdk::Catalog> PostgresSource::discover() {
  RB_SDK_ASSIGN_OR_RETURN(Session session, take_session());
  sdk::Catalog catalog;
  if (!options_.streams.empty()) {
    std::vector<TableName> names;
    for (const StreamOptions& stream : options_.streams) names.push_back(stream.table);
    RB_SDK_ASSIGN_OR_RETURN(std::vector<Relation> relations, load_relations(session, names));
    RB_SDK_RETURN_NOT_OK(check_child_streams(session, options_.streams, relations));
    RB_SDK_RETURN_NOT_OK(describe_composites(session.connection, relations));
    for (size_t i = 0; i < relations.size(); ++i) {
      TableQuery unused;
      Status chosen = choose_child_rows(options_.streams[i], relations[i], unused);
      auto stream =
          chosen.ok() ? catalog_stream(relations[i], options_.streams[i]) : Result<sdk::CatalogStream>(chosen);
      if (!stream.ok()) return std::move(stream).status().with_context("stream '" + options_.streams[i].name + "'");
      catalog.streams.push_back(std::move(*stream));
    }
    idle_.emplace(std::move(session));
    return catalog;
  }
  RB_SDK_ASSIGN_OR_RETURN(std::vector<Relation> relations, load_all_relations(session));
  RB_SDK_RETURN_NOT_OK(describe_composites(session.connection, relations));
  // A name without a schema means the destination's own, which nobody chose here; so that the tables of two schemas do
  // not end up in one, only those of the schema that both sides have by default go without.
  const std::string_view default_schema = options_.connection.schema == kDefaultSchema ? kDefaultSchema : "";
  std::map<postgres::Oid, std::string> code_of_others;
  const bool runs_code = std::any_of(relations.begin(), relations.end(),
                                     [](const Relation& r) { return r.readable && (r.kind == 'v' || r.filtered); });
  if (runs_code) {
    RB_SDK_ASSIGN_OR_RETURN(code_of_others, find_code_of_others(session.connection));
  }
  size_t hidden = 0;
  for (const Relation& relation : relations) {
    if (!relation.readable) {
      ++hidden;
      continue;
    }
    const auto code = code_of_others.find(relation.oid);
    if (code != code_of_others.end() && (relation.kind == 'v' || relation.filtered)) {
      sdk::host::log_warn("`" + relation.name.spelling("") + "` is left out: to read it runs functions of the role `" +
                          code->second +
                          "`, which is neither a superuser nor the owner of the database, with the rights "
                          "of `" +
                          options_.connection.user + "`. Name it as a stream if that is meant");
      continue;
    }
    StreamOptions options;
    options.name = relation.name.spelling(default_schema);
    options.table = relation.name;
    options.select = select_readable(relation);
    if (!options.select.empty()) {
      sdk::host::log_warn("stream '" + options.name + "': only " + std::to_string(options.select.size()) + " of " +
                          std::to_string(relation.columns.size()) + " columns are read, because the role `" +
                          options_.connection.user + "` has no right to the others");
    }
    RB_SDK_ASSIGN_OR_RETURN(sdk::CatalogStream stream, catalog_stream(relation, options));
    catalog.streams.push_back(std::move(stream));
  }
  if (hidden != 0) {
    sdk::host::log_warn(std::to_string(hidden) + " tables are left out, because the role `" + options_.connection.user +
                        "` has no right to read them (GRANT SELECT)");
  }
  idle_.emplace(std::move(session));
  return catalog;
}

Result<sdk::Validation> PostgresSource::validate() {
  auto session = open_session(options_.connection);
  if (!session.ok()) return sdk::Validation::failed(session.error().message);
  postgres::Connection& connection = session->connection;
  const std::string server = version_text(connection.server_version()) + " at " + options_.connection.where() +
                             (connection.is_encrypted() ? ", encrypted" : ", not encrypted");
  if (options_.streams.empty()) {
    auto relations = load_all_relations(*session);
    if (!relations.ok()) return sdk::Validation::failed(relations.error().message);
    size_t readable = 0;
    for (const Relation& relation : *relations) readable += relation.readable ? 1 : 0;
    const std::string counts =
        server + "; " + std::to_string(readable) + " of " + std::to_string(relations->size()) + " tables can be read";
    return readable == relations->size() ? sdk::Validation::success(counts)
                                         : sdk::Validation::warning(counts + " (GRANT SELECT gives the right)");
  }
  std::vector<Relation> relations;
  for (const StreamOptions& stream : options_.streams) {
    const std::string where = "stream '" + stream.name + "': ";
    auto relation = load_relations(*session, {&stream.table, 1});
    if (!relation.ok()) return sdk::Validation::failed(where + relation.error().message);
    relations.push_back(relation->front());
    TableQuery query;
    query.table = stream.table;
    const Status chosen = choose_child_rows(stream, relation->front(), query);
    if (!chosen.ok()) return sdk::Validation::failed(where + chosen.error().message);
    auto columns = plan_columns(relation->front(), stream.select, stream.text_columns);
    if (!columns.ok()) return sdk::Validation::failed(where + columns.error().message);
    if (!stream.cursor_field.empty()) {
      const auto incremental = plan_incremental(relation->front(), stream, stream.cursor_field);
      if (!incremental.ok()) return sdk::Validation::failed(where + incremental.error().message);
    }
    query.columns = std::move(*columns);
    if (!stream.where.empty()) query.conditions.push_back(stream.where);
    // Rights and the condition's syntax are checked by the server.
    Status tried = try_query(connection, query, needs_user_path(stream, relation->front()));
    if (!tried.ok()) return sdk::Validation::failed(where + tried.error().message);
  }
  const Status apart = check_child_streams(*session, options_.streams, relations);
  if (!apart.ok()) return sdk::Validation::failed(apart.error().message);
  return sdk::Validation::success(server + "; " + std::to_string(options_.streams.size()) + " streams can be read");
}

Result<StreamOptions> PostgresSource::options_of(const sdk::StreamContext& ctx) const {
  for (const StreamOptions& stream : options_.streams) {
    if (stream.name == ctx.stream_name) return stream;
  }
  RB_SDK_ASSIGN_OR_RETURN(StreamOptions stream,
                          parse_stream_options(ctx.stream_options, ctx.stream_name, options_.connection.schema));
  stream.all_streams = options_.streams.empty();
  stream.only_readable = stream.all_streams && stream.select.empty();
  // The children are separate streams.
  if (stream.all_streams && !stream.child_rows) stream.child_rows = false;
  return stream;
}

Result<std::vector<sdk::Json>> PostgresSource::plan_partitions(const sdk::StreamContext& ctx, uint32_t want) {
  std::vector<sdk::Json> out;
  if (want < 2 || ctx.sync_mode != sdk::SyncMode::kFullRefresh) return out;
  RB_SDK_ASSIGN_OR_RETURN(const StreamOptions stream, options_of(ctx));
  planning_.reset();
  RB_SDK_ASSIGN_OR_RETURN(Session session, take_session());
  // The table's lock is held as long as the snapshot: a rewrite (VACUUM FULL, CLUSTER) would move rows to other blocks.
  RB_SDK_ASSIGN_OR_RETURN(Relation relation, begin_read(session, stream.table));
  TableQuery unused;
  RB_SDK_RETURN_NOT_OK(choose_child_rows(stream, relation, unused));
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<Partition> partitions,
                          plan_table_partitions(session.connection, relation, stream.where, want));
  for (const Partition& partition : partitions) out.push_back(partition.to_json());
  if (!out.empty()) {
    planning_.emplace(std::move(session));
  } else {
    RB_SDK_RETURN_NOT_OK(session.connection.exec("ROLLBACK").status());
    idle_.emplace(std::move(session));
  }
  return out;
}

Result<sdk::ReadSummary> PostgresSource::read(const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(const StreamOptions stream, options_of(ctx));
  const bool kept = idle_.has_value();
  RB_SDK_ASSIGN_OR_RETURN(Session session, take_session());
  bool begun = false;
  auto summary = StreamReader::run(ctx, stream, session, begun);
  // A connection that was idle since the previous stream may have been ended by something in between.
  if (!summary.ok() && kept && !begun && session.connection.is_broken() && summary.error().retryable) {
    RB_SDK_ASSIGN_OR_RETURN(session, take_session());
    summary = StreamReader::run(ctx, stream, session, begun);
  }
  // A reader of a partition ends with its snapshot. The others release the table at once, and nobody waits for that.
  if (summary.ok() && ctx.partition.is_null() && session.connection.post("ROLLBACK").ok()) {
    idle_.emplace(std::move(session));
  }
  return summary;
}

Status PostgresSource::close() {
  planning_.reset();
  idle_.reset();
  return {};
}

}  // namespace rapidbyte::source_postgres
