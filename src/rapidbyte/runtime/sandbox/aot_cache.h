#pragma once
// AotCache: compiled components on disk, so that a warm start maps native code instead of compiling. Loading an entry
// runs it, hence the rules: the folder is 0700 and owned by the user or it is not used; an entry is keyed by the
// component's content and the engine's compatibility hash; its own hash is checked before use, against accidental
// damage (nobody else can write there); it is written atomically. A stale, truncated or foreign entry is a miss, never
// a failure. Stateless after construction; any thread, any process.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "rapidbyte/base/status.h"

namespace rapidbyte::runtime {

/// Whether an environment variable says yes: unset or empty -> `fallback`; "0", "false", "no", "off" in any case ->
/// false.
[[nodiscard]] bool env_flag_enabled(const char* name, bool fallback);

/// `name` as part of a file name: [a-z0-9_-] stay, everything else becomes '_', at most 64 bytes, never empty.
[[nodiscard]] std::string sanitize_cache_component_name(std::string_view name);

/// Writes a file so that readers see either the old one or the whole new one: temporary file in the same folder, fsync,
/// rename. Mode 0600. WRITE_FAILED (internal) names the path and the system's reason.
Status write_file_atomic(const std::filesystem::path& path, std::span<const std::byte> bytes);

/// The hash stored beside an entry: 128 bits of XXH3, 32 hex digits. A warm start reads megabytes for it.
[[nodiscard]] std::string cache_entry_hash(std::span<const std::byte> compiled);
/// The suffix of the hash's file, after the entry's path.
inline constexpr std::string_view kCacheEntryHashSuffix = ".xxh3";

/// Where compiled components are kept: RAPIDBYTE_WASMTIME_AOT_DIR, else the user's cache folder; it need not exist.
/// nullopt when RAPIDBYTE_WASMTIME_AOT says no, or there is no such folder.
[[nodiscard]] std::optional<std::filesystem::path> aot_cache_folder();

class AotCache {
 public:
  /// In aot_cache_folder(). Disabled when there is none or it cannot be made safe (logged once).
  static AotCache from_environment();
  explicit AotCache(std::optional<std::filesystem::path> folder);

  [[nodiscard]] bool enabled() const { return folder_.has_value(); }
  [[nodiscard]] std::filesystem::path entry_path(std::string_view name, std::string_view content_sha256,
                                                 uint64_t engine_hash) const;
  /// The entry's path when it exists, is ours, and matches the hash that was stored with it.
  [[nodiscard]] std::optional<std::filesystem::path> find(std::string_view name, std::string_view content_sha256,
                                                          uint64_t engine_hash) const;
  /// Stores an entry, and removes entries that were not used for 30 days; failures are logged and otherwise ignored (it
  /// is only a cache).
  void store(std::string_view name, std::string_view content_sha256, uint64_t engine_hash,
             std::span<const std::byte> compiled) const;
  void discard(const std::filesystem::path& entry) const;

 private:
  void forget_unused() const;

  std::optional<std::filesystem::path> folder_;
};

}  // namespace rapidbyte::runtime
