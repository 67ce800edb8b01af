#pragma once
// CsvScanner: finds records and fields of CSV text as found in the wild (RFC 4180 and its relatives). It looks only at
// special bytes, which it finds by SIMD, and never copies. Stateless between calls: each call starts at a record's
// beginning, so the caller may cut the input into buffers of any size.

#include <cstdint>

#include "byte_scan.h"
#include "record_block.h"

namespace rapidbyte::source_file {

/// What to do with records that have fewer or more fields than the header.
enum class RaggedRule : uint8_t {
  kError,       // both are data errors
  kPad,         // missing fields are null, more fields are a data error
  kPadAndDrop,  // missing fields are null, surplus fields are dropped (and counted)
};

struct CsvDialect {
  char delimiter = ',';
  char quote = '"';  // 0: quotes have no meaning
  char escape = 0;   // 0: none; the byte behind it is taken as it is, inside and outside of quotes
  bool trim = false;
  bool empty_is_null = true;
  RaggedRule ragged = RaggedRule::kError;
};

class CsvScanner {
 public:
  explicit CsvScanner(const CsvDialect& dialect);

  /// Fills `block` with complete records of `columns` fields from data[begin, size). `data` is padded (byte_scan.h).
  /// With `at_end` the text ends at `size` and a record without a line end is complete. Empty lines are skipped when
  /// there are two columns or more.
  ScanStop scan(const char* data, uint32_t begin, uint32_t size, bool at_end, uint32_t columns,
                const BlockLimits& limits, RecordBlock& block) const;

  [[nodiscard]] const CsvDialect& dialect() const { return dialect_; }

 private:
  struct Cursor;
  void finish_record(const char* data, uint32_t end, uint32_t next, Cursor& cursor, RecordBlock& block) const;
  void push_field(const char* data, uint32_t end, Cursor& cursor, RecordBlock& block) const;

  CsvDialect dialect_;
  SpecialBytes specials_;
};

/// Finds the end of a record whose bytes are discarded because it is too long. Fed byte ranges from the record's start.
class CsvRecordSkipper {
 public:
  explicit CsvRecordSkipper(const CsvDialect& dialect) : dialect_(dialect) {}

  /// Number of bytes of [data, data + size) that belong to the record (its line end included); sets `done` when it has
  /// ended.
  size_t feed(const char* data, size_t size, bool& done);
  [[nodiscard]] bool within_quotes() const { return state_ == State::kQuoted; }

 private:
  enum class State : uint8_t { kFieldStart, kUnquoted, kQuoted, kQuoteSeen, kCarriageReturn };
  CsvDialect dialect_;
  State state_ = State::kFieldStart;
  bool escaped_ = false;
};

}  // namespace rapidbyte::source_file
