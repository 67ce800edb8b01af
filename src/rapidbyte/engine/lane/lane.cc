#include "rapidbyte/engine/lane/lane.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <numeric>
#include <set>
#include <string>
#include <utility>

#include "rapidbyte/engine/lane/row_accounting.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::engine {
namespace {

// Whatever a stage throws (no memory, a bug of ours) stays in its thread and ends the attempt with an error.
template <typename Body>
Status guarded(Body body) noexcept {
  try {
    return body();
  } catch (const std::exception& error) {
    return internal_error(codes::kStageFailed, fmt::format("an unexpected error in the engine: {}", error.what()));
  }
}

StageUsage usage_of(std::string stage, std::string connector) {
  StageUsage usage;
  usage.stage = std::move(stage);
  usage.connector = std::move(connector);
  return usage;
}

}  // namespace

LaneRunner::LaneRunner(LaneTask task, LaneEnvironment environment)
    : task_(std::move(task)), environment_(std::move(environment)), upstream_cancel_(environment_.cancel.child()) {
  usage_.push_back(usage_of("source", task_.source.connector));
  for (size_t i = 0; i < task_.transforms.size(); ++i)
    usage_.push_back(usage_of(fmt::format("transform-{}", i), task_.transforms[i].connector));
  usage_.push_back(usage_of("destination", task_.destination.connector));
  for (size_t i = 0; i <= task_.transforms.size(); ++i) {
    queues_.push_back(std::make_unique<BatchQueue>(task_.limits.queue, environment_.cancel, environment_.pool,
                                                   task_.limits.compression));
  }
  rows_out_.resize(queues_.size());
  transform_rejected_.resize(task_.transforms.size());
}

StageContext LaneRunner::stage_context() { return {task_.stream, &environment_.events, &satisfied_}; }

Status LaneRunner::open_destination() {
  DestinationServices::Options options;
  options.speaks_2_1 = task_.destination.speaks_2_1;
  options.limit = task_.limits.rows;
  options.pool = environment_.pool;
  destination_services_ = std::make_shared<DestinationServices>(stage_context(), task_.destination.connector,
                                                                *queues_.back(), tracker_, std::move(options));
  RB_ASSIGN_OR_RETURN(destination_,
                      environment_.instances.take_destination(environment_.cancel, destination_services_));
  // What it waited for before is not this stage's.
  usage_.back().waiting_network -= destination_.instance->network_wait();
  return {};
}

void LaneRunner::close_destination(bool ended_well) {
  if (!destination_) return;
  usage_.back().waiting_network += destination_.instance->network_wait();
  environment_.instances.give_back_destination(std::exchange(destination_, KeptInstance()), ended_well);
}

void LaneRunner::close_source(bool ended_well) {
  if (source_) environment_.instances.give_back_source(std::exchange(source_, KeptInstance()), ended_well);
}

void LaneRunner::begin(LanePosition position) {
  task_.position = std::move(position);
  const LanePosition& from = task_.position;
  CommitTarget target;
  target.lease = from.durable ? environment_.lease : nullptr;
  if (from.receipts) target.durability = state::Durability::kRelaxed;
  target.key = {task_.pipeline, task_.stream, ""};
  target.load_id = from.load_id;
  target.rows_before = from.rows_before;
  target.notes_rows = from.notes_rows;
  target.rows_covered = from.rows_covered;
  target.rows_given = from.rows_given;
  target.rows_reported = from.rows_reported;
  target.load_start_cursor = from.load_start_cursor;
  target.on_commit = [&events = environment_.events](uint64_t) { events.committed(); };
  tracker_.begin(std::move(target));
}

void LaneRunner::run() {
  std::vector<std::function<void()>> upstream;
  upstream.emplace_back([this] { source_stage(); });
  for (size_t i = 0; i < task_.transforms.size(); ++i) upstream.emplace_back([this, i] { transform_stage(i); });
  const Status started = environment_.threads.run_beside(
      std::move(upstream), [this] { task_.limits.preview ? preview_stage() : destination_stage(); },
      [this] { stop_all(); });
  if (!started.ok()) environment_.events.failed(Stage::kInternal, started);
  complete_ = started.ok();
}

// A thread is missing: errors of the others are consequences.
void LaneRunner::stop_all() {
  satisfied_.store(true, std::memory_order_release);
  upstream_cancel_.cancel();
  for (const auto& queue : queues_) queue->abandon();
}

void LaneRunner::report_upstream(Stage stage, const Status& status) {
  if (!satisfied()) environment_.events.failed(stage, status);
}

void LaneRunner::source_stage() {
  const StageStopwatch watch(usage_.front());
  KeptInstance source;
  const Status status = guarded([&] { return read(source); });
  if (status.ok()) {
    queues_.front()->close();
  } else {
    // Report the error first: when the queue ends, the other stages fail as well.
    report_upstream(Stage::kSource, status);
    queues_.front()->fail();
  }
  if (!source) return;
  usage_.front().waiting_network += source.instance->network_wait();
  // A source that was stopped in the middle (--limit) has an unfinished read.
  const bool ended_well = status.ok() && !satisfied();
  if (ended_well && !task_.part && task_.source.may_be_kept) {
    // A retry of the stream must not get a source that remembers what it has read.
    source_ = std::move(source);
  } else {
    environment_.instances.give_back_source(std::move(source), /*ended_well=*/false);
  }
}

Status LaneRunner::read(KeptInstance& source) {
  auto services = std::make_shared<SourceServices>(stage_context(), task_.source.connector, *queues_.front(),
                                                   task_.position.first_checkpoint);
  RB_ASSIGN_OR_RETURN(source, environment_.instances.take_source(upstream_cancel_, services));
  // What it waited for before is not this stage's.
  usage_.front().waiting_network -= source.instance->network_wait();
  // The description of a partition may be long, and there may be a thousand.
  const std::string context = std::exchange(task_.position.source_context, {});
  {
    const RunningStage running(*services);
    RB_ASSIGN_OR_RETURN(read_summary_, source.instance->run_read(context));
  }
  if (satisfied()) return {};
  auto counted = check_source_rows(task_.stream, read_summary_, queues_.front()->counts(), task_.source.speaks_2_1);
  if (!counted.ok()) environment_.events.miscounted(counted.status());
  RB_ASSIGN_OR_RETURN(rows_out_.front(), std::move(counted));
  return services->push_end();
}

void LaneRunner::transform_stage(size_t index) {
  const StageStopwatch watch(usage_[index + 1]);
  std::unique_ptr<runtime::ComponentInstance> instance;
  const Status status = guarded([&] { return transform(index, instance); });
  if (status.ok()) {
    queues_[index + 1]->close();
  } else {
    report_upstream(Stage::kTransform, status);
    queues_[index + 1]->fail();
  }
  queues_[index]->abandon();
  if (!instance) return;
  environment_.instances.close_transform(index, *instance);
  usage_[index + 1].waiting_network += instance->network_wait();
}

Status LaneRunner::transform(size_t index, std::unique_ptr<runtime::ComponentInstance>& instance) {
  const LaneStage& stage = task_.transforms[index];
  auto services = std::make_shared<TransformServices>(stage_context(), stage.connector, *queues_[index],
                                                      *queues_[index + 1], stage.may_hold_rows);
  RB_ASSIGN_OR_RETURN(instance, environment_.instances.open_transform(index, upstream_cancel_, services));
  runtime::TransformSummary summary;
  {
    const RunningStage running(*services);
    RB_ASSIGN_OR_RETURN(summary, instance->run_transform(std::exchange(task_.position.transform_contexts[index], {})));
  }
  if (satisfied()) return {};
  if (!services->saw_end()) {
    return internal_error(
        codes::kTransformEndedEarly,
        fmt::format(
            "stream '{}': the transform {} ended with success before it had taken all batches; rows would be lost",
            task_.stream, stage.connector));
  }
  auto counted =
      check_transform_rows(task_.stream, stage.connector, summary, rows_out_[index], queues_[index + 1]->counts());
  if (!counted.ok()) environment_.events.miscounted(counted.status());
  RB_ASSIGN_OR_RETURN(rows_out_[index + 1], std::move(counted));
  transform_rejected_[index] = services->rows_rejected();
  return services->push_end();
}

void LaneRunner::destination_stage() {
  const StageStopwatch watch(usage_.back());
  const bool own = !destination_;
  const Status status = guarded([&] { return write(); });
  if (!status.ok()) environment_.events.failed(Stage::kDestination, status);
  queues_.back()->abandon();
  if (own) close_destination(/*ended_well=*/false);
}

Status LaneRunner::write() {
  if (!destination_) RB_RETURN_NOT_OK(open_destination());
  if (task_.position.skips_empty) {
    RB_ASSIGN_OR_RETURN(const bool has_batch, queues_.back()->wait_for_batch());
    if (!has_batch) return take_markers();
  }
  if (before_write_) RB_RETURN_NOT_OK(before_write_());
  auto written = [&] {
    const RunningStage running(*destination_services_);
    return destination_.instance->run_write(std::exchange(task_.position.destination_context, {}));
  }();
  if (!written.ok()) {
    const ConnectorError& error = written.error();
    // Treat a safe retry after a commit of unknown outcome the same way.
    const bool safe = error.commit_state == CommitState::kAfterCommitUnknown && error.safe_to_retry;
    if (error.commit_state == CommitState::kBeforeCommit || safe) tracker_.nothing_unreported();
    return std::move(written).status();
  }
  write_summary_ = *written;
  if (destination_services_->saw_end()) return {};
  return internal_error(
      codes::kDestinationEndedEarly,
      fmt::format(
          "stream '{}': the destination {} ended with success before it had taken all batches; rows would be lost",
          task_.stream, task_.destination.connector));
}

Status LaneRunner::take_markers() {
  while (true) {
    RB_ASSIGN_OR_RETURN(std::optional<QueueItem> item, queues_.back()->pop());
    if (!item) break;
    if (item->marker) tracker_.taken(std::move(*item->marker));
  }
  skipped_empty_ = true;
  return {};
}

LaneResult LaneRunner::result() const {
  const QueueCounts emitted = queues_.front()->counts();
  LaneResult result;
  result.complete = complete_;
  result.rows_read = read_summary_.records_read;
  result.bytes_read = read_summary_.bytes_read;
  result.rows_written = write_summary_.records_written;
  result.bytes_written = write_summary_.bytes_written;
  result.rows_refused = write_summary_.records_failed;
  const uint64_t by_transforms = std::accumulate(transform_rejected_.begin(), transform_rejected_.end(), uint64_t{0});
  result.rows_rejected = read_summary_.records_skipped + by_transforms + write_summary_.records_failed;
  const uint64_t limited = destination_services_ ? destination_services_->rows_limited() : preview_rows_;
  result.rows_given = task_.limits.rows || task_.limits.preview ? limited : rows_out_.back();
  if (satisfied()) {
    // The source was stopped and gave no summary: count the rows that were wanted.
    result.rows_read = limited;
  } else {
    result.rows_transformed_away = static_cast<int64_t>(rows_out_.front()) - static_cast<int64_t>(rows_out_.back()) -
                                   static_cast<int64_t>(by_transforms);
  }
  result.rows_emitted = emitted.pushed_rows;
  result.bytes_emitted = emitted.pushed_bytes;
  result.batches_emitted = emitted.pushed_batches;
  result.rows_committed = tracker_.rows_committed();
  result.checkpoints = tracker_.commits();
  result.end_of_load = tracker_.end_of_load();
  result.skipped_empty = skipped_empty_;
  result.stages = usage();
  return result;
}

void LaneRunner::add_progress(StreamProgress& progress) const {
  const QueueCounts first = queues_.front()->counts();
  const QueueCounts last = queues_.back()->counts();
  progress.rows_read += first.pushed_rows;
  progress.bytes_read += first.pushed_bytes;
  progress.batches_read += first.pushed_batches;
  progress.rows_written += last.popped_rows;
  progress.bytes_written += last.popped_bytes;
  progress.batches_written += last.popped_batches;
  progress.rows_committed += tracker_.rows_committed();
  for (const auto& queue : queues_) {
    const QueueCounts counts = queue->counts();
    progress.queue_batches += counts.waiting_batches;
    progress.queue_bytes += counts.waiting_bytes;
  }
}

std::vector<StageUsage> LaneRunner::usage() const {
  std::vector<StageUsage> usage = usage_;
  for (size_t i = 0; i < queues_.size(); ++i) {
    const QueueCounts counts = queues_[i]->counts();
    usage[i].waiting_output += counts.push_wait;
    usage[i + 1].waiting_input += counts.pop_wait;
  }
  return usage;
}

void LaneRunner::preview_stage() {
  const StageStopwatch watch(usage_.back());
  Preview preview;
  const Status status = guarded([&] { return collect_preview(preview); });
  if (!status.ok()) environment_.events.failed(Stage::kSource, status);
  preview_rows_ = preview.rows.size();
  if (status.ok()) satisfied_.store(true, std::memory_order_release);
  queues_.back()->abandon();
  if (status.ok()) environment_.events.preview(preview);
}

Status LaneRunner::collect_preview(Preview& preview) {
  const BatchInspector inspector(environment_.pool);
  const uint64_t most = task_.limits.rows.value_or(0);
  const std::set<std::string> special(task_.special_columns.begin(), task_.special_columns.end());
  while (true) {
    RB_ASSIGN_OR_RETURN(std::optional<QueueItem> item, queues_.back()->pop());
    if (!item) return {};
    if (item->marker) continue;
    RB_RETURN_NOT_OK(inspector.add_to_preview(item->batch.bytes(), most, preview, special));
    if (preview.rows.size() >= most) return {};
  }
}

}  // namespace rapidbyte::engine
