// Components built for plain 2.0.0 by somebody without our SDK: both shapes, each of the three worlds.

#include <thread>

#include "guest_fixture.h"

namespace rapidbyte::runtime {
namespace {

class Shapes : public GuestTest, public ::testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Protocol20, Shapes, ::testing::Values("200", "200-dlq"),
                         [](const auto& info) { return std::string(info.param) == "200" ? "plain" : "with_dlq"; });

TEST_P(Shapes, SourceDestinationAndTransformMoveBatchesInOrder) {
  const std::string shape = GetParam();
  auto source = start("source-" + shape, ConnectorRole::kSource, {{"batches", 20}, {"size", 5000}});
  ASSERT_TRUE(source);
  ASSERT_TRUE(source->open().ok());
  const auto read = source->run_read("{}");
  ASSERT_TRUE(read.ok()) << read.status().to_string();
  EXPECT_EQ(read->records_read, 20U);
  EXPECT_EQ(read->bytes_read, 100'000U);
  EXPECT_EQ(read->batches_emitted, 20U);
  EXPECT_EQ(read->checkpoint_count, 11U);
  EXPECT_EQ(read->records_skipped, 12U);
  EXPECT_TRUE(source->close().ok());
  ASSERT_EQ(services_->batches.size(), 20U);
  EXPECT_EQ(services_->batches[3].size(), 5000U);

  // The transform takes what the source produced, and passes it on.
  auto out = std::make_shared<RecordingServices>();
  auto in = services_;
  in->has_input = true;
  struct Pipe : RefusingServices {
    std::shared_ptr<RecordingServices> in, out;
    Status emit_batch(std::span<const std::byte> batch) override { return out->emit_batch(batch); }
    Result<std::optional<PooledBuffer>> next_batch() override { return in->next_batch(); }
  };
  auto pipe = std::make_shared<Pipe>();
  pipe->in = in;
  pipe->out = out;
  auto connector = runtime_->load("transform-" + shape, ConnectorRole::kTransform);
  ASSERT_TRUE(connector.ok()) << connector.status().to_string();
  EXPECT_EQ((*connector)->protocol(), "2.0.0");
  options_.services = pipe;
  auto transform = runtime_->instantiate(*connector, options_);
  ASSERT_TRUE(transform.ok());
  ASSERT_TRUE((*transform)->open().ok());
  EXPECT_EQ((*transform)->validate()->message, "fine");
  const auto passed = (*transform)->run_transform("{}");
  ASSERT_TRUE(passed.ok()) << passed.status().to_string();
  EXPECT_EQ(passed->records_in, 20U);
  EXPECT_EQ(passed->bytes_out, 100'000U);
  EXPECT_TRUE((*transform)->close().ok());

  services_ = out;
  services_->has_input = true;
  auto destination = start("destination-" + shape, ConnectorRole::kDestination, {{"commit", 1}});
  ASSERT_TRUE(destination);
  ASSERT_TRUE(destination->open().ok());
  const auto validated = destination->validate();
  ASSERT_TRUE(validated.ok());
  EXPECT_EQ(validated->status, ValidationStatus::kFailed);
  EXPECT_EQ(validated->message, "nothing to write to");
  const auto written = destination->run_write("{}");
  ASSERT_TRUE(written.ok()) << written.status().to_string();
  EXPECT_EQ(written->records_written, 20U);
  EXPECT_EQ(written->records_failed, 0U);
  EXPECT_EQ(written->bytes_written, 100'000U);
  ASSERT_EQ(services_->checkpoints.size(), 1U);
  EXPECT_EQ(services_->checkpoints[0].first, CheckpointKind::kDestination);
  EXPECT_TRUE(destination->close().ok());
}

TEST_P(Shapes, FunctionsThat200DoesNotHaveAnswerAsIfThereWereNothingToSay) {
  auto source = start(std::string("source-") + GetParam(), ConnectorRole::kSource);
  ASSERT_TRUE(source);
  EXPECT_EQ(*source->plan_partitions("{}", 4), "[]");
  EXPECT_TRUE(source->begin_stream("{}").ok());
  EXPECT_TRUE(source->finish_stream("{}", true).ok());
  EXPECT_FALSE(source->last_committed("{}")->has_value());
}

TEST_F(GuestTest, AGuestsErrorArrivesWithEveryField) {
  auto source = start("source-200", ConnectorRole::kSource, {{"action", "error"}});
  ASSERT_TRUE(source);
  const Status status = source->open();
  ASSERT_FALSE(status.ok());
  const ConnectorError& error = status.error();
  EXPECT_EQ(error.category, ErrorCategory::kRateLimit);
  EXPECT_EQ(error.scope, ErrorScope::kPerBatch);
  EXPECT_EQ(error.code, "TOO_FAST");
  EXPECT_EQ(error.message, "source-200: slow down");
  EXPECT_TRUE(error.retryable);
  EXPECT_EQ(error.retry_after_ms, 1234U);
  EXPECT_EQ(error.backoff_class, BackoffClass::kSlow);
  EXPECT_TRUE(error.safe_to_retry);
  EXPECT_EQ(error.commit_state, CommitState::kAfterCommitUnknown);
  EXPECT_EQ(error.details_json, "{\"n\":1}");
}

TEST_F(GuestTest, AValidationResultArrives) {
  auto source = start("source-200", ConnectorRole::kSource);
  ASSERT_TRUE(source);
  const auto result = source->validate();
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->status, ValidationStatus::kWarning);
  EXPECT_EQ(result->message, "mind the gap");
}

TEST_F(GuestTest, AConnectorOfAnotherRoleIsRefused) {
  const auto connector = runtime_->load("source-200", ConnectorRole::kDestination);
  ASSERT_FALSE(connector.ok());
  EXPECT_EQ(connector.error().code, "WRONG_ROLE");
}

TEST_F(GuestTest, ManyInstancesAtTheSameTimeDoNotDisturbEachOther) {
  auto connector = runtime_->load("source-200", ConnectorRole::kSource);
  ASSERT_TRUE(connector.ok());
  std::vector<std::thread> threads;
  std::vector<uint64_t> sums(8, 0);
  for (size_t i = 0; i < sums.size(); ++i) {
    threads.emplace_back([&, i] {
      InstanceOptions options;
      auto services = std::make_shared<RecordingServices>();
      options.services = services;
      options.config = {{"batches", 50}, {"size", 1000 + static_cast<int>(i)}};
      auto instance = runtime_->instantiate(*connector, options);
      if (!instance.ok() || !(*instance)->open().ok() || !(*instance)->run_read("{}").ok()) return;
      for (const auto& batch : services->batches) sums[i] += batch.size();
    });
  }
  for (auto& thread : threads) thread.join();
  for (size_t i = 0; i < sums.size(); ++i) EXPECT_EQ(sums[i], 50 * (1000 + i));
}

}  // namespace
}  // namespace rapidbyte::runtime
