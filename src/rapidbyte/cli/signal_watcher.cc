#include "rapidbyte/cli/signal_watcher.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "rapidbyte/base/deadline.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::cli {
namespace {

constexpr std::array kWatched = {SIGINT, SIGTERM, SIGHUP};

Status system_error(std::string_view call) {
  return internal_error(codes::kSignalWatcher, fmt::format("{} failed: {}", call, std::strerror(errno)));
}

}  // namespace

Result<std::unique_ptr<SignalWatcher>> SignalWatcher::start(Options options) {
  sigset_t watched;
  sigemptyset(&watched);
  for (const int signal : kWatched) {
    struct sigaction present{};
    // A blocked signal is queued even when it is ignored, so ignored ones must stay out of the set.
    if (sigaction(signal, nullptr, &present) == 0 && present.sa_handler == SIG_IGN) continue;
    sigaddset(&watched, signal);
  }
  if (const int failed = pthread_sigmask(SIG_BLOCK, &watched, nullptr); failed != 0) {
    errno = failed;
    return system_error("pthread_sigmask");
  }
  const int signal_fd = signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signal_fd < 0) return system_error("signalfd");
  const int stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (stop_fd < 0) {
    Status failed = system_error("eventfd");
    close(signal_fd);
    return failed;
  }
  return std::unique_ptr<SignalWatcher>(new SignalWatcher(std::move(options), signal_fd, stop_fd));
}

SignalWatcher::SignalWatcher(Options options, int signal_fd, int stop_fd)
    : options_(std::move(options)), signal_fd_(signal_fd), stop_fd_(stop_fd), thread_([this] { watch(); }) {}

SignalWatcher::~SignalWatcher() {
  eventfd_write(stop_fd_, 1);
  thread_.join();
  close(signal_fd_);
  close(stop_fd_);
}

void SignalWatcher::watch() {
  std::optional<Deadline> end;
  while (true) {
    std::array<pollfd, 2> waits = {pollfd{signal_fd_, POLLIN, 0}, pollfd{stop_fd_, POLLIN, 0}};
    const int timeout = end ? static_cast<int>(end->remaining(options_.grace).count()) : -1;
    const int ready = poll(waits.data(), waits.size(), timeout);
    if (ready < 0 && errno == EINTR) continue;
    if (waits[1].revents != 0) return;
    if (ready == 0) {
      options_.leave_now();
      return;
    }
    signalfd_siginfo info{};
    if (read(signal_fd_, &info, sizeof(info)) != static_cast<ssize_t>(sizeof(info))) continue;
    if (end) {
      options_.leave_now();
      return;
    }
    end = Deadline::after(options_.grace);
    received_.store(static_cast<int>(info.ssi_signo), std::memory_order_release);
    options_.cancel.cancel();
    if (options_.on_first_signal) options_.on_first_signal(static_cast<int>(info.ssi_signo));
  }
}

void ignore_sigpipe() { signal(SIGPIPE, SIG_IGN); }

}  // namespace rapidbyte::cli
