#include "connectors/shared/duckdb/row_checks.h"

#include <nanoarrow/nanoarrow.h>

#include <cstdint>
#include <limits>

namespace rapidbyte::duck {

using sdk::BatchReader;
using sdk::ColumnView;
using sdk::DataType;
using sdk::Schema;
using sdk::TypeId;

namespace {

// DuckDB's infinity and -infinity of a date (int32) or a timestamp (int64): the largest value and its negative. The
// smallest value means nothing to it.
template <typename T>
bool special(T value) {
  return value == std::numeric_limits<T>::max() || value <= -std::numeric_limits<T>::max();
}

// DuckDB has microseconds for all timestamps with a time zone but those in nanoseconds.
int64_t most_of(const DataType& type) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  if (!type.timezone) return kMost;
  switch (type.unit) {
    case sdk::TimeUnit::kSecond: return kMost / 1'000'000;
    case sdk::TimeUnit::kMillisecond: return kMost / 1000;
    default: return kMost;
  }
}

struct MonthDayNano {
  int32_t months;
  int32_t days;
  int64_t nanoseconds;
};

std::string in_column(const std::string& name, std::string_view what) {
  return "column `" + name + "`: " + std::string(what);
}

std::optional<std::string> why_unfit(const ColumnView& column, size_t row) {
  switch (column.type().id) {
    case TypeId::kDate32:
      if (special(column.value<int32_t>(row))) return "the date lies beyond what DuckDB holds";
      return std::nullopt;
    case TypeId::kTimestamp: {
      const auto value = column.value<int64_t>(row);
      const int64_t most = most_of(column.type());
      if (special(value) || value > most || value < -most) return "the timestamp lies beyond what DuckDB holds";
      return std::nullopt;
    }
    case TypeId::kIntervalMonthDayNano:
      if (column.value<MonthDayNano>(row).nanoseconds % 1000 != 0)
        return "the interval has nanoseconds, of which DuckDB keeps microseconds only";
      return std::nullopt;
    default: return std::nullopt;
  }
}

bool needs_check(const DataType& type) {
  return type.id == TypeId::kDate32 || type.id == TypeId::kTimestamp || type.id == TypeId::kIntervalMonthDayNano;
}

bool valid(const ArrowArray& column, int64_t row) {
  const auto* validity = static_cast<const uint8_t*>(column.buffers[0]);
  return validity == nullptr || ((validity[row / 8] >> (row % 8)) & 1) != 0;
}

template <typename T>
bool has_special(const ArrowArray& column) {
  const auto* values = static_cast<const T*>(column.buffers[1]);
  for (int64_t i = 0; i < column.length; ++i) {
    if (special(values[i]) && valid(column, i)) return true;
  }
  return false;
}

}  // namespace

std::optional<UnfitRow> find_unfit_row(const BatchReader& batch, size_t begin, size_t rows) {
  std::optional<UnfitRow> first;
  for (size_t i = 0; i < batch.column_count(); ++i) {
    const ColumnView& column = batch.column(i);
    if (!needs_check(column.type())) continue;
    const size_t end = first ? first->row : begin + rows;
    for (size_t row = begin; row < end; ++row) {
      if (column.is_null(row)) continue;
      if (const auto why = why_unfit(column, row)) {
        first = UnfitRow{row, in_column(batch.schema().fields[i].name, *why)};
        break;
      }
    }
  }
  return first;
}

std::optional<std::string> find_unfit_result(const ArrowArray& rows, const Schema& columns) {
  for (size_t i = 0; i < columns.size(); ++i) {
    const ArrowArray& column = *rows.children[i];
    const TypeId type = columns.fields[i].type.id;
    const bool found = (type == TypeId::kDate32 && has_special<int32_t>(column)) ||
                       (type == TypeId::kTimestamp && has_special<int64_t>(column));
    if (found)
      return in_column(columns.fields[i].name,
                       "the result is infinity, for which a batch has no value; cast the column to VARCHAR");
  }
  return std::nullopt;
}

}  // namespace rapidbyte::duck
