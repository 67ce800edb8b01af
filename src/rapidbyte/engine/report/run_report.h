#pragma once
// RunReport: what a run did, for people, for `--json` and for the exit code. Made by run_pipeline() on its caller's
// thread, plain data afterwards. Its error texts are redacted.

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "rapidbyte/engine/report/counter_totals.h"
#include "rapidbyte/engine/report/errors.h"
#include "rapidbyte/engine/report/stage_usage.h"

namespace rapidbyte::engine {

enum class Outcome : uint8_t {
  kSucceeded,
  kFailed,
  kInterrupted,
  kNotStarted,  // of a stream only: the run was stopped or interrupted before its turn, or a stream that it waits for
                // failed
};

/// "succeeded", "failed", "interrupted", "not_started".
std::string_view to_string(Outcome outcome);

struct StreamReport {
  std::string stream;
  Outcome outcome = Outcome::kNotStarted;
  /// Rows that the source parsed, in all attempts that led to committed rows.
  uint64_t rows_read = 0;
  /// Rows that the destination committed in this run.
  uint64_t rows_written = 0;
  /// Rows that the source skipped or the destination refused, by on_data_error skip or dlq.
  uint64_t rows_rejected = 0;
  /// Rows that a transform removed (positive) or added (negative).
  int64_t rows_transformed_away = 0;
  /// Input bytes as the source counts them (for a file: file bytes).
  uint64_t bytes_read = 0;
  /// Bytes as the destination counts them.
  uint64_t bytes_written = 0;
  uint64_t batches = 0;
  /// How often a cursor became durable.
  uint64_t checkpoints = 0;
  uint32_t retries = 0;
  /// Into how many partitions the stream was split (in the last attempt); 1: it was read in one piece.
  uint32_t partitions = 1;
  double seconds = 0;
  /// Where the time went: source, transforms, destination, over all attempts.
  std::vector<StageUsage> stages;
  /// What the connectors counted in the last attempt, such as the rows that fail a rule.
  std::vector<CounterTotal> counters;
  /// Maximum number of rows that may be in the destination twice because this run resumed an interrupted append
  /// (RunOptions::allow_doubled_rows); nullopt: an unknown number.
  std::optional<uint64_t> rows_maybe_doubled = 0;
  /// The stream ended early, and rows after its last checkpoint may be in a destination that cannot tell: the next run
  /// refuses to resume (ROWS_MAY_DOUBLE) unless the user allows it.
  bool rows_in_doubt = false;
  /// Rows that the destination left out because it had them from the interrupted load.
  uint64_t rows_already_there = 0;
  /// This run resumed a load of an earlier run.
  bool resumed = false;
  std::string load_id;
  /// For a stream that was not started: the failed stream that it waited for, since its rows may refer to rows of that
  /// stream; empty otherwise.
  std::string held_back_by;
  std::optional<RunFailure> failure;
};

struct RunReport {
  std::string run_id;
  std::string pipeline;
  std::string started_at;  // RFC 3339, UTC
  std::string finished_at;  // RFC 3339, UTC
  Outcome outcome = Outcome::kFailed;
  bool dry_run = false;
  std::optional<uint64_t> limit;
  double seconds = 0;
  std::vector<StreamReport> streams;  // in the pipeline's order
  /// Connectors that were compiled for this run, with the seconds that took; the others came from the cache.
  std::vector<std::pair<std::string, double>> compiled;
  /// Why the run did not succeed: the first failure, of a stream or before any stream. Its stage gives the exit code.
  std::optional<RunFailure> failure;
  /// File of rejected records; empty when there were none.
  std::filesystem::path dlq_path;
  uint64_t dlq_records = 0;
  /// Peak sum of the linear memories of one guest.
  uint64_t peak_guest_memory_bytes = 0;
  /// Peak resident memory of this process.
  uint64_t peak_resident_bytes = 0;

  [[nodiscard]] uint64_t rows_read() const;
  [[nodiscard]] uint64_t rows_written() const;
  [[nodiscard]] uint64_t rows_rejected() const;
  [[nodiscard]] bool succeeded() const { return outcome == Outcome::kSucceeded; }
};

nlohmann::json to_json(const RunFailure& failure);
/// Seconds.
nlohmann::json to_json(const StageUsage& usage);
nlohmann::json to_json(const StreamReport& report);
/// One object with stable snake_case keys, as `rapidbyte run --json` prints it.
nlohmann::json to_json(const RunReport& report);

}  // namespace rapidbyte::engine
