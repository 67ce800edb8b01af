#pragma once
// IpcEncoder: turns column buffers into the bytes of one batch (an Arrow IPC stream: schema, one record batch, end
// marker). The schema message is encoded once; each batch costs one copy of the column buffers into a buffer that is
// reused. Use it directly if you fill column buffers yourself; BatchBuilder uses it too.

#include <cstdint>
#include <memory>
#include <span>

#include "rapidbyte/sdk/data_type.h"
#include "rapidbyte/sdk/error.h"

struct ArrowArray;

namespace rapidbyte::sdk {

/// The finished buffers of one column in Arrow's layout, borrowed. `validity` empty: no nulls. `offsets` (rows + 1 of 4
/// or 8 bytes, starting at 0) only for variable-length types; `values` holds the bits, values or bytes.
struct ColumnBuffers {
  std::span<const uint8_t> validity;
  std::span<const uint8_t> offsets;
  std::span<const uint8_t> values;
  int64_t null_count = 0;
};

class IpcEncoder {
 public:
  /// UNSUPPORTED_SCHEMA (schema) when the schema has no IPC form.
  static Result<IpcEncoder> make(Schema schema);
  IpcEncoder(IpcEncoder&&) noexcept;
  IpcEncoder& operator=(IpcEncoder&&) noexcept;
  ~IpcEncoder();

  [[nodiscard]] const Schema& schema() const;

  /// Encodes one batch of `rows`. The result is valid until the next call. INVALID_COLUMN (internal) names the column
  /// whose buffers do not match `rows` and its type: this catches a row that got a value too many or too few.
  Result<std::span<const uint8_t>> encode(int64_t rows, std::span<const ColumnBuffers> columns);

 private:
  struct Impl;
  explicit IpcEncoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// Encodes a struct array made by nanoarrow (or by anything that speaks Arrow's C data interface). Does not release
/// `array`.
Result<std::span<const uint8_t>> encode_ipc(IpcEncoder& encoder, const ArrowArray& array);

}  // namespace rapidbyte::sdk
