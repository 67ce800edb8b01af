#pragma once
// What a guest sees of the machine beyond the host interface: environment variables and folders, nothing else (no
// network, no arguments, no terminal). build_wasi_context() turns the manifest, the pipeline's grants and the
// connector's config into a WasiContext, a plain value that wasm_runtime hands to Wasmtime. Pure but for file-system
// checks; any thread.

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "rapidbyte/base/status.h"
#include "rapidbyte/runtime/component_runtime.h"
#include "rapidbyte/runtime/manifest.h"

namespace rapidbyte::runtime {

/// A folder that the guest may open, under the same absolute path inside.
struct Preopen {
  std::filesystem::path folder;
  std::string guest_path;
  bool read_write = false;
  bool operator==(const Preopen&) const = default;
};

struct WasiContext {
  std::vector<std::pair<std::string, std::string>> env;
  std::vector<Preopen> preopens;
  /// Files on which the host must hold SQLite's exclusive lock while the instance is open.
  std::vector<std::filesystem::path> sqlite_locks;
  /// The config as the guest gets it: values named by `config_paths` are absolute.
  nlohmann::json config;
};

/// Errors: PATH_NOT_FOUND and PATH_INVALID (config) name the config key, the path and what to do. A null manifest
/// grants nothing.
Result<WasiContext> build_wasi_context(const Manifest* manifest, const InstanceOptions& options);

}  // namespace rapidbyte::runtime
