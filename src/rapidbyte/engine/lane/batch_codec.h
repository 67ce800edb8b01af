#pragma once
// lz4 and zstd for queued batches: BatchQueue compresses a batch before it waits and decompresses it afterwards. A
// BatchCodec belongs to one thread at a time (it owns the libraries' contexts, which are expensive to make); buffers
// come from the run's pool. The compressed form never leaves the process, but is checked as if it came from outside:
// sizes first, then checksums.

#include <cstddef>
#include <memory>
#include <span>

#include "rapidbyte/base/buffer_pool.h"
#include "rapidbyte/base/status.h"
#include "rapidbyte/pipeline/types.h"

namespace rapidbyte::engine {

/// Bytes before the codec's own frame: magic, codec, original size.
inline constexpr size_t kPackedHeaderBytes = 16;

class BatchCodec {
 public:
  explicit BatchCodec(std::shared_ptr<BufferPool> pool);
  ~BatchCodec();
  BatchCodec(BatchCodec&&) noexcept;
  BatchCodec& operator=(BatchCodec&&) noexcept;

  /// Header and compressed frame, in a buffer of about that size. kNone stores the bytes as they are.
  /// COMPRESSION_FAILED.
  [[nodiscard]] Result<PooledBuffer> pack(pipeline::Compression codec, std::span<const std::byte> bytes);
  /// The original bytes. DECOMPRESSION_FAILED (data) when the input is truncated, changed or not of this form;
  /// BATCH_TOO_LARGE when it claims more than `max_bytes`, before any memory is allocated.
  [[nodiscard]] Result<PooledBuffer> unpack(std::span<const std::byte> packed, size_t max_bytes);

 private:
  struct Contexts;
  std::shared_ptr<BufferPool> pool_;
  std::unique_ptr<Contexts> contexts_;
};

}  // namespace rapidbyte::engine
