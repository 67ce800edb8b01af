// One suite over all backends: what StateBackend promises about streams, loads and history, whatever keeps the state.
#include "rapidbyte/state/state_backend.h"

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "rapidbyte/state/memory/memory_state_backend.h"
#include "rapidbyte/state/open_state.h"
#include "rapidbyte/state/sqlite/lease_lock.h"
#include "rapidbyte/state/testing/every_state_backend.h"

namespace rapidbyte::state {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<StateBackend> open_sqlite(const fs::path& folder) {
  auto opened = open_state({.connection = folder / "state.db"});
  EXPECT_TRUE(opened.ok()) << opened.status().to_string();
  return opened.ok() ? std::move(*opened) : nullptr;
}

const BackendUnderTest kBackends[] = {
    {"memory", [](const fs::path&) { return make_memory_state(); },
     [](StateBackend& state, const fs::path&, const std::string& pipeline) { drop_memory_lock(state, pipeline); }},
    {"sqlite", &open_sqlite,
     [](StateBackend&, const fs::path& folder, const std::string& pipeline) {
       EXPECT_TRUE(fs::remove(lease_lock_path(fs::canonical(folder) / "state.db", pipeline)));
     }},
};

TEST_P(EveryStateBackend, CountsTheRowsGivenInTheLoadUnderWay) {
  EXPECT_EQ(stream(users_).rows_given, std::nullopt);
  EXPECT_FALSE(of("p").note_rows(users_, "load-1", 1, 0).ok()) << "no load";
  EXPECT_OK(of("p").begin_load(users_, "load-1", true));
  EXPECT_EQ(stream(users_).rows_given, 0U);
  EXPECT_OK(of("p").note_rows(users_, "load-1", 70, 50));
  EXPECT_OK(of("p").save_checkpoint(users_, "load-1", "{}", 40));
  EXPECT_OK(of("p").begin_load(users_, "load-1", false));
  EXPECT_EQ(stream(users_).rows_given, 70U) << "the same load continues";
  EXPECT_EQ(stream(users_).rows_reported, 50U);
  EXPECT_EQ((*state_->list_streams("p"))[0].second.rows_given, 70U);
  EXPECT_OK(of("p").note_rows(users_, "load-1", std::nullopt, UINT64_MAX));
  EXPECT_EQ(stream(users_).rows_given, std::nullopt);
  EXPECT_GE(stream(users_).rows_reported, uint64_t{INT64_MAX});
  EXPECT_FALSE(of("p").note_rows(users_, "load-2", 1, 0).ok()) << "another load";
  EXPECT_OK(of("p").begin_load(users_, "load-2", false));
  EXPECT_EQ(stream(users_).rows_given, 0U);
  EXPECT_EQ(stream(users_).rows_reported, 0U);
  EXPECT_OK(of("p").complete_load(users_, "load-2"));
  EXPECT_FALSE(of("p").note_rows(users_, "load-2", 1, 0).ok()) << "it is complete";
}

TEST_P(EveryStateBackend, KeepsAStreamThroughItsWholeLife) {
  // Nothing there yet.
  EXPECT_EQ(value("p", "k"), std::nullopt);
  EXPECT_EQ(stream(users_).load_id, "");
  EXPECT_TRUE((*state_->list_streams("p")).empty());
  EXPECT_TRUE((*state_->recent_runs("p", 10)).empty());
  // A run: lease, load, cursors, end.
  {
    auto lease = state_->acquire_lease("p", "run-1");
    ASSERT_TRUE(lease.ok()) << lease.status().to_string();
    Lease& run = **lease;
    EXPECT_EQ(run.pipeline(), "p");
    EXPECT_OK(run.begin_load(users_, "load-1", true));
    EXPECT_OK(run.put("users:cursor", "5"));
    EXPECT_EQ(**run.get("users:cursor"), "5");
    EXPECT_TRUE(*run.compare_and_set("users:cursor", "5", "6"));
    EXPECT_OK(run.save_checkpoint(users_, "load-1", R"({"id":"a"})", 10));
    EXPECT_OK(run.save_checkpoint(users_, "load-1", R"({"id":"b"})", 20));
    EXPECT_TRUE(stream(users_).load_in_progress);
    EXPECT_OK(run.complete_load(users_, "load-1"));
    EXPECT_OK(state_->record_run({"run-1", "p", "2025-01-01T00:00:00Z", "2025-01-01T00:00:09Z", "succeeded", 20, ""}));
  }
  const StreamState done = stream(users_);
  EXPECT_EQ(done.checkpoint_json, R"({"id":"b"})");
  EXPECT_EQ(done.load_id, "load-1");
  EXPECT_FALSE(done.load_in_progress);
  EXPECT_TRUE(done.committed);
  EXPECT_EQ(done.rows_committed, 20U);
  EXPECT_EQ(value("p", "users:cursor"), "6");
  EXPECT_EQ((*state_->list_streams("p")).size(), 1U);
  EXPECT_EQ((*state_->recent_runs("p", 10)).size(), 1U);
  // The next run may take the lease, and a reset forgets.
  EXPECT_TRUE(state_->acquire_lease("p", "run-2").ok());
  EXPECT_OK(of("p").reset(std::nullopt));
  EXPECT_EQ(stream(users_).checkpoint_json, std::nullopt);
  EXPECT_EQ(value("p", "users:cursor"), std::nullopt);
  EXPECT_EQ((*state_->recent_runs("p", 10)).size(), 1U) << "the history stays";
}

TEST_P(EveryStateBackend, KeepsTheOwnerOfALoadsPositions) {
  EXPECT_EQ(stream(users_).owner_json, std::nullopt);
  EXPECT_OK(of("p").begin_load(users_, "one", false, "{\"a\":1}"));
  EXPECT_EQ(stream(users_).load_owner_json, "{\"a\":1}");
  EXPECT_EQ(stream(users_).owner_json, std::nullopt) << "it has no position yet";
  EXPECT_OK(of("p").begin_load(users_, "one", false, "{\"a\":2}"));
  EXPECT_EQ(stream(users_).load_owner_json, "{\"a\":1}") << "the load is left as it is";
  EXPECT_OK(of("p").save_checkpoint(users_, "one", "{}", 1));
  EXPECT_EQ(stream(users_).owner_json, "{\"a\":1}");
  EXPECT_OK(of("p").set_owner(users_, "{\"a\":3}"));
  EXPECT_OK(of("p").save_checkpoint(users_, "one", "{}", 1));
  EXPECT_OK(of("p").complete_load(users_, "one"));
  EXPECT_EQ(stream(users_).owner_json, "{\"a\":3}");
  EXPECT_EQ((*state_->list_streams("p"))[0].second.owner_json, "{\"a\":3}");
  EXPECT_OK(of("p").begin_load(users_, "two", false));
  EXPECT_EQ(stream(users_).owner_json, "{\"a\":3}") << "the position is still that of the load before";
  EXPECT_EQ(stream(users_).load_owner_json, std::nullopt);
  EXPECT_OK(of("p").save_checkpoint(users_, "two", "{}", 1));
  EXPECT_EQ(stream(users_).owner_json, std::nullopt);
  EXPECT_OK(of("p").set_owner({"p", "nobody", ""}, "{}"));
  EXPECT_EQ(stream({"p", "nobody", ""}).load_id, "");
}

TEST_P(EveryStateBackend, BeginsTheLoadsOfARunAtomically) {
  EXPECT_OK(of("p").begin_load({"p", "a", ""}, "old", false, "{}"));
  EXPECT_OK(of("p").save_checkpoint({"p", "a", ""}, "old", "{\"at\":1}", 5));
  EXPECT_OK(of("p").complete_load({"p", "a", ""}, "old"));
  std::vector<NewLoad> loads = {{{"p", "a", ""}, "a2", false, "{\"o\":1}"}, {{"p", "b", ""}, "b2", true, ""}};
  loads.push_back({{"p", "c", ""}, "", false, ""});
  EXPECT_EQ(of("p").begin_loads(loads).error().code, "STATE_BACKEND");
  EXPECT_EQ(stream({"p", "a", ""}).load_id, "old") << "one of them has no id, so none is begun";
  loads.pop_back();
  EXPECT_OK(of("p").begin_loads(loads));
  EXPECT_TRUE(stream({"p", "a", ""}).load_in_progress);
  EXPECT_EQ(stream({"p", "a", ""}).checkpoint_json, "{\"at\":1}");
  EXPECT_EQ(stream({"p", "a", ""}).owner_json, "{}");
  EXPECT_EQ(stream({"p", "a", ""}).load_owner_json, "{\"o\":1}");
  EXPECT_FALSE(stream({"p", "a", ""}).committed);
  EXPECT_EQ(stream({"p", "b", ""}).load_id, "b2");
  EXPECT_OK(of("p").begin_loads({}));
}

TEST_P(EveryStateBackend, KnowsTheKindOfTheNewestLoad) {
  EXPECT_EQ(stream(users_).load_kind, LoadKind::kInPlace) << "of no load";
  const auto begin = [&](std::string id, LoadKind kind, bool restart = false) {
    EXPECT_OK(of("p").begin_load({.key = users_, .load_id = std::move(id), .drop_checkpoint = restart, .kind = kind}));
    EXPECT_EQ((*state_->list_streams("p"))[0].second.load_kind, stream(users_).load_kind);
    return stream(users_).load_kind;
  };
  EXPECT_EQ(begin("1", LoadKind::kStaged), LoadKind::kStaged);
  EXPECT_EQ(begin("2", LoadKind::kPartitioned), LoadKind::kPartitioned);
  EXPECT_EQ(begin("2", LoadKind::kInPlace), LoadKind::kPartitioned) << "the load is left as it is";
  EXPECT_EQ(begin("2", LoadKind::kInPlace, /*restart=*/true), LoadKind::kInPlace);
  EXPECT_OK(of("p").begin_loads(std::vector<NewLoad>{{.key = users_, .load_id = "3", .kind = LoadKind::kStaged}}));
  EXPECT_EQ(stream(users_).load_kind, LoadKind::kStaged);
  EXPECT_OK(of("p").begin_load(users_, "4-replace", false));
  EXPECT_EQ(stream(users_).load_kind, LoadKind::kInPlace) << "an id says nothing";
}

TEST_P(EveryStateBackend, CompletesTheLoadsOfARunAtomically) {
  std::vector<FinishedLoad> loads;
  for (const char* name : {"a", "b", "c"}) {
    loads.push_back({{"p", name, ""}, "load"});
    EXPECT_OK(of("p").begin_load(loads.back().key, "load", false));
  }
  const auto under_way = [&] {
    std::string names;
    for (const FinishedLoad& load : loads) names += stream(load.key).load_in_progress ? load.key.stream : "";
    return names;
  };
  loads.back().load_id = "another";
  EXPECT_EQ(of("p").complete_loads(loads).error().code, "STATE_BACKEND");
  EXPECT_EQ(under_way(), "abc") << "one of them is not under way, so none is ended";
  loads.back().load_id = "load";
  EXPECT_OK(of("p").complete_loads(loads));
  EXPECT_EQ(under_way(), "");
  EXPECT_OK(of("p").complete_loads(loads));
  EXPECT_OK(of("p").complete_loads({}));
}

TEST_P(EveryStateBackend, SavesTheLastCheckpointOfALoadWithItsEndOrNeither) {
  const StreamKey a{"p", "a", ""};
  const StreamKey b{"p", "b", ""};
  for (const StreamKey& key : {a, b}) EXPECT_OK(of("p").begin_load(key, "load", false, "owner"));
  const FinishedLoad::End end{.checkpoint_json = R"({"end":true})", .rows_committed = 7};
  EXPECT_EQ(of("p").complete_loads(std::vector<FinishedLoad>{{a, "load", end}, {b, "another"}}).error().code,
            "STATE_BACKEND");
  EXPECT_TRUE(stream(a).load_in_progress);
  EXPECT_EQ(stream(a).checkpoint_json, std::nullopt);
  EXPECT_OK(of("p").complete_loads(std::vector<FinishedLoad>{{a, "load", end}, {b, "load"}}));
  for (int again = 0; again < 2; ++again) {
    EXPECT_FALSE(stream(a).load_in_progress);
    EXPECT_TRUE(stream(a).committed);
    EXPECT_EQ(stream(a).checkpoint_json, end.checkpoint_json);
    EXPECT_EQ(stream(a).rows_committed, 7U);
    EXPECT_EQ(stream(a).owner_json, "owner") << "the position is the load's now";
    EXPECT_EQ(stream(b).checkpoint_json, std::nullopt);
    EXPECT_FALSE(stream(b).committed);
    EXPECT_OK(of("p").complete_load(a, "load", end));
  }
}

TEST_P(EveryStateBackend, PipelinesDoNotSeeEachOther) {
  EXPECT_OK(of("p").put("k", "of p"));
  EXPECT_OK(of("q").put("k", "of q"));
  EXPECT_OK(of("p").begin_load({"p", "s", ""}, "load-p", false));
  EXPECT_OK(of("q").begin_load({"q", "s", ""}, "load-q", false));
  EXPECT_OK(of("p").reset(std::nullopt));
  EXPECT_EQ(value("p", "k"), std::nullopt);
  EXPECT_EQ(value("q", "k"), "of q");
  EXPECT_EQ(stream({"p", "s", ""}).load_id, "");
  EXPECT_EQ(stream({"q", "s", ""}).load_id, "load-q");
  // Not even when the parts of a key run together to the same text.
  EXPECT_OK(of("a").begin_load({"a", "bc", ""}, "1", false));
  EXPECT_EQ(stream({"ab", "c", ""}).load_id, "");
  EXPECT_EQ(stream({"a", "b", "c"}).load_id, "");
}

TEST_P(EveryStateBackend, ANewLoadKeepsTheCursorUnlessToldToDropIt) {
  EXPECT_OK(of("p").begin_load(users_, "load-1", false));
  EXPECT_OK(of("p").save_checkpoint(users_, "load-1", "c1", 7));
  EXPECT_OK(of("p").complete_load(users_, "load-1"));
  EXPECT_OK(of("p").begin_load(users_, "load-2", false));
  StreamState now = stream(users_);
  EXPECT_EQ(now.checkpoint_json, "c1");
  EXPECT_EQ(now.load_id, "load-2");
  EXPECT_TRUE(now.load_in_progress);
  EXPECT_FALSE(now.committed);
  EXPECT_EQ(now.rows_committed, 0U);
  EXPECT_OK(of("p").begin_load(users_, "load-3", true));
  EXPECT_EQ(stream(users_).checkpoint_json, std::nullopt);
}

TEST_P(EveryStateBackend, BeginningTheLoadUnderWayAgainLosesNothing) {
  EXPECT_OK(of("p").begin_load(users_, "load-1", false));
  EXPECT_OK(of("p").save_checkpoint(users_, "load-1", "c1", 7));
  EXPECT_OK(of("p").begin_load(users_, "load-1", false));
  StreamState now = stream(users_);
  EXPECT_EQ(now.checkpoint_json, "c1");
  EXPECT_TRUE(now.committed);
  EXPECT_EQ(now.rows_committed, 7U);
  EXPECT_OK(of("p").begin_load(users_, "load-1", true));
  now = stream(users_);
  EXPECT_EQ(now.checkpoint_json, std::nullopt);
  EXPECT_FALSE(now.committed);
  EXPECT_EQ(now.rows_committed, 0U);
  EXPECT_TRUE(now.load_in_progress);
}

TEST_P(EveryStateBackend, OnlyTheLoadUnderWayMovesTheCursor) {
  const auto expect_refused = [](const Status& status) {
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, "STATE_BACKEND");
    EXPECT_NE(status.error().message.find("stream 'users' of pipeline 'p'"), std::string::npos);
  };
  expect_refused(of("p").save_checkpoint(users_, "load-1", "c", 1));
  expect_refused(of("p").complete_load(users_, "load-1"));
  expect_refused(of("p").begin_load(users_, "", false));
  EXPECT_OK(of("p").begin_load(users_, "load-1", false));
  EXPECT_OK(of("p").begin_load(users_, "load-2", false));
  expect_refused(of("p").save_checkpoint(users_, "load-1", "c", 1));
  expect_refused(of("p").complete_load(users_, "load-1"));
  EXPECT_OK(of("p").complete_load(users_, "load-2"));
  EXPECT_OK(of("p").complete_load(users_, "load-2"));
  expect_refused(of("p").save_checkpoint(users_, "load-2", "c", 1));
  EXPECT_EQ(stream(users_).checkpoint_json, std::nullopt);
}

TEST_P(EveryStateBackend, RowCountsAreExact) {
  EXPECT_OK(of("p").begin_load(users_, "l", false));
  for (const uint64_t rows : {uint64_t{0}, uint64_t{1} << 40U, static_cast<uint64_t>(INT64_MAX)}) {
    EXPECT_OK(of("p").save_checkpoint(users_, "l", "c", rows));
    EXPECT_EQ(stream(users_).rows_committed, rows);
  }
}

TEST_P(EveryStateBackend, ListsStreamsAndPartitionsInOrderAndResetsOneStream) {
  for (const StreamKey& key :
       {StreamKey{"p", "b", ""}, StreamKey{"p", "a", "2"}, StreamKey{"p", "a", "1"}, StreamKey{"q", "a", ""}}) {
    EXPECT_OK(of(key.pipeline).begin_load(key, "l-" + key.stream + key.partition, false));
  }
  EXPECT_OK(of("p").put("a:k", "v"));
  auto listed = state_->list_streams("p");
  ASSERT_TRUE(listed.ok());
  ASSERT_EQ(listed->size(), 3U);
  EXPECT_EQ((*listed)[0].first.stream, "a");
  EXPECT_EQ((*listed)[0].first.partition, "1");
  EXPECT_EQ((*listed)[0].second.load_id, "l-a1");
  EXPECT_EQ((*listed)[1].first.partition, "2");
  EXPECT_EQ((*listed)[2].first.stream, "b");
  EXPECT_OK(of("p").reset("a"));
  EXPECT_EQ((*state_->list_streams("p")).size(), 1U);
  EXPECT_EQ((*state_->list_streams("q")).size(), 1U);
  EXPECT_EQ(value("p", "a:k"), "v");
}

TEST_P(EveryStateBackend, HistoryIsNewestFirstLimitedAndReplacesTheSameRun) {
  for (int i = 0; i < 5; ++i) {
    EXPECT_OK(state_->record_run({"run-" + std::to_string(i), "p", "s", "f", "failed", uint64_t(i), "why"}));
  }
  EXPECT_OK(state_->record_run({"run-9", "q", "s", "f", "succeeded", 0, ""}));
  auto runs = state_->recent_runs("p", 2);
  ASSERT_TRUE(runs.ok());
  ASSERT_EQ(runs->size(), 2U);
  EXPECT_EQ((*runs)[0].run_id, "run-4");
  EXPECT_EQ((*runs)[0].pipeline, "p");
  EXPECT_EQ((*runs)[0].outcome, "failed");
  EXPECT_EQ((*runs)[0].rows_written, 4U);
  EXPECT_EQ((*runs)[0].error, "why");
  EXPECT_EQ((*runs)[1].run_id, "run-3");
  EXPECT_OK(state_->record_run({"run-4", "p", "s", "f2", "succeeded", 44, ""}));
  runs = state_->recent_runs("p", 100);
  ASSERT_EQ(runs->size(), 5U);
  EXPECT_EQ((*runs)[0].finished_at, "f2");
  EXPECT_EQ((*runs)[0].rows_written, 44U);
  EXPECT_TRUE((*state_->recent_runs("p", 0)).empty());
}

TEST_P(EveryStateBackend, ThreadsOfManyStreamsDoNotInterfere) {
  Lease& lease = of("p");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const StreamKey key{"p", "stream-" + std::to_string(t), ""};
      EXPECT_OK(lease.begin_load(key, "l", false));
      for (uint64_t i = 1; i <= 10; ++i) EXPECT_OK(lease.save_checkpoint(key, "l", std::to_string(i), i));
      EXPECT_OK(lease.complete_load(key, "l"));
    });
  }
  for (auto& thread : threads) thread.join();
  auto listed = state_->list_streams("p");
  ASSERT_EQ(listed->size(), 4U);
  for (const auto& [key, state] : *listed) {
    EXPECT_EQ(state.checkpoint_json, "10");
    EXPECT_FALSE(state.load_in_progress);
  }
}

INSTANTIATE_TEST_SUITE_P(Backends, EveryStateBackend, ::testing::ValuesIn(kBackends),
                         [](const auto& info) { return std::string(info.param.name); });

// What tests of the engine mean by a power cut.
TEST(MemoryState, LosesRelaxedWritesUpToTheLastDurableOne) {
  const auto state = make_memory_state();
  const auto lease = std::move(*state->acquire_lease("p", "run"));
  const StreamKey key{"p", "s", ""};
  const auto saved = [&] { return state->load_stream(key)->checkpoint_json.value_or(""); };
  EXPECT_OK(lease->begin_load(key, "load", true));
  EXPECT_OK(lease->save_checkpoint(key, "load", "1", 1));
  EXPECT_OK(lease->save_checkpoint(key, "load", "2", 2, Durability::kRelaxed));
  EXPECT_OK(lease->save_checkpoint(key, "load", "3", 3, Durability::kRelaxed));
  EXPECT_EQ(saved(), "3");
  lose_relaxed_writes(*state);
  EXPECT_EQ(saved(), "1");
  EXPECT_OK(lease->save_checkpoint(key, "load", "4", 4, Durability::kRelaxed));
  EXPECT_OK(lease->save_checkpoint(key, "load", "5", 5));
  lose_relaxed_writes(*state);
  EXPECT_EQ(saved(), "5");
  EXPECT_OK(lease->complete_load(key, "load"));
  EXPECT_FALSE(state->load_stream(key)->load_in_progress);
  lose_relaxed_writes(*state);
  EXPECT_TRUE(state->load_stream(key)->load_in_progress);
  EXPECT_OK(lease->complete_load(key, "load", FinishedLoad::End{.checkpoint_json = "6", .rows_committed = 6}));
  lose_relaxed_writes(*state);
  EXPECT_FALSE(state->load_stream(key)->load_in_progress);
  EXPECT_EQ(saved(), "6");
}

}  // namespace
}  // namespace rapidbyte::state
