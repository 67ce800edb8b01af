#include "rapidbyte/runtime/wasi_context.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <set>

namespace rapidbyte::runtime {
namespace {

namespace fs = std::filesystem;

Status path_error(std::string code, const ConfigPath& entry, std::string_view message) {
  return config_error(std::move(code), fmt::format("config {}: {}", entry.pointer, message));
}

void add_preopen(std::vector<Preopen>& preopens, const fs::path& folder, bool read_write) {
  const auto same =
      std::find_if(preopens.begin(), preopens.end(), [&](const Preopen& p) { return p.folder == folder; });
  if (same != preopens.end()) {
    same->read_write = same->read_write || read_write;
    return;
  }
  preopens.push_back({folder, folder.string(), read_write});
}

/// Grants one path of the config and replaces it in `context.config` by its absolute form.
Status grant_config_path(const ConfigPath& entry, const fs::path& base, WasiContext& context) {
  nlohmann::json::json_pointer pointer;
  try {
    pointer = nlohmann::json::json_pointer(entry.pointer);
  } catch (const nlohmann::json::exception&) {
    return make_error(ErrorCategory::kConfig, "MANIFEST_INVALID",
                      fmt::format("permissions.fs.config_paths: {} is not a JSON Pointer", entry.pointer));
  }
  if (!context.config.contains(pointer)) return {};
  nlohmann::json& value = context.config[pointer];
  if (!value.is_string() || value.get_ref<const std::string&>().empty())
    return path_error("PATH_INVALID", entry, "must be a path, as text");
  const std::string& text = value.get_ref<const std::string&>();
  if (text.find('\0') != std::string::npos)
    return path_error("PATH_INVALID", entry, "a path cannot contain a NUL byte");

  std::error_code error;
  const fs::path given = fs::path(text).is_absolute() ? fs::path(text) : base / text;
  const bool is_folder = fs::is_directory(given, error);
  const bool must_exist = !entry.read_write;
  if (!is_folder && must_exist && !fs::exists(given, error)) {
    return path_error("PATH_NOT_FOUND", entry,
                      fmt::format("{} does not exist (relative paths are relative to the pipeline file's folder)",
                                  given.lexically_normal().string()));
  }
  const fs::path folder = is_folder ? given : given.parent_path();
  const fs::path real = fs::canonical(folder, error);
  if (error) {
    return path_error("PATH_NOT_FOUND", entry,
                      fmt::format("the folder {} does not exist or cannot be opened ({}); create it first",
                                  folder.lexically_normal().string(), error.message()));
  }
  fs::path absolute = is_folder ? real : real / given.filename();
  // A database that is a symbolic link: the guest cannot follow it out of its folder, so the folder of its target is
  // granted.
  if (!is_folder && fs::is_symlink(absolute, error)) {
    const fs::path target = fs::canonical(absolute, error);
    if (error)
      return path_error("PATH_NOT_FOUND", entry,
                        fmt::format("{} is a symbolic link that leads nowhere", absolute.string()));
    absolute = target;
  }
  add_preopen(context.preopens, is_folder ? real : absolute.parent_path(), entry.read_write);
  if (entry.lock == "sqlite") context.sqlite_locks.push_back(absolute);
  value = absolute.string();
  return {};
}

// A manifest asks and the pipeline grants: neither alone is enough, or a connector could help itself to the secrets of
// whoever runs it. A grant that nobody asked for is a misspelt one. `what`: "the variable".
Status check_grants(std::string_view code, std::string_view key, std::string_view what,
                    const std::vector<std::string>& granted, const Manifest* manifest,
                    std::vector<std::string> Permissions::* list) {
  for (const std::string& name : granted) {
    if (manifest == nullptr) {
      return config_error(std::string(code),
                          fmt::format("{} grants {} {}, but the connector has no manifest that asks for it. Give it "
                                      "one, or take {} out",
                                      key, what, name, key));
    }
    const std::vector<std::string>& asked = manifest->permissions.*list;
    if (std::find(asked.begin(), asked.end(), name) != asked.end()) continue;
    return config_error(
        std::string(code),
        fmt::format("{} grants {} {}, which the connector's manifest does not ask for; it asks for {}. Take the name "
                    "out of {}",
                    key, what, name, asked.empty() ? "none" : fmt::format("{}", fmt::join(asked, ", ")), key));
  }
  return {};
}

}  // namespace

Result<WasiContext> build_wasi_context(const Manifest* manifest, const InstanceOptions& options) {
  WasiContext context;
  context.config = options.config;
  RB_RETURN_NOT_OK(check_grants("ENV_NOT_ASKED", "permissions.env", "the variable", options.allow_env, manifest,
                                &Permissions::env_allowed_vars));
  RB_RETURN_NOT_OK(check_grants("FOLDER_NOT_ASKED", "permissions.read_write_preopens", "the folder",
                                options.read_write_preopens, manifest, &Permissions::preopens));
  if (manifest == nullptr) return context;
  const Permissions& permissions = manifest->permissions;

  for (const std::string& name : std::set<std::string>(options.allow_env.begin(), options.allow_env.end())) {
    if (const char* value = std::getenv(name.c_str())) context.env.emplace_back(name, value);
  }

  for (const ConfigPath& entry : permissions.config_paths)
    RB_RETURN_NOT_OK(grant_config_path(entry, options.base_folder, context));

  for (const std::string& path : permissions.preopens) {
    std::error_code error;
    const fs::path real =
        fs::canonical(fs::path(path).is_absolute() ? fs::path(path) : options.base_folder / path, error);
    if (error || !fs::is_directory(real, error)) {
      return config_error("PATH_NOT_FOUND",
                          fmt::format("the connector's manifest asks for the folder {}, which does not exist", path));
    }
    const auto& granted = options.read_write_preopens;
    const bool read_write = std::find(granted.begin(), granted.end(), path) != granted.end();
    context.preopens.push_back({real, path, read_write});
  }
  return context;
}

}  // namespace rapidbyte::runtime
