#include "rapidbyte/table/life_cycle.h"

#include <map>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::table {
namespace {

std::string of_stream(const sdk::StreamContext& ctx) { return "stream \"" + ctx.stream_name + "\""; }

Status check_upsert_request(const sdk::StreamContext& ctx) {
  if (mode_of(ctx) != sdk::WriteMode::kUpsert || !ctx.primary_key.empty()) return {};
  return sdk::config_error(codes::kPrimaryKeyMissing,
                           of_stream(ctx) +
                               ": write_mode upsert needs primary_key, the columns that tell rows "
                               "apart. Set it in the pipeline's destination.");
}

}  // namespace

sdk::WriteMode mode_of(const sdk::StreamContext& ctx) { return ctx.write_mode.value_or(sdk::WriteMode::kAppend); }

std::vector<std::string> upsert_key(const sdk::StreamContext& ctx) {
  return mode_of(ctx) == sdk::WriteMode::kUpsert ? ctx.primary_key : std::vector<std::string>();
}

Status LifeCycle::check_targets(const std::vector<std::string>& streams) const {
  std::map<std::string, std::string> taken;  // key of the table -> stream
  for (const std::string& stream : streams) {
    const auto [other, added] = taken.emplace(dialect_.table_key(stream), stream);
    if (added || other->second == stream) continue;
    return sdk::config_error(codes::kTargetConflict,
                             "streams \"" + other->second + "\" and \"" + stream + "\" would both be loaded into " +
                                 dialect_.described(other->second) + dialect_.conflict_advice());
  }
  return dialect_.check_together(streams);
}

Result<std::vector<sdk::StreamReference>> LifeCycle::references(const std::vector<std::string>& streams) {
  // Asked before the first stream, and by `check`: both report it before anything is created.
  RB_SDK_RETURN_NOT_OK(check_targets(streams));
  return dialect_.references(streams);
}

Status LifeCycle::begin_stream(const sdk::StreamContext& ctx) {
  begun_replace_.clear();
  RB_SDK_RETURN_NOT_OK(dialect_.check_stream(ctx.stream_name));
  RB_SDK_RETURN_NOT_OK(check_upsert_request(ctx));
  RB_SDK_RETURN_NOT_OK(check_targets(ctx.pipeline_streams));
  RB_SDK_RETURN_NOT_OK(dialect_.open());
  return dialect_.ask(ctx, [&] { return begin(ctx); });
}

Status LifeCycle::begin(const sdk::StreamContext& ctx) {
  RB_SDK_RETURN_NOT_OK(dialect_.stream_begins(ctx));
  const sdk::WriteMode mode = mode_of(ctx);
  if (mode == sdk::WriteMode::kReplace) return begin_replace(ctx);
  if (mode == sdk::WriteMode::kUpsert) RB_SDK_RETURN_NOT_OK(dialect_.check_upsert_key(ctx));
  RB_SDK_RETURN_NOT_OK(check_position(ctx));
  return dialect_.stream_has_begun(ctx);
}

Status LifeCycle::begin_replace(const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(const bool has_begun, dialect_.begins_replace(ctx));
  if (has_begun) return {};
  // Commits separately only where something older could be mistaken for this load's: usually the first rows of a stream
  // bring the receipt, and until then the existing one describes the existing table.
  RB_SDK_ASSIGN_OR_RETURN(const bool staging_there, dialect_.exists(ctx, Place::kStaging));
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<Receipt> receipt, dialect_.read_receipt(ctx));
  begun_replace_ = ctx.load_id;
  if (!staging_there && (!receipt || receipt->load_id != ctx.load_id)) return {};
  return dialect_.in_transaction(
      [&]() -> Status {
        RB_SDK_RETURN_NOT_OK(dialect_.drop_staging(ctx));
        return dialect_.write_receipt(ctx, {.load_id = ctx.load_id});
      },
      /*rows_go=*/false);
}

Result<sdk::WriteSummary> LifeCycle::write(const sdk::StreamContext& ctx) {
  RB_SDK_RETURN_NOT_OK(dialect_.check_stream(ctx.stream_name));
  RB_SDK_RETURN_NOT_OK(check_upsert_request(ctx));
  RB_SDK_RETURN_NOT_OK(dialect_.open());
  RB_SDK_RETURN_NOT_OK(dialect_.hold_target(ctx));
  auto summary = write_stream(ctx);
  if (summary.ok()) return summary;
  dialect_.rollback();
  return dialect_.explain(ctx, std::move(summary).status());
}

Result<sdk::WriteSummary> LifeCycle::write_stream(const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<Receipt> previous, dialect_.previous_receipt(ctx));
  const Place place = written_place(ctx);
  Receipt receipt{.load_id = ctx.load_id, .target = dialect_.name_of(ctx.stream_name, place)};
  // A load may resume with a write_mode other than the one it began with; rows in another table do not count.
  if (previous && previous->load_id == ctx.load_id && dialect_.is_of(*previous, ctx.stream_name, place)) {
    receipt.rows = previous->rows;
  }
  RB_SDK_ASSIGN_OR_RETURN(const std::unique_ptr<Writer> writer, dialect_.make_writer(ctx, previous));
  const auto counted = [&](Result<sdk::WriteCount> count) {
    if (count.ok()) receipt.rows += static_cast<int64_t>(count->written);
    return count;
  };
  return sdk::run_commit_loop([&](std::span<const uint8_t> batch) { return counted(writer->write(batch)); },
                              [&](const std::string& checkpoint_json) -> Status {
                                receipt.checkpoint_json = checkpoint_json;
                                RB_SDK_RETURN_NOT_OK(writer->commit(receipt));
                                begun_replace_.clear();  // from here on the receipt says it
                                return {};
                              },
                              [&] { return counted(writer->settle()); }, [&] { return writer->wants_commit(); });
}

Status LifeCycle::finish_stream(const sdk::StreamContext& ctx, bool succeeded) {
  Status status = succeeded && ctx.without_rows ? finish_without_rows(ctx) : finish(ctx, succeeded);
  dialect_.stream_ended(ctx, status.ok());
  return status;
}

Status LifeCycle::finish_without_rows(const sdk::StreamContext& ctx) {
  if (mode_of(ctx) != sdk::WriteMode::kUpsert) {
    begun_replace_.clear();
    RB_SDK_RETURN_NOT_OK(dialect_.check_stream(ctx.stream_name));
    RB_SDK_RETURN_NOT_OK(check_targets(ctx.pipeline_streams));
    RB_SDK_RETURN_NOT_OK(dialect_.open());
    // No receipt: it would only say that nothing was added to what is there.
    RB_SDK_ASSIGN_OR_RETURN(const bool nothing, dialect_.needs_nothing(ctx));
    if (nothing) return {};
  }
  RB_SDK_RETURN_NOT_OK(begin_stream(ctx));
  return finish(ctx, /*succeeded=*/true);
}

Status LifeCycle::finish(const sdk::StreamContext& ctx, bool succeeded) {
  const bool replace = mode_of(ctx) == sdk::WriteMode::kReplace;
  RB_SDK_RETURN_NOT_OK(dialect_.check_stream(ctx.stream_name));
  if (!succeeded) {
    // What was committed stays: the next run resumes after it.
    if (!replace || dialect_.has_nothing_to_discard(ctx)) return {};
    RB_SDK_ASSIGN_OR_RETURN(const bool is_there, dialect_.open_existing());
    if (!is_there) return {};
    RB_SDK_RETURN_NOT_OK(dialect_.hold_target(ctx));
    return dialect_.in_transaction([&] { return dialect_.drop_staging(ctx); }, /*rows_go=*/false);
  }
  RB_SDK_RETURN_NOT_OK(dialect_.open());
  RB_SDK_RETURN_NOT_OK(dialect_.hold_target(ctx));
  if (replace) return dialect_.explain(ctx, publish(ctx));
  RB_SDK_ASSIGN_OR_RETURN(const bool is_there, dialect_.exists(ctx, Place::kTarget));
  if (is_there || ctx.schema.fields.empty()) return {};
  // No batch came: the table is created all the same, with the source's columns.
  return dialect_.in_transaction([&] { return dialect_.make_target(ctx, ctx.schema); }, /*rows_go=*/false);
}

Status LifeCycle::publish(const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(const bool is_published, dialect_.publishes(ctx));
  if (is_published) return {};
  const auto work = [&]() -> Status {
    RB_SDK_ASSIGN_OR_RETURN(ReplaceState state, dialect_.replace_state(ctx));
    if (!state.newest || state.newest->load_id != ctx.load_id) {
      if (begun_replace_.empty() || begun_replace_ != ctx.load_id) {
        return sdk::internal_error(codes::kLoadUnknown, of_stream(ctx) + ": " + dialect_.database() + " has no load " +
                                                            ctx.load_id +
                                                            " to publish (begin-stream comes first). The old table was "
                                                            "left as it was; run again.");
      }
      state.newest = Receipt{.load_id = ctx.load_id};  // no rows came
      state.rows = 0;
    }
    if (state.newest->published) return {};  // Called again after a crash: it is already published.
    if (state.staging_there) {
      RB_SDK_RETURN_NOT_OK(dialect_.publish_staging(ctx, state.rows));
    } else if (state.rows != 0) {
      return sdk::internal_error(codes::kStagingLost,
                                 of_stream(ctx) + ": the staging table of " + dialect_.described(ctx.stream_name) +
                                     " with " + std::to_string(state.rows) +
                                     " rows is gone. The old table was left as it was; run again.");
    } else {
      // Nothing was read, and the columns are unknown: there is no table to create.
      if (!state.target_there && ctx.schema.fields.empty()) return {};
      RB_SDK_RETURN_NOT_OK(dialect_.publish_nothing(ctx));
    }
    return dialect_.write_published(ctx, *state.newest);
  };
  return dialect_.in_transaction(work, /*rows_go=*/true);
}

Result<ReplaceState> Dialect::replace_state(const sdk::StreamContext& ctx) {
  ReplaceState state;
  RB_SDK_ASSIGN_OR_RETURN(state.newest, read_receipt(ctx));
  if (state.newest) state.rows = state.newest->rows;
  RB_SDK_ASSIGN_OR_RETURN(state.staging_there, exists(ctx, Place::kStaging));
  RB_SDK_ASSIGN_OR_RETURN(state.target_there, exists(ctx, Place::kTarget));
  return state;
}

Status Dialect::publish_nothing(const sdk::StreamContext& ctx) {
  RB_SDK_RETURN_NOT_OK(make_staging(ctx, ctx.schema));
  return publish_staging(ctx, 0);
}

Status Dialect::write_published(const sdk::StreamContext& ctx, const Receipt& newest) {
  Receipt receipt = newest;
  receipt.published = true;
  return write_receipt(ctx, receipt);
}

}  // namespace rapidbyte::table
