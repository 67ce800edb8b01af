#pragma once
// ScratchState: the state as guests see it in a dry run or with --limit. Reads come from the real state, writes stay in
// memory and end with the run. Thread safe. Only key-value pairs: loads, leases and runs are the engine's own, which
// uses the real state or none.

#include <map>
#include <mutex>
#include <span>
#include <string>
#include <tuple>
#include <utility>

#include "rapidbyte/state/state_backend.h"

namespace rapidbyte::engine {

class ScratchState final : public state::StateBackend {
 public:
  /// `real` must outlive this.
  explicit ScratchState(state::StateBackend& real) : real_(real) {}

  Result<std::optional<std::string>> get(std::string_view pipeline, const state::PairKey& key) override;
  Status put(std::string_view pipeline, const state::PairKey& key, std::string_view value) override;
  Result<bool> compare_and_set(std::string_view pipeline, const state::PairKey& key,
                               const std::optional<std::string>& expected, std::string_view value) override;
  Result<state::StreamState> load_stream(const state::StreamKey& key) override { return real_.load_stream(key); }
  Status begin_loads(std::span<const state::NewLoad> loads) override;
  Status set_owner(const state::StreamKey& key, std::string_view owner_json) override;
  Status save_checkpoint(const state::StreamKey& key, std::string_view load_id, std::string_view checkpoint_json,
                         uint64_t rows_committed) override;
  Status note_rows(const state::StreamKey& key, std::string_view load_id, std::optional<uint64_t> rows_given,
                   uint64_t rows_reported) override;
  Status complete_loads(std::span<const state::FinishedLoad> loads) override;
  Result<std::optional<std::string>> stream_note(std::string_view pipeline, std::string_view stream,
                                                 std::string_view name) override {
    return real_.stream_note(pipeline, stream, name);
  }
  Status set_stream_note(std::string_view pipeline, std::string_view stream, std::string_view name,
                         std::string_view value) override;
  Status reset(std::string_view pipeline, const std::optional<std::string>& stream) override;
  Result<std::vector<std::pair<state::StreamKey, state::StreamState>>> list_streams(
      std::string_view pipeline) override {
    return real_.list_streams(pipeline);
  }
  Result<std::unique_ptr<state::Lease>> acquire_lease(std::string_view pipeline, std::string_view run_id) override;
  Status record_run(const state::RunRecord& run) override;
  Result<std::vector<state::RunRecord>> recent_runs(std::string_view pipeline, uint32_t most) override {
    return real_.recent_runs(pipeline, most);
  }

 private:
  // A pipeline's name, scope, owner and key.
  using Place = std::tuple<std::string, state::PairScope, std::string, std::string>;
  static Place place_of(std::string_view pipeline, const state::PairKey& key);
  Result<std::optional<std::string>> get_locked(std::string_view pipeline, const state::PairKey& key);

  state::StateBackend& real_;
  std::mutex mutex_;
  std::map<Place, std::string> written_;
};

}  // namespace rapidbyte::engine
