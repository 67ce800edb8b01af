#include "src/destination.h"

#include <map>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"
#include "rapidbyte/sdk/receipt.h"
#include "src/change_log.h"
#include "src/row_evidence.h"
#include "src/staging.h"
#include "src/table_writer.h"
#include "src/target.h"

namespace rapidbyte::dest_sqlite {
namespace {

sdk::WriteMode mode_of(const sdk::StreamContext& ctx) { return ctx.write_mode.value_or(sdk::WriteMode::kAppend); }

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

// A receipt's checkpoint also names the table that got the rows. A load may go on with another write_mode or
// table_prefix than it began with; rows that lie elsewhere (in the staging of a broken-off replace) must not count.
constexpr const char* kTableKey = "rapidbyte_table";
// And how to find out later whether these rows are still there.
constexpr const char* kEvidenceKey = "rapidbyte_evidence";

RowEvidence evidence_of(const sdk::Json& checkpoint) {
  const sdk::Json* json = sdk::find_member(checkpoint, kEvidenceKey);
  return json == nullptr ? RowEvidence() : RowEvidence::from_json(*json);
}

Result<std::optional<RowEvidence>> evidence_of(const Receipt& receipt) {
  if (!receipt.checkpoint_json) return std::optional<RowEvidence>();
  RB_SDK_ASSIGN_OR_RETURN(const sdk::Json checkpoint, sdk::parse_json(*receipt.checkpoint_json));
  return std::optional<RowEvidence>(evidence_of(checkpoint));
}

/// What the SDK compares with the position of a run into `table`.
Result<sdk::NewestReceipt> newest(const Receipt& receipt, const std::string& table) {
  sdk::NewestReceipt out{.load_id = receipt.load_id,
                         .checkpoint_json = receipt.checkpoint_json.value_or(""),
                         .rows = receipt.rows,
                         .of_table = receipt.published};
  if (receipt.published || !receipt.checkpoint_json) return out;
  RB_SDK_ASSIGN_OR_RETURN(const sdk::Json checkpoint, sdk::parse_json(*receipt.checkpoint_json));
  out.of_table = same_name(sdk::string_member(checkpoint, kTableKey).value_or(table), table);
  return out;
}

std::string reset_command(const sdk::StreamContext& ctx) {
  return "rapidbyte state reset PIPELINE.yaml --stream " + quote_text(ctx.stream_name);
}

}  // namespace

template <typename Work>
Status SqliteDestination::in_transaction(Work work, bool rows_went) {
  RB_SDK_RETURN_NOT_OK(database_->begin());
  Status status = work();
  if (status.ok()) status = ChangeLog(*database_).note_commit(rows_went).status();
  if (status.ok()) status = database_->commit();
  if (!status.ok()) database_->rollback();
  return status;
}

Status SqliteDestination::open(const sdk::Json& config) {
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

Result<sdk::Validation> SqliteDestination::validate() {
  const auto there = database_->open_existing();
  if (!there.ok()) {
    return sdk::Validation::failed(there.error().code + ": " + there.error().message);
  }
  if (!*there) return sdk::Validation::success("the database " + database_->path() + " will be made by the first run");
  return sdk::Validation::success("the database " + database_->path() + " can be opened");
}

Status SqliteDestination::begin_stream(const sdk::StreamContext& ctx) {
  const std::string table = table_prefix_ + ctx.stream_name;
  begun_replace_.clear();
  RB_SDK_RETURN_NOT_OK(check_table_name(ctx.stream_name, table));
  RB_SDK_RETURN_NOT_OK(check_targets(ctx.pipeline_streams));
  RB_SDK_RETURN_NOT_OK(check_upsert_request(ctx));
  RB_SDK_RETURN_NOT_OK(database_->open());
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> existing, read_table(*database_, table));
  if (mode_of(ctx) == sdk::WriteMode::kReplace) return begin_replace(ctx, table);
  RB_SDK_RETURN_NOT_OK(check_target_is_there(ctx, existing));
  if (existing && mode_of(ctx) == sdk::WriteMode::kUpsert) return check_upsert_key(*database_, table, ctx.primary_key);
  return {};
}

Result<std::vector<sdk::StreamReference>> SqliteDestination::references(const std::vector<std::string>& streams) {
  RB_SDK_RETURN_NOT_OK(check_targets(streams));
  return std::vector<sdk::StreamReference>();  // SQLite does not look after foreign keys unless it is told to.
}

Status SqliteDestination::check_targets(const std::vector<std::string>& names) const {
  std::map<std::string, std::string> streams;  // by the table's name in lower case
  for (const std::string& name : names) {
    const std::string table = table_prefix_ + name;
    RB_SDK_RETURN_NOT_OK(check_table_name(name, table));
    const auto [other, added] = streams.emplace(lower_name(table), name);
    if (added || other->second == name) continue;
    return sdk::config_error(codes::kTargetConflict,
                             "streams \"" + other->second + "\" and \"" + name +
                                 "\" would both be written into table " + quote_name(table_prefix_ + other->second) +
                                 " of " + database_->path() +
                                 ": SQLite takes names that differ only in the case of ASCII letters for the same. "
                                 "Leave one of them out, or load it in a pipeline of its own with another "
                                 "`table_prefix`. Nothing was written.");
  }
  return {};
}

Status SqliteDestination::check_target_is_there(const sdk::StreamContext& ctx, const std::optional<TableInfo>& table) {
  const std::string name = quote_name(table_prefix_ + ctx.stream_name);
  if (sdk::appends_from_the_beginning(ctx) || sdk::appends_all(ctx)) return check_not_loaded_before(ctx, table);
  // A load that was broken off has its receipt.
  if (!sdk::begins_behind_cursor(ctx)) return {};
  const std::string where = "stream \"" + ctx.stream_name +
                            "\": this run would only bring what is new since the last " + "one, but table " + name +
                            " of " + database_->path();
  const bool appends = mode_of(ctx) == sdk::WriteMode::kAppend;
  const std::string anew = "Nothing was written. To load everything again: " +
                           std::string(appends ? "first see to it that the table is still empty (an append would "
                                                 "double what has come back), then: "
                                               : "") +
                           reset_command(ctx) + ". ";
  const std::string meant = "set emptied_target: continue in the destination's config";
  if (!table) {
    if (accept_emptied_) return {};
    return sdk::config_error(codes::kTargetEmptied, where + ", which holds the rows of before, is gone (or `path` or " +
                                                        "`table_prefix` was changed). " + anew +
                                                        "If the old rows are not wanted, " + meant + ".");
  }
  RB_SDK_ASSIGN_OR_RETURN(const bool filled, has_rows(*database_, table->name));
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<Receipt> receipt, Receipts(*database_).read(ctx));
  if (filled) {
    if (receipt) {
      RB_SDK_ASSIGN_OR_RETURN(const sdk::NewestReceipt compared, newest(*receipt, table->name));
      return sdk::check_receipt_fits(ctx, compared, "table " + name + " of " + database_->path());
    }
    if (ctx.keep_positions) return {};
    return sdk::config_error(
        codes::kReceiptMissing,
        where +
            " has no receipt of the rows of before: it may be another database's, without "
            "those rows. Going on would leave them out for good. Nothing was written. To load "
            "all rows again, remove the stream's rows from the table, which would be there "
            "twice, and run: " +
            reset_command(ctx) +
            ". If the rows are in this table, go on once with: rapidbyte run PIPELINE.yaml --keep-positions");
  }
  if (accept_emptied_) return {};
  if (!receipt) {
    sdk::host::log_warn(where + " is empty and has no receipt of this pipeline; only new rows come into it");
    return {};
  }
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<RowEvidence> evidence, evidence_of(*receipt));
  if ((!evidence || !evidence->table_has_rows) && receipt->rows == 0) return {};
  return sdk::config_error(
      codes::kTargetEmptied,
      where + " was emptied since. " + anew + "If the table is meant to be emptied again and again, " + meant +
          ". If just these old rows are not wanted, say so with: DELETE FROM _rapidbyte_receipts WHERE pipeline "
          "= " +
          quote_text(ctx.pipeline) + " AND stream = " + quote_text(ctx.stream_name));
}

Status SqliteDestination::check_not_loaded_before(const sdk::StreamContext& ctx,
                                                  const std::optional<TableInfo>& table) {
  if (!table) return {};
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<Receipt> receipt, Receipts(*database_).read(ctx));
  if (!receipt) return {};
  RB_SDK_ASSIGN_OR_RETURN(const sdk::NewestReceipt compared, newest(*receipt, table->name));
  const auto check = sdk::appends_all(ctx) ? sdk::check_no_broken_off_load : sdk::check_not_loaded_before;
  return check(ctx, compared, "table " + quote_name(table->name) + " of " + database_->path(),
               [&] { return has_rows(*database_, table->name); });
}

Status SqliteDestination::begin_replace(const sdk::StreamContext& ctx, const std::string& table) {
  // A commit of its own only where something of before could be taken for this load's: of the usual stream its first
  // rows bring the receipt, and until then the one that is there speaks of the table that is there.
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> staging, read_table(*database_, staging_name(table)));
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<Receipt> receipt, Receipts(*database_).read(ctx));
  begun_replace_ = ctx.load_id;
  if (!staging && (!receipt || receipt->load_id != ctx.load_id)) return {};
  return in_transaction([&]() -> Status {
    RB_SDK_RETURN_NOT_OK(drop_staging(*database_, table));
    return Receipts(*database_).write(ctx, {.load_id = ctx.load_id, .checkpoint_json = {}});
  });
}

Result<sdk::WriteSummary> SqliteDestination::write(const sdk::StreamContext& ctx) {
  RB_SDK_RETURN_NOT_OK(database_->open());
  auto summary = write_stream(ctx);
  if (!summary.ok()) database_->rollback();
  return summary;
}

Result<sdk::WriteSummary> SqliteDestination::write_stream(const sdk::StreamContext& ctx) {
  const std::string table = table_prefix_ + ctx.stream_name;
  RB_SDK_RETURN_NOT_OK(check_table_name(ctx.stream_name, table));
  RB_SDK_RETURN_NOT_OK(check_upsert_request(ctx));
  const bool replace = mode_of(ctx) == sdk::WriteMode::kReplace;
  Receipts receipts(*database_);
  Receipt receipt{.load_id = ctx.load_id, .checkpoint_json = {}};
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<Receipt> previous, receipts.read(ctx));
  std::optional<RowEvidence> known;
  if (previous && previous->load_id == ctx.load_id) {
    receipt.rows = previous->rows;
    RB_SDK_ASSIGN_OR_RETURN(known, evidence_of(*previous));
  }

  TableWriter::OnSchema make;
  if (replace) make = [&](const sdk::Schema& schema) { return make_staging(*database_, table, ctx, schema); };
  const std::string written = replace ? staging_name(table) : table;
  TableWriter writer(*database_, ctx, written, upsert_key(ctx), make);
  EvidenceCollector collector(*database_, written, std::move(known));
  const bool appends = mode_of(ctx) == sdk::WriteMode::kAppend;
  int64_t rows_committed = receipt.rows;
  return sdk::run_commit_loop(
      [&](std::span<const uint8_t> batch) -> Result<sdk::WriteCount> {
        RB_SDK_RETURN_NOT_OK(database_->begin());
        if (appends) RB_SDK_RETURN_NOT_OK(collector.before_write());
        RB_SDK_ASSIGN_OR_RETURN(const sdk::WriteCount count, writer.write(batch));
        receipt.rows += static_cast<int64_t>(count.written);
        return count;
      },
      [&](const std::string& checkpoint_json) -> Status {
        RB_SDK_RETURN_NOT_OK(database_->begin());
        RB_SDK_ASSIGN_OR_RETURN(sdk::Json checkpoint, sdk::parse_json(checkpoint_json));
        const sdk::Json* end = sdk::find_member(checkpoint, "end");
        RB_SDK_ASSIGN_OR_RETURN(
            RowEvidence evidence,
            collector.at_commit(receipt.rows - rows_committed, end != nullptr && *end == sdk::Json(true), appends));
        RB_SDK_ASSIGN_OR_RETURN(evidence.epoch, ChangeLog(*database_).note_commit(/*rows_went=*/false));
        if (checkpoint.is_object()) {
          checkpoint[kTableKey] = written;
          checkpoint[kEvidenceKey] = evidence.to_json();
        }
        receipt.checkpoint_json = sdk::to_text(checkpoint);
        RB_SDK_RETURN_NOT_OK(receipts.write(ctx, receipt));
        RB_SDK_RETURN_NOT_OK(database_->commit());
        begun_replace_.clear();  // from here on the receipt says it
        rows_committed = receipt.rows;
        return {};
      });
}

Status SqliteDestination::finish_stream(const sdk::StreamContext& ctx, bool succeeded) {
  const std::string table = table_prefix_ + ctx.stream_name;
  const bool replace = mode_of(ctx) == sdk::WriteMode::kReplace;
  RB_SDK_RETURN_NOT_OK(check_table_name(ctx.stream_name, table));
  if (!succeeded) {
    if (!replace) return {};  // What was committed stays: the next run goes on behind it.
    RB_SDK_ASSIGN_OR_RETURN(const bool there, database_->open_existing());
    if (!there) return {};
    return in_transaction([&] { return drop_staging(*database_, table); });
  }
  RB_SDK_RETURN_NOT_OK(database_->open());
  if (replace) return finish_replace(ctx, table);
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> existing, read_table(*database_, table));
  if (existing || ctx.schema.fields.empty()) return {};
  // No batch came: the table is there all the same, with the columns that the source has.
  return in_transaction([&]() -> Status {
    return prepare_target(*database_, {.table = table,
                                       .stream = ctx.stream_name,
                                       .schema = ctx.schema,
                                       .key = upsert_key(ctx),
                                       .policies = ctx.policies})
        .status();
  });
}

Status SqliteDestination::finish_replace(const sdk::StreamContext& ctx, const std::string& table) {
  const auto publish = [&]() -> Status {
    Receipts receipts(*database_);
    RB_SDK_ASSIGN_OR_RETURN(std::optional<Receipt> receipt, receipts.read(ctx));
    const bool is_ours = receipt && receipt->load_id == ctx.load_id;
    if (!is_ours && begun_replace_ == ctx.load_id) {
      receipt = Receipt{.load_id = ctx.load_id, .checkpoint_json = {}};  // no rows came
    } else if (!is_ours) {
      return sdk::internal_error(codes::kLoadUnknown, "stream \"" + ctx.stream_name + "\": database " +
                                                          database_->path() + " has no load " + ctx.load_id +
                                                          " to publish (begin-stream comes "
                                                          "first). The old table was left as it was; run again.");
    }
    if (receipt->published) return {};  // Called again after a crash: the swap is done.
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> staging, read_table(*database_, staging_name(table)));
    if (!staging) {
      if (receipt->rows != 0) {
        return sdk::internal_error(codes::kStagingLost, "stream \"" + ctx.stream_name + "\": the staging table " +
                                                            quote_name(staging_name(table)) + " of " +
                                                            database_->path() +
                                                            " is gone. The old table was left as it was; run again.");
      }
      RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> target, read_table(*database_, table));
      if (!target && ctx.schema.fields.empty()) return {};  // Nothing was read, and nothing is known: no table to make.
      RB_SDK_RETURN_NOT_OK(make_staging(*database_, table, ctx, ctx.schema));
    }
    RB_SDK_RETURN_NOT_OK(swap_in_staging(*database_, table, ctx.stream_name));
    receipt->published = true;
    return receipts.write(ctx, *receipt);
  };
  return in_transaction(publish, /*rows_went=*/true);
}

Result<bool> SqliteDestination::holds_rows_of(const sdk::StreamContext& ctx, const TableInfo& table,
                                              const Receipt& receipt, const sdk::Json& checkpoint) {
  const RowEvidence evidence = evidence_of(checkpoint);
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<int64_t> epoch, ChangeLog(*database_).epoch());
  if (epoch && *epoch == evidence.epoch) return true;
  const std::string where = "stream \"" + ctx.stream_name + "\": an earlier run was broken off after " +
                            std::to_string(receipt.rows) + " rows were committed into table " + quote_name(table.name) +
                            " of " + database_->path();
  if (mode_of(ctx) == sdk::WriteMode::kUpsert) {
    sdk::host::log_warn(where + ", and another program has written the database since. The load begins again");
    return false;
  }
  RB_SDK_ASSIGN_OR_RETURN(const std::string missing, what_is_missing(*database_, table, evidence));
  if (missing.empty()) return true;
  return sdk::config_error(
      codes::kReceiptMissing,
      where + ". Another program has changed the table since: " + missing +
          ". So going on could leave a gap, and reading again could double rows. This run wrote nothing. To go on, "
          "look at the table, remove what this pipeline has loaded into it, and begin anew with: " +
          reset_command(ctx));
}

Result<std::optional<std::string>> SqliteDestination::last_committed(const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(const bool there, database_->open_existing());
  if (!there) return std::optional<std::string>(sdk::kTargetAbsent);
  const std::string table = table_prefix_ + ctx.stream_name;
  const std::string written = mode_of(ctx) == sdk::WriteMode::kReplace ? staging_name(table) : table;
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> existing, read_table(*database_, written));
  const auto none = existing ? std::optional<std::string>() : std::optional<std::string>(sdk::kTargetAbsent);
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<Receipt> receipt, Receipts(*database_).read(ctx));
  if (!receipt || !receipt->checkpoint_json) return none;
  // For another load it only matters whether there is a table to double rows in.
  if (!existing && receipt->load_id != ctx.load_id) return none;
  RB_SDK_ASSIGN_OR_RETURN(sdk::Json checkpoint, sdk::parse_json(*receipt->checkpoint_json));
  if (!receipt->published) {
    const std::string holds_rows = sdk::string_member(checkpoint, kTableKey).value_or(written);
    if (!same_name(holds_rows, written)) return none;
    // Somebody dropped the table to begin again: the receipt speaks of rows that are gone.
    if (!existing && receipt->rows != 0) return none;
    if (existing && receipt->rows != 0 && receipt->load_id == ctx.load_id) {
      RB_SDK_ASSIGN_OR_RETURN(const bool holds, holds_rows_of(ctx, *existing, *receipt, checkpoint));
      if (!holds) return none;
    }
  }
  if (checkpoint.is_object()) {
    checkpoint.erase(kTableKey);
    checkpoint.erase(kEvidenceKey);
  }
  return std::optional<std::string>(sdk::to_text(checkpoint));
}

Status SqliteDestination::close() { return database_ ? database_->close() : Status(); }

}  // namespace rapidbyte::dest_sqlite
