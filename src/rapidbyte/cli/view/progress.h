#pragma once
// ProgressView: shows a run's progress on stderr. On a terminal, one line per stream is redrawn ten times a second and
// log lines appear above; elsewhere, a plain line per stream is written every few seconds. The engine calls the
// observer's methods from its threads, and a thread of the view draws; one mutex guards everything. Clock and terminal
// are injected.

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "rapidbyte/cli/view/terminal.h"
#include "rapidbyte/engine/report/run_observer.h"

namespace rapidbyte::cli {

enum class StreamState : uint8_t { kWaiting, kRunning, kRetrying, kDone, kFailed, kInterrupted, kNotStarted };

/// One stream as it is drawn.
struct StreamLine {
  std::string name;
  StreamState state = StreamState::kWaiting;
  bool resumed = false;
  uint64_t rows = 0;
  uint64_t rows_per_second = 0;
  uint64_t bytes_per_second = 0;
  uint64_t queue_batches = 0;
  uint64_t queue_capacity = 0;  // 0: not shown
  uint64_t rows_rejected = 0;
  double seconds = 0;
  // While retrying:
  std::chrono::milliseconds retry_in{0};
  uint32_t attempt = 0;
  std::string retry_code;
};

/// The lines of the live view for a terminal of this size. Fields that do not fit are left out, least important first;
/// streams that do not fit are counted in the last line.
[[nodiscard]] std::vector<std::string> render_live(const std::vector<StreamLine>& streams, size_t width, size_t height,
                                                   bool unicode);
/// One stream as a plain line, without a line feed.
[[nodiscard]] std::string render_plain(const StreamLine& stream);

class ProgressView : public engine::RunObserver {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;
  struct Options {
    /// Only log lines are shown.
    bool quiet = false;
    /// Maximum number of batches in a stream's queue (resources.max_inflight_batches).
    uint64_t queue_capacity = 0;
    Clock clock = [] { return std::chrono::steady_clock::now(); };
    /// Time between two plain lines of a stream. 5 s: a log of an hour stays readable.
    std::chrono::milliseconds plain_interval{5000};
    /// Where log lines go after stop(); null: the log's own way to stderr.
    Terminal* log_after = nullptr;
    /// Ten times a second looks alive and costs nothing. Zero: no thread, tests call tick().
    std::chrono::milliseconds redraw_interval{100};
  };

  /// `terminal` outlives the view. Takes over the program's log lines until stop().
  ProgressView(Terminal& terminal, Options options);
  ~ProgressView() override;
  ProgressView(const ProgressView&) = delete;
  ProgressView& operator=(const ProgressView&) = delete;

  /// Removes the live lines, shows the cursor again and gives the log back. May be called again.
  void stop();
  /// Draws what has changed. Called by the view's own thread.
  void tick();

  void run_started(std::string_view run_id, std::string_view pipeline,
                   const std::vector<std::string>& streams) override;
  void stream_started(std::string_view stream, bool resumed) override;
  void progress(std::string_view stream, const engine::StreamProgress& progress) override;
  void retry(std::string_view stream, const ConnectorError& error, std::chrono::milliseconds delay,
             uint32_t attempt) override;
  void stream_finished(const engine::StreamReport& report) override;

 private:
  struct Sample {
    double seconds = 0;
    uint64_t rows = 0;
    uint64_t bytes = 0;
  };
  struct Tracked {
    StreamLine line;
    std::deque<Sample> samples;
    std::chrono::steady_clock::time_point retry_at;
    std::chrono::steady_clock::time_point next_plain;
  };

  static void on_log_line(LogLevel level, std::string_view message, void* self);
  void draw_loop();
  Tracked& find_or_add(std::string_view stream);
  void say(std::string_view line);
  void draw();
  [[nodiscard]] std::string erase_sequence() const;

  Terminal& terminal_;
  Options options_;
  const bool live_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Tracked> streams_;
  std::map<std::string, size_t, std::less<>> places_;  // in streams_, by name
  size_t drawn_lines_ = 0;
  bool started_ = false;
  bool stopped_ = false;
  std::thread thread_;
};

}  // namespace rapidbyte::cli
