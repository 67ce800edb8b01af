// COPY's binary format from a server: the decoder, which works in place and sees the stream in cuts, against a reader
// that looks at one field after the other, and what becomes of the rows that are rejected.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "copy_decoder.h"
#include "fuzz_input.h"
#include "numeric.h"
#include "rapidbyte/sdk/batch_builder.h"
#include "rapidbyte/sdk/json.h"
#include "rejection.h"
#include "value_text.h"

using namespace rapidbyte;
using namespace rapidbyte::source_postgres;

namespace {

using postgres::load_be;
using Bytes = std::span<const uint8_t>;

/// numeric's modifier, as the catalog has it.
constexpr int32_t numeric_modifier(int32_t precision, int32_t scale) { return (precision << 16 | scale) + 4; }

struct ColumnType {
  postgres::Oid oid;
  int32_t modifier = -1;
};
constexpr ColumnType kTypes[] = {
    {postgres::kOidText},
    {postgres::kOidInt8},
    {postgres::kOidInt4},
    {postgres::kOidInt2},
    {postgres::kOidBool},
    {postgres::kOidOid},
    {postgres::kOidFloat4},
    {postgres::kOidFloat8},
    {postgres::kOidBytea},
    {postgres::kOidJsonb},
    {postgres::kOidUuid},
    {postgres::kOidDate},
    {postgres::kOidTime},
    {postgres::kOidNumeric},
    {postgres::kOidTimestamp},
    {postgres::kOidNumeric, numeric_modifier(12, 2)},
    {postgres::kOidNumeric, numeric_modifier(38, 10)},
    {postgres::kOidNumeric, numeric_modifier(76, 3)},
};

ColumnPlan watched(size_t index) {
  ColumnPlan plan;
  plan.field.name = "w" + std::to_string(index);
  plan.field.type = sdk::DataType::of(sdk::TypeId::kUtf8);
  plan.kind = WireKind::kWatched;
  return plan;
}

void add_hex(std::string& out, Bytes bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  for (const uint8_t byte : bytes) {
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
}
template <typename T>
void add_bits(std::string& out, T value) {
  add_hex(out, {reinterpret_cast<const uint8_t*>(&value), sizeof value});
}
Bytes bytes_of(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

// What a stream gives: a line for each row, rejected row, and for how it ends.
struct Outcome {
  std::vector<std::string> lines;
  std::string end = "open";
  bool operator==(const Outcome&) const = default;
};

std::string rejected_line(ProblemKind kind) { return "rejected " + std::to_string(static_cast<int>(kind)); }

// --- one field after the other ---------------------------------------------------------------------------------------

bool length_fits(WireKind kind, size_t length) {
  switch (kind) {
    case WireKind::kBool: return length == 1;
    case WireKind::kInt16: return length == 2;
    case WireKind::kInt32:
    case WireKind::kOid:
    case WireKind::kFloat32:
    case WireKind::kDate: return length == 4;
    case WireKind::kInt64:
    case WireKind::kFloat64:
    case WireKind::kTime:
    case WireKind::kTimestamp: return length == 8;
    case WireKind::kUuid: return length == 16;
    case WireKind::kJsonb: return length >= 1;
    case WireKind::kNumeric128:
    case WireKind::kNumeric256:
    case WireKind::kNumericText: return length >= 8 && length % 2 == 0;
    default: return true;
  }
}

enum class Verdict : uint8_t { kOk, kCorrupt, kBad };

template <typename Words>
Verdict slow_decimal(Bytes bytes, int32_t scale, bool special, std::string& out, ProblemKind& problem) {
  Words words;
  switch (decode_numeric(bytes, scale, words)) {
    case NumericOutcome::kOk: break;
    case NumericOutcome::kNan:
      if (!special) return problem = ProblemKind::kSpecialValue, Verdict::kBad;
      words = {};
      words.words[std::size(words.words) - 1] = uint64_t{1} << 63U;
      break;
    default: return Verdict::kCorrupt;
  }
  add_bits(out, words);
  return Verdict::kOk;
}

template <typename T>
Verdict slow_time(T value, T epoch, bool special, std::string& out, ProblemKind& problem) {
  const bool infinite = value == std::numeric_limits<T>::max() || value == std::numeric_limits<T>::min();
  if (infinite && !special) return problem = ProblemKind::kSpecialValue, Verdict::kBad;
  T moved = value;
  // The largest number would be taken for infinity.
  const bool over = __builtin_add_overflow(value, epoch, &moved) || moved == std::numeric_limits<T>::max();
  if (!infinite && over) return problem = ProblemKind::kOutOfRange, Verdict::kBad;
  add_bits(out, infinite ? value : moved);
  return Verdict::kOk;
}

/// One value as the bytes that Arrow has; `text_bytes` grows by those of variable length.
Verdict slow_value(const ColumnPlan& column, Bytes bytes, bool special, std::string& out, size_t& text_bytes,
                   ProblemKind& problem) {
  const auto text = [&](Bytes value) {
    text_bytes += value.size();
    // A few bytes can be a numeric of 130,000 digits, which is above every limit here.
    if (value.size() < 100'000) add_hex(out, value);
    return Verdict::kOk;
  };
  const auto utf8 = [&](Bytes value) {
    if (sdk::is_valid_utf8({reinterpret_cast<const char*>(value.data()), value.size()})) return text(value);
    problem = ProblemKind::kInvalidUtf8;
    return Verdict::kBad;
  };
  switch (column.kind) {
    case WireKind::kBool: out += bytes[0] != 0 ? "true" : "false"; return Verdict::kOk;
    case WireKind::kInt16: return add_bits(out, load_be<uint16_t>(bytes.data())), Verdict::kOk;
    case WireKind::kInt32:
    case WireKind::kOid:
    case WireKind::kFloat32: return add_bits(out, load_be<uint32_t>(bytes.data())), Verdict::kOk;
    case WireKind::kInt64:
    case WireKind::kFloat64:
    case WireKind::kTime: return add_bits(out, load_be<uint64_t>(bytes.data())), Verdict::kOk;
    case WireKind::kText: return utf8(bytes);
    case WireKind::kJsonb: return bytes[0] != 1 ? Verdict::kCorrupt : utf8(bytes.subspan(1));
    case WireKind::kBytes: return text(bytes);
    case WireKind::kUuid:
    case WireKind::kNumericText:
      if (column.kind == WireKind::kNumericText && numeric_text_bound(bytes) == 0) return Verdict::kCorrupt;
      return text(bytes_of(value_text(column, bytes)));
    case WireKind::kDate: return slow_time(load_be<int32_t>(bytes.data()), kEpochDays, special, out, problem);
    case WireKind::kTimestamp: return slow_time(load_be<int64_t>(bytes.data()), kEpochMicros, special, out, problem);
    case WireKind::kNumeric128:
      return slow_decimal<sdk::Decimal128Words>(bytes, column.field.type.scale, special, out, problem);
    case WireKind::kNumeric256:
      return slow_decimal<sdk::Decimal256Words>(bytes, column.field.type.scale, special, out, problem);
    case WireKind::kWatched: return Verdict::kOk;
  }
  return Verdict::kOk;
}

size_t fixed_bits(const sdk::DataType& type) {
  if (type.is_variable()) return 32;
  return type.value_width() == 0 ? 1 : 8 * size_t{type.value_width()};
}

std::string watched_line(const std::vector<std::optional<std::string>>& values) {
  std::string out;
  for (const auto& value : values) {
    out += " w:";
    if (value)
      add_hex(out, bytes_of(*value));
    else
      out += "null";
  }
  return out;
}

Outcome slow_reader(Bytes stream, const std::vector<ColumnPlan>& columns, const DecoderLimits& limits) {
  constexpr std::string_view kSignature("PGCOPY\n\377\r\n\0", 11);
  Outcome out;
  const auto corrupt = [&] {
    out.end = "corrupt";
    return out;
  };
  if (stream.size() < 19) return out;
  const auto extension = load_be<uint32_t>(stream.data() + 15);
  if (std::memcmp(stream.data(), kSignature.data(), 11) != 0 || load_be<uint16_t>(stream.data() + 11) != 0 ||
      extension > 1U << 20U) {
    return corrupt();
  }
  if (stream.size() - 19 < extension) return out;
  stream = stream.subspan(19 + extension);
  size_t row_bits = 0;
  for (const ColumnPlan& column : columns) {
    if (column.kind != WireKind::kWatched) row_bits += fixed_bits(column.field.type);
  }
  while (stream.size() >= 2) {
    const auto count = load_be<int16_t>(stream.data());
    stream = stream.subspan(2);
    if (count == -1) {
      if (!stream.empty()) return corrupt();
      out.end = "end";
      return out;
    }
    if (count != static_cast<int16_t>(columns.size())) return corrupt();
    std::vector<std::optional<Bytes>> fields;
    size_t bytes = 0;
    size_t watched_bytes = 0;
    for (const ColumnPlan& column : columns) {
      if (stream.size() < 4) return out;
      const auto length = load_be<int32_t>(stream.data());
      stream = stream.subspan(4);
      if (length < 0) {
        if (length != -1) return corrupt();
        fields.emplace_back();
        continue;
      }
      const auto size = static_cast<size_t>(length);
      if (!length_fits(column.kind, size)) return corrupt();
      if (stream.size() < size) return out;
      fields.emplace_back(stream.first(size));
      stream = stream.subspan(size);
      bytes += size;
      if (column.kind == WireKind::kWatched) watched_bytes += size;
    }
    std::vector<std::optional<std::string>> watched;
    std::string row = "row";
    size_t text_bytes = 0;
    Verdict verdict = Verdict::kOk;
    ProblemKind problem = ProblemKind::kTooLarge;
    for (size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].kind == WireKind::kWatched) {
        watched.emplace_back();
        if (fields[i]) watched.back().emplace(reinterpret_cast<const char*>(fields[i]->data()), fields[i]->size());
        continue;
      }
      if (verdict != Verdict::kOk) continue;
      row += ' ';
      if (!fields[i])
        row += "null";
      else
        verdict = slow_value(columns[i], *fields[i], limits.special_values, row, text_bytes, problem);
    }
    if (bytes > limits.record_bytes) {
      verdict = Verdict::kBad;
      problem = ProblemKind::kTooLarge;
    } else if (verdict == Verdict::kOk && text_bytes + row_bits / 8 > limits.record_bytes) {
      verdict = Verdict::kBad;
    }
    if (verdict == Verdict::kCorrupt) return corrupt();
    const std::string seen = watched_bytes > limits.record_bytes ? " w:too large" : watched_line(watched);
    out.lines.push_back((verdict == Verdict::kOk ? row : rejected_line(problem)) + (watched.empty() ? "" : seen));
  }
  return out;
}

// --- the decoder -----------------------------------------------------------------------------------------------------

std::string arrow_value(const ColumnPlan& column, const sdk::ColumnBuffers& buffers, size_t row) {
  std::string out;
  if (!buffers.validity.empty() && (buffers.validity[row / 8] >> (row % 8) & 1) == 0) return "null";
  const sdk::DataType& type = column.field.type;
  if (type.is_variable()) {
    int32_t ends[2];
    std::memcpy(ends, buffers.offsets.data() + 4 * row, sizeof ends);
    fuzz::check(ends[0] >= 0 && ends[0] <= ends[1] && static_cast<size_t>(ends[1]) <= buffers.values.size(),
                "offsets grow and stay in the values");
    add_hex(out, buffers.values.subspan(static_cast<size_t>(ends[0]), static_cast<size_t>(ends[1] - ends[0])));
    return out;
  }
  const size_t width = type.value_width();
  if (width == 0) return (buffers.values[row / 8] >> (row % 8) & 1) != 0 ? "true" : "false";
  add_hex(out, buffers.values.subspan(row * width, width));
  return out;
}

void check_rejection(const CopyDecoder& decoder, const DecoderLimits& limits) {
  const RowProblem& problem = decoder.problem();
  fuzz::check(problem.column < decoder.columns().size() && problem.field_count <= decoder.columns().size(),
              "a problem is that of a column");
  // Its own memory, so that reading beyond the fields is seen.
  const std::vector<uint8_t> fields(problem.fields.begin(), problem.fields.end());
  RowProblem copy = problem;
  copy.fields = fields;
  const sdk::Json record = sdk::Json::parse(record_json(copy, decoder.columns()), nullptr, false);
  fuzz::check(record.is_object(), "a rejected row is an object of JSON");
  RejectionPolicy policy("s", sdk::OnDataError::kFail, limits.record_bytes);
  const sdk::Status status = policy.reject(copy, decoder.columns(), decoder.rows_seen());
  fuzz::check(!status.ok() && sdk::is_valid_utf8(status.error().message), "what is wrong with a row can be said");
}

Outcome decode(Bytes stream, const std::vector<ColumnPlan>& columns, const DecoderLimits& limits, size_t step) {
  using Event = CopyDecoder::Event;
  Outcome out;
  CopyDecoder decoder(columns, limits);
  std::vector<size_t> row_lines;  // where the lines of the batch's rows will stand
  std::vector<std::string> seen;  // and what was watched then
  const auto note_rows = [&] {
    for (; row_lines.size() < decoder.batch_rows(); out.lines.emplace_back()) {
      row_lines.push_back(out.lines.size());
      seen.push_back(watched_line(decoder.watched()));
    }
  };
  const auto flush = [&] {
    note_rows();
    const auto batch = decoder.batch();
    for (size_t row = 0; row < row_lines.size(); ++row) {
      std::string& line = out.lines[row_lines[row]];
      line = "row";
      size_t at = 0;
      for (const ColumnPlan& column : columns) {
        if (column.kind != WireKind::kWatched) line += " " + arrow_value(column, batch[at++], row);
      }
      line += seen[row];
    }
    for (const sdk::ColumnBuffers& buffers : batch) {
      int64_t nulls = 0;
      for (size_t row = 0; row < row_lines.size() && !buffers.validity.empty(); ++row)
        nulls += (buffers.validity[row / 8] >> (row % 8) & 1) == 0 ? 1 : 0;
      fuzz::check(nulls == buffers.null_count, "the nulls are counted");
    }
    decoder.clear_batch();
    row_lines.clear();
    seen.clear();
  };
  for (size_t at = 0; at < stream.size(); at += step) {
    const Bytes piece = stream.subspan(at, std::min(step, stream.size() - at));
    const std::vector<uint8_t> bytes(piece.begin(), piece.end());
    decoder.feed(bytes);
    bool more = true;
    while (more) {
      const Event event = decoder.next();
      switch (event) {
        case Event::kNeedMore: more = false; break;
        case Event::kEnd:
          out.end = "end";
          more = false;
          break;
        case Event::kCorrupt:
          flush();
          out.end = "corrupt";
          fuzz::check(!decoder.corruption().ok() && sdk::is_valid_utf8(decoder.corruption().error().message),
                      "what is corrupt can be said");
          fuzz::check(decoder.next() == Event::kCorrupt, "what is corrupt stays so");
          return out;
        case Event::kRow: note_rows(); break;
        case Event::kBatchFull: flush(); break;
        case Event::kRejected: {
          // Rows without watched columns come without an event.
          note_rows();
          check_rejection(decoder, limits);
          std::string line = rejected_line(decoder.problem().kind);
          line += decoder.problem().watched_too_large ? " w:too large" : watched_line(decoder.watched());
          out.lines.push_back(line);
        }
      }
    }
  }
  flush();
  fuzz::check(decoder.rows_seen() == out.lines.size(), "all rows are counted");
  return out;
}

void check_same(const Outcome& got, const Outcome& wanted, const char* what) {
  for (size_t i = 0; i < std::min(got.lines.size(), wanted.lines.size()); ++i)
    fuzz::check_equal(got.lines[i], wanted.lines[i], what);
  fuzz::check_equal(got.end + " " + std::to_string(got.lines.size()),
                    wanted.end + " " + std::to_string(wanted.lines.size()), what);
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  std::vector<ColumnPlan> columns;
  const uint8_t shape = input.byte();
  for (size_t i = 0; i < shape % 3U; ++i) columns.push_back(watched(i));
  for (size_t i = 0; i < shape / 3U % 8U; ++i) {
    const ColumnType& type = kTypes[input.byte() % std::size(kTypes)];
    CatalogColumn column;
    column.name = "c" + std::to_string(i);
    column.type = type.oid;
    column.type_modifier = type.modifier;
    columns.push_back(plan_column(column, false));
  }
  DecoderLimits limits;
  limits.batch_bytes = size_t{16} << input.byte() % 12U;
  limits.record_bytes = size_t{8} << input.byte() % 12U;
  const uint8_t choice = input.byte();
  limits.special_values = (choice & 1U) != 0;
  const size_t step = size_t{input.byte()} + 1;
  std::vector<uint8_t> stream;
  // Few inputs would find the header by themselves.
  if ((choice & 2U) == 0) {
    constexpr std::string_view kHeader("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
    stream.assign(kHeader.begin(), kHeader.end());
  }
  stream.insert(stream.end(), input.bytes().begin(), input.bytes().end());

  const Outcome slow = slow_reader(stream, columns, limits);
  const Outcome whole = decode(stream, columns, limits, stream.size() + 1);
  check_same(whole, slow, "the decoder reads what the slow reader reads");
  Outcome pieces = decode(stream, columns, limits, step);
  // A wrong length in a row that never becomes whole need not be seen; both end the read with an error.
  if (slow.end == "corrupt" && pieces.end == "open") pieces.end = slow.end;
  check_same(pieces, slow, "a stream in pieces gives what the whole gives");
  return 0;
}
