#include "rapidbyte/runtime/net/socket_wait.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "rapidbyte/base/deadline.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::runtime {
namespace {

using std::chrono::milliseconds;

// Without a cancel descriptor a wait looks at the token this often.
constexpr milliseconds kCancelSlice{100};
// Maximum for one poll(); longer waits loop.
constexpr milliseconds kPollSlice{60'000};

short poll_events(SocketInterest interest) {
  constexpr int kRead = POLLIN | POLLRDHUP;
  switch (interest) {
    case SocketInterest::kReadable: return static_cast<short>(kRead);
    case SocketInterest::kWritable: return static_cast<short>(POLLOUT);
    case SocketInterest::kEither: return static_cast<short>(kRead | POLLOUT);
  }
  return 0;
}

Result<bool> poll_ready(int fd, SocketInterest interest, milliseconds timeout, int cancel_fd,
                        const CancelToken& cancel) {
  const Deadline deadline = Deadline::after(timeout);
  std::array<pollfd, 2> fds = {{{fd, poll_events(interest), 0}, {cancel_fd, POLLIN, 0}}};
  while (true) {
    if (cancel.cancelled()) return socket_cancelled();
    const milliseconds slice = deadline.remaining(cancel_fd < 0 ? kCancelSlice : kPollSlice);
    // A negative descriptor is skipped by poll().
    const int rc = ::poll(fds.data(), fds.size(), static_cast<int>(slice.count()));
    if (rc < 0 && errno != EINTR) {
      return internal_error(codes::kInvalidSocket, fmt::format("poll() on a socket failed: {}", errno_text(errno)));
    }
    if (rc > 0) {
      if ((fds[0].revents & POLLNVAL) != 0) return invalid_socket("the descriptor is not open");
      if (cancel.cancelled()) return socket_cancelled();
      if (fds[0].revents != 0) return true;
    }
    if (deadline.expired()) return false;
  }
}

}  // namespace

std::string errno_text(int error) { return std::generic_category().message(error); }

Status socket_cancelled() {
  return make_error(ErrorCategory::kInternal, codes::kCancelled,
                    "the wait on a socket was abandoned because the run was cancelled");
}

Status invalid_socket(std::string_view what) {
  return internal_error(codes::kInvalidSocket,
                        fmt::format("{}; the connector used a socket that it has not opened or has closed", what));
}

CancelEvent::CancelEvent(const CancelToken& cancel) : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), token_(cancel) {
  if (fd_ < 0) return;
  registration_ = token_.on_cancel([fd = fd_] {
    const uint64_t one = 1;
    // Can fail only when the counter is full, and then the descriptor is readable anyway.
    [[maybe_unused]] const ssize_t written = ::write(fd, &one, sizeof(one));
  });
}

CancelEvent::~CancelEvent() {
  registration_ = {};  // first: a running waker must not write to a closed descriptor
  if (fd_ >= 0) ::close(fd_);
}

Result<bool> wait_socket_ready(int fd, SocketInterest interest, milliseconds timeout, const CancelToken& cancel) {
  // Usually the socket is already ready; then no descriptor is needed.
  auto ready = poll_ready(fd, interest, milliseconds(0), -1, cancel);
  if (!ready.ok() || *ready || timeout <= milliseconds(0)) return ready;
  return wait_socket_ready(fd, interest, timeout, CancelEvent(cancel));
}

Result<bool> wait_socket_ready(int fd, SocketInterest interest, milliseconds timeout, const CancelEvent& cancel) {
  if (fd < 0) return invalid_socket("the descriptor is not open");
  return poll_ready(fd, interest, timeout, cancel.fd(), cancel.token());
}

}  // namespace rapidbyte::runtime
