#pragma once
// ColumnWriter: parses one column of a RecordBlock, field by field straight from the input buffer, into Arrow buffers.
// The type is switched on once per block. A value that does not fit is reported and is null until the caller has
// removed the block (truncate). One object per column and stream; memory is reused by the next batch.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "field_text.h"
#include "rapidbyte/sdk/byte_buffer.h"
#include "rapidbyte/sdk/data_type.h"
#include "rapidbyte/sdk/ipc_encoder.h"
#include "record_block.h"

namespace rapidbyte::source_file {

/// What is known about a column before it is read.
struct ColumnSpec {
  std::string name;
  sdk::DataType type;
  /// The user has set the type: spellings such as 007 or +5 are accepted, too.
  bool set_by_user = false;
  std::string pattern;  // strptime style, for dates and timestamps; empty: ISO
};

/// Whether this connector can produce values of `type`; otherwise a message lists the types that it can.
bool is_supported_type(const sdk::DataType& type);

class ColumnWriter {
 public:
  /// `rules` must outlive the writer.
  ColumnWriter(ColumnSpec spec, const FieldRules& rules);

  /// Appends the values of field `column` of the given rows, in that order. `data` is the block's buffer.
  void append(const char* data, const RecordBlock& block, uint32_t column, std::span<const uint32_t> rows,
              std::vector<RecordProblem>& problems);
  void append_nulls(size_t count);

  [[nodiscard]] const ColumnSpec& spec() const { return spec_; }
  [[nodiscard]] size_t length() const { return valid_.size(); }
  [[nodiscard]] size_t byte_size() const { return values_.size() + offsets_.size() + valid_.size() / 8; }
  /// Upper bound of the bytes that `rows` more values whose text has `text_bytes` bytes add.
  [[nodiscard]] size_t bytes_needed(size_t rows, size_t text_bytes) const;
  void truncate(size_t length);
  void clear();
  /// Arrow's layout, borrowed until the next change.
  [[nodiscard]] sdk::ColumnBuffers buffers();

  [[nodiscard]] bool is_null(size_t row) const { return valid_.data()[row] == 0; }
  template <typename T>
  [[nodiscard]] T value(size_t row) const {
    T out;
    std::memcpy(&out, values_.data() + row * sizeof(T), sizeof(T));
    return out;
  }
  [[nodiscard]] std::string_view text(size_t row) const;

 private:
  /// `fast` is tried first and may return false for anything.
  template <typename T, typename Fast, typename Parse>
  void append_fixed(const char* data, const RecordBlock& block, uint32_t column, std::span<const uint32_t> rows,
                    std::vector<RecordProblem>& problems, const Fast& fast, const Parse& parse);
  template <typename T>
  void append_integers(const char* data, const RecordBlock& block, uint32_t column, std::span<const uint32_t> rows,
                       std::vector<RecordProblem>& problems);
  void append_text(const char* data, const RecordBlock& block, uint32_t column, std::span<const uint32_t> rows);
  void append_times(const char* data, const RecordBlock& block, uint32_t column, std::span<const uint32_t> rows,
                    std::vector<RecordProblem>& problems);

  ColumnSpec spec_;
  const FieldRules* rules_;
  bool variable_ = false;
  size_t null_count_ = 0;
  sdk::ByteBuffer valid_;  // a byte per row, packed to bits by buffers()
  sdk::ByteBuffer values_;  // booleans: a byte per row, too
  sdk::ByteBuffer offsets_;  // rows + 1 of int32 for text
  sdk::ByteBuffer packed_valid_;
  sdk::ByteBuffer packed_values_;
  std::string scratch_;
};

}  // namespace rapidbyte::source_file
