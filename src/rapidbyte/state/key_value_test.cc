// The key-value pairs of connectors, with every backend.

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "rapidbyte/state/testing/every_state_backend.h"

namespace rapidbyte::state {
namespace {

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

TEST_P(EveryStateBackend, RefusesValuesAboveTheLimit) {
  const std::string huge(kMaxValueBytes + 1, 'x');
  EXPECT_EQ(of("p").put("k", huge).error().code, "STATE_BACKEND");
  EXPECT_EQ(of("p").compare_and_set("k", std::nullopt, huge).error().code, "STATE_BACKEND");
  EXPECT_OK(of("p").begin_load(users_, "l", false));
  EXPECT_EQ(of("p").save_checkpoint(users_, "l", huge, 1).error().code, "STATE_BACKEND");
  EXPECT_EQ(value("p", "k"), std::nullopt);
}

}  // namespace
}  // namespace rapidbyte::state
