#pragma once
// ScratchState: the state as guests see it in a dry run or with --limit. Reads come from the real state; writes stay in
// memory and are discarded with the run. Only key-value pairs: the engine records no loads in such a run. Thread safe.

#include <map>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>

#include "rapidbyte/state/state_backend.h"

namespace rapidbyte::engine {

class ScratchState final : public state::PairStore {
 public:
  /// `real` must outlive this.
  ScratchState(state::StateBackend& real, std::string pipeline) : real_(real), pipeline_(std::move(pipeline)) {}

  Result<std::optional<std::string>> get(const state::PairKey& key) override;
  Status put(const state::PairKey& key, std::string_view value) override;
  Result<bool> compare_and_set(const state::PairKey& key, const std::optional<std::string>& expected,
                               std::string_view value) override;

 private:
  using Place = std::tuple<state::PairScope, std::string, std::string>;  // scope, owner and key
  static Place place_of(const state::PairKey& key);
  Result<std::optional<std::string>> get_locked(const state::PairKey& key);
  /// STATE_QUOTA, as in the real state, over what is kept here.
  Status put_locked(const state::PairKey& key, std::string_view value);

  state::StateBackend& real_;
  const std::string pipeline_;
  std::mutex mutex_;
  std::map<Place, std::string> written_;
  uint64_t bytes_ = 0;  // of all keys and values in it
};

}  // namespace rapidbyte::engine
