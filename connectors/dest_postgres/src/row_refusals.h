#pragma once
// RowRefusals: what happens to a row that the encoder or the server refuses, according to the stream's on_data_error,
// and how that is reported: with stream, row, column and value, as far as they are known.

#include <string>

#include "rapidbyte/table/refused_rows.h"
#include "src/load_state.h"

namespace rapidbyte::dest_postgres {

class RowRefusals {
 public:
  explicit RowRefusals(LoadState& state) : state_(state), refused_(state.ctx) {}

  /// A row of the current batch: leaves it out and counts it, or ROW_REFUSED (data).
  Status reject(const RefusedRow& refused);
  /// ROW_REFUSED (data). `at`: ", row 3, column "c"".
  [[nodiscard]] Status row_refused(const std::string& at, const std::string& reason) const;
  /// The server's error as the refusal of a row of a batch; `batch` is null when the row is no longer known.
  [[nodiscard]] RefusedRow refusal(const sdk::Error& error, const sdk::BatchReader* batch, size_t row) const;
  /// The server's error where a refused row ends the load, with the row that it names. `first_row`: number in the
  /// stream of the first row of the statement.
  [[nodiscard]] Status row_error(const Status& status, uint64_t first_row) const;

 private:
  [[nodiscard]] std::string record_json(size_t row) const;
  /// As at the start of a sentence.
  [[nodiscard]] std::string table() const;

  LoadState& state_;
  table::RefusedRows refused_;
};

/// Names this column of the refused row as the reason.
void name_column(RefusedRow& refused, const sdk::BatchReader& batch, const ColumnPlan& column);

}  // namespace rapidbyte::dest_postgres
