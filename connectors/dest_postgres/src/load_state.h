#pragma once
// LoadState: what the parts of a TableWriter share: the current batch with its encoder, the plan for its schema, the
// batches that were sent last, and what has not been reported to the caller yet. One per TableWriter, which owns it;
// the parts hold a reference and are used by its thread.

#include <cstdint>
#include <string>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/batch_reader.h"
#include "rapidbyte/sdk/checkpoint.h"
#include "rapidbyte/sdk/context.h"
#include "src/held_batches.h"
#include "src/row_encoder.h"
#include "src/session.h"

namespace rapidbyte::dest_postgres {

struct LoadState {
  Session& session;
  const sdk::StreamContext& ctx;

  sdk::BatchReader batch = {};
  RowEncoder encoder = {};
  TargetPlan plan = {};
  sdk::Schema described = {};  // of the batch, with what the context says about it
  /// What precedes the next rows: ends the transaction in which the table was looked at; usually empty.
  std::string begin_rows_sql = {};
  uint64_t rows_seen = 0;  // before the current batch
  HeldBatches held = {};  // of the running COPY: the last ones; all of a group
  sdk::WriteCount count = {};

  /// A refused row ends the load.
  [[nodiscard]] bool fails() const { return ctx.policies.on_data_error == sdk::OnDataError::kFail; }
  /// How many rows of [begin, end) of the batch are sent.
  [[nodiscard]] uint64_t kept_rows(size_t begin, size_t end) const {
    uint64_t kept = end - begin;
    if (!encoder.any_skipped()) return kept;
    for (size_t row = begin; row < end; ++row) kept -= encoder.is_skipped(row) ? 1 : 0;
    return kept;
  }
  /// ROW_DISCARDED (data).
  [[nodiscard]] Status discarded(uint64_t sent, uint64_t kept) const {
    return sdk::data_error(codes::kRowDiscarded,
                           "stream \"" + ctx.stream_name + "\": of " + std::to_string(sent) + " rows sent to table " +
                               plan.name.text() + " the server kept " + std::to_string(kept) +
                               ": a trigger drops rows without an error. Rows are never lost silently: drop the "
                               "trigger, or filter in the source.");
  }
};

}  // namespace rapidbyte::dest_postgres
