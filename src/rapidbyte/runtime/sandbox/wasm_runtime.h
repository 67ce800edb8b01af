#pragma once
// WasmRuntime: the process's one Wasmtime engine, its linker, its epoch clock and its cache of compiled components. A
// LoadedComponent is a compiled component whose protocol and role are known (shared, immutable); a Guest is one store
// with one instance in it, used by one thread. Every store is made by WasmRuntime::start_guest(), which sets memory
// limit and epoch deadline; there is no other way to make one. Wasmtime's types stay in wasm_runtime.cc.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "rapidbyte/base/status.h"
#include "rapidbyte/runtime/component_runtime.h"
#include "rapidbyte/runtime/connector/connector_resolve.h"
#include "rapidbyte/runtime/sandbox/aot_cache.h"
#include "rapidbyte/runtime/sandbox/host_state.h"
#include "rapidbyte/runtime/sandbox/wasi_context.h"
#include "rapidbyte/runtime/sandbox/wit_bindings.h"

namespace rapidbyte::runtime {

/// How often running guests are checked for cancellation and timeout. 50 ms: cancellation feels immediate, the cost is
/// nil.
inline constexpr std::chrono::milliseconds kEpochTick{50};

/// One role of a component, and which package and version its names belong to.
struct ComponentShape {
  std::string protocol;          // "2.0.0" or "2.1.0": the newest version that we speak and it was built for
  std::string export_interface;  // "rapidbyte:connector/source-connector@2.0.0"
  ConnectorRole role = ConnectorRole::kSource;
};

/// Decides from a component's imports and exports. PROTOCOL_MISMATCH: "host speaks 2.0, 2.1; connector speaks X".
/// COMPONENT_INVALID when it is not a connector, or exports one role twice. At least one shape, each of another role.
Result<std::vector<ComponentShape>> read_component_shapes(std::span<const std::string> imports,
                                                          std::span<const std::string> exports);

class LoadedComponent {
 public:
  ~LoadedComponent();
  LoadedComponent(const LoadedComponent&) = delete;
  LoadedComponent& operator=(const LoadedComponent&) = delete;
  /// The roles that it has, at least one.
  [[nodiscard]] const std::vector<ComponentShape>& shapes() const { return shapes_; }
  /// Null when it does not have this role.
  [[nodiscard]] const ComponentShape* shape(ConnectorRole role) const;
  /// Whether it came from the AOT cache.
  [[nodiscard]] bool from_cache() const { return from_cache_; }
  /// How long compiling took; zero if it came from the cache.
  [[nodiscard]] std::chrono::nanoseconds compile_time() const { return compile_time_; }
  /// The size of its entry in the AOT cache; zero without one.
  [[nodiscard]] uint64_t compiled_bytes() const { return compiled_bytes_; }

 private:
  friend class WasmRuntime;
  friend class Guest;
  struct Impl;
  LoadedComponent(std::unique_ptr<Impl> impl, std::vector<ComponentShape> shapes, bool from_cache);
  std::unique_ptr<Impl> impl_;
  std::vector<ComponentShape> shapes_;
  bool from_cache_;
  std::chrono::nanoseconds compile_time_{0};
  uint64_t compiled_bytes_ = 0;
};

/// An argument of an exported function.
using GuestArgument = std::variant<std::string_view, uint32_t, bool>;

class Guest {
 public:
  ~Guest();
  Guest(const Guest&) = delete;
  Guest& operator=(const Guest&) = delete;

  /// Calls `function` of the connector's interface and passes the returned value to `decode` while it is alive. A trap
  /// poisons the guest: GUEST_TRAP, STACK_OVERFLOW, GUEST_EXIT, GUEST_TIMEOUT, MEMORY_LIMIT, CANCELLED; then
  /// INSTANCE_POISONED. EXPORT_MISSING when the component has no such function.
  Status call(std::string_view function, std::span<const GuestArgument> arguments,
              const std::function<Status(const WitValue&)>& decode);
  /// As ComponentInstance::serve().
  void serve(std::string stream);
  [[nodiscard]] bool poisoned() const { return poisoned_; }
  [[nodiscard]] uint64_t peak_memory_bytes() const;
  [[nodiscard]] std::chrono::nanoseconds network_wait() const;
  /// Whether the host gave the guest an error with `code`, so that the guest may return it.
  [[nodiscard]] bool was_given(std::string_view code) const;

 private:
  friend class WasmRuntime;
  struct Impl;
  Guest(std::unique_ptr<Impl> impl, std::unique_ptr<ComponentHostState> state);
  // The store inside `impl_` points at `state_`, so it must be destroyed first (members are destroyed in reverse
  // order).
  std::unique_ptr<ComponentHostState> state_;
  std::unique_ptr<Impl> impl_;
  bool poisoned_ = false;
};

class WasmRuntime {
 public:
  static Result<std::unique_ptr<WasmRuntime>> create(AotCache cache, SlowCompilation on_slow_compilation = {});
  ~WasmRuntime();
  WasmRuntime(const WasmRuntime&) = delete;
  WasmRuntime& operator=(const WasmRuntime&) = delete;

  /// Compiles `wasm`, or takes it from the cache. `name` is for the cache's file names and errors. COMPONENT_INVALID,
  /// PROTOCOL_MISMATCH.
  Result<std::shared_ptr<const LoadedComponent>> load(const ComponentFile& wasm, std::string_view name);

  /// Makes the store, limited and with a deadline, and instantiates the component in it. The guest's own initialisers
  /// run here. COMPONENT_INVALID when the host does not offer an import, else as Guest::call. The runtime must outlive
  /// the guest. `role`: the interface that is called; nullopt: the component's first.
  Result<std::unique_ptr<Guest>> start_guest(const std::shared_ptr<const LoadedComponent>& component,
                                             std::unique_ptr<ComponentHostState> state, const WasiContext& wasi,
                                             std::optional<ConnectorRole> role = std::nullopt);

  [[nodiscard]] uint64_t engine_hash() const;

 private:
  struct Impl;
  explicit WasmRuntime(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace rapidbyte::runtime
