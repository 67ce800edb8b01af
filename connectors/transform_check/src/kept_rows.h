#pragma once
// Some rows of a batch as a batch of their own, with every byte of them as it was: what is checked is not changed.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "rapidbyte/sdk/arrow.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::transform_check {

class KeptRows {
 public:
  /// `keep`: one byte for each row of `batch`, not 0 for those that stay; at least one does. The result is valid until
  /// the next call.
  sdk::Result<std::span<const uint8_t>> encode(const sdk::BatchReader& batch, std::span<const uint8_t> keep);

 private:
  struct Column {
    std::vector<uint8_t> validity;
    std::vector<uint8_t> offsets;
    std::vector<uint8_t> values;
  };
  static sdk::ColumnBuffers copy(const sdk::ColumnView& column, std::span<const size_t> rows, Column& out);

  std::optional<sdk::IpcEncoder> encoder_;
  uint64_t schema_version_ = 0;
  std::vector<Column> columns_;
  std::vector<sdk::ColumnBuffers> buffers_;
  std::vector<size_t> rows_;
};

}  // namespace rapidbyte::transform_check
