#include "rapidbyte/engine/orchestrator.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <functional>
#include <mutex>
#include <system_error>
#include <thread>

#include "rapidbyte/base/log.h"
#include "rapidbyte/engine/load/load_position.h"
#include "rapidbyte/engine/load/position_owner.h"
#include "rapidbyte/engine/load/scratch_state.h"
#include "rapidbyte/engine/load/stream_runner.h"
#include "rapidbyte/engine/plan/limit_check.h"
#include "rapidbyte/engine/plan/stream_order.h"
#include "rapidbyte/engine/plan/stream_plan.h"
#include "rapidbyte/engine/report/run_clock.h"
#include "rapidbyte/engine/run_context.h"
#include "rapidbyte/state/lease_keeper.h"
#include "rapidbyte/state/open_state.h"

namespace rapidbyte::engine {
namespace {

// Idle buffers that the run keeps. 16 MiB: full queues of four streams with batches of the default size can drain and
// fill without new pages.
constexpr size_t kMaxIdleBytes = size_t{16} << 20U;

// Only bugs and lack of memory arrive as exceptions.
ConnectorError unexpected(const std::exception& error) {
  return internal_error(codes::kEngineFailed, fmt::format("an unexpected error in the engine: {}", error.what()))
      .error();
}

uint64_t peak_resident_bytes() {
  rusage usage{};
  // Linux counts kilobytes here.
  return ::getrusage(RUSAGE_SELF, &usage) == 0 ? static_cast<uint64_t>(usage.ru_maxrss) * 1024 : 0;
}

/// `options` with a token that the run itself may cancel.
RunOptions with_own_cancel(const RunOptions& options) {
  RunOptions own = options;
  own.cancel = options.cancel.child();
  return own;
}

/// One call of run_pipeline().
class PipelineRun {
 public:
  PipelineRun(PreparedPipeline prepared, state::StateBackend& state, const RunOptions& options, RunObserver& observer)
      : options_(with_own_cancel(options)),
        prepared_(std::move(prepared)),
        scratch_(state, prepared_.pipeline.name),
        run_(prepared_, state, options_, observer, options_.clock != nullptr ? *options_.clock : real_retry_clock()) {
    run_.guest_state = &scratch_;
  }

  RunReport execute();

 private:
  using Failure = std::optional<RunFailure>;

  Failure prepare();
  /// Acquires the pipeline's lease for this run; losing it cancels the run.
  Failure hold_pipeline();
  Failure discover();
  Failure plan(std::vector<pipeline::StreamConfig> selected);
  /// Whether --limit would harm existing tables.
  Failure check_limited();
  /// Asks the destination which streams must come first.
  Failure order();
  /// Calls `attempt` until it succeeds, fails permanently, or has used up its retries.
  Failure with_retries(Stage stage, const std::function<Status()>& attempt);
  void run_streams();
  /// A worker: takes one stream after the other until none is left.
  void run_next_streams();
  void serve_streams(WorkerInstances& kept);
  /// With failure_mutex_ held.
  void note_failed(size_t index, const RunFailure& failure);
  /// How many sources, each with its destination, run concurrently.
  [[nodiscard]] uint32_t parallelism() const;
  [[nodiscard]] uint32_t partitions_per_stream() const;
  void finish(Failure failure);
  /// Adds the run to the history, or replaces its entry there.
  void record_run();
  void complete_finished_loads();
  void take_back_loads();

  const RunOptions options_;
  PreparedPipeline prepared_;
  ScratchState scratch_;
  RunContext run_;
  RunReport report_;
  std::unique_ptr<state::Lease> lease_;
  CancelToken::Registration on_loss_;
  std::unique_ptr<state::LeaseKeeper> keeper_;

  // Shared by the stream workers.
  std::optional<StreamSchedule> schedule_;
  std::mutex failure_mutex_;
  Failure first_failure_;
};

RunReport PipelineRun::execute() {
  const auto started = std::chrono::steady_clock::now();
  run_.run_id = new_run_id();
  report_.run_id = run_.run_id;
  report_.pipeline = run_.pipeline.name;
  report_.started_at = now_rfc3339();
  report_.dry_run = run_.options.mode.is_preview();
  report_.limit = run_.options.mode.rows();
  Failure failure;
  try {
    failure = prepare();
    if (!failure) {
      run_streams();
      failure = std::move(first_failure_);
    }
  } catch (const std::exception& error) {
    failure = RunFailure{Stage::kInternal, unexpected(error)};
  }
  close_instances(run_, run_.first);
  report_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  finish(std::move(failure));
  return std::move(report_);
}

PipelineRun::Failure PipelineRun::prepare() {
  const auto cancelled = [&]() -> Failure {
    if (!run_.options.cancel.cancelled()) return std::nullopt;
    return interruption(run_);
  };
  if (Failure failure = cancelled()) return failure;
  run_.pool = std::make_shared<BufferPool>(kMaxIdleBytes);
  if (Failure failure = prepared_.failure()) return failure;
  if (!run_.options.mode.is_preview()) {
    if (Failure failure = hold_pipeline()) return failure;
    // Relative to the pipeline file, as every path in it.
    const std::filesystem::path beside = run_.pipeline.file.parent_path();
    std::filesystem::path given = run_.pipeline.dlq.path;
    if (!given.empty()) given = beside / given;
    const std::filesystem::path folder = state::folder_beside_state(run_.pipeline.state).value_or(".rapidbyte");
    std::filesystem::path path = dlq_path_of(given, beside / folder, run_.pipeline.name, run_.run_id);
    run_.dlq = std::make_unique<DlqWriter>(std::move(path), run_.pipeline.dlq.max_bytes, run_.pipeline.name,
                                           run_.run_id, run_.options.cancel);
  }
  if (Failure failure = cancelled()) return failure;
  if (Failure failure = discover()) return failure;
  if (run_.destination != nullptr) {
    run_.position_owner = run_owner(run_);
    if (Failure failure = check_position_owners(run_, prepared_.plans)) return failure;
    if (Failure failure = check_limited()) return failure;
  }
  if (Failure failure = order()) return failure;
  // A single stream begins its load when its turn comes: doing it here saves nothing, and leaves less behind when its
  // destination fails.
  if (!run_.keeps_state() || prepared_.plans.size() < 2) return std::nullopt;
  run_.partitions_per_stream = partitions_per_stream();
  if (Status begun = begin_new_loads(run_, prepared_.plans); !begun.ok())
    return RunFailure{Stage::kState, begun.error()};
  return std::nullopt;
}

PipelineRun::Failure PipelineRun::hold_pipeline() {
  const auto asked_at = Deadline::Clock::now();
  auto lease = run_.state.acquire_lease(run_.pipeline.name, run_.run_id);
  if (!lease.ok()) return RunFailure{Stage::kState, lease.error()};
  lease_ = std::move(*lease);
  run_.lease = lease_.get();
  if (run_.keeps_state()) run_.guest_state = lease_.get();
  on_loss_ = lease_->lost().on_cancel([cancel = options_.cancel] { cancel.cancel(); });
  keeper_ = std::make_unique<state::LeaseKeeper>(*lease_, asked_at);
  return std::nullopt;
}

PipelineRun::Failure PipelineRun::discover() {
  auto selected = select_streams(run_.pipeline.source.streams, run_.options.streams);
  if (!selected.ok()) return RunFailure{Stage::kConfig, selected.error()};
  run_.source_config = run_.pipeline.source.config;
  if (has_feature(*run_.source, protocol::Feature::kStreamOptions))
    run_.source_config["streams"] = stream_entries(*selected);

  // Servers are slow to accept a connection: open both sides at once.
  std::jthread opener;  // joined in any case
  const bool one = selected->size() == 1;
  if (run_.destination != nullptr && has_feature(*run_.destination, protocol::Feature::kOpenEarly) &&
      (one || may_be_kept(*run_.destination))) {
    try {
      opener = std::jthread(
          [this, stream = one ? selected->front().name : std::string()] { open_destination_early(run_, stream); });
    } catch (const std::system_error&) {
      // Then it is opened when it is needed.
    }
  }
  return plan(std::move(*selected));
}

PipelineRun::Failure PipelineRun::with_retries(Stage stage, const std::function<Status()>& attempt) {
  for (uint32_t failures = 1;; ++failures) {
    Status status = attempt();
    if (status.ok()) return std::nullopt;
    RunFailure failure = failure_of(run_, stage, status);
    const bool again = failure.error.retryable && failure.stage != Stage::kInterrupted &&
                       failures <= run_.pipeline.resources.max_retries;
    if (!again) return failure;
    failure.error = redacted(std::move(failure.error));
    const auto delay = retry_delay(failure.error, failures);
    run_.observer.retry("", failure.error, delay, failures + 1);
    if (!run_.clock.wait(delay, run_.options.cancel)) return interruption(run_);
  }
}

PipelineRun::Failure PipelineRun::plan(std::vector<pipeline::StreamConfig> selected) {
  Failure failure = with_retries(Stage::kSource, [&]() -> Status {
    RB_ASSIGN_OR_RETURN(prepared_.catalog, discover_catalog(run_));
    return {};
  });
  if (failure) return failure;
  run_.pipeline_streams = pipeline_streams(run_.pipeline, prepared_.catalog);
  auto plans = plan_streams(prepared_, std::move(selected), run_.options.streams);
  if (!plans.ok()) return RunFailure{Stage::kConfig, plans.error()};
  prepared_.plans = std::move(*plans);
  failure = with_retries(Stage::kTransform, [&] { return plan_transforms(run_, prepared_.plans); });
  if (failure) return failure;
  // It is large for thousands of streams, and the plans have what is needed of it.
  prepared_.catalog = {};
  return std::nullopt;
}

PipelineRun::Failure PipelineRun::check_limited() {
  std::vector<Target> targets;
  Failure failure = with_retries(Stage::kDestination, [&]() -> Status {
    RB_ASSIGN_OR_RETURN(targets, ask_targets(run_, prepared_.plans));
    return {};
  });
  if (failure) return failure;
  return check_limit(run_, prepared_.plans, targets);
}

PipelineRun::Failure PipelineRun::order() {
  std::vector<StreamReference> references;
  Failure failure = with_retries(Stage::kDestination, [&]() -> Status {
    RB_ASSIGN_OR_RETURN(references, ask_references(run_, prepared_.plans));
    return {};
  });
  if (failure) return failure;
  const StreamOrder order = order_streams(prepared_.plans.size(), references);
  for (const std::vector<size_t>& cycle : order.cycles) {
    std::vector<std::string> names;
    for (const size_t stream : cycle) names.push_back(prepared_.plans[stream].config.name);
    for (const size_t stream : cycle) prepared_.plans[stream].reference_ring = names;
  }
  schedule_.emplace(order);
  return std::nullopt;
}

uint32_t PipelineRun::parallelism() const {
  // Two transactions on one database file would wait for each other.
  if (run_.destination != nullptr && has_feature(*run_.destination, protocol::Feature::kSingleWriter)) return 1;
  const uint32_t wanted = run_.pipeline.resources.parallelism;
  return wanted != 0 ? wanted : std::max(1U, std::thread::hardware_concurrency());
}

uint32_t PipelineRun::partitions_per_stream() const {
  return std::max(1U, parallelism() / static_cast<uint32_t>(std::max<size_t>(prepared_.plans.size(), 1)));
}

void PipelineRun::run_next_streams() {
  WorkerInstances kept;
  {
    // The first worker takes it.
    std::lock_guard lock(failure_mutex_);
    kept = std::exchange(run_.first, WorkerInstances());
  }
  serve_streams(kept);
  close_instances(run_, kept);
}

void PipelineRun::serve_streams(WorkerInstances& kept) {
  while (const std::optional<size_t> index = schedule_->next()) {
    if (run_.options.cancel.cancelled()) return schedule_->stop();
    StreamReport report;
    try {
      report = run_stream(run_, prepared_.plans[*index], kept);
    } catch (const std::exception& error) {
      report.stream = prepared_.plans[*index].config.name;
      report.outcome = Outcome::kFailed;
      report.failure = RunFailure{Stage::kInternal, unexpected(error)};
    }
    std::lock_guard lock(failure_mutex_);
    if (report.failure) {
      note_failed(*index, *report.failure);
    } else {
      schedule_->ended(*index);
    }
    report_.streams[*index] = std::move(report);
  }
}

// Running streams always continue to their end. One whose rows may refer to rows of the failed stream does not begin:
// those rows may be missing.
void PipelineRun::note_failed(size_t index, const RunFailure& failure) {
  if (run_.pipeline.on_stream_error == pipeline::OnStreamError::kStop || failure.concerns_every_stream ||
      failure.stage == Stage::kInterrupted) {
    schedule_->stop();
  }
  for (const size_t waiting : schedule_->failed(index))
    report_.streams[waiting].held_back_by = prepared_.plans[index].config.name;
  if (!first_failure_) first_failure_ = failure;
}

void PipelineRun::run_streams() {
  std::vector<std::string> names;
  for (const StreamPlan& plan : prepared_.plans) {
    names.push_back(plan.config.name);
    StreamReport report;
    report.stream = plan.config.name;
    report_.streams.push_back(std::move(report));
  }
  run_.partitions_per_stream = partitions_per_stream();
  run_.observer.run_started(run_.run_id, run_.pipeline.name, names);
  std::vector<std::thread> workers;
  try {
    for (size_t i = 1; i < std::min<size_t>(parallelism(), prepared_.plans.size()); ++i)
      workers.emplace_back([this] { run_next_streams(); });
  } catch (const std::system_error& error) {
    log_warn("cannot start another thread ({}); the run continues with {} streams at a time", error.what(),
             workers.size() + 1);
  }
  run_next_streams();
  for (std::thread& worker : workers) worker.join();
  if (!first_failure_ && run_.options.cancel.cancelled() &&
      std::any_of(report_.streams.begin(), report_.streams.end(),
                  [](const StreamReport& stream) { return stream.outcome == Outcome::kNotStarted; })) {
    first_failure_ = interruption(run_);
  }
}

void PipelineRun::finish(Failure failure) {
  report_.finished_at = now_rfc3339();
  const auto note_compilation = [this](const std::shared_ptr<const runtime::Connector>& connector) {
    if (connector && connector->compile_time() > std::chrono::nanoseconds{0}) {
      report_.compiled.emplace_back(connector->name(),
                                    std::chrono::duration<double>(connector->compile_time()).count());
    }
  };
  note_compilation(run_.source);
  for (const auto& transform : run_.transforms) note_compilation(transform);
  note_compilation(run_.destination);
  report_.peak_guest_memory_bytes = run_.peak_guest_memory.load();
  report_.peak_resident_bytes = peak_resident_bytes();
  if (run_.dlq) {
    const Status synced = run_.dlq->sync();
    if (!synced.ok() && !failure) failure = RunFailure{Stage::kState, synced.error()};
    report_.dlq_records = run_.dlq->records();
    if (report_.dlq_records > 0) report_.dlq_path = run_.dlq->path();
  }
  // Whatever broke first: a run that has lost its lease can claim nothing.
  if (Failure lost = check_lease(run_)) failure = std::move(lost);
  report_.outcome = Outcome::kSucceeded;
  if (failure) {
    failure->error = redacted(std::move(failure->error));
    report_.outcome = failure->stage == Stage::kInterrupted ? Outcome::kInterrupted : Outcome::kFailed;
    report_.failure = std::move(failure);
  }
  record_run();
  const Outcome said = report_.outcome;
  complete_finished_loads();
  take_back_loads();
  // The history must not record success for a run whose last write failed.
  if (report_.outcome != said) record_run();
  run_.observer.run_finished(report_);
}

void PipelineRun::record_run() {
  if (!lease_) return;
  state::RunRecord record;
  record.run_id = report_.run_id;
  record.pipeline = report_.pipeline;
  record.started_at = report_.started_at;
  record.finished_at = report_.finished_at;
  record.outcome = std::string(to_string(report_.outcome));
  record.rows_written = report_.rows_written();
  if (report_.failure) record.error = Status(report_.failure->error).to_string();
  const Status recorded = run_.state.record_run(record);
  // The rows are committed and the cursors saved; a missing history entry does not make the run fail.
  if (!recorded.ok()) log_warn("the run could not be added to the history: {}", recorded.to_string());
}

// Loads whose turn did not come have committed nothing and need not be resumed. After a kill they will be, which does
// no harm.
void PipelineRun::take_back_loads() {
  if (!lease_ || lease_->lost().cancelled()) return;
  std::vector<state::FinishedLoad> loads;
  for (auto& [stream, load_id] : run_.begun_loads) loads.push_back({{run_.pipeline.name, stream, ""}, load_id});
  const Status ended = lease_->complete_loads(loads);
  if (!ended.ok()) log_warn("loads that have not begun stay recorded as under way: {}", ended.to_string());
}

// The last thing that a run writes: if it is killed before, the next run resumes these loads and finds nothing left to
// read. All in one transaction: if a run were cut off in between, the next one would load the first streams again and
// only finish the others.
void PipelineRun::complete_finished_loads() {
  if (report_.outcome != Outcome::kSucceeded) return;
  if (!lease_) return;
  Status completed = lease_->complete_loads(run_.finished_loads);
  if (completed.ok()) return;
  report_.outcome = Outcome::kFailed;
  report_.failure = RunFailure{Stage::kState, completed.error()};
}

}  // namespace

RunReport run_pipeline(PreparedPipeline prepared, state::StateBackend& state, const RunOptions& options,
                       RunObserver& observer) {
  return PipelineRun(std::move(prepared), state, options, observer).execute();
}

}  // namespace rapidbyte::engine
