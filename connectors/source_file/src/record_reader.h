#pragma once
// RecordReader: one file as blocks of records. Owns the file and the one buffer through which it passes, knows each
// record's line and the byte offset after it, and can resume at an offset after checking that everything before it is
// what was read then. Memory: the buffer, which grows only for records larger than it, up to the record limit.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "byte_reader.h"
#include "byte_scan.h"
#include "csv_scanner.h"
#include "ndjson_scanner.h"
#include "prefix_hash.h"
#include "record_block.h"

namespace rapidbyte::source_file {

/// What happened to a file while it was read, without affecting what was read.
struct FileNews {
  bool grew = false;  // read up to the last line end that was there when it was opened
  bool replaced = false;  // the name leads to another file by now, or to none
};

/// The position after a complete record.
struct FilePosition {
  uint64_t offset = 0;  // bytes of text, that is, after decompression
  uint64_t lines = 0;  // line ends before it
  uint64_t hash = 0;  // of all bytes before it
};

struct ReaderLimits {
  size_t buffer_bytes = size_t{256} * 1024;
  uint64_t max_record_bytes = uint64_t{16} << 20U;
  /// The maximum number of fields in a block: its table stays in the second-level cache.
  uint32_t max_block_fields = 16 * 1024;
  uint32_t max_block_bytes = 64 * 1024;
};

class RecordReader {
 public:
  /// Messages and checkpoints show `shown_name`. Skips a byte order mark; UTF-16 and UTF-32 are refused
  /// (UNSUPPORTED_ENCODING).
  static sdk::Result<std::unique_ptr<RecordReader>> open_csv(const std::string& path, std::string shown_name,
                                                             const CsvDialect& dialect, uint64_t skip_lines,
                                                             const ReaderLimits& limits);
  static sdk::Result<std::unique_ptr<RecordReader>> open_ndjson(const std::string& path, std::string shown_name,
                                                                const ReaderLimits& limits);

  /// CSV: the fields of the next record, as spans into data(), without reading past it; nullopt at the end of the file.
  /// With `consume` the record is consumed, as a header is.
  sdk::Result<std::optional<std::vector<FieldSpan>>> first_record(bool consume);

  /// Says how many fields (CSV) or which keys (NDJSON) records have. Before next().
  void set_columns(uint32_t count) { columns_ = count; }
  void set_keys(std::vector<std::string> keys, bool collect = false);
  [[nodiscard]] const std::vector<std::string>& keys() const { return ndjson_->columns(); }

  /// The next records, at least one; false at the end of the file. Records over the limit have the problem kTooLong,
  /// and those that are not UTF-8 kInvalidUtf8. UNTERMINATED_QUOTE (data) ends the file, since nobody knows where the
  /// next record begins. At the end: as check_end().
  sdk::Result<bool> next(RecordBlock& block);

  /// At the end of the file: ok when what was read is what the file holds. FILE_CHANGED (data) when it was truncated or
  /// overwritten in the meantime; when its size or time says that it may have been, it is read once more and compared.
  sdk::Status check_end();
  [[nodiscard]] FileNews news() const;
  /// `error` about the last block, or FILE_CHANGED when what was read is no longer in the file: that explains records
  /// that make no sense.
  sdk::Status explain(sdk::Status error);
  /// Of the file when it was opened.
  [[nodiscard]] uint64_t file_size() const { return file_->watch().size(); }

  /// The buffer that the last block's offsets refer to.
  [[nodiscard]] const char* data() const { return block_data_; }
  /// After the last block.
  [[nodiscard]] FilePosition position();
  /// Before the last block; not after a block with a kTooLong record, and not after position() has been called.
  [[nodiscard]] FilePosition position_before();
  /// Bytes of text consumed so far.
  [[nodiscard]] uint64_t offset() const { return buffer_offset_ + begin_; }
  /// Position in the text of the byte at that offset of the last block.
  [[nodiscard]] uint64_t text_offset(uint32_t offset) const {
    return block_data_ == buffer_.data() ? buffer_offset_ + offset : long_record_offset_;
  }
  /// Line (from 1) of the byte at that offset of the last block.
  [[nodiscard]] uint64_t line_at(uint32_t offset) const;
  [[nodiscard]] const std::string& name() const { return name_; }

  /// Goes to a position that position() returned in an earlier run, after any header. False when the bytes before it
  /// have changed since then.
  sdk::Result<bool> skip_to(const FilePosition& position);

 private:
  RecordReader(std::unique_ptr<ByteReader> file, std::string name, const ReaderLimits& limits);
  sdk::Status start(uint64_t skip_lines);
  /// Moves the rest to the front and fills up the buffer; grows it when it is full.
  sdk::Status refill();
  void account(uint32_t end);
  ScanStop scan(RecordBlock& block, const BlockLimits& limits);
  sdk::Status skip_long_record(RecordBlock& block);
  void check_records(RecordBlock& block, uint32_t begin);
  [[nodiscard]] BlockLimits block_limits(uint32_t columns) const;
  [[nodiscard]] sdk::Status unterminated_quote(uint64_t line) const;
  sdk::Status compare_again();
  /// Whether the text ends where the buffer does. Not when more is being added: the last record may continue.
  [[nodiscard]] bool is_whole() const { return at_end_ && !grew_; }

  std::unique_ptr<ByteReader> file_;
  std::string name_;
  ReaderLimits limits_;
  std::optional<CsvScanner> csv_;
  std::optional<NdjsonScanner> ndjson_;
  uint32_t columns_ = 0;

  std::vector<char> buffer_;  // padded for the scanners
  uint32_t begin_ = 0;  // of what is not yet consumed
  uint32_t size_ = 0;  // of what has been read
  uint32_t block_begin_ = 0;
  uint32_t accounted_ = 0;  // up to here bytes are in hash_ and lines_
  bool at_end_ = false;  // nothing more to read
  bool grew_ = false;  // at_end_, and the file is longer than when it was opened
  uint64_t buffer_offset_ = 0;  // of the buffer's first byte in the text
  PrefixHash hash_;
  LineCounter lines_;
  const char* block_data_ = nullptr;
  std::vector<char> long_record_;  // beginning of a record that was too long, padded
  uint64_t long_record_line_ = 0;
  uint64_t long_record_offset_ = 0;
};

}  // namespace rapidbyte::source_file
