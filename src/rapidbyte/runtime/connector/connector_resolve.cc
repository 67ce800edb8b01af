#include "rapidbyte/runtime/connector/connector_resolve.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <system_error>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::runtime {
namespace {

namespace fs = std::filesystem;

// Above any real component (ours are 1-2 MiB), far below what would hurt to read.
constexpr uint64_t kMaxComponentBytes = uint64_t{256} << 20U;
// A manifest is a page or two of JSON.
constexpr uint64_t kMaxManifestBytes = uint64_t{1} << 20U;
constexpr size_t kMaxReferenceBytes = 4096;
constexpr uint64_t kPieceBytes = uint64_t{64} << 10U;
constexpr std::string_view kManifestSuffix = ".manifest.json";

Status bad_reference(std::string_view reference, std::string_view why) {
  return config_error(
      codes::kConnectorRefInvalid,
      fmt::format("connector reference '{}': {}. Write it as rapidbyte/source-postgres@v0.1.0, or as the path "
                  "of a .wasm file",
                  reference.substr(0, 200), why));
}

// One part of a reference: it becomes a file name, so it must not lead elsewhere.
bool is_plain_part(std::string_view part) {
  if (part.empty() || part.front() == '.' || part.find("..") != std::string_view::npos) return false;
  return std::all_of(part.begin(), part.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  });
}

std::string_view without_v(std::string_view version) {
  if (version.size() > 1 && (version.front() == 'v' || version.front() == 'V') && version[1] >= '0' &&
      version[1] <= '9') {
    version.remove_prefix(1);
  }
  return version;
}

fs::path env_path(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? fs::path() : fs::path(value);
}

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

fs::path absolute_or_same(const fs::path& path) {
  std::error_code error;
  fs::path out = fs::absolute(path, error);
  return error ? path : out.lexically_normal();
}

Status cannot_read(const fs::path& path, std::string_view code) {
  return config_error(
      std::string(code),
      fmt::format("cannot read {}: check that the file is complete and that you may read it", path.string()));
}

Result<uint64_t> checked_size(const fs::path& path, uint64_t most, std::string_view code) {
  std::error_code error;
  const uint64_t size = fs::file_size(path, error);
  if (error) return config_error(std::string(code), fmt::format("cannot read {}: {}", path.string(), error.message()));
  if (size > most) {
    return config_error(std::string(code),
                        fmt::format("{} has {} bytes; the maximum is {} bytes", path.string(), size, most));
  }
  return size;
}

Result<std::vector<std::byte>> read_bytes(const fs::path& path, uint64_t most, std::string_view code) {
  RB_ASSIGN_OR_RETURN(const uint64_t size, checked_size(path, most, code));
  std::vector<std::byte> bytes(size);
  std::ifstream file(path, std::ios::binary);
  if (!file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size)) && size > 0) {
    return cannot_read(path, code);
  }
  return bytes;
}

std::string lower_hex(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

namespace {

/// "source-file" of "source_file.wasm" or "source_file.manifest.json".
std::string name_of_file(const fs::path& path) {
  std::string name = path.filename().string();
  const std::string_view suffix = name.ends_with(kManifestSuffix) ? kManifestSuffix : std::string_view(".wasm");
  if (name.ends_with(suffix)) name.resize(name.size() - suffix.size());
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

fs::path wasm_of_manifest(const fs::path& manifest) {
  std::string name = manifest.filename().string();
  name.resize(name.size() - kManifestSuffix.size());
  return manifest.parent_path() / (name + ".wasm");
}

/// The component that a manifest without one of its own names.
Result<fs::path> named_component(const fs::path& manifest) {
  RB_ASSIGN_OR_RETURN(const auto bytes, read_bytes(manifest, kMaxManifestBytes, codes::kManifestInvalid));
  RB_ASSIGN_OR_RETURN(const Manifest parsed,
                      parse_manifest({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, manifest.string()));
  const std::string& entry = parsed.entry_point;
  if (!is_plain_part(entry) || !entry.ends_with(".wasm")) {
    return config_error(
        codes::kManifestInvalid,
        fmt::format("manifest {}: /artifact/entry_point is '{}'; a manifest without a component of its own must name "
                    "one in its folder, such as lake.wasm. Install the connector again",
                    manifest.string(), entry.substr(0, 200)));
  }
  return manifest.parent_path() / entry;
}

/// A connector that is these files; nullopt: neither is there.
Result<std::optional<ConnectorFiles>> files_at(const fs::path& wasm, const fs::path& manifest) {
  if (is_file(wasm)) return std::optional<ConnectorFiles>({wasm, manifest});
  if (!is_file(manifest)) return std::optional<ConnectorFiles>();
  RB_ASSIGN_OR_RETURN(fs::path component, named_component(manifest));
  if (is_file(component)) return std::optional<ConnectorFiles>({std::move(component), manifest});
  return config_error(codes::kConnectorNotFound,
                      fmt::format("{} names the component {}, which is not there. Install the connector again, "
                                  "component and manifest together",
                                  manifest.string(), component.string()));
}

}  // namespace

Result<ConnectorRef> parse_connector_ref(std::string_view reference) {
  if (reference.empty()) return bad_reference(reference, "it is empty");
  if (reference.size() > kMaxReferenceBytes || reference.find('\0') != std::string_view::npos) {
    return bad_reference(reference, "it is neither a name nor a path");
  }
  ConnectorRef ref;
  ref.reference = std::string(reference);
  const bool names_file = reference.ends_with(".wasm") || reference.ends_with(kManifestSuffix);
  if (reference.find('/') != std::string_view::npos && names_file) {
    ref.path = fs::path(reference);
    ref.file_name = ref.path->filename().string();
    ref.name = name_of_file(*ref.path);
    return ref;
  }
  std::string_view rest = reference;
  if (const size_t at = rest.find('@'); at != std::string_view::npos) {
    const std::string_view version = without_v(rest.substr(at + 1));
    if (!is_plain_part(version)) {
      return bad_reference(reference, "the part after '@' is not a version of letters, digits, '.', '-' and '_'");
    }
    ref.version = std::string(version);
    rest = rest.substr(0, at);
  }
  if (const size_t slash = rest.find('/'); slash != std::string_view::npos) {
    if (!is_plain_part(rest.substr(0, slash)))
      return bad_reference(reference, "the part before '/' is not a plain name");
    rest.remove_prefix(slash + 1);
  }
  if (!is_plain_part(rest)) {
    return bad_reference(reference,
                         "a connector's name has only letters, digits, '.', '-' and '_', and does not begin with '.'");
  }
  ref.name = std::string(rest);
  ref.file_name = ref.name + ".wasm";
  std::replace(ref.file_name.begin(), ref.file_name.end(), '-', '_');
  return ref;
}

std::vector<ConnectorFolder> connector_search_folders(const fs::path& extra) {
  std::vector<ConnectorFolder> folders;
  if (!extra.empty()) folders.push_back({extra, "given to the runtime"});
  if (auto dir = env_path("RAPIDBYTE_CONNECTOR_DIR"); !dir.empty()) folders.push_back({dir, "RAPIDBYTE_CONNECTOR_DIR"});
  if (auto home = env_path("HOME"); !home.empty()) folders.push_back({home / ".rapidbyte" / "plugins", "your plugins"});
  std::error_code error;
  if (const fs::path exe = fs::read_symlink("/proc/self/exe", error); !error) {
    folders.push_back({exe.parent_path() / "connectors", "beside the program"});
    folders.push_back(
        {exe.parent_path().parent_path() / "lib" / "rapidbyte" / "connectors", "installed with the program"});
  }
  return folders;
}

Result<ConnectorFiles> resolve_connector(const ConnectorRef& ref, const std::vector<ConnectorFolder>& folders) {
  std::string tried;
  const auto add_tried = [&tried](const fs::path& path, std::string_view origin) {
    tried += fmt::format("\n  {} ({})", path.string(), origin);
  };
  if (ref.path) {
    const fs::path path = absolute_or_same(*ref.path);
    const bool manifest = path.filename().string().ends_with(kManifestSuffix);
    if (manifest) {
      RB_ASSIGN_OR_RETURN(const auto files, files_at(wasm_of_manifest(path), path));
      if (files && is_file(path)) return *files;
    } else if (is_file(path)) {
      return ConnectorFiles{path, manifest_path_from_wasm(path)};
    }
    add_tried(path, "the path as written; a relative one is relative to the pipeline file");
  } else {
    for (const auto& [folder, origin] : folders) {
      const fs::path path = absolute_or_same(folder / ref.file_name);
      RB_ASSIGN_OR_RETURN(const auto files, files_at(path, manifest_path_from_wasm(path)));
      if (files) return *files;
      add_tried(path, origin);
    }
  }
  return config_error(
      codes::kConnectorNotFound,
      fmt::format("connector '{}' was not found; tried:{}\nCheck the spelling of `use:`, put the component (or a "
                  "manifest that names one) into one of these folders, or set RAPIDBYTE_CONNECTOR_DIR to the folder "
                  "that has it",
                  ref.reference, tried.empty() ? "\n  no folder at all" : tried));
}

Result<ConnectorFiles> resolve_connector(const ConnectorRef& ref) {
  return resolve_connector(ref, connector_search_folders());
}

fs::path manifest_path_from_wasm(const fs::path& wasm) {
  return wasm.parent_path() / (wasm.stem().string() + ".manifest.json");
}

std::vector<std::string> connectors_in(const fs::path& component) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator at(component.parent_path(), error), end; !error && at != end; at.increment(error)) {
    const fs::path& manifest = at->path();
    if (!manifest.filename().string().ends_with(kManifestSuffix) || is_file(wasm_of_manifest(manifest))) continue;
    const auto named = named_component(manifest);
    if (named.ok() && *named == component) names.push_back(name_of_file(manifest));
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::optional<Manifest>> load_connector_manifest(const ConnectorRef& ref, const ConnectorFiles& files,
                                                        bool allow_unmanifested) {
  const fs::path& path = files.manifest;
  std::error_code error;
  if (!fs::exists(path, error) && !error) {
    if (allow_unmanifested) return std::optional<Manifest>();
    if (const std::vector<std::string> connectors = connectors_in(files.component); !connectors.empty()) {
      return make_error(ErrorCategory::kPermission, codes::kManifestMissing,
                        fmt::format("'{}' is the component of several connectors; use one of them: {}", ref.reference,
                                    fmt::join(connectors, ", ")));
    }
    return make_error(
        ErrorCategory::kPermission, codes::kManifestMissing,
        fmt::format("connector '{}' has no manifest: {} does not exist, so nothing says what it may reach. Put its "
                    "manifest there, or run with --allow-unmanifested to let it reach any host",
                    ref.reference, path.string()));
  }
  RB_ASSIGN_OR_RETURN(const auto bytes, read_bytes(path, kMaxManifestBytes, codes::kManifestInvalid));
  RB_ASSIGN_OR_RETURN(Manifest manifest,
                      parse_manifest({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string()));
  const std::string& protocol = manifest.protocol_version;
  constexpr std::array<std::string_view, 7> kSpoken = {"2", "2.0", "2.1", "2.2", "2.0.0", "2.1.0", "2.2.0"};
  if (std::find(kSpoken.begin(), kSpoken.end(), protocol) == kSpoken.end()) {
    return config_error(codes::kProtocolMismatch,
                        fmt::format("connector '{}': host speaks 2.0, 2.1, 2.2; connector speaks {} (says {}). Get "
                                    "a version of the connector that is built for protocol 2",
                                    ref.reference, protocol, path.string()));
  }
  if (ref.has_version() && without_v(manifest.version) != ref.version) {
    return config_error(codes::kConnectorVersionMismatch,
                        fmt::format("connector '{}': `use:` names version {}, but {} is version {}. Change the version "
                                    "in `use:`, or install that version",
                                    ref.reference, ref.version, files.component.string(), without_v(manifest.version)));
  }
  return std::optional<Manifest>(std::move(manifest));
}

Result<ComponentFile> read_component_file(const fs::path& wasm) {
  static constexpr std::string_view kCode = codes::kComponentInvalid;
  RB_ASSIGN_OR_RETURN(const uint64_t size, checked_size(wasm, kMaxComponentBytes, kCode));
  std::ifstream file(wasm, std::ios::binary);
  // Small enough to stay in the cache, so that a start does not touch megabytes of fresh pages.
  std::vector<std::byte> piece(kPieceBytes);
  std::array<std::byte, 4> begin{};
  Sha256 hash;
  uint64_t seen = 0;
  while (seen < size) {
    const uint64_t want = std::min<uint64_t>(piece.size(), size - seen);
    if (!file.read(reinterpret_cast<char*>(piece.data()), static_cast<std::streamsize>(want))) {
      return cannot_read(wasm, kCode);
    }
    if (seen == 0 && want >= 8) std::memcpy(begin.data(), piece.data(), begin.size());
    hash.update(std::span(piece).first(want));
    seen += want;
  }
  constexpr std::array<std::byte, 4> kMagic = {std::byte{0}, std::byte{'a'}, std::byte{'s'}, std::byte{'m'}};
  if (begin != kMagic) {
    return config_error(codes::kComponentInvalid,
                        fmt::format("{} is not WebAssembly. Build or install the connector again", wasm.string()));
  }
  std::string digest = hash.hex();
  auto read_again = [wasm, digest]() -> Result<std::vector<std::byte>> {
    RB_ASSIGN_OR_RETURN(auto bytes, read_bytes(wasm, kMaxComponentBytes, kCode));
    if (sha256_hex(bytes) == digest) return bytes;
    return config_error(std::string(kCode),
                        fmt::format("{} was changed while it was being loaded. Run the command again", wasm.string()));
  };
  return ComponentFile{std::move(digest), std::move(read_again)};
}

Status verify_wasm_checksum(const ComponentFile& file, const Manifest& manifest, const fs::path& wasm) {
  if (!manifest.checksum) return {};
  constexpr std::string_view kPrefix = "sha256:";
  const std::string expected = lower_hex(*manifest.checksum);
  if (expected == std::string(kPrefix) + file.sha256) return {};
  return make_error(
      ErrorCategory::kPermission, codes::kChecksumMismatch,
      fmt::format("{} is not the file that its manifest describes: the manifest says {}, the file is {}{}. Install "
                  "the connector again, component and manifest together",
                  wasm.string(), *manifest.checksum, kPrefix, file.sha256));
}

Status verify_wasm_checksum(const fs::path& wasm, const Manifest& manifest) {
  RB_ASSIGN_OR_RETURN(const ComponentFile file, read_component_file(wasm));
  return verify_wasm_checksum(file, manifest, wasm);
}

}  // namespace rapidbyte::runtime
