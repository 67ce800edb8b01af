#pragma once
// FileWatch: notices that a file is written to while it is read. It records the file's state when it was opened and
// compares: the open handle's size and modification time, and what the name leads to by now. Costs two system calls per
// file. Borrows the file descriptor; one thread.

#include <cstdint>
#include <string>

#include "rapidbyte/sdk/error.h"

namespace rapidbyte::source_file {

enum class FileChange : uint8_t {
  kNone,
  kTouched,  // the same size, but it may hold other bytes: compare them
  kGrew,  // bytes were added; those before may differ, too
  kCut,
};

class FileWatch {
 public:
  /// `fd` has just been opened and stays open as long as the watch is used. FILE_OPEN_FAILED.
  static sdk::Result<FileWatch> begin(int fd, std::string path, std::string shown_name);

  /// Size at open: nothing beyond it is read.
  [[nodiscard]] uint64_t size() const { return opened_.size; }
  [[nodiscard]] const std::string& name() const { return name_; }

  /// FILE_READ_FAILED.
  [[nodiscard]] sdk::Result<FileChange> look() const;
  /// Whether the name leads to another file by now, or to none. What is being read is the original file.
  [[nodiscard]] bool is_replaced() const;

  /// FILE_CHANGED (data): `what` happened to the file.
  [[nodiscard]] sdk::Status changed(const std::string& what) const;
  /// `error`, or FILE_CHANGED when the file was written to in the meantime: that explains bytes that make no sense.
  [[nodiscard]] sdk::Status explain(sdk::Status error) const;

 private:
  struct Stamp {
    uint64_t size = 0;
    int64_t seconds = 0;
    int64_t nanoseconds = 0;
    uint64_t device = 0;
    uint64_t inode = 0;
  };
  FileWatch(int fd, std::string path, std::string name) : fd_(fd), path_(std::move(path)), name_(std::move(name)) {}
  [[nodiscard]] sdk::Result<Stamp> stamp() const;

  int fd_;
  std::string path_;
  std::string name_;
  Stamp opened_;
  /// The file was written to so shortly before it was opened that a later change may have the same time.
  bool is_fresh_ = false;
};

}  // namespace rapidbyte::source_file
