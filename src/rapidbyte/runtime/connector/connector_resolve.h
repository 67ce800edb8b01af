#pragma once
// Finds a connector by its reference and checks what was found: path, manifest, version, checksum (docs/protocol.md,
// "The manifest"). Pure functions over the file system; any thread may call them. Compiling the component is
// wasm_runtime's work.

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/base/sha256.h"
#include "rapidbyte/base/status.h"
#include "rapidbyte/runtime/connector/manifest.h"

namespace rapidbyte::runtime {

using rapidbyte::sha256_hex;

/// The version of a reference without `@version`.
inline constexpr std::string_view kUnknownVersion = "unknown";

/// The parts of `rapidbyte/source-postgres@v0.1.0`.
struct ConnectorRef {
  std::string reference;                      // as written
  std::string name;                           // "source-postgres"
  std::string version{kUnknownVersion};       // "0.1.0", without the v
  std::string file_name;                      // "source_postgres.wasm"
  std::optional<std::filesystem::path> path;  // set when the reference is a path of a .wasm or .manifest.json file
  [[nodiscard]] bool has_version() const { return version != kUnknownVersion; }
};

/// Parses `[namespace/]name[@[v]version]` or a path (contains '/', ends in ".wasm" or ".manifest.json").
/// CONNECTOR_REF_INVALID (config) for anything that could leave the search folders.
[[nodiscard]] Result<ConnectorRef> parse_connector_ref(std::string_view reference);

/// One folder to search, and why (for the error message).
struct ConnectorFolder {
  std::filesystem::path folder;
  std::string origin;
};

/// `extra` (when not empty), RAPIDBYTE_CONNECTOR_DIR, ~/.rapidbyte/plugins, then the folders installed with the binary.
[[nodiscard]] std::vector<ConnectorFolder> connector_search_folders(const std::filesystem::path& extra = {});

/// Where a connector was found, absolute: `source_postgres.wasm` with its manifest beside it (which need not exist), or
/// a manifest without such a file, which names the component in its `artifact.entry_point`. Several manifests may name
/// one component.
struct ConnectorFiles {
  std::filesystem::path component;
  std::filesystem::path manifest;
  bool operator==(const ConnectorFiles&) const = default;
};

/// CONNECTOR_NOT_FOUND (config) lists every path tried, or names the component that a manifest names and that is not
/// there; MANIFEST_INVALID (config) if its `artifact.entry_point` is not the name of a file beside it.
[[nodiscard]] Result<ConnectorFiles> resolve_connector(const ConnectorRef& ref,
                                                       const std::vector<ConnectorFolder>& folders);
[[nodiscard]] Result<ConnectorFiles> resolve_connector(const ConnectorRef& ref);

/// `<folder>/source_postgres.wasm` -> `<folder>/source_postgres.manifest.json`.
[[nodiscard]] std::filesystem::path manifest_path_from_wasm(const std::filesystem::path& wasm);

/// The manifest of `files`. MANIFEST_MISSING (permission) when there is none, or nullopt if `allow_unmanifested`;
/// MANIFEST_INVALID; PROTOCOL_MISMATCH; CONNECTOR_VERSION_MISMATCH when `ref` asks for another version.
[[nodiscard]] Result<std::optional<Manifest>> load_connector_manifest(const ConnectorRef& ref,
                                                                      const ConnectorFiles& files,
                                                                      bool allow_unmanifested);

/// The manifests in the component's folder that name it and have no component of their own: their connectors' names,
/// sorted. Empty when the folder cannot be read.
[[nodiscard]] std::vector<std::string> connectors_in(const std::filesystem::path& component);

/// A component identified by its digest, which serves for the manifest's checksum and as the key of the AOT cache. Its
/// bytes are needed only when it must be compiled; keeping megabytes of them would slow down a warm start.
struct ComponentFile {
  std::string sha256;  // of the bytes, 64 hexadecimal digits
  /// The bytes with that digest.
  std::function<Result<std::vector<std::byte>>()> read;
};

/// Reads and hashes a component. COMPONENT_INVALID when it can't be read, is empty, is not WebAssembly, or is larger
/// than 256 MiB; also from ComponentFile::read, when the file has changed since.
[[nodiscard]] Result<ComponentFile> read_component_file(const std::filesystem::path& wasm);

/// Compares what will be compiled with the manifest's checksum: CHECKSUM_MISMATCH (permission). A manifest without a
/// checksum promises nothing, so it passes. Production code uses the overload for a file that has been read: nothing
/// can change in between.
[[nodiscard]] Status verify_wasm_checksum(const ComponentFile& file, const Manifest& manifest,
                                          const std::filesystem::path& wasm);
[[nodiscard]] Status verify_wasm_checksum(const std::filesystem::path& wasm, const Manifest& manifest);

}  // namespace rapidbyte::runtime
