#pragma once
// DuckdbDialect: DuckDB's part of the life cycle of a table destination (rapidbyte/table). One instance serves one
// database file, one stream after the other; the host calls it from one thread and holds the file's lock. Rows, receipt
// and schema changes of a commit are one transaction. Between streams only the open database is kept.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/shared/duckdb/database.h"
#include "rapidbyte/table/life_cycle.h"

namespace rapidbyte::dest_duckdb {

using sdk::Result;
using sdk::Status;

class DuckdbDialect final : public table::Dialect {
 public:
  Status configure(const sdk::Json& config) override;
  Result<sdk::Validation> validate() override;
  Status close() override;
  [[nodiscard]] bool accepts_emptied() const override { return accept_emptied_; }

  [[nodiscard]] Status check_stream(const std::string& stream) const override;
  [[nodiscard]] std::string table_key(const std::string& stream) const override;
  [[nodiscard]] std::string named(const std::string& stream) const override;
  [[nodiscard]] std::string database() const override { return path_; }
  [[nodiscard]] std::string receipts_name(const std::string& stream) const override;
  /// NAME_REFUSED (config): a stream's table would be one of the connector's own.
  [[nodiscard]] Status check_together(const std::vector<std::string>& streams) const override;
  [[nodiscard]] std::string conflict_advice() const override;
  [[nodiscard]] std::string emptied_advice(const sdk::StreamContext& ctx, bool is_gone) const override;
  [[nodiscard]] std::string name_of(const std::string& stream, table::Place place) const override;
  [[nodiscard]] bool is_of(const table::Receipt& receipt, const std::string& stream, table::Place place) const override;

  Status open() override;
  Result<bool> open_existing() override;
  Status in_transaction(const std::function<Status()>& work, bool rows_go) override;
  void rollback() override;

  Result<std::optional<table::Receipt>> read_receipt(const sdk::StreamContext& ctx) override;
  Status write_receipt(const sdk::StreamContext& ctx, const table::Receipt& receipt) override;
  /// Decided by the row evidence. RECEIPT_MISSING (config) for an append when the table has been changed.
  Result<bool> still_holds(const sdk::StreamContext& ctx, const table::Receipt& receipt) override;

  /// TARGET_NOT_A_TABLE (schema), before anything is created.
  Status stream_begins(const sdk::StreamContext& ctx) override;
  Result<bool> exists(const sdk::StreamContext& ctx, table::Place place) override;
  Result<bool> has_rows(const sdk::StreamContext& ctx) override;
  Result<bool> may_be_empty(const sdk::StreamContext& ctx, const std::optional<table::Receipt>& newest) override;
  Status check_upsert_key(const sdk::StreamContext& ctx) override;
  Status make_target(const sdk::StreamContext& ctx, const sdk::Schema& schema) override;
  Status make_staging(const sdk::StreamContext& ctx, const sdk::Schema& schema) override;
  Status drop_staging(const sdk::StreamContext& ctx) override;
  /// INDEX_LOST (data) when a unique index does not fit the new rows; an index over a column that is gone is named in
  /// the log.
  Status publish_staging(const sdk::StreamContext& ctx, int64_t rows) override;
  Result<std::unique_ptr<table::Writer>> make_writer(const sdk::StreamContext& ctx,
                                                     const std::optional<table::Receipt>& previous) override;

 private:
  [[nodiscard]] std::string target_of(const std::string& stream) const { return table_prefix_ + stream; }

  std::string path_;
  std::string table_prefix_;
  std::string storage_version_;
  /// A table of earlier incremental loads may be gone or emptied: only new rows are loaded into it.
  bool accept_emptied_ = false;
  std::unique_ptr<duck::Database> database_;
};

}  // namespace rapidbyte::dest_duckdb
