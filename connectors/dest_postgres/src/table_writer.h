#pragma once
// TableWriter: puts batches into one table, and deals with the rows that the encoder or the server refuses as the
// stream's on_data_error says. With `fail` one COPY runs from commit to commit. With skip and dlq a group of batches is
// a COPY behind a savepoint, and what the server refuses is sent again in smaller pieces around the refused rows. An
// INSERT always takes a smaller group, behind a savepoint where rows may be refused. Works inside the transaction that
// its owner ends; after an error the owner must roll back.

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "postgres/connection.h"
#include "rapidbyte/sdk/batch_reader.h"
#include "rapidbyte/sdk/checkpoint.h"
#include "rapidbyte/sdk/context.h"
#include "rapidbyte/sdk/skipped_rows.h"
#include "src/held_batches.h"
#include "src/row_encoder.h"
#include "src/session.h"
#include "src/target.h"

namespace rapidbyte::dest_postgres {

enum class LoadMethod : uint8_t { kCopy, kInsert };

class TableWriter {
 public:
  /// Makes or fits the table for a batch's schema; begins a transaction unless one is open, and leaves it open.
  using Prepare = std::function<Result<TargetPlan>(const sdk::BatchReader& batch)>;

  TableWriter(Session& session, const sdk::StreamContext& ctx, LoadMethod method, Prepare prepare);
  /// Gives up what is being sent.
  ~TableWriter();
  TableWriter(const TableWriter&) = delete;
  TableWriter& operator=(const TableWriter&) = delete;

  /// Sends one batch; begins a transaction when none is open. Counts rows, of this batch or earlier ones, that are not
  /// refused any more, or whose refusal would end the load. Errors: those of `prepare`, the server's; ROW_REFUSED
  /// (data) names stream, row, column and value.
  Result<sdk::WriteCount> write(std::span<const uint8_t> batch);
  /// Ends what is being sent, so that the transaction can be committed: now all rows are the server's. Counts those
  /// that write() has not counted.
  Result<sdk::WriteCount> finish_rows();

 private:
  Status prepare();
  Status make_upsert_table();
  void make_copy_sql();
  /// From here on rows go in text format.
  Status use_text_format();
  /// The rows [begin, end) of the batch that are not skipped, behind a savepoint, as try_rows() does.
  Result<std::optional<sdk::Error>> try_load(size_t begin, size_t end);
  Status try_copy(size_t begin, size_t end);
  /// Ends the COPY of try_copy_sql_, with all that belongs to its savepoint.
  Status end_try_copy(uint64_t rows);
  /// Appends the rows [begin, end) of the batch that are not skipped to arrays_, and to gathered_.
  void gather(size_t begin, size_t end);
  void forget_gathered();
  /// TYPE_CHANGED, NO_COLUMNS when the batch has a value or row that the plan fits only as long as there is none.
  [[nodiscard]] Status check_late_values() const;
  /// INSERT of what is gathered.
  Status insert_gathered();
  Status insert_rows(size_t begin, size_t end);
  Status append_to_copy();
  Status append_to_group(std::span<const uint8_t> bytes);
  Status begin_group();
  /// Ends what is being sent.
  Status end_rows();
  /// Ends a group, of which sending was ok or not; what becomes of refused rows is up to on_data_error.
  Status end_group(Status sent);
  /// Loads its batches one by one, around the rows that are refused.
  Status load_group_again(const sdk::Error& refused);
  /// Makes a batch of the group the current one.
  Status load_held(const HeldBatch& held);
  Status open_copy(const std::string& sql);
  Status encode_into(postgres::CopyIn& copy, size_t begin, size_t end);
  Status end_copy(postgres::CopyIn& copy, uint64_t rows);
  Status merge();
  /// Loads the batch in pieces, leaving out and reporting what the server refuses. `suspected`: the row that it is
  /// known to refuse, rows() for none; `piece`: how many rows to try first.
  Status load_around_refusals(size_t suspected, size_t piece);
  /// The line of a COPY that the server's error names, from 1.
  [[nodiscard]] std::optional<uint64_t> refused_line(const sdk::Error& error) const;
  /// The row of the `line`th kept row of [begin, end).
  [[nodiscard]] std::optional<size_t> row_of_line(uint64_t line, size_t begin, size_t end) const;
  [[nodiscard]] uint64_t kept_rows(size_t begin, size_t end) const;
  /// The server's error as the refusal of a row of a batch; `batch` is null when the row is not known any more.
  [[nodiscard]] RefusedRow refusal(const sdk::Error& error, const sdk::BatchReader* batch, size_t row) const;
  /// The server's error in fail mode, with the row that it names.
  [[nodiscard]] Status row_error(const Status& status, uint64_t first_row) const;
  /// The same of the INSERT of a group, and of a merge behind kMergeSavepoint: they name no row, so it is looked for.
  Status insert_error(const Status& status);
  Status merge_error(const Status& status);
  /// The INSERT of what is gathered, inside of try_rows(): an error that comes from a value says so (refuse_value()).
  Status try_insert();
  /// Whether the column's type does not read one of these texts, an array as gather() makes it.
  Result<bool> is_read_refused(const ColumnPlan& column, const sdk::ByteBuffer& values);
  /// The first column of a row, sent as text, whose type does not read it; null: none.
  const ColumnPlan* column_of_text(size_t row);
  /// `at`: ", row 3, column "c"".
  [[nodiscard]] Status row_refused(const std::string& at, const std::string& reason) const;
  /// As on_data_error says; counts it.
  Status reject(const RefusedRow& refused);
  [[nodiscard]] std::string record_json(size_t row) const;
  [[nodiscard]] Status discarded(uint64_t sent, uint64_t kept) const;
  [[nodiscard]] size_t most_group_bytes() const {
    return method_ == LoadMethod::kCopy ? kMostCopyBytes : kMostInsertBytes;
  }
  [[nodiscard]] bool one_statement_per_commit() const {
    return method_ == LoadMethod::kCopy && ctx_.policies.on_data_error == sdk::OnDataError::kFail;
  }

  // About what fits between this program and the server's executor: the buffers of both sockets.
  static constexpr size_t kMostRecentBytes = size_t{8} << 20;
  // A COPY of a group costs the server a millisecond of its own. An INSERT costs it half of one, and holds its rows in
  // memory several times.
  static constexpr size_t kMostCopyBytes = size_t{8} << 20;
  static constexpr size_t kMostInsertBytes = size_t{1} << 20;
  static constexpr size_t kLeastGroupBytes = size_t{256} << 10;

  Session& session_;
  const sdk::StreamContext& ctx_;
  LoadMethod method_;
  Prepare prepare_;

  sdk::BatchReader batch_;
  RowEncoder encoder_;
  TargetPlan plan_;
  sdk::Schema described_;  // of the batch, with what the context says about it
  /// What stands before the next COPY: ends the transaction in which the table was looked at; usually empty.
  std::string begin_rows_sql_;
  std::string copy_sql_;
  std::string try_copy_sql_;
  std::string merge_sql_;
  std::string insert_sql_;
  std::vector<Oid> insert_types_;
  std::vector<sdk::ByteBuffer> arrays_;
  uint64_t schema_version_ = 0;
  uint64_t generation_ = 0;  // of the session, when the plan was made
  std::optional<postgres::CopyIn> copy_;
  bool in_group_ = false;
  uint64_t copy_first_row_ = 0;  // of the stream
  uint64_t copied_ = 0;  // rows of the running COPY or group
  uint64_t gathered_ = 0;  // rows in arrays_
  uint64_t rows_seen_ = 0;  // before the current batch
  sdk::WriteCount count_;  // what the caller was not told yet
  sdk::SkippedRows skipped_;
  HeldBatches held_;  // of the running COPY: the last ones; all of a group
  size_t group_bytes_;  // at which a group ends
};

}  // namespace rapidbyte::dest_postgres
