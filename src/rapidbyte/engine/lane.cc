#include "rapidbyte/engine/lane.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <functional>
#include <set>
#include <string>
#include <utility>

#include "rapidbyte/engine/row_accounting.h"
#include "rapidbyte/engine/stage_threads.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::engine {
namespace {

using nlohmann::json;

// Whatever a stage throws (no memory, a defect of ours) stays in its thread and ends the attempt as an error.
template <typename Body>
Status guarded(Body body) noexcept {
  try {
    return body();
  } catch (const std::exception& error) {
    return internal_error(codes::kStageFailed, fmt::format("an unexpected error in the engine: {}", error.what()));
  }
}

std::string transform_id(size_t index) { return fmt::format("transform-{}", index); }

// A checkpoint that passed rows which the transform still holds would lose them in a crash. Only its author knows, so
// one that says nothing is taken to hold them: its checkpoints wait for the end.
bool may_hold_rows(const runtime::Connector& transform) {
  return !has_feature(transform, protocol::Feature::kStateless) || has_feature(transform, protocol::Feature::kStateful);
}

StageUsage usage_of(std::string stage, std::string connector) {
  StageUsage usage;
  usage.stage = std::move(stage);
  usage.connector = std::move(connector);
  return usage;
}

}  // namespace

Lane::Lane(AttemptContext& attempt, QueueLimits limits, std::optional<LanePartition> partition)
    : attempt_(attempt), run_(attempt.run), stream_(attempt.plan.config.name), partition_(std::move(partition)) {
  usage_.push_back(usage_of("source", run_.source->name()));
  for (size_t i = 0; i < run_.transforms.size(); ++i)
    usage_.push_back(usage_of(transform_id(i), run_.transforms[i]->name()));
  usage_.push_back(usage_of("destination", run_.destination != nullptr ? run_.destination->name() : "preview"));
  for (size_t i = 0; i <= run_.transforms.size(); ++i)
    queues_.push_back(std::make_unique<BatchQueue>(limits, attempt.cancel));
  rows_out_.resize(queues_.size());
}

StageContext Lane::stage_context() {
  return {stream_,         &run_.observer,     &attempt_.failures, run_.dlq.get(), &attempt_.rejected,
          &rows_reported_, &attempt_.satisfied};
}

json Lane::source_partition() const { return partition_ ? partition_->source : json(); }

json Lane::destination_partition() const {
  if (!partition_) return nullptr;
  return {{"index", partition_->index}, {"count", partition_->count}};
}

Status Lane::open_destination() {
  DestinationServices::Options options;
  options.speaks_2_1 = run_.destination->speaks_2_1();
  options.limit = run_.options.limit;
  options.pool = run_.pool;
  destination_services_ = std::make_shared<DestinationServices>(stage_context(), run_.destination->name(),
                                                                *queues_.back(), tracker_, std::move(options));
  RB_ASSIGN_OR_RETURN(destination_, take_instance(attempt_, place(attempt_.kept.destination), run_.destination,
                                                  attempt_.cancel, destination_services_));
  // What it waited for before is not this stage's.
  usage_.back().waiting_network -= destination_.instance->network_wait();
  return {};
}

void Lane::close_destination(bool ended_well) {
  if (!destination_) return;
  usage_.back().waiting_network += destination_.instance->network_wait();
  give_back(attempt_, place(attempt_.kept.destination), std::exchange(destination_, KeptInstance()), *run_.destination,
            ended_well);
}

void Lane::close_source(bool ended_well) {
  give_back(attempt_, place(attempt_.kept.source), std::exchange(source_, KeptInstance()), *run_.source, ended_well);
}

void Lane::run() {
  std::vector<std::function<void()>> upstream;
  upstream.emplace_back([this] { source_stage(); });
  for (size_t i = 0; i < run_.transforms.size(); ++i) upstream.emplace_back([this, i] { transform_stage(i); });
  const Status started = run_beside(
      std::move(upstream), [this] { run_.options.dry_run ? preview_stage() : destination_stage(); },
      [this] { attempt_.cancel.cancel(); });
  if (!started.ok()) attempt_.failures.set(Stage::kInternal, started.error());
  complete_ = started.ok();
}

void Lane::report_upstream(Stage stage, const Status& status) {
  if (!attempt_.satisfied.load(std::memory_order_acquire)) report_failure(attempt_, stage, status);
}

void Lane::source_stage() {
  const StageStopwatch watch(usage_.front());
  KeptInstance source;
  const Status status = guarded([&] { return read(source); });
  if (status.ok()) {
    queues_.front()->close();
  } else {
    // The error first: with the queue's end the other stages fail as well.
    report_upstream(Stage::kSource, status);
    queues_.front()->fail();
  }
  if (!source) return;
  usage_.front().waiting_network += source.instance->network_wait();
  // What was stopped in the middle (--limit) holds an unfinished read.
  const bool ended_well = status.ok() && !attempt_.satisfied.load(std::memory_order_acquire);
  if (ended_well && !partition_ && may_be_kept(*run_.source)) {
    // A retry of the stream must not meet a source that remembers what it has read.
    source_ = std::move(source);
  } else {
    give_back(attempt_, nullptr, std::move(source), *run_.source, /*ended_well=*/false);
  }
}

Status Lane::read(KeptInstance& source) {
  const LoadPosition& position = attempt_.position;
  const pipeline::StreamConfig& config = attempt_.plan.config;
  // An end without a checkpoint of the source must not lose the position that the load began with.
  protocol::Checkpoint first = position.resume;
  if (first.empty() && config.sync_mode != pipeline::SyncMode::kFullRefresh) {
    first.set_id(position.load_id);
    first.set_kind(runtime::CheckpointKind::kSource);
    first.set_stream(stream_);
    first.set_records_processed(0);
    first.set_bytes_processed(0);
    first.set_cursor(position.cursor);
    first.set_cursor_field(config.cursor_field.value_or(""));
  }
  auto services =
      std::make_shared<SourceServices>(stage_context(), run_.source->name(), *queues_.front(), std::move(first));
  RB_ASSIGN_OR_RETURN(
      source, take_instance(attempt_, place(attempt_.kept.source), run_.source, attempt_.upstream_cancel, services));
  // What it waited for before is not this stage's.
  usage_.front().waiting_network -= source.instance->network_wait();
  {
    const RunningStage running(*services);
    RB_ASSIGN_OR_RETURN(read_summary_,
                        source.instance->run_read(context_json(attempt_, *run_.source, 0, source_partition())));
  }
  if (attempt_.satisfied.load(std::memory_order_acquire)) return {};
  auto counted = check_source_rows(stream_, read_summary_, queues_.front()->counts(), run_.source->speaks_2_1());
  note_miscount(attempt_, counted.status());
  RB_ASSIGN_OR_RETURN(rows_out_.front(), std::move(counted));
  return services->push_end();
}

void Lane::transform_stage(size_t index) {
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
  close_transform(attempt_, *instance, *run_.transforms[index]);
  usage_[index + 1].waiting_network += instance->network_wait();
}

Status Lane::transform(size_t index, std::unique_ptr<runtime::ComponentInstance>& instance) {
  const auto& connector = run_.transforms[index];
  auto services = std::make_shared<TransformServices>(stage_context(), connector->name(), *queues_[index],
                                                      *queues_[index + 1], may_hold_rows(*connector));
  RB_ASSIGN_OR_RETURN(instance, open_transform(attempt_, connector, run_.pipeline.transforms[index],
                                               transform_id(index), attempt_.upstream_cancel, services));
  runtime::TransformSummary summary;
  {
    const RunningStage running(*services);
    RB_ASSIGN_OR_RETURN(
        summary, instance->run_transform(context_json(attempt_, *connector, index + 1, destination_partition())));
  }
  if (attempt_.satisfied.load(std::memory_order_acquire)) return {};
  if (!services->saw_end()) {
    return internal_error(
        codes::kTransformEndedEarly,
        fmt::format(
            "stream '{}': the transform {} ended with success before it had taken all batches; rows would be lost",
            stream_, connector->name()));
  }
  auto counted =
      check_transform_rows(stream_, connector->name(), summary, rows_out_[index], queues_[index + 1]->counts());
  note_miscount(attempt_, counted.status());
  RB_ASSIGN_OR_RETURN(rows_out_[index + 1], std::move(counted));
  return services->push_end();
}

void Lane::destination_stage() {
  const StageStopwatch watch(usage_.back());
  const bool own = !destination_;
  const Status status = guarded([&] { return write(); });
  if (!status.ok()) report_failure(attempt_, Stage::kDestination, status);
  queues_.back()->abandon();
  if (own) close_destination(/*ended_well=*/false);
}

Status Lane::write() {
  if (!destination_) RB_RETURN_NOT_OK(open_destination());
  if (before_write_) RB_RETURN_NOT_OK(before_write_());
  auto written = [&] {
    const RunningStage running(*destination_services_);
    return destination_.instance->run_write(context_json(attempt_, *run_.destination, 0, destination_partition()));
  }();
  if (!written.ok()) {
    const ConnectorError& error = written.error();
    // Who says that another attempt is safe after a commit of unknown outcome says the same.
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
          stream_, run_.destination->name()));
}

Result<uint64_t> Lane::check_rows() const {
  const uint64_t received = run_.options.limit ? destination_services_->rows_limited() : rows_out_.back();
  const uint64_t already_there = tracker_.notes_rows() ? attempt_.position.given.surely_there() : 0;
  return check_destination_rows(stream_, write_summary_, received, already_there);
}

Status Lane::settle_commits() {
  const QueueCounts counts = queues_.back()->counts();
  return tracker_.settle(counts.rows_known ? std::optional<uint64_t>(counts.popped_rows) : std::nullopt);
}

LaneResult Lane::result() const {
  LaneResult result;
  result.rows_read = read_summary_.records_read;
  result.bytes_read = read_summary_.bytes_read;
  result.rows_written = write_summary_.records_written;
  result.bytes_written = write_summary_.bytes_written;
  result.rows_rejected = read_summary_.records_skipped + write_summary_.records_failed;
  if (attempt_.satisfied.load(std::memory_order_acquire)) {
    // The source was stopped and gave no summary: the rows that were wanted count.
    result.rows_read = run_.options.dry_run ? preview_rows_ : destination_services_->rows_limited();
  } else {
    result.rows_transformed_away = static_cast<int64_t>(rows_out_.front()) - static_cast<int64_t>(rows_out_.back());
  }
  return result;
}

void Lane::add_progress(StreamProgress& progress) const {
  const QueueCounts first = queues_.front()->counts();
  const QueueCounts last = queues_.back()->counts();
  progress.rows_read += first.rows_known ? first.pushed_rows : rows_reported_.load(std::memory_order_relaxed);
  progress.bytes_read += first.pushed_bytes;
  progress.batches_read += first.pushed_batches;
  progress.rows_written += last.rows_known ? last.popped_rows : tracker_.rows_committed();
  progress.bytes_written += last.popped_bytes;
  progress.batches_written += last.popped_batches;
  progress.rows_committed += tracker_.rows_committed();
  for (const auto& queue : queues_) {
    const QueueCounts counts = queue->counts();
    progress.queue_batches += counts.waiting_batches;
    progress.queue_bytes += counts.waiting_bytes;
  }
}

std::vector<StageUsage> Lane::usage() const {
  std::vector<StageUsage> usage = usage_;
  for (size_t i = 0; i < queues_.size(); ++i) {
    const QueueCounts counts = queues_[i]->counts();
    usage[i].waiting_output += counts.push_wait;
    usage[i + 1].waiting_input += counts.pop_wait;
  }
  return usage;
}

void Lane::preview_stage() {
  const StageStopwatch watch(usage_.back());
  Preview preview;
  const Status status = guarded([&] { return collect_preview(preview); });
  if (!status.ok()) report_failure(attempt_, Stage::kSource, status);
  preview_rows_ = preview.rows.size();
  if (status.ok()) attempt_.satisfied.store(true, std::memory_order_release);
  queues_.back()->abandon();
  if (status.ok()) run_.observer.preview(stream_, preview);
}

Status Lane::collect_preview(Preview& preview) {
  const BatchInspector inspector(run_.pool);
  const uint64_t most = run_.options.limit.value_or(kDefaultPreviewRows);
  std::set<std::string> special;
  for (const json& column : attempt_.plan.columns) {
    if (column.is_object() && column.value("special_values", json(false)) == json(true))
      special.insert(protocol::text_member(column, "name"));
  }
  while (true) {
    RB_ASSIGN_OR_RETURN(std::optional<QueueItem> item, queues_.back()->pop());
    if (!item) return {};
    if (item->marker) continue;
    RB_RETURN_NOT_OK(inspector.add_to_preview(item->batch.bytes(), most, preview, special));
    if (preview.rows.size() >= most) return {};
  }
}

}  // namespace rapidbyte::engine
