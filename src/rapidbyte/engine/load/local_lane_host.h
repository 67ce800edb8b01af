#pragma once
// LocalLaneHost: what a lane in this process gets from its attempt: the worker's instances, or fresh ones, the run's
// file of rejected records and its observer. Owned by the attempt; outlives its lanes.

#include "rapidbyte/engine/lane/lane_host.h"
#include "rapidbyte/engine/load/attempt_context.h"

namespace rapidbyte::engine {

class LocalLaneHost final : public LaneEvents, public LaneInstances {
 public:
  explicit LocalLaneHost(AttemptContext& attempt) : attempt_(attempt) {}
  /// From now on lanes run concurrently, and each has its own instances: the worker keeps only one of each.
  void split() { is_split_ = true; }
  /// Before a lane runs: what committed() calls.
  void on_commit(std::function<void()> tell) { on_commit_ = std::move(tell); }

  void failed(Stage stage, const Status& why) override;
  void miscounted(const Status& why) override;
  Status rejected(std::string_view connector, const runtime::DlqRecord& record) override;
  Status sync_rejected() override;
  void committed() override;
  void metric(std::string_view connector, const runtime::Metric& metric) override;
  void preview(const Preview& preview) override;

  Result<KeptInstance> take_source(const CancelToken& cancel, std::shared_ptr<runtime::HostServices> services) override;
  Result<KeptInstance> take_destination(const CancelToken& cancel,
                                        std::shared_ptr<runtime::HostServices> services) override;
  Result<std::unique_ptr<runtime::ComponentInstance>> open_transform(
      size_t index, const CancelToken& cancel, std::shared_ptr<runtime::HostServices> services) override;
  void give_back_source(KeptInstance instance, bool ended_well) override;
  void give_back_destination(KeptInstance instance, bool ended_well) override;
  void close_transform(size_t index, runtime::ComponentInstance& instance) override;

 private:
  [[nodiscard]] KeptInstance* place(KeptInstance& kept) const { return is_split_ ? nullptr : &kept; }
  [[nodiscard]] const std::string& stream() const { return attempt_.plan.config.name; }

  AttemptContext& attempt_;
  std::function<void()> on_commit_;
  bool is_split_ = false;
};

}  // namespace rapidbyte::engine
