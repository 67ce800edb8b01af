#pragma once
// CursorFilter: which rows of an incremental read are new, and the highest cursor value so far. The cursor's last value
// is read and written in the protocol's tagged form; in between it has the column's own type, so that nothing is
// rounded.

#include <optional>
#include <string>

#include "column_writer.h"
#include "rapidbyte/sdk/context.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::source_file {

class CursorFilter {
 public:
  /// CURSOR_TYPE (config): the column's type cannot be a cursor, or `last` does not fit it.
  static sdk::Result<CursorFilter> make(const ColumnSpec& column, const sdk::CursorValue& last);

  /// Whether the value, which is not null, is after the last one.
  [[nodiscard]] bool is_new(const ColumnWriter& values, size_t row) const;
  /// Takes the value of an emitted row into account for max().
  void count(const ColumnWriter& values, size_t row);

  /// The value that the next run starts from: the highest counted one, or the last one.
  [[nodiscard]] sdk::CursorValue max() const { return to_cursor(max_); }
  /// Adopts the highest value of an interrupted run. As make().
  sdk::Status raise_max(const sdk::CursorValue& value);

 private:
  struct Value {
    bool present = false;
    __int128 number = 0;
    std::string text;
  };
  explicit CursorFilter(ColumnSpec column) : column_(std::move(column)) {}
  [[nodiscard]] sdk::Result<Value> from_cursor(const sdk::CursorValue& value) const;
  [[nodiscard]] sdk::CursorValue to_cursor(const Value& value) const;
  [[nodiscard]] bool is_text() const { return column_.type.id == sdk::TypeId::kUtf8; }

  ColumnSpec column_;
  Value last_;
  Value max_;
};

}  // namespace rapidbyte::source_file
