#pragma once
// RecordBlock: a few hundred to a few thousand records found in a buffer, as the positions of their fields, before any
// value is parsed. Both scanners (CSV and NDJSON) fill it, ColumnWriter reads it. It borrows the buffer: it is valid
// until the buffer is refilled. Reused from block to block so that nothing is allocated per record.

#include <cstdint>
#include <string>
#include <vector>

namespace rapidbyte::source_file {

/// Where one field is. Lengths need 28 bits (256 MiB): records are limited to far less.
struct FieldSpan {
  static constexpr uint32_t kLengthMask = (uint32_t{1} << 28U) - 1;
  static constexpr uint32_t kNull = uint32_t{1} << 28U;     // absent, or an empty unquoted field
  static constexpr uint32_t kQuoted = uint32_t{1} << 29U;   // a quoted CSV field, a JSON string
  static constexpr uint32_t kEscaped = uint32_t{1} << 30U;  // holds doubled quotes or escapes that must be undone
  static constexpr uint32_t kNested = uint32_t{1} << 31U;   // a JSON object or array, as written

  uint32_t begin = 0;
  uint32_t length_and_flags = kNull;

  [[nodiscard]] uint32_t length() const { return length_and_flags & kLengthMask; }
  [[nodiscard]] bool is_null() const { return (length_and_flags & kNull) != 0; }
  [[nodiscard]] bool is_quoted() const { return (length_and_flags & kQuoted) != 0; }
  [[nodiscard]] bool is_escaped() const { return (length_and_flags & kEscaped) != 0; }
  [[nodiscard]] bool is_nested() const { return (length_and_flags & kNested) != 0; }
};

enum class ProblemKind : uint8_t {
  kTooFewFields,
  kTooManyFields,
  kTextAfterQuote,
  kInvalidUtf8,
  kInvalidJson,
  kUnknownKey,
  kDuplicateKey,
  kTooLong,
  kWrongType,
  kNullCursor,
};

/// A record that cannot become a row. `column` is the field concerned (an index), or kNoColumn.
struct RecordProblem {
  static constexpr uint32_t kNoColumn = UINT32_MAX;

  uint32_t row = 0;
  ProblemKind kind = ProblemKind::kWrongType;
  uint32_t column = kNoColumn;
  uint32_t field_count = 0;  // of a ragged record
  std::string detail;        // what a JSON parser expected, an unknown key
};

struct RecordBlock {
  uint32_t column_count = 0;
  uint32_t row_count = 0;
  std::vector<FieldSpan> fields;    // row-major, column_count per row
  std::vector<uint32_t> row_begin;  // offsets of the records in the buffer; the end excludes the line end
  std::vector<uint32_t> row_end;
  std::vector<RecordProblem> problems;  // in row order
  bool ascii = true;                    // everything in the block is ASCII
  uint32_t end = 0;                     // offset after the last record, its line end included
  uint64_t surplus_dropped = 0;         // records whose surplus fields were dropped, as configured

  /// Makes room for `rows` records of `columns` fields and empties the block.
  void reset(uint32_t columns, uint32_t rows) {
    column_count = columns;
    row_count = 0;
    if (fields.size() < size_t{columns} * rows) fields.resize(size_t{columns} * rows);
    if (row_begin.size() < rows) {
      row_begin.resize(rows);
      row_end.resize(rows);
    }
    problems.clear();
    ascii = true;
    end = 0;
    surplus_dropped = 0;
  }

  [[nodiscard]] const FieldSpan& field(uint32_t row, uint32_t column) const {
    return fields[size_t{row} * column_count + column];
  }
};

/// How far one scan goes, so that a block stays in cache and a batch near its target.
struct BlockLimits {
  uint32_t max_rows = 1;
  uint32_t max_bytes = 64 * 1024;
};

/// Why a scan stopped.
enum class ScanStop : uint8_t {
  kBlockFull,         // there may be more records in the buffer
  kNeedMore,          // the rest of the buffer is an incomplete record (or empty)
  kUnterminatedQuote  // end of the file within quotes; block.end is where that record begins
};

}  // namespace rapidbyte::source_file
