#pragma once
// ColumnStore: the Arrow buffers of one column of the batch being built. Rows are written in place at an index that the
// caller counts; room for the most rows that a batch can have is allocated once, so that fixed-width values are stored
// without a check. Texts grow. Buffers are reused from batch to batch.

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

#include "column_type.h"
#include "rapidbyte/sdk/byte_buffer.h"
#include "rapidbyte/sdk/ipc_encoder.h"

namespace rapidbyte::source_postgres {

class ColumnStore {
 public:
  /// `max_rows`: of a batch.
  ColumnStore(const sdk::DataType& type, size_t max_rows);

  /// The value of a fixed-width type: T has the column's width.
  template <typename T>
  void set(size_t row, T value) {
    std::memcpy(values_.get() + row * sizeof(T), &value, sizeof(T));
  }
  void set_bool(size_t row, bool value) {
    uint8_t& byte = values_[row / 8];
    byte = static_cast<uint8_t>(byte | (uint8_t{value} << (row % 8)));
  }
  /// Room for `size` bytes of text after the current content; end_text() says how many were used.
  uint8_t* text_room(size_t size) {
    text_.reserve(size);
    return text_.data() + text_.size();
  }
  void end_text(size_t row, size_t size) {
    text_.resize(text_.size() + size);
    offsets_[row + 1] = static_cast<int32_t>(text_.size());
  }
  void set_null(size_t row);
  /// Removes the value or null at `row`, which is the newest.
  void take_back(size_t row);
  /// Ready for the next batch.
  void clear(size_t rows);

  [[nodiscard]] size_t text_size() const { return text_.size(); }
  /// Borrowed until clear().
  [[nodiscard]] sdk::ColumnBuffers buffers(size_t rows) const;

 private:
  size_t width_;  // 0: text, or bits
  bool variable_;
  int64_t null_count_ = 0;
  std::unique_ptr<uint8_t[]> values_;  // bits of Booleans are zero where none was set
  std::unique_ptr<int32_t[]> offsets_;
  std::unique_ptr<uint8_t[]> validity_;  // ones where no null was set
  sdk::ByteBuffer text_;
};

}  // namespace rapidbyte::source_postgres
