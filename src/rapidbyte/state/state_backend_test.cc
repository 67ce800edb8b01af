// One suite over all backends: what StateBackend and Lease promise, whatever keeps the state.
#include "rapidbyte/state/state_backend.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <map>
#include <ostream>
#include <thread>

#include "rapidbyte/state/memory/memory_state_backend.h"
#include "rapidbyte/state/open_state.h"
#include "rapidbyte/state/sqlite/lease_lock.h"
#include "rapidbyte/state/testing/temp_folder.h"

namespace rapidbyte::state {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

/// What the suite has to know about a backend. A new one is a row in kBackends.
struct BackendUnderTest {
  const char* name;
  /// Another client of the state that is in `folder`; nullptr when the backend has only one.
  std::unique_ptr<StateBackend> (*open)(const fs::path& folder);
  /// Takes the lock of a pipeline from its holder, who learns nothing of it.
  void (*drop_lock)(StateBackend& state, const fs::path& folder, const std::string& pipeline);
};

void PrintTo(const BackendUnderTest& backend, std::ostream* out) { *out << backend.name; }

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

class EveryStateBackend : public ::testing::TestWithParam<BackendUnderTest> {
 protected:
  void SetUp() override {
    state_ = GetParam().open(folder_.path());
    ASSERT_NE(state_, nullptr);
  }

  /// The test's lease of a pipeline, taken when it is first asked for.
  Lease& of(const std::string& pipeline) {
    std::unique_ptr<Lease>& lease = leases_[pipeline];
    if (!lease) lease = take(pipeline, "the run of the test");
    return *lease;
  }
  std::unique_ptr<Lease> take(const std::string& pipeline, const std::string& run_id) {
    auto taken = state_->acquire_lease(pipeline, run_id);
    EXPECT_TRUE(taken.ok()) << taken.status().to_string();
    return taken.ok() ? std::move(*taken) : nullptr;
  }
  void drop_lock(const std::string& pipeline) { GetParam().drop_lock(*state_, folder_.path(), pipeline); }

  StreamState stream(const StreamKey& key) {
    auto loaded = state_->load_stream(key);
    EXPECT_TRUE(loaded.ok()) << loaded.status().to_string();
    return loaded.ok() ? *loaded : StreamState();
  }
  std::optional<std::string> value(std::string_view pipeline, std::string_view key) {
    auto got = state_->get(pipeline, key);
    EXPECT_TRUE(got.ok()) << got.status().to_string();
    return got.ok() ? *got : std::nullopt;
  }

  TempFolder folder_;
  std::unique_ptr<StateBackend> state_;
  std::map<std::string, std::unique_ptr<Lease>> leases_;
  const StreamKey users_{"p", "users", ""};
};

#define EXPECT_OK(expr)                                   \
  do {                                                    \
    const Status rb_status = (expr);                      \
    EXPECT_TRUE(rb_status.ok()) << rb_status.to_string(); \
  } while (false)

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

TEST_P(EveryStateBackend, KeepsAnyTextUnderAnyKey) {
  const std::string with_zero("a\0b", 3);
  const std::vector<std::string> texts = {"",         "x",       "'; DROP TABLE pairs; --", "\xff\xfe not utf-8",
                                          "äöü 漢字", with_zero, std::string(1 << 20, 'v'), "a"};
  for (const auto& text : texts) {
    EXPECT_OK(of("p").put(text.substr(0, 1000), text));
  }
  for (const auto& text : texts) EXPECT_EQ(value("p", text.substr(0, 1000)), text);
  EXPECT_OK(of("p").put("x", "overwritten"));
  EXPECT_EQ(value("p", "x"), "overwritten");
}

TEST_P(EveryStateBackend, AComponentCannotUseUpTheQuotaOfOthers) {
  const std::string large(kMaxValueBytes - 100, 'x');
  Status status;
  for (int i = 0; i < 10 && status.ok(); ++i) status = of("greedy").put("large-" + std::to_string(i), large);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, "STATE_QUOTA");
  EXPECT_FALSE(status.error().retryable);
  EXPECT_EQ(of("greedy").compare_and_set("one more", std::nullopt, large).error().code, "STATE_QUOTA");
  EXPECT_TRUE(of("greedy").put("large-0", "small").ok()) << "a value is replaced by a smaller one";
  EXPECT_TRUE(of("other").put("key", large).ok()) << "other pipelines have room of their own";
}

TEST_P(EveryStateBackend, ScopesAndOwnersHaveTheirOwnKeys) {
  // Each would be "orders:x:y" or "source:x:y" if scope and owner were written before the key.
  const std::vector<PairKey> keys = {
      PairKey("orders:x:y"),
      PairKey(PairScope::kStream, "orders", "x:y"),
      PairKey(PairScope::kStream, "orders:x", "y"),
      PairKey("source:x:y"),
      PairKey(PairScope::kStream, "source", "x:y"),
      PairKey(PairScope::kConnector, "source", "x:y"),
      PairKey(PairScope::kStream, "", "orders:x:y"),
  };
  for (size_t i = 0; i < keys.size(); ++i) {
    auto absent = state_->get("p", keys[i]);
    ASSERT_TRUE(absent.ok()) << absent.status().to_string();
    EXPECT_EQ(*absent, std::nullopt) << "key " << i << " is another one's";
    EXPECT_OK(of("p").put(keys[i], std::to_string(i)));
  }
  for (size_t i = 0; i < keys.size(); ++i) {
    EXPECT_EQ(**state_->get("p", keys[i]), std::to_string(i));
    EXPECT_TRUE(*of("p").compare_and_set(keys[i], std::to_string(i), "new " + std::to_string(i)));
  }
  for (size_t i = 0; i < keys.size(); ++i) EXPECT_EQ(**state_->get("p", keys[i]), "new " + std::to_string(i));
}

TEST_P(EveryStateBackend, ResettingAStreamDeletesItsOwnKeysAndNoOthers) {
  const PairKey own(PairScope::kStream, "orders", "k");
  const PairKey other(PairScope::kStream, "users", "k");
  const PairKey connector(PairScope::kConnector, "orders", "k");
  for (const PairKey& key : {own, other, connector, PairKey("orders:k")}) EXPECT_OK(of("p").put(key, "v"));
  EXPECT_OK(of("q").put(own, "v"));
  EXPECT_OK(of("p").reset("orders"));
  EXPECT_EQ(*state_->get("p", own), std::nullopt);
  for (const PairKey& key : {other, connector, PairKey("orders:k")}) EXPECT_NE(*state_->get("p", key), std::nullopt);
  EXPECT_NE(*state_->get("q", own), std::nullopt);
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

TEST_P(EveryStateBackend, KeepsNotesApartFromPairsAndDeletesThemWithTheirStream) {
  const auto note = [&](std::string_view pipeline, std::string_view stream_name, std::string_view name) {
    auto got = state_->stream_note(pipeline, stream_name, name);
    EXPECT_TRUE(got.ok()) << got.status().to_string();
    return got.ok() ? *got : std::nullopt;
  };
  EXPECT_EQ(note("p", "a", "n"), std::nullopt);
  EXPECT_OK(of("p").set_stream_note("a", "n", "1"));
  EXPECT_OK(of("p").set_stream_note("a", "n", "2"));
  EXPECT_OK(of("p").set_stream_note("a", "m", "3"));
  EXPECT_OK(of("p").set_stream_note("b", "n", "4"));
  EXPECT_OK(of("q").set_stream_note("a", "n", "5"));
  // Neither a component's key of that name nor its quota has anything to do with it.
  EXPECT_OK(of("p").put({PairScope::kStream, "a", "n"}, "of a guest"));
  EXPECT_EQ(note("p", "a", "n"), "2");
  EXPECT_EQ(note("p", "a", "m"), "3");
  EXPECT_EQ(of("p").set_stream_note("a", "n", std::string(kMaxValueBytes + 1, 'x')).error().code,
            of("p").put("k", std::string(kMaxValueBytes + 1, 'x')).error().code);
  EXPECT_TRUE((*state_->list_streams("p")).empty()) << "a note is no stream";
  EXPECT_OK(of("p").reset("a"));
  EXPECT_EQ(note("p", "a", "n"), std::nullopt);
  EXPECT_EQ(note("p", "a", "m"), std::nullopt);
  EXPECT_EQ(note("p", "b", "n"), "4");
  EXPECT_OK(of("p").reset(std::nullopt));
  EXPECT_EQ(note("p", "b", "n"), std::nullopt);
  EXPECT_EQ(note("q", "a", "n"), "5");
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

TEST_P(EveryStateBackend, CompareAndSetChangesOnlyWhatItExpects) {
  struct Case {
    std::optional<std::string> present, expected;
    bool done;
  };
  for (const Case& c : std::vector<Case>{{std::nullopt, std::nullopt, true},
                                         {std::nullopt, "", false},
                                         {std::nullopt, "a", false},
                                         {"a", std::nullopt, false},
                                         {"a", "a", true},
                                         {"a", "A", false},
                                         {"", "", true},
                                         {"", std::nullopt, false}}) {
    EXPECT_OK(of("p").reset(std::nullopt));
    if (c.present) EXPECT_OK(of("p").put("k", *c.present));
    auto result = of("p").compare_and_set("k", c.expected, "new");
    ASSERT_TRUE(result.ok()) << result.status().to_string();
    EXPECT_EQ(*result, c.done);
    EXPECT_EQ(value("p", "k"), c.done ? std::optional<std::string>("new") : c.present);
  }
}

TEST_P(EveryStateBackend, CompareAndSetLetsOneOfManyThreadsWinEachRound) {
  EXPECT_OK(of("p").put("n", "0"));
  std::atomic<int> wins = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 25; ++i) {
        const std::string now = value("p", "n").value_or("");
        auto done = of("p").compare_and_set("n", now, std::to_string(std::stoi(now) + 1));
        ASSERT_TRUE(done.ok()) << done.status().to_string();
        if (*done) ++wins;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(value("p", "n"), std::to_string(wins));
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

// --- who may write ---------------------------------------------------------------------------------------------------

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

TEST_P(EveryStateBackend, RefusesValuesAboveTheLimit) {
  const std::string huge(kMaxValueBytes + 1, 'x');
  EXPECT_EQ(of("p").put("k", huge).error().code, "STATE_BACKEND");
  EXPECT_EQ(of("p").compare_and_set("k", std::nullopt, huge).error().code, "STATE_BACKEND");
  EXPECT_OK(of("p").begin_load(users_, "l", false));
  EXPECT_EQ(of("p").save_checkpoint(users_, "l", huge, 1).error().code, "STATE_BACKEND");
  EXPECT_EQ(value("p", "k"), std::nullopt);
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
