#include "rapidbyte/engine/load/local_lane_host.h"

#include <fmt/format.h>

#include <utility>

namespace rapidbyte::engine {

void LocalLaneHost::failed(Stage stage, const Status& why) { report_failure(attempt_, stage, why); }

void LocalLaneHost::miscounted(const Status& why) { note_miscount(attempt_, why); }

Status LocalLaneHost::rejected(std::string_view connector, const runtime::DlqRecord& record) {
  DlqWriter* file = attempt_.run.dlq.get();
  if (file != nullptr) RB_RETURN_NOT_OK(file->append(connector, record));
  // A record that reached no file is not rejected: it is still in the source.
  attempt_.rejected.fetch_add(1, std::memory_order_relaxed);
  return {};
}

Status LocalLaneHost::sync_rejected() {
  DlqWriter* file = attempt_.run.dlq.get();
  return file == nullptr ? Status() : file->sync();
}

void LocalLaneHost::committed() {
  if (on_commit_) on_commit_();
}

void LocalLaneHost::metric(std::string_view connector, const runtime::Metric& metric) {
  attempt_.counters.add(connector, metric);
  attempt_.run.observer.metric(stream(), connector, metric);
}

void LocalLaneHost::preview(const Preview& preview) { attempt_.run.observer.preview(stream(), preview); }

Result<KeptInstance> LocalLaneHost::take_source(const CancelToken& cancel,
                                                std::shared_ptr<runtime::HostServices> services) {
  return take_instance(attempt_, place(attempt_.kept.source), attempt_.run.source, cancel, std::move(services));
}

Result<KeptInstance> LocalLaneHost::take_destination(const CancelToken& cancel,
                                                     std::shared_ptr<runtime::HostServices> services) {
  return take_instance(attempt_, place(attempt_.kept.destination), attempt_.run.destination, cancel,
                       std::move(services));
}

Result<std::unique_ptr<runtime::ComponentInstance>> LocalLaneHost::open_transform(
    size_t index, const CancelToken& cancel, std::shared_ptr<runtime::HostServices> services) {
  return engine::open_transform(attempt_, attempt_.run.transforms[index], attempt_.run.pipeline.transforms[index],
                                fmt::format("transform-{}", index), cancel, std::move(services));
}

void LocalLaneHost::give_back_source(KeptInstance instance, bool ended_well) {
  give_back(attempt_, place(attempt_.kept.source), std::move(instance), *attempt_.run.source, ended_well);
}

void LocalLaneHost::give_back_destination(KeptInstance instance, bool ended_well) {
  give_back(attempt_, place(attempt_.kept.destination), std::move(instance), *attempt_.run.destination, ended_well);
}

void LocalLaneHost::close_transform(size_t index, runtime::ComponentInstance& instance) {
  engine::close_transform(attempt_, instance, *attempt_.run.transforms[index]);
}

}  // namespace rapidbyte::engine
