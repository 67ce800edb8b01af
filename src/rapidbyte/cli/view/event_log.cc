#include "rapidbyte/cli/view/event_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include "rapidbyte/base/log.h"
#include "rapidbyte/base/redacted_json.h"
#include "rapidbyte/base/redaction.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::cli {
namespace {

// A line a second per stream tells a program what it needs; ten would bury the other events.
constexpr double kSecondsBetweenProgress = 1.0;

std::string_view kind_name(runtime::MetricKind kind) {
  switch (kind) {
    case runtime::MetricKind::kCounter: return "counter";
    case runtime::MetricKind::kGauge: return "gauge";
    case runtime::MetricKind::kHistogram: return "histogram";
  }
  return "gauge";
}

}  // namespace

std::string format_utc(std::chrono::system_clock::time_point when) {
  const auto since = std::chrono::floor<std::chrono::milliseconds>(when.time_since_epoch());
  const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(since).count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                     (since - std::chrono::floor<std::chrono::seconds>(since)).count());
}

Result<std::unique_ptr<EventLog>> EventLog::open(const std::filesystem::path& file, WallClock clock) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd < 0) {
    return config_error(codes::kEventsFile,
                        fmt::format("--events: cannot write {}: {}; name a file in a folder that exists and "
                                    "that you may write to",
                                    file.string(), std::strerror(errno)));
  }
  // A run that is refused at once would otherwise empty the file of the one under way. Pipes and terminals are shared.
  struct stat status{};
  if (::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && ::flock(fd, LOCK_EX | LOCK_NB) != 0 &&
      errno == EWOULDBLOCK) {
    ::close(fd);
    return config_error(
        codes::kEventsFile,
        fmt::format("--events: another run is writing {}; wait for it, or give each run its own file", file.string()));
  }
  return std::unique_ptr<EventLog>(new EventLog(fd, file, std::move(clock)));
}

EventLog::EventLog(int fd, std::filesystem::path file, WallClock clock)
    : fd_(fd), file_(std::move(file)), clock_(std::move(clock)) {}

EventLog::~EventLog() { ::close(fd_); }

void EventLog::empty() {
  // A pipe or a terminal cannot be truncated; any other failure shows at the first event.
  if (::ftruncate(fd_, 0) != 0) return;
}

void EventLog::write(nlohmann::json event) {
  event = redacted(std::move(event));
  event["time"] = format_utc(clock_());
  const std::string line = event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
  int reason = 0;
  {
    std::lock_guard lock(mutex_);
    if (failed_) return;
    std::string_view rest = line;
    while (!rest.empty()) {
      const ssize_t written = ::write(fd_, rest.data(), rest.size());
      if (written >= 0) {
        rest.remove_prefix(static_cast<size_t>(written));
      } else if (errno != EINTR) {
        reason = errno;
        failed_ = true;
        break;
      }
    }
  }
  if (reason != 0)
    log_warn("--events: {} can no longer be written: {}; the run continues", file_.string(), std::strerror(reason));
}

void EventLog::run_started(std::string_view run_id, std::string_view pipeline,
                           const std::vector<std::string>& streams) {
  write({{"event", "run_started"}, {"run_id", run_id}, {"pipeline", pipeline}, {"streams", streams}});
}

void EventLog::stream_started(std::string_view stream, bool resumed) {
  write({{"event", "stream_started"}, {"stream", stream}, {"resumed", resumed}});
}

void EventLog::progress(std::string_view stream, const engine::StreamProgress& progress) {
  {
    std::lock_guard lock(mutex_);
    const auto at = last_progress_.find(stream);
    // A retry starts at zero again.
    if (at != last_progress_.end() && progress.seconds >= at->second &&
        progress.seconds - at->second < kSecondsBetweenProgress) {
      return;
    }
    last_progress_.insert_or_assign(std::string(stream), progress.seconds);
  }
  write({{"event", "progress"},
         {"stream", stream},
         {"rows_read", progress.rows_read},
         {"bytes_read", progress.bytes_read},
         {"rows_written", progress.rows_written},
         {"bytes_written", progress.bytes_written},
         {"rows_committed", progress.rows_committed},
         {"rows_rejected", progress.rows_rejected},
         {"queue_batches", progress.queue_batches},
         {"queue_bytes", progress.queue_bytes},
         {"seconds", progress.seconds}});
}

void EventLog::checkpoint_committed(std::string_view stream, uint64_t rows_committed) {
  write({{"event", "checkpoint_committed"}, {"stream", stream}, {"rows_committed", rows_committed}});
}

void EventLog::retry(std::string_view stream, const ConnectorError& error, std::chrono::milliseconds delay,
                     uint32_t attempt) {
  write({{"event", "retry"},
         {"stream", stream},
         {"attempt", attempt},
         {"delay_ms", delay.count()},
         {"code", error.code},
         {"category", to_string(error.category)},
         {"message", error.message}});
}

void EventLog::metric(std::string_view stream, std::string_view connector, const runtime::Metric& metric) {
  nlohmann::json labels = nlohmann::json::object();
  for (const auto& [key, value] : metric.labels) labels[redact(key)] = value;
  write({{"event", "metric"},
         {"stream", stream},
         {"connector", connector},
         {"name", metric.name},
         {"kind", kind_name(metric.kind)},
         {"value", metric.value},
         {"labels", std::move(labels)}});
}

void EventLog::stream_finished(const engine::StreamReport& report) {
  nlohmann::json event = engine::to_json(report);
  event["event"] = "stream_finished";
  write(std::move(event));
}

void EventLog::run_finished(const engine::RunReport& report) {
  nlohmann::json event = engine::to_json(report);
  event["event"] = "run_finished";
  write(std::move(event));
}

}  // namespace rapidbyte::cli
