#pragma once
// StreamReader: one run over one stream. Reads its files in order, block by block, into column writers, emits batches
// close to the host's target and checkpoints after them, and resumes from a checkpoint of an interrupted run. Used
// once, on one thread; owns everything it needs.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cursor.h"
#include "discovery.h"
#include "known_rejections.h"
#include "position_meaning.h"
#include "rapidbyte/sdk/checkpoint.h"
#include "rapidbyte/sdk/context.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/ipc_encoder.h"
#include "rejection.h"
#include "resume_position.h"

namespace rapidbyte::source_file {

class StreamReader {
 public:
  static sdk::Result<sdk::ReadSummary> run(const sdk::StreamContext& ctx, const std::string& folder,
                                           const StreamOptions& stream);

 private:
  StreamReader(const sdk::StreamContext& ctx, const StreamOptions& stream, StreamFiles files,
               std::vector<ColumnSpec> specs, sdk::IpcEncoder encoder, ReaderLimits limits);
  sdk::Status set_up_cursor();
  sdk::Status set_up_resume();
  sdk::Status read_all();
  sdk::Status read_file(const FileEntry& file);
  /// Warns about what happened to the file while it was read.
  void log_news() const;
  /// Maps the file's fields to columns; SCHEMA_CHANGED when it has one that the stream lacks.
  sdk::Status map_columns(const std::vector<std::string>& names);
  sdk::Status process_block(const RecordBlock& block);
  /// Keeps the rows that an incremental read wants.
  void filter_by_cursor(const RecordBlock& block);
  void append_rows(const RecordBlock& block);
  sdk::Status reject_problems(const RecordBlock& block);
  /// Whether an earlier run of an incremental stream has already rejected the record; remembers it for the next one.
  bool is_known_rejection(const RecordBlock& block, uint32_t row);
  void log_rejections() const;
  [[nodiscard]] size_t batch_bytes() const;
  [[nodiscard]] size_t bytes_needed(const RecordBlock& block) const;
  sdk::Status flush(const RecordBlock* next_block);
  [[nodiscard]] sdk::Json checkpoint_extra(const FilePosition* at) const;

  const sdk::StreamContext& ctx_;
  const StreamOptions& stream_;
  StreamFiles files_;
  std::vector<ColumnSpec> specs_;
  FieldRules rules_;
  ReaderLimits limits_;
  sdk::IpcEncoder encoder_;
  sdk::CheckpointPacer pacer_;
  RejectionPolicy rejection_;
  size_t batch_target_ = 0;
  std::vector<ColumnWriter> writers_;
  std::vector<sdk::ColumnBuffers> buffers_;
  sdk::CursorValue last_cursor_;
  std::optional<CursorFilter> cursor_;
  std::optional<ColumnWriter> cursor_values_;
  uint32_t cursor_column_ = 0;  // index into specs_
  std::optional<ResumePosition> resume_;
  std::optional<PositionMeaning> meaning_;
  KnownRejections known_rejections_;  // of earlier runs
  KnownRejections rejections_;        // of incremental reads: those and this run's, as far as they are in the files
  uint64_t passed_over_ = 0;

  // Of the file being read.
  std::unique_ptr<RecordReader> reader_;
  std::vector<std::string> field_names_;
  std::vector<uint32_t> field_columns_;            // index into writers_ per field
  std::vector<const ColumnSpec*> field_specs_;     // per field
  std::vector<uint32_t> missing_columns_;          // columns that the file has not
  std::optional<uint32_t> cursor_field_;           // field that is the cursor
  uint64_t files_done_ = 0;

  std::vector<uint32_t> rows_;  // of the block, not yet ruled out
  std::vector<RecordProblem> problems_;
  uint64_t batch_rows_ = 0;
  uint64_t surplus_dropped_ = 0;
  uint64_t blocks_ = 0;
  sdk::ReadSummary summary_;
};

}  // namespace rapidbyte::source_file
