#pragma once
// BatchInspector: looks into batches where the host must (`--limit`, `--dry-run`). A batch comes from a guest and is
// hostile until it has been decoded with full validation; errors are INVALID_BATCH (data), or BATCH_UNSUPPORTED for
// Arrow features that the host does not decode (dictionaries, unions, views, compressed bodies). One thread at a time.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>

#include "rapidbyte/base/buffer_pool.h"
#include "rapidbyte/base/status.h"
#include "rapidbyte/engine/report/run_observer.h"

namespace rapidbyte::engine {

class BatchInspector {
 public:
  explicit BatchInspector(std::shared_ptr<BufferPool> pool);

  /// Rows in `batch`, after full validation.
  [[nodiscard]] Result<uint64_t> rows(std::span<const std::byte> batch) const;
  /// A batch of the first `count` rows of `batch`, which has more.
  [[nodiscard]] Result<PooledBuffer> first_rows(std::span<const std::byte> batch, uint64_t count) const;
  /// Adds rows of `batch` to `preview` until that has `most`; sets the columns when there are none yet.
  /// `special`: names of columns that may hold special values (docs/protocol.md, `special_values`).
  Status add_to_preview(std::span<const std::byte> batch, uint64_t most, Preview& preview,
                        const std::set<std::string>& special = {}) const;

 private:
  std::shared_ptr<BufferPool> pool_;
};

}  // namespace rapidbyte::engine
