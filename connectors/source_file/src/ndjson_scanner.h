#pragma once
// NdjsonScanner: one JSON object per line into a RecordBlock, in the columns of the schema. Checks the grammar of every
// line (RFC 8259), but parses no values: numbers stay as written, so nothing passes through a double. Nested values
// become their JSON text. Stateless between calls apart from scratch memory.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "record_block.h"

namespace rapidbyte::source_file {

class NdjsonScanner {
 public:
  /// With `collect` unknown keys are added to the columns instead of being a problem: for the sample.
  explicit NdjsonScanner(std::vector<std::string> columns, bool collect = false);
  // The index looks into the strings of the list, so only moving keeps it right.
  NdjsonScanner(NdjsonScanner&&) = default;
  NdjsonScanner& operator=(NdjsonScanner&&) = default;

  /// Fills `block` with the complete lines of data[begin, size). Empty lines are skipped. `data` is padded
  /// (byte_scan.h).
  ScanStop scan(const char* data, uint32_t begin, uint32_t size, bool at_end, const BlockLimits& limits,
                RecordBlock& block);

  [[nodiscard]] const std::vector<std::string>& columns() const { return columns_; }

 private:
  struct Line;

  void scan_line(const char* data, uint32_t begin, uint32_t end, RecordBlock& block);
  /// Scans an object's members into `block`; false with line.error set.
  bool scan_object(Line& line, RecordBlock& block);
  bool scan_string(Line& line, uint32_t& begin, uint32_t& end, bool& escaped) const;
  bool scan_value(Line& line, FieldSpan& field) const;
  bool scan_number(Line& line) const;
  bool skip_nested(Line& line) const;
  /// Forgets the columns after the first `count`.
  void keep_columns(size_t count);
  /// Index of the column with that key; kNoColumn for an unknown key.
  uint32_t find_column(std::string_view key, uint32_t expected);

  std::vector<std::string> columns_;
  bool collect_;
  std::unordered_map<std::string_view, uint32_t> index_;
  std::vector<uint64_t> seen_in_line_;  // serial number of the line that had the column last
  uint64_t line_serial_ = 0;
  std::string key_scratch_;
};

}  // namespace rapidbyte::source_file
