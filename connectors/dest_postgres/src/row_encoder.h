#pragma once
// RowEncoder: batches of Arrow columns as rows of COPY, in binary or in text format, and as binary arrays for INSERT.
// load() works column by column: it converts values whose type differs from the table's column and finds every row that
// cannot be stored (column_check.h), so that encode(), the inner loop of the connector, has nothing left to refuse. It
// appends to the connection's own buffer; per row there is no allocation and no call per value. Batches of common types
// go column by column (row_block.h), others value by value. The loaded batch must live until its rows are encoded. Pure
// code: no socket.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rapidbyte/sdk/batch_reader.h"
#include "rapidbyte/sdk/byte_buffer.h"
#include "src/binary_text.h"
#include "src/column_plan.h"
#include "src/column_source.h"
#include "src/conversion.h"
#include "src/row_block.h"

namespace rapidbyte::dest_postgres {

class RowEncoder {
 public:
  /// Adopts the decisions for a schema; `plan` must outlive their use.
  void use(const TargetPlan& plan);

  /// Prepares the columns that the plan names. Rows that cannot be stored are in refused(), by row, each once.
  /// `first_row_number`: of the batch's first row, when rows are numbered.
  void load(const sdk::BatchReader& batch, int64_t first_row_number);
  [[nodiscard]] const std::vector<RefusedRow>& refused() const { return refused_; }
  /// A value of the loaded batch has no binary form that we produce: it can only be encoded in text format.
  [[nodiscard]] bool needs_text() const { return needs_text_; }
  /// Leaves a row out from now on.
  void skip(size_t row);
  [[nodiscard]] bool is_skipped(size_t row) const { return any_skipped_ && skipped_[row] != 0; }
  [[nodiscard]] bool any_skipped() const { return any_skipped_; }

  /// Appends rows from `begin` until `end`, or until `out` has `soft_limit` bytes; returns the row after the last one.
  size_t encode(size_t begin, size_t end, sdk::ByteBuffer& out, size_t soft_limit);
  /// Appends the rows [begin, end) of one column (an index of the plan) to `out`, a one-dimensional array of type
  /// `element`, which is started when `out` is empty. Requires binary format; columns without their own binary form are
  /// sent as texts.
  void encode_array(size_t column, size_t begin, size_t end, Oid element, sdk::ByteBuffer& out) const;
  /// The same with the row numbers of [begin, end), as an array of int8.
  void encode_row_numbers(size_t begin, size_t end, sdk::ByteBuffer& out) const;

  /// What precedes the first row and follows the last one; empty in text format.
  static std::string_view header(RowFormat format);
  static std::string_view trailer(RowFormat format);

 private:
  /// How the values of a column are sent.
  enum class Op : uint8_t {
    kBool,
    kFixed2,  // the same bits, in the opposite byte order
    kFixed4,
    kFixed8,
    kWiden2,  // integers of another width
    kWiden4,
    kWiden8,
    kFloatToDouble,
    kDate,
    kTimestampMicros,
    kTimestamp,
    kTime,
    kInterval,
    kDecimal128,
    kDecimal256,
    kIntegerToNumeric,
    kUInt64ToNumeric,
    kNumericText,
    kBytes,
    kLargeBytes,
    kFixedBytes,
    kJsonb,
    kUuidText,
    // Text format only.
    kIntegerText,
    kUnsignedText,
    kFloatText,
    kDoubleText,
    kFloatToDoubleText,
    kDateText,
    kTimeText,
    kTimestampText,
    kIntervalText,
    kDecimalText,
    kEscapedText,
    kEscapedBytes,
  };
  struct Column {
    Op op = Op::kFixed8;
    bool special_values = false;
    bool is_variable = false;
    size_t fixed_bound = 0;  // the most bytes of a value, length included; for variable ones only their head
    ColumnSource source;
  };

  /// Makes the converted values the column's source.
  void convert(const ColumnPlan& plan, Column& column);
  static Op binary_op(WireType wire, const sdk::DataType& type);
  static Op text_op(WireType wire, const sdk::DataType& type);
  static size_t bound_of(Op op);
  static bool is_variable(Op op);
  /// Writes length and value. Requires fixed_bound bytes, plus a variable value's own length.
  static uint8_t* put_binary(const Column& column, size_t row, uint8_t* at);
  /// Writes the value as text, escaped for COPY. Requires fixed_bound bytes, plus twice a variable value's length.
  static uint8_t* put_text(const Column& column, size_t row, uint8_t* at);
  /// How RowBlock writes values with this Op; nullopt: it does not.
  static std::optional<RowBlock::Form> block_form(Op op, const sdk::DataType& type);
  /// Sets in_blocks_: whether RowBlock can write all columns of the loaded batch.
  void choose_block();
  size_t encode_blocks(size_t begin, size_t end, sdk::ByteBuffer& out, size_t soft_limit);
  template <RowFormat kFormat>
  size_t encode_rows(size_t begin, size_t end, sdk::ByteBuffer& out, size_t soft_limit) const;

  const TargetPlan* plan_ = nullptr;
  std::vector<Column> columns_;
  std::vector<sdk::ColumnBuilder> converted_;
  std::vector<BinaryColumn> binary_;  // of columns whose texts become the type's binary form
  bool needs_text_ = false;
  RowBlock block_;
  std::vector<RowBlock::Column> block_columns_;
  bool in_blocks_ = false;
  size_t row_bound_ = 0;  // most bytes of a row without its variable values
  size_t rows_ = 0;
  int64_t first_row_number_ = 0;
  std::vector<RefusedRow> refused_;
  std::vector<uint8_t> skipped_;
  bool any_skipped_ = false;
};

}  // namespace rapidbyte::dest_postgres
