#pragma once
// Fakes for the engine's tests: a ComponentRuntime whose guests are functions of the test, a source that counts from 0
// upwards, and a destination that keeps an in-memory database with rows and receipts in one transaction. Guests run on
// the engine's threads; what they share is locked.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "rapidbyte/engine/lane/batch_queue.h"
#include "rapidbyte/engine/load/retry.h"
#include "rapidbyte/engine/orchestrator.h"
#include "rapidbyte/pipeline/types.h"
#include "rapidbyte/runtime/component_runtime.h"
#include "rapidbyte/state/memory/memory_state_backend.h"

namespace rapidbyte::engine::testing {

using nlohmann::json;

/// An Arrow IPC stream with one Int64 column `id`: first, first + 1, ...
PooledBuffer id_batch(int64_t first, int64_t count);
/// The column `id` of such a batch as numbers.
std::vector<int64_t> ids_of(std::span<const std::byte> batch);

/// A gate that tests keep shut: guests wait at it until it is opened or their instance is cancelled.
class Gate {
 public:
  void open();
  /// CANCELLED when the token fires first.
  Status wait(const CancelToken& cancel);
  /// Waits until a guest is at the gate.
  void wait_for_guest();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int waiting_ = 0;
};

/// What one fake guest does. Functions that are not set succeed and do nothing.
struct Script {
  std::function<Status(const runtime::InstanceOptions&)> instantiate, open, close;
  std::function<Result<std::string>(const runtime::InstanceOptions&)> discover;
  std::function<Result<std::string>(const runtime::InstanceOptions&, const json&, uint32_t want)> plan_partitions;
  std::function<Result<runtime::ReadSummary>(const runtime::InstanceOptions&, const json&)> read;
  std::function<Result<runtime::WriteSummary>(const runtime::InstanceOptions&, const json&)> write;
  std::function<Result<runtime::TransformSummary>(const runtime::InstanceOptions&, const json&)> transform;
  std::function<Status(const runtime::InstanceOptions&, const json&)> begin_stream;
  std::function<Status(const runtime::InstanceOptions&, const json&, bool)> finish_stream;
  std::function<Result<std::optional<std::string>>(const json&)> last_committed;
};

class FakeConnector final : public runtime::Connector {
 public:
  FakeConnector(std::string name, runtime::ConnectorRole role, Script script);
  const std::string& name() const override { return name_; }
  const std::string& version() const override { return version_; }
  runtime::ConnectorRole role() const override { return role_; }
  const std::filesystem::path& path() const override { return path_; }
  const std::filesystem::path& manifest_path() const override { return manifest_path_; }
  const runtime::Manifest* manifest() const override { return &manifest_; }
  const std::string& protocol() const override { return protocol_; }

  std::string protocol_ = "2.1.0";
  runtime::Manifest manifest_;
  Script script;
  std::atomic<int> instances{0};
  std::atomic<int> alive{0};
  std::atomic<int> closed{0};
  runtime::Role& own_role();

 private:
  std::string name_;
  std::string version_ = "0.1.0";
  std::filesystem::path path_ = "fake.wasm";
  std::filesystem::path manifest_path_ = "fake.manifest.json";
  runtime::ConnectorRole role_;
};

class FakeRuntime final : public runtime::ComponentRuntime {
 public:
  std::shared_ptr<FakeConnector> add(const std::string& use, runtime::ConnectorRole role, Script script);
  Result<std::shared_ptr<const runtime::Connector>> load(std::string_view reference,
                                                         runtime::ConnectorRole role) override;
  Result<std::unique_ptr<runtime::ComponentInstance>> instantiate(std::shared_ptr<const runtime::Connector> connector,
                                                                  runtime::InstanceOptions options) override;

 private:
  std::map<std::string, std::shared_ptr<FakeConnector>, std::less<>> connectors_;
};

/// What a CountingSource reads.
struct CountingOptions {
  int64_t rows = 100;
  int64_t rows_per_batch = 10;
  /// Batches between checkpoints; 0: none.
  int64_t checkpoint_every = 2;
  /// What the catalog says about the rows.
  std::vector<std::string> primary_key = {};
  /// The number of partitions of about the same size that plan-partitions answers.
  int64_t partitions = 0;
  std::vector<std::string> streams = {"numbers"};
  /// Called before batch `n` (from 0) of a read is emitted; an error ends the read.
  std::function<Status(const runtime::InstanceOptions&, int64_t batch)> before_batch = nullptr;
};
/// Counts; reads ctx.partition.from up to .to, and resumes at ctx.resume.next; with sync_mode incremental it begins
/// after cursor_info.last_value.
Script counting_source(CountingOptions options);

/// Committed rows and receipts by stream.
struct FakeDatabase {
  struct Table {
    std::vector<int64_t> rows;
    std::vector<int64_t> staging;
    /// By ctx.partition as JSON; "null" when the stream is not split.
    std::map<std::string, std::string> receipts;
  };
  std::mutex mutex;
  std::map<std::string, Table> tables;
  std::vector<std::string> calls;  // "begin numbers", "finish numbers true" ...
  std::vector<json> begin_contexts;

  std::vector<int64_t> rows(const std::string& stream);
  std::vector<std::string> seen_calls();
};

struct DatabaseOptions {
  /// Called before a batch is written, before a commit, and after a commit (but before it is reported); an error ends
  /// the write.
  std::function<Status(const runtime::InstanceOptions&, int64_t batch)> before_write;
  std::function<Status(const runtime::InstanceOptions&, int64_t commit)> before_commit;
  std::function<Status(const runtime::InstanceOptions&, int64_t commit)> after_commit;
  /// Rows with these ids are rejected to the DLQ.
  std::function<bool(int64_t id)> rejects;
};
/// Writes as docs/protocol.md requires: commits at each aligned checkpoint, with a receipt in the same transaction.
Script database_destination(FakeDatabase& database, const DatabaseOptions& options = {});

/// A clock that does not wait; it records the delays.
class FakeClock final : public RetryClock {
 public:
  bool wait(std::chrono::milliseconds delay, const CancelToken& cancel) override;
  std::vector<int64_t> delays();

 private:
  std::mutex mutex_;
  std::vector<int64_t> delays_;
};

/// Records what the engine reports.
class RecordingObserver final : public RunObserver {
 public:
  void run_started(std::string_view, std::string_view, const std::vector<std::string>& streams) override;
  void stream_started(std::string_view stream, bool resumed) override;
  void progress(std::string_view stream, const StreamProgress& progress) override;
  void checkpoint_committed(std::string_view stream, uint64_t rows) override;
  void retry(std::string_view stream, const ConnectorError& error, std::chrono::milliseconds,
             uint32_t attempt) override;
  void preview(std::string_view stream, const Preview& preview) override;
  void stream_finished(const StreamReport& report) override;
  void run_finished(const RunReport& report) override;

  std::vector<std::string> events();
  std::map<std::string, Preview> previews();
  std::map<std::string, StreamProgress> last_progress();

 private:
  void note(std::string event);
  std::mutex mutex_;
  std::vector<std::string> events_;
  std::map<std::string, Preview> previews_;
  std::map<std::string, StreamProgress> progress_;
};

/// A pipeline fake-source -> fake-destination in a temporary folder, with everything to run it.
class EngineHarness {
 public:
  explicit EngineHarness(CountingOptions source = {}, const DatabaseOptions& destination = {});
  ~EngineHarness();
  EngineHarness(const EngineHarness&) = delete;
  EngineHarness& operator=(const EngineHarness&) = delete;

  /// The parts of the run.
  PreparedPipeline prepared();
  RunReport run();
  /// Stream numbers reads by its cursor, the column id.
  void make_incremental();

  FakeDatabase database;
  FakeRuntime runtime;
  std::unique_ptr<state::StateBackend> state = state::make_memory_state();
  std::shared_ptr<FakeConnector> source, destination;
  pipeline::PipelineConfig pipeline;
  RunOptions options;
  FakeClock clock;
  RecordingObserver observer;
  std::filesystem::path folder;

  state::StreamState stream_state(const std::string& stream = "numbers");
  /// Writes the state, whichever run holds the pipeline.
  [[nodiscard]] std::unique_ptr<state::Lease> writer() const { return state::memory_writer(*state, pipeline.name); }
};

/// 0, 1, ... count - 1.
std::vector<int64_t> count_to(int64_t count);

/// The whole report, for a test that fails.
std::string why(const RunReport& report);

/// For before_batch, after_commit and so on: fails once, at batch or commit `at`.
std::function<Status(const runtime::InstanceOptions&, int64_t)> once(int64_t at, const Status& status);

}  // namespace rapidbyte::engine::testing
