#include "src/column_check.h"

#include <algorithm>

#include "src/conversion.h"
#include "src/numeric.h"

namespace rapidbyte::dest_postgres {
namespace {

using sdk::TypeId;

constexpr size_t kReadableLength = 200;
constexpr size_t kMaxNameBytes = 63;  // NAMEDATALEN - 1
constexpr Oid kOidSingleChar = 18;    // "char", fixed by the server's pg_type.dat

// The range of dates and timestamps, in Arrow's counts: 4713-11-24 BC to 5874897-12-31, and to the year 294276
// (IS_VALID_DATE and IS_VALID_TIMESTAMP in the server's datatype/timestamp.h).
constexpr int64_t kEpochDays = 10'957;
constexpr int64_t kMinDate = -2'451'545 + kEpochDays;
constexpr int64_t kEndDate = 2'147'483'494 - 2'451'545 + kEpochDays;
constexpr int64_t kEpochMicros = kEpochDays * 86'400'000'000;
constexpr int64_t kMinTimestamp = -211'813'488'000'000'000 + kEpochMicros;

class Check {
 public:
  Check(const ColumnPlan& plan, const ColumnSource& source, size_t rows, std::vector<RefusedRow>& refused)
      : plan_(plan), source_(source), rows_(rows), refused_(refused) {}

  // Calls good(row) for every row that is not null.
  template <typename Good>
  void each(std::string_view reason, Good good) {
    for (size_t row = 0; row < rows_; ++row) {
      if (!source_.is_null(row) && !good(row)) refuse(row, reason);
    }
  }

  void refuse(size_t row, std::string_view reason) {
    refused_.push_back(
        {.row = row, .column = plan_.name, .value = readable_value(source_, row), .reason = std::string(reason)});
  }

  void integers() {
    const sdk::DataType& type = source_.type;
    const WireType wire = wire_type(plan_.type);
    if (wire == WireType::kInt8 && type.id == TypeId::kUInt64) {
      each("the number is beyond bigint's largest, 9223372036854775807; make the column numeric(20,0)",
           [&](size_t row) { return source_.value<int64_t>(row) >= 0; });
    }
    if (wire == WireType::kOid && type.id != TypeId::kUInt32) {
      each("an oid is 0 to 4294967295", [&](size_t row) {
        const int64_t value = source_.integer(row);
        return value >= 0 && value <= int64_t{UINT32_MAX};
      });
    }
  }

  void dates() {
    each("the date is outside of what PostgreSQL can hold (4713 BC to 5874897)", [&](size_t row) {
      const auto days = source_.value<int32_t>(row);
      if (days == INT32_MIN || days == INT32_MAX) return plan_.special_values;
      return days >= kMinDate && days < kEndDate;
    });
  }

  void timestamps() {
    const sdk::TimeUnit unit = source_.type.unit;
    const int64_t per_second = units_per_second(unit);
    const bool nanos = unit == sdk::TimeUnit::kNanosecond;
    const int64_t scale = nanos ? 1 : 1'000'000 / per_second;
    const int64_t min = nanos ? INT64_MIN : kMinTimestamp / scale;
    const int64_t max = nanos ? INT64_MAX : INT64_MAX / scale;
    each("the timestamp is outside of what PostgreSQL can hold (4713 BC to 294276)", [&](size_t row) {
      const auto value = source_.value<int64_t>(row);
      if (value == INT64_MIN || value == INT64_MAX) return plan_.special_values;
      return value >= min && value <= max;
    });
    rounding(nanos ? 1000 : 1, scale);
  }

  void times() {
    const int64_t per_day = units_per_second(source_.type.unit) * 86'400;
    each("the time is not within a day", [&](size_t row) {
      const int64_t value = source_.integer(row);
      return value >= 0 && value <= per_day;
    });
    const bool nanos = source_.type.unit == sdk::TimeUnit::kNanosecond;
    rounding(nanos ? 1000 : 1, nanos ? 1 : 1'000'000 / units_per_second(source_.type.unit));
  }

  // Microseconds are value / divisor * factor; the column may keep fewer digits.
  void rounding(int64_t divisor, int64_t factor) {
    int64_t step = 1;
    for (int32_t digits = time_digits(plan_.type); digits < 6; ++digits) step *= 10;
    if (plan_.fit == Fit::kExact) step = 1;
    // In the source's units: a multiple of both.
    const int64_t unit_step = factor >= step ? 1 : step / factor;
    const int64_t whole = divisor * unit_step;
    if (whole == 1) return;
    each(
        "the column keeps fewer digits of the second and would round it; make it timestamp(6) or time(6), or round it "
        "in the source",
        [&](size_t row) {
          const int64_t value = source_.integer(row);
          return value == INT64_MIN || value == INT64_MAX || value % whole == 0;
        });
  }

  void numerics() {
    const NumericBounds bounds = numeric_bounds(plan_.type);
    const bool is_text = source_.type.is_text();
    // Declared types that fit make it unnecessary to check each value; what remains is text, and converted values.
    if (!is_text && plan_.fit == Fit::kExact) return;
    std::string formatted;
    each("the column cannot hold it as a number without rounding", [&](size_t row) {
      if (!is_text) formatted = value_text(source_, row);
      const auto number = parse_numeric(is_text ? source_.bytes(row) : std::string_view(formatted));
      return number && fits_numeric(*number, bounds.precision, bounds.scale);
    });
  }

  void texts() {
    utf8();
    if (plan_.type.oid == postgres::kOidName) {
      each("a name has at most 63 bytes", [&](size_t row) { return source_.bytes(row).size() <= kMaxNameBytes; });
    }
    const int32_t characters = max_characters(plan_.type);
    if (characters == 0 || plan_.fit == Fit::kExact) return;
    each("the text is longer than the column", [&](size_t row) {
      const std::string_view text = source_.bytes(row);
      if (text.size() <= static_cast<size_t>(characters)) return true;
      const auto starts = std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; });
      return starts <= characters;
    });
  }

  void utf8() {
    if (rows_ == 0 || all_plain_ascii()) return;
    each("the text is not valid UTF-8 or holds a NUL character, which PostgreSQL cannot store", [&](size_t row) {
      const std::string_view text = source_.bytes(row);
      return text.find('\0') == std::string_view::npos && sdk::is_valid_utf8(text);
    });
  }

 private:
  // One pass over all texts at once, without branches that depend on them: a typical column needs nothing else.
  [[nodiscard]] bool all_plain_ascii() const {
    const char* begin =
        source_.type.is_large() ? source_.bytes_at<int64_t>(0).data() : source_.bytes_at<int32_t>(0).data();
    const std::string_view last = source_.bytes(rows_ - 1);
    const auto* data = reinterpret_cast<const uint8_t*>(begin);
    const auto size = static_cast<size_t>(last.data() + last.size() - begin);
    uint8_t bad = 0;
    // 1..127 are plain: minus one, they are below 127.
    for (size_t i = 0; i < size; ++i) bad |= static_cast<uint8_t>(data[i] - 1) >= 127 ? 1 : 0;
    return bad == 0;
  }

  const ColumnPlan& plan_;
  const ColumnSource& source_;
  size_t rows_;
  std::vector<RefusedRow>& refused_;
};

/// The texts that `"char"` takes and returns unchanged: one byte, or above 127 a backslash with three octal digits.
bool is_single_char(std::string_view text) {
  if (text.size() <= 1) return true;
  return text.size() == 4 && text[0] == '\\' && text[1] >= '0' && text[1] <= '3' &&
         std::all_of(text.begin() + 2, text.end(), [](char c) { return c >= '0' && c <= '7'; });
}

}  // namespace

bool is_uuid(std::string_view text) {
  const bool braced = text.starts_with('{');
  if (braced) text.remove_prefix(1);
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); };
  for (int byte = 0; byte < 16; ++byte) {
    if (text.size() < 2 || !is_hex(text[0]) || !is_hex(text[1])) return false;
    text.remove_prefix(2);
    if (byte % 2 == 1 && byte < 15 && text.starts_with('-')) text.remove_prefix(1);
  }
  return braced ? text == "}" : text.empty();
}

void check_column(const ColumnPlan& plan, const ColumnSource& source, size_t rows, std::vector<RefusedRow>& refused) {
  Check check(plan, source, rows, refused);
  switch (wire_type(plan.type)) {
    case WireType::kInt8:
    case WireType::kOid: return check.integers();
    case WireType::kNumeric: return check.numerics();
    case WireType::kDate: return check.dates();
    case WireType::kTimestamp: return check.timestamps();
    case WireType::kTime: return check.times();
    case WireType::kUuid:
      if (!source.type.is_text()) return;
      return check.each("not a UUID", [&](size_t row) { return is_uuid(source.bytes(row)); });
    case WireType::kInterval:
      if (source.type.id == TypeId::kIntervalMonthDayNano) {
        return check.each("an interval has whole microseconds; this one would be cut off",
                          [&](size_t row) { return source.value<sdk::MonthDayNano>(row).nanoseconds % 1000 == 0; });
      }
      return check.utf8();
    case WireType::kText: return check.texts();
    case WireType::kOther:
      if (plan.type.oid == kOidSingleChar) {
        check.each("a \"char\" is one byte, and the server would drop the others",
                   [&](size_t row) { return is_single_char(source.bytes(row)); });
      }
      return check.utf8();
    case WireType::kJsonb: return check.utf8();
    default: return;
  }
}

std::string readable_value(const ColumnSource& source, size_t row) {
  if (source.is_null(row)) return "NULL";
  const bool quoted = source.type.is_text();
  std::string text = quoted ? std::string(source.bytes(row).substr(0, kReadableLength + 1)) : value_text(source, row);
  const bool cut = text.size() > kReadableLength;
  if (cut) {
    text.resize(kReadableLength);
    while (!text.empty() && (static_cast<uint8_t>(text.back()) & 0xC0U) == 0x80U) text.pop_back();
  }
  // As JSON does it: quotes, escapes, and U+FFFD for invalid UTF-8.
  if (quoted) text = sdk::to_text(sdk::Json(text));
  return cut ? text + "..." : text;
}

}  // namespace rapidbyte::dest_postgres
