#pragma once
// FileDialect: what a folder of files says and does for the life cycle of a destination of tables (rapidbyte/table).
// A stream's table is the files that its listing names (listing.h); a transaction is a journal (journal.h). One
// instance serves one stream after the other.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "connectors/dest_file/src/config.h"
#include "connectors/dest_file/src/journal.h"
#include "connectors/dest_file/src/target.h"
#include "connectors/shared/duckdb/engine.h"
#include "rapidbyte/table/life_cycle.h"

namespace rapidbyte::dest_file {

class FileDialect final : public table::Dialect {
 public:
  Status configure(const sdk::Json& config) override;
  Result<sdk::Validation> validate() override;
  Status close() override { return {}; }
  [[nodiscard]] bool accepts_emptied() const override { return config_.accept_emptied; }

  [[nodiscard]] Status check_stream(const std::string& stream) const override { return check_folder_name(stream); }
  [[nodiscard]] std::string table_key(const std::string& stream) const override { return folder_key(stream); }
  [[nodiscard]] std::string named(const std::string& stream) const override;
  [[nodiscard]] std::string database() const override { return config_.folder; }
  [[nodiscard]] std::string receipts_name(const std::string& stream) const override;
  [[nodiscard]] std::string conflict_advice() const override;
  [[nodiscard]] std::string name_of(const std::string& stream, table::Place place) const override;
  [[nodiscard]] bool is_of(const table::Receipt& receipt, const std::string& stream, table::Place place) const override;

  Status open() override;
  Result<bool> open_existing() override;
  Status in_transaction(const std::function<Status()>& work, bool rows_go) override;
  void rollback() override { transaction_ = {}; }

  Result<std::optional<table::Receipt>> read_receipt(const sdk::StreamContext& ctx) override;
  Status write_receipt(const sdk::StreamContext& ctx, const table::Receipt& receipt) override;
  Result<bool> still_holds(const sdk::StreamContext& ctx, const table::Receipt& receipt) override;

  /// RECEIPT_FOREIGN (config) when none of the receipt's files is listed any more.
  Status check_receipt_of_target(const sdk::StreamContext& ctx, const table::Receipt& receipt) override;

  Status stream_begins(const sdk::StreamContext& ctx) override;
  Result<bool> exists(const sdk::StreamContext& ctx, table::Place place) override;
  Result<bool> has_rows(const sdk::StreamContext& ctx) override;
  Status check_upsert_key(const sdk::StreamContext& ctx) override;
  Status make_target(const sdk::StreamContext& ctx, const sdk::Schema& schema) override;
  Status make_staging(const sdk::StreamContext& ctx, const sdk::Schema& schema) override;
  Status drop_staging(const sdk::StreamContext& ctx) override;
  Status publish_staging(const sdk::StreamContext& ctx, int64_t rows) override;
  Result<std::unique_ptr<table::Writer>> make_writer(const sdk::StreamContext& ctx,
                                                     const std::optional<table::Receipt>& previous) override;

 private:
  Result<duck::Engine*> engine(const sdk::StreamContext& ctx);
  /// The receipt, behind what a killed run has left to do.
  Result<std::optional<StoredReceipt>> stored(const sdk::StreamContext& ctx);
  /// A table without rows, whose file (if the format has such a thing) the open transaction moves into place.
  Result<Listing> empty_table(const sdk::StreamContext& ctx, const sdk::Schema& schema, const TargetPlan& plan,
                              std::string_view prefix);
  void of(const sdk::StreamContext& ctx);

  Config config_;
  std::unique_ptr<duck::Engine> engine_;
  /// What the open transaction will do.
  struct Transaction {
    Journal journal;
    std::vector<std::string> staged_to_remove;
    std::optional<Layout> layout;
    const sdk::StreamContext* ctx = nullptr;
  } transaction_;
};

}  // namespace rapidbyte::dest_file
