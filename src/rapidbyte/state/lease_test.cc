// What Lease promises with every backend: one holder at a time, and a holder that was replaced writes nothing.
#include "rapidbyte/state/lease.h"

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "rapidbyte/state/testing/every_state_backend.h"

namespace rapidbyte::state {
namespace {

using ::testing::HasSubstr;

TEST_P(EveryStateBackend, ALeaseExcludesOthersUntilItIsReleased) {
  auto first = state_->acquire_lease("p", "run-1");
  ASSERT_TRUE(first.ok()) << first.status().to_string();
  auto second = state_->acquire_lease("p", "run-2");
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, "PIPELINE_LOCKED");
  EXPECT_EQ(second.error().category, ErrorCategory::kTransientDb);
  EXPECT_TRUE(second.error().retryable);
  EXPECT_NE(second.error().message.find("run-1"), std::string::npos);
  EXPECT_TRUE(state_->acquire_lease("other", "run-3").ok()) << "another pipeline is free";
  first->reset();
  EXPECT_TRUE(state_->acquire_lease("p", "run-2").ok());
}

TEST_P(EveryStateBackend, ALeaseMayOutliveTheBackend) {
  auto lease = state_->acquire_lease("p", "run-1");
  ASSERT_TRUE(lease.ok());
  state_.reset();
  lease->reset();
}

TEST_P(EveryStateBackend, ALeaseWritesForItsOwnPipelineOnly) {
  const StreamKey other{"q", "users", ""};
  EXPECT_EQ(of("p").begin_load(other, "l", false).error().code, "STATE_BACKEND");
  EXPECT_OK(of("q").begin_load(other, "l", false));
  EXPECT_EQ(of("p").save_checkpoint(other, "l", "{}", 1).error().code, "STATE_BACKEND");
  EXPECT_EQ(of("p").note_rows(other, "l", 1, 0).error().code, "STATE_BACKEND");
  EXPECT_EQ(of("p").set_owner(other, "{}").error().code, "STATE_BACKEND");
  EXPECT_EQ(of("p").complete_load(other, "l").error().code, "STATE_BACKEND");
  EXPECT_TRUE(stream(other).load_in_progress);
  EXPECT_EQ(stream(other).checkpoint_json, std::nullopt);
  EXPECT_FALSE(of("p").lost().cancelled());
}

TEST_P(EveryStateBackend, EachHolderOfAPipelineHasAHigherToken) {
  uint64_t before = 0;
  for (int i = 0; i < 3; ++i) {
    const auto lease = take("p", "run-" + std::to_string(i));
    ASSERT_NE(lease, nullptr);
    EXPECT_GT(lease->token(), before);
    before = lease->token();
  }
  // Not by a reset either, and no other pipeline has to do with it.
  EXPECT_OK(of("p").reset(std::nullopt));
  EXPECT_GT(of("p").token(), before);
  EXPECT_EQ(of("q").token(), 1U);
}

TEST_P(EveryStateBackend, AReplacedHolderWritesNothing) {
  struct Write {
    const char* name;
    std::function<Status(Lease&)> write;
  };
  const std::vector<NewLoad> loads = {{.key = {"p", "orders", ""}, .load_id = "stale"}};
  const std::vector<FinishedLoad> finished = {{users_, "load-1"}};
  const std::vector<Write> writes = {
      {"put", [&](Lease& lease) { return lease.put("k", "stale"); }},
      {"compare_and_set", [&](Lease& lease) { return lease.compare_and_set("k", "before", "stale").status(); }},
      {"begin_loads", [&](Lease& lease) { return lease.begin_loads(loads); }},
      {"set_owner", [&](Lease& lease) { return lease.set_owner(users_, "stale"); }},
      {"save_checkpoint", [&](Lease& lease) { return lease.save_checkpoint(users_, "load-1", "stale", 99); }},
      {"note_rows", [&](Lease& lease) { return lease.note_rows(users_, "load-1", 99, 99); }},
      {"complete_loads", [&](Lease& lease) { return lease.complete_loads(finished); }},
      {"set_stream_note", [&](Lease& lease) { return lease.set_stream_note("users", "n", "stale"); }},
      {"reset", [&](Lease& lease) { return lease.reset(std::nullopt); }},
      {"reset of a stream", [&](Lease& lease) { return lease.reset("users"); }},
      {"renew", [&](Lease& lease) { return lease.renew(Deadline::after(std::chrono::seconds(5))); }},
  };
  for (const bool successor_has_ended : {false, true}) {
    for (const Write& write : writes) {
      SCOPED_TRACE(std::string(write.name) + (successor_has_ended ? ", the successor has ended" : ""));
      auto stale = take("p", "stale-run");
      ASSERT_NE(stale, nullptr);
      EXPECT_OK(stale->reset(std::nullopt));
      EXPECT_OK(stale->put("k", "before"));
      EXPECT_OK(stale->begin_load(users_, "load-1", false, "owner"));
      EXPECT_OK(stale->save_checkpoint(users_, "load-1", "c1", 1));
      EXPECT_OK(stale->set_stream_note("users", "n", "before"));
      int told = 0;
      const auto registration = stale->lost().on_cancel([&] { ++told; });
      drop_lock("p");
      auto successor = take("p", "new-run");
      ASSERT_NE(successor, nullptr);
      if (successor_has_ended) successor.reset();
      EXPECT_EQ(told, 0) << "nobody has said so yet";
      EXPECT_OK(stale->loss());

      const Status refused = write.write(*stale);
      ASSERT_FALSE(refused.ok());
      EXPECT_EQ(refused.error().code, "LEASE_LOST");
      EXPECT_FALSE(refused.error().retryable);
      EXPECT_THAT(refused.error().message, HasSubstr("pipeline 'p'"));
      if (successor) {
        EXPECT_THAT(refused.error().message, HasSubstr("new-run"));
      }
      EXPECT_EQ(told, 1);
      EXPECT_EQ(stale->loss().error().code, "LEASE_LOST");

      // Nothing has changed.
      const StreamState now = stream(users_);
      EXPECT_EQ(now.checkpoint_json, "c1");
      EXPECT_EQ(now.rows_committed, 1U);
      EXPECT_EQ(now.rows_given, 0U);
      EXPECT_EQ(now.owner_json, "owner");
      EXPECT_TRUE(now.load_in_progress);
      EXPECT_EQ(value("p", "k"), "before");
      EXPECT_EQ(*state_->stream_note("p", "users", "n"), "before");
      EXPECT_EQ(state_->list_streams("p")->size(), 1U);

      // It stays lost, and its end takes nothing from the successor.
      EXPECT_EQ(stale->put("k", "again").error().code, "LEASE_LOST");
      EXPECT_EQ(told, 1);
      stale.reset();
      if (successor) {
        EXPECT_OK(successor->save_checkpoint(users_, "load-1", "c2", 2));
        EXPECT_EQ(state_->acquire_lease("p", "third").error().code, "PIPELINE_LOCKED");
      }
    }
  }
}

TEST_P(EveryStateBackend, AReleasedLeaseWritesNothingEvenIfNobodyTookIt) {
  auto lease = take("p", "run-1");
  lease->give_up("its time is over");
  EXPECT_TRUE(lease->lost().cancelled());
  EXPECT_THAT(lease->loss().error().message, HasSubstr("its time is over"));
  EXPECT_EQ(lease->put("k", "v").error().code, "LEASE_LOST");
  EXPECT_EQ(lease->begin_loads({}).error().code, "LEASE_LOST");
  EXPECT_EQ(value("p", "k"), std::nullopt);
  lease.reset();
  EXPECT_OK(of("p").put("k", "v"));
}

TEST_P(EveryStateBackend, OfTwoConcurrentHoldersOnlyTheNewerOneWrites) {
  auto stale = take("p", "stale-run");
  EXPECT_OK(stale->put("n", "0"));
  std::atomic<bool> replaced = false;
  std::atomic<int> written_late = 0;
  std::thread writer([&] {
    while (true) {
      const bool late = replaced;
      const Status put = stale->put("n", "stale");
      if (late && put.ok()) ++written_late;
      if (!put.ok()) {
        EXPECT_EQ(put.error().code, "LEASE_LOST");
        return;
      }
    }
  });
  drop_lock("p");
  auto newer = take("p", "new-run");
  replaced = true;
  EXPECT_OK(newer->put("n", "new"));
  writer.join();
  EXPECT_EQ(written_late, 0);
  EXPECT_EQ(value("p", "n"), "new");
}

}  // namespace
}  // namespace rapidbyte::state
