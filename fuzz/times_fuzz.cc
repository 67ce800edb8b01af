// Dates and times: what dest-postgres writes it reads, and source-postgres and source-file write and read the same.

#include "fuzz_input.h"
#include "src/time_text.h"
#include "src/value_text.h"
#include "value_parse.h"
#include "value_text.h"

using namespace rapidbyte;

namespace {

namespace dest = dest_postgres;
namespace source = source_postgres;

template <typename Write>
std::string written(Write write) {
  char text[dest::kMaxValueText];
  const char* end = write(text);
  fuzz::check(end <= text + sizeof text, "no byte beyond the room");
  return {text, static_cast<size_t>(end - text)};
}

constexpr int64_t kMicrosPerDay = int64_t{86'400} * 1'000'000;

void check_date(int32_t days) {
  // The extremes stand for infinity, and what is before them has no date in PostgreSQL's count.
  if (days < INT32_MIN + 20'000 || days > INT32_MAX - 20'000) return;
  const std::string text = written([&](char* out) { return dest::write_date(out, days); });
  fuzz::check_equal(source::date_text(days - source::kEpochDays), text, "both write a date alike");
  if (const auto back = dest::parse_date(text)) fuzz::check(*back == days, "a date comes back");
  int32_t file_days = 0;
  if (source_file::parse_date(text, file_days)) fuzz::check(file_days == days, "source-file reads the same date");
}

void check_timestamp(int64_t micros) {
  if (micros < INT64_MIN + 2 * source::kEpochMicros || micros > INT64_MAX - 2 * source::kEpochMicros) return;
  for (const bool zoned : {false, true}) {
    const std::string text = written([&](char* out) { return dest::write_timestamp(out, micros, zoned); });
    fuzz::check_equal(source::timestamp_text(micros - source::kEpochMicros, zoned), text, "both write a time alike");
    if (const auto back = dest::parse_timestamp(text, zoned)) fuzz::check(*back == micros, "a timestamp comes back");
    int64_t file_micros = 0;
    bool has_zone = false;
    if (source_file::parse_timestamp(text, file_micros, has_zone))
      fuzz::check(file_micros == micros && has_zone == zoned, "source-file reads the same timestamp");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  switch (input.byte() % 6) {
    case 0: check_date(input.number<int32_t>()); break;
    case 1: check_timestamp(input.number<int64_t>()); break;
    case 2: {
      const int64_t micros = static_cast<int64_t>(input.number<uint64_t>() % static_cast<uint64_t>(kMicrosPerDay));
      const std::string text = written([&](char* out) { return dest::write_time(out, micros); });
      fuzz::check_equal(source::time_text(micros), text, "both write a time of day alike");
      const auto back = dest::parse_time(text);
      fuzz::check(back && *back == micros, "a time of day comes back");
      break;
    }
    case 3: {
      const std::string_view pattern = input.short_text();
      source_file::PatternValue value;
      if (source_file::check_pattern(pattern).empty())
        (void)source_file::parse_by_pattern(input.text(), pattern, value);
      break;
    }
    default: {
      const std::string text(input.text());
      int32_t days = 0;
      int64_t micros = 0;
      bool has_zone = false;
      if (source_file::parse_date(text, days)) check_date(days);
      if (source_file::parse_timestamp(text, micros, has_zone)) check_timestamp(micros);
      (void)source_file::parse_time(text, micros);
      if (const auto date = dest::parse_date(text)) check_date(static_cast<int32_t>(*date));
      for (const bool zoned : {false, true}) {
        if (const auto at = dest::parse_timestamp(text, zoned)) check_timestamp(*at);
      }
      if (const auto at = dest::parse_time(text)) fuzz::check(*at >= 0 && *at <= kMicrosPerDay, "within a day");
      (void)written([&](char* out) { return dest::write_interval(out, days, days, micros); });
    }
  }
  return 0;
}
