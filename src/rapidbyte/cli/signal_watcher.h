#pragma once
// SignalWatcher: turns SIGINT, SIGTERM and SIGHUP into a cancelled token. Its own thread reads them from a signalfd, so
// nothing runs in a signal handler. The first signal cancels; a second one, or nearly two seconds without an end,
// leaves the process at once: nothing uncommitted is ever claimed, so this loses only time. Made by main() before any
// other thread exists, because the signals must be blocked in all of them.

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "rapidbyte/base/cancel_token.h"
#include "rapidbyte/base/status.h"

namespace rapidbyte::cli {

class SignalWatcher {
 public:
  struct Options {
    CancelToken cancel;
    /// A run ends within 2 s of Ctrl-C; leaving the process takes part of them.
    std::chrono::milliseconds grace{1800};
    /// Called on the watcher's thread after the first signal; may be empty.
    std::function<void(int signal)> on_first_signal;
    /// Must not return in the program (it leaves the process); tests record the call and return.
    std::function<void()> leave_now;
  };

  /// Blocks the signals in the calling thread and starts the watcher. A signal that the parent process ignores (nohup,
  /// a background job) stays ignored.
  static Result<std::unique_ptr<SignalWatcher>> start(Options options);
  ~SignalWatcher();
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;

  /// The first signal received; 0 when none was.
  [[nodiscard]] int received() const { return received_.load(std::memory_order_acquire); }

 private:
  SignalWatcher(Options options, int signal_fd, int stop_fd);
  void watch();

  Options options_;
  int signal_fd_;
  int stop_fd_;
  std::atomic<int> received_{0};
  std::thread thread_;
};

/// Ignores SIGPIPE, so that a closed stdout makes write() fail and does not end the process.
void ignore_sigpipe();

}  // namespace rapidbyte::cli
