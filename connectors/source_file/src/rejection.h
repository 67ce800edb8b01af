#pragma once
// RejectionPolicy: what happens to records that cannot become rows, according to the stream's on_data_error: fail with
// a message that names file, line, column, value and remedy, or count, and log or send to the DLQ. One per run of a
// stream.

#include <cstdint>
#include <string>
#include <vector>

#include "column_writer.h"
#include "rapidbyte/sdk/context.h"
#include "rapidbyte/sdk/error.h"
#include "record_block.h"
#include "record_reader.h"

namespace rapidbyte::source_file {

/// The block in which a problem was found. `names` are the block's fields; `specs` are theirs, null for unknown ones.
struct RejectionContext {
  const RecordReader& reader;
  const RecordBlock& block;
  const std::vector<std::string>& names;
  const std::vector<const ColumnSpec*>& specs;
  const FieldRules& rules;
};

class RejectionPolicy {
 public:
  RejectionPolicy(std::string stream, sdk::OnDataError policy, uint64_t max_record_bytes)
      : stream_(std::move(stream)), policy_(policy), max_record_bytes_(max_record_bytes) {}

  /// Ok when the record has been handled (and counted); otherwise the error that ends the read.
  sdk::Status reject(const RecordProblem& problem, const RejectionContext& context);

  [[nodiscard]] uint64_t rejected() const { return rejected_; }
  /// Logs how many there were, if any.
  void log_summary() const;

  /// What is wrong, where, and how to fix it.
  [[nodiscard]] std::string describe(const RecordProblem& problem, const RejectionContext& context) const;

 private:
  std::string stream_;
  sdk::OnDataError policy_;
  uint64_t max_record_bytes_;
  uint64_t rejected_ = 0;
};

/// The record as JSON for the DLQ: an NDJSON record as written; a CSV record as an object of column to text (null for
/// null), with `_raw` where fields alone do not tell everything. Invalid UTF-8 is sent as `_raw_base64`.
std::string record_json(const RecordProblem& problem, const RejectionContext& context);

}  // namespace rapidbyte::source_file
