#pragma once
// StreamReader: one run over one stream, or over one partition of it. One transaction on one snapshot, one COPY whose
// bytes go through the decoder into batches. Incremental reads make checkpoints at the interval; a full refresh makes
// none, since its rows belong to one snapshot that nobody can return to.

#include <optional>
#include <string>
#include <vector>

#include "catalog.h"
#include "copy_decoder.h"
#include "incremental.h"
#include "options.h"
#include "partition.h"
#include "rapidbyte/sdk/checkpoint.h"
#include "rapidbyte/sdk/context.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/ipc_encoder.h"
#include "rejection.h"
#include "session.h"
#include "table_query.h"

namespace rapidbyte::source_postgres {

class StreamReader {
 public:
  /// `session`: connected, without a transaction. `begun`: whether rows may have been emitted.
  static sdk::Result<sdk::ReadSummary> run(const sdk::StreamContext& ctx, const StreamOptions& options,
                                           Session& session, bool& begun);

 private:
  StreamReader(const sdk::StreamContext& ctx, const StreamOptions& options, Session& session);
  sdk::Status prepare();
  /// Narrows the query to the partition: its blocks, and only those tables that the snapshot knows.
  sdk::Status prepare_partition();
  sdk::Status prepare_incremental();
  /// Gives the statement the role's own search_path where users' code relies on it.
  sdk::Status prepare_path();
  /// Whether the server sends what was discovered. SCHEMA_CHANGED (schema).
  sdk::Status check_columns(const std::vector<ColumnPlan>& columns) const;
  sdk::Status check_null_cursors();
  sdk::Status copy();
  /// Reads all rows of the query.
  sdk::Status copy_rows(CopyDecoder& decoder);
  /// The query would find nothing, and nothing wrong with itself: a whole table without rows, all of whose columns this
  /// role may read.
  [[nodiscard]] bool finds_nothing() const;
  sdk::Status take(CopyDecoder& decoder, CopyDecoder::Event event);
  sdk::Status emit_batch(CopyDecoder& decoder);
  sdk::Status emit_encoded(CopyDecoder& decoder, size_t rows);
  [[nodiscard]] std::string what() const;

  const sdk::StreamContext& ctx_;
  const StreamOptions& options_;
  Session& session_;
  Relation relation_;  // kept because the plan below points into it
  TableQuery query_;
  bool user_path_ = false;
  std::optional<Partition> partition_;
  std::optional<IncrementalPlan> plan_;
  std::optional<CursorPosition> position_;
  std::optional<sdk::IpcEncoder> encoder_;
  sdk::CheckpointPacer pacer_;
  /// A checkpoint is due as soon as it is certain not to divide rows that the position cannot distinguish.
  bool checkpoint_waits_ = false;
  RejectionPolicy rejection_;
  sdk::ReadSummary summary_;
};

}  // namespace rapidbyte::source_postgres
