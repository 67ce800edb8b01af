#include "rapidbyte/engine/load/stream_runner.h"

#include <chrono>

#include "rapidbyte/base/log.h"
#include "rapidbyte/engine/lane/checkpoint.h"
#include "rapidbyte/engine/load/rows_in_doubt.h"
#include "rapidbyte/engine/load/stream_attempt.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/protocol/untrusted_json.h"

namespace rapidbyte::engine {
namespace {

using pipeline::WriteMode;

/// Whether another attempt or run could double rows of the load: they may be in the destination after its position.
bool rows_are_in_doubt(const RunContext& run, const StreamPlan& plan) {
  if (!run.keeps_state() || !may_double(run.prepared, plan)) return false;
  const auto known = run.state.load_stream({run.pipeline.name, plan.config.name, ""});
  if (!known.ok()) return true;
  if (!known->load_in_progress) return false;
  const auto saved = protocol::Checkpoint::parse(known->checkpoint_json.value_or("{}"), protocol::kReceiptLimits);
  const bool is_of_load = saved.ok() && saved->load_id() == known->load_id;
  if (is_of_load && saved->is_end()) return false;
  return rows_given(run, *known, is_of_load ? *saved : protocol::Checkpoint()).in_doubt();
}

// Whether another attempt is safe, that is, can neither double nor lose rows. Whether it may help is up to the error.
bool may_retry(const RunContext& run, const StreamPlan& plan, const AttemptResult& attempt) {
  const ConnectorError& error = attempt.failure->error;
  if (!error.retryable || attempt.failure->stage == Stage::kInterrupted || run.options.cancel.cancelled()) return false;
  if (run.options.mode.is_preview() || plan.write_mode != WriteMode::kAppend) return true;
  // With --limit nothing records what was appended.
  if (run.options.mode.is_limited()) return !attempt.load_begun;
  // The user should see the failure of this attempt; the next run explains how to continue. A 2.1.0 destination is
  // asked (last-committed), and the next attempt is refused, before anything is written.
  if (!run.options.allow_doubled_rows && !run.destination->speaks_2_1() && attempt.load_begun &&
      rows_are_in_doubt(run, plan)) {
    log_warn("stream '{}' is not retried: the destination {} keeps no receipts, and rows could be doubled",
             plan.config.name, run.destination->name());
    return false;
  }
  const bool commit_unknown = error.commit_state == CommitState::kAfterCommitUnknown;
  // A 2.1.0 destination is asked (last-committed) before the next attempt writes.
  return !commit_unknown || error.safe_to_retry || run.destination->speaks_2_1();
}

// Whether this run resumes a load of an earlier one; for display, so an unreadable state is not an error here.
bool resumes(RunContext& run, const StreamPlan& plan) {
  if (!run.keeps_state() || partitions_wanted(run, plan) > 1) return false;
  {
    const std::lock_guard lock(run.begun_loads_mutex);
    if (run.begun_loads.contains(plan.config.name)) return false;
  }
  const auto known = run.state.load_stream({run.pipeline.name, plan.config.name, ""});
  // A load that kept nothing starts from its beginning, whatever it is called.
  return known.ok() && resumes_load(plan, *known) && known->committed;
}

void add(StreamReport& report, const AttemptResult& attempt) {
  report.rows_read += attempt.rows_read;
  report.rows_written += attempt.rows_written;
  report.rows_rejected += attempt.rows_rejected;
  report.rows_transformed_away += attempt.rows_transformed_away;
  report.bytes_read += attempt.bytes_read;
  report.bytes_written += attempt.bytes_written;
  report.batches += attempt.batches;
  report.checkpoints += attempt.checkpoints;
  report.partitions = attempt.partitions;
  // An attempt that is tried again counts its rows anew.
  report.counters = attempt.counters;
  report.rows_already_there += attempt.rows_already_there;
  // An attempt that wrote nothing doubled nothing.
  if (attempt.batches > 0) {
    if (report.rows_maybe_doubled && attempt.rows_maybe_doubled) {
      *report.rows_maybe_doubled += *attempt.rows_maybe_doubled;
    } else {
      report.rows_maybe_doubled.reset();
    }
  }
  add_usage(report.stages, attempt.stages);
  report.load_id = attempt.load_id;
}

}  // namespace

StreamReport run_stream(RunContext& run, const StreamPlan& plan, WorkerInstances& kept) {
  const auto started = std::chrono::steady_clock::now();
  StreamReport report;
  report.stream = plan.config.name;
  for (const std::string& warning : plan.warnings) log_warn("{}", warning);
  run.observer.stream_started(plan.config.name, resumes(run, plan));
  std::string load_id;
  uint32_t failures = 0;
  std::optional<RunFailure> first_failure;
  while (true) {
    AttemptResult attempt = StreamAttempt(run, plan, kept, load_id, report.rows_written).run();
    if (failures == 0) report.resumed = attempt.resumed;
    if (!attempt.failure) {
      add(report, attempt);
      report.outcome = Outcome::kSucceeded;
      break;
    }
    ++failures;
    const bool again = failures <= run.pipeline.resources.max_retries && may_retry(run, plan, attempt);
    if (again) {
      // Only what a failed attempt committed counts; the rest is read again.
      attempt.rows_read = attempt.rows_written;
      attempt.rows_rejected = 0;
      attempt.bytes_read = 0;
    }
    add(report, attempt);
    attempt.failure->error = redacted(std::move(attempt.failure->error));
    if (again) {
      const auto delay = retry_delay(attempt.failure->error, failures);
      log_warn("stream '{}' failed and will be retried in {} ms: {}", plan.config.name, delay.count(),
               Status(attempt.failure->error).to_string());
      run.observer.retry(plan.config.name, attempt.failure->error, delay, failures + 1);
      ++report.retries;
      if (attempt.load_begun) load_id = attempt.load_id;
      if (!first_failure) first_failure = attempt.failure;
      if (run.clock.wait(delay, run.options.cancel)) continue;
      attempt.failure = failure_of(run, attempt.failure->stage, attempt.failure->error);
    }
    report.outcome = attempt.failure->stage == Stage::kInterrupted ? Outcome::kInterrupted : Outcome::kFailed;
    // The user should see what broke, not that another attempt could double rows.
    const bool refused = attempt.failure->error.code == codes::kRowsMayDouble;
    report.failure = refused && first_failure ? std::move(first_failure) : std::move(attempt.failure);
    report.rows_in_doubt = rows_are_in_doubt(run, plan);
    break;
  }
  report.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  run.observer.stream_finished(report);
  return report;
}

}  // namespace rapidbyte::engine
