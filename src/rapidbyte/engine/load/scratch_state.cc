#include "rapidbyte/engine/load/scratch_state.h"

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
  return put_locked(key, value);
}

Status ScratchState::put_locked(const state::PairKey& key, std::string_view value) {
  RB_RETURN_NOT_OK(state::check_value_size(key, value));
  const auto size_of = [](const Place& place, std::string_view kept) {
    return std::get<1>(place).size() + std::get<2>(place).size() + kept.size();
  };
  const Place place = place_of(key);
  const auto at = written_.find(place);
  const uint64_t before = at == written_.end() ? 0 : size_of(place, at->second);
  const uint64_t others = written_.size() - (at == written_.end() ? 0 : 1);
  RB_RETURN_NOT_OK(state::check_quota(pipeline_, key, value, others, bytes_ - before));
  bytes_ = bytes_ - before + size_of(place, value);
  written_.insert_or_assign(place, std::string(value));
  return {};
}

Result<bool> ScratchState::compare_and_set(const state::PairKey& key, const std::optional<std::string>& expected,
                                           std::string_view value) {
  std::lock_guard lock(mutex_);
  RB_ASSIGN_OR_RETURN(const std::optional<std::string> present, get_locked(key));
  if (present != expected) return false;
  RB_RETURN_NOT_OK(put_locked(key, value));
  return true;
}

}  // namespace rapidbyte::engine
