// Arrow IPC from a guest: the host's inspector and message reader, and the SDK's reader, which must agree on what they
// both take.

#include <memory>
#include <vector>

#include "fuzz_input.h"
#include "rapidbyte/engine/lane/batch_inspector.h"
#include "rapidbyte/engine/lane/ipc_message.h"
#include "rapidbyte/sdk/batch_reader.h"

using namespace rapidbyte;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Separate memory, so that reading beyond the end is noticed.
  const std::vector<uint8_t> copy(data, data + size);
  const auto bytes = std::as_bytes(std::span(copy));
  static const auto pool = std::make_shared<BufferPool>(size_t{1} << 20U);
  const engine::BatchInspector inspector(pool);

  const auto counted = engine::count_rows(bytes);
  const auto rows = inspector.rows(bytes);
  if (rows.ok()) {
    fuzz::check(counted.ok() && *counted == *rows, "the quick count of rows is that of the full validation");
    engine::Preview preview;
    fuzz::check(inspector.add_to_preview(bytes, 5, preview).ok() || *rows > 0, "an empty batch can be shown");
    if (*rows > 1) {
      auto first = inspector.first_rows(bytes, *rows / 2);
      if (first.ok()) {
        const auto again = inspector.rows(first->bytes());
        fuzz::check(again.ok() && *again == *rows / 2, "the first rows of a batch are a batch of so many rows");
      }
    }
  }
  sdk::BatchReader reader;
  if (!reader.load(std::span<const uint8_t>(copy)).ok()) return 0;
  if (rows.ok()) fuzz::check(reader.rows() == *rows, "host and SDK see the same rows");
  const size_t most = std::min<size_t>(reader.rows(), 64);
  for (size_t column = 0; column < reader.column_count(); ++column) {
    for (size_t row = 0; row < most; ++row) (void)sdk::to_text(reader.column(column).json(row));
  }
  return 0;
}
