#include "rapidbyte/engine/load/load_position.h"

#include <fmt/format.h>

#include <algorithm>

#include "rapidbyte/base/log.h"
#include "rapidbyte/engine/lane/checkpoint.h"
#include "rapidbyte/engine/load/partition_plan.h"
#include "rapidbyte/engine/load/position_owner.h"
#include "rapidbyte/engine/load/state_notes.h"
#include "rapidbyte/engine/report/run_clock.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/protocol/untrusted_json.h"

namespace rapidbyte::engine {
namespace {

using nlohmann::json;
using pipeline::SyncMode;
using pipeline::WriteMode;
using protocol::Checkpoint;
using protocol::CursorValue;
using state::LoadKind;

state::StreamKey key_of(const RunContext& run, const StreamPlan& plan) {
  return {run.pipeline.name, plan.config.name, ""};
}

// The note of a load whose rows did not add up (StateBackend::stream_note).
constexpr std::string_view kMiscounted = "miscounted";

/// A JSON object that `owner` kept; an empty one when there is none. An unreadable one is an error: treated as absent,
/// it would restart the load.
Result<json> read_kept(const RunContext& run, const StreamPlan& plan, const std::optional<std::string>& text,
                       std::string_view owner) {
  if (!text) return json::object();
  auto value = protocol::parse_untrusted(*text, protocol::kReceiptLimits);
  if (value.ok() && value->is_object()) return value;
  // A destination that has nothing may say so.
  if (value.ok() && value->is_null()) return json::object();
  return make_error(
      ErrorCategory::kData, codes::kPositionInvalid,
      fmt::format("stream '{}': the position that {} keeps {}. This run wrote nothing. If the position cannot be "
                  "restored, remove the stream's rows from the destination and start over with: {}",
                  plan.config.name, owner, value.ok() ? "is not a JSON object" : value.error().message,
                  reset_hint(run, plan.config.name)));
}

/// The position kept in the state, or a destination's receipt; empty when there is none.
Result<Checkpoint> read_position(const RunContext& run, const StreamPlan& plan, const std::optional<std::string>& text,
                                 std::string_view owner) {
  RB_ASSIGN_OR_RETURN(json body, read_kept(run, plan, text, owner));
  return Checkpoint(std::move(body));
}

std::optional<RunFailure> fail(Stage stage, Status status) { return RunFailure{stage, std::move(status.error())}; }

bool is_incremental(const StreamPlan& plan) { return plan.config.sync_mode != SyncMode::kFullRefresh; }

// In the note of a miscount: the user has accepted the load as it is (accept_load). Not in the checkpoint, whose keys
// guests choose.
constexpr const char* kAccepted = "accepted";
LoadKind kind_of(const StreamPlan& plan, bool partitioned) {
  if (plan.write_mode == WriteMode::kReplace) return LoadKind::kStaged;
  return partitioned ? LoadKind::kPartitioned : LoadKind::kInPlace;
}

/// Whether a full refresh that begins drops the checkpoint in the state. It keeps the position of an incremental load:
/// until the new load has committed something, the table holds the rows before that position.
bool forgets_checkpoint(const StreamPlan& plan, const state::StreamState& known, std::string_view load_id) {
  if (is_incremental(plan) || !known.checkpoint_json) return false;
  const auto saved = Checkpoint::parse(*known.checkpoint_json, protocol::kReceiptLimits);
  return !saved.ok() || saved->cursor().is_null() || saved->load_id() == load_id;
}

/// Begins a load from the start and records it in the state. `known` is what the state has about the stream. `forget`:
/// the state's record of the previous load no longer means anything.
std::optional<RunFailure> begin(RunContext& run, const StreamPlan& plan, const state::StreamState& known,
                                std::string load_id, CursorValue start_cursor, LoadPosition& position,
                                bool forget = false, bool partitioned = false) {
  position.load_id = std::move(load_id);
  position.cursor = start_cursor;
  position.load_start_cursor = std::move(start_cursor);
  if (!run.keeps_state()) return std::nullopt;
  Status begun = run.lease->begin_load({.key = key_of(run, plan),
                                        .load_id = position.load_id,
                                        .drop_checkpoint = forget || forgets_checkpoint(plan, known, position.load_id),
                                        .owner_json = protocol::json_text(position_owner(run, plan)),
                                        .kind = kind_of(plan, partitioned)});
  if (!begun.ok()) return fail(Stage::kState, std::move(begun));
  return std::nullopt;
}

/// The load that begin_new_loads() began for the stream; returned once, afterwards empty.
std::string take_begun_load(RunContext& run, const StreamPlan& plan) {
  const std::lock_guard lock(run.begun_loads_mutex);
  auto begun = run.begun_loads.extract(plan.config.name);
  return begun.empty() ? std::string() : std::move(begun.mapped());
}

/// `accepted`: the user has accepted the load as it is.
std::optional<RunFailure> check_not_miscounted(RunContext& run, const StreamPlan& plan, const std::string& load_id,
                                               bool& accepted) {
  auto mark = run.state.stream_note(run.pipeline.name, plan.config.name, kMiscounted);
  if (!mark.ok()) return fail(Stage::kState, std::move(mark).status());
  const auto known = read_kept(run, plan, *mark, "the state");
  if (!known.ok()) return fail(Stage::kState, known.status());
  if (protocol::text_member(*known, "load_id") != load_id) return std::nullopt;
  accepted = known->value(kAccepted, json(false)) == json(true);
  if (accepted) return std::nullopt;
  return fail(
      Stage::kState,
      make_error(ErrorCategory::kData, codes::kLoadMiscounted,
                 fmt::format("stream '{}': the row counts of an earlier run of this load do not add up, so the load "
                             "cannot be resumed: {} Look at the table. {}Otherwise {}",
                             plan.config.name, protocol::text_member(*known, "why"),
                             known->contains("end")
                                 ? fmt::format("If every row of the load is there exactly once, accept it with: {}. ",
                                               accept_hint(run, plan.config.name))
                                 : "",
                             restart_hint(run, plan))));
}

/// Which load the cursor in `saved` belongs to. A load that the user accepted as it is may have no receipt to compare
/// with.
std::optional<RunFailure> name_cursor_load(RunContext& run, const StreamPlan& plan, const Checkpoint& saved,
                                           LoadPosition& position) {
  position.cursor_load_id = saved.load_id();
  auto note = run.state.stream_note(run.pipeline.name, plan.config.name, kMiscounted);
  if (!note.ok()) return fail(Stage::kState, std::move(note).status());
  const auto mark = read_kept(run, plan, *note, "the state");
  if (!mark.ok()) return fail(Stage::kState, mark.status());
  const bool accepted = mark->value(kAccepted, json(false)) == json(true);
  if (accepted && protocol::text_member(*mark, "load_id") == position.cursor_load_id) position.cursor_load_id.clear();
  return std::nullopt;
}

/// Whether the load has committed no row, by its newest checkpoint.
bool committed_nothing(const state::StreamState& known, const Checkpoint& checkpoint) {
  return known.rows_committed == 0 && checkpoint.batches_covered().value_or(1) == 0;
}

/// Rows that the load has committed up to `receipt`, which is newer than the checkpoint `saved`. The destination's
/// count is lost; the source's count gives a lower bound.
uint64_t rows_up_to(const Checkpoint& receipt, const Checkpoint& saved, const state::StreamState& known) {
  const bool saved_is_of_load = saved.load_id() == known.load_id;
  const uint64_t before = saved_is_of_load ? saved.records_processed().value_or(0) : 0;
  const uint64_t now = receipt.records_processed().value_or(0);
  // A source counts from the beginning of each attempt.
  return known.rows_committed + (now >= before ? now - before : now);
}

/// Whether the receipt was written by a load of another installation that began after `load_id`: one state has only one
/// load of a pipeline under way. Ids begin with the time.
bool is_of_later_load(const std::string& receipt_load, const std::string& load_id) {
  const auto time_of = [](std::string_view id) { return id.substr(0, id.find('-')); };
  return time_of(receipt_load) > time_of(load_id);
}

/// Refuses to restart an append whose rows may already be in the destination: it would double them.
std::optional<RunFailure> no_receipt_of_load(const RunContext& run, const StreamPlan& plan,
                                             const state::StreamState& known, const std::string& receipt_load) {
  const std::string what = fmt::format("stream '{}': an earlier run was interrupted after {} rows were committed, ",
                                       plan.config.name, known.rows_committed);
  const std::string remedy =
      fmt::format("look at the table, remove what this pipeline has loaded into it, and start over with: {}",
                  reset_hint(run, plan.config.name));
  if (!receipt_load.empty()) {
    return fail(
        Stage::kState,
        config_error(
            codes::kReceiptForeign,
            fmt::format(
                "{}but the destination's receipt is from another load ({}, not {}). So it is not known which of its "
                "rows are there, and reading again could double them. Perhaps another installation with its own state "
                "uses the same pipeline name on this destination: give every pipeline its own name. Or the database "
                "was restored from an older copy. This run wrote nothing. To continue, {}",
                what, receipt_load, known.load_id, remedy)));
  }
  return fail(
      Stage::kState,
      config_error(
          codes::kReceiptMissing,
          fmt::format(
              "{}but the destination has no receipt of its load {}. So it is not known which of its rows are there, "
              "and reading again could double them. Perhaps a setting that says where tables or receipts are was "
              "changed (receipts_schema of dest-postgres): then change it back. Or the receipts were deleted, or the "
              "table was emptied, recreated, or restored from an older copy. This run wrote nothing. To continue, {}",
              what, known.load_id, remedy)));
}

std::optional<RunFailure> resume_after(const RunContext& run, const StreamPlan& plan, const state::StreamState& known,
                                       Checkpoint checkpoint, LoadPosition& position) {
  position.resumed = true;
  position.load_id = known.load_id;
  position.rows_before = known.rows_committed;
  // Rows after the position are written, and counted, again.
  if (notes_rows(run, plan) && position.given.covered)
    position.rows_before = std::min(position.rows_before, *position.given.covered);
  position.load_start_cursor = checkpoint.load_start_cursor();
  if (checkpoint.is_end()) {
    position.finish_only = true;
    // Nothing is read after it; the destination sees that this load does not start from the beginning.
    position.resume = std::move(checkpoint);
    return std::nullopt;
  }
  if (has_feature(*run.source, protocol::Feature::kResume)) {
    position.cursor = checkpoint.cursor();
    position.resume = std::move(checkpoint);
    return std::nullopt;
  }
  position.cursor = position.load_start_cursor;
  position.rows_before = 0;
  if (plan.write_mode == WriteMode::kUpsert || committed_nothing(known, checkpoint)) return std::nullopt;
  if (has_feature(*run.destination, protocol::Feature::kIdempotent)) return std::nullopt;
  if (run.options.allow_doubled_rows) {
    // Without receipts check_not_doubling() has already warned.
    if (!may_double(run.prepared, plan)) {
      position.maybe_doubled = known.rows_committed;
      log_warn(
          "stream '{}': the source {} cannot resume in the middle; {} rows are written again (--allow-doubled-rows)",
          plan.config.name, run.source->name(), known.rows_committed);
    }
    return std::nullopt;
  }
  return fail(Stage::kConfig,
              config_error(codes::kResumeNotSupported,
                           fmt::format("stream '{}': an earlier run was interrupted after {} rows were committed, and "
                                       "the source {} cannot resume in the middle. Reading again would double these "
                                       "rows. Use write_mode {}; or, if they may be there twice: {}; or {}",
                                       plan.config.name, known.rows_committed, run.source->name(),
                                       modes_without_doubling(plan), doubling_hint(run), restart_hint(run, plan))));
}

/// Whether rows of --limit harm the load under way. Appended rows do: the load could not tell them from its own. Rows
/// with a key do when the load resumes in the middle, after rows that it would have to write again; in a destination
/// with receipts it restarts, because the newest receipt is no longer its own.
bool limit_would_mix(const RunContext& run, const StreamPlan& plan, const state::StreamState& known) {
  if (plan.write_mode == WriteMode::kAppend) return true;
  return known.committed && !keeps_receipts(*run.destination);
}

/// Refuses to resume an append when rows after the position may already be in a destination that cannot tell.
std::optional<RunFailure> check_not_doubling(const RunContext& run, const StreamPlan& plan, LoadPosition& position) {
  if (!may_double(run.prepared, plan) || !position.given.in_doubt()) return std::nullopt;
  const std::optional<uint64_t> most = position.given.most_in_doubt();
  if (run.options.allow_doubled_rows) {
    position.maybe_doubled = most;
    log_warn(
        "stream '{}': resumes an interrupted append although the destination {} keeps no receipts: {} rows may be "
        "there twice (--allow-doubled-rows)",
        plan.config.name, run.destination->name(),
        most ? fmt::format("up to {}", *most) : std::string("an unknown number of"));
    return std::nullopt;
  }
  return fail(
      Stage::kState,
      rows_may_double(
          run, plan, position.given,
          fmt::format("This run wrote nothing. Look at the table. If you have removed those rows from it, or if they "
                      "may be there twice, continue with: {}. Or use write_mode {}. If writing the same rows again "
                      "changes nothing in this destination, its manifest should declare the feature \"{}\". Or {}",
                      doubling_hint(run), modes_without_doubling(plan), to_string(protocol::Feature::kIdempotent),
                      restart_hint(run, plan))));
}

/// A load of an earlier run or attempt is under way; mode append or upsert.
std::optional<RunFailure> resume_load(RunContext& run, const StreamPlan& plan, const state::StreamState& known,
                                      const LastCommitted& last_committed, LoadPosition& position) {
  if (!resumes_load(plan, known)) {
    log_warn("stream '{}': the load under way {}; it is abandoned and a new one begins", plan.config.name,
             known.load_kind == LoadKind::kStaged        ? "had write_mode replace"
             : known.load_kind == LoadKind::kPartitioned ? "was read in partitions"
                                                         : "had another sync_mode");
    auto position_before = read_position(run, plan, known.checkpoint_json, "the state");
    if (!position_before.ok()) return fail(Stage::kState, std::move(position_before).status());
    const Checkpoint before = *std::move(position_before);
    // The cursor of the load before it, whose rows are still there; rows of partitions may be anywhere.
    const bool stands =
        !before.cursor().is_null() && before.load_id() != known.load_id && known.load_kind != LoadKind::kPartitioned;
    CursorValue start;
    if (stands && is_incremental(plan)) {
      if (auto failure = name_cursor_load(run, plan, before, position)) return failure;
      start = before.cursor();
    }
    if (auto failure = begin(run, plan, known, new_run_id(), std::move(start), position, /*forget=*/!stands))
      return failure;
    if (known.load_kind == LoadKind::kStaged) position.abandoned_replace = known.load_id;
    return std::nullopt;
  }
  bool accepted = false;
  if (auto failure = check_not_miscounted(run, plan, known.load_id, accepted)) return failure;
  auto saved_position = read_position(run, plan, known.checkpoint_json, "the state");
  if (!saved_position.ok()) return fail(Stage::kState, std::move(saved_position).status());
  const Checkpoint saved = *std::move(saved_position);
  const bool saved_is_of_load = saved.load_id() == known.load_id;
  // What the user says about the table overrides what the destination says.
  if (saved_is_of_load && accepted) return resume_after(run, plan, known, saved, position);
  auto receipt_text = last_committed(known.load_id);
  if (!receipt_text.ok()) return failure_of(run, Stage::kDestination, std::move(receipt_text).status());
  auto read_receipt =
      read_position(run, plan, *receipt_text, fmt::format("the destination {}", run.destination->name()));
  if (!read_receipt.ok()) return fail(Stage::kDestination, std::move(read_receipt).status());
  const Checkpoint receipt = *std::move(read_receipt);

  if (receipt.load_id() == known.load_id) {
    // The commit may have been the last thing before a crash: record it in the state now.
    state::StreamState now = known;
    if (receipt != saved) {
      now.rows_committed = rows_up_to(receipt, saved, known);
      Status saved_now =
          run.lease->save_checkpoint(key_of(run, plan), known.load_id, **receipt_text, now.rows_committed);
      if (!saved_now.ok()) return fail(Stage::kState, std::move(saved_now));
    }
    // Nothing after it is in the destination.
    position.given.covered = receipt.rows_covered();
    position.given.at_most = position.given.covered;
    position.given.reported = position.given.covered.value_or(0);
    return resume_after(run, plan, now, receipt, position);
  }
  const bool has_receipts = keeps_receipts(*run.destination);
  const bool target_absent = receipt.is_target_absent();
  if (has_receipts && plan.write_mode == WriteMode::kAppend && !target_absent) {
    const std::string receipt_load = receipt.load_id();
    // The state may have missed a first commit before the crash, after which the other load's receipt replaced ours.
    const bool overwritten = saved.load_id() != receipt_load && is_of_later_load(receipt_load, known.load_id);
    const bool has_rows = saved_is_of_load && !committed_nothing(known, saved);
    if (has_rows || overwritten) return no_receipt_of_load(run, plan, known, receipt_load);
  }
  const bool ended = saved_is_of_load && saved.is_end();
  // Without a table nothing of the load is there, and nothing can be doubled.
  if (!has_receipts && !ended && !target_absent) {
    position.given = rows_given(run, known, saved_is_of_load ? saved : Checkpoint());
    if (auto failure = check_not_doubling(run, plan, position)) return failure;
  }
  if (!saved_is_of_load) {
    // Nothing of the load was kept, so it keeps only its id.
    position.load_id = known.load_id;
    position.cursor = is_incremental(plan) ? saved.cursor() : CursorValue();
    if (auto failure = name_cursor_load(run, plan, saved, position)) return failure;
    position.load_start_cursor = position.cursor;
    return std::nullopt;
  }
  if (has_receipts || target_absent) {
    // Resuming after the state's checkpoint would leave a gap if the rows are gone; restarting doubles nothing: there
    // is no table, or the rows have a key.
    log_warn(
        "stream '{}': the destination has {} load {}, which was interrupted after {} rows were committed. The load "
        "restarts",
        plan.config.name, target_absent ? "no table with rows of" : "no receipt of", known.load_id,
        known.rows_committed);
    const CursorValue start = saved.load_start_cursor();
    if (is_incremental(plan)) {
      // The cursor is reset first, so that if the new load is interrupted before its first commit, the next run also
      // begins here.
      Checkpoint back;
      back.set_load_id(known.load_id);
      back.set_cursor(start);
      back.set_load_start_cursor(start);
      Status saved_now = run.lease->save_checkpoint(key_of(run, plan), known.load_id, back.text(), 0);
      if (!saved_now.ok()) return fail(Stage::kState, std::move(saved_now));
    }
    return begin(run, plan, known, new_run_id(), start, position);
  }
  return resume_after(run, plan, known, saved, position);
}

}  // namespace

std::optional<RunFailure> find_load_position(RunContext& run, const StreamPlan& plan, const std::string& load_id,
                                             const LastCommitted& last_committed, LoadPosition& position) {
  position = LoadPosition{};
  if (!is_incremental(plan) && load_id.empty() && !run.options.mode.is_preview()) {
    // One that begins at its beginning needs nothing that the state has.
    if (std::string begun = take_begun_load(run, plan); !begun.empty()) {
      position.load_id = std::move(begun);
      return std::nullopt;
    }
  }
  auto known = run.state.load_stream(key_of(run, plan));
  if (!known.ok()) return fail(Stage::kState, std::move(known).status());
  if (run.options.mode.is_preview()) {
    auto saved_position = read_position(run, plan, known->checkpoint_json, "the state");
    if (!saved_position.ok()) return fail(Stage::kState, std::move(saved_position).status());
    const Checkpoint saved = *std::move(saved_position);
    position.load_id = new_run_id();
    const bool in_load = known->load_in_progress && saved.load_id() == known->load_id;
    if (is_incremental(plan)) position.cursor = in_load ? saved.load_start_cursor() : saved.cursor();
    return std::nullopt;
  }
  if (std::string begun = take_begun_load(run, plan); !begun.empty() && load_id.empty()) {
    position.load_id = std::move(begun);
    auto saved_position = read_position(run, plan, known->checkpoint_json, "the state");
    if (!saved_position.ok()) return fail(Stage::kState, std::move(saved_position).status());
    position.cursor = saved_position->cursor();
    if (auto failure = name_cursor_load(run, plan, *saved_position, position)) return failure;
    position.load_start_cursor = position.cursor;
    return std::nullopt;
  }
  const bool replace = plan.write_mode == WriteMode::kReplace;
  const std::string next_id = !load_id.empty() ? load_id : new_run_id();
  // Always from the start: begin-stream drops the staging table of an earlier attempt.
  if (replace) return begin(run, plan, *known, next_id, {}, position);
  if (known->load_in_progress && run.options.mode.is_limited()) {
    if (limit_would_mix(run, plan, *known)) {
      return fail(
          Stage::kState,
          config_error(
              codes::kLoadInProgress,
              fmt::format("stream '{}': its last load was interrupted, and {} would end up between the rows that it "
                          "has written and those still to come. To look at rows without writing any, use: run "
                          "--dry-run --limit {}. To finish the load, run without --limit. Or {}",
                          plan.config.name,
                          *run.options.mode.rows() == 1 ? "1 row" : fmt::format("{} rows", *run.options.mode.rows()),
                          *run.options.mode.rows(), restart_hint(run, plan))));
    }
    auto saved_position = read_position(run, plan, known->checkpoint_json, "the state");
    if (!saved_position.ok()) return fail(Stage::kState, std::move(saved_position).status());
    return begin(run, plan, *known, next_id, is_incremental(plan) ? saved_position->cursor() : CursorValue(), position);
  }
  if (known->load_in_progress) return resume_load(run, plan, *known, last_committed, position);
  auto saved_position = read_position(run, plan, known->checkpoint_json, "the state");
  if (!saved_position.ok()) return fail(Stage::kState, std::move(saved_position).status());
  const Checkpoint saved = *std::move(saved_position);
  if (auto failure = name_cursor_load(run, plan, saved, position)) return failure;
  return begin(run, plan, *known, next_id, is_incremental(plan) ? saved.cursor() : CursorValue(), position);
}

Status begin_new_loads(RunContext& run, const std::vector<StreamPlan>& plans) {
  std::vector<state::NewLoad> loads;
  std::map<std::string, std::string> begun;
  // All by one statement: there may be thousands.
  RB_ASSIGN_OR_RETURN(auto listed, run.state.list_streams(run.pipeline.name));
  std::map<std::string, state::StreamState> states;
  for (auto& [key, known] : listed) {
    if (key.partition.empty()) states.emplace(std::move(key.stream), std::move(known));
  }
  const state::StreamState none;
  for (const StreamPlan& plan : plans) {
    if (partitions_wanted(run, plan) > 1) continue;
    const auto found = states.find(plan.config.name);
    const state::StreamState& known = found == states.end() ? none : found->second;
    if (known.load_in_progress) continue;
    const std::string& id = begun[plan.config.name] = new_run_id();
    loads.push_back({key_of(run, plan), id, forgets_checkpoint(plan, known, id),
                     protocol::json_text(position_owner(run, plan)), kind_of(plan, /*partitioned=*/false)});
  }
  RB_RETURN_NOT_OK(run.lease->begin_loads(loads));
  const std::lock_guard lock(run.begun_loads_mutex);
  run.begun_loads = std::move(begun);
  return {};
}

std::optional<RunFailure> foreseen_refusal(RunContext& run, const StreamPlan& plan) {
  const auto known = run.state.load_stream(key_of(run, plan));
  if (!known.ok()) return fail(Stage::kState, known.status());
  if (!resumes_load(plan, *known)) return std::nullopt;
  bool accepted = false;
  if (auto failure = check_not_miscounted(run, plan, known->load_id, accepted)) return failure;
  if (accepted) return std::nullopt;
  auto saved = read_position(run, plan, known->checkpoint_json, "the state");
  if (!saved.ok()) return fail(Stage::kState, std::move(saved).status());
  const bool is_of_load = saved->load_id() == known->load_id;
  if (!is_of_load) *saved = Checkpoint();
  LoadPosition position;
  if (!keeps_receipts(*run.destination) && !saved->is_end()) {
    position.given = rows_given(run, *known, *saved);
    if (auto failure = check_not_doubling(run, plan, position)) return failure;
  }
  return is_of_load ? resume_after(run, plan, *known, *std::move(saved), position) : std::nullopt;
}

std::optional<RunFailure> begin_partitioned_load(RunContext& run, const StreamPlan& plan, const std::string& load_id,
                                                 LoadPosition& position) {
  position = LoadPosition{};
  // begin-stream drops a staging table; rows in the table itself must not meet the receipts of an earlier attempt.
  const bool replace = plan.write_mode == WriteMode::kReplace;
  std::string id = replace ? load_id : std::string();
  if (id.empty()) id = new_run_id();
  const auto known = run.state.load_stream(key_of(run, plan));
  if (!known.ok()) return fail(Stage::kState, known.status());
  return begin(run, plan, *known, std::move(id), {}, position, /*forget=*/!replace, /*partitioned=*/true);
}

state::FinishedLoad::End end_of_load(const StreamPlan& plan, const std::string& load_id, size_t partitions,
                                     uint64_t rows_committed) {
  Checkpoint end;
  end.set_load_id(load_id);
  end.set_stream(plan.config.name);
  end.set_partitions(partitions);
  end.set_end(true);
  return {end.text(), rows_committed};
}

bool resumes_load(const StreamPlan& plan, const state::StreamState& known) {
  if (!known.load_in_progress || plan.write_mode == WriteMode::kReplace) return false;
  if (known.load_kind != LoadKind::kInPlace) return false;
  // An append with another sync mode is refused when rows of the load are there (check_position_owners).
  return plan.write_mode != WriteMode::kUpsert || !is_of_other_sync_mode(plan, known);
}

Status mark_load_miscounted(RunContext& run, const std::string& stream, const std::string& load_id,
                            const std::string& why, const std::optional<std::string>& end) {
  json mark = {{"load_id", load_id}, {"why", why}};
  if (end) mark["end"] = *end;
  return run.lease->set_stream_note(stream, kMiscounted, protocol::json_text(mark));
}

Status accept_load(state::StateBackend& state, state::Lease& lease, const std::string& stream) {
  const std::string& pipeline = lease.pipeline();
  const state::StreamKey key{pipeline, stream, ""};
  RB_ASSIGN_OR_RETURN(const state::StreamState known, state.load_stream(key));
  RB_ASSIGN_OR_RETURN(const std::optional<std::string> mark_text, state.stream_note(pipeline, stream, kMiscounted));
  const json mark = protocol::parse_untrusted_object(mark_text.value_or("{}"), protocol::kReceiptLimits);
  if (!known.load_in_progress || protocol::text_member(mark, "load_id") != known.load_id || mark.contains(kAccepted)) {
    return config_error(codes::kNothingToAccept,
                        fmt::format("stream '{}' has no load with row counts that do not add up", stream));
  }
  const std::string end = protocol::text_member(mark, "end");
  if (end.empty()) {
    return config_error(
        codes::kNothingToAccept,
        fmt::format("stream '{}': the load cannot be accepted, because it is not known whether all of its rows reached "
                    "the destination: {} Remove the rows of this load from the table (for an incremental stream, "
                    "everything that this pipeline has loaded), or they will be there twice. Then start over with: "
                    "rapidbyte state reset PIPELINE.yaml --stream '{}'",
                    stream, protocol::text_member(mark, "why"), stream));
  }
  // The end comes first: without the note, the load would resume from its last checkpoint.
  RB_RETURN_NOT_OK(lease.save_checkpoint(key, known.load_id, end, known.rows_committed));
  const json accepted = {{"load_id", known.load_id}, {kAccepted, true}};
  return lease.set_stream_note(stream, kMiscounted, protocol::json_text(accepted));
}

}  // namespace rapidbyte::engine
