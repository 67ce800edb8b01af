#include "rapidbyte/engine/scratch_state.h"

namespace rapidbyte::engine {
namespace {

Status not_here() {
  return internal_error("STATE_BACKEND",
                        "a run with --dry-run or --limit does not change loads, leases or the history of runs");
}

}  // namespace

Result<std::optional<std::string>> ScratchState::get_locked(const std::pair<std::string, std::string>& where) {
  const auto at = written_.find(where);
  if (at != written_.end()) return std::optional<std::string>(at->second);
  return real_.get(where.first, where.second);
}

Result<std::optional<std::string>> ScratchState::get(std::string_view pipeline, std::string_view key) {
  std::lock_guard lock(mutex_);
  return get_locked({std::string(pipeline), std::string(key)});
}

Status ScratchState::put(std::string_view pipeline, std::string_view key, std::string_view value) {
  std::lock_guard lock(mutex_);
  written_.insert_or_assign({std::string(pipeline), std::string(key)}, std::string(value));
  return {};
}

Result<bool> ScratchState::compare_and_set(std::string_view pipeline, std::string_view key,
                                           const std::optional<std::string>& expected, std::string_view value) {
  std::lock_guard lock(mutex_);
  const std::pair<std::string, std::string> where{pipeline, key};
  RB_ASSIGN_OR_RETURN(const std::optional<std::string> present, get_locked(where));
  if (present != expected) return false;
  written_.insert_or_assign(where, std::string(value));
  return true;
}

Status ScratchState::begin_load(const state::StreamKey&, std::string_view, bool) { return not_here(); }
Status ScratchState::save_checkpoint(const state::StreamKey&, std::string_view, std::string_view, uint64_t) {
  return not_here();
}
Status ScratchState::complete_load(const state::StreamKey&, std::string_view) { return not_here(); }
Status ScratchState::reset(std::string_view, const std::optional<std::string>&) { return not_here(); }
Result<std::unique_ptr<state::Lease>> ScratchState::acquire_lease(std::string_view, std::string_view) {
  return not_here();
}
Status ScratchState::record_run(const state::RunRecord&) { return not_here(); }

}  // namespace rapidbyte::engine
