#include "rapidbyte/runtime/sandbox/aot_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "rapidbyte/base/log.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::runtime {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMaxNameBytes = 64;
constexpr size_t kHashHexBytes = 32;
// Every build of a connector and every version of the program leaves an entry of megabytes.
constexpr std::chrono::hours kKept{30 * 24};
// Precision of the time of last use; a write for each start would slow it down.
constexpr std::chrono::hours kUseNoted{24};

/// A file descriptor that closes itself.
struct Descriptor {
  int fd;
  explicit Descriptor(int value) : fd(value) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd >= 0) close(fd);
  }
};

/// Regular file, ours, writable by nobody else.
bool is_ours(int fd) {
  struct stat info{};
  return fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_uid == geteuid() && (info.st_mode & 022U) == 0;
}

std::optional<std::string> hash_of_file(const fs::path& path) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (file.fd < 0 || !is_ours(file.fd)) return std::nullopt;
  struct stat info{};
  if (fstat(file.fd, &info) != 0 || info.st_size <= 0) return std::nullopt;
  const auto size = static_cast<size_t>(info.st_size);
  void* mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.fd, 0);
  if (mapped == MAP_FAILED) return std::nullopt;
  std::string hash = cache_entry_hash(std::span(static_cast<const std::byte*>(mapped), size));
  munmap(mapped, size);
  return hash;
}

fs::path hash_path(const fs::path& entry) { return entry.string() + std::string(kCacheEntryHashSuffix); }

std::optional<std::string> read_small_file(const fs::path& path, size_t most) {
  Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (file.fd < 0 || !is_ours(file.fd)) return std::nullopt;
  std::string text(most, '\0');
  const ssize_t got = read(file.fd, text.data(), text.size());
  if (got < 0) return std::nullopt;
  text.resize(static_cast<size_t>(got));
  return text;
}

Status write_failed(const fs::path& path, std::string_view step) {
  return internal_error(codes::kWriteFailed,
                        fmt::format("cannot {} {}: {}", step, path.string(), std::strerror(errno)));
}

/// Creates the folder with mode 0700, and checks its mode and owner.
Status make_private_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder.parent_path(), error);
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return write_failed(folder, "create the folder");
  struct stat info{};
  if (lstat(folder.c_str(), &info) != 0) return write_failed(folder, "look at");
  if (!S_ISDIR(info.st_mode))
    return internal_error(codes::kUnsafeFolder, fmt::format("{} is not a folder", folder.string()));
  if (info.st_uid != geteuid() || (info.st_mode & 077U) != 0) {
    return internal_error(
        codes::kUnsafeFolder,
        fmt::format("{} belongs to another user or is open to others; make it yours with mode 0700", folder.string()));
  }
  return {};
}

/// Since the entry was last used; never negative. The time of its hash's file says so.
std::chrono::nanoseconds unused_for(const fs::path& hash_file) {
  std::error_code error;
  const fs::file_time_type used = fs::last_write_time(hash_file, error);
  if (error) return {};
  return std::max(std::chrono::nanoseconds::zero(), std::chrono::nanoseconds(fs::file_time_type::clock::now() - used));
}

}  // namespace

bool env_flag_enabled(const char* name, bool fallback) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return fallback;
  std::string text(value);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text != "0" && text != "false" && text != "no" && text != "off";
}

std::string sanitize_cache_component_name(std::string_view name) {
  std::string out;
  for (char c : name.substr(0, kMaxNameBytes)) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    const bool plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    out.push_back(plain ? c : '_');
  }
  return out.empty() ? "component" : out;
}

Status write_file_atomic(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::string temporary = path.string() + ".tmp.XXXXXX";
  Descriptor file(mkostemp(temporary.data(), O_CLOEXEC));
  if (file.fd < 0) return write_failed(path, "create a temporary file beside");
  Status status;
  while (!bytes.empty() && status.ok()) {
    const ssize_t wrote = write(file.fd, bytes.data(), bytes.size());
    if (wrote < 0) {
      if (errno != EINTR) status = write_failed(path, "write");
    } else {
      bytes = bytes.subspan(static_cast<size_t>(wrote));
    }
  }
  if (status.ok() && fsync(file.fd) != 0) status = write_failed(path, "flush");
  if (status.ok() && rename(temporary.c_str(), path.c_str()) != 0) status = write_failed(path, "put in place");
  if (!status.ok()) unlink(temporary.c_str());
  return status;
}

std::string cache_entry_hash(std::span<const std::byte> compiled) {
  const XXH128_hash_t hash = XXH3_128bits(compiled.data(), compiled.size());
  return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
}

std::optional<std::filesystem::path> aot_cache_folder() {
  if (!env_flag_enabled("RAPIDBYTE_WASMTIME_AOT", true)) return std::nullopt;
  if (const char* dir = std::getenv("RAPIDBYTE_WASMTIME_AOT_DIR"); dir != nullptr && *dir != '\0') return fs::path(dir);
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/')
    return fs::path(cache) / "rapidbyte" / "aot";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/')
    return fs::path(home) / ".cache" / "rapidbyte" / "aot";
  return std::nullopt;
}

AotCache AotCache::from_environment() { return AotCache(aot_cache_folder()); }

AotCache::AotCache(std::optional<std::filesystem::path> folder) {
  if (!folder) return;
  if (Status status = make_private_folder(*folder); !status.ok()) {
    log_warn("the cache of compiled connectors is not used: {}", status.error().message);
    return;
  }
  folder_ = std::move(folder);
}

std::filesystem::path AotCache::entry_path(std::string_view name, std::string_view content_sha256,
                                           uint64_t engine_hash) const {
  return folder_.value_or(fs::path()) /
         fmt::format("{}-{}-{:016x}.cwasm", sanitize_cache_component_name(name), content_sha256, engine_hash);
}

std::optional<std::filesystem::path> AotCache::find(std::string_view name, std::string_view content_sha256,
                                                    uint64_t engine_hash) const {
  if (!folder_) return std::nullopt;
  fs::path entry = entry_path(name, content_sha256, engine_hash);
  const auto expected = read_small_file(hash_path(entry), kHashHexBytes + 1);
  if (!expected || expected->size() != kHashHexBytes) return std::nullopt;
  if (hash_of_file(entry) != expected) return std::nullopt;
  if (unused_for(hash_path(entry)) > kUseNoted) {
    std::error_code error;
    fs::last_write_time(hash_path(entry), fs::file_time_type::clock::now(), error);
  }
  return entry;
}

void AotCache::store(std::string_view name, std::string_view content_sha256, uint64_t engine_hash,
                     std::span<const std::byte> compiled) const {
  if (!folder_) return;
  const fs::path entry = entry_path(name, content_sha256, engine_hash);
  const std::string hash = cache_entry_hash(compiled);
  Status status = write_file_atomic(entry, compiled);
  if (status.ok()) status = write_file_atomic(hash_path(entry), std::as_bytes(std::span(hash.data(), hash.size())));
  if (!status.ok()) log_warn("a compiled connector was not cached: {}", status.error().message);
  forget_unused();
}

void AotCache::forget_unused() const {
  std::error_code error;
  std::vector<fs::path> unused;
  for (const auto& file : fs::directory_iterator(*folder_, error)) {
    const std::string name = file.path().filename().string();
    // Also partial files of a killed process. Files of others stay.
    const bool ours = name.ends_with(".cwasm") || name.find(".cwasm.") != std::string::npos;
    if (!ours || !file.is_regular_file(error)) continue;
    const bool has_hash = name.ends_with(".cwasm") && fs::exists(hash_path(file.path()), error);
    if (unused_for(has_hash ? hash_path(file.path()) : file.path()) > kKept) unused.push_back(file.path());
  }
  for (const fs::path& path : unused) fs::remove(path, error);
}

void AotCache::discard(const std::filesystem::path& entry) const {
  std::error_code error;
  fs::remove(entry, error);
  fs::remove(hash_path(entry), error);
}

}  // namespace rapidbyte::runtime
