#pragma once
// What a guest sees of the machine beyond the host interface: environment variables, folders and the arguments that its
// manifest names, nothing else (no network, no terminal). build_wasi_context() turns the pipeline's grants and the
// connector's config into a WasiContext, a plain value that wasm_runtime passes to Wasmtime. It resolves no paths: that
// was done with the run's grants (grants.h). Pure; any thread.

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "rapidbyte/base/status.h"
#include "rapidbyte/runtime/component_runtime.h"
#include "rapidbyte/runtime/connector/manifest.h"
#include "rapidbyte/runtime/sandbox/grants.h"

namespace rapidbyte::runtime {

struct WasiContext {
  /// Manifest::arguments.
  std::vector<std::string> arguments;
  std::vector<std::pair<std::string, std::string>> env;
  std::shared_ptr<const ConnectorGrants> grants;  // shared with the run; null: no folder
  /// The config as the guest gets it: values named by `config_paths` are absolute.
  nlohmann::json config;
};

/// A null manifest grants nothing. ENV_NOT_ASKED (config). GRANTS_MISSING (internal) when `options.grants` are not
/// those of this manifest and config: no guest starts with a path that was not resolved before.
Result<WasiContext> build_wasi_context(const Manifest* manifest, const InstanceOptions& options);

}  // namespace rapidbyte::runtime
