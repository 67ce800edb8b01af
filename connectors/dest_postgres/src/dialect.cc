#include "src/dialect.h"

#include <charconv>
#include <utility>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"
#include "src/load_writer.h"
#include "src/publish.h"
#include "src/references.h"
#include "src/rights.h"
#include "src/staging.h"
#include "src/target.h"
#include "src/write_mode.h"

namespace rapidbyte::dest_postgres {
namespace {

using postgres::Parameter;
using table::Place;

// One row: the state of the receipts, whether the staging table exists, which table refers to the target (only for a
// replace) and whether rows can be exchanged in it (direct_target_sql()), and, from a known table of receipts, what it
// has about the stream. $1 to $3: schema and name of the staging table, the target as SQL; then those of
// Receipts::stream_sql().
std::string stream_state_sql(const Receipts& receipts, bool replace) {
  return "SELECT " + receipts_state_sql(receipts.name()) +
         ", EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) "
         "c.relnamespace WHERE " +
         table_condition_sql("$1::pg_catalog.text", "$2::pg_catalog.text") + "), " +
         (replace ? "(" + referring_sql("$3") + "), (" + direct_target_sql("$3") + ")" : "$3::pg_catalog.text, NULL") +
         (receipts.known() ? ", " + receipts.stream_sql(4, /*all_loads=*/replace) : "");
}

// The errors of a statement that was valid when it was prepared: undefined_table, undefined_column,
// invalid_sql_statement_name, and a plan whose result has other types.
bool is_stale(const sdk::Error& error) {
  const std::string state = postgres::sqlstate_of(error);
  return state == "42P01" || state == "42703" || state == "26000" || state == "0A000";
}

}  // namespace

Status PostgresDialect::configure(const sdk::Json& config) {
  sdk::ConfigReader reader(config);
  postgres::ConnectionOptions options = postgres::read_connection_options(reader);
  table_prefix_ = reader.optional_string("table_prefix");
  receipts_schema_ = reader.optional_string("receipts_schema");
  schema_from_stream_ = reader.optional_bool("schema_from_stream", true);
  accept_emptied_ = reader.optional_enum("emptied_target", "fail", {"fail", "continue"}) == "continue";
  stage_always_ = reader.optional_enum("small_replace", "direct", {"direct", "staging"}) == "staging";
  method_ = reader.optional_enum("load_method", "copy", {"copy", "insert"}) == "insert" ? LoadMethod::kInsert
                                                                                        : LoadMethod::kCopy;
  RB_SDK_RETURN_NOT_OK(reader.finish());
  session_ = std::make_unique<Session>(std::move(options));
  // The host may do this while the source discovers (feature "open-early").
  session_->open_ahead();
  if (session_->is_open()) look_ahead();
  return {};
}

void PostgresDialect::look_ahead() {
  // A new server session has empty catalog caches: its first look at a table takes three times as long as the next one,
  // which would be the load's.
  const Receipts receipts = receipts_for({session_->options().schema, {}});
  const auto state = session_->connection().queue("SELECT " + receipts_state_sql(receipts.name()));
  const auto warm = queue_table_look(*session_, {"pg_catalog", "pg_namespace"});
  const auto answers = session_->connection().run_queued();
  // Errors will come again when the answers are needed.
  if (!state.ok() || !warm.ok() || !answers.ok()) return;
  if (first_value((*answers)[*state]) == "known") receipts_known_ = receipts.name().schema;
  known_in_ = session_->generation();
}

TableName PostgresDialect::target_of(const std::string& stream) const {
  TableName target = target_table(stream, session_->options().schema, schema_from_stream_);
  target.table = table_prefix_ + target.table;
  return target;
}

Status PostgresDialect::check_stream(const std::string& stream) const {
  return check_table_name(stream, target_of(stream));
}

std::string PostgresDialect::named(const std::string& stream) const { return "table " + target_of(stream).text(); }

std::string PostgresDialect::receipts_name(const std::string& stream) const {
  return receipts_for(target_of(stream)).name().text();
}

std::string PostgresDialect::conflict_advice() const {
  return ". Nothing was loaded. Leave one of them out, or load them by two pipelines with different `schema` or "
         "`table_prefix` of the destination.";
}

std::string PostgresDialect::receipt_missing_advice() const {
  return " If `receipts_schema` was changed, change it back.";
}

std::string PostgresDialect::name_of(const std::string& stream, Place place) const {
  return table_at(target_of(stream), place).text();
}

Receipts PostgresDialect::receipts_for(const TableName& target) const {
  const std::string& schema = receipts_schema_.empty() ? target.schema : receipts_schema_;
  return {*session_, schema, receipts_known_ == schema};
}

Result<sdk::Validation> PostgresDialect::validate() {
  const Status opened = session_->open();
  if (!opened.ok()) return sdk::Validation::failed(opened.error().code + ": " + opened.error().message);
  return check_rights(*session_, receipts_schema_, method_);
}

Status PostgresDialect::close() {
  if (session_) session_->close();
  return {};
}

Result<bool> PostgresDialect::open_existing() {
  RB_SDK_RETURN_NOT_OK(session_->open());
  return true;
}

Status PostgresDialect::in_transaction(const std::function<Status()>& work, bool /*rows_go*/) {
  return session_->in_transaction(work);
}

Result<bool> PostgresDialect::needs_nothing(const sdk::StreamContext& ctx) {
  const TableName target = target_of(ctx);
  bool nothing = false;
  RB_SDK_RETURN_NOT_OK(ask(ctx, [&]() -> Status {
    if (mode_of(ctx) == sdk::WriteMode::kAppend) {
      RB_SDK_ASSIGN_OR_RETURN(nothing, known_tables_.has(*session_, target));
      return {};
    }
    const TableName staging = staging_name(target);
    const std::string name = target.sql();
    const Parameter names[] = {name, staging.schema, staging.table};
    // A file without a byte has no rows, also none that somebody has not committed yet.
    RB_SDK_ASSIGN_OR_RETURN(const auto empty, session_->cached_value(empty_target_sql("$1", "$2", "$3"), names));
    nothing = empty.has_value();
    return {};
  }));
  // Nothing ran in the session that the next stream would have to be kept from.
  ran_no_code_ = nothing;
  return nothing;
}

Status PostgresDialect::lock(const sdk::StreamContext& ctx, const TableName& target) {
  // Loads that only add rows do not conflict with each other.
  return session_->lock_target(target, mode_of(ctx) == sdk::WriteMode::kAppend).status();
}

Status PostgresDialect::hold_target(const sdk::StreamContext& ctx) {
  const TableName target = target_of(ctx);
  // Writers of partitions rely on the lock of the instance that began the stream.
  return ctx.partition.is_null() || begun_ == target ? lock(ctx, target) : Status();
}

Result<Receipts> PostgresDialect::ensure_receipts(const TableName& target) {
  Receipts receipts = receipts_for(target);
  RB_SDK_RETURN_NOT_OK(receipts.ensure_table());
  receipts_known_ = receipts.name().schema;
  return receipts;
}

void PostgresDialect::forget_receipts_of_others() {
  if (known_in_ != session_->generation()) receipts_known_.clear();
  known_in_ = session_->generation();
}

Status PostgresDialect::ask(const sdk::StreamContext& ctx, const std::function<Status()>& question) {
  Status answer = question();
  if (answer.ok()) return answer;
  if (!session_->is_open() && served_ == session_->generation()) {
    // A connection that has been idle since the previous stream may have been closed by something in between.
    RB_SDK_RETURN_NOT_OK(session_->open());
    receipts_known_.clear();
    return question();
  }
  if (receipts_for(target_of(ctx)).known() && is_stale(answer.error())) {
    // Somebody has dropped or altered the receipts since the previous stream, or users' code has removed what was
    // prepared.
    receipts_known_.clear();
    return question();
  }
  return answer;
}

Status PostgresDialect::stream_begins(const sdk::StreamContext& ctx) {
  forget_receipts_of_others();
  // A typical stream finds its receipts there and no staging table, and needs no look at the table before its rows
  // come.
  const TableName target = target_of(ctx);
  const bool replace = mode_of(ctx) == sdk::WriteMode::kReplace;
  const TableName staging = staging_name(target);
  const std::string target_sql = target.sql();
  const Parameter all[] = {staging.schema, staging.table, target_sql, ctx.pipeline, ctx.stream_name, ctx.load_id};
  begin_look_ = {};
  begin_look_.receipts_seen = receipts_for(target).known();
  const std::span<const Parameter> parameters = std::span(all).first(begin_look_.receipts_seen ? 6 : 3);
  const auto seen = session_->lock_target(target, mode_of(ctx) == sdk::WriteMode::kAppend,
                                          stream_state_sql(receipts_for(target), replace), parameters);
  RB_SDK_RETURN_NOT_OK(seen.status());
  begun_ = target;
  prepared_.reset();
  held_.reset();
  ran_no_code_ = false;
  const postgres::Row& state = seen->rows.front();
  begin_look_.receipts = begin_look_.receipts_seen ? Receipts::stream_receipts(state, 4)
                                                   : StreamReceipts{.newest = {}, .of_partitions = true};
  begin_look_.staging_there = state[1] == "t";
  begin_look_.referring = state[2];
  begin_look_.direct_target = state[3];
  // Somebody has replaced it with another one.
  if (begin_look_.receipts_seen && state[0] != "known") receipts_known_.clear();
  if (!ctx.reference_ring.empty() && ctx.reference_ring.front() == ctx.stream_name) {
    sdk::host::log_warn(ring_advice(ctx));
  }
  if (state[0] == "known") receipts_known_ = receipts_for(target).name().schema;
  RB_SDK_RETURN_NOT_OK(ensure_receipts(target).status());
  if (replace) return {};
  if (begin_look_.staging_there) {
    // Left by a replace that was interrupted and abandoned: our lock says that none is under way.
    RB_SDK_RETURN_NOT_OK(session_->in_transaction([&] { return dest_postgres::drop_staging(*session_, target); }));
  }
  if (begin_look_.receipts_seen) newest_ = begin_look_.receipts.newest;
  ran_no_code_ = begin_look_.receipts_seen && !begin_look_.staging_there && mode_of(ctx) == sdk::WriteMode::kAppend;
  return {};
}

Status PostgresDialect::stream_has_begun(const sdk::StreamContext& ctx) {
  return begin_look_.receipts.of_partitions ? receipts_for(target_of(ctx)).forget_partitions(ctx) : Status();
}

Result<bool> PostgresDialect::begins_replace(const sdk::StreamContext& ctx) {
  const TableName target = target_of(ctx);
  RB_SDK_RETURN_NOT_OK(check_replaceable(*session_, target, ctx.stream_name, begin_look_.referring));
  resumed_from_.reset();
  // Rows that the server refuses must be known when the rows are counted, unless they fail the load.
  const bool may_hold = !stage_always_ && ctx.policies.on_data_error == sdk::OnDataError::kFail;
  const bool nothing_left =
      begin_look_.receipts_seen && !begin_look_.staging_there && !begin_look_.receipts.of_partitions;
  const auto& direct = begin_look_.direct_target;
  if (!may_hold || !nothing_left || !direct) {
    RB_SDK_RETURN_NOT_OK(begin_staged(ctx, target, begin_look_.staging_there));
    return true;
  }
  postgres::Oid oid = 0;
  std::from_chars(direct->data(), direct->data() + direct->size(), oid);
  held_.emplace(oid);
  newest_ = begin_look_.receipts.newest;
  ran_no_code_ = true;
  return true;
}

Status PostgresDialect::begin_staged(const sdk::StreamContext& ctx, const TableName& target, bool staging_there) {
  RB_SDK_ASSIGN_OR_RETURN(Receipts receipts, ensure_receipts(target));
  ran_no_code_ = false;
  const Receipt receipt{.load_id = ctx.load_id, .target = staging_name(target).text(), .checkpoint_json = {}};
  Status begun = session_->in_transaction([&]() -> Status {
    if (staging_there) {
      RB_SDK_RETURN_NOT_OK(dest_postgres::drop_staging(*session_, target));
      // Reported before anything is loaded; a table that appears there later is found when it is used.
      RB_SDK_RETURN_NOT_OK(has_staging(*session_, target, ctx.stream_name).status());
    }
    // Also those of an earlier attempt at this load, whose rows are dropped with the staging table.
    RB_SDK_RETURN_NOT_OK(receipts.forget_all_partitions(ctx));
    return receipts.begin_load(ctx, receipt);
  });
  if (!begun.ok()) return is_receipt_changed(begun.error()) ? receipt_changed(ctx) : begun;
  newest_ = receipt;
  return {};
}

Result<std::optional<Receipt>> PostgresDialect::read_receipt(const sdk::StreamContext& ctx) {
  return receipts_for(target_of(ctx)).read(ctx);
}

Result<std::optional<Receipt>> PostgresDialect::newest_receipt(const sdk::StreamContext& ctx) {
  if (newest_) return *newest_;
  return receipts_for(target_of(ctx)).read_stream(ctx);
}

Result<std::optional<Receipt>> PostgresDialect::resumed_receipt(const sdk::StreamContext& ctx) {
  RB_SDK_RETURN_NOT_OK(check_stream(ctx.stream_name));
  forget_receipts_of_others();
  RB_SDK_ASSIGN_OR_RETURN(std::optional<Receipt> receipt, read_receipt(ctx));
  resumed_from_.emplace(ctx.stream_name, receipt);
  return receipt;
}

Result<std::optional<Receipt>> PostgresDialect::previous_receipt(const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(Receipts receipts, ensure_receipts(target_of(ctx)));
  std::optional<Receipt> previous;
  const bool is_whole = ctx.partition.is_null();
  if (held_ && is_whole) {
    held_->written = true;
  } else if (newest_ && is_whole) {
    previous = *std::exchange(newest_, std::nullopt);
  } else {
    RB_SDK_ASSIGN_OR_RETURN(previous, receipts.read(ctx));
  }
  if (resumed_from_ && resumed_from_->first == ctx.stream_name && resumed_from_->second != previous) {
    return receipt_changed(ctx);
  }
  resumed_from_.reset();
  return previous;
}

Status PostgresDialect::write_receipt(const sdk::StreamContext& ctx, const Receipt& receipt) {
  return receipts_for(target_of(ctx)).begin_load(ctx, receipt);
}

Result<bool> PostgresDialect::exists(const sdk::StreamContext& ctx, Place place) {
  const TableName target = target_of(ctx);
  // Batches have come, and their table exists.
  if (place == Place::kTarget && prepared_ == target) return true;
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> found, read_table(*session_, table_at(target, place)));
  return found.has_value();
}

Status PostgresDialect::check_upsert_key(const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> existing, read_table(*session_, target_of(ctx)));
  return existing ? dest_postgres::check_upsert_key(*session_, *existing, ctx.primary_key) : Status();
}

Result<TargetPlan> PostgresDialect::prepare(const sdk::StreamContext& ctx, const TableName& target,
                                            const sdk::Schema& schema, const sdk::BatchReader* batch) {
  // Several writers of one stream get here concurrently; the first creates the table.
  RB_SDK_RETURN_NOT_OK(session_->begin());
  const std::string lock = "rapidbyte schema " + target.sql();
  const Parameter key[] = {lock};
  RB_SDK_RETURN_NOT_OK(session_->connection()
                           .queue("SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended($1, 0))", key,
                                  /*cached=*/true)
                           .status());
  prepared_ = target;
  const sdk::Schema described = with_context(schema, ctx.schema);
  std::optional<TableInfo> staging;
  if (mode_of(ctx) == sdk::WriteMode::kReplace) {
    RB_SDK_ASSIGN_OR_RETURN(staging, dest_postgres::make_staging(*session_, target, ctx, described));
  }
  table::TableRequest request{
      .stream = ctx.stream_name, .schema = described, .key = table::upsert_key(ctx), .policies = ctx.policies};
  if (batch != nullptr) {
    request.has_rows = batch->rows() != 0;
    request.has_values = [batch](size_t column) { return batch->has_values(column); };
  }
  auto plan = prepare_target(*session_, written_table(ctx, target), request, std::move(staging));
  if (!plan.ok() || plan->calls_code) ran_no_code_ = false;
  return plan;
}

Status PostgresDialect::make_target(const sdk::StreamContext& ctx, const sdk::Schema& schema) {
  return prepare(ctx, target_of(ctx), schema, nullptr).status();
}

Status PostgresDialect::make_staging(const sdk::StreamContext& ctx, const sdk::Schema& schema) {
  return dest_postgres::make_staging(*session_, target_of(ctx), ctx, schema).status();
}

Status PostgresDialect::drop_staging(const sdk::StreamContext& ctx) {
  ran_no_code_ = false;
  return dest_postgres::drop_staging(*session_, target_of(ctx));
}

Result<std::unique_ptr<table::Writer>> PostgresDialect::make_writer(const sdk::StreamContext& ctx,
                                                                    const std::optional<Receipt>& previous) {
  return std::unique_ptr<table::Writer>(std::make_unique<LoadWriter>(*this, ctx, previous));
}

bool PostgresDialect::has_nothing_to_discard(const sdk::StreamContext& /*ctx*/) const {
  return held_ && held_->written;
}

Result<table::ReplaceState> PostgresDialect::replace_state(const sdk::StreamContext& ctx) {
  const TableName target = target_of(ctx);
  const TableName staging = staging_name(target);
  RB_SDK_ASSIGN_OR_RETURN(const size_t load_look, receipts_for(target).queue_load_look(ctx));
  RB_SDK_ASSIGN_OR_RETURN(const size_t state_look, queue_staging_look(*session_, target));
  RB_SDK_ASSIGN_OR_RETURN(const size_t staging_look, queue_table_look(*session_, staging));
  RB_SDK_ASSIGN_OR_RETURN(const size_t target_look, queue_table_look(*session_, target));
  RB_SDK_ASSIGN_OR_RETURN(const auto answers, session_->connection().run_queued());
  table::ReplaceState state;
  std::optional<LoadReceipt> load = Receipts::load_of(answers[load_look]);
  if (!load) return state;
  state.rows = load->rows;
  state.newest = std::move(load->newest);
  if (state.newest->load_id != ctx.load_id || state.newest->published) return state;
  RB_SDK_ASSIGN_OR_RETURN(state.staging_there, is_staged(*session_, target, ctx.stream_name, answers[state_look]));
  staging_seen_.reset();
  if (state.staging_there) {
    RB_SDK_ASSIGN_OR_RETURN(staging_seen_, table_of(*session_, staging, answers[staging_look]));
  }
  RB_SDK_ASSIGN_OR_RETURN(target_seen_, table_of(*session_, target, answers[target_look]));
  state.target_there = target_seen_.has_value();
  return state;
}

Status PostgresDialect::publish_staging(const sdk::StreamContext& ctx, int64_t rows) {
  return dest_postgres::publish_staging(*session_, staging_seen_, target_seen_, target_of(ctx), ctx.stream_name, rows);
}

Status PostgresDialect::publish_nothing(const sdk::StreamContext& ctx) {
  if (target_seen_) return dest_postgres::publish_nothing(*session_, *target_seen_, ctx.stream_name);
  const TableName target = target_of(ctx);
  RB_SDK_ASSIGN_OR_RETURN(staging_seen_, dest_postgres::make_staging(*session_, target, ctx, ctx.schema));
  // It may have been created with the staging table.
  RB_SDK_ASSIGN_OR_RETURN(target_seen_, read_table(*session_, target));
  return publish_staging(ctx, 0);
}

Status PostgresDialect::write_published(const sdk::StreamContext& ctx, const Receipt& /*newest*/) {
  const TableName target = target_of(ctx);
  return receipts_for(target).publish(ctx, target.text());
}

Status PostgresDialect::explain(const sdk::StreamContext& ctx, Status status) {
  // A row may have been refused because of rows that are not there yet.
  if (status.ok() || ctx.reference_ring.empty() || status.error().category != sdk::ErrorCategory::kData) return status;
  std::string& message = status.error().message;
  message += (message.ends_with('.') ? " " : ". ") + ring_advice(ctx);
  return status;
}

void PostgresDialect::stream_ended(const sdk::StreamContext& /*ctx*/, bool ok) {
  const bool ran_no_code = std::exchange(ran_no_code_, false);
  session_->end_stream(!ok || !ran_no_code);
  served_ = session_->generation();
  // The next stream of this instance begins without them.
  begin_look_ = {};
  begun_.reset();
  held_.reset();
  newest_.reset();
  prepared_.reset();
  resumed_from_.reset();
  staging_seen_.reset();
  target_seen_.reset();
}

Result<std::vector<sdk::StreamReference>> PostgresDialect::references(const std::vector<std::string>& streams) {
  std::vector<TableName> tables;
  std::vector<const std::string*> names;
  for (const std::string& stream : streams) {
    // Reported when its turn comes.
    if (!check_stream(stream).ok()) continue;
    tables.push_back(target_of(stream));
    names.push_back(&stream);
  }
  RB_SDK_RETURN_NOT_OK(session_->open());
  RB_SDK_ASSIGN_OR_RETURN(const auto keys, foreign_keys_between(*session_, tables));
  std::vector<sdk::StreamReference> out;
  out.reserve(keys.size());
  for (const auto& [from, to] : keys) out.push_back({.stream = *names[from], .refers_to = *names[to]});
  return out;
}

}  // namespace rapidbyte::dest_postgres
