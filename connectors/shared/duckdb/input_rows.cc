#include "connectors/shared/duckdb/input_rows.h"

#include <nanoarrow/nanoarrow.h>

#include <algorithm>

#include "rapidbyte/sdk/arrow_c.h"

namespace rapidbyte::duck {

sdk::Status RowsOfBatch::begin_scan(size_t scan) {
  given_.resize(std::max(given_.size(), scan + 1), false);
  return {};
}

sdk::Result<bool> RowsOfBatch::next(size_t scan, ArrowArray* out) {
  if (given_[scan]) return false;
  given_[scan] = true;
  sdk::export_batch(batch_, begin_, rows_, out);
  return true;
}

}  // namespace rapidbyte::duck
