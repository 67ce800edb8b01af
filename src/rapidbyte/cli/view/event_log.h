#pragma once
// EventLog: the run as NDJSON (`--events FILE`), one object per line, each written with one write() as it happens, so
// that another program can follow. The engine calls it from its threads. A file that can no longer be written is
// reported once and does not fail the run.

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

#include "rapidbyte/engine/report/run_observer.h"

namespace rapidbyte::cli {

class EventLog : public engine::RunObserver {
 public:
  using WallClock = std::function<std::chrono::system_clock::time_point()>;

  /// Opens `file`, and creates it if it does not exist. What an earlier run left in it stays until empty(): a path that
  /// turns out not to be allowed must not be overwritten. EVENTS_FILE (config) when it cannot be opened.
  static Result<std::unique_ptr<EventLog>> open(
      const std::filesystem::path& file, WallClock clock = [] { return std::chrono::system_clock::now(); });
  /// Removes the events of an earlier run, before the first one of this run.
  void empty();
  ~EventLog() override;
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  void run_started(std::string_view run_id, std::string_view pipeline,
                   const std::vector<std::string>& streams) override;
  void stream_started(std::string_view stream, bool resumed) override;
  void progress(std::string_view stream, const engine::StreamProgress& progress) override;
  void checkpoint_committed(std::string_view stream, uint64_t rows_committed) override;
  void retry(std::string_view stream, const ConnectorError& error, std::chrono::milliseconds delay,
             uint32_t attempt) override;
  void metric(std::string_view stream, std::string_view connector, const runtime::Metric& metric) override;
  void stream_finished(const engine::StreamReport& report) override;
  void run_finished(const engine::RunReport& report) override;

 private:
  EventLog(int fd, std::filesystem::path file, WallClock clock);
  void write(nlohmann::json event);

  const int fd_;
  const std::filesystem::path file_;
  const WallClock clock_;
  std::mutex mutex_;
  bool failed_ = false;
  /// Time of each stream's newest progress event, in seconds of that stream.
  std::map<std::string, double, std::less<>> last_progress_;
};

/// "2026-01-31T12:00:00.123Z".
[[nodiscard]] std::string format_utc(std::chrono::system_clock::time_point when);

}  // namespace rapidbyte::cli
