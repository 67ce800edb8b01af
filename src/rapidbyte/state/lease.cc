#include "rapidbyte/state/lease.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/state/state_backend.h"

namespace rapidbyte::state {

Status lease_lost(std::string_view pipeline, std::string_view what_happened) {
  // Not retryable in this run: it has lost the right to write. The next run takes its own lease.
  return make_error(
      ErrorCategory::kTransientDb, codes::kLeaseLost,
      fmt::format("this run no longer holds pipeline '{}': {}. The run was stopped and saves no further position; what "
                  "the destination committed stays. Make sure that no other run is under way, and see what it has done "
                  "(rapidbyte state show PIPELINE.yaml). If this load is not complete, run the pipeline again: it "
                  "resumes after what was committed. An append that is complete would write all of its rows again",
                  pipeline, what_happened));
}

Lease::Lease(std::string pipeline, uint64_t token) : pipeline_(std::move(pipeline)), token_(token) {}

Status Lease::loss() const {
  const std::lock_guard lock(loss_mutex_);
  return loss_;
}

void Lease::give_up(std::string_view what_happened) { (void)noticed(lease_lost(pipeline_, what_happened)); }

Status Lease::check_own(const StreamKey& key) const {
  RB_RETURN_NOT_OK(loss());
  if (key.pipeline == pipeline_) return {};
  return internal_error(codes::kStateBackend, fmt::format("the lease of pipeline '{}' does not cover pipeline '{}'",
                                                          pipeline_, key.pipeline));
}

Status Lease::noticed(Status status) {
  if (status.ok() || status.error().code != codes::kLeaseLost) return status;
  {
    const std::lock_guard lock(loss_mutex_);
    if (loss_.ok()) loss_ = status;
  }
  lost_.cancel();
  return status;
}

Status Lease::renew(const Deadline& deadline) {
  RB_RETURN_NOT_OK(loss());
  return noticed(check_holder(deadline));
}

Status Lease::put(const PairKey& key, std::string_view value) {
  RB_RETURN_NOT_OK(check_value_size(key, value));
  RB_RETURN_NOT_OK(loss());
  return noticed(store_pair(key, value));
}

Result<bool> Lease::compare_and_set(const PairKey& key, const std::optional<std::string>& expected,
                                    std::string_view value) {
  RB_RETURN_NOT_OK(check_value_size(key, value));
  RB_RETURN_NOT_OK(loss());
  Result<bool> done = exchange_pair(key, expected, value);
  if (!done.ok()) return noticed(std::move(done).status());
  return done;
}

Status Lease::begin_loads(std::span<const NewLoad> loads) {
  if (loads.empty()) return loss();
  for (const NewLoad& load : loads) {
    RB_RETURN_NOT_OK(check_own(load.key));
    if (load.load_id.empty()) return no_load_id(load.key);
  }
  return noticed(store_new_loads(loads));
}

Status Lease::set_owner(const StreamKey& key, std::string_view owner_json) {
  RB_RETURN_NOT_OK(check_own(key));
  return noticed(store_owner(key, owner_json));
}

Status Lease::save_checkpoint(const StreamKey& key, std::string_view load_id, std::string_view checkpoint_json,
                              uint64_t rows_committed, Durability durability) {
  RB_RETURN_NOT_OK(check_value_size("checkpoint", checkpoint_json));
  RB_RETURN_NOT_OK(check_own(key));
  return noticed(store_checkpoint(key, load_id, checkpoint_json, rows_committed, durability));
}

Status Lease::note_rows(const StreamKey& key, std::string_view load_id, std::optional<uint64_t> rows_given,
                        uint64_t rows_reported) {
  RB_RETURN_NOT_OK(check_own(key));
  return noticed(store_rows(key, load_id, rows_given, rows_reported));
}

Durability Lease::durability_of(std::span<const FinishedLoad> loads) {
  const auto must_stay = [](const FinishedLoad& load) {
    return load.end && load.end->durability == Durability::kDurable;
  };
  return std::any_of(loads.begin(), loads.end(), must_stay) ? Durability::kDurable : Durability::kRelaxed;
}

Status Lease::complete_loads(std::span<const FinishedLoad> loads) {
  if (loads.empty()) return loss();
  for (const FinishedLoad& load : loads) RB_RETURN_NOT_OK(check_own(load.key));
  return noticed(store_finished_loads(loads));
}

Status Lease::complete_load(const StreamKey& key, std::string_view load_id, std::optional<FinishedLoad::End> end) {
  const FinishedLoad load{key, std::string(load_id), std::move(end)};
  return complete_loads(std::span(&load, 1));
}

Status Lease::set_stream_note(std::string_view stream, std::string_view name, std::string_view value) {
  RB_RETURN_NOT_OK(check_value_size(name, value));
  RB_RETURN_NOT_OK(loss());
  return noticed(store_stream_note(stream, name, value));
}

Status Lease::reset(const std::optional<std::string>& stream) {
  RB_RETURN_NOT_OK(loss());
  return noticed(forget(stream));
}

}  // namespace rapidbyte::state
