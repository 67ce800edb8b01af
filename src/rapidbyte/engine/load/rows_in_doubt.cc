#include "rapidbyte/engine/load/rows_in_doubt.h"

#include <fmt/format.h>

#include <algorithm>

#include "rapidbyte/engine/lane/checkpoint.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/protocol/untrusted_json.h"

namespace rapidbyte::engine {

using nlohmann::json;
using pipeline::WriteMode;

bool keeps_receipts(const runtime::Connector& destination) {
  return destination.speaks_2_1() && has_feature(destination, protocol::Feature::kReceipts);
}

bool notes_rows(const RunContext& run, const StreamPlan& plan) {
  return run.keeps_state() && run.destination != nullptr && plan.write_mode != WriteMode::kReplace &&
         !keeps_receipts(*run.destination);
}

bool may_double(const PreparedPipeline& prepared, const StreamPlan& plan) {
  return prepared.destination != nullptr && plan.write_mode == WriteMode::kAppend &&
         !keeps_receipts(*prepared.destination) && !has_feature(*prepared.destination, protocol::Feature::kIdempotent);
}

std::string doubling_warning(const runtime::Connector& destination) {
  return fmt::format(
      "{} cannot tell after a crash which rows it has, because it keeps no receipts: if an append is interrupted, "
      "running it again could double rows and is refused (ROWS_MAY_DOUBLE)",
      destination.name());
}

std::string doubling_advice() {
  return "use write_mode replace, or upsert with a primary key, if the destination supports them; or be ready to "
         "remove rows from its table after an interrupted load";
}

std::optional<uint64_t> RowsGiven::most_in_doubt() const {
  if (!in_doubt()) return 0;
  if (!covered || !at_most) return std::nullopt;
  return *at_most - *covered;
}

uint64_t RowsGiven::surely_there() const { return covered && reported > *covered ? reported - *covered : 0; }

RowsGiven rows_given(const RunContext& run, const state::StreamState& known, const protocol::Checkpoint& saved) {
  RowsGiven given;
  // Without the feature the source restarts the load.
  if (!saved.empty() && has_feature(*run.source, protocol::Feature::kResume)) given.covered = saved.rows_covered();
  given.at_most = known.rows_given;
  // More committed than given: the counts do not belong to this destination (it kept receipts when the load began).
  if (given.at_most && *given.at_most < known.rows_committed) given.at_most.reset();
  given.reported = std::max(known.rows_reported, given.covered.value_or(0));
  return given;
}

Status rows_may_double(const RunContext& run, const StreamPlan& plan, const RowsGiven& given,
                       std::string_view ways_out) {
  const std::optional<uint64_t> most = given.most_in_doubt();
  std::string rows = most ? fmt::format("up to {} of the rows that would be written now", *most)
                          : "an unknown number of the rows that would be written now";
  if (given.surely_there() > 0)
    rows += fmt::format(" ({} of them according to the destination's own report)", given.surely_there());
  Status status = config_error(
      codes::kRowsMayDouble,
      fmt::format("stream '{}': this append was interrupted, and the destination {} keeps no receipts that tell what "
                  "it committed: {} may already be in its table, and would then be there twice. {}",
                  plan.config.name, run.destination->name(), rows, ways_out));
  const json details = {{"rows_in_doubt_at_most", most ? json(*most) : json(nullptr)},
                        {"rows_reported_committed", given.surely_there()},
                        {"rows_before_the_position", given.covered ? json(*given.covered) : json(nullptr)}};
  status.error().details_json = protocol::json_text(details);
  return status;
}

}  // namespace rapidbyte::engine
