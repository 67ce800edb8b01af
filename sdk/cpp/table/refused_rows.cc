#include "rapidbyte/table/refused_rows.h"

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"
#include "rapidbyte/table/sql_name.h"

namespace rapidbyte::table {

using sdk::Status;

std::string shown_record(std::string record) {
  constexpr size_t kMost = 500;
  if (record.size() <= kMost) return record;
  size_t end = kMost;
  while (end > 0 && (static_cast<uint8_t>(record[end]) & 0xC0U) == 0x80U) --end;
  record.resize(end);
  return record + "...";
}

Status RefusedRows::reject(const RefusedRow& refused, uint64_t rows_before, const std::function<std::string()>& record,
                           const std::string& table, uint64_t& failed) {
  std::string at = ", row " + std::to_string(rows_before + refused.row + 1);
  if (!refused.column.empty()) at += ", column " + quote_name(refused.column) + ", value " + refused.value;
  const std::string message = "stream \"" + ctx_.stream_name + "\"" + at + ": " + refused.reason;
  switch (ctx_.policies.on_data_error) {
    case sdk::OnDataError::kFail: break;
    case sdk::OnDataError::kSkip:
      ++failed;
      skipped_.add(message);
      return {};
    case sdk::OnDataError::kDlq: ++failed; return sdk::host::emit_dlq_record(ctx_.stream_name, record(), message);
  }
  if (!refused.column.empty()) return row_refused(at, refused.reason, table);
  return row_refused(at, refused.reason + " in " + shown_record(record()), table);
}

Status RefusedRows::row_refused(const std::string& at, const std::string& reason, const std::string& table) const {
  return sdk::data_error(codes::kRowRefused,
                         "stream \"" + ctx_.stream_name + "\"" + at + ": " + reason + ". " + table +
                             " does not take it; nothing of this transaction was kept. Correct the source, or set "
                             "on_data_error: skip or dlq.");
}

}  // namespace rapidbyte::table
