#include "rapidbyte/engine/report/dlq.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "rapidbyte/base/log.h"
#include "rapidbyte/base/redaction.h"
#include "rapidbyte/engine/load/retry.h"
#include "rapidbyte/engine/report/run_clock.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/protocol/untrusted_json.h"

namespace rapidbyte::engine {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

// Only for the user: the records are their data.
constexpr mode_t kFileMode = S_IRUSR | S_IWUSR;

Status write_failed(const std::filesystem::path& path, std::string_view what, int error) {
  return internal_error(codes::kDlqWriteFailed,
                        fmt::format("cannot {} the file of rejected records {}: {}. The run ends rather than lose a "
                                    "record; free space, or set dlq.path to a writable folder",
                                    what, path.string(), std::strerror(error)));
}

// The record as JSON on one line, exactly as the connector wrote it: parsing and writing it again would change a number
// such as 1.10 or a duplicate key. What is not JSON, or too deep for readers of the file, becomes a string.
std::string record_text(const std::string& record) {
  const bool has_mark = record.rfind("\xEF\xBB\xBF", 0) == 0;
  if (has_mark || !protocol::is_sound_json(record, protocol::kRecordLimits))
    return json(record).dump(-1, ' ', false, json::error_handler_t::replace);
  std::string line = record;
  // In valid JSON a bare line end can only be white space.
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return line;
}

// The parent's entry of a new file must be durable too.
void sync_folder(const std::filesystem::path& folder) {
  const int handle = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (handle < 0) return;
  (void)::fsync(handle);
  ::close(handle);
}

// How often to retry a lock that another run holds: it holds the lock only for one line.
constexpr std::chrono::milliseconds kLockRetry{10};
// A holder that takes longer was stopped, or hangs on its disk.
constexpr std::chrono::seconds kLockTakesLong{5};

// Excludes the writers of other runs and pipelines while a line is written or truncated. Where the file system has no
// locks, held() is false. Waiting in the kernel would not see a cancellation.
class FileLock {
 public:
  FileLock(int file, const std::filesystem::path& path, const CancelToken& cancel) : file_(file) {
    const auto start = std::chrono::steady_clock::now();
    bool told = false;
    while (true) {
      held_ = ::flock(file_, LOCK_EX | LOCK_NB) == 0;
      if (held_ || (errno != EWOULDBLOCK && errno != EINTR)) return;
      cancelled_ = !real_retry_clock().wait(kLockRetry, cancel);
      if (cancelled_) return;
      if (!told && std::chrono::steady_clock::now() - start >= kLockTakesLong) {
        log_warn("another program holds the file of rejected records {}; waiting for it", path.string());
        told = true;
      }
    }
  }
  ~FileLock() {
    if (held_) (void)::flock(file_, LOCK_UN);
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  [[nodiscard]] bool held() const { return held_; }
  [[nodiscard]] bool cancelled() const { return cancelled_; }

 private:
  int file_;
  bool held_ = false;
  bool cancelled_ = false;
};

}  // namespace

std::string dlq_file_name(std::string_view pipeline, std::string_view run_id) {
  std::string name(pipeline);
  for (char& c : name) {
    const bool fine =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    if (!fine) c = '_';
  }
  return fmt::format("{}-{}.ndjson", name, run_id);
}

std::filesystem::path dlq_path_of(const std::filesystem::path& given, const std::filesystem::path& state_folder,
                                  std::string_view pipeline, std::string_view run_id) {
  if (given.empty()) return state_folder / "dlq" / dlq_file_name(pipeline, run_id);
  std::error_code ignored;
  const bool folder = !given.has_filename() || std::filesystem::is_directory(given, ignored);
  return folder ? given / dlq_file_name(pipeline, run_id) : given;
}

DlqWriter::DlqWriter(std::filesystem::path path, uint64_t max_bytes, std::string pipeline, std::string run_id,
                     CancelToken cancel)
    : path_(std::move(path)),
      max_bytes_(max_bytes),
      pipeline_(std::move(pipeline)),
      run_id_(std::move(run_id)),
      cancel_(std::move(cancel)) {}

DlqWriter::~DlqWriter() {
  if (file_ >= 0) ::close(file_);
}

Status DlqWriter::open_locked() {
  if (file_ >= 0) return {};
  std::error_code error;
  std::filesystem::create_directories(path_.parent_path(), error);
  if (error) return write_failed(path_, "make the folder of", error.value());
  const int handle = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, kFileMode);
  if (handle < 0) return write_failed(path_, "open", errno);
  struct stat info{};
  if (::fstat(handle, &info) != 0) {
    const int failure = errno;
    ::close(handle);
    return write_failed(path_, "look at", failure);
  }
  if (!S_ISREG(info.st_mode)) {
    ::close(handle);
    return write_failed(path_, "use as", EINVAL);
  }
  file_ = handle;
  sync_folder(path_.parent_path());
  return {};
}

Status DlqWriter::write_locked(std::string line) {
  const FileLock lock(file_, path_, cancel_);
  if (lock.cancelled())
    return internal_error(codes::kCancelled,
                          fmt::format("the run was cancelled while it waited for {}", path_.string()));
  const off_t start = ::lseek(file_, 0, SEEK_END);
  // A partial line left by a killed run must not swallow this record.
  char last = '\n';
  if (start > 0 && ::pread(file_, &last, 1, start - 1) == 1 && last != '\n') line.insert(0, 1, '\n');
  size_t done = 0;
  while (done < line.size()) {
    const ssize_t count = ::write(file_, line.data() + done, line.size() - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int failure = errno;
      // A partial line would damage the next one; without the lock, truncating might cut off lines of others.
      if (done > 0 && (!lock.held() || start < 0 || ::ftruncate(file_, start) != 0))
        log_warn("cannot truncate {} to whole lines", path_.string());
      return write_failed(path_, "write to", failure);
    }
    done += static_cast<size_t>(count);
  }
  written_ += line.size();
  dirty_ = true;
  return {};
}

Status DlqWriter::append(std::string_view connector, const runtime::DlqRecord& record) {
  ordered_json entry = ordered_json::object();
  entry["time"] = now_rfc3339();
  entry["pipeline"] = pipeline_;
  entry["run_id"] = run_id_;
  entry["stream"] = record.stream;
  entry["connector"] = connector;
  entry["category"] = record.error_category;
  entry["error"] = redact(record.error_message);
  std::string line = entry.dump(-1, ' ', false, json::error_handler_t::replace);
  line.pop_back();
  line += ",\"record\":";
  line += record_text(record.record_json);
  line += "}\n";

  std::lock_guard lock(mutex_);
  RB_RETURN_NOT_OK(open_locked());
  if (line.size() > max_bytes_ || written_ > max_bytes_ - line.size()) {
    return make_error(
        ErrorCategory::kData, codes::kDlqFull,
        fmt::format("this run has written {} bytes of rejected records to {} and may write {} (dlq.max_bytes): too "
                    "many records are rejected. Look at them, fix the source or the types, or raise dlq.max_bytes",
                    written_, path_.string(), max_bytes_));
  }
  RB_RETURN_NOT_OK(write_locked(std::move(line)));
  records_.fetch_add(1, std::memory_order_relaxed);
  return {};
}

Status DlqWriter::sync() {
  std::lock_guard lock(mutex_);
  if (!dirty_) return {};
  if (::fdatasync(file_) != 0) return write_failed(path_, "sync", errno);
  dirty_ = false;
  return {};
}

}  // namespace rapidbyte::engine
