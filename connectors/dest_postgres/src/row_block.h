#pragma once
// RowBlock: encodes a few hundred rows of Arrow columns as rows of COPY's binary format, column by column. First it
// computes the lengths of all rows, so that every row's place is known; then each column is written into all rows by a
// loop that knows its type, with neither a switch nor a check for room per value. For a typical table that takes half
// the time of going value by value (row_encoder.h, which does the rest: text format, rows left out, rare types). Pure
// code.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "rapidbyte/sdk/byte_buffer.h"
#include "src/column_source.h"
#include "src/numeric.h"

namespace rapidbyte::dest_postgres {

class RowBlock {
 public:
  /// The rows and their places stay in the first-level cache.
  static constexpr size_t kRows = 256;

  enum class Form : uint8_t {
    kBool,
    kFixed2,  // the same bits, in the opposite byte order
    kFixed4,
    kFixed8,
    kDate,
    kTimestampMicros,
    kUuidText,
    kDecimal128,
    kBytes,
    kJsonb,
  };
  struct Column {
    Form form = Form::kFixed8;
    bool special_values = false;
    ColumnSource source;
    DecimalLayout decimal;  // of kDecimal128
  };

  /// Appends rows [begin, begin + rows), at most kRows. `first_row_number`: of row `begin`; sent after the columns.
  void encode(std::span<const Column> columns, std::optional<int64_t> first_row_number, size_t begin, size_t rows,
              sdk::ByteBuffer& out);

 private:
  /// A decimal between the two passes: what put_small_decimal() would write, or its position in large_.
  struct Decimal {
    SmallDecimal small;
    uint32_t large_begin = 0;
    uint32_t large_size = 0;  // 0: it is small
  };

  void add_lengths(const Column& column, size_t begin, size_t rows);
  void prepare_decimals(const Column& column, size_t begin, size_t rows);
  void write_column(const Column& column, const Decimal* decimals, size_t begin, size_t rows, uint8_t* base);
  /// Calls put(row, place) for each value and advances its row's place past it; writes the nulls itself.
  template <typename Put>
  void write_each(const ColumnSource& source, size_t begin, size_t rows, uint8_t* base, Put put);
  template <typename Length>
  void add_each(const ColumnSource& source, size_t begin, size_t rows, Length length);

  /// First the rows' lengths, then where in the block the next value of each goes.
  std::array<uint32_t, kRows> at_{};
  uint32_t fixed_ = 0;  // what every row has
  std::vector<Decimal> decimals_;  // of all decimal columns, one after the other
  sdk::ByteBuffer large_;
};

}  // namespace rapidbyte::dest_postgres
