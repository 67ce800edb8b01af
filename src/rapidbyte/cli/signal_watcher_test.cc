#include "rapidbyte/cli/signal_watcher.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>

namespace rapidbyte::cli {
namespace {

using std::chrono::milliseconds;

struct Notes {
  std::mutex mutex;
  std::condition_variable changed;
  int first = 0;
  int left = 0;

  SignalWatcher::Options options(const CancelToken& cancel, milliseconds grace) {
    SignalWatcher::Options made;
    made.cancel = cancel;
    made.grace = grace;
    made.on_first_signal = [this](int signal) {
      std::lock_guard lock(mutex);
      first = signal;
      changed.notify_all();
    };
    made.leave_now = [this] {
      std::lock_guard lock(mutex);
      ++left;
      changed.notify_all();
    };
    return made;
  }
  template <typename Condition>
  bool wait(Condition condition) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::seconds(10), condition);
  }
};

TEST(SignalWatcher, TheFirstSignalCancelsAndDoesNotLeave) {
  Notes notes;
  const CancelToken cancel;
  {
    auto watcher = SignalWatcher::start(notes.options(cancel, milliseconds(60'000)));
    ASSERT_TRUE(watcher.ok());
    EXPECT_FALSE(cancel.cancelled());
    kill(getpid(), SIGTERM);
    ASSERT_TRUE(notes.wait([&] { return notes.first == SIGTERM; }));
    EXPECT_TRUE(cancel.cancelled());
    EXPECT_EQ((*watcher)->received(), SIGTERM);
  }
  EXPECT_EQ(notes.left, 0);
}

TEST(SignalWatcher, ASecondSignalLeavesAtOnce) {
  Notes notes;
  auto watcher = SignalWatcher::start(notes.options(CancelToken(), milliseconds(60'000)));
  ASSERT_TRUE(watcher.ok());
  kill(getpid(), SIGINT);
  ASSERT_TRUE(notes.wait([&] { return notes.first == SIGINT; }));
  kill(getpid(), SIGINT);
  EXPECT_TRUE(notes.wait([&] { return notes.left == 1; }));
}

TEST(SignalWatcher, LeavesWhenTheRunDoesNotEndInTime) {
  Notes notes;
  auto watcher = SignalWatcher::start(notes.options(CancelToken(), milliseconds(20)));
  ASSERT_TRUE(watcher.ok());
  kill(getpid(), SIGINT);
  EXPECT_TRUE(notes.wait([&] { return notes.left == 1; }));
}

TEST(SignalWatcher, IgnoredSignalsStayIgnored) {
  Notes notes;
  const CancelToken cancel;
  // As under nohup. Unblocked first: a signal that another test left blocked would be queued.
  sigset_t hangup;
  sigemptyset(&hangup);
  sigaddset(&hangup, SIGHUP);
  pthread_sigmask(SIG_UNBLOCK, &hangup, nullptr);
  const auto before = signal(SIGHUP, SIG_IGN);
  {
    auto watcher = SignalWatcher::start(notes.options(cancel, milliseconds(60'000)));
    ASSERT_TRUE(watcher.ok());
    kill(getpid(), SIGHUP);
    kill(getpid(), SIGTERM);
    ASSERT_TRUE(notes.wait([&] { return notes.first != 0; }));
    EXPECT_EQ((*watcher)->received(), SIGTERM);
  }
  signal(SIGHUP, before);
}

}  // namespace
}  // namespace rapidbyte::cli
