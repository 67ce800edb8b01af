#include "rapidbyte/engine/partition_plan.h"

#include <fmt/format.h>

#include <utility>

#include "rapidbyte/engine/stage_services.h"
#include "rapidbyte/protocol/untrusted_json.h"

namespace rapidbyte::engine {
namespace {

using nlohmann::json;

Status invalid(const RunContext& run, const StreamPlan& plan, std::string_view what) {
  return make_error(ErrorCategory::kSchema, "PARTITIONS_INVALID",
                    fmt::format("stream '{}': {}: plan-partitions {}. Set resources.parallelism to 1 to read the "
                                "stream in one piece, and report this to the connector's author",
                                plan.config.name, run.source->name(), what));
}

}  // namespace

uint32_t partitions_wanted(const RunContext& run, const StreamPlan& plan) {
  if (run.partitions_per_stream <= 1 || !run.keeps_state()) return 1;
  if (plan.config.sync_mode != pipeline::SyncMode::kFullRefresh) return 1;
  if (plan.write_mode == pipeline::WriteMode::kAppend) return 1;
  // The last row of a key wins, and rows of different partitions have no order.
  if (plan.write_mode == pipeline::WriteMode::kUpsert && !plan.key_is_unique_in_source) return 1;
  // What a transform makes of a key, nobody knows.
  if (plan.write_mode == pipeline::WriteMode::kUpsert && !run.transforms.empty()) return 1;
  if (!run.source->speaks_2_1() || !run.destination->speaks_2_1()) return 1;
  return has_feature(*run.destination, "partitioned") ? run.partitions_per_stream : 1;
}

Status PartitionPlan::ask(uint32_t want) {
  const RunContext& run = attempt_.run;
  RB_ASSIGN_OR_RETURN(planner_, take_instance(attempt_, &attempt_.kept.source, run.source, attempt_.cancel,
                                              idle_services(run.source->name())));
  RB_ASSIGN_OR_RETURN(const std::string answer,
                      planner_.instance->plan_partitions(context_json(attempt_, *run.source), want));
  auto parsed = protocol::parse_untrusted(answer, protocol::kPartitionsLimits);
  if (!parsed.ok()) {
    return invalid(run, attempt_.plan, fmt::format("gave an answer that {}", parsed.error().message));
  }
  json list = *std::move(parsed);
  if (!list.is_array()) return invalid(run, attempt_.plan, "did not answer with a list");
  if (list.size() > kMaxPartitions) {
    return invalid(run, attempt_.plan,
                   fmt::format("answered with {} partitions; {} are possible", list.size(), kMaxPartitions));
  }
  for (json& partition : list) {
    // Null is what a stream that is not split has: a source that got it would read everything.
    if (partition.is_null()) return invalid(run, attempt_.plan, "answered with a null among the partitions");
    if (const size_t bytes = protocol::json_text(partition).size(); bytes > kMaxPartitionBytes) {
      return invalid(run, attempt_.plan,
                     fmt::format("answered with a partition of {} bytes; {} are possible", bytes, kMaxPartitionBytes));
    }
    partitions_.push_back(std::move(partition));
  }
  if (partitions_.empty()) release(/*ended_well=*/true);
  return {};
}

void PartitionPlan::release(bool ended_well) {
  give_back(attempt_, &attempt_.kept.source, std::exchange(planner_, KeptInstance()), *attempt_.run.source,
            // One that has planned keeps the snapshot of its partitions for as long as it is open.
            ended_well && partitions_.empty());
}

}  // namespace rapidbyte::engine
