#pragma once
// DlqWriter: the rejected records of one run, in one NDJSON file that all streams share. The file is created with the
// first record, mode 0600; an existing one, for example of earlier runs or other pipelines, is appended to. When
// append() returns, the record has been handed to the kernel; sync() makes records durable, and is called before the
// commit that covers them. No record is ever dropped: at the run's byte limit append() fails, which ends the run.
// Thread safe.

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>

#include "rapidbyte/base/cancel_token.h"
#include "rapidbyte/base/status.h"
#include "rapidbyte/runtime/component_runtime.h"

namespace rapidbyte::engine {

class DlqWriter {
 public:
  /// `path`: absolute; an existing file is appended to. `max_bytes`: what this run may write before DLQ_FULL.
  DlqWriter(std::filesystem::path path, uint64_t max_bytes, std::string pipeline, std::string run_id,
            CancelToken cancel = CancelToken());
  ~DlqWriter();
  DlqWriter(const DlqWriter&) = delete;
  DlqWriter& operator=(const DlqWriter&) = delete;

  /// Writes one line {time, pipeline, run_id, stream, connector, category, error, record}. A record that is not JSON
  /// becomes a string. Waits while another run writes to the file. DLQ_FULL (data), DLQ_WRITE_FAILED (internal),
  /// CANCELLED.
  Status append(std::string_view connector, const runtime::DlqRecord& record);
  /// Returns when every record of an earlier append() is durable; free when there is nothing new. DLQ_WRITE_FAILED.
  Status sync();

  [[nodiscard]] uint64_t records() const { return records_.load(std::memory_order_relaxed); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  Status open_locked();
  Status write_locked(std::string line);

  const std::filesystem::path path_;
  const uint64_t max_bytes_;
  const std::string pipeline_;
  const std::string run_id_;
  const CancelToken cancel_;
  std::mutex mutex_;
  int file_ = -1;
  uint64_t written_ = 0;  // by this run
  bool dirty_ = false;
  std::atomic<uint64_t> records_{0};
};

/// `<pipeline>-<run id>.ndjson`; characters that do not belong in a file name become '_'.
std::string dlq_file_name(std::string_view pipeline, std::string_view run_id);
/// Where a run's rejected records go. `given` (dlq.path, absolute or empty): a file, or a folder (an existing one, or a
/// path ending in a slash) in which every run has its own file; by default the folder `dlq` beside the state.
std::filesystem::path dlq_path_of(const std::filesystem::path& given, const std::filesystem::path& state_folder,
                                  std::string_view pipeline, std::string_view run_id);

}  // namespace rapidbyte::engine
