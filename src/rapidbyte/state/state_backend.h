#pragma once
// StateBackend: what outlives a run. Scoped key-value pairs for connectors, the load record of each stream (which load
// is under way, the newest durable source checkpoint), the pipeline's lease, and the history of runs. Reading needs no
// lease; all writes go through one (lease.h), except the history, which decides nothing. All calls are thread safe. A
// call that returned ok is durable against a crash of the process, and against a power cut too, except that
// complete_loads, record_run and the lease may then look as if they had not been called yet. Failures: STATE_BACKEND.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rapidbyte/base/status.h"
#include "rapidbyte/state/lease.h"
#include "rapidbyte/state/pair_store.h"
#include "rapidbyte/state/stream_state.h"

namespace rapidbyte::state {

class StateBackend {
 public:
  virtual ~StateBackend() = default;

  virtual Result<std::optional<std::string>> get(std::string_view pipeline, const PairKey& key) = 0;
  virtual Result<StreamState> load_stream(const StreamKey& key) = 0;
  virtual Result<std::vector<std::pair<StreamKey, StreamState>>> list_streams(std::string_view pipeline) = 0;
  /// The engine's own notes about a stream, by name.
  virtual Result<std::optional<std::string>> stream_note(std::string_view pipeline, std::string_view stream,
                                                         std::string_view name) = 0;

  /// Acquires the pipeline for this process, with a token above that of every earlier holder. Held by another live run:
  /// PIPELINE_LOCKED (transient-db, retryable), and the message names that run's process id and start time. `run_id`
  /// must be unique: it distinguishes holders when a restored state issues a token a second time.
  virtual Result<std::unique_ptr<Lease>> acquire_lease(std::string_view pipeline, std::string_view run_id) = 0;

  /// Adds a run to the history, or replaces the record of the same run. Needs no lease, so that a run that has lost its
  /// lease can record that.
  virtual Status record_run(const RunRecord& run) = 0;
  /// Newest first.
  virtual Result<std::vector<RunRecord>> recent_runs(std::string_view pipeline, uint32_t most) = 0;
};

// What all backends answer with.
[[nodiscard]] Status check_value_size(const PairKey& key, std::string_view value);
/// STATE_QUOTA when the pair does not fit beside the pipeline's `others`, which have `other_bytes` in total.
[[nodiscard]] Status check_quota(std::string_view pipeline, const PairKey& key, std::string_view value, uint64_t others,
                                 uint64_t other_bytes);
[[nodiscard]] Status no_load_id(const StreamKey& key);
[[nodiscard]] Status no_such_load(const StreamKey& key, std::string_view load_id, std::string_view wanted);

}  // namespace rapidbyte::state
