#pragma once
// BatchValues: one batch as values that can be bound to SQLite parameters. load() works column by column: it formats
// dates, decimals and the like into one arena, converts columns whose type changed, and finds the rows that cannot be
// stored. After it, bind() is the inner loop of the whole connector: a pointer and a length per text, nothing copied.
// The batch must stay alive, and load() must not be called again, until the bound statement has run.

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <vector>

#include "rapidbyte/sdk/batch_reader.h"
#include "rapidbyte/sdk/byte_buffer.h"
#include "rapidbyte/table/refused_rows.h"
#include "src/target.h"

namespace rapidbyte::dest_sqlite {

using table::RefusedRow;

class BatchValues {
 public:
  /// Prepares the columns that `plan` names. Rows that cannot be stored are in refused(), by row, each once.
  void load(const sdk::BatchReader& batch, const TargetPlan& plan);

  [[nodiscard]] const std::vector<RefusedRow>& refused() const { return refused_; }
  /// Binds one row to the parameters from `first` on, in the plan's order.
  void bind(sqlite3_stmt* statement, int first, size_t row) const;

 private:
  enum class Form : uint8_t {
    kBoolean,
    kInt8,
    kInt16,
    kInt32,
    kInt64,
    kUInt8,
    kUInt16,
    kUInt32,
    kFloat,
    kDouble,
    kText,
    kLargeText,
    kBlob,
    kLargeBlob,
    kFixedBlob,
    kCells,
  };
  /// A converted value of a column whose type changed.
  struct Cell {
    enum class Kind : uint8_t { kNull, kInteger, kReal, kText } kind = Kind::kNull;
    int64_t integer = 0;
    double real = 0;
    std::string text;
  };
  struct Column {
    Form form = Form::kInt64;
    const sdk::ColumnView* view = nullptr;  // nullity
    const uint8_t* values = nullptr;
    const void* offsets = nullptr;
    int width = 0;
    size_t arena_at = 0;             // formatted columns: where their texts and offsets begin
    std::vector<int32_t> text_ends;  // formatted columns: offsets, one more than rows
    std::vector<Cell> cells;
  };

  void load_column(const sdk::ColumnView& view, const ColumnPlan& plan, Column& column);
  void format_column(const sdk::ColumnView& view, const ColumnPlan& plan, Column& column);
  void coerce_column(const sdk::ColumnView& view, const ColumnPlan& plan, Column& column);
  void refuse(const sdk::ColumnView& view, const ColumnPlan& plan, size_t row, std::string reason);

  std::vector<Column> columns_;
  sdk::ByteBuffer arena_;
  std::vector<RefusedRow> refused_;
};

/// The value as readable text: JSON, cut to 200 bytes; "NULL".
std::string readable_value(const sdk::ColumnView& view, size_t row);

}  // namespace rapidbyte::dest_sqlite
