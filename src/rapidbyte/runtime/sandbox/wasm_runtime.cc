#include "rapidbyte/runtime/sandbox/wasm_runtime.h"

#include <fmt/format.h>
#include <wasi.h>
#include <wasmtime.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <system_error>
#include <thread>
#include <wasmtime/component.hh>

#include "rapidbyte/base/log.h"
#include "rapidbyte/base/sha256.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/runtime/sandbox/native_stack.h"
#include "rapidbyte/wasmtime_shim.h"

namespace rapidbyte::runtime {
namespace {

// Limits of one store besides memory. A compiled component has a handful of each; these leave room for composed
// components and still bound the cost of a hostile one.
constexpr size_t kMaxTableElements = 200'000;
constexpr size_t kMaxInstances = 64;
constexpr size_t kMaxTables = 64;
constexpr size_t kMaxMemories = 16;
// Wasmtime's own budget for the bytes of one call, which holds as long as batches are far below it.
constexpr uint64_t kWasmtimeCallBytes = uint64_t{128} << 20U;
constexpr uint64_t kCallBytesBesideBatch = uint64_t{1} << 20U;
// A user who waits longer wants to know why.
constexpr std::chrono::seconds kSlowCompilation{1};

template <auto Delete>
struct Deleter {
  template <typename T>
  void operator()(T* pointer) const noexcept {
    Delete(pointer);
  }
};
using ErrorPtr = std::unique_ptr<wasmtime_error_t, Deleter<&wasmtime_error_delete>>;
using EnginePtr = std::unique_ptr<wasm_engine_t, Deleter<&wasm_engine_delete>>;
using LinkerPtr = std::unique_ptr<wasmtime_component_linker_t, Deleter<&wasmtime_component_linker_delete>>;
using LinkerInstancePtr =
    std::unique_ptr<wasmtime_component_linker_instance_t, Deleter<&wasmtime_component_linker_instance_delete>>;
using ComponentPtr = std::unique_ptr<wasmtime_component_t, Deleter<&wasmtime_component_delete>>;
using ComponentTypePtr = std::unique_ptr<wasmtime_component_type_t, Deleter<&wasmtime_component_type_delete>>;
using ExportIndexPtr =
    std::unique_ptr<wasmtime_component_export_index_t, Deleter<&wasmtime_component_export_index_delete>>;
using StorePtr = std::unique_ptr<wasmtime_store_t, Deleter<&wasmtime_store_delete>>;
using UsagePtr = std::unique_ptr<rb_store_usage_t, Deleter<&rb_store_usage_delete>>;
using WasiConfigPtr = std::unique_ptr<wasi_config_t, Deleter<&wasi_config_delete>>;

std::string full_message(const wasmtime_error_t* error) {
  wasm_name_t text;
  wasmtime_error_message(error, &text);
  std::string message(text.data, text.size);
  wasm_byte_vec_delete(&text);
  return message;
}

/// The cause without the backtrace: the text after the last "Caused by:", else the first line.
std::string short_message(std::string_view full) {
  constexpr std::string_view kCause = "Caused by:";
  if (const size_t at = full.rfind(kCause); at != std::string_view::npos) full.remove_prefix(at + kCause.size());
  const size_t start = full.find_first_not_of(" \n");
  if (start == std::string_view::npos) return "unknown error";
  full.remove_prefix(start);
  std::string line(full.substr(0, full.find('\n')));
  // "0: message" when there are several causes.
  if (line.size() > 3 && line[0] >= '0' && line[0] <= '9' && line[1] == ':') line.erase(0, 3);
  return line;
}

Status invalid_component(wasmtime_error_t* raw) {
  const ErrorPtr error(raw);
  const std::string full = full_message(error.get());
  // The first line names the import or section, the last cause says what is wrong with it.
  std::string message = full.substr(0, full.find('\n'));
  if (const std::string cause = short_message(full); cause != message) message += ": " + cause;
  return config_error(codes::kComponentInvalid, "not a component that this host can run: " + message);
}

EnginePtr make_engine() {
  reserve_native_stacks();
  wasm_config_t* config = wasm_config_new();
  wasmtime_config_wasm_component_model_set(config, true);
  wasmtime_config_epoch_interruption_set(config, true);
  wasmtime_config_parallel_compilation_set(config, true);
  wasmtime_config_max_wasm_stack_set(config, kMaxWasmStackBytes);
  // No guest runs on a stack of Wasmtime's own making, but it insists that one would be large enough.
  wasmtime_config_async_stack_size_set(config, 2 * kMaxWasmStackBytes);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  // The sanitizers have their own signal handlers; compiled code then checks bounds itself.
  wasmtime_config_signals_based_traps_set(config, false);
#endif
  return EnginePtr(wasm_engine_new_with_config(config));
}

std::vector<std::string> names_of(const wasmtime_component_type_t* type, const wasm_engine_t* engine, bool imports) {
  std::vector<std::string> names;
  const size_t count =
      imports ? wasmtime_component_type_import_count(type, engine) : wasmtime_component_type_export_count(type, engine);
  for (size_t i = 0; i < count; ++i) {
    const char* name = nullptr;
    size_t size = 0;
    wasmtime_component_item_t item;
    const bool found = imports ? wasmtime_component_type_import_nth(type, engine, i, &name, &size, &item)
                               : wasmtime_component_type_export_nth(type, engine, i, &name, &size, &item);
    if (!found) continue;
    names.emplace_back(name, size);
    wasmtime_component_item_delete(&item);
  }
  return names;
}

ptrdiff_t guest_output(void* data, const unsigned char* bytes, size_t size, LogLevel level) noexcept {
  try {
    static_cast<ComponentHostState*>(data)->guest_log().stream(level, {reinterpret_cast<const char*>(bytes), size});
  } catch (...) {
    // A line that cannot be kept for lack of memory is lost; the guest continues.
  }
  return static_cast<ptrdiff_t>(size);
}

ptrdiff_t guest_stdout(void* data, const unsigned char* bytes, size_t size) noexcept {
  return guest_output(data, bytes, size, LogLevel::kInfo);
}
ptrdiff_t guest_stderr(void* data, const unsigned char* bytes, size_t size) noexcept {
  return guest_output(data, bytes, size, LogLevel::kWarn);
}

std::span<const FolderGrant> folders_of(const WasiContext& wasi) {
  return wasi.grants ? std::span<const FolderGrant>(wasi.grants->folders) : std::span<const FolderGrant>();
}

/// The single files of the folders, in the order in which make_wasi_config() opens these.
std::vector<rb_file_grant_t> single_files(const WasiContext& wasi) {
  std::vector<rb_file_grant_t> files;
  const std::span<const FolderGrant> folders = folders_of(wasi);
  for (size_t i = 0; i < folders.size(); ++i) {
    for (const GrantedFile& file : folders[i].files) {
      const rb_bytes_t name{reinterpret_cast<const uint8_t*>(file.name.data()), file.name.size()};
      files.push_back({i, name, file.read_write, static_cast<uint8_t>(file.companions)});
    }
  }
  return files;
}

Result<WasiConfigPtr> make_wasi_config(const WasiContext& wasi, ComponentHostState* state) {
  WasiConfigPtr config(wasi_config_new());
  rb_wasi_config_file_calls_inline(config.get());
  std::vector<const char*> names;
  std::vector<const char*> values;
  for (const auto& [name, value] : wasi.env) {
    names.push_back(name.c_str());
    values.push_back(value.c_str());
  }
  if (!wasi_config_set_env(config.get(), names.size(), names.data(), values.data())) {
    return config_error(codes::kEnvInvalid,
                        "an environment variable that the connector is allowed to see is not UTF-8");
  }
  std::vector<const char*> arguments;
  for (const std::string& argument : wasi.arguments) arguments.push_back(argument.c_str());
  if (!arguments.empty() && !wasi_config_set_argv(config.get(), arguments.size(), arguments.data()))
    return config_error(codes::kManifestInvalid, "an argument that the manifest gives the component is not UTF-8");
  for (const FolderGrant& grant : folders_of(wasi)) {
    if (!wasi_config_preopen_dir(config.get(), grant.folder->handle_path().c_str(), grant.guest_path.c_str(),
                                 grant.read_write)) {
      return config_error(codes::kInvalidPath, fmt::format("the folder {} cannot be opened for the connector (may you "
                                                           "read it, is its name UTF-8, and is /proc mounted?)",
                                                           grant.folder->path().string()));
    }
  }
  wasi_config_set_stdout_custom(config.get(), &guest_stdout, state, nullptr);
  wasi_config_set_stderr_custom(config.get(), &guest_stderr, state, nullptr);
  return config;
}

/// Tells the user about a long compilation, during which the program would otherwise seem to hang.
class CompilationNotice {
 public:
  CompilationNotice(const SlowCompilation& tell, std::string_view name, uint64_t bytes) {
    if (!tell) return;
    try {
      thread_ = std::jthread([this, tell, name = std::string(name), bytes](const std::stop_token& ended) {
        std::unique_lock lock(mutex_);
        if (!wake_.wait_for(lock, ended, kSlowCompilation, [&ended] { return ended.stop_requested(); }))
          tell(name, bytes);
      });
    } catch (const std::system_error&) {
      // If no thread can be started, it is compiled silently.
    }
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;
};

/// Called by Wasmtime at every epoch tick, on the guest's thread.
wasmtime_error_t* on_epoch(wasmtime_context_t* /*context*/, void* data, uint64_t* delta,
                           wasmtime_update_deadline_kind_t* kind) noexcept {
  *delta = 1;
  *kind = WASMTIME_UPDATE_DEADLINE_CONTINUE;
  if (static_cast<ComponentHostState*>(data)->judge() == GuestVerdict::kContinue) return nullptr;
  return wasmtime_error_new("stopped by the host");
}

/// The same check for a sleeping guest, which no epoch reaches.
bool may_wait(void* data) noexcept {
  return static_cast<ComponentHostState*>(data)->judge() == GuestVerdict::kContinue;
}

}  // namespace

/// Ticks the engine's epoch while guests live; sleeps without a timer otherwise.
class EpochClock {
 public:
  explicit EpochClock(wasm_engine_t* engine) : engine_(engine), thread_([this] { run(); }) {}
  EpochClock(const EpochClock&) = delete;
  EpochClock& operator=(const EpochClock&) = delete;
  ~EpochClock() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
    }
    wake_.notify_all();
    thread_.join();
  }

  void guest_started() {
    {
      std::lock_guard lock(mutex_);
      ++guests_;
    }
    wake_.notify_all();
  }
  void guest_ended() {
    std::lock_guard lock(mutex_);
    --guests_;
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    while (!stop_) {
      if (guests_ == 0) {
        wake_.wait(lock, [this] { return stop_ || guests_ > 0; });
      } else if (!wake_.wait_for(lock, kEpochTick, [this] { return stop_; })) {
        wasmtime_engine_increment_epoch(engine_);
      }
    }
  }

  wasm_engine_t* engine_;
  std::mutex mutex_;
  std::condition_variable wake_;
  int guests_ = 0;
  bool stop_ = false;
  std::thread thread_;
};

struct LoadedComponent::Impl {
  ComponentPtr component;
};

LoadedComponent::LoadedComponent(std::unique_ptr<Impl> impl, std::vector<ComponentShape> shapes, bool from_cache)
    : impl_(std::move(impl)), shapes_(std::move(shapes)), from_cache_(from_cache) {}
LoadedComponent::~LoadedComponent() = default;

const ComponentShape* LoadedComponent::shape(ConnectorRole role) const {
  const auto found = std::find_if(shapes_.begin(), shapes_.end(), [role](const auto& one) { return one.role == role; });
  return found == shapes_.end() ? nullptr : &*found;
}

struct Guest::Impl {
  Impl(std::shared_ptr<const LoadedComponent> loaded, EpochClock& epoch_clock)
      : component(std::move(loaded)), clock(epoch_clock) {
    clock.guest_started();
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() {
    store.reset();
    clock.guest_ended();
  }

  std::shared_ptr<const LoadedComponent> component;  // shared: the runtime's cache, other guests and this one
  const ComponentShape* shape = nullptr;             // of the component
  EpochClock& clock;
  UsagePtr usage;
  StorePtr store;
  wasmtime_component_instance_t instance{};

  /// Turns the end of a call that did not return into an error that says why.
  Status explain(wasmtime_error_t* raw, const ComponentHostState& state) const;
};

Status Guest::Impl::explain(wasmtime_error_t* raw, const ComponentHostState& state) const {
  constexpr int kTrap = 1;
  constexpr int kStackOverflow = 2;
  constexpr int kExit = 3;
  constexpr int kGaveUp = 4;
  const int cause = rb_error_classify(&raw);
  const ErrorPtr error(raw);
  const std::string full = full_message(error.get());
  ConnectorError out;
  out.category = ErrorCategory::kInternal;
  if (full.find("wasm backtrace") != std::string::npos) {
    out.details_json = nlohmann::json{{"trap", full}}.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  const auto& options = state.options();
  std::string words = state.guest_log().last_words();
  if (!words.empty()) words.insert(0, ". Its last words on stderr:");
  if (state.last_verdict() == GuestVerdict::kCancelled) {
    out.code = codes::kCancelled;
    out.message = "stopped because the run is being cancelled";
    out.safe_to_retry = true;
  } else if (state.last_verdict() == GuestVerdict::kTimedOut) {
    out.code = codes::kGuestTimeout;
    out.message = fmt::format(
        "stopped after {} s without progress (no batch, socket or checkpoint call); raise "
        "resources.guest_timeout_seconds if it needs longer",
        std::chrono::duration<double>(options.guest_timeout).count());
  } else if (cause == kExit) {
    int status = 0;
    wasmtime_error_exit_status(error.get(), &status);
    out.code = codes::kGuestExit;
    out.message =
        fmt::format("the connector ended itself with exit({}) instead of returning an error{}", status, words);
  } else if (cause == kStackOverflow) {
    out.code = codes::kStackOverflow;
    out.message =
        fmt::format("the connector's calls went deeper than its stack of {} KiB{}", kMaxWasmStackBytes >> 10U, words);
  } else if (const uint64_t refused = rb_store_usage_refused(usage.get());
             refused > 0 && (cause == kGaveUp || cause == 0)) {
    out.code = codes::kMemoryLimit;
    out.message = fmt::format(
        "the connector needed {:.1f} MiB of memory; the limit is {:.1f} MiB (raise resources.max_memory). Smaller "
        "batches help only if it frees what it has sent, which the runtimes of some languages do not do before the "
        "call ends{}",
        static_cast<double>(refused) / 1048576.0, static_cast<double>(options.max_memory) / 1048576.0, words);
  } else {
    out.code = codes::kGuestTrap;
    out.message = fmt::format("the connector crashed{}: {}{}", cause == kTrap || cause == kGaveUp ? "" : " in a call",
                              short_message(full), words);
  }
  return out;
}

Guest::Guest(std::unique_ptr<Impl> impl, std::unique_ptr<ComponentHostState> state)
    : state_(std::move(state)), impl_(std::move(impl)) {}
Guest::~Guest() {
  impl_.reset();
  state_->guest_log().flush();
}

void Guest::serve(std::string stream) { state_->serve(std::move(stream)); }

uint64_t Guest::peak_memory_bytes() const { return rb_store_usage_peak(impl_->usage.get()); }

std::chrono::nanoseconds Guest::network_wait() const { return state_->network_wait(); }

bool Guest::was_given(std::string_view code) const { return state_->gave(code); }

Status Guest::call(std::string_view function, std::span<const GuestArgument> arguments,
                   const std::function<Status(const WitValue&)>& decode) {
  using wasmtime::component::Val;
  if (poisoned_)
    return internal_error(codes::kInstancePoisoned,
                          fmt::format("{} was not called: an earlier call of this instance crashed", function));
  wasmtime_context_t* context = wasmtime_store_context(impl_->store.get());
  const std::string& interface = impl_->shape->export_interface;
  const ExportIndexPtr interface_index(wasmtime_component_instance_get_export_index(
      &impl_->instance, context, nullptr, interface.data(), interface.size()));
  ExportIndexPtr index;
  if (interface_index) {
    index.reset(wasmtime_component_instance_get_export_index(&impl_->instance, context, interface_index.get(),
                                                             function.data(), function.size()));
  }
  wasmtime_component_func_t func;
  if (!index || !wasmtime_component_instance_get_func(&impl_->instance, context, index.get(), &func)) {
    return config_error(
        codes::kExportMissing,
        fmt::format("the component has no function {} in {}; it was not built for the world that it claims", function,
                    interface));
  }
  std::vector<Val> values;
  for (const GuestArgument& argument : arguments) {
    if (const auto* text = std::get_if<std::string_view>(&argument)) values.push_back(Val::string(*text));
    if (const auto* number = std::get_if<uint32_t>(&argument)) values.push_back(Val(*number));
    if (const auto* flag = std::get_if<bool>(&argument)) values.push_back(Val(*flag));
  }
  Val result(false);
  state_->begin_call();
  wasmtime_context_set_epoch_deadline(context, 1);
  auto* error = wasmtime_component_func_call(&func, context, Val::to_capi(values.data()), values.size(),
                                             Val::to_capi(&result), 1);
  state_->guest_log().flush();
  if (error != nullptr) {
    poisoned_ = true;
    return impl_->explain(error, *state_);
  }
  return decode(result);
}

struct WasmRuntime::Impl {
  EnginePtr engine;
  LinkerPtr linker;
  AotCache cache;
  uint64_t engine_hash;
  std::unique_ptr<EpochClock> clock;
  SlowCompilation on_slow_compilation;
};

WasmRuntime::WasmRuntime(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
WasmRuntime::~WasmRuntime() = default;
uint64_t WasmRuntime::engine_hash() const { return impl_->engine_hash; }

Result<std::unique_ptr<WasmRuntime>> WasmRuntime::create(AotCache cache, SlowCompilation on_slow_compilation) {
  EnginePtr engine = make_engine();
  if (!engine) return internal_error(codes::kEngine, "the WebAssembly engine does not start on this machine");
  LinkerPtr linker(wasmtime_component_linker_new(engine.get()));
  const auto linker_failed = [](wasmtime_error_t* raw) {
    const ErrorPtr error(raw);
    return internal_error(codes::kHostLinker, "cannot set up the host interface: " + full_message(error.get()));
  };
  if (auto* error = wasmtime_component_linker_add_wasip2(linker.get())) return linker_failed(error);
  if (auto* error = rb_linker_guard_waits(linker.get(), &may_wait)) return linker_failed(error);
  if (auto* error = rb_linker_guard_folders(linker.get())) return linker_failed(error);
  {
    const LinkerInstancePtr root(wasmtime_component_linker_root(linker.get()));
    // Defined once as 2.1.0: by semantic versioning it also serves a component that imports 2.0.0.
    constexpr std::string_view kHost = "rapidbyte:connector/host@2.1.0";
    wasmtime_component_linker_instance_t* raw = nullptr;
    if (auto* error = wasmtime_component_linker_instance_add_instance(root.get(), kHost.data(), kHost.size(), &raw))
      return linker_failed(error);
    const LinkerInstancePtr host(raw);
    RB_RETURN_NOT_OK(define_host_functions(host.get()));
  }
  const uint64_t hash = rb_engine_compatibility_hash(engine.get());
  auto clock = std::make_unique<EpochClock>(engine.get());
  return std::unique_ptr<WasmRuntime>(
      new WasmRuntime(std::make_unique<Impl>(Impl{std::move(engine), std::move(linker), std::move(cache), hash,
                                                  std::move(clock), std::move(on_slow_compilation)})));
}

Result<std::shared_ptr<const LoadedComponent>> WasmRuntime::load(const ComponentFile& wasm, std::string_view name) {
  const std::string& content_hash = wasm.sha256;
  wasmtime_component_t* raw = nullptr;
  bool from_cache = false;
  std::chrono::nanoseconds compile_time{0};
  if (const auto entry = impl_->cache.find(name, content_hash, impl_->engine_hash)) {
    ErrorPtr error(wasmtime_component_deserialize_file(impl_->engine.get(), entry->c_str(), &raw));
    if (error) {
      log_debug("a cached component is not usable and is compiled again: {}", full_message(error.get()));
      impl_->cache.discard(*entry);
      raw = nullptr;
    } else {
      from_cache = true;
    }
  }
  ComponentPtr component(raw);
  if (!component) {
    RB_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes, wasm.read());
    const auto start = std::chrono::steady_clock::now();
    const CompilationNotice notice(impl_->on_slow_compilation, name, bytes.size());
    auto* error =
        wasmtime_component_new(impl_->engine.get(), reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), &raw);
    compile_time = std::chrono::steady_clock::now() - start;
    if (error != nullptr) return invalid_component(error);
    component.reset(raw);
  }
  const ComponentTypePtr type(wasmtime_component_type(component.get()));
  const auto imports = names_of(type.get(), impl_->engine.get(), true);
  const auto exports = names_of(type.get(), impl_->engine.get(), false);
  RB_ASSIGN_OR_RETURN(std::vector<ComponentShape> shapes, read_component_shapes(imports, exports));
  if (!from_cache && impl_->cache.enabled()) {
    wasm_byte_vec_t compiled;
    if (auto* error = wasmtime_component_serialize(component.get(), &compiled)) {
      const ErrorPtr owned(error);
      log_debug("a component cannot be cached: {}", full_message(owned.get()));
    } else {
      impl_->cache.store(name, content_hash, impl_->engine_hash,
                         std::as_bytes(std::span(compiled.data, compiled.size)));
      wasm_byte_vec_delete(&compiled);
    }
  }
  auto impl = std::make_unique<LoadedComponent::Impl>();
  impl->component = std::move(component);
  std::shared_ptr<LoadedComponent> loaded(new LoadedComponent(std::move(impl), std::move(shapes), from_cache));
  loaded->compile_time_ = compile_time;
  if (impl_->cache.enabled()) {
    std::error_code missing;
    const auto size =
        std::filesystem::file_size(impl_->cache.entry_path(name, content_hash, impl_->engine_hash), missing);
    if (!missing) loaded->compiled_bytes_ = size;
  }
  return std::shared_ptr<const LoadedComponent>(std::move(loaded));
}

Result<std::unique_ptr<Guest>> WasmRuntime::start_guest(const std::shared_ptr<const LoadedComponent>& component,
                                                        std::unique_ptr<ComponentHostState> state,
                                                        const WasiContext& wasi, std::optional<ConnectorRole> role) {
  auto impl = std::make_unique<Guest::Impl>(component, *impl_->clock);
  impl->shape = component->shape(role.value_or(component->shapes().front().role));
  if (impl->shape == nullptr) return internal_error(codes::kWrongRole, "the component was not checked for this role");
  impl->store.reset(wasmtime_store_new(impl_->engine.get(), state.get(), nullptr));
  wasmtime_context_t* context = wasmtime_store_context(impl->store.get());
  impl->usage.reset(rb_store_limit(impl->store.get(), state->options().max_memory, kMaxTableElements, kMaxInstances,
                                   kMaxTables, kMaxMemories));
  if (const uint64_t call_bytes = state->options().max_batch_bytes + kCallBytesBesideBatch;
      call_bytes > kWasmtimeCallBytes) {
    rb_store_allow_call_bytes(impl->store.get(), static_cast<size_t>(call_bytes));
  }
  wasmtime_store_epoch_deadline_callback(impl->store.get(), &on_epoch, state.get(), nullptr);
  wasmtime_context_set_epoch_deadline(context, 1);
  RB_ASSIGN_OR_RETURN(WasiConfigPtr config, make_wasi_config(wasi, state.get()));
  if (auto* error = wasmtime_context_set_wasi(context, config.release())) {
    const ErrorPtr owned(error);
    return internal_error(codes::kWasi, "cannot set up the connector's folders: " + full_message(owned.get()));
  }
  const std::vector<rb_file_grant_t> files = single_files(wasi);
  if (auto* error = rb_context_set_walls(context, files.data(), files.size())) {
    const ErrorPtr owned(error);
    return internal_error(codes::kWasi, "cannot restrict the connector to its files: " + full_message(owned.get()));
  }
  state->begin_call();
  if (auto* error = wasmtime_component_linker_instantiate(impl_->linker.get(), context,
                                                          component->impl_->component.get(), &impl->instance)) {
    int32_t cause = rb_error_classify(&error);
    if (cause == 0 && state->last_verdict() == GuestVerdict::kContinue &&
        rb_store_usage_refused(impl->usage.get()) == 0)
      return invalid_component(error);
    return impl->explain(error, *state);
  }
  return std::unique_ptr<Guest>(new Guest(std::move(impl), std::move(state)));
}

}  // namespace rapidbyte::runtime
