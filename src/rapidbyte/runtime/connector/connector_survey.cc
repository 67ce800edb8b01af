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

std::vector<fs::path> components_in(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    if (at->path().extension() == ".wasm") found.push_back(at->path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

std::string connector_name(const fs::path& wasm) {
  std::string name = wasm.stem().string();
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

}  // namespace

std::vector<FoundConnector> find_connectors(const RuntimeOptions& options) {
  std::vector<FoundConnector> found;
  std::set<std::string> names;
  for (const ConnectorFolder& folder : connector_search_folders(options.connector_dir)) {
    for (const fs::path& path : components_in(folder.folder)) {
      FoundConnector connector;
      connector.name = connector_name(path);
      connector.path = path;
      connector.origin = folder.origin;
      connector.shadowed = !names.insert(connector.name).second;
      ConnectorRef any_version;
      any_version.reference = path.string();
      any_version.name = connector.name;
      any_version.path = path;
      auto manifest = load_connector_manifest(any_version, path, options.allow_unmanifested);
      if (manifest.ok()) {
        connector.manifest = std::move(*manifest);
      } else {
        connector.problem = std::move(manifest).status();
      }
      found.push_back(std::move(connector));
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
        access.files.push_back({folder / file.name, file.read_write, file.companions});
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
