#include "rapidbyte/engine/scratch_state.h"

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::engine {
namespace {

Status not_here() {
  return internal_error(codes::kStateBackend,
                        "a run with --dry-run or --limit does not change loads, leases or the history of runs");
}

}  // namespace

ScratchState::Place ScratchState::place_of(std::string_view pipeline, const state::PairKey& key) {
  return {std::string(pipeline), key.scope, std::string(key.owner), std::string(key.text)};
}

Result<std::optional<std::string>> ScratchState::get_locked(std::string_view pipeline, const state::PairKey& key) {
  const auto at = written_.find(place_of(pipeline, key));
  if (at != written_.end()) return std::optional<std::string>(at->second);
  return real_.get(pipeline, key);
}

Result<std::optional<std::string>> ScratchState::get(std::string_view pipeline, const state::PairKey& key) {
  std::lock_guard lock(mutex_);
  return get_locked(pipeline, key);
}

Status ScratchState::put(std::string_view pipeline, const state::PairKey& key, std::string_view value) {
  std::lock_guard lock(mutex_);
  written_.insert_or_assign(place_of(pipeline, key), std::string(value));
  return {};
}

Result<bool> ScratchState::compare_and_set(std::string_view pipeline, const state::PairKey& key,
                                           const std::optional<std::string>& expected, std::string_view value) {
  std::lock_guard lock(mutex_);
  RB_ASSIGN_OR_RETURN(const std::optional<std::string> present, get_locked(pipeline, key));
  if (present != expected) return false;
  written_.insert_or_assign(place_of(pipeline, key), std::string(value));
  return true;
}

Status ScratchState::begin_loads(std::span<const state::NewLoad>) { return not_here(); }
Status ScratchState::set_owner(const state::StreamKey&, std::string_view) { return not_here(); }
Status ScratchState::save_checkpoint(const state::StreamKey&, std::string_view, std::string_view, uint64_t) {
  return not_here();
}
Status ScratchState::note_rows(const state::StreamKey&, std::string_view, std::optional<uint64_t>, uint64_t) {
  return not_here();
}
Status ScratchState::complete_loads(std::span<const state::FinishedLoad>) { return not_here(); }
Status ScratchState::set_stream_note(std::string_view, std::string_view, std::string_view, std::string_view) {
  return not_here();
}
Status ScratchState::reset(std::string_view, const std::optional<std::string>&) { return not_here(); }
Result<std::unique_ptr<state::Lease>> ScratchState::acquire_lease(std::string_view, std::string_view) {
  return not_here();
}
Status ScratchState::record_run(const state::RunRecord&) { return not_here(); }

}  // namespace rapidbyte::engine
