#pragma once
// As file_commands.h, but straight to wasi:filesystem, as a native component of WASI 0.2 calls it: with its own
// handles, and with flags that a C library and the preview1 adapter never use together. The imports are written by hand
// in the canonical ABI; native_files.wit says what they are.

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "command_script.h"

namespace native_files {

#define RB_TYPES(name) __attribute__((import_module("wasi:filesystem/types@0.2.12"), import_name(name)))
using Handle = int32_t;
extern "C" {
RB_TYPES("[method]descriptor.open-at")
void rb_open_at(Handle self, int32_t path_flags, const char* path, size_t size, int32_t open_flags, int32_t flags,
                void* out);
RB_TYPES("[method]descriptor.read") void rb_read(Handle self, int64_t length, int64_t offset, void* out);
RB_TYPES("[method]descriptor.write")
void rb_write(Handle self, const char* bytes, size_t size, int64_t offset, void* out);
RB_TYPES("[method]descriptor.symlink-at")
void rb_symlink_at(Handle self, const char* target, size_t target_size, const char* path, size_t size, void* out);
RB_TYPES("[method]descriptor.link-at")
void rb_link_at(Handle self, int32_t path_flags, const char* from, size_t from_size, Handle to_folder, const char* to,
                size_t to_size, void* out);
RB_TYPES("[method]descriptor.rename-at")
void rb_rename_at(Handle self, const char* from, size_t from_size, Handle to_folder, const char* to, size_t to_size,
                  void* out);
RB_TYPES("[method]descriptor.readlink-at") void rb_readlink_at(Handle self, const char* path, size_t size, void* out);
RB_TYPES("[method]descriptor.unlink-file-at")
void rb_unlink_file_at(Handle self, const char* path, size_t size, void* out);
RB_TYPES("[method]descriptor.create-directory-at")
void rb_create_directory_at(Handle self, const char* path, size_t size, void* out);
RB_TYPES("[method]descriptor.remove-directory-at")
void rb_remove_directory_at(Handle self, const char* path, size_t size, void* out);
RB_TYPES("[method]descriptor.metadata-hash-at")
void rb_metadata_hash_at(Handle self, int32_t path_flags, const char* path, size_t size, void* out);
RB_TYPES("[resource-drop]descriptor") void rb_drop(Handle self);
__attribute__((import_module("wasi:filesystem/preopens@0.2.12"), import_name("get-directories"))) void
rb_get_directories(void* out);
}
#undef RB_TYPES

constexpr int32_t kRead = 1, kWrite = 2, kMutate = 32;
constexpr int32_t kCreate = 1, kDirectory = 2, kTruncate = 8;
constexpr int32_t kFollow = 1;

/// Where a function puts its result: first whether it is an error, then the value or the error's number.
struct Result {
  alignas(8) uint8_t bytes[32] = {};
  [[nodiscard]] bool failed() const { return bytes[0] != 0; }
  template <typename T>
  [[nodiscard]] T at(size_t offset) const {
    T value;
    __builtin_memcpy(&value, bytes + offset, sizeof value);
    return value;
  }
};

inline std::string error_name(uint8_t code) {
  static constexpr const char* kNames[] = {"access",
                                           "would-block",
                                           "already",
                                           "bad-descriptor",
                                           "busy",
                                           "deadlock",
                                           "quota",
                                           "exist",
                                           "file-too-large",
                                           "illegal-byte-sequence",
                                           "in-progress",
                                           "interrupted",
                                           "invalid",
                                           "io",
                                           "is-directory",
                                           "loop",
                                           "too-many-links",
                                           "message-size",
                                           "name-too-long",
                                           "no-device",
                                           "no-entry",
                                           "no-lock",
                                           "insufficient-memory",
                                           "insufficient-space",
                                           "not-directory",
                                           "not-empty",
                                           "not-recoverable",
                                           "unsupported",
                                           "no-tty",
                                           "no-such-device",
                                           "overflow",
                                           "not-permitted",
                                           "pipe",
                                           "read-only",
                                           "invalid-seek",
                                           "text-file-busy",
                                           "cross-device"};
  return code < sizeof kNames / sizeof *kNames ? kNames[code] : "no such error";
}
/// Errors of functions that return nothing have their number beside the flag.
inline std::string said(const Result& result) { return result.failed() ? error_name(result.bytes[1]) : "ok"; }

/// The handles of the first folder that the host opened, and of those that `cd` went into.
inline std::vector<Handle>& folders() {
  static std::vector<Handle> handles = [] {
    struct {
      const uint8_t* entries;
      size_t count;
    } list = {};
    rb_get_directories(&list);
    std::vector<Handle> first;
    if (list.count > 0) first.push_back(*reinterpret_cast<const Handle*>(list.entries));
    return first;
  }();
  return handles;
}

inline std::string with_file(Handle folder, int32_t path_flags, const std::string& path, int32_t open_flags,
                             int32_t flags, const std::string& text) {
  Result opened;
  rb_open_at(folder, path_flags, path.data(), path.size(), open_flags, flags, &opened);
  if (opened.failed()) return error_name(opened.bytes[4]);
  const auto file = opened.at<Handle>(4);
  Result done;
  std::string answer = "ok";
  if ((flags & kWrite) != 0) {
    rb_write(file, text.data(), text.size(), 0, &done);
    if (done.failed()) answer = error_name(done.bytes[8]);
  } else {
    rb_read(file, 256, 0, &done);
    answer = done.failed() ? error_name(done.bytes[4]) : std::string(done.at<const char*>(4), done.at<size_t>(8));
  }
  rb_drop(file);
  return answer;
}

/// `read-as-writer` asks for more than reading, `read` follows a link, `read-itself` does not; `cd` goes into a folder
/// by a handle of it, and the commands after it begin there.
inline std::string command(const std::vector<std::string>& words) {
  if (folders().empty()) return "no folder";
  const Handle at = folders().back();
  const std::string a = words.size() > 1 ? words[1] : "";
  const std::string b = words.size() > 2 ? words[2] : "";
  const std::string& name = words[0];
  Result result;
  if (name == "read") return with_file(at, kFollow, a, 0, kRead, "");
  if (name == "read-itself") return with_file(at, 0, a, 0, kRead, "");
  if (name == "write") return with_file(at, kFollow, a, kCreate, kRead | kWrite, b);
  if (name == "write-existing") return with_file(at, kFollow, a, 0, kWrite, b);
  if (name == "truncate") return with_file(at, kFollow, a, kTruncate, kRead, "");
  if (name == "mutate") return with_file(at, kFollow, a, 0, kRead | kMutate, "");
  if (name == "cd") {
    rb_open_at(at, kFollow, a.data(), a.size(), kDirectory, kRead | kMutate, &result);
    if (result.failed()) return error_name(result.bytes[4]);
    folders().push_back(result.at<Handle>(4));
    return "ok";
  }
  if (name == "symlink") return rb_symlink_at(at, a.data(), a.size(), b.data(), b.size(), &result), said(result);
  if (name == "link")
    return rb_link_at(at, kFollow, a.data(), a.size(), folders()[0], b.data(), b.size(), &result), said(result);
  if (name == "rename")
    return rb_rename_at(at, a.data(), a.size(), folders()[0], b.data(), b.size(), &result), said(result);
  if (name == "unlink") return rb_unlink_file_at(at, a.data(), a.size(), &result), said(result);
  if (name == "mkdir") return rb_create_directory_at(at, a.data(), a.size(), &result), said(result);
  if (name == "rmdir") return rb_remove_directory_at(at, a.data(), a.size(), &result), said(result);
  if (name == "readlink") {
    rb_readlink_at(at, a.data(), a.size(), &result);
    return result.failed() ? error_name(result.bytes[4]) : std::string(result.at<const char*>(4), result.at<size_t>(8));
  }
  if (name == "hash") {
    rb_metadata_hash_at(at, kFollow, a.data(), a.size(), &result);
    return result.failed() ? error_name(result.bytes[8]) : "there";
  }
  return "no such command: " + name;
}

/// As file_commands(); @ is the name of `path` in its folder.
inline std::string commands(std::string_view script, const std::string& path) {
  return run_script(script, {{'@', path.substr(path.rfind('/') + 1)}}, command);
}

}  // namespace native_files
