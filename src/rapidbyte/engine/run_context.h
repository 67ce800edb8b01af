#pragma once
// RunContext: what the streams of one run share. Made by the orchestrator before any stream starts and kept until all
// have ended; the streams read it from their threads, and everything they change is atomic or thread safe.

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rapidbyte/base/buffer_pool.h"
#include "rapidbyte/engine/lane/kept_instance.h"
#include "rapidbyte/engine/lane/stage_threads.h"
#include "rapidbyte/engine/load/retry.h"
#include "rapidbyte/engine/orchestrator.h"
#include "rapidbyte/engine/plan/prepare.h"
#include "rapidbyte/engine/report/dlq.h"
#include "rapidbyte/engine/report/run_observer.h"
#include "rapidbyte/pipeline/types.h"
#include "rapidbyte/runtime/component_runtime.h"
#include "rapidbyte/state/state_backend.h"

namespace rapidbyte::engine {

struct RunContext {
  /// All of them must outlive it.
  RunContext(const PreparedPipeline& from, state::StateBackend& in, const RunOptions& with, RunObserver& watched_by,
             RetryClock& waiting_by)
      : prepared(from),
        pipeline(from.pipeline),
        runtime(from.runtime),
        state(in),
        options(with),
        observer(watched_by),
        clock(waiting_by),
        source(from.source),
        transforms(from.transforms),
        destination(from.destination) {}

  const PreparedPipeline& prepared;
  const pipeline::PipelineConfig& pipeline;
  runtime::ComponentRuntime& runtime;
  state::StateBackend& state;
  const RunOptions& options;
  RunObserver& observer;
  RetryClock& clock;
  std::shared_ptr<const runtime::Connector> source;  // these are shared with `prepared`
  std::vector<std::shared_ptr<const runtime::Connector>> transforms;
  /// Null in a dry run.
  std::shared_ptr<const runtime::Connector> destination;
  // Filled in step by step by the orchestrator, before the first stream starts.
  std::string run_id{};
  /// Writes the state; null in a dry run, which writes none. Losing it cancels the run (interruption()).
  state::Lease* lease = nullptr;
  /// The state that guests see: the lease, or with --dry-run and --limit a copy that is discarded.
  state::PairStore* guest_state = nullptr;
  /// The source's config, with the stream entries for a source that wants them (feature "stream-options").
  nlohmann::json source_config{};
  /// For the worker that begins first: the source that discovery left open (feature "reuse"), and the destination that
  /// was opened concurrently (feature "open-early") or asked about references ("reuse").
  WorkerInstances first{};
  /// Every stream of the pipeline, including those that this run leaves out: two streams that may not share a table may
  /// not share it across runs either.
  std::vector<std::string> pipeline_streams{};
  /// The destination has begun a stream with them in its context and need not see them again: with thousands of
  /// streams, each context would otherwise carry the names of all.
  std::atomic<bool> pipeline_streams_seen{false};
  /// What positions of this run are made for (position_owner.h); null in a dry run.
  nlohmann::json position_owner{};
  /// How many lanes one stream may have: its share of resources.parallelism.
  uint32_t partitions_per_stream = 1;
  std::shared_ptr<BufferPool> pool{};  // shared with every instance
  /// Of the lanes and their stages, for all streams one after the other.
  StageThreads threads{};
  std::unique_ptr<DlqWriter> dlq{};  // null in a dry run
  std::atomic<uint64_t> peak_guest_memory{0};
  /// Loads of this run that are already in the state (begin_new_loads()), by stream; each is taken once.
  std::mutex begun_loads_mutex{};
  std::map<std::string, std::string> begun_loads{};
  /// Loads that are finished but stay under way until the whole run has succeeded, because a new load of their stream
  /// would append the same rows again: if the run fails later, the next one must not read them again.
  std::mutex finished_loads_mutex{};
  std::vector<state::FinishedLoad> finished_loads{};

  /// Whether loads and cursors are kept: not with --limit or --dry-run.
  [[nodiscard]] bool keeps_state() const { return options.mode.keeps_state(); }
  void note_memory(uint64_t bytes) {
    uint64_t seen = peak_guest_memory.load(std::memory_order_relaxed);
    while (bytes > seen && !peak_guest_memory.compare_exchange_weak(seen, bytes, std::memory_order_relaxed)) {
    }
  }
};

/// How an instance of this run is started; `stream` is empty for discovery. `services` must outlive it.
[[nodiscard]] runtime::InstanceOptions instance_options(const RunContext& run, const pipeline::ConnectorUse& use,
                                                        std::string connector_id, nlohmann::json config,
                                                        std::string stream, CancelToken cancel,
                                                        std::shared_ptr<runtime::HostServices> services);

/// Features that the manifest declares for `connector`'s role; none without a manifest.
[[nodiscard]] const std::vector<std::string>& features_of(const runtime::Connector& connector);
[[nodiscard]] bool has_feature(const runtime::Connector& connector, protocol::Feature feature);
/// Whether an instance may be reused (feature "reuse", protocol 2.1).
[[nodiscard]] bool may_be_kept(const runtime::Connector& connector);

/// The destination's features that every transform from `first_transform` on has too: what may be sent into that
/// transform or, after the last one, to the destination.
[[nodiscard]] std::vector<std::string> features_downstream(const RunContext& run, size_t first_transform);

/// Starts an instance that belongs to no stream yet; the caller opens it. `id`: as InstanceOptions::connector_id.
Result<KeptInstance> start_instance(const RunContext& run, const std::shared_ptr<const runtime::Connector>& connector,
                                    const std::string& stream);
/// Closes it, if there is one, and records its memory. Everything that matters has happened by then, so an error is
/// only logged: a run does not fail because a connection was not closed cleanly. `stream`: for the log; empty outside
/// of a stream.
void close_instance(RunContext& run, KeptInstance& kept, const runtime::Connector& connector,
                    const std::string& stream);
void close_instances(RunContext& run, WorkerInstances& kept);
/// Starts and opens the destination of the run's only stream, concurrently with discovery. Writes only
/// `run.first.destination`.
void open_destination_early(RunContext& run, const std::string& stream) noexcept;

/// Why a cancelled run ends: LEASE_LOST when it has lost its lease, else CANCELLED.
[[nodiscard]] RunFailure interruption(const RunContext& run);
/// Asks the state whether this run still holds the lease: ok, or LEASE_LOST. Called before something is published or
/// claimed, where no write to the state would tell. A state that does not answer is not a loss.
[[nodiscard]] std::optional<RunFailure> check_lease(const RunContext& run);
/// `status` as a failure of `stage`; if the run was cancelled earlier, as one of kInterrupted, or as LEASE_LOST. Call
/// it when the error occurs.
[[nodiscard]] RunFailure failure_of(const RunContext& run, Stage stage, const Status& status);

}  // namespace rapidbyte::engine
