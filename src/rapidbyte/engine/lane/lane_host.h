#pragma once
// What a lane needs from its host: instances of its connectors (LaneInstances), and a receiver for its events
// (LaneEvents). Nothing here knows about other lanes, the run, or the machine that it runs on; local_lane_host.h is the
// implementation for this process.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "rapidbyte/base/cancel_token.h"
#include "rapidbyte/base/status.h"
#include "rapidbyte/engine/lane/kept_instance.h"
#include "rapidbyte/engine/report/errors.h"
#include "rapidbyte/engine/report/run_observer.h"
#include "rapidbyte/runtime/component_runtime.h"

namespace rapidbyte::engine {

/// Called from the threads of the stages, concurrently.
class LaneEvents {
 public:
  virtual ~LaneEvents() = default;
  /// A stage failed. The first failure is reported before it can make other stages fail.
  virtual void failed(Stage stage, const Status& why) = 0;
  /// Row counts do not add up; no later run may resume this load.
  virtual void miscounted(const Status& why) = 0;
  /// A record that `connector` rejected; in the file of rejected records when this returns, durable after
  /// sync_rejected(). DLQ_FULL, DLQ_WRITE_FAILED.
  virtual Status rejected(std::string_view connector, const runtime::DlqRecord& record) = 0;
  virtual Status sync_rejected() = 0;
  /// A checkpoint became durable.
  virtual void committed() = 0;
  virtual void metric(std::string_view connector, const runtime::Metric& metric) = 0;
  /// The first rows, from a lane that shows them.
  virtual void preview(const Preview& preview) = 0;
};

/// Hands out open instances; each call is on the thread of the stage that wants one.
class LaneInstances {
 public:
  virtual ~LaneInstances() = default;
  /// An open source or destination whose calls go to `services`; it is cancelled with `cancel`.
  virtual Result<KeptInstance> take_source(const CancelToken& cancel,
                                           std::shared_ptr<runtime::HostServices> services) = 0;
  virtual Result<KeptInstance> take_destination(const CancelToken& cancel,
                                                std::shared_ptr<runtime::HostServices> services) = 0;
  virtual Result<std::unique_ptr<runtime::ComponentInstance>> open_transform(
      size_t index, const CancelToken& cancel, std::shared_ptr<runtime::HostServices> services) = 0;
  /// Ends the use of an instance; after a lane that `ended_well` it may serve another one.
  virtual void give_back_source(KeptInstance instance, bool ended_well) = 0;
  virtual void give_back_destination(KeptInstance instance, bool ended_well) = 0;
  virtual void close_transform(size_t index, runtime::ComponentInstance& instance) = 0;
};

}  // namespace rapidbyte::engine
