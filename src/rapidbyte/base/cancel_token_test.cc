#include "rapidbyte/base/cancel_token.h"

#include <gtest/gtest.h>

#include <condition_variable>
#include <thread>
#include <vector>

namespace rapidbyte {
namespace {

TEST(CancelToken, CopiesShareOneFlagAndRememberWhen) {
  const CancelToken token;
  const CancelToken copy = token;  // NOLINT(performance-unnecessary-copy-initialization): copies are the matter
  EXPECT_FALSE(copy.cancelled());
  EXPECT_EQ(copy.cancelled_at(), std::nullopt);
  const auto before = std::chrono::steady_clock::now();
  token.cancel();
  EXPECT_TRUE(copy.cancelled());
  ASSERT_TRUE(copy.cancelled_at());
  EXPECT_GE(*copy.cancelled_at(), before);
  const auto when = copy.cancelled_at();
  token.cancel();
  EXPECT_EQ(copy.cancelled_at(), when) << "only the first cancel counts";
}

TEST(CancelToken, RunsEachWakerOnce) {
  const CancelToken token;
  int first = 0;
  int second = 0;
  const auto a = token.on_cancel([&] { ++first; });
  const auto b = token.on_cancel([&] { ++second; });
  token.cancel();
  token.cancel();
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 1);
}

TEST(CancelToken, AWakerRegisteredTooLateRunsAtOnce) {
  const CancelToken token;
  token.cancel();
  int ran = 0;
  const auto registration = token.on_cancel([&] { ++ran; });
  EXPECT_EQ(ran, 1);
}

TEST(CancelToken, ADroppedRegistrationIsNotWoken) {
  const CancelToken token;
  int ran = 0;
  {
    const auto registration = token.on_cancel([&] { ++ran; });
  }
  auto replaced = token.on_cancel([&] { ++ran; });
  replaced = CancelToken::Registration();
  auto moved_from = token.on_cancel([&] { ran += 100; });
  const auto moved_to = std::move(moved_from);
  token.cancel();
  EXPECT_EQ(ran, 100);
}

TEST(CancelToken, ARegistrationMayOutliveTheToken) {
  CancelToken::Registration registration;
  {
    const CancelToken token;
    registration = token.on_cancel([] {});
  }
  registration = CancelToken::Registration();
}

TEST(CancelToken, CancellingTheParentCancelsTheChildButNotTheOtherWayRound) {
  const CancelToken parent;
  const CancelToken one = parent.child();
  const CancelToken other = parent.child();
  const CancelToken grandchild = one.child();
  one.cancel();
  EXPECT_TRUE(grandchild.cancelled());
  EXPECT_FALSE(parent.cancelled());
  EXPECT_FALSE(other.cancelled());
  parent.cancel();
  EXPECT_TRUE(other.cancelled());
  EXPECT_TRUE(parent.child().cancelled()) << "a child of a cancelled token is cancelled";
}

TEST(CancelToken, AChildMayBeDroppedBeforeItsParentIsCancelled) {
  const CancelToken parent;
  for (int i = 0; i < 100; ++i) (void)parent.child();
  parent.cancel();
}

TEST(CancelToken, AWakerMayDropItsOwnRegistration) {
  const CancelToken token;
  std::optional<CancelToken::Registration> registration;
  bool ran = false;
  registration = token.on_cancel([&] {
    registration.reset();
    ran = true;
  });
  token.cancel();
  EXPECT_TRUE(ran);
}

TEST(CancelToken, AChildMayEndWhileItsParentCancelsIt) {
  const CancelToken parent;
  std::optional<CancelToken> child = parent.child();
  std::optional<CancelToken::Registration> registration;
  registration = child->on_cancel([&] {
    registration.reset();
    child.reset();
  });
  parent.cancel();
  EXPECT_FALSE(child);
}

TEST(CancelToken, WakesAThreadThatWaits) {
  const CancelToken token;
  std::mutex mutex;
  std::condition_variable changed;
  bool woken = false;
  std::thread waiter([&] {
    const auto registration = token.on_cancel([&] {
      const std::lock_guard lock(mutex);
      woken = true;
      changed.notify_all();
    });
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return woken; });
  });
  token.cancel();
  waiter.join();
  EXPECT_TRUE(woken);
}

TEST(CancelToken, AfterARegistrationIsGoneItsWakerNoLongerRuns) {
  // What the waker refers to is freed right after its registration: a waker still running would touch freed memory
  // (seen by the sanitizers) or count after the end.
  for (int round = 0; round < 200; ++round) {
    const CancelToken token;
    std::thread canceller([&] { token.cancel(); });
    auto counter = std::make_unique<int>(0);
    {
      const auto registration = token.on_cancel([raw = counter.get()] { ++*raw; });
    }
    const int seen = *counter;
    EXPECT_LE(seen, 1);
    counter.reset();
    canceller.join();
  }
}

TEST(CancelToken, ManyThreadsMayRegisterAndCancelAtOnce) {
  const CancelToken token;
  std::atomic<int> ran{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::vector<CancelToken::Registration> registrations;
      for (int i = 0; i < 200; ++i) registrations.push_back(token.on_cancel([&] { ++ran; }));
      if (t == 0) token.cancel();
      while (!token.cancelled()) std::this_thread::yield();
      // cancel() may still be on its way through the wakers; dropping a registration waits for its own only.
      registrations.clear();
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_GE(ran.load(), 200) << "the wakers of the cancelling thread ran before cancel() returned";
  EXPECT_LE(ran.load(), 800);
}

}  // namespace
}  // namespace rapidbyte
