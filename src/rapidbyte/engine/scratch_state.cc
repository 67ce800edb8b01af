#include "rapidbyte/engine/scratch_state.h"

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::engine {

ScratchState::Place ScratchState::place_of(const state::PairKey& key) {
  return {key.scope, std::string(key.owner), std::string(key.text)};
}

Result<std::optional<std::string>> ScratchState::get_locked(const state::PairKey& key) {
  const auto at = written_.find(place_of(key));
  if (at != written_.end()) return std::optional<std::string>(at->second);
  return real_.get(pipeline_, key);
}

Result<std::optional<std::string>> ScratchState::get(const state::PairKey& key) {
  std::lock_guard lock(mutex_);
  return get_locked(key);
}

Status ScratchState::put(const state::PairKey& key, std::string_view value) {
  std::lock_guard lock(mutex_);
  written_.insert_or_assign(place_of(key), std::string(value));
  return {};
}

Result<bool> ScratchState::compare_and_set(const state::PairKey& key, const std::optional<std::string>& expected,
                                           std::string_view value) {
  std::lock_guard lock(mutex_);
  RB_ASSIGN_OR_RETURN(const std::optional<std::string> present, get_locked(key));
  if (present != expected) return false;
  written_.insert_or_assign(place_of(key), std::string(value));
  return true;
}

}  // namespace rapidbyte::engine
