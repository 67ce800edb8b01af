#pragma once
// RejectionPolicy: what happens to rows that Arrow cannot hold, according to the stream's on_data_error: fail with a
// message that names row, column, value and remedy, or count, and log or send to the DLQ. One per run of a stream.

#include <cstdint>
#include <span>
#include <string>

#include "copy_decoder.h"
#include "rapidbyte/sdk/context.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::source_postgres {

class RejectionPolicy {
 public:
  RejectionPolicy(std::string stream, sdk::OnDataError policy, uint64_t max_record_bytes)
      : stream_(std::move(stream)), policy_(policy), max_record_bytes_(max_record_bytes) {}

  /// Ok when the row has been handled (and counted); otherwise the error that ends the read. `row` counts from 1 in the
  /// order of the read.
  sdk::Status reject(const RowProblem& problem, std::span<const ColumnPlan> columns, uint64_t row);

  [[nodiscard]] uint64_t rejected() const { return rejected_; }
  /// Logs how many there were, if any.
  void log_summary() const;

 private:
  [[nodiscard]] std::string describe(const RowProblem& problem, std::span<const ColumnPlan> columns,
                                     uint64_t row) const;

  std::string stream_;
  sdk::OnDataError policy_;
  uint64_t max_record_bytes_;
  uint64_t rejected_ = 0;
};

/// The row as JSON for the DLQ: an object of column to PostgreSQL's text, null for null; with "_truncated" the columns
/// before one that was too large.
std::string record_json(const RowProblem& problem, std::span<const ColumnPlan> columns);

}  // namespace rapidbyte::source_postgres
