#include "rapidbyte/engine/lane/stage_services.h"

#include <fmt/format.h>

#include <utility>

#include "rapidbyte/engine/lane/ipc_message.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/runtime/sandbox/idle_services.h"

namespace rapidbyte::engine {

using runtime::CheckpointKind;

namespace {

Status wrong_kind(std::string_view connector, std::string_view role, CheckpointKind kind) {
  return config_error(
      codes::kInvalidCheckpointKind,
      fmt::format("{}: a {} cannot send checkpoints of kind {}; 0 is for sources, 1 for destinations, 2 for transforms",
                  connector, role, static_cast<uint32_t>(kind)));
}

}  // namespace

StageServices::StageServices(StageContext context, std::string connector)
    : context_(std::move(context)), connector_(std::move(connector)) {}

Status StageServices::fail(Stage stage, Status status) {
  if (!status.ok()) {
    context_.events->failed(stage, status);
    failed_ = status;
  }
  return status;
}

Status StageServices::push_counted(Stage stage, std::span<const std::byte> batch, BatchQueue& out) {
  auto rows = count_rows(batch);
  if (!rows.ok()) {
    Status invalid = std::move(rows).status().with_context(fmt::format("{}, stream {}", connector_, context_.stream));
    const bool wanted = !context_.satisfied->load(std::memory_order_acquire);
    return wanted ? fail(stage, std::move(invalid)) : invalid;
  }
  return out.push_batch(batch, *rows);
}

Status StageServices::emit_dlq_record(runtime::DlqRecord record) {
  if (record.stream.empty()) record.stream = context_.stream;
  Status status = context_.events->rejected(connector_, record);
  const bool full = !status.ok() && status.error().code == codes::kDlqFull;
  return fail(full ? Stage::kRejected : Stage::kState,
              std::move(status).with_context(fmt::format("{}, stream {}", connector_, context_.stream)));
}

void StageServices::metric(const runtime::Metric& metric) { context_.events->metric(connector_, metric); }

void StageServices::log(LogLevel level, std::string_view message) {
  if (log_enabled(level)) log_line(level, fmt::format("[{} {}] {}", connector_, context_.stream, message));
}

std::shared_ptr<runtime::HostServices> idle_services(std::string_view connector) {
  return std::make_shared<runtime::IdleServices>(fmt::format("[{}] ", connector));
}

SourceServices::SourceServices(StageContext context, std::string connector, BatchQueue& out, protocol::Checkpoint first)
    : StageServices(std::move(context), std::move(connector)), out_(out), last_(std::move(first)) {}

Status SourceServices::emit_batch(std::span<const std::byte> batch) {
  if (!running()) return runtime::no_sender();
  RB_RETURN_NOT_OK(check_not_failed());
  return push_counted(Stage::kSource, batch, out_);
}

Result<std::optional<PooledBuffer>> SourceServices::next_batch() { return runtime::no_receiver(); }

Result<std::optional<std::string>> SourceServices::pending_checkpoint() { return std::optional<std::string>(); }

Status SourceServices::checkpoint(CheckpointKind kind, protocol::Checkpoint checkpoint) {
  if (kind != CheckpointKind::kSource) return wrong_kind(connector(), "source", kind);
  RB_RETURN_NOT_OK(check_not_failed());
  checkpoint.set_stream(context().stream);
  // A source that has read nothing new has no new position either; the old one must not be lost.
  if (checkpoint.cursor().is_null()) {
    if (const protocol::CursorValue before = last_.cursor(); !before.is_null()) checkpoint.set_cursor(before);
  }
  last_ = checkpoint;
  return out_.push_marker({std::move(checkpoint), 0, false});
}

Status SourceServices::push_end() {
  RB_RETURN_NOT_OK(check_not_failed());
  return out_.push_marker({last_, 0, true});
}

TransformServices::TransformServices(StageContext context, std::string connector, BatchQueue& in, BatchQueue& out,
                                     bool holds_rows)
    : StageServices(std::move(context), std::move(connector)), in_(in), out_(out), holds_rows_(holds_rows) {}

Status TransformServices::emit_batch(std::span<const std::byte> batch) {
  if (!running()) return runtime::no_sender();
  RB_RETURN_NOT_OK(check_not_failed());
  return push_counted(Stage::kTransform, batch, out_);
}

Result<std::optional<PooledBuffer>> TransformServices::next_batch() {
  if (!running()) return runtime::no_receiver();
  RB_RETURN_NOT_OK(check_not_failed());
  while (true) {
    RB_ASSIGN_OR_RETURN(std::optional<QueueItem> item, in_.pop());
    if (!item) {
      saw_end_ = true;
      return std::optional<PooledBuffer>();
    }
    if (!item->marker) return std::optional<PooledBuffer>(std::move(item->batch));
    if (item->marker->end) {
      end_ = std::move(item->marker);
    } else if (!holds_rows_) {
      RB_RETURN_NOT_OK(out_.push_marker(std::move(*item->marker)));
    }
  }
}

Result<std::optional<std::string>> TransformServices::pending_checkpoint() { return std::optional<std::string>(); }

Status TransformServices::checkpoint(CheckpointKind kind, protocol::Checkpoint /*checkpoint*/) {
  if (kind != CheckpointKind::kTransform) return wrong_kind(connector(), "transform", kind);
  return {};
}

Status TransformServices::emit_dlq_record(runtime::DlqRecord record) {
  RB_RETURN_NOT_OK(StageServices::emit_dlq_record(std::move(record)));
  ++rows_rejected_;
  return {};
}

Status TransformServices::push_end() {
  RB_RETURN_NOT_OK(check_not_failed());
  if (!end_) return {};
  return out_.push_marker(std::move(*std::exchange(end_, std::nullopt)));
}

DestinationServices::DestinationServices(StageContext context, std::string connector, BatchQueue& in,
                                         CommitTracker& tracker, Options options)
    : StageServices(std::move(context), std::move(connector)),
      in_(in),
      tracker_(tracker),
      options_(std::move(options)),
      inspector_(options_.pool) {}

Status DestinationServices::sync_dlq() { return fail(Stage::kState, context().events->sync_rejected()); }

Status DestinationServices::emit_dlq_record(runtime::DlqRecord record) {
  RB_RETURN_NOT_OK(StageServices::emit_dlq_record(std::move(record)));
  return options_.speaks_2_1 ? Status() : sync_dlq();
}

Status DestinationServices::emit_batch(std::span<const std::byte> /*batch*/) { return runtime::no_sender(); }

Result<std::optional<PooledBuffer>> DestinationServices::next_batch() {
  if (!running()) return runtime::no_receiver();
  RB_RETURN_NOT_OK(check_not_failed());
  if (!options_.speaks_2_1) RB_RETURN_NOT_OK(sync_dlq());
  if (saw_end_) return std::optional<PooledBuffer>();
  while (true) {
    if (options_.limit && rows_ >= *options_.limit) {
      RB_RETURN_NOT_OK(end_by_limit());
      return std::optional<PooledBuffer>();
    }
    RB_ASSIGN_OR_RETURN(std::optional<QueueItem> item, in_.pop());
    if (!item) {
      saw_end_ = true;
      RB_RETURN_NOT_OK(sync_dlq());
      return std::optional<PooledBuffer>();
    }
    if (item->marker) {
      tracker_.taken(std::move(*item->marker));
      RB_RETURN_NOT_OK(fail(Stage::kState, tracker_.catch_up()));
      continue;
    }
    if (tracker_.notes_rows()) RB_RETURN_NOT_OK(fail(Stage::kState, tracker_.giving(rows_taken())));
    ++batches_;
    if (options_.limit) return limited_batch(std::move(item->batch));
    return std::optional<PooledBuffer>(std::move(item->batch));
  }
}

Result<std::optional<PooledBuffer>> DestinationServices::limited_batch(PooledBuffer batch) {
  auto rows = inspector_.rows(batch.bytes());
  if (!rows.ok()) return fail(Stage::kSource, std::move(rows).status());
  const uint64_t left = *options_.limit - rows_;
  if (*rows > left) {
    auto part = inspector_.first_rows(batch.bytes(), left);
    if (!part.ok()) return fail(Stage::kSource, std::move(part).status());
    batch = std::move(*part);
    rows = left;
  }
  rows_ += *rows;
  return std::optional<PooledBuffer>(std::move(batch));
}

Status DestinationServices::end_by_limit() {
  saw_end_ = true;
  // Set the flag first: the stages before fail because of the abandoned queue, and that must be ignored.
  context().satisfied->store(true, std::memory_order_release);
  in_.abandon();
  tracker_.taken({protocol::Checkpoint(), batches_, true});
  return sync_dlq();
}

Result<std::optional<std::string>> DestinationServices::pending_checkpoint() {
  RB_RETURN_NOT_OK(check_not_failed());
  while (!saw_end_) {
    auto marker = in_.pop_marker_if_next();
    if (!marker) break;
    tracker_.taken(std::move(*marker));
    RB_RETURN_NOT_OK(fail(Stage::kState, tracker_.catch_up()));
  }
  auto pending = tracker_.pending();
  // The next commit covers these records.
  if (pending) RB_RETURN_NOT_OK(sync_dlq());
  return pending;
}

Status DestinationServices::checkpoint(CheckpointKind kind, protocol::Checkpoint checkpoint) {
  if (kind != CheckpointKind::kDestination) return wrong_kind(connector(), "destination", kind);
  RB_RETURN_NOT_OK(check_not_failed());
  RB_RETURN_NOT_OK(sync_dlq());
  return fail(Stage::kState, tracker_.committed(checkpoint, rows_taken()));
}

}  // namespace rapidbyte::engine
