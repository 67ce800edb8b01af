#pragma once
// Checkpoints: how a source's position becomes a durable cursor (docs/architecture.md, "State, commits and
// resumption"). A CheckpointMarker travels in the queue; the CommitTracker at the destination's end records which
// markers the batches taken so far cover, and makes the newest one that a commit covers durable, never earlier. The
// tracker is used on the destination's thread; its counters may be read anywhere.

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "rapidbyte/base/status.h"
#include "rapidbyte/protocol/checkpoint.h"
#include "rapidbyte/state/state_backend.h"

namespace rapidbyte::engine {

struct CheckpointMarker {
  /// The source's checkpoint with its extra keys.
  protocol::Checkpoint checkpoint = {};
  /// Batches of this run that precede the marker; set by the queue.
  uint64_t batches_covered = 0;
  /// The last one: everything has been read.
  bool end = false;
  /// Rows in these batches; set by the queue, nullopt when the host could not count them.
  std::optional<uint64_t> rows_covered = std::nullopt;
};

/// What the tracker of one attempt needs to know.
struct CommitTarget {
  /// Null: nothing is made durable (`--limit`).
  state::Lease* lease = nullptr;
  state::StreamKey key;
  std::string load_id;
  /// Relaxed where the destination keeps a receipt of each commit: an interrupted load resumes after the receipt,
  /// whatever the state has missed.
  state::Durability durability = state::Durability::kDurable;
  /// Rows that this load had committed before this attempt.
  uint64_t rows_before = 0;
  /// Where the load began (an incremental cursor), kept in every checkpoint so that a load can be restarted.
  protocol::CursorValue load_start_cursor;
  /// The state records what is given to the destination, because it keeps no receipts (rows_in_doubt.h); otherwise the
  /// next three mean nothing. They count the load's rows from its beginning.
  bool notes_rows = false;
  /// Rows before this attempt's position; nullopt: not known.
  std::optional<uint64_t> rows_covered = 0;
  /// Rows that may have been given before this attempt began; nullopt: not known.
  std::optional<uint64_t> rows_given = 0;
  /// Rows that the destination has reported as committed.
  uint64_t rows_reported = 0;
  /// Called after each checkpoint that became durable, with the load's rows so far.
  std::function<void(uint64_t rows_committed)> on_commit;
};

class CommitTracker {
 public:
  /// Call once, before the first batch is taken.
  void begin(CommitTarget target);

  /// Records that a batch is about to be given to the destination. `rows_taken`: rows of this attempt including that
  /// batch, nullopt when the host could not count them. The recorded number runs ahead of the rows by a quarter, so
  /// that the state is written a few dozen times in a load, not for each batch. Errors of the state.
  Status giving(std::optional<uint64_t> rows_taken);
  /// Whether giving() has anything to do.
  [[nodiscard]] bool notes_rows() const { return target_.notes_rows && target_.lease != nullptr; }
  /// The destination's error says that it has committed nothing beyond what it has reported (commit-state
  /// before-commit).
  void nothing_unreported();
  /// After the attempt has failed: records exactly what was given. Errors of the state.
  Status settle(std::optional<uint64_t> rows_taken);

  /// The destination has taken all batches before this marker.
  void taken(CheckpointMarker marker);
  /// After taken(): makes the marker durable when a report without batches has already counted its rows. Such a report
  /// often arrives before the marker, and would otherwise prove nothing about it. Errors of the state.
  Status catch_up();
  /// The newest covered checkpoint that is not yet durable, as the JSON for a receipt, with `load_id` and
  /// `batches_covered`.
  [[nodiscard]] std::optional<std::string> pending() const;
  /// After everything was taken: the checkpoint after the last row.
  [[nodiscard]] std::optional<std::string> end_of_load() const { return end_; }
  /// The destination committed and reported `report`. If it names `batches_covered` (it committed with pending()), the
  /// markers up to there become durable. Otherwise only those whose rows are at most its `records_processed`: the rows
  /// of this run-write call that are committed or rejected. It may have taken more, so without such a count nothing
  /// becomes durable before finished(). `rows_taken`: rows handed to it so far, nullopt when the host could not count
  /// them; a report of more rows counts something else and proves nothing. Errors of the state, unchanged.
  Status committed(const protocol::Checkpoint& report, std::optional<uint64_t> rows_taken);
  /// The destination returned success, so all is committed: makes the end marker durable if no report has done so.
  Status finished();

  [[nodiscard]] uint64_t commits() const { return commits_.load(std::memory_order_relaxed); }
  /// Rows of this attempt that the destination has reported as committed.
  [[nodiscard]] uint64_t rows_committed() const { return rows_.load(std::memory_order_relaxed); }

 private:
  [[nodiscard]] std::string receipt(const CheckpointMarker& marker) const;
  /// Makes the markers from the oldest on durable, as long as `covered` says so.
  template <typename Covered>
  Status persist_while(Covered covered);
  /// `rows` of this attempt counted from the load's beginning.
  [[nodiscard]] std::optional<uint64_t> of_load(std::optional<uint64_t> rows) const;
  Status note(std::optional<uint64_t> given);
  Status note_report(uint64_t rows);

  CommitTarget target_;
  std::deque<CheckpointMarker> covered_;
  std::optional<std::string> end_;
  /// As recorded in the state.
  std::optional<uint64_t> given_ = 0;
  uint64_t reported_ = 0;
  /// Rows of this attempt when given_ was last recorded; nullopt: nothing has been given in it.
  std::optional<uint64_t> noted_at_;
  /// The newest report named its rows, which the host could count, and no batches.
  bool counts_rows_ = false;
  bool nothing_unreported_ = false;
  /// A report came whose rows could not be counted.
  bool unproven_report_ = false;
  std::atomic<uint64_t> commits_{0};
  std::atomic<uint64_t> rows_{0};
};

}  // namespace rapidbyte::engine
