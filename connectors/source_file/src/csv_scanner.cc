#include "csv_scanner.h"

namespace rapidbyte::source_file {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

bool all_blank(const char* begin, const char* end) {
  for (; begin != end; ++begin) {
    if (!is_blank(*begin)) return false;
  }
  return true;
}

}  // namespace

struct CsvScanner::Cursor {
  uint32_t record_begin = 0;
  uint32_t field_begin = 0;
  uint32_t column = 0;
  uint32_t closing_quote = 0;
  uint32_t flags = 0;
  bool in_quotes = false;
  bool text_after_quote = false;
  uint32_t bad_column = 0;
  FieldSpan* row = nullptr;
};

CsvScanner::CsvScanner(const CsvDialect& dialect)
    : dialect_(dialect),
      specials_(dialect.delimiter, '\n', '\r', dialect.quote != 0 ? dialect.quote : '\n',
                dialect.escape != 0 ? dialect.escape : '\n') {}

inline void CsvScanner::push_field(const char* data, uint32_t end, Cursor& cursor, RecordBlock& block) const {
  uint32_t begin = cursor.field_begin;
  uint32_t flags = cursor.flags;
  if ((flags & FieldSpan::kQuoted) != 0) {
    if (cursor.closing_quote + 1 != end && !(dialect_.trim && all_blank(data + cursor.closing_quote + 1, data + end)) &&
        !cursor.text_after_quote) {
      cursor.text_after_quote = true;
      cursor.bad_column = cursor.column;
    }
    end = cursor.closing_quote;
  } else {
    if (dialect_.trim) {
      while (begin < end && is_blank(data[begin])) ++begin;
      while (end > begin && is_blank(data[end - 1])) --end;
    }
    if (begin == end && dialect_.empty_is_null) flags |= FieldSpan::kNull;
  }
  if (cursor.column < block.column_count) cursor.row[cursor.column] = FieldSpan{begin, (end - begin) | flags};
  ++cursor.column;
  cursor.flags = 0;
}

inline void CsvScanner::finish_record(const char* data, uint32_t end, uint32_t next, Cursor& cursor,
                                      RecordBlock& block) const {
  const uint32_t columns = block.column_count;
  if (cursor.column == 0 && end == cursor.record_begin && columns > 1) {
    // An empty line is not a record of a table with several columns.
    cursor.record_begin = cursor.field_begin = next;
    block.end = next;
    return;
  }
  push_field(data, end, cursor, block);
  const uint32_t row = block.row_count;
  if (cursor.column != columns || cursor.text_after_quote) [[unlikely]] {
    for (uint32_t c = cursor.column; c < columns; ++c) cursor.row[c] = FieldSpan{};
    if (cursor.text_after_quote) {
      block.problems.push_back({row, ProblemKind::kTextAfterQuote, cursor.bad_column, cursor.column, {}});
    } else if (cursor.column < columns) {
      if (dialect_.ragged == RaggedRule::kError) {
        block.problems.push_back({row, ProblemKind::kTooFewFields, RecordProblem::kNoColumn, cursor.column, {}});
      }
    } else if (dialect_.ragged != RaggedRule::kPadAndDrop) {
      block.problems.push_back({row, ProblemKind::kTooManyFields, RecordProblem::kNoColumn, cursor.column, {}});
    } else {
      ++block.surplus_dropped;
    }
  }
  block.row_begin[row] = cursor.record_begin;
  block.row_end[row] = end;
  block.row_count = row + 1;
  block.end = next;
  cursor.record_begin = cursor.field_begin = next;
  cursor.column = 0;
  cursor.text_after_quote = false;
  cursor.row += columns;
}

ScanStop CsvScanner::scan(const char* data, uint32_t begin, uint32_t size, bool at_end, uint32_t columns,
                          const BlockLimits& limits, RecordBlock& block) const {
  block.reset(columns, limits.max_rows);
  block.end = begin;
  Cursor cursor;
  cursor.record_begin = cursor.field_begin = begin;
  cursor.row = block.fields.data();
  const char delimiter = dialect_.delimiter;
  const char quote = dialect_.quote;
  uint32_t skip_until = 0;
  uint64_t non_ascii = 0;
  const uint32_t byte_stop = size - begin > limits.max_bytes ? begin + limits.max_bytes : size;

  for (uint32_t base = begin; base < size; base += 64) {
    BlockMask mask = specials_.scan(data + base);
    if (size - base < 64) {
      const uint64_t valid = (uint64_t{1} << (size - base)) - 1;
      mask.special &= valid;
      mask.non_ascii &= valid;
    }
    non_ascii |= mask.non_ascii;
    while (mask.special != 0) {
      const uint32_t pos = base + static_cast<uint32_t>(__builtin_ctzll(mask.special));
      mask.special &= mask.special - 1;
      if (pos < skip_until) continue;
      const char c = data[pos];
      if (cursor.in_quotes) {
        if (c == quote && quote != 0) {
          if (pos + 1 == size && !at_end) goto need_more;
          if (pos + 1 < size && data[pos + 1] == quote) {
            cursor.flags |= FieldSpan::kEscaped;
            skip_until = pos + 2;
          } else {
            cursor.in_quotes = false;
            cursor.closing_quote = pos;
          }
        } else if (c == dialect_.escape && dialect_.escape != 0) {
          cursor.flags |= FieldSpan::kEscaped;
          skip_until = pos + 2;
        }
        continue;
      }
      if (c == delimiter) {
        push_field(data, pos, cursor, block);
        cursor.field_begin = pos + 1;
        continue;
      }
      if (c == '\n' || c == '\r') {
        uint32_t next = pos + 1;
        if (c == '\r') {
          if (next == size && !at_end) goto need_more;  // an LF may follow
          if (next < size && data[next] == '\n') {
            ++next;
            skip_until = next;
          }
        }
        finish_record(data, pos, next, cursor, block);
        if (block.row_count == limits.max_rows || next >= byte_stop) {
          block.ascii = non_ascii == 0;
          return next < size ? ScanStop::kBlockFull : ScanStop::kNeedMore;
        }
        continue;
      }
      if (c == quote && quote != 0) {
        const bool first =
            pos == cursor.field_begin || (dialect_.trim && all_blank(data + cursor.field_begin, data + pos));
        if (first && (cursor.flags & FieldSpan::kQuoted) == 0) {
          cursor.in_quotes = true;
          cursor.flags |= FieldSpan::kQuoted;
          cursor.field_begin = pos + 1;
        }
        continue;  // elsewhere a quote is an ordinary character
      }
      if (c == dialect_.escape && dialect_.escape != 0) {
        cursor.flags |= FieldSpan::kEscaped;
        skip_until = pos + 2;
      }
    }
  }
  if (at_end && cursor.in_quotes) {
    block.ascii = non_ascii == 0;
    return ScanStop::kUnterminatedQuote;
  }
  if (at_end && cursor.record_begin < size) finish_record(data, size, size, cursor, block);
need_more:
  block.ascii = non_ascii == 0;
  return ScanStop::kNeedMore;
}

size_t CsvRecordSkipper::feed(const char* data, size_t size, bool& done) {
  done = false;
  for (size_t i = 0; i < size; ++i) {
    const char c = data[i];
    if (state_ == State::kCarriageReturn) {
      done = true;
      return c == '\n' ? i + 1 : i;
    }
    if (escaped_) {
      escaped_ = false;
      if (state_ == State::kFieldStart) state_ = State::kUnquoted;
      continue;
    }
    if (dialect_.escape != 0 && c == dialect_.escape && state_ != State::kQuoteSeen) {
      escaped_ = true;
      continue;
    }
    if (state_ == State::kQuoted) {
      if (c == dialect_.quote) state_ = State::kQuoteSeen;
      continue;
    }
    if (state_ == State::kQuoteSeen && c == dialect_.quote) {
      state_ = State::kQuoted;
      continue;
    }
    if (c == '\n') {
      done = true;
      return i + 1;
    }
    if (c == '\r') {
      state_ = State::kCarriageReturn;
    } else if (c == dialect_.delimiter) {
      state_ = State::kFieldStart;
    } else if (state_ == State::kFieldStart && dialect_.quote != 0 && c == dialect_.quote) {
      state_ = State::kQuoted;
    } else if (!(state_ == State::kFieldStart && dialect_.trim && is_blank(c))) {
      state_ = State::kUnquoted;
    }
  }
  return size;
}

}  // namespace rapidbyte::source_file
