#include "rapidbyte/cli/view/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <string>

#include "rapidbyte/base/redaction.h"

namespace rapidbyte::cli {
namespace {

// The size assumed for a terminal that does not report one: that of the first terminals.
constexpr size_t kUsualWidth = 80;
constexpr size_t kUsualHeight = 24;

std::string_view environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

size_t number_of(std::string_view text) {
  size_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : 0;
}

bool locale_is_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view value = environment(name);
    if (value.empty()) continue;
    std::string lower(value);
    std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
    return lower.find("utf-8") != std::string::npos || lower.find("utf8") != std::string::npos;
  }
  return false;
}

winsize size_of(int fd) {
  winsize size{};
  if (ioctl(fd, TIOCGWINSZ, &size) != 0) return {};
  return size;
}

}  // namespace

FdTerminal::FdTerminal(int fd) : fd_(fd) {
  const std::string_view kind = environment("TERM");
  is_terminal_ = isatty(fd) == 1 && kind != "dumb";
  // no-color.org: any value that is not empty.
  color_ = is_terminal_ && environment("NO_COLOR").empty();
  unicode_ = locale_is_utf8();
}

size_t FdTerminal::width() const {
  if (!is_terminal_) return 0;
  if (const size_t columns = number_of(environment("COLUMNS")); columns > 0) return columns;
  const size_t columns = size_of(fd_).ws_col;
  return columns > 0 ? columns : kUsualWidth;
}

size_t FdTerminal::height() const {
  if (!is_terminal_) return 0;
  if (const size_t lines = number_of(environment("LINES")); lines > 0) return lines;
  const size_t lines = size_of(fd_).ws_row;
  return lines > 0 ? lines : kUsualHeight;
}

bool RedactedTerminal::write(std::string_view text) { return terminal_.write(redact(text)); }

bool FdTerminal::write(std::string_view text) {
  std::lock_guard lock(mutex_);
  while (!text.empty()) {
    const ssize_t written = ::write(fd_, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {
      // A parent may have made the pipe non-blocking.
      pollfd wait{fd_, POLLOUT, 0};
      poll(&wait, 1, -1);
    } else if (errno != EINTR) {
      return errno == EPIPE;
    }
  }
  return true;
}

void open_missing_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(fd, F_GETFD) == -1 && errno == EBADF) {
      // The lowest free number is `fd` itself, because all below it are open by now.
      [[maybe_unused]] const int opened = open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY);
    }
  }
}

}  // namespace rapidbyte::cli
