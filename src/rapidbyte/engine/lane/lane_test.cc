// A lane on its own: what it does is in its task, which has come through JSON; no run, no plan, no attempt.

#include "rapidbyte/engine/lane/lane.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <mutex>
#include <thread>

#include "rapidbyte/engine/lane/stage_services.h"
#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using namespace testing;
using runtime::InstanceOptions;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Makes instances of the harness's connectors and notes what the lane tells.
class LoneHost final : public LaneInstances, public LaneEvents {
 public:
  explicit LoneHost(EngineHarness& harness) : h_(harness) {}

  Result<KeptInstance> take_source(const CancelToken& cancel,
                                   std::shared_ptr<runtime::HostServices> services) override {
    return start(h_.source, "source", cancel, std::move(services));
  }
  Result<KeptInstance> take_destination(const CancelToken& cancel,
                                        std::shared_ptr<runtime::HostServices> services) override {
    return start(h_.destination, "destination", cancel, std::move(services));
  }
  Result<std::unique_ptr<runtime::ComponentInstance>> open_transform(
      size_t /*index*/, const CancelToken& cancel, std::shared_ptr<runtime::HostServices> services) override {
    RB_ASSIGN_OR_RETURN(KeptInstance started, start(transform, "transform-0", cancel, std::move(services)));
    return std::move(started.instance);
  }
  void give_back_source(KeptInstance instance, bool ended_well) override { give_back("source", instance, ended_well); }
  void give_back_destination(KeptInstance instance, bool ended_well) override {
    give_back("destination", instance, ended_well);
  }
  void close_transform(size_t /*index*/, runtime::ComponentInstance& instance) override { (void)instance.close(); }

  void failed(Stage stage, const Status& why) override { failures.set(stage, why.error()); }
  void miscounted(const Status& why) override { note("miscounted " + why.error().code); }
  Status rejected(std::string_view connector, const runtime::DlqRecord& record) override {
    note("rejected " + std::string(connector) + " " + record.record_json);
    return {};
  }
  Status sync_rejected() override { return {}; }
  void committed() override { note("committed"); }
  void metric(std::string_view, const runtime::Metric&) override {}
  void preview(const Preview& preview) override { note("preview " + std::to_string(preview.rows.size())); }

  std::vector<std::string> notes() {
    std::lock_guard lock(mutex_);
    return notes_;
  }
  FailureSlot failures;
  std::shared_ptr<FakeConnector> transform;

 private:
  Result<KeptInstance> start(const std::shared_ptr<FakeConnector>& connector, std::string id, const CancelToken& cancel,
                             std::shared_ptr<runtime::HostServices> services) {
    KeptInstance started;
    started.cancel = cancel.child();
    started.services = std::make_shared<RelayServices>(std::move(services));
    InstanceOptions options;
    options.connector_id = std::move(id);
    options.cancel = started.cancel;
    options.services = started.services;
    RB_ASSIGN_OR_RETURN(started.instance, h_.runtime.instantiate(connector, std::move(options)));
    RB_RETURN_NOT_OK(started.instance->open());
    return started;
  }
  void give_back(std::string_view what, KeptInstance& instance, bool ended_well) {
    note("back " + std::string(what) + (ended_well ? " well" : ""));
    (void)instance.instance->close();
  }
  void note(std::string text) {
    std::lock_guard lock(mutex_);
    notes_.push_back(std::move(text));
  }

  EngineHarness& h_;
  std::mutex mutex_;
  std::vector<std::string> notes_;
};

class Lane : public ::testing::Test {
 protected:
  Lane() {
    task_.pipeline = "p";
    task_.stream = "numbers";
    task_.source = {"fake-source", true, false, false};
    task_.destination = {"fake-destination", true, false, false};
    json context = {{"stream_name", "numbers"}, {"sync_mode", "full_refresh"}, {"run_id", "r"}};
    task_.position.source_context = context.dump();
    context["write_mode"] = "append";
    task_.position.destination_context = context.dump();
    task_.position.load_id = "l";
    task_.position.durable = true;
    EXPECT_TRUE(begin_load("l"));
  }
  bool begin_load(const std::string& load_id) {
    state::NewLoad load;
    load.key = {"p", "numbers", ""};
    load.load_id = load_id;
    return lease_->begin_load(load).ok();
  }
  LaneResult run() {
    const auto sent = lane_task_from(json::parse(to_json(task_).dump()));
    EXPECT_TRUE(sent.ok()) << sent.status().to_string();
    LaneRunner lane(*sent,
                    {host_, host_, threads_, lease_.get(), std::make_shared<BufferPool>(size_t{1} << 20U), cancel_});
    lane.begin(sent->position);
    lane.run();
    failure_ = host_.failures.take();
    if (!failure_) {
      EXPECT_TRUE(lane.finish_commits().ok());
    }
    lane.close_source(!failure_);
    lane.close_destination(!failure_);
    const auto result = lane_result_from(json::parse(to_json(lane.result()).dump()));
    EXPECT_TRUE(result.ok());
    return *result;
  }

  EngineHarness h_;
  std::unique_ptr<state::Lease> lease_ = std::move(*h_.state->acquire_lease("p", "r"));
  LoneHost host_{h_};
  StageThreads threads_;
  CancelToken cancel_;
  LaneTask task_;
  std::optional<RunFailure> failure_;
};

TEST_F(Lane, DoesWhatItsTaskSays) {
  const LaneResult moved = run();
  ASSERT_FALSE(failure_.has_value()) << failure_->error.message;
  EXPECT_TRUE(moved.complete);
  EXPECT_EQ(h_.database.rows("numbers"), count_to(100));
  EXPECT_EQ(moved.rows_read, 100U);
  EXPECT_EQ(moved.rows_emitted, 100U);
  EXPECT_EQ(moved.rows_given, 100U);
  EXPECT_EQ(moved.rows_written, 100U);
  EXPECT_EQ(moved.rows_committed, 100U);
  EXPECT_EQ(moved.batches_emitted, 10U);
  EXPECT_GT(moved.checkpoints, 0U);
  ASSERT_TRUE(moved.end_of_load.has_value());
  EXPECT_EQ(json::parse(*moved.end_of_load)["load_id"], "l");
  EXPECT_THAT(moved.stages, SizeIs(2));
  const auto known = h_.stream_state();
  EXPECT_EQ(json::parse(known.checkpoint_json.value())["end"], true);
}

TEST_F(Lane, BeginsAtThePositionOfItsTask) {
  json context = json::parse(task_.position.source_context);
  context["resume"] = {{"next", 40}};
  task_.position.source_context = context.dump();
  task_.position.rows_before = 40;
  EXPECT_EQ(run().rows_read, 60U);
  EXPECT_EQ(h_.database.rows("numbers").front(), 40);
  EXPECT_EQ(h_.stream_state().rows_committed, 100U);
}

TEST_F(Lane, LeavesNothingInTheStateUnlessItsTaskSaysSo) {
  task_.position.durable = false;
  EXPECT_EQ(run().rows_written, 100U);
  EXPECT_FALSE(h_.stream_state().checkpoint_json.has_value());
}

TEST_F(Lane, CompressesInItsQueuesIfItsTaskSaysSo) {
  task_.limits.compression = pipeline::Compression::kZstd;
  // Room for one batch as it is; what waits must be the packed form, or the source would wait for ever at the gate.
  task_.limits.queue = {16, id_batch(0, 5000).size()};
  Gate gate;
  CountingOptions source;
  source.rows = 20'000;
  source.rows_per_batch = 5000;
  source.before_batch = [&](const InstanceOptions&, int64_t batch) {
    if (batch == 3) gate.open();
    return Status();
  };
  h_.source->script = counting_source(source);
  DatabaseOptions destination;
  destination.before_write = [&](const InstanceOptions& instance, int64_t) { return gate.wait(instance.cancel); };
  h_.destination->script = database_destination(h_.database, destination);
  std::promise<void> ended;
  std::jthread alarm([&, end = ended.get_future()] {
    if (end.wait_for(std::chrono::seconds(20)) == std::future_status::timeout) cancel_.cancel();
  });
  const LaneResult moved = run();
  ended.set_value();
  ASSERT_FALSE(failure_.has_value()) << failure_->error.message;
  EXPECT_EQ(h_.database.rows("numbers"), count_to(20'000));
  EXPECT_EQ(moved.rows_emitted, 20'000U);
  EXPECT_GT(moved.bytes_emitted, 4 * 5000 * sizeof(int64_t)) << "Arrow bytes, not packed ones";
}

TEST_F(Lane, EndsAfterTheRowsOfItsTask) {
  task_.limits.rows = 25;
  task_.position.durable = false;
  const LaneResult moved = run();
  ASSERT_FALSE(failure_.has_value()) << failure_->error.message;
  EXPECT_EQ(h_.database.rows("numbers"), count_to(25));
  EXPECT_EQ(moved.rows_read, 25U);
  EXPECT_EQ(moved.rows_given, 25U);
}

TEST_F(Lane, ShowsTheRowsOfAPreviewAndStartsNoDestination) {
  task_.limits.preview = true;
  task_.limits.rows = 7;
  const LaneResult moved = run();
  ASSERT_FALSE(failure_.has_value()) << failure_->error.message;
  EXPECT_EQ(moved.rows_read, 7U);
  EXPECT_EQ(h_.destination->instances, 0);
  EXPECT_THAT(host_.notes(), ::testing::Contains("preview 7"));
}

TEST_F(Lane, TellsItsFirstFailureAndWhatCameOfIt) {
  DatabaseOptions destination;
  destination.after_commit = once(1, make_error(ErrorCategory::kData, "BROKEN", "broken"));
  destination.rejects = [](int64_t id) { return id == 3; };
  h_.destination->script = database_destination(h_.database, destination);
  const LaneResult moved = run();
  ASSERT_TRUE(failure_.has_value());
  EXPECT_EQ(failure_->error.code, "BROKEN");
  EXPECT_EQ(failure_->stage, Stage::kDestination);
  EXPECT_EQ(moved.rows_committed, 19U) << "one commit was reported";
  EXPECT_EQ(moved.checkpoints, 1U);
  EXPECT_FALSE(moved.end_of_load.has_value());
  EXPECT_THAT(host_.notes(), ::testing::Contains("rejected fake-destination {\"id\":3}"));
}

TEST_F(Lane, KeepsASourceThatMayServeAnotherStreamUntilTheEndIsKnown) {
  for (const bool part : {false, true}) {
    SCOPED_TRACE(part);
    task_.source.may_be_kept = true;
    if (part) task_.part = 0;
    task_.position.load_id = part ? "l2" : "l";
    if (part) {
      ASSERT_TRUE(begin_load("l2"));
    }
    run();
    EXPECT_THAT(host_.notes(), ::testing::Contains(part ? "back source" : "back source well"));
  }
}

}  // namespace
}  // namespace rapidbyte::engine
