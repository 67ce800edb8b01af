#include "copy_decoder.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "numeric.h"
#include "postgres/message.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/batch_builder.h"
#include "value_text.h"

namespace rapidbyte::source_postgres {

namespace {

using postgres::load_be;

constexpr char kSignature[] = "PGCOPY\n\377\r\n";  // with its zero byte: 11 bytes
constexpr size_t kSignatureBytes = 11;
constexpr size_t kHeaderBytes = kSignatureBytes + 4 + 4;  // flags; length of the extension
// Rows of few bits would otherwise make batches of millions.
constexpr size_t kMostRows = 65'536;
// Flag bits 16 to 31 are critical: a reader that does not know one must stop.
constexpr uint32_t kCriticalFlags = 0xFFFF0000U;
// Offsets have 31 bits; half of that leaves room for the row that fills the batch.
constexpr size_t kMostRecordBytes = size_t{1} << 30U;

typedef uint8_t Block __attribute__((vector_size(16)));

/// As sdk::copy_bytes(), and tells whether all bytes are ASCII: one pass over the text for both.
inline bool copy_ascii(uint8_t* to, const uint8_t* from, size_t size) {
  constexpr uint64_t kHigh = 0x8080808080808080ULL;
  if (size >= 16) {
    Block seen = {};
    Block block;
    size_t at = 0;
    for (; at + 16 <= size; at += 16) {
      std::memcpy(&block, from + at, 16);
      std::memcpy(to + at, &block, 16);
      seen |= block;
    }
    std::memcpy(&block, from + size - 16, 16);
    std::memcpy(to + size - 16, &block, 16);
    seen |= block;
    uint64_t halves[2];
    std::memcpy(halves, &seen, 16);
    return ((halves[0] | halves[1]) & kHigh) == 0;
  }
  if (size >= 8) {
    uint64_t first;
    uint64_t last;
    std::memcpy(&first, from, 8);
    std::memcpy(&last, from + size - 8, 8);
    std::memcpy(to, &first, 8);
    std::memcpy(to + size - 8, &last, 8);
    return ((first | last) & kHigh) == 0;
  }
  if (size >= 4) {
    uint32_t first;
    uint32_t last;
    std::memcpy(&first, from, 4);
    std::memcpy(&last, from + size - 4, 4);
    std::memcpy(to, &first, 4);
    std::memcpy(to + size - 4, &last, 4);
    return ((first | last) & static_cast<uint32_t>(kHigh)) == 0;
  }
  uint8_t seen = 0;
  for (size_t i = 0; i < size; ++i) {
    to[i] = from[i];
    seen = static_cast<uint8_t>(seen | from[i]);
  }
  return seen < 0x80;
}

void write_uuid(const uint8_t* from, uint8_t* to) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *to++ = '-';
    *to++ = static_cast<uint8_t>(kDigits[from[i] >> 4U]);
    *to++ = static_cast<uint8_t>(kDigits[from[i] & 15U]);
  }
}

size_t row_bits(const sdk::DataType& type) {
  if (type.is_variable()) return 32;
  return type.value_width() == 0 ? 1 : 8 * static_cast<size_t>(type.value_width());
}

}  // namespace

CopyDecoder::CopyDecoder(std::vector<ColumnPlan> columns, const DecoderLimits& limits)
    : columns_(std::move(columns)), limits_(limits) {
  limits_.record_bytes = std::min(limits_.record_bytes, kMostRecordBytes);
  for (const ColumnPlan& plan : columns_) {
    if (plan.kind != WireKind::kWatched) fixed_row_bits_ += row_bits(plan.field.type);
  }
  max_rows_ = std::clamp<size_t>(limits.batch_bytes * 8 / std::max<size_t>(fixed_row_bits_, 1), 1, kMostRows);
  size_t watched = 0;
  for (const ColumnPlan& plan : columns_) {
    const bool is_watched = plan.kind == WireKind::kWatched;
    stores_.push_back(
        {plan.kind, plan.field.type.scale, watched, ColumnStore(plan.field.type, is_watched ? 1 : max_rows_)});
    if (is_watched) ++watched;
  }
  watched_.resize(watched);
  buffers_.resize(columns_.size() - watched);
}

inline bool CopyDecoder::copy_text(Column& column, const uint8_t* at, size_t size) {
  uint8_t* const to = column.store.text_room(size);
  if (!copy_ascii(to, at, size) && !sdk::is_valid_utf8({reinterpret_cast<const char*>(at), size})) return false;
  column.store.end_text(rows_, size);
  text_bytes_ += size;
  return true;
}

CopyDecoder::Outcome CopyDecoder::bad(ProblemKind kind) {
  problem_.kind = kind;
  return Outcome::kBad;
}

CopyDecoder::Outcome CopyDecoder::corrupt(std::string what) {
  corruption_ = std::move(what);
  return Outcome::kCorrupt;
}

template <typename Words>
CopyDecoder::Outcome CopyDecoder::decode_decimal(Column& column, std::span<const uint8_t> bytes) {
  Words value;
  switch (decode_numeric(bytes, column.scale, value)) {
    case NumericOutcome::kOk: break;
    case NumericOutcome::kNan:
      if (!limits_.special_values) return bad(ProblemKind::kSpecialValue);
      // The most negative value means NaN; no decimal has that many digits.
      value = {};
      value.words[std::size(value.words) - 1] = uint64_t{1} << 63U;
      break;
    default: return corrupt("a numeric that its column cannot hold");
  }
  column.store.set(rows_, value);
  return Outcome::kOk;
}

CopyDecoder::Outcome CopyDecoder::decode_row(const uint8_t* at, const uint8_t* const end) {
  field_ = 0;
  const size_t count = stores_.size();
  if (end - at < 2) return Outcome::kIncomplete;
  const auto fields = load_be<int16_t>(at);
  at += 2;
  if (fields != static_cast<int16_t>(count)) {
    if (fields == -1) {
      ended_ = true;
      row_end_ = at;
      return Outcome::kOk;
    }
    return corrupt("a row of " + std::to_string(fields) + " fields where " + std::to_string(count) + " were asked for");
  }
  const size_t row = rows_;
  Column* column = stores_.data();
  for (Column* const last = column + count; column != last; ++column, ++field_) {
    if (end - at < 4) return Outcome::kIncomplete;
    const auto length = load_be<int32_t>(at);
    at += 4;
    if (length < 0) {
      if (length != -1) return corrupt("a field of a negative length");
      if (column->kind == WireKind::kWatched) {
        watched_[column->watched].reset();
      } else {
        column->store.set_null(row);
      }
      continue;
    }
    const auto size = static_cast<size_t>(length);
    if (static_cast<size_t>(end - at) < size) return Outcome::kIncomplete;
    switch (column->kind) {
      case WireKind::kInt64:
      case WireKind::kFloat64:
        if (size != 8) return corrupt("a field of another length than its type has");
        column->store.set(row, load_be<uint64_t>(at));
        break;
      case WireKind::kInt32:
      case WireKind::kFloat32:
      case WireKind::kOid:
        if (size != 4) return corrupt("a field of another length than its type has");
        column->store.set(row, load_be<uint32_t>(at));
        break;
      case WireKind::kInt16:
        if (size != 2) return corrupt("a field of another length than its type has");
        column->store.set(row, load_be<uint16_t>(at));
        break;
      case WireKind::kBool:
        if (size != 1) return corrupt("a field of another length than its type has");
        column->store.set_bool(row, *at != 0);
        break;
      case WireKind::kText:
        if (!copy_text(*column, at, size)) return bad(ProblemKind::kInvalidUtf8);
        break;
      case WireKind::kJsonb:
        if (size == 0 || *at != 1) return corrupt("a jsonb of an unknown version");
        if (!copy_text(*column, at + 1, size - 1)) return bad(ProblemKind::kInvalidUtf8);
        break;
      case WireKind::kBytes:
        sdk::copy_bytes(column->store.text_room(size), at, size);
        column->store.end_text(row, size);
        text_bytes_ += size;
        break;
      case WireKind::kUuid:
        if (size != 16) return corrupt("a field of another length than its type has");
        write_uuid(at, column->store.text_room(36));
        column->store.end_text(row, 36);
        text_bytes_ += 36;
        break;
      case WireKind::kTimestamp: {
        if (size != 8) return corrupt("a field of another length than its type has");
        auto micros = load_be<int64_t>(at);
        if (micros == INT64_MAX || micros == INT64_MIN) {
          if (!limits_.special_values) return bad(ProblemKind::kSpecialValue);
        } else if (micros >= INT64_MAX - kEpochMicros) {
          return bad(ProblemKind::kOutOfRange);
        } else {
          micros += kEpochMicros;
        }
        column->store.set(row, micros);
        break;
      }
      case WireKind::kDate: {
        if (size != 4) return corrupt("a field of another length than its type has");
        auto days = load_be<int32_t>(at);
        if (days == INT32_MAX || days == INT32_MIN) {
          if (!limits_.special_values) return bad(ProblemKind::kSpecialValue);
        } else if (days >= INT32_MAX - kEpochDays) {
          return bad(ProblemKind::kOutOfRange);
        } else {
          days += kEpochDays;
        }
        column->store.set(row, days);
        break;
      }
      case WireKind::kTime:
        if (size != 8) return corrupt("a field of another length than its type has");
        column->store.set(row, load_be<int64_t>(at));
        break;
      case WireKind::kNumeric128: {
        sdk::Decimal128Words value;
        // The bytes after it in the piece may be read, too.
        if (static_cast<size_t>(end - at) >= kSmallNumericBytes &&
            decode_small_numeric(at, size, column->scale, value)) {
          column->store.set(row, value);
          break;
        }
        const Outcome outcome = decode_decimal<sdk::Decimal128Words>(*column, {at, size});
        if (outcome != Outcome::kOk) return outcome;
        break;
      }
      case WireKind::kNumeric256: {
        const Outcome outcome = decode_decimal<sdk::Decimal256Words>(*column, {at, size});
        if (outcome != Outcome::kOk) return outcome;
        break;
      }
      case WireKind::kNumericText: {
        const size_t bound = numeric_text_bound({at, size});
        if (bound == 0) return corrupt("a numeric in an unknown form");
        auto* const to = reinterpret_cast<char*>(column->store.text_room(bound));
        const size_t written = numeric_text({at, size}, to);
        column->store.end_text(row, written);
        text_bytes_ += written;
        break;
      }
      case WireKind::kWatched: watched_[column->watched].emplace(reinterpret_cast<const char*>(at), size); break;
    }
    at += size;
  }
  row_end_ = at;
  return Outcome::kOk;
}

void CopyDecoder::take_back_row(size_t fields) {
  for (size_t i = 0; i < fields; ++i) {
    Column& column = stores_[i];
    if (column.kind == WireKind::kWatched) continue;
    const size_t before = column.store.text_size();
    column.store.take_back(rows_);
    text_bytes_ -= before - column.store.text_size();
  }
}

/// Whether a field of that column can have that length. The reason for which a row is rejected may be before or after
/// the field, so decode_row() has not always seen it.
bool CopyDecoder::check_length(size_t field, int32_t length) {
  bool fits = true;
  switch (length < 0 ? WireKind::kText : stores_[field].kind) {
    case WireKind::kInt64:
    case WireKind::kFloat64:
    case WireKind::kTimestamp:
    case WireKind::kTime: fits = length == 8; break;
    case WireKind::kInt32:
    case WireKind::kFloat32:
    case WireKind::kOid:
    case WireKind::kDate: fits = length == 4; break;
    case WireKind::kInt16: fits = length == 2; break;
    case WireKind::kBool: fits = length == 1; break;
    case WireKind::kUuid: fits = length == 16; break;
    case WireKind::kJsonb: fits = length >= 1; break;
    case WireKind::kNumeric128:
    case WireKind::kNumeric256:
    case WireKind::kNumericText: fits = static_cast<size_t>(length) >= kNumericHeaderBytes && length % 2 == 0; break;
    case WireKind::kText:
    case WireKind::kBytes:
    case WireKind::kWatched: fits = length >= -1; break;
  }
  if (fits) return true;
  field_ = field;
  corruption_ = length < 0 ? "a field of a negative length" : "a field of another length than its type has";
  return false;
}

CopyDecoder::RowScan CopyDecoder::scan(const uint8_t* row, size_t size) {
  RowScan out;
  const size_t count = stores_.size();
  size_t at = 2;
  out.needed = at;
  if (size < at) return out;
  if (load_be<int16_t>(row) != static_cast<int16_t>(count)) {
    // The trailer, or no row: decode_row() tells.
    out.whole = true;
    out.fields_end = at;
    return out;
  }
  for (; out.fields < count; ++out.fields) {
    out.fields_end = at;
    // Still missing: this field's length and those of all fields after it.
    out.needed = at + 4 * (count - out.fields);
    if (size < at + 4) return out;
    const auto length = load_be<int32_t>(row + at);
    at += 4;
    if (!check_length(out.fields, length)) {
      out.corrupt = true;
      return out;
    }
    if (length <= 0) continue;
    out.length = static_cast<uint64_t>(length);
    if (stores_[out.fields].kind == WireKind::kWatched) {
      out.watched_bytes += out.length;
    } else if (out.length > out.longest_bytes) {
      out.longest = out.fields;
      out.longest_bytes = out.length;
    }
    out.needed += static_cast<size_t>(length);
    if (size - at < static_cast<size_t>(length)) return out;
    out.length = 0;
    at += static_cast<size_t>(length);
  }
  out.fields_end = at;
  out.needed = at;
  out.whole = true;
  return out;
}

CopyDecoder::Event CopyDecoder::reject(const uint8_t* row, const RowScan& scan) {
  problem_.column = field_;
  problem_.fields = {row + 2, scan.fields_end - 2};
  problem_.field_count = scan.fields;
  if (problem_.kind == ProblemKind::kTooLarge) {
    // Names the longest field; that is where the user can do something.
    problem_.column = scan.longest;
    problem_.value_bytes = scan.longest_bytes;
  }
  problem_.watched_too_large = scan.watched_bytes > limits_.record_bytes;
  ++rows_seen_;
  return Event::kRejected;
}

CopyDecoder::Event CopyDecoder::decode_at(const uint8_t* begin, size_t size, bool from_carry) {
  if (from_carry) {
    // Only the lengths are examined until the row is complete: decoding at each of them would copy a row of many long
    // texts as often as it has texts. A row that is too large is decoded once, for its watched columns.
    const RowScan row = scan(begin, size);
    if (row.corrupt) return Event::kCorrupt;
    needed_ = row.needed;
    if (!row.whole && (row.length == 0 || !is_too_large(needed_))) return Event::kNeedMore;
  }
  const size_t text_before = text_bytes_;
  Outcome outcome = decode_row(begin, begin + size);
  if (outcome == Outcome::kOk && ended_) {
    if (!from_carry) here_ = row_end_;
    carry_used_ = from_carry;
    if (here_ == end_) return Event::kEnd;
    corruption_ = "data after the end of the copy";
    return Event::kCorrupt;
  }
  if (outcome == Outcome::kOk) {
    if (!from_carry) here_ = row_end_;
    carry_used_ = from_carry;
    // Both count, so that it does not depend on how the stream is split whether a row is too large: for a split row
    // only its fields' lengths are known.
    if (text_bytes_ - text_before + fixed_row_bits_ / 8 <= limits_.record_bytes &&
        !is_too_large(static_cast<size_t>(row_end_ - begin))) {
      ++rows_seen_;
      ++rows_;
      const bool full = rows_ >= max_rows_ || rows_ * fixed_row_bits_ / 8 + text_bytes_ >= limits_.batch_bytes;
      if (full) return Event::kBatchFull;
      return watched_.empty() ? Event::kNeedMore : Event::kRow;
    }
    take_back_row(stores_.size());
    problem_.kind = ProblemKind::kTooLarge;
    return reject(begin, scan(begin, size));
  }
  take_back_row(field_);
  // The lengths come first: whatever else is wrong with the row, its fields must be where they are said to be.
  const std::string why = std::exchange(corruption_, {});
  const size_t stopped_at = field_;
  const RowScan row = scan(begin, size);
  if (row.corrupt) return Event::kCorrupt;
  field_ = stopped_at;
  needed_ = row.needed;
  if (row.whole) {
    if (outcome == Outcome::kCorrupt && !is_too_large(row.needed)) {
      corruption_ = why;
      return Event::kCorrupt;
    }
    if (!from_carry) here_ = begin + row.fields_end;
    carry_used_ = from_carry;
    if (is_too_large(row.needed)) problem_.kind = ProblemKind::kTooLarge;
    return reject(begin, row);
  }
  if (row.length != 0 && is_too_large(needed_)) {
    begin_skipping(begin, size, row);
    return Event::kNeedMore;
  }
  if (!from_carry) {
    // The row's size is mostly known by now; a buffer that doubles would take twice the memory for a large one.
    carry_.reserve(needed_);
    carry_.append(begin, size);
    here_ = end_;
  }
  return Event::kNeedMore;
}

void CopyDecoder::begin_skipping(const uint8_t* row, size_t size, const RowScan& scan) {
  problem_.kind = ProblemKind::kTooLarge;
  problem_.column = scan.longest;
  problem_.value_bytes = scan.longest_bytes;
  problem_.field_count = scan.fields;
  problem_.watched_too_large = scan.watched_bytes > limits_.record_bytes;
  const size_t here = size - scan.fields_end - 4;  // of the large value
  skip_bytes_ = scan.length - here;
  skip_field_ = scan.fields + 1;
  skip_length_have_ = 0;
  skipping_ = true;
  const size_t kept = scan.fields_end - 2;
  if (row == carry_.data()) {
    std::memmove(carry_.data(), row + 2, kept);
    carry_.truncate(kept);
  } else {
    carry_.clear();
    carry_.append(row + 2, kept);
    here_ = end_;
  }
}

CopyDecoder::Event CopyDecoder::skip_large_row() {
  while (true) {
    const auto passed = static_cast<size_t>(std::min<uint64_t>(skip_bytes_, static_cast<uint64_t>(end_ - here_)));
    here_ += passed;
    skip_bytes_ -= passed;
    if (skip_bytes_ != 0) return Event::kNeedMore;
    if (skip_field_ == stores_.size()) break;
    while (skip_length_have_ < 4 && here_ != end_) skip_length_[skip_length_have_++] = *here_++;
    if (skip_length_have_ < 4) return Event::kNeedMore;
    skip_length_have_ = 0;
    const auto length = load_be<int32_t>(skip_length_);
    if (!check_length(skip_field_, length)) return Event::kCorrupt;
    skip_bytes_ = length > 0 ? static_cast<uint64_t>(length) : 0;
    if (skip_bytes_ > problem_.value_bytes && stores_[skip_field_].kind != WireKind::kWatched) {
      problem_.column = skip_field_;
      problem_.value_bytes = skip_bytes_;
    }
    ++skip_field_;
  }
  skipping_ = false;
  problem_.fields = carry_.span();
  carry_used_ = true;
  ++rows_seen_;
  return Event::kRejected;
}

bool CopyDecoder::take_header() {
  needed_ = std::max(needed_, kHeaderBytes);
  while (true) {
    const size_t take = std::min(needed_ - carry_.size(), static_cast<size_t>(end_ - here_));
    carry_.append(here_, take);
    here_ += take;
    if (carry_.size() < needed_) return true;
    const auto flags = load_be<uint32_t>(carry_.data() + kSignatureBytes);
    const auto extension = load_be<uint32_t>(carry_.data() + kSignatureBytes + 4);
    // No extension is defined; a megabyte is more than any could need.
    if (std::memcmp(carry_.data(), kSignature, kSignatureBytes) != 0 || (flags & kCriticalFlags) != 0 ||
        extension > (1U << 20U)) {
      corruption_ = "data without the header of COPY's binary format";
      return false;
    }
    if (carry_.size() == kHeaderBytes + extension) break;
    needed_ = kHeaderBytes + extension;
  }
  carry_.clear();
  needed_ = 0;
  header_done_ = true;
  return true;
}

CopyDecoder::Event CopyDecoder::next() {
  if (carry_used_) {
    carry_.clear();
    carry_used_ = false;
  }
  if (!corruption_.empty()) return Event::kCorrupt;
  if (!header_done_) {
    if (!take_header()) return Event::kCorrupt;
    if (!header_done_) return Event::kNeedMore;
  }
  if (skipping_) return skip_large_row();
  while (here_ != end_) {
    if (ended_) {
      corruption_ = "data after the end of the copy";
      return Event::kCorrupt;
    }
    Event event = Event::kNeedMore;
    if (!carry_.empty()) {
      // Never more than the row certainly has, so that the assembled row ends where the row ends.
      const size_t take = std::min(needed_ - carry_.size(), static_cast<size_t>(end_ - here_));
      carry_.append(here_, take);
      here_ += take;
      if (carry_.size() < needed_) return Event::kNeedMore;
      event = decode_at(carry_.data(), carry_.size(), true);
      if (carry_used_ && event == Event::kNeedMore) {
        carry_.clear();
        carry_used_ = false;
      }
      if (skipping_) return skip_large_row();
    } else {
      event = decode_at(here_, static_cast<size_t>(end_ - here_), false);
      if (skipping_) return skip_large_row();
    }
    if (event != Event::kNeedMore) return event;
  }
  return ended_ ? Event::kEnd : Event::kNeedMore;
}

sdk::Status CopyDecoder::corruption() const {
  std::string where;
  if (field_ < columns_.size() && header_done_) where = ", column `" + columns_[field_].field.name + "`";
  return sdk::internal_error(codes::kUnexpectedData,
                             "row " + std::to_string(rows_seen_ + 1) + where + ": the server sent " + corruption_ +
                                 ". Was the table altered while it was read? If not, this is a bug");
}

std::span<const sdk::ColumnBuffers> CopyDecoder::batch() {
  size_t out = 0;
  for (const Column& column : stores_) {
    if (column.kind != WireKind::kWatched) buffers_[out++] = column.store.buffers(rows_);
  }
  return buffers_;
}

void CopyDecoder::clear_batch() {
  for (Column& column : stores_) column.store.clear(rows_);
  rows_ = 0;
  text_bytes_ = 0;
}

}  // namespace rapidbyte::source_postgres
