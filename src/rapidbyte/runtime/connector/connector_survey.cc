#include "rapidbyte/runtime/connector/connector_survey.h"

#include <algorithm>
#include <set>
#include <system_error>

#include "rapidbyte/runtime/connector/connector_resolve.h"
#include "rapidbyte/runtime/net/network_acl.h"
#include "rapidbyte/runtime/sandbox/wasi_context.h"

namespace rapidbyte::runtime {
namespace {

namespace fs = std::filesystem;

// The components, and the manifests without a component of their own, in the order of the connectors' names.
std::vector<fs::path> connector_files_in(const fs::path& folder) {
  std::vector<std::pair<std::string, fs::path>> found;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const fs::path& path = at->path();
    constexpr std::string_view kManifest = ".manifest.json";
    std::string name = path.filename().string();
    if (path.extension() == ".wasm") {
      if (!fs::exists(manifest_path_from_wasm(path), error) && !connectors_in(path).empty()) continue;
      found.emplace_back(path.stem().string(), path);
    } else if (name.ends_with(kManifest)) {
      name.resize(name.size() - kManifest.size());
      if (!fs::exists(folder / (name + ".wasm"), error)) found.emplace_back(std::move(name), path);
    }
    error.clear();
  }
  std::sort(found.begin(), found.end());
  std::vector<fs::path> paths;
  for (auto& [name, path] : found) paths.push_back(std::move(path));
  return paths;
}

FoundConnector survey(const fs::path& path, bool allow_unmanifested) {
  FoundConnector connector;
  connector.path = path;
  connector.reference = path.string();
  const auto ref = parse_connector_ref(connector.reference);
  if (!ref.ok()) {
    connector.name = path.stem().string();
    connector.problem = ref.status();
    return connector;
  }
  connector.name = ref->name;
  const auto files = resolve_connector(*ref, {});
  if (!files.ok()) {
    connector.problem = files.status();
    return connector;
  }
  connector.path = files->component;
  auto manifest = load_connector_manifest(*ref, *files, allow_unmanifested);
  if (manifest.ok()) {
    connector.manifest = std::move(*manifest);
  } else {
    connector.problem = std::move(manifest).status();
  }
  return connector;
}

}  // namespace

std::vector<FoundConnector> find_connectors(const RuntimeOptions& options) {
  std::vector<FoundConnector> found;
  std::set<std::string> names;
  for (const ConnectorFolder& folder : connector_search_folders(options.connector_dir)) {
    for (const fs::path& path : connector_files_in(folder.folder)) {
      std::error_code error;
      const fs::path full = fs::absolute(path, error);
      found.push_back(survey(error ? path : full, options.allow_unmanifested));
      FoundConnector& connector = found.back();
      connector.origin = folder.origin;
      connector.shadowed = !names.insert(connector.name).second;
    }
  }
  return found;
}

Result<ConnectorAccess> describe_access(const Manifest* manifest, const InstanceOptions& options) {
  RB_ASSIGN_OR_RETURN(const WasiContext wasi, build_wasi_context(manifest, options));
  const NetworkAcl acl = derive_network_acl(manifest, wasi.config);
  ConnectorAccess access;
  access.every_host = acl.allows_all();
  access.hosts = acl.describe();
  if (wasi.grants) {
    for (const FolderGrant& grant : wasi.grants->folders) {
      const fs::path& folder = grant.folder->path();
      if (grant.is_whole()) access.folders.push_back({folder, grant.read_write});
      for (const GrantedFile& file : grant.files)
        access.files.push_back({folder / file.name, file.read_write, file.companions != Companions::kNone});
    }
  }
  for (const auto& [name, value] : wasi.env) access.env_vars.push_back(name);
  if (manifest == nullptr) return access;
  const std::set<std::string> granted(options.allow_env.begin(), options.allow_env.end());
  std::set_difference(granted.begin(), granted.end(), access.env_vars.begin(), access.env_vars.end(),
                      std::back_inserter(access.env_vars_unset));
  for (const std::string& name : manifest->permissions.env_allowed_vars) {
    if (!granted.contains(name)) access.env_vars_not_granted.push_back(name);
  }
  return access;
}

}  // namespace rapidbyte::runtime
