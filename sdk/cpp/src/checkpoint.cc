#include "rapidbyte/sdk/checkpoint.h"

#include <utility>

#include "rapidbyte/protocol/error_codes.h"

#include "rapidbyte/protocol/checkpoint.h"

namespace rapidbyte::sdk {

CheckpointPacer::CheckpointPacer(const StreamContext& ctx)
    : stream_(ctx.stream_name),
      cursor_field_(ctx.cursor ? ctx.cursor->field : std::string()),
      id_prefix_((ctx.run_id.empty() ? std::string() : ctx.run_id + "/") + ctx.stream_name + "/"),
      limits_(ctx.limits),
      last_(std::chrono::steady_clock::now()) {}

void CheckpointPacer::add_batch(uint64_t rows, uint64_t bytes) {
  rows_ += rows;
  bytes_ += bytes;
}

bool CheckpointPacer::due() const {
  if (rows_ == rows_at_last_ && bytes_ == bytes_at_last_) return false;
  if (limits_.checkpoint_interval_bytes != 0 && bytes_ - bytes_at_last_ >= limits_.checkpoint_interval_bytes)
    return true;
  if (limits_.checkpoint_interval_rows != 0 && rows_ - rows_at_last_ >= limits_.checkpoint_interval_rows) return true;
  if (limits_.checkpoint_interval_seconds == 0) return false;
  return std::chrono::steady_clock::now() - last_ >= std::chrono::seconds(limits_.checkpoint_interval_seconds);
}

Status CheckpointPacer::emit(const CursorValue& cursor, const Json& extra) {
  protocol::Checkpoint checkpoint(extra.is_object() ? extra : Json::object());
  checkpoint.set_id(id_prefix_ + std::to_string(count_ + 1));
  checkpoint.set_kind(host::CheckpointKind::kSource);
  checkpoint.set_stream(stream_);
  checkpoint.set_cursor_field(cursor_field_);
  checkpoint.set_cursor(cursor);
  checkpoint.set_records_processed(rows_);
  checkpoint.set_bytes_processed(bytes_);
  RB_SDK_RETURN_NOT_OK(host::checkpoint(host::CheckpointKind::kSource, checkpoint.text()));
  ++count_;
  rows_at_last_ = rows_;
  bytes_at_last_ = bytes_;
  last_ = std::chrono::steady_clock::now();
  return {};
}

Status CheckpointPacer::emit_if_due(const CursorValue& cursor, const Json& extra) {
  return due() ? emit(cursor, extra) : Status();
}

Result<std::optional<std::string>> CommitGate::poll() {
  RB_SDK_ASSIGN_OR_RETURN(std::optional<std::string> pending, host::pending_checkpoint());
  if (!pending || *pending == last_committed_) return std::optional<std::string>();
  const auto marker = protocol::Checkpoint::parse(*pending, protocol::kGuestLimits);
  const auto covered = marker.ok() ? marker->batches_covered() : std::nullopt;
  if (!covered) {
    return internal_error(codes::kInvalidCheckpoint,
                          "the host's pending checkpoint has no `batches_covered`: " + pending->substr(0, 200));
  }
  if (*covered != batches_written_) return std::optional<std::string>();
  return pending;
}

Status CommitGate::committed(const std::string& checkpoint_json, uint64_t records_written_so_far) {
  batches_committed_ = batches_written_;
  last_committed_ = checkpoint_json;
  ++commits_;
  const auto report = [&]() -> Status {
    auto parsed = protocol::Checkpoint::parse(checkpoint_json, protocol::kGuestLimits);
    if (!parsed.ok()) return std::move(parsed).status().with_context("after the commit");
    protocol::Checkpoint receipt = *std::move(parsed);
    receipt.set_kind(host::CheckpointKind::kDestination);
    receipt.set_records_processed(records_written_so_far);
    return host::checkpoint(host::CheckpointKind::kDestination, receipt.text());
  };
  Status status = report();
  if (!status.ok()) status.error().commit_state = CommitState::kAfterCommitConfirmed;
  return status;
}

Status CommitGate::check_complete() const {
  if (batches_committed_ == batches_written_) return {};
  return internal_error(codes::kUncoveredBatches,
                        "the stream ended after " + std::to_string(batches_written_) +
                            " batches, but the host's checkpoints cover only " + std::to_string(batches_committed_) +
                            " of them; the rest was not committed. Did the source stop early? Run again to resume.");
}

Result<WriteSummary> run_commit_loop(const std::function<Result<WriteCount>(std::span<const uint8_t> batch)>& write,
                                     const std::function<Status(const std::string& checkpoint_json)>& commit,
                                     const std::function<Result<WriteCount>()>& settle,
                                     const std::function<bool()>& wants_commit) {
  CommitGate gate;
  WriteSummary summary;
  const auto add = [&](const WriteCount& count) {
    summary.records_written += count.written;
    summary.records_failed += count.failed;
  };
  const auto commit_if_aligned = [&](bool at_end) -> Status {
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<std::string> checkpoint, gate.poll());
    if (!checkpoint) return {};
    if (!at_end && wants_commit && !wants_commit()) return {};
    if (settle) {
      RB_SDK_ASSIGN_OR_RETURN(const WriteCount count, settle());
      add(count);
    }
    RB_SDK_RETURN_NOT_OK(commit(*checkpoint));
    return gate.committed(*checkpoint, summary.records_written);
  };
  for (;;) {
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<Bytes> batch, host::next_batch());
    // A checkpoint between two batches may become visible only now that the second one has been taken.
    RB_SDK_RETURN_NOT_OK(commit_if_aligned(/*at_end=*/!batch));
    if (!batch) break;
    RB_SDK_ASSIGN_OR_RETURN(const WriteCount count, write(batch->span()));
    gate.batch_written();
    ++summary.batches_written;
    add(count);
    summary.bytes_written += batch->size();
    RB_SDK_RETURN_NOT_OK(commit_if_aligned(/*at_end=*/false));
  }
  RB_SDK_RETURN_NOT_OK(gate.check_complete());
  summary.checkpoint_count = gate.commits();
  return summary;
}

}  // namespace rapidbyte::sdk
