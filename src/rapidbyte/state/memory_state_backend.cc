#include "rapidbyte/state/memory_state_backend.h"

#include <fmt/format.h>

#include <map>
#include <mutex>
#include <set>
#include <tuple>
#include <utility>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::state {
namespace {

using StreamId = std::tuple<std::string, std::string, std::string>;  // pipeline, stream, partition
using NoteId = std::tuple<std::string, std::string, std::string>;  // pipeline, stream, name
using PairId = std::tuple<std::string, PairScope, std::string, std::string>;  // pipeline, scope, owner, key

struct Store {
  std::mutex mutex;
  std::map<PairId, std::string> pairs;
  std::map<StreamId, StreamState> streams;
  std::map<NoteId, std::string> notes;
  std::map<std::string, std::string> leases;  // pipeline -> run id
  std::map<std::string, std::vector<RunRecord>> runs;
};

class MemoryLease final : public Lease {
 public:
  // Shared: the lease may outlive the backend.
  MemoryLease(std::shared_ptr<Store> store, std::string pipeline)
      : store_(std::move(store)), pipeline_(std::move(pipeline)) {}
  MemoryLease(const MemoryLease&) = delete;
  MemoryLease& operator=(const MemoryLease&) = delete;
  ~MemoryLease() override {
    std::lock_guard lock(store_->mutex);
    store_->leases.erase(pipeline_);
  }

 private:
  std::shared_ptr<Store> store_;
  std::string pipeline_;
};

PairId id_of(std::string_view pipeline, const PairKey& key) {
  return {std::string(pipeline), key.scope, std::string(key.owner), std::string(key.text)};
}

StreamId id_of(const StreamKey& key) { return {key.pipeline, key.stream, key.partition}; }

class MemoryStateBackend final : public StateBackend {
 public:
  Result<std::optional<std::string>> get(std::string_view pipeline, const PairKey& key) override {
    std::lock_guard lock(store_->mutex);
    const auto it = store_->pairs.find(id_of(pipeline, key));
    return it == store_->pairs.end() ? std::optional<std::string>() : std::optional<std::string>(it->second);
  }

  Status put(std::string_view pipeline, const PairKey& key, std::string_view value) override {
    RB_RETURN_NOT_OK(check_value_size(key, value));
    std::lock_guard lock(store_->mutex);
    RB_RETURN_NOT_OK(check_room(pipeline, key, value));
    store_->pairs[id_of(pipeline, key)] = value;
    return {};
  }

  Result<bool> compare_and_set(std::string_view pipeline, const PairKey& key,
                               const std::optional<std::string>& expected, std::string_view value) override {
    RB_RETURN_NOT_OK(check_value_size(key, value));
    std::lock_guard lock(store_->mutex);
    const PairId id = id_of(pipeline, key);
    const auto it = store_->pairs.find(id);
    if (expected ? (it == store_->pairs.end() || it->second != *expected) : it != store_->pairs.end()) return false;
    RB_RETURN_NOT_OK(check_room(pipeline, key, value));
    store_->pairs[id] = value;
    return true;
  }

  Result<StreamState> load_stream(const StreamKey& key) override {
    std::lock_guard lock(store_->mutex);
    const auto it = store_->streams.find(id_of(key));
    return it == store_->streams.end() ? StreamState() : it->second;
  }

  Status begin_loads(std::span<const NewLoad> loads) override {
    std::lock_guard lock(store_->mutex);
    for (const NewLoad& load : loads) {
      if (load.load_id.empty()) return no_load_id(load.key);
    }
    for (const NewLoad& load : loads) begin_locked(load);
    return {};
  }

  void begin_locked(const NewLoad& load) {
    StreamState& state = store_->streams[id_of(load.key)];
    if (state.load_in_progress && state.load_id == load.load_id && !load.drop_checkpoint) return;
    if (load.drop_checkpoint) state.checkpoint_json.reset();
    state.load_id = load.load_id;
    state.load_kind = load.kind;
    state.load_owner_json = load.owner_json.empty() ? std::nullopt : std::optional<std::string>(load.owner_json);
    state.load_in_progress = true;
    state.committed = false;
    state.rows_committed = 0;
    state.rows_given = 0;
    state.rows_reported = 0;
  }

  Status save_checkpoint(const StreamKey& key, std::string_view load_id, std::string_view checkpoint_json,
                         uint64_t rows_committed) override {
    RB_RETURN_NOT_OK(check_value_size("checkpoint", checkpoint_json));
    std::lock_guard lock(store_->mutex);
    const auto it = store_->streams.find(id_of(key));
    if (it == store_->streams.end() || it->second.load_id != load_id || !it->second.load_in_progress) {
      return no_such_load(key, load_id, "save its checkpoint");
    }
    it->second.checkpoint_json = std::string(checkpoint_json);
    it->second.owner_json = it->second.load_owner_json;
    it->second.committed = true;
    it->second.rows_committed = rows_committed;
    return {};
  }

  Status note_rows(const StreamKey& key, std::string_view load_id, std::optional<uint64_t> rows_given,
                   uint64_t rows_reported) override {
    std::lock_guard lock(store_->mutex);
    const auto it = store_->streams.find(id_of(key));
    if (it == store_->streams.end() || it->second.load_id != load_id || !it->second.load_in_progress) {
      return no_such_load(key, load_id, "note its rows");
    }
    it->second.rows_given = rows_given;
    it->second.rows_reported = rows_reported;
    return {};
  }

  Status set_owner(const StreamKey& key, std::string_view owner_json) override {
    std::lock_guard lock(store_->mutex);
    const auto it = store_->streams.find(id_of(key));
    if (it != store_->streams.end()) it->second.owner_json = it->second.load_owner_json = std::string(owner_json);
    return {};
  }

  Status complete_loads(std::span<const FinishedLoad> loads) override {
    std::lock_guard lock(store_->mutex);
    for (const auto& [key, load_id] : loads) {
      const auto it = store_->streams.find(id_of(key));
      if (it == store_->streams.end() || it->second.load_id != load_id)
        return no_such_load(key, load_id, "complete it");
    }
    for (const auto& [key, load_id] : loads) store_->streams[id_of(key)].load_in_progress = false;
    return {};
  }

  Result<std::optional<std::string>> stream_note(std::string_view pipeline, std::string_view stream,
                                                 std::string_view name) override {
    std::lock_guard lock(store_->mutex);
    const auto it = store_->notes.find({std::string(pipeline), std::string(stream), std::string(name)});
    return it == store_->notes.end() ? std::optional<std::string>() : std::optional<std::string>(it->second);
  }

  Status set_stream_note(std::string_view pipeline, std::string_view stream, std::string_view name,
                         std::string_view value) override {
    RB_RETURN_NOT_OK(check_value_size(name, value));
    std::lock_guard lock(store_->mutex);
    store_->notes[{std::string(pipeline), std::string(stream), std::string(name)}] = value;
    return {};
  }

  Status reset(std::string_view pipeline, const std::optional<std::string>& stream) override {
    std::lock_guard lock(store_->mutex);
    std::erase_if(store_->streams, [&](const auto& entry) {
      return std::get<0>(entry.first) == pipeline && (!stream || std::get<1>(entry.first) == *stream);
    });
    std::erase_if(store_->notes, [&](const auto& entry) {
      return std::get<0>(entry.first) == pipeline && (!stream || std::get<1>(entry.first) == *stream);
    });
    std::erase_if(store_->pairs, [&](const auto& entry) {
      const auto& [of, scope, owner, key] = entry.first;
      return of == pipeline && (!stream || (scope == PairScope::kStream && owner == *stream));
    });
    return {};
  }

  Result<std::vector<std::pair<StreamKey, StreamState>>> list_streams(std::string_view pipeline) override {
    std::lock_guard lock(store_->mutex);
    std::vector<std::pair<StreamKey, StreamState>> out;
    for (const auto& [id, state] : store_->streams) {
      if (std::get<0>(id) == pipeline) out.push_back({{std::get<0>(id), std::get<1>(id), std::get<2>(id)}, state});
    }
    return out;
  }

  Result<std::unique_ptr<Lease>> acquire_lease(std::string_view pipeline, std::string_view run_id) override {
    std::lock_guard lock(store_->mutex);
    const auto [it, inserted] = store_->leases.emplace(pipeline, run_id);
    if (!inserted) {
      return make_retryable_error(
          ErrorCategory::kTransientDb, codes::kPipelineLocked,
          fmt::format("pipeline '{}' is being run already, by this process (run {}). Wait until that run "
                      "has ended",
                      pipeline, it->second));
    }
    return std::unique_ptr<Lease>(std::make_unique<MemoryLease>(store_, std::string(pipeline)));
  }

  Status record_run(const RunRecord& run) override {
    std::lock_guard lock(store_->mutex);
    auto& runs = store_->runs[run.pipeline];
    std::erase_if(runs, [&](const RunRecord& other) { return other.run_id == run.run_id; });
    runs.push_back(run);
    if (runs.size() > kMaxRunsKept) runs.erase(runs.begin());
    return {};
  }

  Result<std::vector<RunRecord>> recent_runs(std::string_view pipeline, uint32_t most) override {
    std::lock_guard lock(store_->mutex);
    std::vector<RunRecord> out;
    const auto it = store_->runs.find(std::string(pipeline));
    if (it == store_->runs.end()) return out;
    for (auto run = it->second.rbegin(); run != it->second.rend() && out.size() < most; ++run) out.push_back(*run);
    return out;
  }

 private:
  [[nodiscard]] Status check_room(std::string_view pipeline, const PairKey& key, std::string_view value) const {
    uint64_t others = 0;
    uint64_t bytes = 0;
    const PairId own = id_of(pipeline, key);
    for (const auto& [id, stored] : store_->pairs) {
      if (std::get<0>(id) != pipeline || id == own) continue;
      ++others;
      bytes += std::get<2>(id).size() + std::get<3>(id).size() + stored.size();
    }
    return check_quota(pipeline, key, value, others, bytes);
  }

  // Shared with the leases.
  std::shared_ptr<Store> store_ = std::make_shared<Store>();
};

}  // namespace

std::unique_ptr<StateBackend> make_memory_state() { return std::make_unique<MemoryStateBackend>(); }

}  // namespace rapidbyte::state
