#include "column_store.h"

namespace rapidbyte::source_postgres {

ColumnStore::ColumnStore(const sdk::DataType& type, size_t max_rows)
    : width_(type.value_width()), variable_(type.is_variable()) {
  const size_t bitmap = (max_rows + 7) / 8;
  validity_ = std::make_unique_for_overwrite<uint8_t[]>(bitmap);
  std::memset(validity_.get(), 0xFF, bitmap);
  if (variable_) {
    offsets_ = std::make_unique_for_overwrite<int32_t[]>(max_rows + 1);
    offsets_[0] = 0;
  } else if (width_ != 0) {
    values_ = std::make_unique_for_overwrite<uint8_t[]>(max_rows * width_);
  } else {
    values_ = std::make_unique<uint8_t[]>(bitmap);
  }
}

void ColumnStore::set_null(size_t row) {
  validity_[row / 8] = static_cast<uint8_t>(validity_[row / 8] & ~(1U << (row % 8)));
  ++null_count_;
  if (variable_) {
    offsets_[row + 1] = static_cast<int32_t>(text_.size());
  } else if (width_ != 0) {
    std::memset(values_.get() + row * width_, 0, width_);
  }
}

void ColumnStore::take_back(size_t row) {
  const auto bit = static_cast<uint8_t>(1U << (row % 8));
  uint8_t& valid = validity_[row / 8];
  if ((valid & bit) == 0) --null_count_;
  valid = static_cast<uint8_t>(valid | bit);
  if (variable_) {
    text_.truncate(static_cast<size_t>(offsets_[row]));
  } else if (width_ == 0) {
    values_[row / 8] = static_cast<uint8_t>(values_[row / 8] & ~bit);
  }
}

void ColumnStore::clear(size_t rows) {
  const size_t bitmap = (rows + 7) / 8;
  if (null_count_ != 0) std::memset(validity_.get(), 0xFF, bitmap);
  if (!variable_ && width_ == 0) std::memset(values_.get(), 0, bitmap);
  null_count_ = 0;
  text_.clear();
}

sdk::ColumnBuffers ColumnStore::buffers(size_t rows) const {
  const size_t bitmap = (rows + 7) / 8;
  sdk::ColumnBuffers out;
  out.null_count = null_count_;
  if (null_count_ != 0) out.validity = {validity_.get(), bitmap};
  if (variable_) {
    out.offsets = {reinterpret_cast<const uint8_t*>(offsets_.get()), (rows + 1) * sizeof(int32_t)};
    out.values = text_.span();
  } else {
    out.values = {values_.get(), width_ != 0 ? rows * width_ : bitmap};
  }
  return out;
}

}  // namespace rapidbyte::source_postgres
