#pragma once
// LoadWriter: writes the rows of one load into one table, with the receipt of each commit. Batches go from Arrow into
// DuckDB by a statement that is prepared once; rows that it would refuse are found before, because a statement that
// fails leaves no transaction in which the others could stay.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "connectors/dest_duckdb/src/target.h"
#include "connectors/shared/duckdb/database.h"
#include "rapidbyte/sdk/batch_reader.h"
#include "rapidbyte/table/dialect.h"
#include "rapidbyte/table/refused_rows.h"

namespace rapidbyte::dest_duckdb {

class LoadWriter final : public table::Writer {
 public:
  /// `make`: creates the table before the first batch, if it is not there; may be empty.
  using MakeTable = std::function<Status(const sdk::Schema& schema)>;
  LoadWriter(duck::Database& database, const sdk::StreamContext& ctx, std::string table, std::vector<std::string> key,
             MakeTable make);

  Result<sdk::WriteCount> write(std::span<const uint8_t> batch) override;
  Status commit(const table::Receipt& receipt) override;

 private:
  Status prepare();
  /// Writes rows [begin, end) of the batch, of which none has a null or a type that is refused.
  Status write_rows(size_t begin, size_t end, sdk::WriteCount& count);
  /// Rows whose values do not fit, in the order of the batch, each once.
  Result<std::vector<table::RefusedRow>> find_refused();
  Status insert(size_t begin, size_t end, sdk::WriteCount& count);
  /// As insert(), for a table with unique keys when rows may be refused: leaves out and reports those whose key is
  /// already there.
  Status insert_new(size_t begin, size_t end, sdk::WriteCount& count);
  Status reject(const table::RefusedRow& refused, sdk::WriteCount& count);

  duck::Database& database_;
  const sdk::StreamContext& ctx_;
  std::string table_;
  std::vector<std::string> key_;
  MakeTable make_;
  table::RefusedRows refused_;

  sdk::BatchReader batch_;
  uint64_t schema_version_ = 0;
  TargetPlan plan_;
  uint64_t rows_seen_ = 0;  // before the current batch
  // Of the current columns. The statements read the view.
  std::unique_ptr<duck::InputView> view_;
  std::unique_ptr<duck::InputStatement> insert_;
  /// Upsert: counts the rows whose key comes again later in the batch; writes only the last row of each key.
  std::unique_ptr<duck::InputStatement> repeated_;
  std::unique_ptr<duck::InputStatement> insert_last_;
  /// Finds values that do not convert; null when no column is converted.
  std::unique_ptr<duck::InputStatement> unconverted_;
  /// Append into a table with unique keys when rows may be refused: says for each row whether a key of it repeats an
  /// earlier one, and what its keys are.
  std::unique_ptr<duck::InputStatement> keys_;
  std::unique_ptr<duck::InputStatement> insert_returning_;
};

}  // namespace rapidbyte::dest_duckdb
