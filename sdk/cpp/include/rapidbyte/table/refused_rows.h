#pragma once
// RefusedRows: what happens to a row that cannot be stored, according to the stream's on_data_error, and how that is
// reported: with stream, row, column and value, as far as they are known. One per stream; one thread.

#include <cstdint>
#include <functional>
#include <string>

#include "rapidbyte/sdk/context.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/skipped_rows.h"

namespace rapidbyte::table {

/// A row that cannot be stored, and why.
struct RefusedRow {
  size_t row = 0;           // in the batch
  std::string column = {};  // as in a message, without quotes; empty: no single column is to blame
  std::string value = {};   // as text, cut to a readable length; "NULL"
  std::string reason = {};
};

class RefusedRows {
 public:
  explicit RefusedRows(const sdk::StreamContext& ctx) : ctx_(ctx) {}

  /// Leaves the row out, and adds it to `failed`; ROW_REFUSED (data) when on_data_error says fail. `rows_before`: rows
  /// of the stream before the row's batch. `record`: the row as JSON. `table`: "Table "orders" of /data/shop.db".
  sdk::Status reject(const RefusedRow& refused, uint64_t rows_before, const std::function<std::string()>& record,
                     const std::string& table, uint64_t& failed);
  /// ROW_REFUSED (data). `at`: ", row 3, column "c"".
  [[nodiscard]] sdk::Status row_refused(const std::string& at, const std::string& reason,
                                        const std::string& table) const;

 private:
  const sdk::StreamContext& ctx_;
  sdk::SkippedRows skipped_;
};

/// The start of a record that a message shows, at most 500 bytes of whole characters.
std::string shown_record(std::string record);

}  // namespace rapidbyte::table
