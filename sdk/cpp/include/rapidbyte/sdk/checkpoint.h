#pragma once
// Checkpoints without mistakes. CheckpointPacer is for sources: it counts what was emitted and says when a checkpoint
// is due. CommitGate is for destinations: it knows exactly which source checkpoint the open transaction covers, so that
// rows and position are committed together; run_commit_loop() is the complete loop of a destination built around it.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "rapidbyte/protocol/summaries.h"
#include "rapidbyte/sdk/context.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/host.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::sdk {

class CheckpointPacer {
 public:
  explicit CheckpointPacer(const StreamContext& ctx);

  /// Call after each emitted batch.
  void add_batch(uint64_t rows, uint64_t bytes);
  /// True when one of the intervals in the limits (bytes, rows or seconds) has passed since the last checkpoint. An
  /// interval of 0 is off.
  [[nodiscard]] bool due() const;
  /// Sends the checkpoint for everything emitted so far. `extra` is an object with the source's own keys (file, offset
  /// ...), which comes back in ctx.resume.
  Status emit(const CursorValue& cursor, const Json& extra = Json::object());
  /// emit() if due().
  Status emit_if_due(const CursorValue& cursor, const Json& extra = Json::object());
  [[nodiscard]] uint64_t count() const { return count_; }

 private:
  std::string stream_;
  std::string cursor_field_;
  std::string id_prefix_;
  Limits limits_;
  uint64_t rows_ = 0, bytes_ = 0, count_ = 0;
  uint64_t rows_at_last_ = 0, bytes_at_last_ = 0;
  std::chrono::steady_clock::time_point last_;
};

/// The rule: commit exactly when the newest source checkpoint offered by the host covers as many batches as this run
/// has written. Ask after every write, again after taking the next batch and before writing it, and at the end of the
/// stream.
class CommitGate {
 public:
  /// Call after each batch that was written into the open transaction.
  void batch_written() { ++batches_written_; }
  /// The checkpoint with which to commit now, or nullopt. Write it into the receipt inside the same transaction,
  /// commit, then call committed(). INVALID_CHECKPOINT (internal).
  Result<std::optional<std::string>> poll();
  /// Reports the commit to the host. Its errors have commit_state after-commit-confirmed.
  Status committed(const std::string& checkpoint_json, uint64_t records_written_so_far);
  /// Ok when everything that was written has been committed; otherwise UNCOVERED_BATCHES (internal). Call at the end of
  /// the stream.
  [[nodiscard]] Status check_complete() const;

  [[nodiscard]] uint64_t batches_written() const { return batches_written_; }
  [[nodiscard]] uint64_t commits() const { return commits_; }

 private:
  uint64_t batches_written_ = 0;
  uint64_t batches_committed_ = 0;
  uint64_t commits_ = 0;
  std::string last_committed_;
};

/// What `last_committed` answers when there is neither a receipt nor a target table: no row can be doubled, so the host
/// restarts an interrupted load. With nullopt it refuses to restart an append that has committed rows.
inline constexpr const char* kTargetAbsent = R"({"target_absent":true})";

/// What a destination did with one batch.
struct WriteCount {
  uint64_t written = 0;
  uint64_t failed = 0;  // rejected: skipped or sent to the DLQ
};

using protocol::ReadSummary;
using protocol::TransformSummary;
using protocol::WriteSummary;

/// Takes batch after batch until the stream ends. `write` puts one batch into the open transaction (and begins one when
/// none is open); `commit` writes the receipt with the given checkpoint JSON and commits, all in one transaction; it
/// may be called when no batch has been written since the last commit. `settle`, which is optional, is called before
/// each commit, for destinations that learn late what became of their rows: it counts those that `write` did not.
/// `wants_commit`, also optional, is asked at each marker but the last: false leaves the marker to a later commit. When
/// any of them fails, nothing further is called: roll back.
Result<WriteSummary> run_commit_loop(const std::function<Result<WriteCount>(std::span<const uint8_t> batch)>& write,
                                     const std::function<Status(const std::string& checkpoint_json)>& commit,
                                     const std::function<Result<WriteCount>()>& settle = {},
                                     const std::function<bool()>& wants_commit = {});

}  // namespace rapidbyte::sdk
