#pragma once
// TableWriter: writes batches into one table: plans each of their schemas, has a RowLoad send their rows, and deals
// with the rows that the encoder or the server refuses as the stream's on_data_error says. With COPY and `fail` one
// COPY runs from commit to commit. Otherwise batches are sent in groups, and if the server refuses one, it is sent
// again in smaller pieces around the refused rows. Works inside the transaction that its owner ends; after an error the
// owner must roll back.

#include <functional>
#include <span>

#include "rapidbyte/sdk/batch_reader.h"
#include "rapidbyte/sdk/checkpoint.h"
#include "rapidbyte/sdk/context.h"
#include "src/copy_load.h"
#include "src/insert_load.h"
#include "src/load_state.h"
#include "src/refusal_search.h"
#include "src/row_refusals.h"
#include "src/target.h"

namespace rapidbyte::dest_postgres {

enum class LoadMethod : uint8_t { kCopy, kInsert };

class TableWriter {
 public:
  /// Creates or fits the table for a batch's schema; begins a transaction unless one is open, and leaves it open.
  using Prepare = std::function<Result<TargetPlan>(const sdk::BatchReader& batch)>;

  /// Aborts whatever is being sent when destroyed.
  TableWriter(Session& session, const sdk::StreamContext& ctx, LoadMethod method, Prepare prepare);
  TableWriter(const TableWriter&) = delete;
  TableWriter& operator=(const TableWriter&) = delete;

  /// Sends one batch; begins a transaction when none is open. Counts the rows, of this batch or earlier ones, that can
  /// no longer be refused, or whose refusal would end the load. Errors: those of `prepare`, the server's; ROW_REFUSED
  /// (data) names stream, row, column and value.
  Result<sdk::WriteCount> write(std::span<const uint8_t> batch);
  /// Completes what is being sent, so that the transaction can be committed: now the server has all rows. Counts those
  /// that write() has not counted.
  Result<sdk::WriteCount> finish_rows();

 private:
  Status prepare();
  /// Plans the batch's schema, under the system's path.
  Status plan_table();
  /// From here on rows are sent in text format.
  Status use_text_format();
  Status append_to_copy(std::span<const uint8_t> bytes);
  Status append_to_group(std::span<const uint8_t> bytes);
  /// Completes what is being sent.
  Status end_rows();
  /// Ends a group; `sent` tells whether sending succeeded; on_data_error decides about refused rows.
  Status end_group(Status sent);
  [[nodiscard]] bool one_statement_per_commit() const { return load_ == &copy_ && state_.fails(); }

  // About what fits between this program and the server's executor: the buffers of both sockets.
  static constexpr size_t kMostRecentBytes = size_t{8} << 20;
  static constexpr size_t kLeastGroupBytes = size_t{256} << 10;

  LoadState state_;
  Prepare prepare_;
  CopyLoad copy_;
  InsertLoad insert_;
  RowLoad* load_;  // one of the two
  RowRefusals refusals_;
  RefusalSearch search_;

  uint64_t schema_version_ = 0;
  uint64_t generation_ = 0;  // of the session, when the plan was made
  bool in_group_ = false;
  uint64_t group_rows_ = 0;
  size_t group_bytes_;  // the size at which a group ends
};

}  // namespace rapidbyte::dest_postgres
