#include "connectors/transform_check/src/kept_rows.h"

#include <cstring>
#include <string_view>

namespace rapidbyte::transform_check {

using sdk::BatchReader;
using sdk::ColumnBuffers;
using sdk::ColumnView;
using sdk::Result;
using sdk::TypeId;

namespace {

void set_bit(std::vector<uint8_t>& bits, size_t at) {
  bits[at / 8] = static_cast<uint8_t>(bits[at / 8] | (1U << (at % 8)));
}

template <typename Offset>
void copy_texts(const ColumnView& column, std::span<const size_t> rows, std::vector<uint8_t>& offsets,
                std::vector<uint8_t>& values) {
  offsets.resize((rows.size() + 1) * sizeof(Offset));
  values.clear();
  Offset end = 0;
  for (size_t i = 0; i <= rows.size(); ++i) {
    std::memcpy(offsets.data() + i * sizeof(Offset), &end, sizeof(Offset));
    if (i == rows.size()) break;
    if (column.is_null(rows[i])) continue;
    const std::string_view bytes = column.bytes(rows[i]);
    values.insert(values.end(), bytes.begin(), bytes.end());
    end = static_cast<Offset>(end + static_cast<Offset>(bytes.size()));
  }
}

}  // namespace

ColumnBuffers KeptRows::copy(const ColumnView& column, std::span<const size_t> rows, Column& out) {
  ColumnBuffers buffers;
  if (column.has_nulls()) {
    out.validity.assign((rows.size() + 7) / 8, 0);
    for (size_t i = 0; i < rows.size(); ++i) {
      if (column.is_null(rows[i])) {
        ++buffers.null_count;
      } else {
        set_bit(out.validity, i);
      }
    }
    if (buffers.null_count > 0) buffers.validity = out.validity;
  }
  if (column.type().is_variable()) {
    if (column.type().is_large()) {
      copy_texts<int64_t>(column, rows, out.offsets, out.values);
    } else {
      copy_texts<int32_t>(column, rows, out.offsets, out.values);
    }
    buffers.offsets = out.offsets;
  } else if (column.type().id == TypeId::kBoolean) {
    out.values.assign((rows.size() + 7) / 8, 0);
    for (size_t i = 0; i < rows.size(); ++i) {
      if (column.boolean(rows[i])) set_bit(out.values, i);
    }
  } else {
    const size_t width = column.type().value_width();
    const uint8_t* values = column.values<uint8_t>();
    out.values.resize(rows.size() * width);
    for (size_t i = 0; i < rows.size(); ++i)
      std::memcpy(out.values.data() + i * width, values + rows[i] * width, width);
  }
  buffers.values = out.values;
  return buffers;
}

Result<std::span<const uint8_t>> KeptRows::encode(const BatchReader& batch, std::span<const uint8_t> keep) {
  if (!encoder_ || batch.schema_version() != schema_version_) {
    RB_SDK_ASSIGN_OR_RETURN(encoder_, sdk::IpcEncoder::make(batch.schema()));
    schema_version_ = batch.schema_version();
  }
  rows_.clear();
  for (size_t row = 0; row < keep.size(); ++row) {
    if (keep[row] != 0) rows_.push_back(row);
  }
  columns_.resize(batch.column_count());
  buffers_.clear();
  for (size_t i = 0; i < batch.column_count(); ++i) buffers_.push_back(copy(batch.column(i), rows_, columns_[i]));
  return encoder_->encode(static_cast<int64_t>(rows_.size()), buffers_);
}

}  // namespace rapidbyte::transform_check
