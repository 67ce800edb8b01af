#include "rapidbyte/engine/load/partition_plan.h"

#include <fmt/format.h>

#include <utility>

#include "rapidbyte/engine/lane/stage_services.h"
#include "rapidbyte/protocol/partition.h"

namespace rapidbyte::engine {

uint32_t partitions_wanted(const RunContext& run, const StreamPlan& plan) {
  if (run.partitions_per_stream <= 1 || !run.keeps_state()) return 1;
  if (plan.config.sync_mode != pipeline::SyncMode::kFullRefresh) return 1;
  if (plan.write_mode == pipeline::WriteMode::kAppend) return 1;
  // The last row of a key wins, but rows of different partitions have no order.
  if (plan.write_mode == pipeline::WriteMode::kUpsert && !plan.key_is_unique_in_source) return 1;
  // A transform may change keys.
  if (plan.write_mode == pipeline::WriteMode::kUpsert && !run.transforms.empty()) return 1;
  // What needs all rows of the stream at once would get those of one partition.
  for (const TransformPlan& transform : plan.transforms)
    if (transform.columns && transform.holds_rows) return 1;
  if (!run.source->speaks_2_1() || !run.destination->speaks_2_1()) return 1;
  return has_feature(*run.destination, protocol::Feature::kPartitioned) ? run.partitions_per_stream : 1;
}

Status PartitionPlan::ask(uint32_t want) {
  const RunContext& run = attempt_.run;
  RB_ASSIGN_OR_RETURN(planner_, take_instance(attempt_, &attempt_.kept.source, run.source, attempt_.cancel,
                                              idle_services(run.source->name())));
  RB_ASSIGN_OR_RETURN(const std::string answer,
                      planner_.instance->plan_partitions(context_json(attempt_, *run.source), want));
  auto partitions = protocol::parse_partitions(answer);
  if (!partitions.ok()) {
    Status why = std::move(partitions).status();
    why.error().message = fmt::format(
        "stream '{}': {}: plan-partitions {}. Set resources.parallelism to 1 to read the stream in one piece, and "
        "report this to the connector's author",
        attempt_.plan.config.name, run.source->name(), why.error().message);
    return why;
  }
  partitions_ = *std::move(partitions);
  if (partitions_.empty()) release(/*ended_well=*/true);
  return {};
}

void PartitionPlan::release(bool ended_well) {
  give_back(attempt_, &attempt_.kept.source, std::exchange(planner_, KeptInstance()), *attempt_.run.source,
            // An instance that has planned holds the snapshot of its partitions as long as it is open.
            ended_well && partitions_.empty());
}

}  // namespace rapidbyte::engine
