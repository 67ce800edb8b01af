#include "rapidbyte/state/memory/memory_state_backend.h"

#include <fmt/format.h>

#include <functional>
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

struct Holder {
  std::string run_id;
  uint64_t token = 0;
};

struct Store {
  std::mutex mutex;
  std::map<PairId, std::string> pairs;
  std::map<StreamId, StreamState> streams;
  /// As they were before the first relaxed write since the last durable one; nullopt: all is durable.
  std::optional<std::map<StreamId, StreamState>> durable_streams;
  std::map<NoteId, std::string> notes;
  std::set<std::string> locks;             // pipelines that are locked
  std::map<std::string, Holder> holders;   // by pipeline
  std::map<std::string, uint64_t> tokens;  // the newest of each pipeline
  std::map<std::string, std::vector<RunRecord>> runs;
};

PairId id_of(std::string_view pipeline, const PairKey& key) {
  return {std::string(pipeline), key.scope, std::string(key.owner), std::string(key.text)};
}

StreamId id_of(const StreamKey& key) { return {key.pipeline, key.stream, key.partition}; }

Result<std::optional<std::string>> find_pair(Store& store, std::string_view pipeline, const PairKey& key) {
  const std::lock_guard lock(store.mutex);
  const auto it = store.pairs.find(id_of(pipeline, key));
  return it == store.pairs.end() ? std::optional<std::string>() : std::optional<std::string>(it->second);
}

class MemoryLease final : public Lease {
 public:
  /// Without a token it is not fenced and holds nothing (memory_writer()).
  MemoryLease(std::shared_ptr<Store> store, std::string pipeline, std::optional<uint64_t> token)
      : Lease(std::move(pipeline), token.value_or(0)), fenced_(token.has_value()), store_(std::move(store)) {}
  MemoryLease(const MemoryLease&) = delete;
  MemoryLease& operator=(const MemoryLease&) = delete;
  ~MemoryLease() override {
    const std::lock_guard lock(store_->mutex);
    if (!fenced_ || !check_token().ok()) return;
    store_->holders.erase(pipeline());
    store_->locks.erase(pipeline());
  }

  [[nodiscard]] Renewal renewal() const override {
    return {.every = std::chrono::milliseconds(50), .lasts = std::nullopt};
  }

 protected:
  Status check_holder(const Deadline&) override {
    const std::lock_guard lock(store_->mutex);
    return check_token();
  }

  Result<std::optional<std::string>> load_pair(const PairKey& key) override {
    return find_pair(*store_, pipeline(), key);
  }

  Status store_pair(const PairKey& key, std::string_view value) override {
    return fenced([&]() -> Status {
      RB_RETURN_NOT_OK(check_room(pipeline(), key, value));
      store_->pairs[id_of(pipeline(), key)] = value;
      return {};
    });
  }

  Result<bool> exchange_pair(const PairKey& key, const std::optional<std::string>& expected,
                             std::string_view value) override {
    bool done = false;
    RB_RETURN_NOT_OK(fenced([&]() -> Status {
      const PairId id = id_of(pipeline(), key);
      const auto it = store_->pairs.find(id);
      if (expected ? (it == store_->pairs.end() || it->second != *expected) : it != store_->pairs.end()) return {};
      RB_RETURN_NOT_OK(check_room(pipeline(), key, value));
      store_->pairs[id] = value;
      done = true;
      return {};
    }));
    return done;
  }

  Status store_new_loads(std::span<const NewLoad> loads) override {
    return fenced([&]() -> Status {
      for (const NewLoad& load : loads) begin_locked(load);
      return {};
    });
  }

  Status store_owner(const StreamKey& key, std::string_view owner_json) override {
    return fenced([&]() -> Status {
      const auto it = store_->streams.find(id_of(key));
      if (it != store_->streams.end()) it->second.owner_json = it->second.load_owner_json = std::string(owner_json);
      return {};
    });
  }

  Status store_checkpoint(const StreamKey& key, std::string_view load_id, std::string_view checkpoint_json,
                          uint64_t rows_committed, Durability durability) override {
    const auto save = [&]() -> Status {
      StreamState* known = load_under_way(key, load_id);
      if (known == nullptr) return no_such_load(key, load_id, "save its checkpoint");
      known->checkpoint_json = std::string(checkpoint_json);
      known->owner_json = known->load_owner_json;
      known->committed = true;
      known->rows_committed = rows_committed;
      return {};
    };
    return fenced(save, durability);
  }

  Status store_rows(const StreamKey& key, std::string_view load_id, std::optional<uint64_t> rows_given,
                    uint64_t rows_reported) override {
    return fenced([&]() -> Status {
      StreamState* known = load_under_way(key, load_id);
      if (known == nullptr) return no_such_load(key, load_id, "note its rows");
      known->rows_given = rows_given;
      known->rows_reported = rows_reported;
      return {};
    });
  }

  Status store_finished_loads(std::span<const FinishedLoad> loads) override {
    const auto complete = [&]() -> Status {
      for (const FinishedLoad& load : loads) {
        const auto it = store_->streams.find(id_of(load.key));
        if (it == store_->streams.end() || it->second.load_id != load.load_id)
          return no_such_load(load.key, load.load_id, "complete it");
      }
      for (const FinishedLoad& load : loads) {
        StreamState& known = store_->streams[id_of(load.key)];
        known.load_in_progress = false;
        if (!load.end) continue;
        known.checkpoint_json = load.end->checkpoint_json;
        known.rows_committed = load.end->rows_committed;
        known.committed = true;
        known.owner_json = known.load_owner_json;
      }
      return {};
    };
    return fenced(complete, durability_of(loads));
  }

  Status store_stream_note(std::string_view stream, std::string_view name, std::string_view value) override {
    return fenced([&]() -> Status {
      store_->notes[{pipeline(), std::string(stream), std::string(name)}] = value;
      return {};
    });
  }

  Status forget(const std::optional<std::string>& stream) override {
    return fenced([&]() -> Status {
      std::erase_if(store_->streams, [&](const auto& entry) {
        return std::get<0>(entry.first) == pipeline() && (!stream || std::get<1>(entry.first) == *stream);
      });
      std::erase_if(store_->notes, [&](const auto& entry) {
        return std::get<0>(entry.first) == pipeline() && (!stream || std::get<1>(entry.first) == *stream);
      });
      std::erase_if(store_->pairs, [&](const auto& entry) {
        const auto& [of, scope, owner, key] = entry.first;
        return of == pipeline() && (!stream || (scope == PairScope::kStream && owner == *stream));
      });
      return {};
    });
  }

 private:
  /// Runs `write` if the token is this lease's; holds the store's mutex for both.
  Status fenced(const std::function<Status()>& write, Durability durability = Durability::kDurable) {
    const std::lock_guard lock(store_->mutex);
    RB_RETURN_NOT_OK(check_token());
    if (durability == Durability::kRelaxed && !store_->durable_streams) store_->durable_streams = store_->streams;
    Status written = write();
    if (durability == Durability::kDurable && written.ok()) store_->durable_streams.reset();
    return written;
  }

  [[nodiscard]] Status check_token() const {
    if (!fenced_) return {};
    const auto it = store_->holders.find(pipeline());
    if (it == store_->holders.end()) return lease_lost(pipeline(), "another run has taken the lease and ended");
    if (it->second.token == token()) return {};
    return lease_lost(pipeline(), fmt::format("the lease was taken by this process (run {})", it->second.run_id));
  }

  /// Null when it is not.
  StreamState* load_under_way(const StreamKey& key, std::string_view load_id) {
    const auto it = store_->streams.find(id_of(key));
    const bool under_way = it != store_->streams.end() && it->second.load_id == load_id && it->second.load_in_progress;
    return under_way ? &it->second : nullptr;
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

  const bool fenced_;
  std::shared_ptr<Store> store_;  // shared with the backend, which the lease may outlive
};

class MemoryStateBackend final : public StateBackend {
 public:
  Result<std::optional<std::string>> get(std::string_view pipeline, const PairKey& key) override {
    return find_pair(*store_, pipeline, key);
  }

  Result<StreamState> load_stream(const StreamKey& key) override {
    std::lock_guard lock(store_->mutex);
    const auto it = store_->streams.find(id_of(key));
    return it == store_->streams.end() ? StreamState() : it->second;
  }

  Result<std::optional<std::string>> stream_note(std::string_view pipeline, std::string_view stream,
                                                 std::string_view name) override {
    std::lock_guard lock(store_->mutex);
    const auto it = store_->notes.find({std::string(pipeline), std::string(stream), std::string(name)});
    return it == store_->notes.end() ? std::optional<std::string>() : std::optional<std::string>(it->second);
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
    const std::lock_guard lock(store_->mutex);
    std::string name(pipeline);
    if (!store_->locks.insert(name).second) {
      return make_retryable_error(
          ErrorCategory::kTransientDb, codes::kPipelineLocked,
          fmt::format("pipeline '{}' is already being run by this process (run {}). Wait until that run has ended",
                      pipeline, store_->holders[name].run_id));
    }
    store_->durable_streams.reset();
    const uint64_t token = ++store_->tokens[name];
    store_->holders[name] = {std::string(run_id), token};
    return std::unique_ptr<Lease>(std::make_unique<MemoryLease>(store_, std::move(name), token));
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

  std::unique_ptr<Lease> writer(std::string_view pipeline) {
    return std::make_unique<MemoryLease>(store_, std::string(pipeline), std::nullopt);
  }

  void lose_relaxed_writes() {
    const std::lock_guard lock(store_->mutex);
    if (auto durable = std::exchange(store_->durable_streams, std::nullopt)) store_->streams = std::move(*durable);
  }

  void drop_lock(std::string_view pipeline) {
    const std::lock_guard lock(store_->mutex);
    store_->locks.erase(std::string(pipeline));
  }

 private:
  std::shared_ptr<Store> store_ = std::make_shared<Store>();  // shared with the leases
};

}  // namespace

std::unique_ptr<StateBackend> make_memory_state() { return std::make_unique<MemoryStateBackend>(); }

std::unique_ptr<Lease> memory_writer(StateBackend& memory_state, std::string_view pipeline) {
  return dynamic_cast<MemoryStateBackend&>(memory_state).writer(pipeline);
}

void lose_relaxed_writes(StateBackend& memory_state) {
  dynamic_cast<MemoryStateBackend&>(memory_state).lose_relaxed_writes();
}

void drop_memory_lock(StateBackend& memory_state, std::string_view pipeline) {
  dynamic_cast<MemoryStateBackend&>(memory_state).drop_lock(pipeline);
}

}  // namespace rapidbyte::state
