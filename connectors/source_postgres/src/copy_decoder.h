#pragma once
// CopyDecoder: the byte stream of COPY ... TO STDOUT (FORMAT binary) into Arrow column buffers. Pure: bytes in, events
// out; the stream may be split anywhere, though rows that are complete in one piece, which is what PostgreSQL sends,
// are decoded in place. The types are resolved once; a row is one loop with a switch, without a call or an allocation
// per value. A row that Arrow cannot hold is removed as a whole and reported with its bytes; the caller decides what
// happens to it and continues.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "column_store.h"
#include "column_type.h"
#include "rapidbyte/sdk/byte_buffer.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/ipc_encoder.h"

namespace rapidbyte::source_postgres {

enum class ProblemKind : uint8_t {
  kSpecialValue,  // an infinite date or timestamp, or a NaN decimal, and the destination does not know special values
  kOutOfRange,  // a finite timestamp beyond what 64 bits of microseconds since 1970 hold
  kInvalidUtf8,
  kTooLarge,  // the row's values, as received or as Arrow holds them, exceed the limit of a record
};

/// Why the newest row was removed.
struct RowProblem {
  ProblemKind kind = ProblemKind::kSpecialValue;
  /// For a row that is too large: the column with the longest value.
  size_t column = 0;
  uint64_t value_bytes = 0;
  /// The row's fields from the first one on, each with its length, valid until the next call. For a row that is too
  /// large possibly only those before the large value. Each length is one that the column's type can have.
  std::span<const uint8_t> fields;
  size_t field_count = 0;
  /// The watched columns alone exceed the limit: watched() does not describe this row.
  bool watched_too_large = false;
};

struct DecoderLimits {
  size_t batch_bytes = 256 << 10;  // a batch is full when its buffers hold this much
  size_t record_bytes = 16 << 20;
  /// Whether infinities and NaN may be sent as special values.
  bool special_values = false;
};

class CopyDecoder {
 public:
  enum class Event : uint8_t {
    kNeedMore,  // the piece is used up
    kRow,  // one more row; only while columns are watched
    kBatchFull,  // emit and clear_batch(), then call next() again
    kRejected,  // see problem()
    kEnd,  // the trailer came
    kCorrupt,  // see corruption(); the decoder must not be used any more
  };

  CopyDecoder(std::vector<ColumnPlan> columns, const DecoderLimits& limits);

  /// The next piece; the previous one must be used up. It is read in place until next() returns kNeedMore.
  void feed(std::span<const uint8_t> bytes) {
    here_ = bytes.data();
    end_ = here_ + bytes.size();
  }
  Event next();

  /// Rows received so far, including rejected ones.
  [[nodiscard]] uint64_t rows_seen() const { return rows_seen_; }
  [[nodiscard]] const RowProblem& problem() const { return problem_; }
  [[nodiscard]] const std::vector<ColumnPlan>& columns() const { return columns_; }
  /// What the server sent that is impossible: UNEXPECTED_DATA (internal).
  [[nodiscard]] sdk::Status corruption() const;

  /// The batch being built.
  [[nodiscard]] size_t batch_rows() const { return rows_; }
  /// One entry for every column that is not watched; borrowed until clear_batch().
  std::span<const sdk::ColumnBuffers> batch();
  void clear_batch();

  /// Text of the watched columns in the newest row, rejected or not (but see watched_too_large); nullopt is NULL. They
  /// must come before all others, so that they are known for a row that is too large.
  [[nodiscard]] const std::vector<std::optional<std::string>>& watched() const { return watched_; }

 private:
  struct Column {
    WireKind kind;
    int32_t scale = 0;
    size_t watched = 0;
    ColumnStore store;
  };
  enum class Outcome : uint8_t { kOk, kIncomplete, kBad, kCorrupt };
  /// How far a row that begins somewhere extends.
  struct RowScan {
    bool whole = false;
    bool corrupt = false;  // an impossible length; corruption_ and field_ say more
    size_t fields = 0;  // complete ones
    size_t fields_end = 0;  // offset after them
    uint64_t length = 0;  // of the first incomplete field, as far as it is known
    size_t needed = 0;  // bytes that the row has at least; all of it when it is whole
    size_t longest = 0;  // the column of the longest value that is known, and its length
    uint64_t longest_bytes = 0;
    uint64_t watched_bytes = 0;  // of the watched fields' values, as far as their lengths are known
  };

  bool take_header();
  Event decode_at(const uint8_t* begin, size_t size, bool from_carry);
  Outcome decode_row(const uint8_t* at, const uint8_t* end);
  template <typename Words>
  Outcome decode_decimal(Column& column, std::span<const uint8_t> bytes);
  bool copy_text(Column& column, const uint8_t* at, size_t size);
  Outcome bad(ProblemKind kind);
  Outcome corrupt(std::string what);
  void take_back_row(size_t fields);
  /// Looks only at the lengths of the row's fields.
  RowScan scan(const uint8_t* row, size_t size);
  bool check_length(size_t field, int32_t length);
  /// Whether a row of at least `size` bytes, including its fields' lengths, exceeds the limit.
  [[nodiscard]] bool is_too_large(size_t size) const {
    // The lengths of the fields are not data: a row of 1,600 nulls is not large.
    return size > limits_.record_bytes + 2 + 4 * stores_.size();
  }
  Event reject(const uint8_t* row, const RowScan& scan);
  void begin_skipping(const uint8_t* row, size_t size, const RowScan& scan);
  Event skip_large_row();

  std::vector<ColumnPlan> columns_;
  DecoderLimits limits_;
  std::vector<Column> stores_;
  std::vector<sdk::ColumnBuffers> buffers_;
  size_t max_rows_ = 0;
  size_t fixed_row_bits_ = 0;  // of a row in all buffers but those of texts
  size_t rows_ = 0;
  size_t text_bytes_ = 0;  // of the batch
  uint64_t rows_seen_ = 0;
  std::vector<std::optional<std::string>> watched_;

  const uint8_t* here_ = nullptr;
  const uint8_t* end_ = nullptr;
  const uint8_t* row_end_ = nullptr;  // set by decode_row() when it says kOk
  size_t field_ = 0;  // the one that decode_row() stopped at
  bool header_done_ = false;
  bool ended_ = false;
  bool carry_used_ = false;  // carry_ belongs to the last event of next()
  sdk::ByteBuffer carry_;  // the beginning of a row that is not complete yet
  size_t needed_ = 0;  // the row in carry_ has at least this many bytes
  RowProblem problem_;
  std::string corruption_;

  // A row above the limit is skipped without being kept.
  bool skipping_ = false;
  size_t skip_field_ = 0;  // the next one whose length comes
  uint64_t skip_bytes_ = 0;  // of the value being skipped
  uint8_t skip_length_[4] = {};
  size_t skip_length_have_ = 0;
};

}  // namespace rapidbyte::source_postgres
