#include "rapidbyte/cli/view/terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

#include "rapidbyte/base/redaction.h"
#include "rapidbyte/cli/signal_watcher.h"
#include "rapidbyte/cli/testing/fake_terminal.h"

namespace rapidbyte::cli {
namespace {

TEST(FdTerminal, APipeIsNoTerminalAndHasNoSizeOrColour) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  FdTerminal terminal(ends[1]);
  EXPECT_FALSE(terminal.is_terminal());
  EXPECT_FALSE(terminal.color());
  EXPECT_EQ(terminal.width(), 0U);
  EXPECT_EQ(terminal.height(), 0U);
  close(ends[0]);
  close(ends[1]);
}

TEST(RedactedTerminal, NothingThatIsWrittenHoldsASecret) {
  FakeTerminal screen(true, 100, 10);
  RedactedTerminal terminal(screen);
  EXPECT_TRUE(terminal.is_terminal());
  EXPECT_EQ(terminal.width(), 100U);
  add_secret("terminal-secret-1");
  terminal.write("stream terminal-secret-1: TERMINAL-SECRET-1 rows\n");
  EXPECT_EQ(screen.raw(), "stream ***: *** rows\n");
}

TEST(FdTerminal, WritesAllOfALongTextIntoASlowNonBlockingPipe) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_NONBLOCK), 0);
  const std::string text(1U << 20U, 'x');
  std::string got;
  std::thread reader([&] {
    std::array<char, 4096> block{};
    while (got.size() < text.size()) {
      const ssize_t n = read(ends[0], block.data(), block.size());
      if (n > 0) got.append(block.data(), static_cast<size_t>(n));
    }
  });
  FdTerminal terminal(ends[1]);
  EXPECT_TRUE(terminal.write(text));
  reader.join();
  EXPECT_EQ(got, text);
  close(ends[0]);
  close(ends[1]);
}

TEST(FdTerminal, AReaderThatWentAwayIsNoFailureButAFullDiskIs) {
  ignore_sigpipe();
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  close(ends[0]);
  FdTerminal closed(ends[1]);
  EXPECT_TRUE(closed.write("report"));
  close(ends[1]);

  const int full = open("/dev/full", O_WRONLY);
  ASSERT_GE(full, 0);
  FdTerminal disk(full);
  EXPECT_FALSE(disk.write("report"));
  close(full);
}

}  // namespace
}  // namespace rapidbyte::cli
