#pragma once
// What the pipeline says under `config` of transform-columns: rules for all streams, and for those that a name or
// pattern fits.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rapidbyte/sdk/config.h"
#include "rapidbyte/sdk/data_type.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::transform_columns {

enum class Hash : uint8_t { kSha256, kHmacSha256 };

/// A name or pattern (rapidbyte/protocol/name_pattern.h) of columns, and what is said of them.
template <typename Value>
using ByPattern = std::vector<std::pair<std::string, Value>>;

/// Columns are named as they come in, in every rule.
struct Rules {
  std::vector<std::string> select;  // empty: all
  std::vector<std::string> exclude;
  ByPattern<std::string> rename;
  ByPattern<sdk::DataType> cast;
  ByPattern<sdk::Json> defaults;
  ByPattern<uint64_t> mask;  // how many characters stay
  ByPattern<Hash> hash;
  std::vector<std::string> to_null;

  [[nodiscard]] bool empty() const;
};

struct Config {
  Rules all;
  ByPattern<Rules> streams;

  /// INVALID_CONFIG (config) with everything that is wrong.
  static sdk::Result<Config> parse(const sdk::Json& config);
  /// The entry of `streams` for this stream: a name comes before patterns, and a longer pattern before a shorter one.
  [[nodiscard]] const std::pair<std::string, Rules>* entry_for(std::string_view stream) const;
  /// Whether some rule needs the key of hmac-sha256.
  [[nodiscard]] bool needs_key() const;
};

}  // namespace rapidbyte::transform_columns
