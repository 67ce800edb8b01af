#pragma once
// Manifest: `<file stem>.manifest.json` beside a component (docs/protocol.md, "The manifest"). What a connector is,
// what it may reach, and the JSON Schema of its config. Parsing is strict about types, and ignores unknown keys.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/base/status.h"
#include "rapidbyte/protocol/feature.h"

namespace rapidbyte::runtime {

enum class TlsPolicy : uint8_t { kRequired, kOptional, kForbidden };

struct NetworkPermissions {
  std::vector<std::string> allowed_domains;
  bool allow_runtime_config_domains = false;
  TlsPolicy tls = TlsPolicy::kOptional;
};

/// One entry of `permissions.fs.config_paths` (our addition to the manifest).
struct ConfigPath {
  /// JSON Pointer into the connector's config; the value is a folder or a file. A part `*` stands for every key of an
  /// object and every index of a list.
  std::string pointer;
  bool read_write = false;
  /// "sqlite" or "duckdb": while an instance is open, the host holds that database's own lock on the file (WASI has no
  /// locks): exclusive, except for a DuckDB database that is only read.
  std::string lock;
  /// The value must be a folder that is there ("kind": "folder"); otherwise it may be a file, and one that is not
  /// there.
  bool must_be_folder = false;
};

struct Permissions {
  NetworkPermissions network;
  std::vector<std::string> preopens;
  std::vector<ConfigPath> config_paths;
  std::vector<std::string> env_allowed_vars;
};

/// The paths that `config` has, each with a pointer of its own: those of entries with `*` once for every value that it
/// stands for, the others as they are, whether or not the config has them.
[[nodiscard]] std::vector<ConfigPath> config_paths_in(const Permissions& permissions, const nlohmann::json& config);

struct Role {
  std::vector<std::string> modes;  // supported_sync_modes or supported_write_modes
  /// As written, including unknown ones: a source may ask for a destination's.
  std::vector<std::string> features;
  [[nodiscard]] bool has_feature(protocol::Feature feature) const;
};

struct Manifest {
  std::string manifest_version;
  std::string id;
  std::string name;
  std::string version;
  std::string description;
  std::string author;
  std::string license;
  std::string protocol_version;
  std::string entry_point;
  /// What the component gets as its arguments, the first as number 0: which connector it is, if several manifests name
  /// it.
  std::vector<std::string> arguments;
  std::optional<std::string> checksum;  // "sha256:<hex>"
  uint64_t min_memory_mb = 0;
  Permissions permissions;
  std::optional<Role> source;
  std::optional<Role> destination;
  std::optional<Role> transform;
  bool utility = false;
  /// JSON Schema draft 7 of the connector's config; null: anything.
  nlohmann::json config_schema;
  /// JSON Schema of the keys that a stream may have beyond the host's own (our addition); null: none are allowed.
  nlohmann::json stream_schema;
  /// Probable mistakes that do not keep the connector from being used: features with unknown names.
  std::vector<std::string> warnings;
};

/// Parses manifest JSON. `origin` (a path) is named in errors: MANIFEST_INVALID (config), with the JSON Pointer.
Result<Manifest> parse_manifest(std::string_view json_text, std::string_view origin);

/// One thing wrong with a config: where (JSON Pointer) and what, with "did you mean" for unknown keys.
struct ConfigProblem {
  std::string pointer;
  std::string message;
};

/// Checks `value` against `schema` (draft 7). Lists every problem; empty when it is valid. A broken schema is
/// MANIFEST_INVALID. A null schema accepts everything.
Result<std::vector<ConfigProblem>> validate_against_schema(const nlohmann::json& schema, const nlohmann::json& value);

}  // namespace rapidbyte::runtime
