#pragma once
// Receipts: one row per pipeline, stream and partition in the table _rapidbyte_receipts, written in the same
// transaction as the rows that it covers. It says up to which source checkpoint the table is complete, so that a killed
// run neither loses nor doubles a row.

#include <cstdint>
#include <optional>
#include <string>

#include "rapidbyte/sdk/context.h"
#include "src/database.h"

namespace rapidbyte::dest_sqlite {

inline constexpr const char* kReceiptsTable = "_rapidbyte_receipts";

struct Receipt {
  std::string load_id;
  std::optional<std::string> checkpoint_json;  // none: the load has begun and committed nothing
  int64_t rows = 0;  // written by this load so far
  bool published = false;  // replace: the swap is done
};

class Receipts {
 public:
  explicit Receipts(Database& database) : database_(database) {}

  /// The newest receipt of this pipeline, stream and partition. Makes nothing.
  Result<std::optional<Receipt>> read(const sdk::StreamContext& ctx);
  /// Writes it into the open transaction; makes the table when it is absent.
  Status write(const sdk::StreamContext& ctx, const Receipt& receipt);

 private:
  Database& database_;
};

}  // namespace rapidbyte::dest_sqlite
