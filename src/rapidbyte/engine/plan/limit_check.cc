#include "rapidbyte/engine/plan/limit_check.h"

#include <fmt/format.h>

#include <algorithm>

#include "rapidbyte/base/log.h"
#include "rapidbyte/engine/load/attempt_context.h"
#include "rapidbyte/engine/load/position_owner.h"
#include "rapidbyte/engine/load/rows_in_doubt.h"
#include "rapidbyte/engine/plan/idle_destination.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/protocol/untrusted_json.h"

namespace rapidbyte::engine {
namespace {

using nlohmann::json;
using pipeline::WriteMode;

/// Whether a run with --limit would harm rows of the stream's target.
bool may_harm(const RunContext& run, const StreamPlan& plan) {
  if (plan.write_mode == WriteMode::kReplace) return true;
  return plan.write_mode == WriteMode::kAppend && !has_feature(*run.destination, protocol::Feature::kIdempotent);
}

bool has_limit(const RunContext& run) { return run.options.mode.is_limited() && run.destination; }

/// Asks `last-committed` about the table itself: for a replace, the answer would be about its staging table.
std::string question(RunContext& run, const StreamPlan& plan) {
  StreamPlan as_append = plan;
  as_append.write_mode = WriteMode::kAppend;
  as_append.config.write_mode = WriteMode::kAppend;
  WorkerInstances none;
  AttemptContext attempt(run, as_append, none);
  attempt.position.load_id = run.run_id;
  return context_json(attempt, *run.destination);
}

Target target_in(const RunContext& run, const std::optional<std::string>& answer) {
  const json receipt = protocol::parse_untrusted_object(answer.value_or("{}"), protocol::kReceiptLimits);
  if (receipt.value("target_absent", json(false)) == json(true)) return Target::kAbsent;
  // A destination that keeps receipts knows its tables. For others, no answer means nothing.
  return keeps_receipts(*run.destination) ? Target::kThere : Target::kUnknown;
}

Status refusal(const RunContext& run, const StreamPlan& plan, Target target) {
  const uint64_t limit = *run.options.mode.rows();
  const std::string rows = limit == 1 ? "1 row" : fmt::format("{} rows", limit);
  const std::string_view there =
      target == Target::kThere ? "a table that already exists" : "a table that this pipeline has loaded before";
  const std::string harm = plan.write_mode == WriteMode::kReplace
                               ? fmt::format("would leave at most {} of {}, whatever it holds now", rows, there)
                               : fmt::format(
                                     "would add up to {} to {}, and the next run would write them again, because the "
                                     "positions stay where they are",
                                     rows, there);
  return config_error(codes::kLimitRefused,
                      fmt::format("stream '{}': --limit {} with write_mode {} {}. Nothing was written. To look at "
                                  "rows: --dry-run --limit {}. To try a load, use another database, schema or file, or "
                                  "remove the table first. If you mean this table, add --allow-partial",
                                  plan.config.name, limit, to_string(plan.write_mode), harm, limit));
}

}  // namespace

Result<std::vector<Target>> ask_targets(RunContext& run, const std::vector<StreamPlan>& plans) {
  std::vector<Target> targets(plans.size(), Target::kUnknown);
  if (!has_limit(run) || !run.destination->speaks_2_1()) return targets;
  if (std::none_of(plans.begin(), plans.end(), [&](const StreamPlan& plan) { return may_harm(run, plan); }))
    return targets;
  RB_RETURN_NOT_OK(with_idle_destination(run, [&](runtime::ComponentInstance& destination) -> Status {
    for (size_t i = 0; i < plans.size(); ++i) {
      if (!may_harm(run, plans[i])) continue;
      RB_ASSIGN_OR_RETURN(const auto answer, destination.last_committed(question(run, plans[i])));
      targets[i] = target_in(run, answer);
    }
    return {};
  }));
  return targets;
}

std::optional<RunFailure> check_limit(RunContext& run, const std::vector<StreamPlan>& plans,
                                      const std::vector<Target>& targets) {
  if (!has_limit(run)) return std::nullopt;
  std::string again;
  for (size_t i = 0; i < plans.size(); ++i) {
    const StreamPlan& plan = plans[i];
    if (!may_harm(run, plan)) continue;
    const bool appends = plan.write_mode == WriteMode::kAppend;
    const auto known = run.state.load_stream({run.pipeline.name, plan.config.name, ""});
    if (!known.ok()) return RunFailure{Stage::kState, known.error()};
    // A load under way is reported when the stream's turn comes (LOAD_IN_PROGRESS).
    if (appends && known->load_in_progress) continue;
    const bool loaded = targets[i] == Target::kUnknown && has_loaded_rows(*known);
    if (!run.options.allow_partial && (targets[i] == Target::kThere || loaded))
      return RunFailure{Stage::kConfig, refusal(run, plan, targets[i]).error()};
    if (appends) again += fmt::format("{}'{}'", again.empty() ? "" : ", ", plan.config.name);
  }
  if (!again.empty()) {
    log_warn(
        "the positions stay where they are, so the next run without --limit appends these rows again, or is refused "
        "because of them: remove them from the table first. Streams: {}",
        again);
  }
  return std::nullopt;
}

}  // namespace rapidbyte::engine
