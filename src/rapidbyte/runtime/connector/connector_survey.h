#pragma once
// What can be said about connectors without starting one: which are found on this machine, and what each would be
// given. Part of the runtime's facade, for the command line (`connectors`, `check`). Reads files; any thread.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "rapidbyte/base/status.h"
#include "rapidbyte/runtime/component_runtime.h"
#include "rapidbyte/runtime/connector/manifest.h"

namespace rapidbyte::runtime {

/// One connector in a connector folder: a component with its manifest, or a manifest that names a component.
struct FoundConnector {
  std::string name;  // "source-file"
  std::filesystem::path path;  // of the component
  /// What `use:` takes for exactly these files.
  std::string reference;
  std::string origin;  // why its folder is searched
  std::optional<Manifest> manifest;
  /// Why it cannot be used (MANIFEST_MISSING, MANIFEST_INVALID ...); ok otherwise. The component itself is not read.
  Status problem;
  /// A folder that is searched earlier has a connector of this name, so this one is never taken.
  bool shadowed = false;
};

/// Every connector in the connector folders, in the order of the search, then by name. A component without a manifest
/// of its own that manifests name is no connector itself. Folders that do not exist are empty.
[[nodiscard]] std::vector<FoundConnector> find_connectors(const RuntimeOptions& options);

/// What one instance would reach.
struct ConnectorAccess {
  struct Place {
    std::filesystem::path path;
    bool read_write = false;
    /// Of a file: the files that a database has beside it, too.
    bool companions = false;
  };
  bool every_host = false;
  std::string hosts;  // "db.example.com, *.example.org"; "nothing" when empty
  std::vector<Place> folders;  // with everything in them
  std::vector<Place> files;
  std::vector<std::string> env_vars;      // names that are set and passed
  std::vector<std::string> env_vars_unset;  // granted, but not set
  std::vector<std::string> env_vars_not_granted;  // that the manifest asks for and the pipeline does not grant
};

/// The access that an instance of `manifest` (null: none) with `options` would get. Errors as when it is started.
[[nodiscard]] Result<ConnectorAccess> describe_access(const Manifest* manifest, const InstanceOptions& options);

}  // namespace rapidbyte::runtime
