#pragma once
// Lag: how far an incremental read stays behind the newest rows, so that transactions which commit late with an older
// cursor value are not missed. A duration for dates and timestamps, an amount for numbers. Never zero: a lag says that
// no more rows come with a value that is read, which nobody can say about the newest one.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rapidbyte::source_postgres {

struct Lag {
  /// For a duration ("5m"); nullopt: an amount.
  std::optional<uint64_t> seconds;
  /// The amount as a decimal number.
  std::string amount;
};

/// "90s", "5m", "2h", "1d"; or a positive number without a unit. nullopt: neither.
std::optional<Lag> parse_lag(std::string_view text);

}  // namespace rapidbyte::source_postgres
