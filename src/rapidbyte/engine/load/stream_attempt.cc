#include "rapidbyte/engine/load/stream_attempt.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <mutex>
#include <utility>

#include "rapidbyte/base/log.h"
#include "rapidbyte/engine/lane/checkpoint.h"
#include "rapidbyte/engine/lane/row_accounting.h"
#include "rapidbyte/engine/load/rows_in_doubt.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::engine {
namespace {

using nlohmann::json;
using pipeline::WriteMode;

// Often enough for a live view, rare enough to cost nothing.
constexpr std::chrono::milliseconds kProgressInterval{100};
// A source whose output is no longer wanted (--limit, dry run) has nothing to roll back.
constexpr std::chrono::milliseconds kSatisfiedGrace{500};
// A stage can work on one batch while the next one waits.
constexpr uint64_t kMinInflightBatches = 2;

QueueLimits queue_limits(const pipeline::Resources& resources, uint32_t lanes_at_a_time) {
  uint64_t batches = std::max<uint64_t>(resources.max_inflight_batches, 1);
  // The lanes share what the stream may hold in memory.
  if (lanes_at_a_time > 1) batches = std::max(batches / lanes_at_a_time, std::min(batches, kMinInflightBatches));
  return {batches, batches * resources.max_batch_bytes};
}

}  // namespace

StreamAttempt::StreamAttempt(RunContext& run, const StreamPlan& plan, WorkerInstances& kept, std::string load_id,
                             uint64_t first_row)
    : run_(run),
      plan_(plan),
      given_load_id_(std::move(load_id)),
      first_row_(first_row),
      attempt_(run, plan, kept),
      partition_plan_(attempt_) {}

AttemptResult StreamAttempt::run() {
  Failure failure = run_.options.mode.is_preview() ? preview_stream() : write_stream();
  attempt_.kept.last_was_empty = !failure && !is_split() && lanes_.front()->result().batches_emitted == 0;
  close_instances(!failure);
  partition_plan_.release(!failure);
  sum_up(std::move(failure));
  return std::move(result_);
}

StreamAttempt::Failure StreamAttempt::preview_stream() {
  const auto none = [](const std::string&) { return Result<std::optional<std::string>>(std::optional<std::string>()); };
  if (Failure failure = find_load_position(run_, plan_, given_load_id_, none, attempt_.position)) return failure;
  lanes_.push_back(make_lane(lane_task(1, std::nullopt)));
  lanes_.front()->begin(lane_position(0));
  return run_lanes();
}

StreamAttempt::Failure StreamAttempt::write_stream() {
  if (Failure failure = make_lanes()) return failure;
  if (Failure failure = open_destination()) return failure;
  if (Failure failure = find_position()) return failure;
  result_.load_begun = true;
  host_.on_commit([this] {
    run_.observer.checkpoint_committed(plan_.config.name, attempt_.position.rows_before + rows_committed());
  });
  if (!is_split()) lanes_.front()->begin(lane_position(0));
  const bool reads = !attempt_.position.finish_only;
  if (reads && !is_split()) {
    // Servers on both sides are slow; the source need not wait for the destination's.
    lanes_.front()->before_write([this] { return begin_stream(); });
  } else {
    const StageStopwatch watch(destination_usage());
    const Status begun = begin_stream();
    if (!begun.ok()) return failure_of(run_, Stage::kDestination, begun);
  }
  Failure failure;
  if (reads) {
    failure = run_lanes();
    if (!failure) failure = check_lanes();
    // Every partition has been read, or will never be: the snapshot is no longer needed.
    partition_plan_.release(!failure);
  }
  if (!failure) failure = finish_stream();
  if (failure) settle_commits();
  if (failure && begun_) discard_staging();
  return failure;
}

StreamAttempt::Failure StreamAttempt::make_lanes() {
  const uint32_t want = partitions_wanted(run_, plan_);
  if (want > 1) {
    const Status asked = partition_plan_.ask(want);
    if (!asked.ok()) return failure_of(run_, Stage::kSource, asked);
  }
  const auto& partitions = partition_plan_.partitions();
  if (partitions.empty()) {
    lanes_.push_back(make_lane(lane_task(1, std::nullopt)));
    return std::nullopt;
  }
  result_.partitions = static_cast<uint32_t>(partitions.size());
  lanes_at_a_time_ = std::min(want, result_.partitions);
  host_.split();
  for (size_t i = 0; i < partitions.size(); ++i) lanes_.push_back(make_lane(lane_task(lanes_at_a_time_, i)));
  log_debug("stream '{}' is read in {} partitions, {} at a time", plan_.config.name, partitions.size(),
            lanes_at_a_time_);
  return std::nullopt;
}

runtime::ComponentInstance& StreamAttempt::destination() {
  return is_split() ? *coordinator_.instance : lanes_.front()->destination();
}

StageUsage& StreamAttempt::destination_usage() {
  return is_split() ? coordinator_usage_ : lanes_.front()->destination_usage();
}

StreamAttempt::Failure StreamAttempt::open_destination() {
  const StageStopwatch watch(destination_usage());
  Status opened;
  if (is_split()) {
    auto instance = take_instance(attempt_, &attempt_.kept.destination, run_.destination, attempt_.cancel,
                                  idle_services(run_.destination->name()));
    opened = instance.status();
    if (instance.ok()) coordinator_ = std::move(*instance);
    if (coordinator_) coordinator_usage_.waiting_network -= coordinator_.instance->network_wait();
  } else {
    opened = lanes_.front()->open_destination();
  }
  if (!opened.ok()) return failure_of(run_, Stage::kDestination, opened);
  return std::nullopt;
}

void StreamAttempt::close_instances(bool ended_well) {
  if (coordinator_) {
    coordinator_usage_.waiting_network += coordinator_.instance->network_wait();
    give_back(attempt_, &attempt_.kept.destination, std::exchange(coordinator_, KeptInstance()), *run_.destination,
              ended_well);
  }
  for (const auto& lane : lanes_) {
    lane->close_destination(ended_well);
    lane->close_source(ended_well);
  }
}

StreamAttempt::Failure StreamAttempt::find_position() {
  LoadPosition position;
  if (is_split()) {
    if (Failure failure = begin_partitioned_load(run_, plan_, given_load_id_, position)) return failure;
  } else {
    const auto last_committed = [&](const std::string& load_id) -> Result<std::optional<std::string>> {
      if (!run_.destination->speaks_2_1()) return std::optional<std::string>();
      attempt_.position.load_id = load_id;
      return destination().last_committed(destination_context());
    };
    if (Failure failure = find_load_position(run_, plan_, given_load_id_, last_committed, position)) return failure;
  }
  attempt_.position = std::move(position);
  return std::nullopt;
}

LaneTask StreamAttempt::lane_task(uint32_t lanes_at_a_time, std::optional<size_t> part) {
  const pipeline::Resources& resources = run_.pipeline.resources;
  LaneTask task;
  task.pipeline = run_.pipeline.name;
  task.stream = plan_.config.name;
  task.part = part;
  task.source = {run_.source->name(), run_.source->speaks_2_1(), false, may_be_kept(*run_.source)};
  for (size_t i = 0; i < run_.transforms.size(); ++i) {
    const runtime::Connector& transform = *run_.transforms[i];
    task.transforms.push_back({transform.name(), transform.speaks_2_1(), plan_.transforms[i].holds_rows, false});
  }
  task.destination.connector = "preview";
  if (run_.destination != nullptr)
    task.destination = {run_.destination->name(), run_.destination->speaks_2_1(), false, false};
  task.limits.queue = queue_limits(resources, lanes_at_a_time);
  task.limits.compression = resources.compression;
  task.limits.preview = run_.options.mode.is_preview();
  task.limits.rows = run_.options.mode.lane_rows();
  for (const json& column : plan_.columns) {
    if (column.is_object() && column.value("special_values", json(false)) == json(true))
      task.special_columns.push_back(protocol::text_member(column, "name"));
  }
  return task;
}

std::unique_ptr<LaneRunner> StreamAttempt::make_lane(LaneTask task) {
  return std::make_unique<LaneRunner>(
      std::move(task), LaneEnvironment{host_, host_, run_.threads, run_.lease, run_.pool, attempt_.cancel});
}

// Only where nothing of the load, nor of one before it, can be there: then a kill at any time leaves what there was
// before, and the next run reads the stream again. To wait for the first batch keeps the servers of both sides from
// working at the same time, so that it is done only after a stream without rows.
bool StreamAttempt::may_skip_empty() const {
  const LoadPosition& load = attempt_.position;
  return attempt_.kept.last_was_empty && !is_split() && run_.keeps_state() && run_.destination != nullptr &&
         run_.destination->speaks_2_1() && has_feature(*run_.destination, protocol::Feature::kEmptyStreams) &&
         plan_.config.sync_mode == pipeline::SyncMode::kFullRefresh && plan_.write_mode != WriteMode::kUpsert &&
         !load.resumed && load.resume.empty() && load.abandoned_replace.empty();
}

LanePosition StreamAttempt::lane_position(size_t index) const {
  const LoadPosition& load = attempt_.position;
  json part;
  if (is_split()) part = {{"index", index}, {"count", lanes_.size()}};
  LanePosition position;
  position.source_context =
      context_json(attempt_, *run_.source, 0, is_split() ? partition_plan_.partitions()[index] : json());
  for (size_t i = 0; i < run_.transforms.size(); ++i)
    position.transform_contexts.push_back(context_json(attempt_, *run_.transforms[i], i + 1, part));
  if (run_.destination != nullptr)
    position.destination_context = context_json(attempt_, *run_.destination, 0, part, /*for_rows=*/true);
  // An end without a checkpoint of the source must not lose the position that the load began with.
  protocol::Checkpoint& first = position.first_checkpoint;
  first = load.resume;
  if (first.empty() && plan_.config.sync_mode != pipeline::SyncMode::kFullRefresh) {
    first.set_id(load.load_id);
    first.set_kind(runtime::CheckpointKind::kSource);
    first.set_stream(plan_.config.name);
    first.set_records_processed(0);
    first.set_bytes_processed(0);
    first.set_cursor(load.cursor);
    first.set_cursor_field(plan_.config.cursor_field.value_or(""));
  }
  position.load_id = load.load_id;
  position.durable = run_.keeps_state() && leaves_checkpoints();
  position.receipts = run_.destination != nullptr && keeps_receipts(*run_.destination);
  position.rows_before = load.rows_before;
  position.load_start_cursor = load.load_start_cursor;
  position.notes_rows = notes_rows(run_, plan_) && !is_split();
  position.rows_covered = load.given.covered;
  position.rows_given = load.given.at_most;
  position.rows_reported = load.given.reported;
  position.skips_empty = may_skip_empty();
  return position;
}

void StreamAttempt::settle_commits() {
  for (const auto& lane : lanes_) {
    const Status settled = lane->settle_commits();
    // What is already recorded covers more than was given.
    if (!settled.ok()) log_warn("stream '{}': {}", plan_.config.name, settled.to_string());
  }
}

uint64_t StreamAttempt::rows_committed() const {
  uint64_t rows = 0;
  for (const auto& lane : lanes_) rows += lane->rows_committed();
  return rows;
}

Status StreamAttempt::begin_stream() {
  discard_abandoned_staging();
  RB_RETURN_NOT_OK(destination().begin_stream(destination_context()));
  run_.pipeline_streams_seen = true;
  begun_ = true;
  return {};
}

StreamAttempt::Failure StreamAttempt::run_lanes() {
  std::vector<std::function<void()>> bodies(lanes_at_a_time_, [this] { run_next_lanes(); });
  const Status started =
      run_.threads.run(std::move(bodies), kProgressInterval, [this] { tick(); }, [this] { attempt_.cancel.cancel(); });
  run_.observer.progress(plan_.config.name, progress());
  // Errors of lanes that were stopped because another could not start are consequences.
  if (!started.ok()) return RunFailure{Stage::kInternal, started.error()};
  if (Failure failure = attempt_.failures.take()) return failure;
  // A stage may have taken the cancellation for the end of its work and reported nothing.
  if (run_.options.cancel.cancelled()) return interruption(run_);
  return std::nullopt;
}

void StreamAttempt::run_next_lanes() {
  while (!attempt_.failures.failed() && !attempt_.cancel.cancelled()) {
    const size_t index = next_lane_.fetch_add(1);
    if (index >= lanes_.size()) return;
    // Only now: the descriptions of a thousand partitions would fill the memory.
    if (is_split()) lanes_[index]->begin(lane_position(index));
    lanes_[index]->run();
  }
}

StreamAttempt::Failure StreamAttempt::check_lanes() {
  const uint64_t already_there = notes_rows(run_, plan_) && !is_split() ? attempt_.position.given.surely_there() : 0;
  for (const auto& lane : lanes_) {
    const LaneResult moved = lane->result();
    if (!moved.complete) {
      return RunFailure{Stage::kInternal,
                        internal_error(codes::kPartitionNotRead,
                                       fmt::format("stream '{}': a partition was not read", plan_.config.name))
                            .error()};
    }
    const Result<uint64_t> counted = check_destination_rows(plan_.config.name, moved.rows_written, moved.rows_refused,
                                                            moved.rows_given, already_there);
    note_miscount(attempt_, counted.status(), is_split() ? std::nullopt : moved.end_of_load);
    if (!counted.ok()) return RunFailure{Stage::kDestination, counted.error()};
    rows_already_there_ += *counted;
  }
  return std::nullopt;
}

StreamAttempt::Failure StreamAttempt::finish_stream() {
  // A destination that never reports commits has committed everything when its run-write succeeds.
  const LaneResult only = is_split() ? LaneResult() : lanes_.front()->result();
  for (const auto& lane : lanes_) {
    // The end of a load without rows is saved when the load ends: nothing relies on it before.
    if (only.skipped_empty) break;
    const Status saved = lane->finish_commits();
    if (!saved.ok()) return RunFailure{Stage::kState, saved.error()};
  }
  if (run_.dlq) {
    const Status synced = run_.dlq->sync();
    if (!synced.ok()) return RunFailure{Stage::kState, synced.error()};
  }
  // If this run has been replaced meanwhile, its successor would not know what it publishes.
  if (Failure lost = check_lease(run_)) return lost;
  {
    const StageStopwatch watch(destination_usage());
    protocol::StreamContext context = stream_context(attempt_, *run_.destination);
    context.without_rows = only.skipped_empty;
    // It may now do what begin-stream does.
    begun_ = true;
    const Status finished = destination().finish_stream(context_text(std::move(context), *run_.destination), true);
    if (!finished.ok()) return failure_of(run_, Stage::kDestination, finished);
  }
  if (!run_.keeps_state()) return std::nullopt;
  state::StreamKey key{run_.pipeline.name, plan_.config.name, ""};
  const std::string& load_id = attempt_.position.load_id;
  std::optional<state::FinishedLoad::End> end;
  if (!leaves_checkpoints()) {
    end = end_of_load(plan_, load_id, lanes_.size(), rows_committed());
    // A replace without a cursor starts over whatever the state says of the one before.
    const bool may_be_lost =
        plan_.write_mode == WriteMode::kReplace && plan_.config.sync_mode == pipeline::SyncMode::kFullRefresh;
    if (may_be_lost) end->durability = state::Durability::kRelaxed;
  } else if (only.skipped_empty && only.end_of_load) {
    end = state::FinishedLoad::End{.checkpoint_json = *only.end_of_load, .rows_committed = 0};
  }
  if (plan_.write_mode == WriteMode::kAppend && plan_.config.sync_mode == pipeline::SyncMode::kFullRefresh) {
    std::lock_guard lock(run_.finished_loads_mutex);
    run_.finished_loads.push_back({std::move(key), load_id, std::move(end)});
    return std::nullopt;
  }
  const Status completed = run_.lease->complete_load(key, load_id, std::move(end));
  if (!completed.ok()) return RunFailure{Stage::kState, completed.error()};
  return std::nullopt;
}

void StreamAttempt::discard_staging() {
  // Only replace has a staging table that no later run resumes. Appended rows stay committed: the next attempt resumes
  // after them.
  if (plan_.write_mode != WriteMode::kReplace || attempt_.cancel.cancelled()) return;
  const Status discarded = destination().finish_stream(destination_context(), false);
  if (!discarded.ok()) log_debug("discarding the staging of stream '{}': {}", plan_.config.name, discarded.to_string());
}

void StreamAttempt::discard_abandoned_staging() {
  const std::string& load_id = attempt_.position.abandoned_replace;
  if (load_id.empty()) return;
  // As that load would have discarded it.
  protocol::StreamContext context = stream_context(attempt_, *run_.destination);
  context.write_mode = WriteMode::kReplace;
  context.load_id = load_id;
  const Status discarded = destination().finish_stream(context_text(std::move(context), *run_.destination), false);
  if (!discarded.ok())
    log_warn("the staging table of stream '{}' from an earlier write_mode replace could not be removed: {}",
             plan_.config.name, discarded.to_string());
}

void StreamAttempt::sum_up(Failure failure) {
  result_.load_id = attempt_.position.load_id;
  result_.resumed = attempt_.position.resumed;
  result_.counters = attempt_.counters.all();
  result_.rows_already_there = rows_already_there_;
  // A destination that left out the rows it had has doubled nothing.
  result_.rows_maybe_doubled = rows_already_there_ > 0 ? 0 : attempt_.position.maybe_doubled;
  for (const auto& lane : lanes_) {
    const LaneResult moved = lane->result();
    result_.checkpoints += moved.checkpoints;
    result_.batches += moved.batches_emitted;
    add_usage(result_.stages, moved.stages);
    if (failure) {
      result_.rows_read += moved.rows_emitted;
      result_.bytes_read += moved.bytes_emitted;
      continue;
    }
    // Only the finish was missing: the lane did not run.
    if (!moved.complete) continue;
    result_.rows_read += moved.rows_read;
    result_.rows_written += moved.rows_written;
    result_.rows_rejected += moved.rows_rejected;
    result_.rows_transformed_away += moved.rows_transformed_away;
    result_.bytes_read += moved.bytes_read;
    result_.bytes_written += moved.bytes_written;
  }
  if (!result_.stages.empty()) {
    StageUsage& destination = result_.stages.back();
    destination.total += coordinator_usage_.total;
    destination.cpu += coordinator_usage_.cpu;
    destination.waiting_network += coordinator_usage_.waiting_network;
  }
  if (failure) {
    result_.rows_written = plan_.write_mode == WriteMode::kReplace ? 0 : rows_committed();
    result_.rows_read = std::max(result_.rows_read, result_.rows_written);
    result_.rows_rejected = attempt_.rejected.load(std::memory_order_relaxed);
  }
  if (failure) failure->concerns_every_stream = concerns_every_stream(*failure);
  result_.failure = std::move(failure);
}

bool StreamAttempt::concerns_every_stream(const RunFailure& failure) {
  const std::string& code = failure.error.code;
  if (failure.stage == Stage::kRejected) return true;  // the cap is the run's
  if (failure.stage == Stage::kState &&
      (code == codes::kStateBackend || code == codes::kLeaseLost || code == codes::kDlqWriteFailed)) {
    return true;
  }
  // A connector that connects only with its first statement, or reconnects for its next stream, opens in any case.
  if (failure.error.category == ErrorCategory::kAuth || code == codes::kTcpConnectFailed ||
      code == codes::kConnectTimeout || code == codes::kDnsResolutionFailed) {
    return true;
  }
  // An instance that was cancelled because of another failure could not be opened either, which proves nothing.
  const std::optional<RunFailure> not_opened = attempt_.not_opened.take();
  return not_opened && not_opened->error == failure.error;
}

void StreamAttempt::tick() {
  run_.observer.progress(plan_.config.name, progress());
  const bool failed = attempt_.failures.failed();
  // A satisfied lane is the only one: a load with a limit is not split.
  if (!failed && !lanes_.front()->satisfied()) return;
  const auto now = std::chrono::steady_clock::now();
  if (!ending_since_) {
    ending_since_ = now;
    // The other lanes would keep loading for nothing.
    if (failed && lanes_.size() > 1) {
      for (const auto& lane : lanes_) lane->abort();
    }
  }
  if (failed && now - *ending_since_ >= kStageEndGrace) attempt_.cancel.cancel();
  // With --limit the destination continues to write what it has.
  if (!failed && now - *ending_since_ >= kSatisfiedGrace) lanes_.front()->stop_upstream();
}

StreamProgress StreamAttempt::progress() const {
  StreamProgress progress;
  for (const auto& lane : lanes_) lane->add_progress(progress);
  progress.rows_read += first_row_;
  progress.rows_written += first_row_;
  progress.rows_committed += first_row_;
  progress.rows_rejected = attempt_.rejected.load(std::memory_order_relaxed);
  progress.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  return progress;
}

}  // namespace rapidbyte::engine
