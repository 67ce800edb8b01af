#include "rapidbyte/state/lease_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace rapidbyte::state {
namespace {

using Clock = Deadline::Clock;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

/// A lease whose renewals are answered by a script; it writes nothing.
class ScriptedLease final : public Lease {
 public:
  using Script = std::function<Status(int call, const Deadline& deadline)>;
  ScriptedLease(Renewal renewal, Script script) : Lease("p", 1), renewal_(renewal), script_(std::move(script)) {}

  [[nodiscard]] Renewal renewal() const override { return renewal_; }

  /// False when there are fewer after 20 s.
  bool wait_for_calls(int calls) {
    std::unique_lock lock(mutex_);
    return called_.wait_for(lock, std::chrono::seconds(20), [&] { return calls_ >= calls; });
  }
  int calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  /// False when it is not lost after 20 s.
  bool wait_for_loss() const {
    const Deadline deadline = Deadline::after(std::chrono::seconds(20));
    while (!lost().cancelled() && !deadline.expired()) std::this_thread::sleep_for(milliseconds(1));
    return lost().cancelled();
  }

 protected:
  Status check_holder(const Deadline& deadline) override {
    int call = 0;
    {
      const std::lock_guard lock(mutex_);
      call = ++calls_;
    }
    called_.notify_all();
    return script_(call, deadline);
  }
  Result<std::optional<std::string>> load_pair(const PairKey&) override { return std::optional<std::string>(); }
  Status store_pair(const PairKey&, std::string_view) override { return {}; }
  Result<bool> exchange_pair(const PairKey&, const std::optional<std::string>&, std::string_view) override {
    return true;
  }
  Status store_new_loads(std::span<const NewLoad>) override { return {}; }
  Status store_owner(const StreamKey&, std::string_view) override { return {}; }
  Status store_checkpoint(const StreamKey&, std::string_view, std::string_view, uint64_t, Durability) override {
    return {};
  }
  Status store_rows(const StreamKey&, std::string_view, std::optional<uint64_t>, uint64_t) override { return {}; }
  Status store_finished_loads(std::span<const FinishedLoad>) override { return {}; }
  Status store_stream_note(std::string_view, std::string_view, std::string_view) override { return {}; }
  Status forget(const std::optional<std::string>&) override { return {}; }

 private:
  const Renewal renewal_;
  const Script script_;
  std::mutex mutex_;
  std::condition_variable called_;
  int calls_ = 0;
};

Status away() {
  return make_retryable_error(ErrorCategory::kTransientDb, "STATE_BACKEND", "the server does not answer");
}

TEST(LeaseKeeper, RenewsAsLongAsItLives) {
  ScriptedLease lease({.every = milliseconds(1), .lasts = std::chrono::seconds(20)},
                      [](int, const Deadline&) { return Status(); });
  {
    const LeaseKeeper keeper(lease, Clock::now());
    EXPECT_TRUE(lease.wait_for_calls(5));
  }
  const int calls = lease.calls();
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_EQ(lease.calls(), calls) << "it has ended";
  EXPECT_FALSE(lease.lost().cancelled());
}

TEST(LeaseKeeper, EndsAtOnceWhileWaiting) {
  ScriptedLease lease({.every = std::chrono::hours(1), .lasts = std::nullopt},
                      [](int, const Deadline&) { return Status(); });
  const auto started = Clock::now();
  {
    const LeaseKeeper keeper(lease, Clock::now());
  }
  EXPECT_LT(Clock::now() - started, std::chrono::seconds(10));
  EXPECT_EQ(lease.calls(), 0);
}

TEST(LeaseKeeper, ARenewalThatFindsAnotherHolderLosesTheLease) {
  ScriptedLease lease({.every = milliseconds(1), .lasts = std::nullopt}, [](int call, const Deadline&) {
    return call < 3 ? Status() : lease_lost("p", "the lease was taken by run-2");
  });
  const LeaseKeeper keeper(lease, Clock::now());
  ASSERT_TRUE(lease.wait_for_loss());
  EXPECT_THAT(lease.loss().error().message, HasSubstr("run-2"));
  EXPECT_EQ(lease.calls(), 3);
}

TEST(LeaseKeeper, ABackendThatIsAwayTooLongLosesTheLeaseAndNotBefore) {
  constexpr milliseconds kLasts{300};
  ScriptedLease lease({.every = milliseconds(5), .lasts = kLasts}, [](int, const Deadline&) { return away(); });
  const auto asked_at = Clock::now();
  const LeaseKeeper keeper(lease, asked_at);
  ASSERT_TRUE(lease.wait_for_loss());
  EXPECT_GE(Clock::now() - asked_at, kLasts);
  EXPECT_GT(lease.calls(), 1) << "it was tried again";
  EXPECT_EQ(lease.put("k", "v").error().code, "LEASE_LOST");
}

TEST(LeaseKeeper, ABackendThatComesBackInTimeLosesNothing) {
  ScriptedLease lease({.every = milliseconds(1), .lasts = std::chrono::seconds(20)},
                      [](int call, const Deadline&) { return call % 2 == 0 ? Status() : away(); });
  const LeaseKeeper keeper(lease, Clock::now());
  ASSERT_TRUE(lease.wait_for_calls(10));
  EXPECT_FALSE(lease.lost().cancelled());
}

TEST(LeaseKeeper, ALeaseWithoutRenewalIsNotLostWhenNobodyAnswers) {
  ScriptedLease lease({.every = milliseconds(1), .lasts = std::nullopt}, [](int, const Deadline&) { return away(); });
  const LeaseKeeper keeper(lease, Clock::now());
  ASSERT_TRUE(lease.wait_for_calls(20));
  EXPECT_FALSE(lease.lost().cancelled());
}

// The backend counts from some moment between request and answer; only the former is safe.
TEST(LeaseKeeper, CountsFromTheRequestAndGivesARenewalOnlyTheTimeLeft) {
  constexpr milliseconds kLasts{200};
  std::mutex mutex;
  std::vector<Clock::time_point> asked;
  std::vector<Clock::time_point> deadlines;
  ScriptedLease lease({.every = milliseconds(10), .lasts = kLasts}, [&](int call, const Deadline& deadline) {
    {
      const std::lock_guard lock(mutex);
      asked.push_back(Clock::now());
      deadlines.push_back(deadline.time_point());
    }
    if (call > 1) return away();
    std::this_thread::sleep_for(milliseconds(100));
    return Status();
  });
  const LeaseKeeper keeper(lease, Clock::now());
  ASSERT_TRUE(lease.wait_for_loss());
  const std::lock_guard lock(mutex);
  ASSERT_GE(asked.size(), 2U);
  for (const Clock::time_point deadline : deadlines) EXPECT_LE(deadline, asked[0] + kLasts);
}

}  // namespace
}  // namespace rapidbyte::state
