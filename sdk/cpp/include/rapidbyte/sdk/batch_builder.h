#pragma once
// BatchBuilder: turns rows into columns, and columns into one batch. A row is one append to every column and then
// end_row(); a row that turns out bad halfway is taken back with discard_row(). Alternatively, fill one column after
// the other and then call end_rows(n). Appends are inlined, without a call or a type switch per value: the author picks
// the append that fits the column's type once, and finish() refuses columns whose buffers do not match. The next batch
// reuses the buffers.

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

#include "rapidbyte/sdk/byte_buffer.h"
#include "rapidbyte/sdk/data_type.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/ipc_encoder.h"

namespace rapidbyte::sdk {

/// Months, days and nanoseconds, as Arrow stores Interval(MonthDayNano).
struct MonthDayNano {
  int32_t months = 0;
  int32_t days = 0;
  int64_t nanoseconds = 0;
  bool operator==(const MonthDayNano&) const = default;
};

/// Two's complement, least significant word first, as Arrow stores decimals (unscaled value).
struct Decimal128Words {
  uint64_t words[2] = {0, 0};
  bool operator==(const Decimal128Words&) const = default;
};
struct Decimal256Words {
  uint64_t words[4] = {0, 0, 0, 0};
  bool operator==(const Decimal256Words&) const = default;
};

class ColumnBuilder {
 public:
  explicit ColumnBuilder(const DataType& type);

  /// One value of a fixed-width type: T must have the column's width (int32_t for Int32, Date32 and Time32; int64_t for
  /// Int64, Time64 and Timestamp; Decimal128Words; MonthDayNano ...).
  template <typename T>
  void append(T value) {
    values_.push(value);
    ++length_;
  }
  void append_bool(bool value) {
    const size_t byte = length_ / 8;
    if (byte >= values_.size()) values_.push(uint8_t{0});
    values_.data()[byte] = static_cast<uint8_t>(values_.data()[byte] | (uint8_t{value} << (length_ % 8)));
    ++length_;
  }
  /// One value of Utf8, Binary or their large forms. Text is not checked for valid UTF-8: see is_valid_utf8().
  void append_bytes(std::string_view value) {
    values_.append(value.data(), value.size());
    push_offset();
    ++length_;
  }
  /// One value of FixedSizeBinary: exactly the type's width.
  void append_fixed(const void* bytes) {
    values_.append(bytes, width_);
    ++length_;
  }
  void append_null();

  /// Many values without nulls.
  template <typename T>
  void append_values(std::span<const T> values) {
    values_.append(values.data(), values.size_bytes());
    length_ += values.size();
  }

  [[nodiscard]] const DataType& type() const { return type_; }
  [[nodiscard]] size_t length() const { return length_; }
  [[nodiscard]] int64_t null_count() const { return null_count_; }
  /// Total bytes in all buffers so far.
  [[nodiscard]] size_t byte_size() const { return validity_.size() + offsets_.size() + values_.size(); }
  /// Takes back everything after the first `length` values.
  void truncate(size_t length);
  void clear();
  /// The buffers, borrowed until the next append or clear.
  [[nodiscard]] ColumnBuffers buffers();

 private:
  void push_offset() {
    if (large_) {
      offsets_.push(static_cast<int64_t>(values_.size()));
    } else {
      offsets_.push(static_cast<int32_t>(values_.size()));
    }
  }

  DataType type_;
  uint32_t width_ = 0;
  bool variable_ = false;
  bool large_ = false;
  size_t length_ = 0;
  int64_t null_count_ = 0;
  ByteBuffer validity_;  // filled with ones up to the last null seen; completed by buffers()
  ByteBuffer offsets_;
  ByteBuffer values_;
};

class BatchBuilder {
 public:
  /// UNSUPPORTED_SCHEMA (schema).
  static Result<BatchBuilder> make(Schema schema);

  [[nodiscard]] const Schema& schema() const { return encoder_.schema(); }
  [[nodiscard]] ColumnBuilder& column(size_t index) { return columns_[index]; }
  [[nodiscard]] size_t column_count() const { return columns_.size(); }

  /// Ends a row: every column must have received exactly one value (checked by finish()).
  void end_row() { ++rows_; }
  /// Ends `count` rows at once.
  void end_rows(size_t count) { rows_ += count; }
  /// Takes back the values of a row that has not been ended.
  void discard_row();

  [[nodiscard]] size_t rows() const { return rows_; }
  [[nodiscard]] bool empty() const { return rows_ == 0; }
  /// Bytes of all column buffers: within a few hundred bytes of the encoded size. Costs a walk over the columns.
  [[nodiscard]] size_t byte_size() const;

  /// The batch as IPC bytes, valid until the next finish(). Afterwards the builder is empty and keeps its memory.
  /// Without rows the result is an empty batch, which is legal but rarely what you want. INVALID_COLUMN (internal).
  Result<std::span<const uint8_t>> finish();
  /// finish() and emit_batch() in one; does nothing when there are no rows.
  Status emit();
  void reset();

 private:
  BatchBuilder(IpcEncoder encoder, std::vector<ColumnBuilder> columns);

  IpcEncoder encoder_;
  std::vector<ColumnBuilder> columns_;
  std::vector<ColumnBuffers> buffers_;
  size_t rows_ = 0;
};

/// Whether `text` is well-formed UTF-8 (no surrogates, no overlong forms).
bool is_valid_utf8(std::string_view text);

}  // namespace rapidbyte::sdk
