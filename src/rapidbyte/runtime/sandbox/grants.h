#pragma once
// Grants: the folders and files that a pipeline's connectors may use. resolve_grants() resolves every path that a
// manifest asks for and a config names to open handles, once per run and before any guest starts; every guest of the
// run, and the host's work for it (locks, journals), goes through these handles, so that nothing a guest does to a path
// leads anyone elsewhere. It considers all connectors together, because what one may write must not be what another, or
// the program itself, relies on. Part of the runtime's facade. Any thread; the result is immutable.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/base/status.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/runtime/connector/manifest.h"
#include "rapidbyte/runtime/sandbox/pinned_folder.h"

namespace rapidbyte::runtime {

/// Which files beside a granted one are granted with it. The shim has the same numbers.
enum class Companions : uint8_t {
  kNone = 0,
  kSqlite = 1,  // `-journal`, `-wal`, `-shm`, `-tmp-<16 hexadecimal digits>`
  kDuckdb = 2,  // `.wal`, `.wal.checkpoint`, `.wal.recovery`
};

/// A single file that is granted within its folder.
struct GrantedFile {
  std::string name;
  bool read_write = false;
  Companions companions = Companions::kNone;
  bool operator==(const GrantedFile&) const = default;
  /// Whether `file`, a name in the same folder, is granted with it. The shim has the same rule for guests.
  [[nodiscard]] bool covers(std::string_view file) const;
};

/// A folder that is opened for a guest: all of it, or single files in it.
struct FolderGrant {
  std::shared_ptr<const PinnedFolder> folder;  // shared with every instance of the run
  /// Its path inside the guest.
  std::string guest_path;
  bool read_write = false;
  /// If not empty, only these files of the folder exist for the guest.
  std::vector<GrantedFile> files;
  [[nodiscard]] bool is_whole() const { return files.empty(); }
};

/// A file on which the host holds a database's own lock while an instance is open.
struct LockedDatabase {
  std::shared_ptr<const PinnedFolder> folder;  // shared with the grant and every lock
  std::string name;
  std::string kind;  // ConfigPath::lock
  bool read_write = true;
};

/// What one connector of a run may use.
struct ConnectorGrants {
  /// A path in the config: as written, and as the guest gets it.
  struct Value {
    std::string pointer;
    nlohmann::json given;
    std::string absolute;
  };
  std::vector<FolderGrant> folders;
  std::vector<LockedDatabase> databases;
  std::vector<Value> values;
};

/// A connector that asks for grants.
struct GrantRequest {
  std::string connector_id;  // "source", "destination", "transform-0"
  std::string name;  // for messages: "dest-sqlite"
  std::string pointer;  // its place in the pipeline file: "/destination"
  /// Null: nothing is granted.
  const Manifest* manifest = nullptr;
  nlohmann::json config;
  std::vector<std::string> read_write_preopens;
};

/// What no guest may be able to change.
struct ProtectedPath {
  std::string what;  // "the pipeline file"
  std::filesystem::path path;  // absolute; need not exist
};

struct GrantPlan {
  std::vector<GrantRequest> requests;
  /// Folder to which relative paths are relative; absolute, or empty for the current one.
  std::filesystem::path base_folder;
  std::vector<ProtectedPath> protected_paths;
};

/// Why a grant is refused.
struct GrantProblem {
  std::string connector_id;
  /// The value of the pipeline file to change: "/destination/config/path".
  std::string pointer;
  /// PATH_NOT_FOUND, INVALID_PATH, DATABASE_OPEN, FOLDER_NOT_ASKED, MANIFEST_INVALID (config); GRANT_REFUSED
  /// (permission): the path leads through a link that a guest may have made, or others rely on what the guest could
  /// write. The message does not name the value.
  ConnectorError error;
  /// For callers that show no place in the file: "dest-sqlite: config /path".
  std::string asked_by;
  [[nodiscard]] Status status() const;
};

struct ResolvedGrants {
  std::map<std::string, std::shared_ptr<const ConnectorGrants>> by_connector;  // shared with the run's instances
  /// If there is one, nothing may be started.
  std::vector<GrantProblem> problems;
};

[[nodiscard]] ResolvedGrants resolve_grants(const GrantPlan& plan);

/// The same for a single connector.
[[nodiscard]] Result<std::shared_ptr<const ConnectorGrants>> resolve_grants_of(
    const GrantRequest& request, const std::filesystem::path& base_folder);

/// The code of a grant that is refused because of what it would give to a guest.
inline constexpr std::string_view kGrantRefused = codes::kGrantRefused;

/// What the program itself relies on: its own file, the folders that connectors are loaded from, the cache of compiled
/// code.
[[nodiscard]] std::vector<ProtectedPath> paths_of_the_program();

}  // namespace rapidbyte::runtime
