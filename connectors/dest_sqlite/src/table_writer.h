#pragma once
// TableWriter: writes batches into one table, several rows per statement, and deals with the rows that the table
// refuses as the stream's on_data_error says. Works inside the transaction that its owner has open; after an error the
// owner must roll back.

#include <functional>
#include <optional>
#include <span>

#include "rapidbyte/sdk/batch_reader.h"
#include "rapidbyte/sdk/checkpoint.h"
#include "rapidbyte/sdk/context.h"
#include "rapidbyte/table/refused_rows.h"
#include "src/batch_values.h"
#include "src/target.h"

namespace rapidbyte::dest_sqlite {

class TableWriter {
 public:
  /// Called with each new schema of the stream before the table is looked at, for example to create the table.
  using OnSchema = std::function<Status(const sdk::Schema&)>;

  /// `table` is the table's name; `key` is not empty for upserts; `on_schema` may be empty.
  TableWriter(Database& database, const sdk::StreamContext& ctx, std::string table, std::vector<std::string> key,
              OnSchema on_schema = {});

  /// Stores one batch; creates or fits the table first when the batch's schema is new. Errors: those of
  /// prepare_target(); ROW_REFUSED (data) names stream, row, column and value.
  Result<sdk::WriteCount> write(std::span<const uint8_t> batch);

 private:
  Status prepare();
  Result<Statement> prepare_insert(size_t rows);
  /// Stores the rows [begin, end), which load() did not refuse.
  Status write_rows(size_t begin, size_t end, sdk::WriteCount& count);
  /// Runs one insert of `rows` rows from `begin` on. False: the table refused one of them; the first `*stored` rows are
  /// stored, and it is safe to try the others again.
  Result<bool> insert(Statement& statement, size_t begin, size_t rows, size_t* stored);
  Status reject(const RefusedRow& refused, sdk::WriteCount& count);
  [[nodiscard]] RefusedRow refused_by_table(size_t row) const;
  [[nodiscard]] std::string record_json(size_t row) const;

  Database& database_;
  const sdk::StreamContext& ctx_;
  std::string table_;
  std::vector<std::string> key_;
  OnSchema on_schema_;

  sdk::BatchReader batch_;
  BatchValues values_;
  TargetPlan plan_;
  uint64_t schema_version_ = 0;
  size_t rows_per_insert_ = 1;
  std::optional<Statement> insert_many_;
  std::optional<Statement> insert_one_;
  uint64_t rows_seen_ = 0;  // before the current batch
  table::RefusedRows refused_;
  std::string last_refusal_;  // SQLite's message
};

}  // namespace rapidbyte::dest_sqlite
