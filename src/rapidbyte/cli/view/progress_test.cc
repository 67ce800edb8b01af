#include "rapidbyte/cli/view/progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rapidbyte/base/log.h"
#include "rapidbyte/cli/testing/fake_terminal.h"
#include "rapidbyte/cli/view/text_width.h"

namespace rapidbyte::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

struct FakeClock {
  std::chrono::steady_clock::time_point now{};
  ProgressView::Options options() {
    ProgressView::Options made;
    made.queue_capacity = 16;
    made.clock = [this] { return now; };
    made.redraw_interval = milliseconds(0);
    return made;
  }
};

engine::StreamProgress figures(double at, uint64_t rows, uint64_t bytes, uint64_t queued = 0) {
  engine::StreamProgress made;
  made.seconds = at;
  made.rows_read = rows + 10;
  made.rows_written = rows;
  made.bytes_written = bytes;
  made.queue_batches = queued;
  return made;
}

engine::StreamReport report(std::string stream, engine::Outcome outcome, uint64_t rows) {
  engine::StreamReport made;
  made.stream = std::move(stream);
  made.outcome = outcome;
  made.rows_written = rows;
  made.bytes_written = rows * 100;
  made.seconds = 2;
  return made;
}

ConnectorError network_error() {
  ConnectorError made;
  made.code = "TCP_CONNECT_FAILED";
  made.message = "dest-x: stream orders: the host did not answer";
  return made;
}

TEST(ProgressView, ShowsEachStreamOnOneLineAndRedrawsInPlace) {
  FakeClock clock;
  FakeTerminal terminal(true, 100, 24);
  ProgressView view(terminal, clock.options());
  view.run_started("r1", "p", {"orders", "customers"});
  view.stream_started("orders", true);
  view.progress("orders", figures(1, 100'000, 10'000'000, 3));
  view.tick();
  EXPECT_THAT(terminal.screen(),
              ElementsAre("orders     100,000 rows  100,000/s  10.0 MB/s  queue 3/16  0:01  resumed",
                          "customers                                                        waiting"));
  view.progress("orders", figures(2, 300'000, 30'000'000, 12));
  view.stream_started("customers", false);
  view.progress("customers", figures(0.5, 5, 500));
  view.tick();
  EXPECT_THAT(terminal.screen(),
              ElementsAre("orders     300,000 rows  200,000/s  20.0 MB/s  queue 12/16  0:02  resumed",
                          "customers        5 rows       10/s   1.0 kB/s   queue 0/16  0:00  running"));
}

TEST(ProgressView, HidesTheCursorWhileItDrawsAndLeavesACleanScreen) {
  FakeClock clock;
  FakeTerminal terminal(true, 100, 24);
  ProgressView view(terminal, clock.options());
  view.run_started("r1", "p", {"orders"});
  view.tick();
  EXPECT_TRUE(terminal.cursor_hidden());
  view.stop();
  EXPECT_FALSE(terminal.cursor_hidden());
  EXPECT_THAT(terminal.screen(), IsEmpty());
}

TEST(ProgressView, CountsDownToTheNextTryAndSaysWhyAbove) {
  FakeClock clock;
  FakeTerminal terminal(true, 100, 24);
  ProgressView view(terminal, clock.options());
  view.run_started("r1", "p", {"orders"});
  view.stream_started("orders", false);
  view.progress("orders", figures(1, 10, 1000));
  view.retry("orders", network_error(), milliseconds(5000), 2);
  EXPECT_THAT(terminal.screen(),
              ElementsAre("warning: orders failed, next try in 5.0 s: dest-x: stream orders: the host did not answer",
                          "orders  10 rows  0:01  retrying in 5 s (attempt 2, TCP_CONNECT_FAILED)"));
  clock.now += milliseconds(3500);
  view.tick();
  EXPECT_THAT(terminal.screen().back(), HasSubstr("retrying in 2 s"));
  clock.now += seconds(60);
  view.tick();
  EXPECT_THAT(terminal.screen().back(), HasSubstr("retrying in 0 s"));
}

TEST(ProgressView, LogLinesAppearAboveTheLiveLines) {
  FakeClock clock;
  FakeTerminal terminal(true, 100, 24);
  ProgressView view(terminal, clock.options());
  view.run_started("r1", "p", {"a", "b"});
  view.tick();
  log_warn("something {}", "odd");
  EXPECT_THAT(terminal.screen(), ElementsAre("warning: something odd", "a  waiting", "b  waiting"));
  view.stop();
  EXPECT_THAT(terminal.screen(), ElementsAre("warning: something odd"));
}

TEST(ProgressView, FinishedStreamsKeepTheirFigures) {
  FakeClock clock;
  FakeTerminal terminal(true, 100, 24);
  ProgressView view(terminal, clock.options());
  view.run_started("r1", "p", {"a", "b", "c"});
  view.stream_started("a", false);
  view.stream_finished(report("a", engine::Outcome::kSucceeded, 1000));
  view.stream_finished(report("b", engine::Outcome::kFailed, 20));
  view.stream_finished(report("c", engine::Outcome::kNotStarted, 0));
  view.tick();
  EXPECT_THAT(terminal.screen(), ElementsAre("a  1,000 rows  500/s  50.0 kB/s  0:02  done",
                                             "b     20 rows   10/s   1.0 kB/s  0:02  failed",
                                             "c                                      not started"));
}

TEST(ProgressView, WritesPlainLinesAtIntervalsWithoutATerminal) {
  FakeClock clock;
  FakeTerminal terminal(false, 0, 0);
  ProgressView view(terminal, clock.options());
  view.run_started("r1", "p", {"orders"});
  view.stream_started("orders", false);
  view.progress("orders", figures(1, 1000, 100'000));
  view.tick();
  EXPECT_EQ(terminal.raw(), "");
  clock.now += seconds(5);
  view.tick();
  clock.now += seconds(1);
  view.tick();
  EXPECT_EQ(terminal.raw(), "orders: running, 1,000 rows, 1,000 rows/s, 100.0 kB/s, 1.0 s\n");
}

TEST(ProgressView, IsSilentWhenQuietExceptForLogLines) {
  FakeClock clock;
  FakeTerminal terminal(true, 100, 24);
  auto options = clock.options();
  options.quiet = true;
  ProgressView view(terminal, options);
  view.run_started("r1", "p", {"orders"});
  view.stream_started("orders", true);
  view.retry("orders", network_error(), milliseconds(100), 2);
  view.tick();
  EXPECT_EQ(terminal.raw(), "");
  log_error("broken");
  EXPECT_EQ(terminal.raw(), "error: broken\n");
}

TEST(ProgressView, ARetryThatCountsAgainDoesNotShowAbsurdRates) {
  FakeClock clock;
  FakeTerminal terminal(true, 100, 24);
  ProgressView view(terminal, clock.options());
  view.run_started("r1", "p", {"a"});
  view.progress("a", figures(5, 1000, 100'000));
  view.progress("a", figures(0.5, 10, 1000));
  view.tick();
  EXPECT_THAT(terminal.screen().front(), HasSubstr(" 20/s"));
}

StreamLine running(std::string name) {
  StreamLine line;
  line.name = std::move(name);
  line.state = StreamState::kRunning;
  line.rows = 1'234'567;
  line.rows_per_second = 412'345;
  line.bytes_per_second = 38'100'000;
  line.queue_batches = 3;
  line.queue_capacity = 16;
  line.seconds = 3;
  return line;
}

TEST(RenderLive, LeavesOutTheLeastImportantFieldsWhenNarrow) {
  const std::vector<StreamLine> streams = {running("orders")};
  EXPECT_THAT(render_live(streams, 80, 24, true),
              ElementsAre("orders  1,234,567 rows  412,345/s  38.1 MB/s  queue 3/16  0:03  running"));
  EXPECT_THAT(render_live(streams, 62, 24, true),
              ElementsAre("orders  1,234,567 rows  412,345/s  38.1 MB/s  0:03  running"));
  EXPECT_THAT(render_live(streams, 50, 24, true), ElementsAre("orders  1,234,567 rows  412,345/s  0:03  running"));
  EXPECT_THAT(render_live(streams, 44, 24, true), ElementsAre("orders  1,234,567 rows  412,345/s  running"));
  EXPECT_THAT(render_live(streams, 34, 24, true), ElementsAre("orders  1,234,567 rows  running"));
  for (size_t width = 1; width < 90; ++width) {
    for (const std::string& line : render_live(streams, width, 24, true)) EXPECT_LE(display_width(line), width);
  }
}

TEST(RenderLive, NeverHasMoreLinesThanTheTerminal) {
  std::vector<StreamLine> streams;
  for (int i = 0; i < 30; ++i) {
    streams.push_back(running("s" + std::to_string(i)));
    if (i >= 10) streams.back().state = i % 2 == 0 ? StreamState::kWaiting : StreamState::kDone;
  }
  const auto lines = render_live(streams, 100, 6, true);
  EXPECT_EQ(lines.size(), 5U);
  EXPECT_THAT(lines.back(), HasSubstr("6 more running, 10 waiting, 10 ended, 37,037,010 rows in total"));
}

TEST(RenderLive, StreamNamesCannotSteerTheTerminal) {
  EXPECT_THAT(render_live({running("a\x1b[2J")}, 100, 24, true), Each(Not(HasSubstr("\x1b"))));
}

}  // namespace
}  // namespace rapidbyte::cli
