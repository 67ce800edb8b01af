#include "rapidbyte/engine/lane/checkpoint.h"

#include <algorithm>
#include <utility>

#include "rapidbyte/base/log.h"

namespace rapidbyte::engine {

void CommitTracker::begin(CommitTarget target) {
  target_ = std::move(target);
  given_ = target_.rows_given;
  reported_ = target_.rows_reported;
}

std::optional<uint64_t> CommitTracker::of_load(std::optional<uint64_t> rows) const {
  if (!rows || !target_.rows_covered) return std::nullopt;
  return *target_.rows_covered + *rows;
}

Status CommitTracker::note(std::optional<uint64_t> given) {
  RB_RETURN_NOT_OK(target_.lease->note_rows(target_.key, target_.load_id, given, reported_));
  given_ = given;
  return {};
}

Status CommitTracker::note_report(uint64_t rows) {
  const uint64_t before = std::exchange(reported_, std::max(reported_, of_load(rows).value_or(0)));
  if (reported_ == before || !notes_rows()) return {};
  return note(given_);
}

Status CommitTracker::giving(std::optional<uint64_t> rows_taken) {
  if (!notes_rows()) return {};
  const std::optional<uint64_t> given = of_load(rows_taken);
  const bool known = given && given_;
  if (!noted_at_ || (known ? *given > *given_ : given_.has_value())) {
    const uint64_t ahead = noted_at_.value_or(0) / 4;
    RB_RETURN_NOT_OK(note(known ? std::optional(std::max(*given + ahead, *given_)) : std::nullopt));
    noted_at_ = rows_taken.value_or(0);
  }
  return {};
}

void CommitTracker::nothing_unreported() { nothing_unreported_ = !unproven_report_; }

Status CommitTracker::settle(std::optional<uint64_t> rows_taken) {
  if (!noted_at_) return {};
  const std::optional<uint64_t> given =
      of_load(nothing_unreported_ ? rows_.load(std::memory_order_relaxed) : rows_taken);
  if (!given || !target_.rows_given) return {};
  return note(std::max(*given, *target_.rows_given));
}

void CommitTracker::taken(CheckpointMarker marker) {
  // Two markers over the same batches: only the newer one matters (an end marker after the last checkpoint).
  if (!covered_.empty() && covered_.back().batches_covered == marker.batches_covered) covered_.pop_back();
  if (marker.end) end_ = receipt(marker);
  covered_.push_back(std::move(marker));
}

std::string CommitTracker::receipt(const CheckpointMarker& marker) const {
  protocol::Checkpoint receipt = marker.checkpoint;
  receipt.set_load_id(target_.load_id);
  receipt.set_batches_covered(marker.batches_covered);
  receipt.set_end(marker.end);
  if (!target_.load_start_cursor.is_null()) receipt.set_load_start_cursor(target_.load_start_cursor);
  receipt.set_rows_covered(target_.notes_rows ? of_load(marker.rows_covered) : std::nullopt);
  return receipt.text();
}

std::optional<std::string> CommitTracker::pending() const {
  if (covered_.empty()) return std::nullopt;
  return receipt(covered_.back());
}

Status CommitTracker::committed(const protocol::Checkpoint& report, std::optional<uint64_t> rows_taken) {
  const auto rows = report.records_processed();
  if (const auto batches = report.batches_covered()) {
    counts_rows_ = false;
    if (rows) rows_.store(*rows, std::memory_order_relaxed);
    unproven_report_ = unproven_report_ || !rows;
    if (rows) RB_RETURN_NOT_OK(note_report(*rows));
    return persist_while([&](const CheckpointMarker& marker) { return marker.batches_covered <= *batches; });
  }
  unproven_report_ = unproven_report_ || !rows || !rows_taken || *rows > *rows_taken;
  if (!rows) return {};
  if (!rows_taken || *rows > *rows_taken) {
    log_debug(
        "stream '{}': the destination reports {} rows as committed, more than it was given or than the host could "
        "count; the report is ignored",
        target_.key.stream, *rows);
    return {};
  }
  rows_.store(*rows, std::memory_order_relaxed);
  counts_rows_ = true;
  RB_RETURN_NOT_OK(note_report(*rows));
  return catch_up();
}

Status CommitTracker::catch_up() {
  if (!counts_rows_) return {};
  const uint64_t rows = rows_.load(std::memory_order_relaxed);
  return persist_while(
      [&](const CheckpointMarker& marker) { return marker.rows_covered && *marker.rows_covered <= rows; });
}

Status CommitTracker::finished() {
  return persist_while([](const CheckpointMarker&) { return true; });
}

template <typename Covered>
Status CommitTracker::persist_while(Covered covered) {
  std::optional<CheckpointMarker> newest;
  while (!covered_.empty() && covered(covered_.front())) {
    newest = std::move(covered_.front());
    covered_.pop_front();
  }
  if (!newest) return {};
  const uint64_t rows = target_.rows_before + rows_.load(std::memory_order_relaxed);
  if (target_.lease != nullptr) {
    Status saved =
        target_.lease->save_checkpoint(target_.key, target_.load_id, receipt(*newest), rows, target_.durability);
    if (!saved.ok()) {
      // Kept, so that a destination that asks again gets the same answer.
      covered_.push_front(std::move(*newest));
      return saved;
    }
  }
  commits_.fetch_add(1, std::memory_order_relaxed);
  if (target_.on_commit) target_.on_commit(rows);
  return {};
}

}  // namespace rapidbyte::engine
