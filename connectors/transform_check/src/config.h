#pragma once
// What the pipeline says under `config` of transform-check: rules, the streams that they are for, and what happens to a
// row that fails one.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "rapidbyte/sdk/config.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::transform_check {

enum class OnFail : uint8_t {
  kFail,  // the stream ends
  kSkip,  // the row is left out
  kDlq,  // the row is dead-lettered
  kWarn,  // the row passes and is counted
};

/// How many rows of a stream may fail a rule.
struct AtMost {
  std::string text;  // as written: "0.1%", "10"
  std::optional<uint64_t> rows;  // either this
  std::optional<double> share;  // or this, of the rows that came: 0.001
};

/// A condition in SQL. NULL counts as passed, as in a CHECK of SQL.
struct Expect {
  std::string sql;
};
/// Columns are names or patterns (rapidbyte/protocol/name_pattern.h); a row has to pass for every column that they fit.
struct NotNull {
  std::vector<std::string> columns;
};
/// No two rows have the same values of these columns together. A row with a NULL among them is like no other.
struct Unique {
  std::vector<std::string> columns;  // names only
};
struct AcceptedValues {
  std::vector<std::pair<std::string, std::vector<sdk::Json>>> columns;
};
struct Range {
  sdk::Json min;  // null: none
  sdk::Json max;
};
struct Ranges {
  std::vector<std::pair<std::string, Range>> columns;
};
/// The pattern is found anywhere in the text; `^` and `$` bind it to the ends.
struct Regex {
  std::vector<std::pair<std::string, std::string>> columns;
};

struct Rule {
  std::string name;
  std::vector<std::string> streams;  // names and patterns; empty: all
  std::variant<Expect, NotNull, Unique, AcceptedValues, Ranges, Regex> what;
  OnFail on_fail = OnFail::kFail;
  std::optional<AtMost> at_most;
};

struct Config {
  std::vector<Rule> rules;

  /// INVALID_CONFIG (config) with everything that is wrong.
  static sdk::Result<Config> parse(const sdk::Json& config);
  /// The rules for a stream, in the order in which they were written.
  [[nodiscard]] std::vector<const Rule*> rules_for(std::string_view stream) const;
};

}  // namespace rapidbyte::transform_check
