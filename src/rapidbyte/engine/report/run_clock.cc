#include "rapidbyte/engine/report/run_clock.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace rapidbyte::engine {
namespace {

struct WallTime {
  std::chrono::year_month_day day;
  std::chrono::hh_mm_ss<std::chrono::milliseconds> time;
};

WallTime split(std::chrono::system_clock::time_point when) {
  const auto millis = std::chrono::floor<std::chrono::milliseconds>(when);
  const auto day = std::chrono::floor<std::chrono::days>(millis);
  return {std::chrono::year_month_day(day), std::chrono::hh_mm_ss<std::chrono::milliseconds>(millis - day)};
}

std::string format_time(const WallTime& at, fmt::string_view pattern) {
  return fmt::format(fmt::runtime(pattern), static_cast<int>(at.day.year()), static_cast<unsigned>(at.day.month()),
                     static_cast<unsigned>(at.day.day()), at.time.hours().count(), at.time.minutes().count(),
                     at.time.seconds().count(), at.time.subseconds().count());
}

uint64_t random_bits() {
  uint64_t bits = 0;
  if (::getrandom(&bits, sizeof(bits), 0) != static_cast<ssize_t>(sizeof(bits))) {
    // Reached only on a broken kernel; process id and a counter keep ids unique on this machine.
    static std::atomic<uint64_t> counter{0};
    bits = (static_cast<uint64_t>(::getpid()) << 20U) ^ counter.fetch_add(1);
  }
  return bits;
}

}  // namespace

std::string to_rfc3339(std::chrono::system_clock::time_point when) {
  return format_time(split(when), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z");
}

std::string now_rfc3339() { return to_rfc3339(std::chrono::system_clock::now()); }

std::string new_run_id() {
  constexpr uint64_t k48Bits = (uint64_t{1} << 48U) - 1;
  return format_time(split(std::chrono::system_clock::now()), "{:04}{:02}{:02}T{:02}{:02}{:02}{:03}Z") +
         fmt::format("-{:012x}", random_bits() & k48Bits);
}

}  // namespace rapidbyte::engine
