#include "rapidbyte/runtime/component_runtime.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>
#include <variant>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/runtime/connector/connector_resolve.h"
#include "rapidbyte/runtime/net/network_acl.h"
#include "rapidbyte/runtime/sandbox/aot_cache.h"
#include "rapidbyte/runtime/sandbox/duckdb_file_lock.h"
#include "rapidbyte/runtime/sandbox/guest_error.h"
#include "rapidbyte/runtime/sandbox/idle_services.h"
#include "rapidbyte/runtime/sandbox/sqlite_file_lock.h"
#include "rapidbyte/runtime/sandbox/wasi_context.h"
#include "rapidbyte/runtime/sandbox/wasm_runtime.h"

namespace rapidbyte::runtime {
namespace {

std::string_view role_name(ConnectorRole role) {
  switch (role) {
    case ConnectorRole::kSource: return "source";
    case ConnectorRole::kDestination: return "destination";
    case ConnectorRole::kTransform: return "transform";
  }
  return "connector";
}

bool declares(const Manifest& manifest, ConnectorRole role) {
  switch (role) {
    case ConnectorRole::kSource: return manifest.source.has_value();
    case ConnectorRole::kDestination: return manifest.destination.has_value();
    case ConnectorRole::kTransform: return manifest.transform.has_value();
  }
  return false;
}

/// "source and destination": what it can be used as.
std::string roles_of(const LoadedComponent& component, const std::optional<Manifest>& manifest) {
  std::vector<std::string_view> names;
  for (const ComponentShape& shape : component.shapes()) {
    if (component.shapes().size() > 1 && manifest && !declares(*manifest, shape.role)) continue;
    names.push_back(role_name(shape.role));
  }
  return names.empty() ? "connector of no role that its component has" : fmt::format("{}", fmt::join(names, " and "));
}

class WasmConnector final : public Connector {
 public:
  WasmConnector(ConnectorRef ref, ConnectorFiles files, std::optional<Manifest> manifest,
                std::shared_ptr<const LoadedComponent> component, const ComponentShape& shape,
                std::chrono::nanoseconds compile_time)
      : ref_(std::move(ref)),
        files_(std::move(files)),
        manifest_(std::move(manifest)),
        component_(std::move(component)),
        shape_(shape),
        compile_time_(compile_time) {
    version_ = manifest_ && !manifest_->version.empty() ? manifest_->version : ref_.version;
  }

  [[nodiscard]] const std::string& name() const override { return ref_.name; }
  [[nodiscard]] const std::string& version() const override { return version_; }
  [[nodiscard]] ConnectorRole role() const override { return shape_.role; }
  [[nodiscard]] const std::filesystem::path& path() const override { return files_.component; }
  [[nodiscard]] const std::filesystem::path& manifest_path() const override { return files_.manifest; }
  [[nodiscard]] const Manifest* manifest() const override { return manifest_ ? &*manifest_ : nullptr; }
  [[nodiscard]] const std::string& protocol() const override { return shape_.protocol; }
  [[nodiscard]] std::chrono::nanoseconds compile_time() const override { return compile_time_; }
  [[nodiscard]] uint64_t compiled_bytes() const override { return component_->compiled_bytes(); }
  [[nodiscard]] const std::shared_ptr<const LoadedComponent>& component() const { return component_; }

 private:
  ConnectorRef ref_;
  std::string version_;
  ConnectorFiles files_;
  std::optional<Manifest> manifest_;
  std::shared_ptr<const LoadedComponent> component_;  // shared with every guest of it
  const ComponentShape& shape_;                       // of the component
  std::chrono::nanoseconds compile_time_;
};

/// The lock of a database file, whichever kind it has.
using DatabaseLock = std::variant<SqliteFileLock, DuckdbFileLock>;

Result<DatabaseLock> lock_database(const LockedDatabase& database, const CancelToken& cancel) {
  if (database.kind == "duckdb") {
    RB_ASSIGN_OR_RETURN(DuckdbFileLock lock, DuckdbFileLock::acquire(database.folder, database.name,
                                                                     database.read_write, kDuckdbLockTimeout, cancel));
    return DatabaseLock(std::move(lock));
  }
  RB_ASSIGN_OR_RETURN(SqliteFileLock lock,
                      SqliteFileLock::acquire(database.folder, database.name, kSqliteLockTimeout, cancel));
  return DatabaseLock(std::move(lock));
}

class WasmInstance final : public ComponentInstance {
 public:
  WasmInstance(std::shared_ptr<const WasmConnector> connector, std::string stream, std::string config_json,
               std::vector<DatabaseLock> locks, std::unique_ptr<Guest> guest)
      : connector_(std::move(connector)),
        stream_(std::move(stream)),
        config_json_(std::move(config_json)),
        locks_(std::move(locks)),
        guest_(std::move(guest)) {
    name_place();
  }

  Status open() override { return call<Status>("open", {std::string_view(config_json_)}, &decode_unit); }
  Result<std::string> discover() override { return call<Result<std::string>>("discover", {}, &decode_string); }
  Result<ValidationResult> validate() override {
    return call<Result<ValidationResult>>("validate", {}, &decode_validation_result);
  }
  Result<ReadSummary> run_read(std::string_view ctx) override {
    return call<Result<ReadSummary>>("run-read", {ctx}, &decode_read_summary);
  }
  Result<WriteSummary> run_write(std::string_view ctx) override {
    return call<Result<WriteSummary>>("run-write", {ctx}, &decode_write_summary);
  }
  Result<TransformSummary> run_transform(std::string_view ctx) override {
    return call<Result<TransformSummary>>("run-transform", {ctx}, &decode_transform_summary);
  }
  Result<std::string> plan_partitions(std::string_view ctx, uint32_t want) override {
    if (!connector_->speaks_2_1()) return std::string("[]");
    return call<Result<std::string>>("plan-partitions", {ctx, want}, &decode_string);
  }
  Status begin_stream(std::string_view ctx) override {
    if (!connector_->speaks_2_1()) return {};
    return call<Status>("begin-stream", {ctx}, &decode_unit);
  }
  Status finish_stream(std::string_view ctx, bool succeeded) override {
    if (!connector_->speaks_2_1()) return {};
    return call<Status>("finish-stream", {ctx, succeeded}, &decode_unit);
  }
  Result<std::optional<std::string>> last_committed(std::string_view ctx) override {
    if (!connector_->speaks_2_1()) return std::optional<std::string>();
    return call<Result<std::optional<std::string>>>("last-committed", {ctx}, &decode_optional_string);
  }
  Status close() override {
    if (guest_->poisoned()) return {};
    return call<Status>("close", {}, &decode_unit);
  }
  void serve(std::string stream) override {
    guest_->serve(stream);
    stream_ = std::move(stream);
    name_place();
  }
  [[nodiscard]] uint64_t peak_memory_bytes() const override { return guest_->peak_memory_bytes(); }
  [[nodiscard]] std::chrono::nanoseconds network_wait() const override { return guest_->network_wait(); }

 private:
  void name_place() {
    where_ = stream_.empty() ? connector_->name() : fmt::format("{}, stream {}", connector_->name(), stream_);
  }
  /// Calls an export; every error says which connector and stream it belongs to.
  template <typename R>
  R call(std::string_view function, std::initializer_list<GuestArgument> arguments, R (*decode)(const WitValue&)) {
    std::optional<R> decoded;
    Status status = guest_->call(function, std::span(arguments.begin(), arguments.size()), [&](const WitValue& value) {
      decoded.emplace(decode(value));
      return Status();
    });
    if (status.ok()) {
      if (decoded->ok()) return std::move(*decoded);
      if constexpr (std::is_same_v<R, Status>) {
        status = own_error(*decoded);
      } else {
        status = own_error(decoded->status());
      }
    }
    return std::move(status).with_context(where_);
  }

  /// The error in the guest's result, with its origin made visible.
  Status own_error(const Status& status) const {
    const ConnectorError& error = status.error();
    return as_guest_error(error, guest_->was_given(error.code), stream_);
  }

  std::shared_ptr<const WasmConnector> connector_;  // shared: outlives the caller's handle
  std::string stream_;
  std::string config_json_;
  std::string where_;
  // The guest must close the database before the host releases the lock.
  std::vector<DatabaseLock> locks_;
  std::unique_ptr<Guest> guest_;
};

class WasmComponentRuntime final : public ComponentRuntime {
 public:
  WasmComponentRuntime(RuntimeOptions options, std::unique_ptr<WasmRuntime> runtime)
      : options_(std::move(options)), runtime_(std::move(runtime)) {}

  Result<std::shared_ptr<const Connector>> load(std::string_view reference, ConnectorRole role) override {
    // The command line loads before the engine does; reading and hashing megabytes twice would slow down a warm start.
    Loading* loading = nullptr;
    {
      std::lock_guard lock(loaded_mutex_);
      loading = &loaded_[std::pair(std::string(reference), role)];
    }
    // Concurrent callers for the same connector wait for it; other connectors load in parallel.
    std::lock_guard lock(loading->mutex);
    if (loading->connector) return loading->connector;
    auto connector = load_new(reference, role);
    if (connector.ok()) loading->connector = *connector;
    return connector;
  }

  Result<std::unique_ptr<ComponentInstance>> instantiate(std::shared_ptr<const Connector> connector,
                                                         InstanceOptions options) override {
    auto wasm = std::dynamic_pointer_cast<const WasmConnector>(std::move(connector));
    if (!wasm) return internal_error(codes::kForeignConnector, "a connector of another runtime was passed");
    const std::string stream = options.stream;
    auto instance = start(wasm, std::move(options));
    if (!instance.ok()) {
      return std::move(instance).status().with_context(
          stream.empty() ? wasm->name() : fmt::format("{}, stream {}", wasm->name(), stream));
    }
    return instance;
  }

 private:
  Result<std::shared_ptr<const Connector>> load_new(std::string_view reference, ConnectorRole role) {
    RB_ASSIGN_OR_RETURN(ConnectorRef ref, parse_connector_ref(reference));
    if (ref.path) ref.path = options_.base_folder / *ref.path;
    RB_ASSIGN_OR_RETURN(ConnectorFiles files, resolve_connector(ref, connector_search_folders(options_.connector_dir)));
    RB_ASSIGN_OR_RETURN(std::optional<Manifest> manifest,
                        load_connector_manifest(ref, files, options_.allow_unmanifested));
    RB_ASSIGN_OR_RETURN(const ComponentFile wasm, read_component_file(files.component));
    if (manifest) RB_RETURN_NOT_OK(verify_wasm_checksum(wasm, *manifest, files.component));
    auto loaded = load_component(wasm, files.component);
    if (!loaded.ok())
      return std::move(loaded).status().with_context(fmt::format("{} ({})", reference, files.component.string()));
    const LoadedComponent& component = *loaded->component;
    const ComponentShape* shape = component.shape(role);
    // What a component of several roles is as this connector, only the manifest says.
    if (component.shapes().size() > 1 && manifest && !declares(*manifest, role)) shape = nullptr;
    if (shape == nullptr) {
      return config_error(codes::kWrongRole, fmt::format("{} is a {}, but the pipeline uses it as a {}", reference,
                                                         roles_of(component, manifest), role_name(role)));
    }
    return std::shared_ptr<const Connector>(std::make_shared<WasmConnector>(
        std::move(ref), std::move(files), std::move(manifest), loaded->component, *shape, loaded->compile_time));
  }

  struct Component {
    std::shared_ptr<const LoadedComponent> component;  // shared by the connectors in it
    std::chrono::nanoseconds compile_time{0};  // zero when it had been loaded for another connector
  };

  /// Loads a component once, whatever the number of connectors in it.
  Result<Component> load_component(const ComponentFile& wasm, const std::filesystem::path& path) {
    Held* held = nullptr;
    {
      std::lock_guard lock(loaded_mutex_);
      held = &components_[wasm.sha256];
    }
    std::lock_guard lock(held->mutex);
    if (held->component) return Component{held->component};
    std::string name = path.stem().string();
    std::replace(name.begin(), name.end(), '_', '-');
    RB_ASSIGN_OR_RETURN(held->component, runtime_->load(wasm, name));
    return Component{held->component, held->component->compile_time()};
  }

  Result<std::unique_ptr<ComponentInstance>> start(const std::shared_ptr<const WasmConnector>& connector,
                                                   InstanceOptions options) {
    if (!options.services) options.services = std::make_shared<IdleServices>();
    RB_ASSIGN_OR_RETURN(const WasiContext wasi, build_wasi_context(connector->manifest(), options));
    std::vector<DatabaseLock> locks;
    if (wasi.grants) {
      for (const LockedDatabase& database : wasi.grants->databases) {
        if (options.only_looks &&
            faccessat(database.folder->fd(), database.name.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0)
          continue;
        RB_ASSIGN_OR_RETURN(DatabaseLock lock, lock_database(database, options.cancel));
        locks.push_back(std::move(lock));
      }
    }
    NetworkAcl acl = derive_network_acl(connector->manifest(), wasi.config);
    const std::string stream = options.stream;
    auto state = std::make_unique<ComponentHostState>(std::move(options), std::move(acl), !connector->speaks_2_1());
    RB_ASSIGN_OR_RETURN(std::unique_ptr<Guest> guest,
                        runtime_->start_guest(connector->component(), std::move(state), wasi, connector->role()));
    std::string config_json = wasi.config.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    return std::unique_ptr<ComponentInstance>(
        std::make_unique<WasmInstance>(connector, stream, std::move(config_json), std::move(locks), std::move(guest)));
  }

  RuntimeOptions options_;
  std::unique_ptr<WasmRuntime> runtime_;
  struct Loading {
    std::mutex mutex;
    std::shared_ptr<const Connector> connector;  // shared with every caller; null until it is loaded
  };
  struct Held {
    std::mutex mutex;
    std::shared_ptr<const LoadedComponent> component;  // shared with its connectors; null until it is loaded
  };
  std::mutex loaded_mutex_;
  std::map<std::string, Held> components_;  // by the SHA-256 of their bytes
  std::map<std::pair<std::string, ConnectorRole>, Loading> loaded_;
};

}  // namespace

Result<std::unique_ptr<ComponentRuntime>> make_component_runtime(RuntimeOptions options) {
  RB_ASSIGN_OR_RETURN(std::unique_ptr<WasmRuntime> runtime,
                      WasmRuntime::create(AotCache::from_environment(), options.on_slow_compilation));
  return std::unique_ptr<ComponentRuntime>(
      std::make_unique<WasmComponentRuntime>(std::move(options), std::move(runtime)));
}

}  // namespace rapidbyte::runtime
