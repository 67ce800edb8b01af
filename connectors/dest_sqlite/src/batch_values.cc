#include "src/batch_values.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "rapidbyte/text/number_text.h"
#include "rapidbyte/text/time_text.h"
#include "src/coercion.h"

namespace rapidbyte::dest_sqlite {
namespace {

using sdk::TypeId;

constexpr size_t kReadableLength = 200;

int64_t units_per_second(sdk::TimeUnit unit) {
  switch (unit) {
    case sdk::TimeUnit::kSecond: return 1;
    case sdk::TimeUnit::kMillisecond: return 1'000;
    case sdk::TimeUnit::kMicrosecond: return 1'000'000;
    case sdk::TimeUnit::kNanosecond: break;
  }
  return 1'000'000'000;
}

bool is_time(TypeId id) { return id == TypeId::kTime32 || id == TypeId::kTime64; }

bool time_in_day(const sdk::ColumnView& view, size_t row) {
  const int64_t value = view.integer(row);
  return value >= 0 && value < 86400 * units_per_second(view.type().unit);
}

// Calls `write(out, row)` -> end for every row that is not null; returns the ends as offsets into the arena.
template <typename Write>
void write_texts(const sdk::ColumnView& view, sdk::ByteBuffer& arena, std::vector<int32_t>& ends, Write write) {
  const size_t start = arena.size();
  ends.resize(view.length() + 1);
  ends[0] = 0;
  for (size_t row = 0; row < view.length(); ++row) {
    if (!view.is_null(row)) {
      arena.reserve(text::kMaxValueText);
      auto* out = reinterpret_cast<char*>(arena.data() + arena.size());
      const char* end = write(out, row);
      arena.resize(arena.size() + static_cast<size_t>(end - out));
    }
    ends[row + 1] = static_cast<int32_t>(arena.size() - start);
  }
}

void write_column(const sdk::ColumnView& view, sdk::ByteBuffer& arena, std::vector<int32_t>& ends) {
  const sdk::DataType& type = view.type();
  switch (type.id) {
    case TypeId::kDate32:
      return write_texts(view, arena, ends,
                         [&](char* out, size_t row) { return text::write_date(out, view.value<int32_t>(row)); });
    case TypeId::kTimestamp: {
      text::TimestampWriter writer(units_per_second(type.unit), type.timezone.has_value());
      return write_texts(view, arena, ends,
                         [&](char* out, size_t row) { return writer.write(out, view.value<int64_t>(row)); });
    }
    case TypeId::kTime32:
    case TypeId::kTime64: {
      const int64_t units = units_per_second(type.unit);
      return write_texts(view, arena, ends, [&](char* out, size_t row) {
        return time_in_day(view, row) ? text::write_time(out, view.integer(row), units)
                                      : out;  // otherwise the row is refused
      });
    }
    case TypeId::kDecimal128:
      return write_texts(view, arena, ends, [&](char* out, size_t row) {
        struct Words {
          uint64_t low;
          int64_t high;
        };
        const auto words = view.value<Words>(row);
        return text::write_decimal128(out, words.low, words.high, type.scale);
      });
    case TypeId::kIntervalMonthDayNano:
      return write_texts(view, arena, ends, [&](char* out, size_t row) {
        const auto value = view.value<sdk::MonthDayNano>(row);
        return text::write_interval(out, value.months, value.days, value.nanoseconds);
      });
    default:  // Decimal256
      return write_texts(view, arena, ends, [&](char* out, size_t row) {
        const auto words = view.value<std::array<uint64_t, 4>>(row);
        return text::write_decimal(out, words.data(), words.size(), type.scale);
      });
  }
}

}  // namespace

std::string readable_value(const sdk::ColumnView& view, size_t row) {
  if (view.is_null(row)) return "NULL";
  std::string text = sdk::to_text(view.json(row));
  if (text.size() > kReadableLength) {
    text.resize(kReadableLength);
    while (!text.empty() && (static_cast<uint8_t>(text.back()) & 0xC0U) == 0x80U)
      text.pop_back();  // no partial characters
    text += "...";
  }
  return text;
}

void BatchValues::load(const sdk::BatchReader& batch, const TargetPlan& plan) {
  refused_.clear();
  arena_.clear();
  columns_.resize(plan.columns.size());
  for (size_t i = 0; i < columns_.size(); ++i) {
    load_column(batch.column(plan.columns[i].source), plan.columns[i], columns_[i]);
  }
  // Only now has the arena its final place.
  for (Column& column : columns_) {
    if (column.form == Form::kText && column.offsets == nullptr) {
      column.values = arena_.data() + column.arena_at;
      column.offsets = column.text_ends.data();
    }
  }
  std::stable_sort(refused_.begin(), refused_.end(),
                   [](const RefusedRow& a, const RefusedRow& b) { return a.row < b.row; });
  refused_.erase(std::unique(refused_.begin(), refused_.end(),
                             [](const RefusedRow& a, const RefusedRow& b) { return a.row == b.row; }),
                 refused_.end());
}

void BatchValues::refuse(const sdk::ColumnView& view, const ColumnPlan& plan, size_t row, std::string reason) {
  refused_.push_back(
      {.row = row, .column = plan.name, .value = readable_value(view, row), .reason = std::move(reason)});
}

void BatchValues::load_column(const sdk::ColumnView& view, const ColumnPlan& plan, Column& column) {
  column.view = &view;
  column.offsets = nullptr;
  column.cells.clear();
  const sdk::ColumnBuffers buffers = view.buffers();
  column.values = buffers.values.data();
  if (plan.refuse_null && view.has_nulls()) {
    for (size_t row = 0; row < view.length(); ++row) {
      if (view.is_null(row)) refuse(view, plan, row, "a key column cannot be NULL");
    }
  }
  if (plan.coerce) return coerce_column(view, plan, column);
  switch (view.type().id) {
    case TypeId::kBoolean: column.form = Form::kBoolean; break;
    case TypeId::kInt8: column.form = Form::kInt8; break;
    case TypeId::kInt16: column.form = Form::kInt16; break;
    case TypeId::kInt32: column.form = Form::kInt32; break;
    case TypeId::kInt64: column.form = Form::kInt64; break;
    case TypeId::kUInt8: column.form = Form::kUInt8; break;
    case TypeId::kUInt16: column.form = Form::kUInt16; break;
    case TypeId::kUInt32: column.form = Form::kUInt32; break;
    case TypeId::kUInt64:
      column.form = Form::kInt64;  // once the large ones have been refused
      for (size_t row = 0; row < view.length(); ++row) {
        if (!view.is_null(row) && view.value<int64_t>(row) < 0) {
          refuse(view, plan, row,
                 "the number is beyond SQLite's largest integer, 9223372036854775807; make the column a decimal or "
                 "text in "
                 "the source");
        }
      }
      break;
    case TypeId::kFloat32:
    case TypeId::kFloat64: {
      const bool wide = view.type().id == TypeId::kFloat64;
      column.form = wide ? Form::kDouble : Form::kFloat;
      for (size_t row = 0; row < view.length(); ++row) {
        const double value = wide ? view.value<double>(row) : static_cast<double>(view.value<float>(row));
        if (std::isnan(value) && !view.is_null(row)) {
          refuse(view, plan, row, "SQLite has no NaN and would store NULL; make it null or text in the source");
        }
      }
      break;
    }
    case TypeId::kUtf8:
      column.form = Form::kText;
      column.offsets = buffers.offsets.data();
      break;
    case TypeId::kLargeUtf8:
      column.form = Form::kLargeText;
      column.offsets = buffers.offsets.data();
      break;
    case TypeId::kBinary:
      column.form = Form::kBlob;
      column.offsets = buffers.offsets.data();
      break;
    case TypeId::kLargeBinary:
      column.form = Form::kLargeBlob;
      column.offsets = buffers.offsets.data();
      break;
    case TypeId::kFixedSizeBinary:
      column.form = Form::kFixedBlob;
      column.width = view.type().byte_width;
      break;
    default: format_column(view, plan, column);
  }
}

void BatchValues::format_column(const sdk::ColumnView& view, const ColumnPlan& plan, Column& column) {
  column.form = Form::kText;
  column.arena_at = arena_.size();
  if (is_time(view.type().id)) {
    for (size_t row = 0; row < view.length(); ++row) {
      if (!view.is_null(row) && !time_in_day(view, row)) {
        refused_.push_back({.row = row,
                            .column = plan.name,
                            .value = std::to_string(view.integer(row)),
                            .reason = "the time is not within a day"});
      }
    }
  }
  write_column(view, arena_, column.text_ends);
}

void BatchValues::coerce_column(const sdk::ColumnView& view, const ColumnPlan& plan, Column& column) {
  column.form = Form::kCells;
  column.cells.resize(view.length());
  const ValueKind kind = kind_of(view.type());
  const bool has_text = kind == ValueKind::kDecimal || kind == ValueKind::kTemporal;
  const size_t arena_at = arena_.size();
  if (has_text) write_column(view, arena_, column.text_ends);
  for (size_t row = 0; row < view.length(); ++row) {
    if (view.is_null(row)) continue;
    std::string_view text;
    if (has_text) {
      const auto begin = static_cast<size_t>(column.text_ends[row]);
      text = {reinterpret_cast<const char*>(arena_.data()) + arena_at + begin,
              static_cast<size_t>(column.text_ends[row + 1]) - begin};
    }
    std::optional<Scalar> value = coerce(view, row, text, plan.affinity);
    if (is_time(view.type().id) && !time_in_day(view, row)) value.reset();
    Cell& cell = column.cells[row];
    if (!value) {
      if (!plan.null_if_changed) {
        refuse(view, plan, row,
               "its type changed and this value does not convert exactly to the column's declared type");
      }
    } else if (const auto* integer = std::get_if<int64_t>(&*value)) {
      cell.kind = Cell::Kind::kInteger;
      cell.integer = *integer;
    } else if (const auto* real = std::get_if<double>(&*value)) {
      cell.kind = Cell::Kind::kReal;
      cell.real = *real;
    } else {
      cell.kind = Cell::Kind::kText;
      cell.text = std::move(*std::get_if<std::string>(&*value));
    }
  }
  arena_.truncate(arena_at);
}

void BatchValues::bind(sqlite3_stmt* statement, int first, size_t row) const {
  const auto value = [row]<typename T>(const Column& column, T) {
    T out;
    std::memcpy(&out, column.values + row * sizeof(T), sizeof(T));
    return out;
  };
  // An empty text may have no address, and SQLite takes a null pointer for NULL.
  const auto address = [](const void* data) { return data == nullptr ? "" : static_cast<const char*>(data); };
  int at = first;
  for (const Column& column : columns_) {
    const int index = at++;
    if (column.view->is_null(row)) {
      sqlite3_bind_null(statement, index);
      continue;
    }
    switch (column.form) {
      case Form::kBoolean: sqlite3_bind_int64(statement, index, column.view->boolean(row) ? 1 : 0); break;
      case Form::kInt8: sqlite3_bind_int64(statement, index, value(column, int8_t{})); break;
      case Form::kInt16: sqlite3_bind_int64(statement, index, value(column, int16_t{})); break;
      case Form::kInt32: sqlite3_bind_int64(statement, index, value(column, int32_t{})); break;
      case Form::kInt64: sqlite3_bind_int64(statement, index, value(column, int64_t{})); break;
      case Form::kUInt8: sqlite3_bind_int64(statement, index, value(column, uint8_t{})); break;
      case Form::kUInt16: sqlite3_bind_int64(statement, index, value(column, uint16_t{})); break;
      case Form::kUInt32: sqlite3_bind_int64(statement, index, value(column, uint32_t{})); break;
      case Form::kFloat: sqlite3_bind_double(statement, index, static_cast<double>(value(column, float{}))); break;
      case Form::kDouble: sqlite3_bind_double(statement, index, value(column, double{})); break;
      case Form::kText: {
        const auto* offsets = static_cast<const int32_t*>(column.offsets) + row;
        sqlite3_bind_text(statement, index, address(column.values) + offsets[0], offsets[1] - offsets[0],
                          SQLITE_STATIC);
        break;
      }
      case Form::kBlob: {
        const auto* offsets = static_cast<const int32_t*>(column.offsets) + row;
        sqlite3_bind_blob(statement, index, address(column.values) + offsets[0], offsets[1] - offsets[0],
                          SQLITE_STATIC);
        break;
      }
      case Form::kLargeText: {
        const auto* offsets = static_cast<const int64_t*>(column.offsets) + row;
        sqlite3_bind_text64(statement, index, address(column.values) + offsets[0],
                            static_cast<sqlite3_uint64>(offsets[1] - offsets[0]), SQLITE_STATIC, SQLITE_UTF8);
        break;
      }
      case Form::kLargeBlob: {
        const auto* offsets = static_cast<const int64_t*>(column.offsets) + row;
        sqlite3_bind_blob64(statement, index, address(column.values) + offsets[0],
                            static_cast<sqlite3_uint64>(offsets[1] - offsets[0]), SQLITE_STATIC);
        break;
      }
      case Form::kFixedBlob:
        sqlite3_bind_blob(statement, index, address(column.values) + row * static_cast<size_t>(column.width),
                          column.width, SQLITE_STATIC);
        break;
      case Form::kCells: {
        const Cell& cell = column.cells[row];
        if (cell.kind == Cell::Kind::kInteger) {
          sqlite3_bind_int64(statement, index, cell.integer);
        } else if (cell.kind == Cell::Kind::kReal) {
          sqlite3_bind_double(statement, index, cell.real);
        } else if (cell.kind == Cell::Kind::kText) {
          sqlite3_bind_text64(statement, index, cell.text.data(), cell.text.size(), SQLITE_STATIC, SQLITE_UTF8);
        } else {
          sqlite3_bind_null(statement, index);
        }
        break;
      }
    }
  }
}

}  // namespace rapidbyte::dest_sqlite
