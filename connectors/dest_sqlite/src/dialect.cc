#include "src/dialect.h"

#include <utility>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"
#include "src/change_log.h"
#include "src/load_writer.h"
#include "src/receipts.h"
#include "src/row_evidence.h"
#include "src/staging.h"
#include "src/target.h"

namespace rapidbyte::dest_sqlite {

using table::Place;
using table::Receipt;

Status SqliteDialect::configure(const sdk::Json& config) {
  sdk::ConfigReader reader(config);
  const std::string path = reader.required_string("path");
  table_prefix_ = reader.optional_string("table_prefix");
  accept_emptied_ = reader.optional_enum("emptied_target", "fail", {"fail", "continue"}) == "continue";
  RB_SDK_RETURN_NOT_OK(reader.finish());
  if (path.empty() || path.find('\0') != std::string::npos) {
    return sdk::config_error(codes::kInvalidConfig,
                             "config: `path` is empty or holds a NUL character; give the database's file");
  }
  database_ = std::make_unique<Database>(path);
  return {};
}

Result<sdk::Validation> SqliteDialect::validate() {
  const auto there = database_->open_existing();
  if (!there.ok()) {
    return sdk::Validation::failed(there.error().code + ": " + there.error().message);
  }
  if (!*there)
    return sdk::Validation::success("the database " + database_->path() + " will be created by the first run");
  return sdk::Validation::success("the database " + database_->path() + " can be opened");
}

Status SqliteDialect::close() { return database_ ? database_->close() : Status(); }

Status SqliteDialect::check_stream(const std::string& stream) const {
  return check_table_name(stream, target_of(stream));
}

std::string SqliteDialect::table_key(const std::string& stream) const { return lower_name(target_of(stream)); }

std::string SqliteDialect::named(const std::string& stream) const { return "table " + quote_name(target_of(stream)); }

std::string SqliteDialect::receipts_name(const std::string& /*stream*/) const { return kReceiptsTable; }

Status SqliteDialect::check_together(const std::vector<std::string>& streams) const {
  for (const std::string& stream : streams) RB_SDK_RETURN_NOT_OK(check_stream(stream));
  return {};
}

std::string SqliteDialect::conflict_advice() const {
  return ": SQLite considers names that differ only in the case of ASCII letters equal. Leave one of them out, or "
         "load it in a separate pipeline with another `table_prefix`. Nothing was written.";
}

std::string SqliteDialect::emptied_advice(const sdk::StreamContext& ctx, bool is_gone) const {
  if (is_gone) return " If `path` or `table_prefix` was changed, change it back.";
  return std::string(" If just these old rows are not wanted, say so with: DELETE FROM ") + kReceiptsTable +
         " WHERE pipeline = " + quote_text(ctx.pipeline) + " AND stream = " + quote_text(ctx.stream_name);
}

std::string SqliteDialect::name_of(const std::string& stream, Place place) const {
  return place == Place::kStaging ? staging_name(target_of(stream)) : target_of(stream);
}

bool SqliteDialect::is_of(const Receipt& receipt, const std::string& stream, Place place) const {
  // Publishing leaves the name of the staging table in it.
  if (receipt.published) return place == Place::kTarget;
  if (receipt.target.empty()) return receipt.checkpoint_json.has_value();
  return same_name(receipt.target, name_of(stream, place));
}

Status SqliteDialect::in_transaction(const std::function<Status()>& work, bool rows_go) {
  RB_SDK_RETURN_NOT_OK(database_->begin());
  Status status = work();
  if (status.ok()) status = ChangeLog(*database_).note_commit(rows_go).status();
  if (status.ok()) status = database_->commit();
  if (!status.ok()) database_->rollback();
  return status;
}

Result<std::optional<Receipt>> SqliteDialect::read_receipt(const sdk::StreamContext& ctx) {
  return Receipts(*database_).read(ctx);
}

Status SqliteDialect::write_receipt(const sdk::StreamContext& ctx, const Receipt& receipt) {
  return Receipts(*database_).write(ctx, receipt);
}

Result<bool> SqliteDialect::still_holds(const sdk::StreamContext& ctx, const Receipt& receipt) {
  if (receipt.load_id != ctx.load_id) return true;
  const std::string written = name_of(ctx.stream_name, table::written_place(ctx));
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> existing, read_table(*database_, written));
  if (!existing) return false;
  const RowEvidence evidence = RowEvidence::of(receipt);
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<int64_t> epoch, ChangeLog(*database_).epoch());
  if (epoch && *epoch == evidence.epoch) return true;
  const std::string where = "stream \"" + ctx.stream_name + "\": an earlier run was interrupted after " +
                            std::to_string(receipt.rows) + " rows were committed into table " +
                            quote_name(existing->name) + " of " + database_->path();
  if (table::mode_of(ctx) == sdk::WriteMode::kUpsert) {
    sdk::host::log_warn(where + ", and another program has written the database since. The load restarts");
    return false;
  }
  RB_SDK_ASSIGN_OR_RETURN(const std::string missing, what_is_missing(*database_, *existing, evidence));
  if (missing.empty()) return true;
  return sdk::config_error(
      codes::kReceiptMissing,
      where + ". Another program has changed the table since: " + missing +
          ". So resuming could leave a gap, and reading again could double rows. This run wrote nothing. " +
          table::how_to_restart(ctx, "table " + quote_name(existing->name), /*rows_there=*/true));
}

Status SqliteDialect::stream_begins(const sdk::StreamContext& ctx) { return exists(ctx, Place::kTarget).status(); }

Result<bool> SqliteDialect::exists(const sdk::StreamContext& ctx, Place place) {
  return has_table(*database_, name_of(ctx.stream_name, place));
}

Result<bool> SqliteDialect::has_rows(const sdk::StreamContext& ctx) {
  return dest_sqlite::has_rows(*database_, target_of(ctx.stream_name));
}

Result<bool> SqliteDialect::may_be_empty(const sdk::StreamContext& ctx, const std::optional<Receipt>& newest) {
  if (newest) return newest->rows == 0 && !RowEvidence::of(*newest).table_has_rows;
  sdk::host::log_warn("stream \"" + ctx.stream_name +
                      "\": this run would only load what is new since the last one, but " + described(ctx.stream_name) +
                      " is empty and has no receipt of this pipeline; only new rows are loaded into it");
  return true;
}

Status SqliteDialect::check_upsert_key(const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(const bool is_there, exists(ctx, Place::kTarget));
  if (!is_there) return {};
  return dest_sqlite::check_upsert_key(*database_, target_of(ctx.stream_name), ctx.primary_key);
}

Status SqliteDialect::make_target(const sdk::StreamContext& ctx, const sdk::Schema& schema) {
  return prepare_target(
             *database_, target_of(ctx.stream_name),
             {.stream = ctx.stream_name, .schema = schema, .key = table::upsert_key(ctx), .policies = ctx.policies})
      .status();
}

Status SqliteDialect::make_staging(const sdk::StreamContext& ctx, const sdk::Schema& schema) {
  return dest_sqlite::make_staging(*database_, target_of(ctx.stream_name), ctx, schema);
}

Status SqliteDialect::drop_staging(const sdk::StreamContext& ctx) {
  return dest_sqlite::drop_staging(*database_, target_of(ctx.stream_name));
}

Status SqliteDialect::publish_staging(const sdk::StreamContext& ctx, int64_t /*rows*/) {
  return swap_in_staging(*database_, target_of(ctx.stream_name), ctx.stream_name);
}

Result<std::unique_ptr<table::Writer>> SqliteDialect::make_writer(const sdk::StreamContext& ctx,
                                                                  const std::optional<Receipt>& previous) {
  const Place place = table::written_place(ctx);
  const bool resumes = previous && previous->load_id == ctx.load_id && is_of(*previous, ctx.stream_name, place);
  TableWriter::OnSchema make;
  if (place == Place::kStaging) make = [this, &ctx](const sdk::Schema& schema) { return make_staging(ctx, schema); };
  return std::unique_ptr<table::Writer>(std::make_unique<LoadWriter>(
      *database_, ctx, name_of(ctx.stream_name, place), std::move(make), resumes ? previous : std::nullopt));
}

}  // namespace rapidbyte::dest_sqlite
