#include "rapidbyte/runtime/sandbox/wasi_context.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::runtime {
namespace {

// A manifest asks and the pipeline grants: neither alone is enough, or a connector could take the secrets of the user
// who runs it. A grant that nobody asked for is a misspelling.
Status check_asked(const std::vector<std::string>& granted, const Manifest* manifest) {
  for (const std::string& name : granted) {
    if (manifest == nullptr) {
      return config_error(codes::kEnvNotAsked,
                          fmt::format("permissions.env grants the variable {}, but the connector has no manifest that "
                                      "asks for it. Give it one, or remove permissions.env",
                                      name));
    }
    const std::vector<std::string>& asked = manifest->permissions.env_allowed_vars;
    if (std::find(asked.begin(), asked.end(), name) != asked.end()) continue;
    return config_error(codes::kEnvNotAsked,
                        fmt::format("permissions.env grants the variable {}, which the connector's manifest does not "
                                    "ask for; it asks for {}. Remove the name from permissions.env",
                                    name, asked.empty() ? "none" : fmt::format("{}", fmt::join(asked, ", "))));
  }
  return {};
}

Status grants_missing(std::string_view what) {
  return internal_error(codes::kGrantsMissing,
                        fmt::format("{} was not resolved for this run; this is a bug in rapidbyte", what));
}

/// Puts the resolved paths into the config.
Status place_paths(const Permissions& permissions, WasiContext& context) {
  static const ConnectorGrants kNone;
  const ConnectorGrants& grants = context.grants ? *context.grants : kNone;
  for (const ConfigPath& entry : config_paths_in(permissions, context.config)) {
    const auto value = std::find_if(grants.values.begin(), grants.values.end(),
                                    [&](const ConnectorGrants::Value& v) { return v.pointer == entry.pointer; });
    nlohmann::json::json_pointer pointer;
    try {
      pointer = nlohmann::json::json_pointer(entry.pointer);
    } catch (const nlohmann::json::exception&) {
      return grants_missing("config " + entry.pointer);
    }
    const bool given = context.config.contains(pointer);
    if (!given && value == grants.values.end()) continue;
    if (!given || value == grants.values.end() || context.config[pointer] != value->given)
      return grants_missing("config " + entry.pointer);
    context.config[pointer] = value->absolute;
  }
  for (const std::string& folder : permissions.preopens) {
    const auto granted = std::find_if(grants.folders.begin(), grants.folders.end(),
                                      [&](const FolderGrant& grant) { return grant.guest_path == folder; });
    if (granted == grants.folders.end()) return grants_missing("the folder " + folder);
  }
  return {};
}

}  // namespace

Result<WasiContext> build_wasi_context(const Manifest* manifest, const InstanceOptions& options) {
  WasiContext context;
  context.config = options.config;
  RB_RETURN_NOT_OK(check_asked(options.allow_env, manifest));
  if (manifest == nullptr) return context;
  context.arguments = manifest->arguments;
  context.grants = options.grants;
  for (const std::string& name : std::set<std::string>(options.allow_env.begin(), options.allow_env.end())) {
    if (const char* value = std::getenv(name.c_str())) context.env.emplace_back(name, value);
  }
  RB_RETURN_NOT_OK(place_paths(manifest->permissions, context));
  return context;
}

}  // namespace rapidbyte::runtime
