#include "rapidbyte/runtime/sandbox/grants.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/runtime/connector/connector_resolve.h"
#include "rapidbyte/runtime/sandbox/aot_cache.h"
#include "rapidbyte/runtime/sandbox/grant_conflicts.h"

namespace rapidbyte::runtime {
namespace {

namespace fs = std::filesystem;

constexpr size_t kTempDigits = 16;

fs::path absolute_of(const fs::path& path) {
  std::error_code error;
  fs::path absolute = fs::absolute(path, error);
  return error ? path : absolute;
}

Status invalid_path(std::string_view why) { return config_error(codes::kInvalidPath, std::string(why)); }

/// Resolves what one connector asks for.
class Resolver {
 public:
  Resolver(const GrantPlan& plan, size_t request)
      : request_(plan.requests[request]), index_(request), base_(absolute_of(plan.base_folder)) {}

  void run() {
    check_asked();
    if (request_.manifest == nullptr) return;
    for (const ConfigPath& entry : config_paths_in(request_.manifest->permissions, request_.config)) {
      const std::string pointer = request_.pointer + "/config" + entry.pointer;
      note(pointer, fmt::format("{}: config {}", request_.name, entry.pointer), add_config_path(entry, pointer));
    }
    for (const std::string& folder : request_.manifest->permissions.preopens) add_manifest_folder(folder);
  }

  ConnectorGrants grants;
  std::vector<AskedPath> asked;
  std::vector<GrantProblem> problems;

 private:
  void note(const std::string& pointer, std::string asked_by, Status status) {
    if (status.ok()) return;
    problems.push_back({request_.connector_id, pointer, status.error(), std::move(asked_by)});
  }

  /// A manifest asks and the pipeline grants. A grant that nobody asked for is a misspelling.
  void check_asked() {
    for (const std::string& folder : request_.read_write_preopens) {
      static const std::vector<std::string> kNone;
      const auto& wanted = request_.manifest != nullptr ? request_.manifest->permissions.preopens : kNone;
      if (std::find(wanted.begin(), wanted.end(), folder) != wanted.end()) continue;
      std::string why =
          request_.manifest == nullptr
              ? "but the connector has no manifest that asks for it. Give it one, or remove the name"
              : fmt::format("which the connector's manifest does not ask for; it asks for {}. Remove the name",
                            wanted.empty() ? "none" : fmt::format("{}", fmt::join(wanted, ", ")));
      note(request_.pointer + "/permissions/read_write_preopens", request_.name,
           config_error(codes::kFolderNotAsked,
                        fmt::format("permissions.read_write_preopens grants the folder {}, {} of "
                                    "permissions.read_write_preopens",
                                    folder, why)));
    }
  }

  Status add_config_path(const ConfigPath& entry, const std::string& pointer) {
    nlohmann::json::json_pointer at;
    try {
      at = nlohmann::json::json_pointer(entry.pointer);
    } catch (const nlohmann::json::exception&) {
      return config_error(codes::kManifestInvalid,
                          fmt::format("permissions.fs.config_paths: {} is not a JSON Pointer", entry.pointer));
    }
    if (!request_.config.contains(at)) return {};
    const nlohmann::json& value = request_.config[at];
    if (!value.is_string() || value.get_ref<const std::string&>().empty())
      return invalid_path("must be a path, as text");
    const std::string& text = value.get_ref<const std::string&>();
    if (text.find('\0') != std::string::npos) return invalid_path("a path cannot contain a NUL byte");

    auto followed = walk_path(base_ / text);
    if (!followed.ok()) return unreachable((base_ / text).lexically_normal(), followed.error(), entry.read_write);
    Destination& where = *followed;
    const bool is_database = !entry.lock.empty();
    if (!where.is_folder()) {
      if (entry.must_be_folder) return not_a_folder(where);
      RB_RETURN_NOT_OK(check_file(where, entry));
    } else if (is_database) {
      return config_error(codes::kDatabaseOpen,
                          fmt::format("{} is a folder, not a file; give the path of a database file, "
                                      "for example {}",
                                      where.path().string(),
                                      (where.path() / (entry.lock == "duckdb" ? "data.duckdb" : "data.db")).string()));
    }
    grants.values.push_back({entry.pointer, value, where.path().string()});
    if (is_database) grants.databases.push_back({where.folder, where.file_name, entry.lock, entry.read_write});
    asked.push_back({index_, pointer, fmt::format("{}: config {}", request_.name, entry.pointer), where,
                     entry.read_write, companions_of(entry)});
    return add_folder(asked.back());
  }

  static Companions companions_of(const ConfigPath& entry) {
    if (entry.lock == "duckdb") return Companions::kDuckdb;
    return entry.lock == "sqlite" || entry.read_write ? Companions::kSqlite : Companions::kNone;
  }

  static Status not_a_folder(const Destination& where) {
    const std::string path = where.path().string();
    if (where.exists) {
      return config_error(codes::kFolderNotReadable,
                          fmt::format("{} is a file, where the connector needs a folder", path));
    }
    return config_error(codes::kPathNotFound, fmt::format("{0} does not exist (relative paths are relative to the "
                                                          "pipeline file's folder); create the folder: mkdir -p {0}",
                                                          path));
  }

  static Status unreachable(const fs::path& path, const ConnectorError& error, bool read_write) {
    // The path ends where the error says, which may be before its last component.
    const std::string where = error.message.starts_with(path.string() + " ") ? "" : path.string() + ": ";
    // A link's target may be a file that the connector would create; it must exist before, or be named itself.
    const bool dangling = error.message.find("leads nowhere") != std::string::npos;
    const std::string_view advice = !read_write ? ""
                                    : dangling ? "; write the path that the link leads to, or make that file or folder "
                                                 "first"
                                               : "; create the folder first";
    return config_error(error.code, fmt::format("{}{} (relative paths are relative to the pipeline file's folder{})",
                                                where, error.message, advice));
  }

  static Status check_file(const Destination& where, const ConfigPath& entry) {
    if (!where.exists && !entry.read_write) {
      return config_error(codes::kPathNotFound,
                          fmt::format("{} does not exist (relative paths are relative to the pipeline file's folder)",
                                      where.path().string()));
    }
    // Up to version 0.1 a guest was given its file's whole folder, and could replace its file by a link to a
    // neighbour's; such links must not be followed now. It could not create absolute links.
    const auto laid = std::find_if(where.links.begin(), where.links.end(),
                                   [](const FollowedLink& link) { return link.is_last && !link.is_absolute; });
    if (entry.read_write && laid != where.links.end()) {
      return make_error(
          ErrorCategory::kPermission, std::string(kGrantRefused),
          fmt::format("{0} is a symbolic link in the place of a file that the connector may write, and an earlier "
                      "version of the sandbox let connectors create such links themselves. If you mean its target, "
                      "write that path, {1}, or make the link absolute: ln -sfn {1} {0}",
                      laid->path().string(), where.path().string()));
    }
    if (where.exists && entry.read_write && where.file_link_count > 1) {
      return make_error(ErrorCategory::kPermission, std::string(kGrantRefused),
                        fmt::format("{0} has {1} names (hard links), so writing it also changes the file under its "
                                    "other names, and SQLite would look for its journal only under this one; make it a "
                                    "separate file: cp -p {0} {0}.copy && mv {0}.copy {0}",
                                    where.path().string(), where.file_link_count));
    }
    return {};
  }

  /// Files of one folder share its handle; the wider access to a folder applies.
  Status add_folder(const AskedPath& path) {
    FolderGrant grant{path.where.folder, path.where.folder->path().string(), path.read_write, {}};
    if (!path.where.is_folder()) grant.files.push_back(path.file());
    const auto same = std::find_if(grants.folders.begin(), grants.folders.end(), [&](const FolderGrant& other) {
      return other.folder->identity() == grant.folder->identity();
    });
    if (same == grants.folders.end()) {
      grants.folders.push_back(std::move(grant));
      return {};
    }
    if (same->is_whole() != grant.is_whole()) {
      const FolderGrant& whole = same->is_whole() ? *same : grant;
      const FolderGrant& single = same->is_whole() ? grant : *same;
      if (single.read_write && !whole.read_write) {
        return make_error(
            ErrorCategory::kPermission, std::string(kGrantRefused),
            fmt::format("the connector may write the file {} in the folder {}, which is granted to it as a "
                        "whole for reading; put the file into another folder",
                        single.files.front().name, whole.guest_path));
      }
      same->files.clear();
    } else {
      same->files.insert(same->files.end(), grant.files.begin(), grant.files.end());
    }
    same->read_write = same->read_write || grant.read_write;
    return {};
  }

  void add_manifest_folder(const std::string& folder) {
    const auto& granted = request_.read_write_preopens;
    const bool read_write = std::find(granted.begin(), granted.end(), folder) != granted.end();
    const std::string pointer = request_.pointer + (read_write ? "/permissions/read_write_preopens" : "/use");
    const std::string asked_by = fmt::format("{}: the folder {} of its manifest", request_.name, folder);
    auto where = walk_path(base_ / folder);
    if (!where.ok() || !where->is_folder()) {
      note(pointer, request_.name,
           config_error(codes::kPathNotFound,
                        fmt::format("the connector's manifest asks for the folder {}, which does not exist", folder)));
      return;
    }
    grants.folders.push_back({where->folder, folder, read_write, {}});
    asked.push_back({index_, pointer, asked_by, std::move(*where), read_write, Companions::kNone});
  }

  const GrantRequest& request_;
  const size_t index_;
  const fs::path base_;
};

}  // namespace

bool GrantedFile::covers(std::string_view file) const {
  if (!file.starts_with(name)) return false;
  file.remove_prefix(name.size());
  if (file.empty()) return true;
  if (companions == Companions::kDuckdb) return file == ".wal" || file == ".wal.checkpoint" || file == ".wal.recovery";
  if (companions == Companions::kNone) return false;
  if (file == "-journal" || file == "-wal" || file == "-shm") return true;
  constexpr std::string_view kTemp = "-tmp-";
  return file.starts_with(kTemp) && file.size() == kTemp.size() + kTempDigits &&
         file.find_first_not_of("0123456789abcdef", kTemp.size()) == std::string_view::npos;
}

Status GrantProblem::status() const {
  ConnectorError told = error;
  told.message = fmt::format("{}: {}", asked_by, told.message);
  return Status(std::move(told));
}

ResolvedGrants resolve_grants(const GrantPlan& plan) {
  ResolvedGrants resolved;
  std::vector<AskedPath> asked;
  for (size_t i = 0; i < plan.requests.size(); ++i) {
    Resolver resolver(plan, i);
    resolver.run();
    resolved.by_connector[plan.requests[i].connector_id] =
        std::make_shared<const ConnectorGrants>(std::move(resolver.grants));
    std::move(resolver.asked.begin(), resolver.asked.end(), std::back_inserter(asked));
    std::move(resolver.problems.begin(), resolver.problems.end(), std::back_inserter(resolved.problems));
  }
  std::vector<GrantProblem> conflicts = find_conflicts(plan, asked);
  std::move(conflicts.begin(), conflicts.end(), std::back_inserter(resolved.problems));
  return resolved;
}

Result<std::shared_ptr<const ConnectorGrants>> resolve_grants_of(const GrantRequest& request,
                                                                 const fs::path& base_folder) {
  ResolvedGrants resolved = resolve_grants({{request}, base_folder, {}});
  if (!resolved.problems.empty()) return resolved.problems.front().status();
  return std::move(resolved.by_connector.at(request.connector_id));
}

std::vector<ProtectedPath> paths_of_the_program() {
  std::vector<ProtectedPath> paths;
  std::error_code error;
  if (fs::path program = fs::read_symlink("/proc/self/exe", error); !error)
    paths.push_back({"the program", std::move(program)});
  for (const ConnectorFolder& folder : connector_search_folders())
    paths.push_back({"the folder that connectors are loaded from", absolute_of(folder.folder)});
  if (auto cache = aot_cache_folder()) paths.push_back({"the cache of compiled connectors", absolute_of(*cache)});
  return paths;
}

}  // namespace rapidbyte::runtime
