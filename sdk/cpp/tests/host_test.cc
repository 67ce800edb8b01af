#include "rapidbyte/sdk/host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rapidbyte/testing/fake_host.h"

namespace rapidbyte::sdk {
namespace {

using ::testing::ElementsAre;
using testing::FakeHost;
using ::testing::Pair;

TEST(HostTest, WithoutAHostEveryCallSaysSo) {
  ASSERT_EQ(FakeHost::current(), nullptr);
  EXPECT_EQ(host::next_batch().error().code, "NO_HOST");
  host::log_info("goes nowhere");
  EXPECT_FALSE(host::is_cancelled());
}

TEST(HostTest, HostsNest) {
  FakeHost outer;
  {
    FakeHost inner;
    host::log_warn("inner");
    EXPECT_EQ(inner.logs().size(), 1U);
  }
  host::log_error("outer");
  ASSERT_EQ(outer.logs().size(), 1U);
  EXPECT_EQ(outer.logs()[0].level, host::LogLevel::kError);
}

TEST(HostTest, StateIsScopedAndSwappedOnlyWhenAsExpected) {
  FakeHost host;
  using host::Scope;
  EXPECT_EQ(*host::state_get(Scope::kStream, "k"), std::nullopt);
  EXPECT_TRUE(*host::state_cas(Scope::kStream, "k", std::nullopt, "1"));
  EXPECT_FALSE(*host::state_cas(Scope::kStream, "k", std::nullopt, "2"));
  EXPECT_FALSE(*host::state_cas(Scope::kStream, "k", "0", "2"));
  EXPECT_TRUE(*host::state_cas(Scope::kStream, "k", "1", "2"));
  EXPECT_EQ(*host::state_get(Scope::kStream, "k"), "2");
  EXPECT_EQ(*host::state_get(Scope::kPipeline, "k"), std::nullopt);
  EXPECT_EQ(host::state_put(Scope::kInstance, std::string(1025, 'k'), "v").error().code, "KEY_TOO_LONG");
}

TEST(HostTest, MetricsCarryKindValueAndLabels) {
  FakeHost host;
  ASSERT_TRUE(host::counter("rows", 3, {{"stream", "a\"b"}}).ok());
  ASSERT_TRUE(host::gauge("lag", -1.5).ok());
  ASSERT_TRUE(host::histogram("ms", 2.25).ok());
  ASSERT_EQ(host.metrics().size(), 3U);
  EXPECT_EQ(host.metrics()[0].kind, "counter");
  EXPECT_EQ(host.metrics()[0].value, 3);
  EXPECT_THAT(host.metrics()[0].labels, ElementsAre(Pair("stream", "a\"b")));
  EXPECT_EQ(host.metrics()[1].value, -1.5);
  EXPECT_EQ(host.metrics()[2].kind, "histogram");
}

TEST(HostTest, RefusesWhatTheRealHostRefuses) {
  FakeHost host;
  EXPECT_EQ(host::emit_batch({}).error().code, "EMPTY_BATCH");
  const std::vector<uint8_t> junk(100, 1);
  EXPECT_EQ(host::emit_batch(junk).error().code, "INVALID_BATCH");
  host.max_batch_bytes = 50;
  EXPECT_EQ(host::emit_batch(junk).error().code, "BATCH_TOO_LARGE");
  host.has_sender = false;
  host.has_receiver = false;
  EXPECT_EQ(host::emit_batch(junk).error().code, "NO_SENDER");
  EXPECT_EQ(host::next_batch().error().code, "NO_RECEIVER");
  EXPECT_EQ(host::checkpoint(host::CheckpointKind::kSource, "nope").error().code, "PARSE_CHECKPOINT");
  EXPECT_EQ(host::checkpoint(static_cast<host::CheckpointKind>(3), "{}").error().code, "INVALID_CHECKPOINT_KIND");
  EXPECT_EQ(host::socket_read(9, 1).error().code, "INVALID_SOCKET");
  host::socket_close(9);
}

TEST(HostTest, ACheckpointMayBeWrapped) {
  FakeHost host;
  ASSERT_TRUE(host::checkpoint(host::CheckpointKind::kSource, R"({"payload": {"stream": "s"}})").ok());
  EXPECT_EQ(string_member(host.checkpoints()[0].payload, "stream"), "s");
}

TEST(HostTest, FaultsHitTheNthCallOnce) {
  FakeHost host;
  host.fail_call("state-put", 2, transient_db_error("STATE_BACKEND", "x").error());
  EXPECT_TRUE(host::state_put(host::Scope::kStream, "a", "1").ok());
  EXPECT_FALSE(host::state_put(host::Scope::kStream, "a", "2").ok());
  EXPECT_TRUE(host::state_put(host::Scope::kStream, "b", "3").ok());
  EXPECT_EQ(*host::state_get(host::Scope::kStream, "a"), "1");
}

TEST(HostTest, RejectedRecordsAreKept) {
  FakeHost host;
  ASSERT_TRUE(host::emit_dlq_record("s", R"({"a": 1})", "not a number", ErrorCategory::kData).ok());
  ASSERT_EQ(host.dlq().size(), 1U);
  EXPECT_EQ(host.dlq()[0].error_category, "data");
}

}  // namespace
}  // namespace rapidbyte::sdk
