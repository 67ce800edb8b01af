#include "record_reader.h"

#include <algorithm>
#include <cstring>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/batch_builder.h"

namespace rapidbyte::source_file {

namespace {

using sdk::Result;
using sdk::Status;

// What is kept of a record over the limit, to show which one it was.
constexpr size_t kLongRecordKept = 1024;

bool has_problem(const RecordBlock& block, uint32_t row) {
  for (const RecordProblem& problem : block.problems) {
    if (problem.row == row) return true;
  }
  return false;
}

}  // namespace

RecordReader::RecordReader(std::unique_ptr<ByteReader> file, std::string name, const ReaderLimits& limits)
    : file_(std::move(file)), name_(std::move(name)), limits_(limits), buffer_(limits.buffer_bytes + kScanPadding) {
  block_data_ = buffer_.data();
}

Result<std::unique_ptr<RecordReader>> RecordReader::open_csv(const std::string& path, std::string shown_name,
                                                             const CsvDialect& dialect, uint64_t skip_lines,
                                                             const ReaderLimits& limits) {
  RB_SDK_ASSIGN_OR_RETURN(auto file, open_byte_reader(path, shown_name));
  std::unique_ptr<RecordReader> reader(new RecordReader(std::move(file), std::move(shown_name), limits));
  reader->csv_.emplace(dialect);
  RB_SDK_RETURN_NOT_OK(reader->start(skip_lines));
  return reader;
}

Result<std::unique_ptr<RecordReader>> RecordReader::open_ndjson(const std::string& path, std::string shown_name,
                                                                const ReaderLimits& limits) {
  RB_SDK_ASSIGN_OR_RETURN(auto file, open_byte_reader(path, shown_name));
  std::unique_ptr<RecordReader> reader(new RecordReader(std::move(file), std::move(shown_name), limits));
  RB_SDK_RETURN_NOT_OK(reader->start(0));
  return reader;
}

void RecordReader::set_keys(std::vector<std::string> keys, bool collect) {
  columns_ = static_cast<uint32_t>(keys.size());
  ndjson_.emplace(std::move(keys), collect);
}

Status RecordReader::start(uint64_t skip_lines) {
  // Even with a tiny buffer the byte order mark must be seen whole.
  while (size_ < 4 && !at_end_) RB_SDK_RETURN_NOT_OK(refill());
  const std::string_view head(buffer_.data(), std::min<size_t>(size_, 4));
  if (head.substr(0, 3) == "\xEF\xBB\xBF") {
    begin_ = 3;
  } else if (head.substr(0, 2) == "\xFF\xFE" || head.substr(0, 2) == "\xFE\xFF") {
    return sdk::data_error(codes::kUnsupportedEncoding,
                           "file '" + name_ +
                               "' is UTF-16 or UTF-32; only UTF-8 is read. Convert it first, for example: "
                               "iconv -f UTF-16 -t UTF-8 IN > OUT");
  }
  for (uint64_t skipped = 0; skipped < skip_lines;) {
    uint32_t pos = begin_;
    while (pos < size_ && buffer_[pos] != '\n' && buffer_[pos] != '\r') ++pos;
    if (pos == size_ || (buffer_[pos] == '\r' && pos + 1 == size_ && !at_end_)) {
      if (at_end_) {
        begin_ = size_;
        break;
      }
      RB_SDK_RETURN_NOT_OK(refill());
      continue;
    }
    begin_ = pos + (buffer_[pos] == '\r' && pos + 1 < size_ && buffer_[pos + 1] == '\n' ? 2 : 1);
    ++skipped;
  }
  return {};
}

void RecordReader::account(uint32_t end) {
  const char* from = buffer_.data() + accounted_;
  hash_.feed(from, end - accounted_);
  lines_.feed(from, buffer_.data() + end);
  accounted_ = end;
}

Status RecordReader::refill() {
  account(begin_);
  const uint32_t rest = size_ - begin_;
  if (begin_ != 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, rest);
    buffer_offset_ += begin_;
  } else if (rest + kScanPadding == buffer_.size()) {
    buffer_.resize(rest * size_t{2} + kScanPadding);
  }
  begin_ = 0;
  accounted_ = 0;
  size_ = rest;
  block_data_ = buffer_.data();
  const auto capacity = static_cast<uint32_t>(buffer_.size() - kScanPadding);
  while (size_ < capacity && !at_end_) {
    RB_SDK_ASSIGN_OR_RETURN(const size_t count, file_->read(buffer_.data() + size_, capacity - size_));
    at_end_ = count == 0;
    size_ += static_cast<uint32_t>(count);
  }
  if (at_end_) {
    RB_SDK_ASSIGN_OR_RETURN(const FileChange change, file_->watch().look());
    grew_ = change == FileChange::kGrew;
  }
  return {};
}

BlockLimits RecordReader::block_limits(uint32_t columns) const {
  BlockLimits limits;
  limits.max_rows = std::clamp(limits_.max_block_fields / std::max(columns, 1U), 1U, 4096U);
  limits.max_bytes = limits_.max_block_bytes;
  return limits;
}

ScanStop RecordReader::scan(RecordBlock& block, const BlockLimits& limits) {
  if (ndjson_) return ndjson_->scan(buffer_.data(), begin_, size_, is_whole(), limits, block);
  return csv_->scan(buffer_.data(), begin_, size_, is_whole(), columns_, limits, block);
}

Status RecordReader::unterminated_quote(uint64_t line) const {
  return file_->watch().explain(sdk::data_error(
      codes::kUnterminatedQuote,
      "file '" + name_ + "' ends within quotes: in the record that begins in line " + std::to_string(line) +
          " a quote is opened and never closed. Close it, or set the option quote (empty: quotes have "
          "no meaning) or escape"));
}

Result<std::optional<std::vector<FieldSpan>>> RecordReader::first_record(bool consume) {
  CsvDialect dialect = csv_->dialect();
  dialect.ragged = RaggedRule::kError;  // so that the number of fields is reported
  const CsvScanner scanner(dialect);
  uint32_t columns = 64;
  RecordBlock block;
  while (true) {
    const ScanStop stop =
        scanner.scan(buffer_.data(), begin_, size_, is_whole(), columns, BlockLimits{1, UINT32_MAX}, block);
    if (block.row_count == 0) {
      if (stop == ScanStop::kUnterminatedQuote) return unterminated_quote(line_at(block.end));
      if (at_end_) return std::optional<std::vector<FieldSpan>>();
      if (size_ - begin_ > limits_.max_record_bytes) {
        return sdk::data_error(codes::kRecordTooLarge, "file '" + name_ + "': the first record is longer than " +
                                                           std::to_string(limits_.max_record_bytes) +
                                                           " bytes; are the options delimiter and quote right?");
      }
      RB_SDK_RETURN_NOT_OK(refill());
      continue;
    }
    uint32_t count = columns;
    for (const RecordProblem& problem : block.problems) {
      if (problem.kind == ProblemKind::kTextAfterQuote) {
        return sdk::data_error(codes::kInvalidHeader, "file '" + name_ + "', line " +
                                                          std::to_string(line_at(block.row_begin[0])) +
                                                          ": text follows a closing quote in the first record");
      }
      count = problem.field_count;
    }
    if (count > columns) {
      columns = count;
      continue;
    }
    std::vector<FieldSpan> fields(block.fields.begin(), block.fields.begin() + count);
    const std::string_view text(buffer_.data() + block.row_begin[0], block.row_end[0] - block.row_begin[0]);
    if (!sdk::is_valid_utf8(text)) {
      return sdk::data_error(codes::kInvalidUtf8,
                             "file '" + name_ + "', line " + std::to_string(line_at(block.row_begin[0])) +
                                 ": the first record is not valid UTF-8; convert the file to UTF-8");
    }
    block_data_ = buffer_.data();
    if (consume) begin_ = block.end;
    return std::optional<std::vector<FieldSpan>>(std::move(fields));
  }
}

Result<bool> RecordReader::next(RecordBlock& block) {
  const BlockLimits limits = block_limits(columns_);
  while (true) {
    const uint32_t begin = begin_;
    block_begin_ = begin;
    block_data_ = buffer_.data();
    const ScanStop stop = scan(block, limits);
    begin_ = block.end;
    if (block.row_count != 0) {
      check_records(block, begin);
      return true;
    }
    if (stop == ScanStop::kUnterminatedQuote) return unterminated_quote(line_at(begin_));
    if (stop == ScanStop::kBlockFull) continue;  // empty lines only
    if (at_end_) {
      RB_SDK_RETURN_NOT_OK(check_end());
      return false;
    }
    if (size_ - begin_ > limits_.max_record_bytes) {
      RB_SDK_RETURN_NOT_OK(skip_long_record(block));
      return true;
    }
    RB_SDK_RETURN_NOT_OK(refill());
  }
}

void RecordReader::check_records(RecordBlock& block, uint32_t begin) {
  const bool maybe_long = block.end - begin > limits_.max_record_bytes;
  const bool invalid_utf8 =
      !block.ascii && !sdk::is_valid_utf8(std::string_view(buffer_.data() + begin, block.end - begin));
  if (!maybe_long && !invalid_utf8) return;
  for (uint32_t row = 0; row < block.row_count; ++row) {
    const uint32_t length = block.row_end[row] - block.row_begin[row];
    const bool too_long = length > limits_.max_record_bytes;
    if (!too_long && (!invalid_utf8 || sdk::is_valid_utf8({buffer_.data() + block.row_begin[row], length}))) continue;
    if (too_long) {
      // Over the limit is over the limit, whatever else is wrong: other buffer sizes may not get to see the rest.
      std::erase_if(block.problems, [row](const RecordProblem& p) { return p.row == row; });
    } else if (has_problem(block, row)) {
      continue;
    }
    RecordProblem problem;
    problem.row = row;
    problem.kind = too_long ? ProblemKind::kTooLong : ProblemKind::kInvalidUtf8;
    for (uint32_t column = 0; column < block.column_count && !too_long; ++column) {
      const FieldSpan& field = block.field(row, column);
      if (!sdk::is_valid_utf8({buffer_.data() + field.begin, field.length()})) {
        problem.column = column;
        break;
      }
    }
    block.problems.push_back(std::move(problem));
  }
  std::stable_sort(block.problems.begin(), block.problems.end(),
                   [](const RecordProblem& a, const RecordProblem& b) { return a.row < b.row; });
}

Status RecordReader::skip_long_record(RecordBlock& block) {
  account(begin_);
  const size_t kept = std::min<size_t>(kLongRecordKept, size_ - begin_);
  long_record_.assign(kept + kScanPadding, 0);
  std::memcpy(long_record_.data(), buffer_.data() + begin_, kept);
  long_record_line_ = lines_.lines() + 1;
  long_record_offset_ = buffer_offset_ + begin_;
  CsvRecordSkipper skipper(csv_ ? csv_->dialect() : CsvDialect{});
  bool done = false;
  while (!done) {
    const char* from = buffer_.data() + begin_;
    const size_t available = size_ - begin_;
    size_t used = available;
    if (csv_) {
      used = skipper.feed(from, available, done);
    } else if (const void* line_end = std::memchr(from, '\n', available)) {
      used = static_cast<size_t>(static_cast<const char*>(line_end) - from) + 1;
      done = true;
    }
    begin_ += static_cast<uint32_t>(used);
    if (done) break;
    if (at_end_) {
      if (csv_ && skipper.within_quotes() && !grew_) return unterminated_quote(long_record_line_);
      break;
    }
    RB_SDK_RETURN_NOT_OK(refill());
  }
  account(begin_);
  block.reset(columns_, 1);
  for (uint32_t column = 0; column < columns_; ++column) block.fields[column] = FieldSpan{};
  block.row_begin[0] = 0;
  block.row_end[0] = static_cast<uint32_t>(kept);
  block.row_count = 1;
  block.end = begin_;
  block.problems.push_back({0, ProblemKind::kTooLong, RecordProblem::kNoColumn, 0, {}});
  block_data_ = long_record_.data();
  return {};
}

Status RecordReader::check_end() {
  const FileWatch& watch = file_->watch();
  RB_SDK_ASSIGN_OR_RETURN(const FileChange change, watch.look());
  if (change == FileChange::kNone) return {};
  if (change == FileChange::kCut)
    return watch.changed("it is shorter now than the " + std::to_string(watch.size()) + " bytes that it was");
  const bool last_is_open = begin_ == size_ && size_ != 0 && buffer_[size_ - 1] != '\n' && buffer_[size_ - 1] != '\r';
  if (change == FileChange::kGrew && !grew_ && last_is_open) {
    return watch.changed("its last line had no line end and has been added to");
  }
  return compare_again();
}

Status RecordReader::explain(Status error) {
  const auto change = file_->watch().look();
  if (!change.ok() || *change == FileChange::kNone) return error;
  if (*change == FileChange::kCut) return check_end();
  Status same = compare_again();
  return same.ok() ? error : same;
}

Status RecordReader::compare_again() {
  account(begin_);
  uint64_t left = buffer_offset_ + begin_;
  std::vector<char> chunk(static_cast<size_t>(std::min<uint64_t>(std::max<uint64_t>(left, 1), 128 * 1024)));
  PrefixHash again;
  RB_SDK_RETURN_NOT_OK(file_->rewind());
  while (left != 0) {
    RB_SDK_ASSIGN_OR_RETURN(const size_t count,
                            file_->read(chunk.data(), static_cast<size_t>(std::min<uint64_t>(left, chunk.size()))));
    if (count == 0) break;
    again.feed(chunk.data(), count);
    left -= count;
  }
  if (left == 0 && again.value() == hash_.value()) return {};
  return file_->watch().changed("read a second time, it holds other bytes");
}

FileNews RecordReader::news() const { return {.grew = grew_, .replaced = file_->watch().is_replaced()}; }

FilePosition RecordReader::position() {
  account(begin_);
  return FilePosition{buffer_offset_ + begin_, lines_.lines(), hash_.value()};
}

FilePosition RecordReader::position_before() {
  account(block_begin_);
  return FilePosition{buffer_offset_ + block_begin_, lines_.lines(), hash_.value()};
}

uint64_t RecordReader::line_at(uint32_t offset) const {
  if (block_data_ != buffer_.data()) return long_record_line_;
  if (offset < accounted_) {
    // position() has been called in between: subtract what is after the offset. Lines end before `accounted_`.
    LineCounter behind;
    behind.feed(buffer_.data() + offset, buffer_.data() + accounted_);
    return lines_.lines() - behind.lines() + 1;
  }
  LineCounter counter = lines_;
  counter.feed(buffer_.data() + accounted_, buffer_.data() + offset);
  return counter.lines() + 1;
}

Result<bool> RecordReader::skip_to(const FilePosition& position) {
  while (true) {
    const uint64_t reached = buffer_offset_ + begin_;
    if (position.offset < reached) return false;
    const uint64_t step = std::min<uint64_t>(position.offset - reached, size_ - begin_);
    begin_ += static_cast<uint32_t>(step);
    if (buffer_offset_ + begin_ == position.offset) break;
    if (at_end_) return false;
    RB_SDK_RETURN_NOT_OK(refill());
  }
  account(begin_);
  return hash_.value() == position.hash;
}

}  // namespace rapidbyte::source_file
