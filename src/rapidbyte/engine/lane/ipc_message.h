#pragma once
// IpcMessageReader: walks the messages of an Arrow IPC stream without trusting a byte of it and without decoding
// values. It gives the row count of a batch in about a microsecond, and checks the numbers (lengths, offsets) that
// nanoarrow's arithmetic relies on before nanoarrow sees them. Pure functions of their input; any thread.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "rapidbyte/base/status.h"

namespace rapidbyte::engine {

/// Maximum number of rows in one record batch. 2^31 - 1: Arrow's own limit for exchange between languages; it keeps
/// every product of a length and a width within 64 bits.
inline constexpr uint64_t kMaxRowsPerBatch = (uint64_t{1} << 31U) - 1;

enum class IpcMessageKind : uint8_t { kSchema, kDictionary, kRecordBatch, kOther };

struct IpcMessage {
  IpcMessageKind kind = IpcMessageKind::kOther;
  /// From the beginning of the message to the end of the metadata.
  std::span<const std::byte> metadata;
  std::span<const std::byte> body;
  uint64_t rows = 0;  // of a record batch
  bool buffers_aligned = true;  // of a record batch: they all lie on 8 bytes within the body
};

class IpcMessageReader {
 public:
  /// `stream` must outlive the reader and its messages.
  /// `deep`: checks schemas as well, as is needed before nanoarrow decodes them, and refuses what nanoarrow cannot
  /// read: messages without the continuation marker, as Arrow wrote them before 0.15. Counting rows needs neither.
  IpcMessageReader(std::span<const std::byte> stream, bool deep) : rest_(stream), deep_(deep) {}
  /// The next message, nullopt at the end marker or the end of the bytes. INVALID_BATCH (data). Of a record batch all
  /// lengths and buffer positions are checked: at most kMaxRowsPerBatch, and within the body.
  Result<std::optional<IpcMessage>> next();

 private:
  std::span<const std::byte> rest_;
  bool deep_;
};

/// Rows of all record batches, also of what the host does not decode: dictionaries, compressed bodies, unknown types.
/// INVALID_BATCH (data) when the bytes are not a valid IPC stream or have no schema.
[[nodiscard]] Result<uint64_t> count_rows(std::span<const std::byte> stream);

}  // namespace rapidbyte::engine
