#include "rapidbyte/engine/testing/fakes.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <nanoarrow/nanoarrow.hpp>
#include <nanoarrow/nanoarrow_ipc.hpp>

#include "rapidbyte/engine/batch_inspector.h"
#include "rapidbyte/engine/checkpoint.h"

namespace rapidbyte::engine::testing {

using runtime::CheckpointKind;
using runtime::ConnectorRole;
using runtime::InstanceOptions;

PooledBuffer id_batch(int64_t first, int64_t count) {
  nanoarrow::UniqueSchema schema;
  ArrowSchemaInit(schema.get());
  EXPECT_EQ(ArrowSchemaSetTypeStruct(schema.get(), 1), NANOARROW_OK);
  EXPECT_EQ(ArrowSchemaSetType(schema->children[0], NANOARROW_TYPE_INT64), NANOARROW_OK);
  EXPECT_EQ(ArrowSchemaSetName(schema->children[0], "id"), NANOARROW_OK);
  nanoarrow::UniqueArray array;
  EXPECT_EQ(ArrowArrayInitFromSchema(array.get(), schema.get(), nullptr), NANOARROW_OK);
  EXPECT_EQ(ArrowArrayStartAppending(array.get()), NANOARROW_OK);
  for (int64_t i = 0; i < count; ++i) {
    EXPECT_EQ(ArrowArrayAppendInt(array->children[0], first + i), NANOARROW_OK);
    EXPECT_EQ(ArrowArrayFinishElement(array.get()), NANOARROW_OK);
  }
  EXPECT_EQ(ArrowArrayFinishBuildingDefault(array.get(), nullptr), NANOARROW_OK);
  nanoarrow::UniqueArrayView view;
  EXPECT_EQ(ArrowArrayViewInitFromSchema(view.get(), schema.get(), nullptr), NANOARROW_OK);
  EXPECT_EQ(ArrowArrayViewSetArray(view.get(), array.get(), nullptr), NANOARROW_OK);
  nanoarrow::UniqueBuffer out;
  nanoarrow::ipc::UniqueOutputStream stream;
  nanoarrow::ipc::UniqueWriter writer;
  EXPECT_EQ(ArrowIpcOutputStreamInitBuffer(stream.get(), out.get()), NANOARROW_OK);
  EXPECT_EQ(ArrowIpcWriterInit(writer.get(), stream.get()), NANOARROW_OK);
  EXPECT_EQ(ArrowIpcWriterWriteSchema(writer.get(), schema.get(), nullptr), NANOARROW_OK);
  EXPECT_EQ(ArrowIpcWriterWriteArrayView(writer.get(), view.get(), nullptr), NANOARROW_OK);
  EXPECT_EQ(ArrowIpcWriterWriteArrayView(writer.get(), nullptr, nullptr), NANOARROW_OK);
  BufferPool pool(0);
  return pool.copy_of({reinterpret_cast<const std::byte*>(out->data), static_cast<size_t>(out->size_bytes)});
}

std::vector<int64_t> ids_of(std::span<const std::byte> batch) {
  const BatchInspector inspector(std::make_shared<BufferPool>(size_t{0}));
  Preview preview;
  const Status status = inspector.add_to_preview(batch, UINT64_MAX, preview);
  EXPECT_TRUE(status.ok()) << status.to_string();
  std::vector<int64_t> ids;
  for (const auto& row : preview.rows) ids.push_back(std::stoll(row[0].value()));
  return ids;
}

void Gate::open() {
  std::lock_guard lock(mutex_);
  open_ = true;
  changed_.notify_all();
}

Status Gate::wait(const CancelToken& cancel) {
  const auto registration = cancel.on_cancel([this] {
    std::lock_guard lock(mutex_);
    changed_.notify_all();
  });
  std::unique_lock lock(mutex_);
  ++waiting_;
  changed_.notify_all();
  changed_.wait(lock, [&] { return open_ || cancel.cancelled(); });
  if (!open_) return internal_error("CANCELLED", "cancelled at the gate");
  return {};
}

void Gate::wait_for_guest() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return waiting_ > 0; });
}

FakeConnector::FakeConnector(std::string name, ConnectorRole role, Script given)
    : script(std::move(given)), name_(std::move(name)), role_(role) {
  own_role() = {};
}

runtime::Role& FakeConnector::own_role() {
  auto& role = role_ == ConnectorRole::kSource        ? manifest_.source
               : role_ == ConnectorRole::kDestination ? manifest_.destination
                                                      : manifest_.transform;
  if (!role) role.emplace();
  return *role;
}

namespace {

class FakeInstance final : public runtime::ComponentInstance {
 public:
  FakeInstance(std::shared_ptr<FakeConnector> connector, InstanceOptions options)
      : connector_(std::move(connector)), options_(std::move(options)) {
    ++connector_->instances;
    ++connector_->alive;
  }
  ~FakeInstance() override { --connector_->alive; }

  Status open() override { return script().open ? script().open(options_) : Status(); }
  Result<std::string> discover() override {
    return script().discover ? script().discover(options_) : Result<std::string>(std::string(R"({"streams": []})"));
  }
  Result<runtime::ValidationResult> validate() override { return runtime::ValidationResult{}; }
  Result<runtime::ReadSummary> run_read(std::string_view ctx) override {
    return script().read ? script().read(options_, json::parse(ctx))
                         : Result<runtime::ReadSummary>(runtime::ReadSummary{});
  }
  Result<runtime::WriteSummary> run_write(std::string_view ctx) override {
    return script().write ? script().write(options_, json::parse(ctx))
                          : Result<runtime::WriteSummary>(runtime::WriteSummary{});
  }
  Result<runtime::TransformSummary> run_transform(std::string_view ctx) override {
    return script().transform ? script().transform(options_, json::parse(ctx))
                              : Result<runtime::TransformSummary>(runtime::TransformSummary{});
  }
  Result<std::string> plan_partitions(std::string_view ctx, uint32_t want) override {
    if (!script().plan_partitions || !connector_->speaks_2_1()) return std::string("[]");
    return script().plan_partitions(options_, json::parse(ctx), want);
  }
  Status begin_stream(std::string_view ctx) override {
    return script().begin_stream && connector_->speaks_2_1() ? script().begin_stream(options_, json::parse(ctx))
                                                             : Status();
  }
  Status finish_stream(std::string_view ctx, bool succeeded) override {
    return script().finish_stream && connector_->speaks_2_1()
               ? script().finish_stream(options_, json::parse(ctx), succeeded)
               : Status();
  }
  Result<std::optional<std::string>> last_committed(std::string_view ctx) override {
    if (!script().last_committed || !connector_->speaks_2_1()) return std::optional<std::string>();
    return script().last_committed(json::parse(ctx));
  }
  Status close() override {
    ++connector_->closed;
    return script().close ? script().close(options_) : Status();
  }
  void serve(std::string stream) override { options_.stream = std::move(stream); }
  uint64_t peak_memory_bytes() const override { return 65536; }

 private:
  Script& script() { return connector_->script; }
  std::shared_ptr<FakeConnector> connector_;
  InstanceOptions options_;
};

Status not_found(std::string_view reference) {
  return config_error("CONNECTOR_NOT_FOUND", fmt::format("no connector {}", reference));
}

}  // namespace

std::shared_ptr<FakeConnector> FakeRuntime::add(const std::string& use, ConnectorRole role, Script script) {
  return connectors_[use] = std::make_shared<FakeConnector>(use, role, std::move(script));
}

Result<std::shared_ptr<const runtime::Connector>> FakeRuntime::load(std::string_view reference, ConnectorRole role) {
  const auto at = connectors_.find(reference);
  if (at == connectors_.end() || at->second->role() != role) return not_found(reference);
  return std::shared_ptr<const runtime::Connector>(at->second);
}

Result<std::unique_ptr<runtime::ComponentInstance>> FakeRuntime::instantiate(
    std::shared_ptr<const runtime::Connector> connector, InstanceOptions options) {
  const auto fake = connectors_.find(connector->name())->second;
  if (fake->script.instantiate) RB_RETURN_NOT_OK(fake->script.instantiate(options));
  return std::unique_ptr<runtime::ComponentInstance>(std::make_unique<FakeInstance>(fake, std::move(options)));
}

Script counting_source(CountingOptions options) {
  Script script;
  script.discover = [options](const InstanceOptions&) {
    json streams = json::array();
    for (const std::string& name : options.streams) {
      streams.push_back({{"name", name},
                         {"schema", json::array({{{"name", "id"}, {"data_type", "Int64"}, {"nullable", false}}})},
                         {"supported_sync_modes", {"full_refresh", "incremental"}},
                         {"source_defined_primary_key", options.primary_key}});
    }
    return Result<std::string>(json{{"streams", streams}}.dump());
  };
  script.plan_partitions = [options](const InstanceOptions&, const json&, uint32_t) {
    json parts = json::array();
    for (int64_t i = 0; i < options.partitions; ++i) {
      parts.push_back(
          {{"from", options.rows * i / options.partitions}, {"to", options.rows * (i + 1) / options.partitions}});
    }
    return Result<std::string>(parts.dump());
  };
  script.read = [options](const InstanceOptions& instance, const json& ctx) -> Result<runtime::ReadSummary> {
    runtime::ReadSummary summary;
    int64_t next = 0;
    int64_t end = options.rows;
    if (ctx.contains("partition") && ctx["partition"].is_object()) {
      next = ctx["partition"]["from"].get<int64_t>();
      end = ctx["partition"]["to"].get<int64_t>();
    }
    const bool incremental = ctx["sync_mode"] == "incremental";
    if (incremental && ctx["cursor_info"]["last_value"].is_object())
      next = ctx["cursor_info"]["last_value"]["int64"].get<int64_t>() + 1;
    if (ctx.contains("resume") && ctx["resume"].is_object() && ctx["resume"].contains("next"))
      next = ctx["resume"]["next"].get<int64_t>();
    const auto checkpoint = [&] {
      json body = {{"id", "c"},
                   {"kind", "source"},
                   {"cursor_field", incremental ? "id" : ""},
                   {"records_processed", next},
                   {"next", next}};
      if (next > 0) body["cursor_value"] = {{"int64", next - 1}};
      ++summary.checkpoint_count;
      return instance.services->checkpoint(CheckpointKind::kSource, protocol::Checkpoint(body));
    };
    for (int64_t batch = 0; next < end; ++batch) {
      if (options.before_batch) RB_RETURN_NOT_OK(options.before_batch(instance, batch));
      const int64_t count = std::min(options.rows_per_batch, end - next);
      PooledBuffer bytes = id_batch(next, count);
      summary.bytes_read += bytes.size();
      RB_RETURN_NOT_OK(instance.services->emit_batch(bytes.bytes()));
      next += count;
      summary.records_read += static_cast<uint64_t>(count);
      ++summary.batches_emitted;
      if (options.checkpoint_every > 0 && (batch + 1) % options.checkpoint_every == 0) RB_RETURN_NOT_OK(checkpoint());
    }
    if (options.checkpoint_every > 0) RB_RETURN_NOT_OK(checkpoint());
    return summary;
  };
  return script;
}

std::vector<int64_t> FakeDatabase::rows(const std::string& stream) {
  std::lock_guard lock(mutex);
  return tables[stream].rows;
}

std::vector<std::string> FakeDatabase::seen_calls() {
  std::lock_guard lock(mutex);
  return calls;
}

namespace {

bool is_replace(const json& ctx) { return ctx["write_mode"] == "replace"; }
bool is_upsert(const json& ctx) { return ctx["write_mode"].is_object(); }

// One open transaction of the fake destination.
class Transaction {
 public:
  Transaction(FakeDatabase& database, const DatabaseOptions& options, const InstanceOptions& instance, const json& ctx)
      : database_(database),
        options_(options),
        instance_(instance),
        ctx_(ctx),
        stream_(ctx["stream_name"].get<std::string>()) {}

  Result<runtime::WriteSummary> write_all() {
    while (true) {
      RB_RETURN_NOT_OK(commit_if_aligned());
      RB_ASSIGN_OR_RETURN(std::optional<PooledBuffer> batch, instance_.services->next_batch());
      RB_RETURN_NOT_OK(commit_if_aligned());
      if (!batch) break;
      if (options_.before_write) RB_RETURN_NOT_OK(options_.before_write(instance_, written_batches_));
      for (const int64_t id : ids_of(batch->bytes())) RB_RETURN_NOT_OK(write(id));
      ++written_batches_;
      ++summary_.batches_written;
    }
    // A 2.0.0 guest has no pending-checkpoint: it commits at the end.
    if (uncommitted_) RB_RETURN_NOT_OK(commit(json::object()));
    return summary_;
  }

 private:
  Status write(int64_t id) {
    if (options_.rejects && options_.rejects(id)) {
      ++summary_.records_failed;
      return instance_.services->emit_dlq_record(
          {stream_, json{{"id", id}}.dump(), fmt::format("{} is refused", id), "data"});
    }
    open_.push_back(id);
    uncommitted_ = true;
    ++summary_.records_written;
    return {};
  }

  Status commit_if_aligned() {
    if (ctx_.value("run_id", "").empty()) return {};
    RB_ASSIGN_OR_RETURN(const std::optional<std::string> pending, instance_.services->pending_checkpoint());
    if (!pending || pending == last_) return {};
    const json checkpoint = json::parse(*pending);
    if (checkpoint["batches_covered"] != written_batches_) return {};
    last_ = pending;
    return commit(checkpoint);
  }

  Status commit(json checkpoint) {
    if (options_.before_commit) RB_RETURN_NOT_OK(options_.before_commit(instance_, commits_));
    {
      std::lock_guard lock(database_.mutex);
      FakeDatabase::Table& table = database_.tables[stream_];
      auto& rows = is_replace(ctx_) ? table.staging : table.rows;
      for (const int64_t id : open_) {
        if (is_upsert(ctx_)) std::erase(rows, id);
        rows.push_back(id);
      }
      if (!checkpoint.empty()) table.receipts[ctx_.value("partition", json()).dump()] = checkpoint.dump();
    }
    open_.clear();
    uncommitted_ = false;
    if (options_.after_commit) RB_RETURN_NOT_OK(options_.after_commit(instance_, commits_));
    ++commits_;
    ++summary_.checkpoint_count;
    checkpoint["kind"] = "dest";
    checkpoint["records_processed"] = summary_.records_written;
    return instance_.services->checkpoint(CheckpointKind::kDestination, protocol::Checkpoint(checkpoint));
  }

  FakeDatabase& database_;
  const DatabaseOptions& options_;
  const InstanceOptions& instance_;
  const json& ctx_;
  const std::string stream_;
  runtime::WriteSummary summary_;
  std::vector<int64_t> open_;
  bool uncommitted_ = false;
  int64_t written_batches_ = 0;
  int64_t commits_ = 0;
  std::optional<std::string> last_;
};

}  // namespace

Script database_destination(FakeDatabase& database, const DatabaseOptions& options) {
  Script script;
  script.begin_stream = [&database](const InstanceOptions&, const json& ctx) {
    std::lock_guard lock(database.mutex);
    database.calls.push_back(fmt::format("begin {}", ctx["stream_name"].get<std::string>()));
    database.begin_contexts.push_back(ctx);
    if (is_replace(ctx)) database.tables[ctx["stream_name"]].staging.clear();
    return Status();
  };
  script.write = [&database, options](const InstanceOptions& instance, const json& ctx) {
    return Transaction(database, options, instance, ctx).write_all();
  };
  script.finish_stream = [&database](const InstanceOptions&, const json& ctx, bool succeeded) {
    std::lock_guard lock(database.mutex);
    database.calls.push_back(fmt::format("finish {} {}", ctx["stream_name"].get<std::string>(), succeeded));
    FakeDatabase::Table& table = database.tables[ctx["stream_name"]];
    if (is_replace(ctx) && succeeded) table.rows = table.staging;
    if (is_replace(ctx)) table.staging.clear();
    return Status();
  };
  script.last_committed = [&database](const json& ctx) {
    std::lock_guard lock(database.mutex);
    const auto table = database.tables.find(ctx["stream_name"]);
    if (table == database.tables.end())
      return Result<std::optional<std::string>>(std::string(R"({"target_absent":true})"));
    const auto& receipts = table->second.receipts;
    const auto at = receipts.find(ctx["partition"].dump());
    if (at == receipts.end()) return Result<std::optional<std::string>>(std::optional<std::string>());
    return Result<std::optional<std::string>>(at->second);
  };
  return script;
}

bool FakeClock::wait(std::chrono::milliseconds delay, const CancelToken& cancel) {
  std::lock_guard lock(mutex_);
  delays_.push_back(delay.count());
  return !cancel.cancelled();
}

std::vector<int64_t> FakeClock::delays() {
  std::lock_guard lock(mutex_);
  return delays_;
}

void RecordingObserver::note(std::string event) {
  std::lock_guard lock(mutex_);
  events_.push_back(std::move(event));
}
void RecordingObserver::run_started(std::string_view, std::string_view, const std::vector<std::string>& streams) {
  note(fmt::format("run {}", streams.size()));
}
void RecordingObserver::stream_started(std::string_view stream, bool resumed) {
  note(fmt::format("start {}{}", stream, resumed ? " resumed" : ""));
}
void RecordingObserver::progress(std::string_view stream, const StreamProgress& progress) {
  std::lock_guard lock(mutex_);
  progress_[std::string(stream)] = progress;
}
void RecordingObserver::checkpoint_committed(std::string_view stream, uint64_t rows) {
  note(fmt::format("commit {} {}", stream, rows));
}
void RecordingObserver::retry(std::string_view stream, const ConnectorError& error, std::chrono::milliseconds,
                              uint32_t attempt) {
  note(fmt::format("retry {} {} {}", stream, error.code, attempt));
}
void RecordingObserver::preview(std::string_view stream, const Preview& preview) {
  std::lock_guard lock(mutex_);
  previews_[std::string(stream)] = preview;
}
void RecordingObserver::stream_finished(const StreamReport& report) {
  note(fmt::format("end {} {}", report.stream, to_string(report.outcome)));
}
void RecordingObserver::run_finished(const RunReport& report) {
  note(fmt::format("done {}", to_string(report.outcome)));
}
std::vector<std::string> RecordingObserver::events() {
  std::lock_guard lock(mutex_);
  return events_;
}
std::map<std::string, Preview> RecordingObserver::previews() {
  std::lock_guard lock(mutex_);
  return previews_;
}
std::map<std::string, StreamProgress> RecordingObserver::last_progress() {
  std::lock_guard lock(mutex_);
  return progress_;
}

EngineHarness::EngineHarness(CountingOptions source_options, const DatabaseOptions& destination_options) {
  std::string pattern = (std::filesystem::temp_directory_path() / "rb-engine-XXXXXX").string();
  EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
  folder = pattern;
  pipeline.name = "p";
  pipeline.file = folder / "pipeline.yaml";
  pipeline.state.connection = folder / ".rapidbyte" / "state.db";
  pipeline.source.use = "fake-source";
  pipeline.destination.use = "fake-destination";
  pipeline.resources.parallelism = 2;
  for (const std::string& name : source_options.streams) {
    pipeline::StreamConfig stream;
    stream.name = name;
    pipeline.source.streams.push_back(std::move(stream));
  }
  source = runtime.add("fake-source", ConnectorRole::kSource, counting_source(std::move(source_options)));
  source->own_role().features = {"resume"};
  // Its streams may have any keys of their own.
  source->manifest_.stream_schema = {{"type", "object"}};
  destination =
      runtime.add("fake-destination", ConnectorRole::kDestination, database_destination(database, destination_options));
  destination->own_role().features = {"receipts"};
  options.clock = &clock;
}

EngineHarness::~EngineHarness() {
  EXPECT_EQ(source->alive, 0);
  EXPECT_EQ(destination->alive, 0);
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
}

PreparedPipeline EngineHarness::prepared() {
  PrepareOptions how;
  if (options.mode.is_preview()) how.parts = PrepareOptions::Parts::kWithoutDestination;
  return prepare(pipeline, runtime, std::move(how));
}

RunReport EngineHarness::run() { return run_pipeline(prepared(), *state, options, observer); }

state::StreamState EngineHarness::stream_state(const std::string& stream) {
  auto known = state->load_stream({pipeline.name, stream, ""});
  EXPECT_TRUE(known.ok());
  return known.ok() ? *known : state::StreamState();
}

void EngineHarness::make_incremental() {
  pipeline.source.streams[0].sync_mode = pipeline::SyncMode::kIncremental;
  pipeline.source.streams[0].cursor_field = "id";
}

std::vector<int64_t> count_to(int64_t count) {
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < count; ++i) ids.push_back(i);
  return ids;
}

std::string why(const RunReport& report) { return to_json(report).dump(2); }

std::function<Status(const runtime::InstanceOptions&, int64_t)> once(int64_t at, const Status& status) {
  auto done = std::make_shared<std::atomic<bool>>(false);
  return [=](const runtime::InstanceOptions&, int64_t number) {
    return number == at && !done->exchange(true) ? status : Status();
  };
}

}  // namespace rapidbyte::engine::testing
