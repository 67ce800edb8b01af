#include "rapidbyte/sdk/batch_builder.h"

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"

namespace rapidbyte::sdk {

ColumnBuilder::ColumnBuilder(const DataType& type)
    : type_(type), width_(type.value_width()), variable_(type.is_variable()), large_(type.is_large()) {
  clear();
}

void ColumnBuilder::clear() {
  length_ = 0;
  null_count_ = 0;
  validity_.clear();
  values_.clear();
  offsets_.clear();
  if (variable_) push_offset();
}

void ColumnBuilder::append_null() {
  const size_t byte = length_ / 8;
  if (byte >= validity_.size()) validity_.resize_filled(byte + 1, 0xFF);
  validity_.data()[byte] = static_cast<uint8_t>(validity_.data()[byte] & ~(1U << (length_ % 8)));
  ++null_count_;
  if (variable_) {
    push_offset();
  } else if (width_ != 0) {
    values_.append_filled(width_, 0);
  } else if (byte >= values_.size()) {
    values_.push(uint8_t{0});
  }
  ++length_;
}

void ColumnBuilder::truncate(size_t length) {
  if (length >= length_) return;
  for (size_t row = length; row < length_ && row / 8 < validity_.size(); ++row) {
    uint8_t& byte = validity_.data()[row / 8];
    const auto bit = static_cast<uint8_t>(1U << (row % 8));
    if ((byte & bit) == 0) --null_count_;
    byte = static_cast<uint8_t>(byte | bit);
  }
  length_ = length;
  if (variable_) {
    const size_t width = large_ ? 8 : 4;
    offsets_.truncate((length + 1) * width);
    int64_t end = 0;
    if (large_) {
      std::memcpy(&end, offsets_.data() + length * 8, 8);
    } else {
      int32_t narrow = 0;
      std::memcpy(&narrow, offsets_.data() + length * 4, 4);
      end = narrow;
    }
    values_.truncate(static_cast<size_t>(end));
  } else if (width_ != 0) {
    values_.truncate(length * width_);
  } else {
    values_.truncate((length + 7) / 8);
    // append_bool() only sets bits.
    if (length % 8 != 0) {
      uint8_t& last = values_.data()[length / 8];
      last = static_cast<uint8_t>(last & ((1U << (length % 8)) - 1));
    }
  }
}

ColumnBuffers ColumnBuilder::buffers() {
  ColumnBuffers out;
  out.null_count = null_count_;
  if (null_count_ != 0) {
    const size_t bitmap = (length_ + 7) / 8;
    if (validity_.size() < bitmap) validity_.resize_filled(bitmap, 0xFF);
    out.validity = validity_.span().first(bitmap);
  }
  out.offsets = offsets_.span();
  out.values = values_.span();
  return out;
}

BatchBuilder::BatchBuilder(IpcEncoder encoder, std::vector<ColumnBuilder> columns)
    : encoder_(std::move(encoder)), columns_(std::move(columns)), buffers_(columns_.size()) {}

Result<BatchBuilder> BatchBuilder::make(Schema schema) {
  std::vector<ColumnBuilder> columns;
  columns.reserve(schema.size());
  for (const Field& field : schema.fields) columns.emplace_back(field.type);
  RB_SDK_ASSIGN_OR_RETURN(IpcEncoder encoder, IpcEncoder::make(std::move(schema)));
  return BatchBuilder(std::move(encoder), std::move(columns));
}

void BatchBuilder::discard_row() {
  for (ColumnBuilder& column : columns_) column.truncate(rows_);
}

size_t BatchBuilder::byte_size() const {
  size_t total = 0;
  for (const ColumnBuilder& column : columns_) total += column.byte_size();
  return total;
}

namespace {

/// Whether the buffers hold exactly `rows` values: this catches an append of the wrong width.
bool fits(const DataType& type, const ColumnBuffers& buffers, size_t rows) {
  if (type.id == TypeId::kBoolean) return buffers.values.size() == (rows + 7) / 8;
  if (!type.is_variable()) return buffers.values.size() == rows * type.value_width();
  if (buffers.offsets.size() != (rows + 1) * (type.is_large() ? 8 : 4)) return false;
  // 32-bit offsets wrap beyond 2 GiB of text.
  return type.is_large() || buffers.values.size() <= static_cast<size_t>(INT32_MAX);
}

}  // namespace

Result<std::span<const uint8_t>> BatchBuilder::finish() {
  for (size_t i = 0; i < columns_.size(); ++i) {
    ColumnBuilder& column = columns_[i];
    buffers_[i] = column.buffers();
    if (column.length() == rows_ && fits(column.type(), buffers_[i], rows_)) continue;
    return internal_error(codes::kInvalidColumn, "column `" + schema().fields[i].name + "` (" + column.type().name() +
                                                     ") got " + std::to_string(column.length()) + " values of " +
                                                     std::to_string(buffers_[i].values.size()) + " bytes for " +
                                                     std::to_string(rows_) + " rows");
  }
  auto encoded = encoder_.encode(static_cast<int64_t>(rows_), buffers_);
  if (encoded.ok()) reset();
  return encoded;
}

Status BatchBuilder::emit() {
  if (empty()) return {};
  RB_SDK_ASSIGN_OR_RETURN(const std::span<const uint8_t> batch, finish());
  return host::emit_batch(batch);
}

void BatchBuilder::reset() {
  for (ColumnBuilder& column : columns_) column.clear();
  rows_ = 0;
}

bool is_valid_utf8(std::string_view text) {
  const auto* at = reinterpret_cast<const uint8_t*>(text.data());
  const uint8_t* const end = at + text.size();
  while (at < end) {
    if (end - at >= 8) {
      uint64_t word = 0;
      std::memcpy(&word, at, 8);
      if ((word & 0x8080808080808080ULL) == 0) {
        at += 8;
        continue;
      }
    }
    const uint8_t lead = *at;
    if (lead < 0x80) {
      ++at;
      continue;
    }
    // Continuation bytes needed, and the range of the first of them: overlong forms, surrogates and code points above
    // U+10FFFF differ from the legal ones there.
    const int more = lead >= 0xC2 && lead <= 0xDF   ? 1
                     : (lead & 0xF0) == 0xE0        ? 2
                     : lead >= 0xF0 && lead <= 0xF4 ? 3
                                                    : 0;
    if (more == 0 || end - at <= more) return false;
    const uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (at[1] < low || at[1] > high) return false;
    for (int i = 2; i <= more; ++i) {
      if ((at[i] & 0xC0) != 0x80) return false;
    }
    at += more + 1;
  }
  return true;
}

}  // namespace rapidbyte::sdk
