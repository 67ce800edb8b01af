#include "src/destination.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <utility>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"
#include "src/commit.h"
#include "src/publish.h"
#include "src/references.h"
#include "src/rights.h"
#include "src/staging.h"
#include "src/target.h"
#include "src/write_mode.h"

namespace rapidbyte::dest_postgres {
namespace {

using postgres::Parameter;

std::vector<std::string> upsert_key(const sdk::StreamContext& ctx) {
  return mode_of(ctx) == sdk::WriteMode::kUpsert ? ctx.primary_key : std::vector<std::string>();
}

Status check_upsert_request(const sdk::StreamContext& ctx) {
  if (mode_of(ctx) != sdk::WriteMode::kUpsert || !ctx.primary_key.empty()) return {};
  return sdk::config_error(codes::kPrimaryKeyMissing,
                           "stream \"" + ctx.stream_name +
                               "\": write_mode upsert needs primary_key, the columns that tell rows "
                               "apart. Set it in the pipeline's destination.");
}

// One row: the state of the receipts, whether the staging is there, which table refers to the target (only for a
// replace) and whether rows can be exchanged in it (direct_target_sql()), and of a table of receipts that is known what
// it has of the stream. $1 to $3: schema and name of the staging, the target as SQL; then those of
// Receipts::stream_sql().
std::string stream_state_sql(const Receipts& receipts, bool replace) {
  return "SELECT " + receipts_state_sql(receipts.name()) +
         ", EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) "
         "c.relnamespace WHERE " +
         table_condition_sql("$1::pg_catalog.text", "$2::pg_catalog.text") + "), " +
         (replace ? "(" + referring_sql("$3") + "), (" + direct_target_sql("$3") + ")" : "$3::pg_catalog.text, NULL") +
         (receipts.known() ? ", " + receipts.stream_sql(4, /*all_loads=*/replace) : "");
}

// What a statement fails with that was right when it was prepared: undefined_table, undefined_column,
// invalid_sql_statement_name, and a plan whose result has other types.
bool is_stale(const sdk::Error& error) {
  const std::string state = postgres::sqlstate_of(error);
  return state == "42P01" || state == "42703" || state == "26000" || state == "0A000";
}

// A row may have been refused because of what is not there yet.
Status with_ring_advice(const sdk::StreamContext& ctx, Status status) {
  if (status.ok() || ctx.reference_ring.empty() || status.error().category != sdk::ErrorCategory::kData) return status;
  std::string& message = status.error().message;
  message += (message.ends_with('.') ? " " : ". ") + ring_advice(ctx);
  return status;
}

}  // namespace

Status PostgresDestination::open(const sdk::Json& config) {
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
  // The host may do this beside the source's discovery (feature "open-early").
  session_->open_ahead();
  if (session_->is_open()) look_ahead();
  return {};
}

void PostgresDestination::look_ahead() {
  // A new session of the server knows nothing of the catalogs: its first look at a table takes three times as long as
  // the next one, which is the load's.
  const Receipts receipts = receipts_for({session_->options().schema, {}});
  const auto state = session_->connection().queue("SELECT " + receipts_state_sql(receipts.name()));
  const auto warm = queue_table_look(*session_, {"pg_catalog", "pg_namespace"});
  const auto answers = session_->connection().run_queued();
  // What went wrong comes again when it is needed.
  if (!state.ok() || !warm.ok() || !answers.ok()) return;
  if (first_value((*answers)[*state]) == "known") receipts_known_ = receipts.name().schema;
  known_in_ = session_->generation();
}

Result<TableName> PostgresDestination::target_of(const std::string& stream) const {
  TableName target = target_table(stream, session_->options().schema, schema_from_stream_);
  target.table = table_prefix_ + target.table;
  RB_SDK_RETURN_NOT_OK(check_table_name(stream, target));
  return target;
}

Status PostgresDestination::check_targets(const std::vector<std::string>& streams) const {
  std::map<std::string, std::string> taken;  // SQL name of the table -> stream
  for (const std::string& name : streams) {
    TableName table = target_table(name, session_->options().schema, schema_from_stream_);
    table.table = table_prefix_ + table.table;
    const auto [there, added] = taken.emplace(table.sql(), name);
    if (added) continue;
    return sdk::config_error(codes::kTargetConflict,
                             "streams \"" + there->second + "\" and \"" + name + "\" would both be loaded into table " +
                                 table.text() + " of " + session_->options().where() +
                                 ". Nothing was loaded. Leave one of them out, or load them by two pipelines with "
                                 "different `schema` or `table_prefix` of the destination.");
  }
  return {};
}

std::string PostgresDestination::described(const TableName& target) const {
  return "table " + target.text() + " of " + session_->options().where();
}

Result<std::optional<Receipt>> PostgresDestination::newest_receipt(const sdk::StreamContext& ctx,
                                                                   const TableName& target) {
  if (newest_) return *newest_;
  return receipts_for(target).read_stream(ctx);
}

Receipts PostgresDestination::receipts_for(const TableName& target) {
  const std::string& schema = receipts_schema_.empty() ? target.schema : receipts_schema_;
  return {*session_, schema, receipts_known_ == schema};
}

Result<sdk::Validation> PostgresDestination::validate() {
  const Status opened = session_->open();
  if (!opened.ok()) return sdk::Validation::failed(opened.error().code + ": " + opened.error().message);
  return check_rights(*session_, receipts_schema_, method_);
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
  RB_SDK_RETURN_NOT_OK(check_targets(ctx.pipeline_streams));
  RB_SDK_RETURN_NOT_OK(session_->open());
  return with_current_session(target, [&] { return begin_target(ctx, target); });
}

template <typename Ask>
auto PostgresDestination::with_current_session(const TableName& target, const Ask& ask) -> decltype(ask()) {
  auto answer = ask();
  if (answer.ok()) return answer;
  if (!session_->is_open() && served_ == session_->generation()) {
    // A connection that was idle since the stream before may have been closed by whoever is in between.
    RB_SDK_RETURN_NOT_OK(session_->open());
    receipts_known_.clear();
    return ask();
  }
  if (receipts_for(target).known() && is_stale(answer.error())) {
    // Somebody has dropped or altered the receipts since the stream before, or its user code has taken away what was
    // prepared.
    receipts_known_.clear();
    return ask();
  }
  return answer;
}

Status PostgresDestination::begin_target(const sdk::StreamContext& ctx, const TableName& target) {
  // Another connection may lead to another server.
  if (known_in_ != session_->generation()) receipts_known_.clear();
  known_in_ = session_->generation();
  // The usual stream finds its receipts there and no staging, and needs no look at the table before its rows come.
  const bool replace = mode_of(ctx) == sdk::WriteMode::kReplace;
  const TableName staging = staging_name(target);
  const std::string target_sql = target.sql();
  const Parameter all[] = {staging.schema, staging.table, target_sql, ctx.pipeline, ctx.stream_name, ctx.load_id};
  const std::span<const Parameter> parameters = std::span(all).first(receipts_for(target).known() ? 6 : 3);
  const auto seen = session_->lock_target(target, mode_of(ctx) == sdk::WriteMode::kAppend,
                                          stream_state_sql(receipts_for(target), replace), parameters);
  RB_SDK_RETURN_NOT_OK(seen.status());
  begun_ = target;
  held_.reset();
  ran_no_code_ = false;
  const postgres::Row& state = seen->rows.front();
  const bool receipts_seen = receipts_for(target).known();
  StreamReceipts of_stream{.newest = {}, .of_partitions = true};
  if (receipts_seen) of_stream = Receipts::stream_receipts(state, 4);
  if (receipts_seen && state[0] != "known") receipts_known_.clear();  // somebody has put another one in its place
  if (!ctx.reference_ring.empty() && ctx.reference_ring.front() == ctx.stream_name) {
    sdk::host::log_warn(ring_advice(ctx));
  }
  if (state[0] == "known") receipts_known_ = receipts_for(target).name().schema;
  const bool staging_there = state[1] == "t";
  RB_SDK_ASSIGN_OR_RETURN(Receipts receipts, ensure_receipts(target));
  if (staging_there && !replace) {
    // Of a replace that was broken off and given up: our lock says that none is under way.
    RB_SDK_RETURN_NOT_OK(session_->in_transaction([&] { return drop_staging(*session_, target); }));
  }
  if (mode_of(ctx) == sdk::WriteMode::kUpsert) {
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> existing, read_table(*session_, target));
    if (existing) RB_SDK_RETURN_NOT_OK(check_upsert_key(*session_, *existing, ctx.primary_key));
  }
  if (!replace) {
    if (receipts_seen && receipts.known()) newest_ = of_stream.newest;
    ran_no_code_ = receipts_seen && receipts.known() && !staging_there && mode_of(ctx) == sdk::WriteMode::kAppend;
    RB_SDK_RETURN_NOT_OK(check_still_there(ctx, target));
    return of_stream.of_partitions ? receipts.forget_partitions(ctx) : Status();
  }
  RB_SDK_RETURN_NOT_OK(check_replaceable(*session_, target, ctx.stream_name, state[2]));
  resumed_from_.reset();
  // What the server refuses must be known when the rows are counted, unless it fails the load.
  const bool may_hold = !stage_always_ && ctx.policies.on_data_error == sdk::OnDataError::kFail;
  const bool nothing_left = receipts_seen && receipts.known() && !staging_there && !of_stream.of_partitions;
  if (!may_hold || !nothing_left || !state[3]) return begin_staged(ctx, target, staging_there);
  postgres::Oid table = 0;
  std::from_chars(state[3]->data(), state[3]->data() + state[3]->size(), table);
  held_.emplace(table);
  newest_ = of_stream.newest;
  ran_no_code_ = true;
  return {};
}

Status PostgresDestination::begin_staged(const sdk::StreamContext& ctx, const TableName& target, bool staging_there) {
  RB_SDK_ASSIGN_OR_RETURN(Receipts receipts, ensure_receipts(target));
  ran_no_code_ = false;
  const Receipt receipt{.load_id = ctx.load_id, .target = staging_name(target).text(), .checkpoint_json = {}};
  Status begun = session_->in_transaction([&]() -> Status {
    if (staging_there) {
      RB_SDK_RETURN_NOT_OK(drop_staging(*session_, target));
      // Said before anything is loaded; what comes there later is found when it is used.
      RB_SDK_RETURN_NOT_OK(has_staging(*session_, target, ctx.stream_name).status());
    }
    // Also those of an earlier attempt at this load, whose rows go with the staging.
    RB_SDK_RETURN_NOT_OK(receipts.forget_all_partitions(ctx));
    return receipts.begin_load(ctx, receipt);
  });
  if (!begun.ok()) return is_receipt_changed(begun.error()) ? receipt_changed(ctx) : begun;
  newest_ = receipt;
  return {};
}

Result<sdk::WriteSummary> PostgresDestination::write(const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(const TableName target, target_of(ctx));
  RB_SDK_RETURN_NOT_OK(check_upsert_request(ctx));
  RB_SDK_RETURN_NOT_OK(session_->open());
  // Writers of partitions stand under the lock of the instance that began the stream.
  if (ctx.partition.is_null() || begun_ == target) RB_SDK_RETURN_NOT_OK(lock(ctx, target));
  auto summary = write_stream(ctx, target);
  if (summary.ok()) return summary;
  session_->rollback();
  return with_ring_advice(ctx, std::move(summary).status());
}

Result<TargetPlan> PostgresDestination::prepare(const sdk::StreamContext& ctx, const TableName& target,
                                                const sdk::Schema& schema, const sdk::BatchReader* batch) {
  // Several writers of one stream come here at the same time; the first makes the table.
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
    RB_SDK_ASSIGN_OR_RETURN(staging, make_staging(*session_, target, ctx, described));
  }
  TargetRequest request{.name = written_table(ctx, target),
                        .stream = ctx.stream_name,
                        .schema = described,
                        .key = upsert_key(ctx),
                        .policies = ctx.policies,
                        .seen = std::move(staging)};
  if (batch != nullptr) {
    request.has_rows = batch->rows() != 0;
    request.has_values = [batch](size_t column) { return batch->has_values(column); };
  }
  auto plan = prepare_target(*session_, request);
  if (!plan.ok() || plan->calls_code) ran_no_code_ = false;
  return plan;
}

Result<sdk::WriteSummary> PostgresDestination::write_stream(const sdk::StreamContext& ctx, const TableName& target) {
  RB_SDK_ASSIGN_OR_RETURN(Receipts receipts, ensure_receipts(target));
  const TableName written = written_table(ctx, target);
  Receipt receipt{.load_id = ctx.load_id, .target = written.text(), .checkpoint_json = {}, .written = written};
  std::optional<Receipt> previous;
  const bool may_hold = held_ && ctx.partition.is_null();
  if (may_hold) {
    held_->written = true;
  } else if (newest_ && ctx.partition.is_null()) {
    previous = *std::exchange(newest_, std::nullopt);
  } else {
    RB_SDK_ASSIGN_OR_RETURN(previous, receipts.read(ctx));
  }
  if (resumed_from_ && resumed_from_->first == ctx.stream_name && resumed_from_->second != previous)
    return receipt_changed(ctx);
  resumed_from_.reset();
  if (previous && previous->load_id == ctx.load_id && previous->target == receipt.target) {
    receipt.rows = previous->rows;
  }
  TableWriter writer(*session_, ctx, method_,
                     [&](const sdk::BatchReader& batch) { return prepare(ctx, target, batch.schema(), &batch); });
  uint64_t told = 0;  // rows that were counted when they were held
  const auto counted = [&](Result<sdk::WriteCount> count) {
    if (!count.ok()) return count;
    receipt.rows += static_cast<int64_t>(count->written);
    const uint64_t again = std::min<uint64_t>(told, count->written);
    told -= again;
    count->written -= again;
    return count;
  };
  sdk::BatchReader held_batch;
  const auto write_or_hold = [&](std::span<const uint8_t> batch) -> Result<sdk::WriteCount> {
    if (!may_hold || !held_) return counted(writer.write(batch));
    RB_SDK_RETURN_NOT_OK(held_batch.load(batch));
    if (held_->add(batch, held_batch.rows())) return sdk::WriteCount{.written = held_batch.rows()};
    // Too many: they go the usual way.
    const HeldLoad held = std::move(*std::exchange(held_, std::nullopt));
    told = held.rows();
    RB_SDK_RETURN_NOT_OK(begin_staged(ctx, target, /*staging_there=*/false));
    previous = *std::exchange(newest_, std::nullopt);
    sdk::WriteCount count;
    for (const HeldBatch& before : held.batches()) {
      RB_SDK_ASSIGN_OR_RETURN(const sdk::WriteCount more, counted(writer.write(before.bytes)));
      count.written += more.written;
      count.failed += more.failed;
    }
    RB_SDK_ASSIGN_OR_RETURN(const sdk::WriteCount more, counted(writer.write(batch)));
    count.written += more.written;
    count.failed += more.failed;
    return count;
  };
  return sdk::run_commit_loop(
      write_or_hold,
      [&](const std::string& checkpoint_json) -> Status {
        if (may_hold && held_) {
          // A replace is begun anew whatever became of it: nobody goes on behind it.
          held_->checkpoint_json = checkpoint_json;
          return {};
        }
        receipt.checkpoint_json = checkpoint_json;
        const uint64_t generation = session_->generation();
        RB_SDK_RETURN_NOT_OK(commit_with_receipt(*session_, receipts, ctx, receipt, previous));
        previous = receipt;
        // A new connection after a lost answer: the lock went with the old one.
        if (generation != session_->generation() && ctx.partition.is_null()) return lock(ctx, target);
        return {};
      },
      [&]() -> Result<sdk::WriteCount> {
        if (may_hold && held_) return sdk::WriteCount();
        RB_SDK_RETURN_NOT_OK(session_->begin());
        return counted(writer.finish_rows());
      });
}

Status PostgresDestination::finish_stream(const sdk::StreamContext& ctx, bool succeeded) {
  Status status = finish_target(ctx, succeeded);
  const bool ran_no_code = std::exchange(ran_no_code_, false);
  session_->end_stream(!status.ok() || !ran_no_code);
  served_ = session_->generation();
  // The next stream of this instance begins without them.
  begun_.reset();
  held_.reset();
  newest_.reset();
  prepared_.reset();
  resumed_from_.reset();
  return status;
}

Status PostgresDestination::finish_target(const sdk::StreamContext& ctx, bool succeeded) {
  RB_SDK_ASSIGN_OR_RETURN(const TableName target, target_of(ctx));
  const bool replace = mode_of(ctx) == sdk::WriteMode::kReplace;
  if (!succeeded && !replace) return {};  // What was committed stays: the next run goes on behind it.
  // Nothing of it was given to the server.
  if (!succeeded && held_ && held_->written) return {};
  RB_SDK_RETURN_NOT_OK(session_->open());
  RB_SDK_RETURN_NOT_OK(lock(ctx, target));
  if (!succeeded) {
    ran_no_code_ = false;
    return session_->in_transaction([&] { return drop_staging(*session_, target); });
  }
  if (replace) return with_ring_advice(ctx, held_ ? finish_held(ctx, target) : finish_replace(ctx, target));
  if (prepared_ == target) return {};  // Batches came, and their table is there.
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> existing, read_table(*session_, target));
  if (existing || ctx.schema.fields.empty()) return {};
  // No batch came: the table is there all the same, with the columns that the source has.
  return session_->in_transaction([&] { return prepare(ctx, target, ctx.schema, nullptr).status(); });
}

Status PostgresDestination::finish_replace(const sdk::StreamContext& ctx, const TableName& target) {
  RB_SDK_ASSIGN_OR_RETURN(Receipts receipts, ensure_receipts(target));
  return session_->in_transaction([&]() -> Status {
    RB_SDK_ASSIGN_OR_RETURN(const size_t load_look, receipts.queue_load_look(ctx));
    RB_SDK_ASSIGN_OR_RETURN(const size_t state_look, queue_staging_look(*session_, target));
    RB_SDK_ASSIGN_OR_RETURN(const size_t staging_look, queue_table_look(*session_, staging_name(target)));
    RB_SDK_ASSIGN_OR_RETURN(const size_t target_look, queue_table_look(*session_, target));
    RB_SDK_ASSIGN_OR_RETURN(const auto answers, session_->connection().run_queued());
    const std::optional<LoadReceipt> load = Receipts::load_of(answers[load_look]);
    if (!load || load->newest.load_id != ctx.load_id) {
      return sdk::internal_error(
          codes::kLoadUnknown, "stream \"" + ctx.stream_name + "\": " + session_->options().where() + " has no load " +
                                   ctx.load_id +
                                   " to publish (begin-stream comes first). The old table was left "
                                   "as it was; run again.");
    }
    if (load->newest.published) return {};  // Called again after a crash: the swap is done.
    RB_SDK_ASSIGN_OR_RETURN(const bool staged, is_staged(*session_, target, ctx.stream_name, answers[state_look]));
    std::optional<TableInfo> staging;
    if (staged) {
      RB_SDK_ASSIGN_OR_RETURN(staging, table_of(*session_, staging_name(target), answers[staging_look]));
    }
    RB_SDK_ASSIGN_OR_RETURN(std::optional<TableInfo> existing, table_of(*session_, target, answers[target_look]));
    if (!staged && load->rows == 0) {
      if (!existing && ctx.schema.fields.empty()) return {};  // Nothing was read, and nothing is known: no table.
      if (existing) {
        RB_SDK_RETURN_NOT_OK(publish_nothing(*session_, *existing, ctx.stream_name));
        return receipts.publish(ctx, target.text());
      }
      RB_SDK_ASSIGN_OR_RETURN(staging, make_staging(*session_, target, ctx, ctx.schema));
      RB_SDK_ASSIGN_OR_RETURN(existing, read_table(*session_, target));
    }
    RB_SDK_RETURN_NOT_OK(publish_staging(*session_, staging, existing, target, ctx.stream_name, load->rows));
    return receipts.publish(ctx, target.text());
  });
}

Result<std::optional<std::string>> PostgresDestination::last_committed(const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(const TableName target, target_of(ctx));
  RB_SDK_RETURN_NOT_OK(session_->open());
  return with_current_session(target, [&] { return position_in(ctx, target); });
}

Result<std::vector<sdk::StreamReference>> PostgresDestination::references(const std::vector<std::string>& streams) {
  // Asked before the first stream, and by `check`: so both say it before anything is made.
  RB_SDK_RETURN_NOT_OK(check_targets(streams));
  std::vector<TableName> tables;
  std::vector<const std::string*> names;
  for (const std::string& stream : streams) {
    auto target = target_of(stream);
    // Said when its turn comes.
    if (!target.ok()) continue;
    tables.push_back(std::move(*target));
    names.push_back(&stream);
  }
  RB_SDK_RETURN_NOT_OK(session_->open());
  RB_SDK_ASSIGN_OR_RETURN(const auto keys, foreign_keys_between(*session_, tables));
  std::vector<sdk::StreamReference> out;
  out.reserve(keys.size());
  for (const auto& [from, to] : keys) out.push_back({.stream = *names[from], .refers_to = *names[to]});
  return out;
}

Status PostgresDestination::close() {
  if (session_) session_->close();
  return {};
}

}  // namespace rapidbyte::dest_postgres
