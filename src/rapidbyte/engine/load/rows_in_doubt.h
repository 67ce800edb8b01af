#pragma once
// Rows that a destination without receipts may hold although no durable checkpoint covers them. Such a destination
// cannot tell after a crash what it has, so the state records the maximum number of rows of the load that were given to
// it, and the number that it has reported as committed. An append that would write them again is refused unless the
// user accepts doubled rows (docs/adr/0020). Numbers count the load's rows from its beginning, over all attempts and
// runs.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "rapidbyte/base/status.h"
#include "rapidbyte/engine/run_context.h"
#include "rapidbyte/protocol/checkpoint.h"

namespace rapidbyte::engine {

/// Whether the destination writes the receipt of each commit with its rows (feature `receipts`, protocol 2.1).
[[nodiscard]] bool keeps_receipts(const runtime::Connector& destination);
/// Whether the host counts what it gives to the destination: it keeps no receipts, and rows go straight into the table.
[[nodiscard]] bool notes_rows(const RunContext& run, const StreamPlan& plan);
/// Whether an interrupted load may leave rows in the table that the next attempt or run would write again: mode append
/// into a destination that neither keeps receipts nor is idempotent. False in a dry run.
[[nodiscard]] bool may_double(const PreparedPipeline& prepared, const StreamPlan& plan);
/// The warning of `check` about this, and its advice.
[[nodiscard]] std::string doubling_warning(const runtime::Connector& destination);
[[nodiscard]] std::string doubling_advice();

struct RowsGiven {
  /// Rows before the position at which the load resumes; nullopt: unknown.
  std::optional<uint64_t> covered = 0;
  /// Maximum number of rows given to the destination; nullopt: unknown.
  std::optional<uint64_t> at_most = 0;
  /// Rows that the destination has reported as committed.
  uint64_t reported = 0;

  /// Whether rows after the position may be in the destination.
  [[nodiscard]] bool in_doubt() const { return !covered ? at_most != 0U : !at_most || *at_most > *covered; }
  /// Maximum number of them; nullopt: unknown.
  [[nodiscard]] std::optional<uint64_t> most_in_doubt() const;
  /// How many of them the destination itself has reported.
  [[nodiscard]] uint64_t surely_there() const;
};

/// What the state knows about the load under way. `saved`: its newest checkpoint, empty when it has none.
[[nodiscard]] RowsGiven rows_given(const RunContext& run, const state::StreamState& known,
                                   const protocol::Checkpoint& saved);

/// ROWS_MAY_DOUBLE. `ways_out` ends the message.
[[nodiscard]] Status rows_may_double(const RunContext& run, const StreamPlan& plan, const RowsGiven& given,
                                     std::string_view ways_out);

}  // namespace rapidbyte::engine
