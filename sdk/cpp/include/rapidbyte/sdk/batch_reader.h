#pragma once
// BatchReader: the columns of one batch, read in place. load() checks everything that later access relies on (message
// structure, buffer bounds, offsets, alignment), because a batch comes from another component; afterwards, values are
// read without checks. The schema is decoded again only when its message differs from the last one. Keeps a view: the
// bytes must live as long as the columns are used.

#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "rapidbyte/sdk/batch_builder.h"
#include "rapidbyte/sdk/data_type.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/host.h"

namespace rapidbyte::sdk {

/// One column of a loaded batch. `row` must be below length(), and the accessor must fit the type.
class ColumnView {
 public:
  [[nodiscard]] const DataType& type() const { return *type_; }
  [[nodiscard]] size_t length() const { return length_; }
  [[nodiscard]] bool has_nulls() const { return validity_ != nullptr; }
  [[nodiscard]] bool is_null(size_t row) const {
    return validity_ != nullptr && ((validity_[row / 8] >> (row % 8)) & 1) == 0;
  }
  /// A value of a fixed-width type: T must have the column's width.
  template <typename T>
  [[nodiscard]] T value(size_t row) const {
    T out;
    std::memcpy(&out, values_ + row * sizeof(T), sizeof(T));
    return out;
  }
  /// All values at once; those of null rows are arbitrary.
  template <typename T>
  [[nodiscard]] const T* values() const {
    return reinterpret_cast<const T*>(values_);
  }
  [[nodiscard]] bool boolean(size_t row) const { return ((values_[row / 8] >> (row % 8)) & 1) != 0; }
  /// A value of Utf8, Binary or their large forms.
  [[nodiscard]] std::string_view bytes(size_t row) const {
    const auto* data = reinterpret_cast<const char*>(values_);
    if (large_) {
      const auto* offsets = reinterpret_cast<const int64_t*>(offsets_);
      return {data + offsets[row], static_cast<size_t>(offsets[row + 1] - offsets[row])};
    }
    const auto* offsets = reinterpret_cast<const int32_t*>(offsets_);
    return {data + offsets[row], static_cast<size_t>(offsets[row + 1] - offsets[row])};
  }
  /// A value of FixedSizeBinary.
  [[nodiscard]] std::string_view fixed(size_t row) const {
    const auto width = static_cast<size_t>(type_->byte_width);
    return {reinterpret_cast<const char*>(values_) + row * width, width};
  }
  /// Any integer type, widened; UInt64 beyond the range of int64 wraps. Also dates, times and timestamps.
  [[nodiscard]] int64_t integer(size_t row) const;
  /// Exact text of a decimal, with its scale: "-12.340".
  [[nodiscard]] std::string decimal_text(size_t row) const;
  /// The value as JSON: null, booleans, numbers, text; decimals, dates, times and binary (hex) as text.
  [[nodiscard]] Json json(size_t row) const;
  /// The raw buffers, for passing the column on unchanged.
  [[nodiscard]] ColumnBuffers buffers() const;

 private:
  friend class BatchReader;
  const DataType* type_ = nullptr;
  const uint8_t* validity_ = nullptr;
  const uint8_t* offsets_ = nullptr;
  const uint8_t* values_ = nullptr;
  size_t values_size_ = 0;
  size_t length_ = 0;
  int64_t null_count_ = 0;
  bool large_ = false;
};

class BatchReader {
 public:
  BatchReader();
  BatchReader(BatchReader&&) noexcept;
  BatchReader& operator=(BatchReader&&) noexcept;
  ~BatchReader();

  /// Reads one batch; the columns of the previous one become invalid. INVALID_BATCH (data) says what is wrong;
  /// UNSUPPORTED_SCHEMA (schema) names a column whose type the SDK does not know.
  Status load(std::span<const uint8_t> batch);
  Status load(const Bytes& batch) { return load(batch.span()); }

  [[nodiscard]] const Schema& schema() const;
  /// Grows by one whenever load() meets a schema that differs from the previous one (the first is 1): lets callers
  /// cache what they derive from it.
  [[nodiscard]] uint64_t schema_version() const;
  [[nodiscard]] size_t rows() const;
  [[nodiscard]] size_t column_count() const;
  [[nodiscard]] const ColumnView& column(size_t index) const;
  /// Whether the column has a value that is not null. A column of only nulls fits every target type.
  [[nodiscard]] bool has_values(size_t index) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The number of rows of a batch, from its header alone: the columns are neither decoded nor checked. INVALID_BATCH
/// (data).
Result<uint64_t> count_rows(std::span<const uint8_t> batch);

}  // namespace rapidbyte::sdk
