#include "src/destination.h"

#include "src/commit.h"
#include "src/staging.h"
#include "src/target.h"

namespace rapidbyte::dest_postgres {
namespace {

using postgres::Parameter;

sdk::WriteMode mode_of(const sdk::StreamContext& ctx) { return ctx.write_mode.value_or(sdk::WriteMode::kAppend); }

std::vector<std::string> upsert_key(const sdk::StreamContext& ctx) {
  return mode_of(ctx) == sdk::WriteMode::kUpsert ? ctx.primary_key : std::vector<std::string>();
}

Status check_upsert_request(const sdk::StreamContext& ctx) {
  if (mode_of(ctx) != sdk::WriteMode::kUpsert || !ctx.primary_key.empty()) return {};
  return sdk::config_error("PRIMARY_KEY_MISSING",
                           "stream \"" + ctx.stream_name +
                               "\": write_mode upsert needs primary_key, the columns that tell rows "
                               "apart. Set it in the pipeline's destination.");
}

// Where the rows lie until the load is published. A load may go on with another write_mode than it began with; rows in
// the staging of a broken-off replace must not count.
TableName written_table(const sdk::StreamContext& ctx, const TableName& target) {
  return mode_of(ctx) == sdk::WriteMode::kReplace ? staging_name(target) : target;
}

// One row: whether each table is there.
std::string exists_sql(const TableName& first, const TableName& second) {
  std::string sql = "SELECT ";
  for (const TableName* name : {&first, &second}) {
    if (name == &second) sql += ", ";
    sql +=
        "EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE "
        "n.nspname = " +
        postgres::quote_literal(name->schema) + " AND c.relname = " + postgres::quote_literal(name->table) + ")";
  }
  return sql;
}

}  // namespace

Status PostgresDestination::open(const sdk::Json& config) {
  sdk::ConfigReader reader(config);
  postgres::ConnectionOptions options = postgres::read_connection_options(reader);
  table_prefix_ = reader.optional_string("table_prefix");
  receipts_schema_ = reader.optional_string("receipts_schema");
  schema_from_stream_ = reader.optional_bool("schema_from_stream", true);
  method_ = reader.optional_enum("load_method", "copy", {"copy", "insert"}) == "insert" ? LoadMethod::kInsert
                                                                                        : LoadMethod::kCopy;
  RB_SDK_RETURN_NOT_OK(reader.finish());
  session_ = std::make_unique<Session>(std::move(options));
  // The host may do this beside the source's discovery (feature "open-early").
  session_->open_ahead();
  // A new session of the server knows nothing of the catalogs: its first look at a table takes three times as long as
  // the next one, which is the load's.
  if (session_->is_open()) (void)read_table(*session_, {"pg_catalog", "pg_namespace"});
  return {};
}

Result<TableName> PostgresDestination::target_of(const sdk::StreamContext& ctx) const {
  TableName target = target_table(ctx.stream_name, session_->options().schema, schema_from_stream_);
  target.table = table_prefix_ + target.table;
  RB_SDK_RETURN_NOT_OK(check_table_name(ctx.stream_name, target));
  return target;
}

Receipts PostgresDestination::receipts_for(const TableName& target) {
  const std::string& schema = receipts_schema_.empty() ? target.schema : receipts_schema_;
  return {*session_, schema, receipts_known_ == schema};
}

Result<sdk::Validation> PostgresDestination::validate() {
  const Status opened = session_->open();
  if (!opened.ok()) return sdk::Validation::failed(opened.error().code + ": " + opened.error().message);
  const std::string& schema = session_->options().schema;
  const Parameter names[] = {schema};
  RB_SDK_ASSIGN_OR_RETURN(
      const auto rights,
      session_->value(
          "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN 'standby' "
          "WHEN n.oid IS NULL AND NOT pg_catalog.has_database_privilege(current_database(), 'CREATE') THEN 'database' "
          "WHEN n.oid IS NOT NULL AND NOT pg_catalog.has_schema_privilege(n.oid, 'CREATE') THEN 'schema' "
          "WHEN n.oid IS NULL THEN 'absent' ELSE 'ok' END "
          "FROM (SELECT 1) x LEFT JOIN pg_catalog.pg_namespace n ON n.nspname = $1",
          names));
  const std::string where = session_->options().where();
  const std::string server = where + ", PostgreSQL " + std::string(session_->connection().parameter("server_version"));
  if (rights == "standby") {
    return sdk::Validation::failed("READ_ONLY: " + where + " is a standby and takes no writes; name the primary");
  }
  if (rights == "database") {
    return sdk::Validation::failed("PERMISSION_DENIED: " + where + ": schema " + schema +
                                   " is not there, and this user may not create it. Run: GRANT CREATE ON DATABASE ...");
  }
  if (rights == "schema") {
    return sdk::Validation::warning(server + ": this user may not create tables in schema " + schema +
                                    ", which the first load and the receipts need. Run: GRANT CREATE ON SCHEMA " +
                                    postgres::quote_identifier(schema) + " TO " +
                                    postgres::quote_identifier(session_->options().user) +
                                    ", or set receipts_schema to a schema where it may");
  }
  if (rights == "absent") return sdk::Validation::success(server + ": the first run will create schema " + schema);
  return sdk::Validation::success(server + ", schema " + schema);
}

Status PostgresDestination::lock(const sdk::StreamContext& ctx, const TableName& target) {
  // Loads that only add rows do not disturb each other.
  return session_->lock_target(target, mode_of(ctx) == sdk::WriteMode::kAppend).status();
}

Result<Receipts> PostgresDestination::ensure_receipts(const TableName& target) {
  Receipts receipts = receipts_for(target);
  RB_SDK_RETURN_NOT_OK(receipts.ensure_table());
  receipts_known_ = receipts.name().schema;
  return receipts;
}

Status PostgresDestination::begin_stream(const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(const TableName target, target_of(ctx));
  RB_SDK_RETURN_NOT_OK(check_upsert_request(ctx));
  RB_SDK_RETURN_NOT_OK(session_->open());
  // The usual stream finds its receipts there and no staging, and needs no look at the table before its rows come.
  RB_SDK_ASSIGN_OR_RETURN(const postgres::QueryResult seen,
                          session_->lock_target(target, mode_of(ctx) == sdk::WriteMode::kAppend,
                                                exists_sql(receipts_for(target).name(), staging_name(target))));
  begun_ = target;
  if (seen.rows.front()[0] == "t") receipts_known_ = receipts_for(target).name().schema;
  const bool has_staging = seen.rows.front()[1] == "t";
  RB_SDK_ASSIGN_OR_RETURN(Receipts receipts, ensure_receipts(target));
  if (mode_of(ctx) == sdk::WriteMode::kUpsert) {
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> existing, read_table(*session_, target));
    if (existing) RB_SDK_RETURN_NOT_OK(check_upsert_key(*session_, *existing, ctx.primary_key));
  }
  if (mode_of(ctx) != sdk::WriteMode::kReplace) {
    // Of a replace that was broken off and given up: our lock says that none is under way.
    if (has_staging) RB_SDK_RETURN_NOT_OK(drop_staging(*session_, target));
    return receipts.forget_partitions(ctx, false);
  }
  RB_SDK_RETURN_NOT_OK(check_replaceable(*session_, target, ctx.stream_name));
  resumed_from_.reset();
  return session_->in_transaction([&]() -> Status {
    RB_SDK_RETURN_NOT_OK(drop_staging(*session_, target));
    RB_SDK_RETURN_NOT_OK(receipts.forget_partitions(ctx, true));
    return receipts.begin_load(ctx,
                               {.load_id = ctx.load_id, .target = staging_name(target).text(), .checkpoint_json = {}});
  });
}

Result<sdk::WriteSummary> PostgresDestination::write(const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(const TableName target, target_of(ctx));
  RB_SDK_RETURN_NOT_OK(check_upsert_request(ctx));
  RB_SDK_RETURN_NOT_OK(session_->open());
  // Writers of partitions stand under the lock of the instance that began the stream.
  if (ctx.partition.is_null() || begun_ == target) RB_SDK_RETURN_NOT_OK(lock(ctx, target));
  auto summary = write_stream(ctx, target);
  if (!summary.ok()) session_->rollback();
  return summary;
}

Result<TargetPlan> PostgresDestination::prepare(const sdk::StreamContext& ctx, const TableName& target,
                                                const sdk::Schema& schema) {
  // Several writers of one stream come here at the same time; the first makes the table.
  RB_SDK_RETURN_NOT_OK(session_->begin("SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(" +
                                       postgres::quote_literal("rapidbyte schema " + target.sql()) + ", 0))"));
  prepared_ = target;
  const sdk::Schema described = with_context(schema, ctx.schema);
  if (mode_of(ctx) == sdk::WriteMode::kReplace) {
    RB_SDK_RETURN_NOT_OK(make_staging(*session_, target, ctx, described));
  }
  return prepare_target(*session_, {.name = written_table(ctx, target),
                                    .stream = ctx.stream_name,
                                    .schema = described,
                                    .key = upsert_key(ctx),
                                    .policies = ctx.policies});
}

Result<sdk::WriteSummary> PostgresDestination::write_stream(const sdk::StreamContext& ctx, const TableName& target) {
  RB_SDK_ASSIGN_OR_RETURN(Receipts receipts, ensure_receipts(target));
  Receipt receipt{.load_id = ctx.load_id, .target = written_table(ctx, target).text(), .checkpoint_json = {}};
  RB_SDK_ASSIGN_OR_RETURN(std::optional<Receipt> previous, receipts.read(ctx));
  if (resumed_from_ && *resumed_from_ != previous) return receipt_changed(ctx);
  resumed_from_.reset();
  if (previous && previous->load_id == ctx.load_id && previous->target == receipt.target) {
    receipt.rows = previous->rows;
  }
  TableWriter writer(*session_, ctx, method_, [&](const sdk::Schema& schema) { return prepare(ctx, target, schema); });
  return sdk::run_commit_loop(
      [&](std::span<const uint8_t> batch) -> Result<sdk::WriteCount> {
        RB_SDK_ASSIGN_OR_RETURN(const sdk::WriteCount count, writer.write(batch));
        receipt.rows += static_cast<int64_t>(count.written);
        return count;
      },
      [&](const std::string& checkpoint_json) -> Status {
        RB_SDK_RETURN_NOT_OK(session_->begin());
        RB_SDK_RETURN_NOT_OK(writer.finish_rows());
        receipt.checkpoint_json = checkpoint_json;
        const uint64_t generation = session_->generation();
        RB_SDK_RETURN_NOT_OK(commit_with_receipt(*session_, receipts, ctx, receipt, previous));
        previous = receipt;
        // A new connection after a lost answer: the lock went with the old one.
        if (generation != session_->generation() && ctx.partition.is_null()) return lock(ctx, target);
        return {};
      });
}

Status PostgresDestination::finish_stream(const sdk::StreamContext& ctx, bool succeeded) {
  RB_SDK_ASSIGN_OR_RETURN(const TableName target, target_of(ctx));
  const bool replace = mode_of(ctx) == sdk::WriteMode::kReplace;
  if (!succeeded && !replace) return {};  // What was committed stays: the next run goes on behind it.
  RB_SDK_RETURN_NOT_OK(session_->open());
  RB_SDK_RETURN_NOT_OK(lock(ctx, target));
  if (!succeeded) return session_->in_transaction([&] { return drop_staging(*session_, target); });
  if (replace) return finish_replace(ctx, target);
  if (prepared_ == target) return {};  // Batches came, and their table is there.
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> existing, read_table(*session_, target));
  if (existing || ctx.schema.fields.empty()) return {};
  // No batch came: the table is there all the same, with the columns that the source has.
  return session_->in_transaction([&] { return prepare(ctx, target, ctx.schema).status(); });
}

Status PostgresDestination::finish_replace(const sdk::StreamContext& ctx, const TableName& target) {
  Receipts receipts = receipts_for(target);
  return session_->in_transaction([&]() -> Status {
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<Receipt> receipt, receipts.read_stream(ctx));
    if (!receipt || receipt->load_id != ctx.load_id) {
      return sdk::internal_error("LOAD_UNKNOWN", "stream \"" + ctx.stream_name + "\": " + session_->options().where() +
                                                     " has no load " + ctx.load_id +
                                                     " to publish (begin-stream comes first). The old table was left "
                                                     "as it was; run again.");
    }
    if (receipt->published) return {};  // Called again after a crash: the swap is done.
    RB_SDK_ASSIGN_OR_RETURN(const int64_t rows, receipts.rows_of_load(ctx));
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> staging, read_table(*session_, staging_name(target)));
    if (!staging && rows == 0) {
      RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> existing, read_table(*session_, target));
      if (!existing && ctx.schema.fields.empty()) return {};  // Nothing was read, and nothing is known: no table.
      RB_SDK_RETURN_NOT_OK(make_staging(*session_, target, ctx, ctx.schema));
    }
    RB_SDK_RETURN_NOT_OK(publish_staging(*session_, target, ctx.stream_name, rows));
    return receipts.publish(ctx, target.text());
  });
}

Result<std::optional<std::string>> PostgresDestination::last_committed(const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(const TableName target, target_of(ctx));
  RB_SDK_RETURN_NOT_OK(session_->open());
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<Receipt> receipt, receipts_for(target).read(ctx));
  resumed_from_ = receipt;
  if (receipt && receipt->checkpoint_json && receipt->published) return receipt->checkpoint_json;
  const TableName written = written_table(ctx, target);
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> existing, read_table(*session_, written));
  const auto none = existing ? std::optional<std::string>() : std::optional<std::string>(sdk::kTargetAbsent);
  if (!receipt || !receipt->checkpoint_json || receipt->target != written.text()) return none;
  // Somebody dropped the table to begin again: the receipt speaks of rows that are gone.
  if (!existing && receipt->rows != 0) return none;
  return receipt->checkpoint_json;
}

Status PostgresDestination::close() {
  if (session_) session_->close();
  return {};
}

}  // namespace rapidbyte::dest_postgres
