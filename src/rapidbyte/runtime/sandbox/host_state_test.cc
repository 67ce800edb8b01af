#include "rapidbyte/runtime/sandbox/host_state.h"

#include <gtest/gtest.h>

#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "rapidbyte/runtime/testing/loopback_peer.h"
#include "rapidbyte/runtime/testing/refusing_services.h"

namespace rapidbyte::runtime {
namespace {

class Services : public RefusingServices {
 public:
  Status emit_batch(std::span<const std::byte> batch) override {
    batches.push_back(pool.copy_of(batch));
    return {};
  }
  Result<std::optional<PooledBuffer>> next_batch() override {
    if (wait.count() > 0) {
      std::this_thread::sleep_for(wait);
      return internal_error("UPSTREAM_FAILED", "after a while");
    }
    if (batches.empty()) return std::optional<PooledBuffer>();
    std::optional<PooledBuffer> batch(std::move(batches.front()));
    batches.erase(batches.begin());
    return batch;
  }
  Status checkpoint(CheckpointKind /*kind*/, protocol::Checkpoint /*checkpoint*/) override { return {}; }
  Result<std::optional<std::string>> pending_checkpoint() override { return std::optional<std::string>(); }
  void metric(const Metric& metric) override { metrics.push_back(metric); }
  void log(LogLevel /*level*/, std::string_view line) override { lines.emplace_back(line); }
  /// Not zero: after so long next_batch() fails.
  std::chrono::milliseconds wait{0};
  BufferPool pool{0};
  std::vector<PooledBuffer> batches;
  std::vector<Metric> metrics;
  std::vector<std::string> lines;
};

class HostStateTest : public ::testing::Test {
 protected:
  HostStateTest() { options_.services = services_; }
  ComponentHostState make() { return ComponentHostState(options_, NetworkAcl(), true); }
  static std::span<const std::byte> bytes(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
  }

  std::shared_ptr<Services> services_ = std::make_shared<Services>();
  InstanceOptions options_;
};

TEST_F(HostStateTest, BatchesPassAsTheyAre) {
  const std::string text(300'000, 'q');
  auto state = make();
  ASSERT_TRUE(state.emit_batch(bytes(text)).ok());
  ASSERT_EQ(services_->batches.size(), 1U);
  const auto back = state.next_batch();
  ASSERT_TRUE(back.ok()) << back.status().to_string();
  EXPECT_TRUE(std::ranges::equal(**back, bytes(text)));
  EXPECT_FALSE((*state.next_batch()).has_value());
}

TEST_F(HostStateTest, MetricsAreBoundedInSizeAndNumber) {
  auto state = make();
  for (uint32_t i = 0; i < 20 * kMaxMetricsPerSecond; ++i)
    ASSERT_TRUE(state.metric(R"({"name":"rows","value":{"counter":1}})").ok());
  // A slow machine may need some seconds for this.
  EXPECT_LT(services_->metrics.size(), 10 * kMaxMetricsPerSecond);
  EXPECT_GE(services_->metrics.size(), kMaxMetricsPerSecond);
  ASSERT_EQ(services_->lines.size(), 1U);
  EXPECT_NE(services_->lines[0].find("dropped"), std::string::npos);
  const std::string long_name(kMaxMetricTextBytes + 1, 'n');
  EXPECT_EQ(state.metric(R"({"name":")" + long_name + R"(","value":{"gauge":1}})").error().code, "METRIC_TOO_LARGE");
  std::string labels;
  for (size_t i = 0; i <= kMaxMetricLabels; ++i) labels += std::string(i > 0 ? "," : "") + R"(["a","b"])";
  EXPECT_EQ(state.metric(R"({"name":"n","value":{"gauge":1},"labels":[)" + labels + "]}").error().code,
            "METRIC_TOO_LARGE");
}

TEST_F(HostStateTest, AGuestMayHandOnOnlyWhatItWasGiven) {
  auto state = make();
  EXPECT_FALSE(state.gave("CANCELLED"));
  EXPECT_FALSE(state.gave("STATE_BACKEND"));
  state.note_given(state.state_put(0, "k", "v"));
  EXPECT_TRUE(state.gave("STATE_BACKEND"));
  options_.cancel.cancel();
  EXPECT_TRUE(state.gave("CANCELLED"));
}

TEST_F(HostStateTest, ACancelledInstanceNeitherGivesNorTakes) {
  auto state = make();
  options_.cancel.cancel();
  EXPECT_EQ(state.emit_batch(bytes("x")).error().code, "CANCELLED");
  EXPECT_EQ(state.next_batch().error().code, "CANCELLED");
  EXPECT_TRUE(state.is_cancelled());
}

TEST_F(HostStateTest, AGuestWithoutProgressTimesOutAndProgressStartsTheClockAgain) {
  options_.guest_timeout = std::chrono::milliseconds(150);
  auto state = make();
  state.begin_call();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  ASSERT_TRUE(state.emit_batch(bytes("x")).ok());
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(state.judge(), GuestVerdict::kContinue);
  for (int i = 0; i < 8; ++i) {
    state.log(2, "still here");  // talk is no progress
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_EQ(state.judge(), GuestVerdict::kTimedOut);
  state.begin_call();
  EXPECT_EQ(state.judge(), GuestVerdict::kContinue);
}

TEST_F(HostStateTest, WhatCanBeHadWithoutEndForNothingIsNoProgress) {
  Listener listener;
  NetworkAcl acl;
  acl.add_rule("127.0.0.1");
  options_.guest_timeout = std::chrono::milliseconds(150);
  ComponentHostState state(options_, acl, true);
  const auto handle = state.connect_tcp("127.0.0.1", listener.port());
  ASSERT_TRUE(handle.ok());
  (void)listener.accept();  // and closed
  const std::vector<std::pair<const char*, std::function<void()>>> calls = {
      {"a refused connection", [&] { EXPECT_FALSE(state.connect_tcp("denied.example.org", 1).ok()); }},
      {"a refused batch", [&] { EXPECT_FALSE(state.emit_batch({}).ok()); }},
      {"a rejected record that nobody takes",
       [&] { EXPECT_FALSE(state.emit_dlq_record("s", "{}", "m", "data").ok()); }},
      {"the end of the input, again", [&] { EXPECT_TRUE(state.next_batch().ok()); }},
      {"a checkpoint over nothing", [&] { EXPECT_TRUE(state.checkpoint(0, "{}").ok()); }},
      {"the end of a connection", [&] { EXPECT_TRUE(state.socket_read(*handle, 10).ok()); }},
      {"nothing written", [&] { (void)state.socket_write(*handle, {}); }},
      {"a socket that is ready and not read",
       [&] { EXPECT_TRUE(state.socket_wait(*handle, SocketInterest::kReadable, 0).ok()); }},
      {"TLS on no socket", [&] { EXPECT_FALSE(state.socket_start_tls(999, {}).ok()); }},
  };
  for (const auto& [what, call] : calls) {
    state.begin_call();
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    call();
    while (state.judge() == GuestVerdict::kContinue && std::chrono::steady_clock::now() < until) {
      call();
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_EQ(state.judge(), GuestVerdict::kTimedOut) << what;
  }
  // A checkpoint over a batch is.
  state.begin_call();
  ASSERT_TRUE(state.emit_batch(bytes("x")).ok());
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  ASSERT_TRUE(state.checkpoint(0, "{}").ok());
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(state.judge(), GuestVerdict::kContinue);
}

TEST_F(HostStateTest, AnErrorThatCameLateCanBeHandedOnButNotWithoutEnd) {
  services_->wait = std::chrono::milliseconds(200);
  options_.guest_timeout = std::chrono::milliseconds(100);
  auto state = make();
  state.begin_call();
  uint32_t late = 0;
  while (late < 2 * kMaxLateErrors) {
    EXPECT_EQ(state.next_batch().error().code, "UPSTREAM_FAILED");
    if (state.judge() != GuestVerdict::kContinue) break;
    ++late;
  }
  EXPECT_EQ(late, kMaxLateErrors);
}

TEST_F(HostStateTest, ACancelledGuestHasAGraceToUnwind) {
  auto state = make();
  state.begin_call();
  options_.cancel.cancel();
  EXPECT_EQ(state.judge(), GuestVerdict::kContinue);
  std::this_thread::sleep_for(kCancelGrace + std::chrono::milliseconds(50));
  EXPECT_EQ(state.judge(), GuestVerdict::kCancelled);
  state.begin_call();  // close() after the cancellation has its own grace
  EXPECT_EQ(state.judge(), GuestVerdict::kContinue);
}

TEST_F(HostStateTest, DeeplyNestedJsonIsRefusedWithoutRecursion) {
  auto state = make();
  std::string deep = "{\"a\":";
  for (int i = 0; i < 100'000; ++i) deep += '[';
  EXPECT_EQ(state.checkpoint(0, deep).error().code, "PARSE_CHECKPOINT");
  EXPECT_EQ(state.checkpoint(0, std::string(kMaxStateValueBytes + 1, ' ')).error().code, "PARSE_CHECKPOINT");
}

TEST_F(HostStateTest, WaitingForASilentServerIsNetworkTimeAndReadingIsNot) {
  Listener listener;
  ComponentHostState state(options_, NetworkAcl::allow_all(), false);
  EXPECT_EQ(state.network_wait().count(), 0);
  const auto handle = state.connect_tcp("127.0.0.1", listener.port());
  ASSERT_TRUE(handle.ok()) << handle.status().to_string();
  const auto connected = state.network_wait();
  EXPECT_GT(connected.count(), 0);
  ASSERT_TRUE(state.socket_read(*handle, 10).ok());
  EXPECT_EQ(state.network_wait(), connected);
  const auto ready = state.socket_wait(*handle, SocketInterest::kReadable, 30);
  ASSERT_TRUE(ready.ok());
  EXPECT_FALSE(*ready);
  EXPECT_GE(state.network_wait() - connected, std::chrono::milliseconds(25));
}

TEST_F(HostStateTest, TlsOnAnUnknownSocketIsRefused) {
  auto state = make();
  EXPECT_EQ(state.socket_start_tls(1, {}).error().code, "INVALID_SOCKET");
}

}  // namespace
}  // namespace rapidbyte::runtime
