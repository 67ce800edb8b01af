#include "rapidbyte/engine/stream_attempt.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <mutex>

#include "rapidbyte/base/log.h"
#include "rapidbyte/engine/row_accounting.h"
#include "rapidbyte/engine/stage_threads.h"
#include "rapidbyte/pipeline/stream_context.h"

namespace rapidbyte::engine {
namespace {

using pipeline::WriteMode;

// Often enough for a live view, seldom enough to cost nothing.
constexpr std::chrono::milliseconds kProgressInterval{100};
// A source that nobody listens to any more (--limit, dry run) has nothing to roll back.
constexpr std::chrono::milliseconds kSatisfiedGrace{500};

// Whatever a stage throws (no memory, a defect of ours) stays in its thread and ends the attempt as an error.
template <typename Body>
Status guarded(Body body) noexcept {
  try {
    return body();
  } catch (const std::exception& error) {
    return internal_error("STAGE_FAILED", fmt::format("an unexpected error in the engine: {}", error.what()));
  }
}

std::string transform_id(size_t index) { return fmt::format("transform-{}", index); }

std::string guess_cursor_type(const nlohmann::json& value, const StreamPlan& plan) {
  if (value.is_object() && value.size() == 1) return value.begin().key();
  for (const auto& column : plan.columns) {
    if (plan.config.cursor_field && text_member(column, "name") == *plan.config.cursor_field) {
      return std::string(pipeline::cursor_type_of(text_member(column, "data_type")));
    }
  }
  return "json";
}

}  // namespace

StreamAttempt::StreamAttempt(RunContext& run, const StreamPlan& plan, std::string load_id, uint64_t first_row)
    : run_(run),
      plan_(plan),
      given_load_id_(std::move(load_id)),
      first_row_(first_row),
      cancel_(run.options.cancel.child()),
      upstream_cancel_(cancel_.child()) {
  const pipeline::Resources& resources = run.pipeline.resources;
  const QueueLimits limits{std::max<uint64_t>(resources.max_inflight_batches, 1),
                           std::max<uint64_t>(resources.max_inflight_batches, 1) * resources.max_batch_bytes};
  for (size_t i = 0; i <= run.transforms.size(); ++i) queues_.push_back(std::make_unique<BatchQueue>(limits, cancel_));
  rows_out_.resize(queues_.size());
}

StageContext StreamAttempt::stage_context() {
  return {plan_.config.name, &run_.observer, &failures_, run_.dlq.get(), &rejected_, &rows_reported_, &satisfied_};
}

std::string StreamAttempt::context_json(const runtime::Connector& connector, size_t first_transform) const {
  const bool for_destination = connector.role() == runtime::ConnectorRole::kDestination;
  pipeline::StreamContextInput input{plan_.config, run_.pipeline.destination, run_.pipeline.resources};
  input.columns = plan_.columns;
  if (plan_.config.sync_mode != pipeline::SyncMode::kFullRefresh && plan_.config.cursor_field) {
    input.cursor =
        pipeline::CursorInfo{*plan_.config.cursor_field, guess_cursor_type(position_.cursor, plan_), position_.cursor};
  }
  input.for_destination = for_destination;
  input.for_2_1 = connector.speaks_2_1();
  input.pipeline = run_.pipeline.name;
  input.run_id = run_.run_id;
  input.load_id = position_.load_id;
  input.resume = position_.resume;
  if (!for_destination) input.destination_features = features_downstream(run_, first_transform);
  return pipeline::make_stream_context(input).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

AttemptResult StreamAttempt::run() {
  Failure failure = run_.options.dry_run ? run_stages() : write_stream();
  if (destination_ != nullptr) {
    run_.note_memory(destination_->peak_memory_bytes());
    close(*destination_, *run_.destination);
    destination_.reset();
  }
  result_.failure = std::move(failure);
  result_.load_id = position_.load_id;
  result_.resumed = position_.resumed;
  result_.checkpoints = tracker_.commits();
  const QueueCounts emitted = queues_.front()->counts();
  result_.batches = emitted.pushed_batches;
  if (result_.failure) {
    result_.rows_written = plan_.write_mode == WriteMode::kReplace ? 0 : tracker_.rows_committed();
    result_.rows_read = std::max(emitted.pushed_rows, result_.rows_written);
    result_.bytes_read = emitted.pushed_bytes;
    result_.rows_rejected = rejected_.load(std::memory_order_relaxed);
  }
  return std::move(result_);
}

void StreamAttempt::close(runtime::ComponentInstance& instance, const runtime::Connector& connector) {
  const Status closed = instance.close();
  // What counts was said before; a run does not fail because a connection did not end politely.
  if (!closed.ok()) log_warn("closing {} for stream '{}': {}", connector.name(), plan_.config.name, closed.to_string());
}

StreamAttempt::Failure StreamAttempt::open_destination() {
  DestinationServices::Options options;
  options.speaks_2_1 = run_.destination->speaks_2_1();
  options.limit = run_.options.limit;
  options.pool = run_.pool;
  destination_services_ = std::make_shared<DestinationServices>(stage_context(), run_.destination->name(),
                                                                *queues_.back(), tracker_, std::move(options));
  const auto& use = run_.pipeline.destination;
  auto instance = run_.runtime.instantiate(
      run_.destination,
      instance_options(run_, use, "destination", use.config, plan_.config.name, cancel_, destination_services_));
  if (!instance.ok()) return failure_of(run_, Stage::kDestination, std::move(instance).status());
  destination_ = std::move(*instance);
  Status opened = destination_->open();
  if (!opened.ok()) return failure_of(run_, Stage::kDestination, opened);
  return std::nullopt;
}

StreamAttempt::Failure StreamAttempt::write_stream() {
  if (Failure failure = open_destination()) return failure;
  const auto last_committed = [&](const std::string& load_id) -> Result<std::optional<std::string>> {
    if (!run_.destination->speaks_2_1()) return std::optional<std::string>();
    position_.load_id = load_id;
    return destination_->last_committed(context_json(*run_.destination));
  };
  LoadPosition position;
  if (Failure failure = find_load_position(run_, plan_, given_load_id_, last_committed, position)) return failure;
  position_ = std::move(position);
  result_.load_begun = true;

  CommitTarget target;
  target.state = run_.keeps_state() ? &run_.state : nullptr;
  target.key = {run_.pipeline.name, plan_.config.name, ""};
  target.load_id = position_.load_id;
  target.rows_before = position_.rows_before;
  target.load_start_cursor = position_.load_start_cursor;
  target.on_commit = [this](uint64_t rows) { run_.observer.checkpoint_committed(plan_.config.name, rows); };
  tracker_.begin(std::move(target));

  const std::string context = context_json(*run_.destination);
  Status begun = destination_->begin_stream(context);
  if (!begun.ok()) return failure_of(run_, Stage::kDestination, begun);
  Failure failure = position_.finish_only ? std::nullopt : run_stages();
  if (!failure && !position_.finish_only) failure = check_result();
  if (!failure) failure = finish_stream();
  // Only replace has a staging table that no later run goes on with. Appended rows stay committed: the next attempt
  // goes on behind them.
  if (failure && plan_.write_mode == WriteMode::kReplace && !cancel_.cancelled()) {
    const Status discarded = destination_->finish_stream(context, false);
    if (!discarded.ok())
      log_debug("discarding the staging of stream '{}': {}", plan_.config.name, discarded.to_string());
  }
  return failure;
}

StreamAttempt::Failure StreamAttempt::check_result() {
  const uint64_t received = run_.options.limit ? destination_services_->rows_limited() : rows_out_.back();
  const Status counted = check_destination_rows(plan_.config.name, write_summary_, received);
  note_miscount(counted);
  if (counted.ok()) return std::nullopt;
  return RunFailure{Stage::kDestination, counted.error()};
}

void StreamAttempt::note_miscount(const Status& counted) {
  if (counted.ok() || !run_.keeps_state() || plan_.write_mode == WriteMode::kReplace) return;
  // Rows behind which a checkpoint was committed may be among the missing ones; the next run must not go on there.
  const Status marked = mark_load_miscounted(run_, plan_.config.name, position_.load_id, counted.error().message);
  if (!marked.ok()) log_error("stream '{}': cannot note the miscount: {}", plan_.config.name, marked.to_string());
}

StreamAttempt::Failure StreamAttempt::finish_stream() {
  // A destination that never reports commits has committed everything when its run-write succeeds.
  Status saved = tracker_.finished();
  if (!saved.ok()) return RunFailure{Stage::kState, saved.error()};
  if (run_.dlq) {
    Status synced = run_.dlq->sync();
    if (!synced.ok()) return RunFailure{Stage::kState, synced.error()};
  }
  Status finished = destination_->finish_stream(context_json(*run_.destination), true);
  if (!finished.ok()) return failure_of(run_, Stage::kDestination, finished);
  if (!run_.keeps_state()) return std::nullopt;
  state::StreamKey key{run_.pipeline.name, plan_.config.name, ""};
  if (plan_.write_mode == WriteMode::kAppend && plan_.config.sync_mode == pipeline::SyncMode::kFullRefresh) {
    std::lock_guard lock(run_.finished_loads_mutex);
    run_.finished_loads.emplace_back(std::move(key), position_.load_id);
    return std::nullopt;
  }
  Status completed = run_.state.complete_load(key, position_.load_id);
  if (!completed.ok()) return RunFailure{Stage::kState, completed.error()};
  return std::nullopt;
}

StreamAttempt::Failure StreamAttempt::run_stages() {
  if (run_.options.dry_run) {
    const auto none = [](const std::string&) {
      return Result<std::optional<std::string>>(std::optional<std::string>());
    };
    if (Failure failure = find_load_position(run_, plan_, given_load_id_, none, position_)) return failure;
  }
  std::vector<std::function<void()>> bodies;
  bodies.emplace_back([this] { source_stage(); });
  for (size_t i = 0; i < run_.transforms.size(); ++i) bodies.emplace_back([this, i] { transform_stage(i); });
  bodies.emplace_back([this] { run_.options.dry_run ? preview_stage() : destination_stage(); });
  Status started =
      run_on_threads(std::move(bodies), kProgressInterval, [this] { tick(); }, [this] { cancel_.cancel(); });
  run_.observer.progress(plan_.config.name, progress());
  if (Failure failure = failures_.take()) return failure;
  if (!started.ok()) return RunFailure{Stage::kInternal, started.error()};
  // A stage may have seen the cancellation as the end of its work and said nothing.
  if (run_.options.cancel.cancelled()) {
    return RunFailure{Stage::kInterrupted, internal_error("CANCELLED", "the run was interrupted").error()};
  }

  result_.rows_read = read_summary_.records_read;
  result_.bytes_read = read_summary_.bytes_read;
  result_.rows_written = write_summary_.records_written;
  result_.bytes_written = write_summary_.bytes_written;
  result_.rows_rejected = read_summary_.records_skipped + write_summary_.records_failed;
  if (satisfied_.load()) {
    // The source was stopped and gave no summary: the rows that were wanted count.
    result_.rows_read = run_.options.dry_run ? preview_rows_ : destination_services_->rows_limited();
  } else {
    result_.rows_transformed_away = static_cast<int64_t>(rows_out_.front()) - static_cast<int64_t>(rows_out_.back());
  }
  return std::nullopt;
}

void StreamAttempt::tick() {
  run_.observer.progress(plan_.config.name, progress());
  const bool failed = failures_.failed();
  if (!failed && !satisfied_.load(std::memory_order_acquire)) return;
  const auto now = std::chrono::steady_clock::now();
  if (!ending_since_) ending_since_ = now;
  if (failed && now - *ending_since_ >= kStageEndGrace) cancel_.cancel();
  // With --limit the destination goes on writing what it has.
  if (!failed && now - *ending_since_ >= kSatisfiedGrace) upstream_cancel_.cancel();
}

StreamProgress StreamAttempt::progress() const {
  const QueueCounts first = queues_.front()->counts();
  const QueueCounts last = queues_.back()->counts();
  StreamProgress progress;
  progress.rows_read =
      first_row_ + (first.rows_known ? first.pushed_rows : rows_reported_.load(std::memory_order_relaxed));
  progress.bytes_read = first.pushed_bytes;
  progress.batches_read = first.pushed_batches;
  progress.rows_written = first_row_ + (last.rows_known ? last.popped_rows : tracker_.rows_committed());
  progress.bytes_written = last.popped_bytes;
  progress.batches_written = last.popped_batches;
  progress.rows_committed = first_row_ + tracker_.rows_committed();
  progress.rows_rejected = rejected_.load(std::memory_order_relaxed);
  for (const auto& queue : queues_) {
    const QueueCounts counts = queue->counts();
    progress.queue_batches += counts.waiting_batches;
    progress.queue_bytes += counts.waiting_bytes;
  }
  progress.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  return progress;
}

void StreamAttempt::report_upstream(Stage stage, const Status& status) {
  if (satisfied_.load(std::memory_order_acquire)) return;
  const RunFailure failure = failure_of(run_, stage, status);
  failures_.set(failure.stage, failure.error);
}

void StreamAttempt::source_stage() {
  std::unique_ptr<runtime::ComponentInstance> instance;
  const Status status = guarded([&] { return read(instance); });
  if (status.ok()) {
    queues_.front()->close();
  } else {
    // The error first: with the queue's end the other stages fail as well.
    report_upstream(Stage::kSource, status);
    queues_.front()->fail();
  }
  if (!instance) return;
  run_.note_memory(instance->peak_memory_bytes());
  close(*instance, *run_.source);
}

Status StreamAttempt::read(std::unique_ptr<runtime::ComponentInstance>& instance) {
  // An end without a checkpoint of the source must not lose the position that the load began with.
  nlohmann::json first = position_.resume.is_object() ? position_.resume : nlohmann::json::object();
  if (first.empty() && plan_.config.sync_mode != pipeline::SyncMode::kFullRefresh) {
    first = {{"id", position_.load_id},
             {"kind", "source"},
             {"stream", plan_.config.name},
             {"records_processed", 0},
             {"bytes_processed", 0},
             {"cursor_value", position_.cursor},
             {"cursor_field", plan_.config.cursor_field.value_or("")}};
  }
  auto services =
      std::make_shared<SourceServices>(stage_context(), run_.source->name(), *queues_.front(), std::move(first));
  RB_ASSIGN_OR_RETURN(
      instance,
      run_.runtime.instantiate(run_.source, instance_options(run_, run_.pipeline.source, "source", run_.source_config,
                                                             plan_.config.name, upstream_cancel_, services)));
  RB_RETURN_NOT_OK(instance->open());
  RB_ASSIGN_OR_RETURN(read_summary_, instance->run_read(context_json(*run_.source)));
  if (satisfied_.load(std::memory_order_acquire)) return {};
  auto counted =
      check_source_rows(plan_.config.name, read_summary_, queues_.front()->counts(), run_.source->speaks_2_1());
  note_miscount(counted.status());
  RB_ASSIGN_OR_RETURN(rows_out_.front(), std::move(counted));
  return services->push_end();
}

void StreamAttempt::transform_stage(size_t index) {
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
  run_.note_memory(instance->peak_memory_bytes());
  close(*instance, *run_.transforms[index]);
}

Status StreamAttempt::transform(size_t index, std::unique_ptr<runtime::ComponentInstance>& instance) {
  const auto& connector = run_.transforms[index];
  const auto& use = run_.pipeline.transforms[index];
  auto services = std::make_shared<TransformServices>(stage_context(), connector->name(), *queues_[index],
                                                      *queues_[index + 1], has_feature(*connector, "stateful"));
  RB_ASSIGN_OR_RETURN(
      instance, run_.runtime.instantiate(connector, instance_options(run_, use, transform_id(index), use.config,
                                                                     plan_.config.name, upstream_cancel_, services)));
  RB_RETURN_NOT_OK(instance->open());
  RB_ASSIGN_OR_RETURN(const runtime::TransformSummary summary,
                      instance->run_transform(context_json(*connector, index + 1)));
  if (satisfied_.load(std::memory_order_acquire)) return {};
  if (!services->saw_end()) {
    return internal_error(
        "TRANSFORM_ENDED_EARLY",
        fmt::format(
            "stream '{}': the transform {} ended with success before it had taken all batches; rows would be lost",
            plan_.config.name, connector->name()));
  }
  auto counted = check_transform_rows(plan_.config.name, connector->name(), summary, rows_out_[index],
                                      queues_[index + 1]->counts());
  note_miscount(counted.status());
  RB_ASSIGN_OR_RETURN(rows_out_[index + 1], std::move(counted));
  return services->push_end();
}

void StreamAttempt::destination_stage() {
  const Status status = guarded([&] { return write(); });
  if (!status.ok()) {
    const RunFailure failure = failure_of(run_, Stage::kDestination, status);
    failures_.set(failure.stage, failure.error);
  }
  queues_.back()->abandon();
}

Status StreamAttempt::write() {
  RB_ASSIGN_OR_RETURN(write_summary_, destination_->run_write(context_json(*run_.destination)));
  if (destination_services_->saw_end()) return {};
  return internal_error(
      "DESTINATION_ENDED_EARLY",
      fmt::format(
          "stream '{}': the destination {} ended with success before it had taken all batches; rows would be lost",
          plan_.config.name, run_.destination->name()));
}

void StreamAttempt::preview_stage() {
  Preview preview;
  const Status status = guarded([&] { return collect_preview(preview); });
  if (!status.ok()) {
    const RunFailure failure = failure_of(run_, Stage::kSource, status);
    failures_.set(failure.stage, failure.error);
  }
  preview_rows_ = preview.rows.size();
  if (status.ok()) satisfied_.store(true, std::memory_order_release);
  queues_.back()->abandon();
  if (status.ok()) run_.observer.preview(plan_.config.name, preview);
}

Status StreamAttempt::collect_preview(Preview& preview) {
  const BatchInspector inspector(run_.pool);
  const uint64_t most = run_.options.limit.value_or(kDefaultPreviewRows);
  while (true) {
    RB_ASSIGN_OR_RETURN(std::optional<QueueItem> item, queues_.back()->pop());
    if (!item) return {};
    if (item->marker) continue;
    RB_RETURN_NOT_OK(inspector.add_to_preview(item->batch.bytes(), most, preview));
    if (preview.rows.size() >= most) return {};
  }
}

}  // namespace rapidbyte::engine
