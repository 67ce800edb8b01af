#include "connectors/transform_check/src/config.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "rapidbyte/protocol/name_pattern.h"

namespace rapidbyte::transform_check {

using sdk::ConfigReader;
using sdk::Json;
using sdk::Result;

namespace {

// Every rule is a column of one query, and a metric: the host takes a hundred of these in a second.
constexpr size_t kMostRules = 100;
constexpr size_t kMostNameBytes = 100;

bool usable(std::string_view text) { return !text.empty() && text.find('\0') == std::string_view::npos; }

// A name, or a list of names.
std::optional<std::vector<std::string>> names_in(const Json& value) {
  std::vector<std::string> names;
  if (value.is_string()) {
    names.push_back(value.get<std::string>());
  } else if (value.is_array()) {
    for (const Json& one : value) {
      if (!one.is_string()) return std::nullopt;
      names.push_back(one.get<std::string>());
    }
  }
  if (names.empty() || !std::all_of(names.begin(), names.end(), usable)) return std::nullopt;
  return names;
}

std::optional<AtMost> read_at_most(const Json& value) {
  AtMost most;
  if (value.is_number_unsigned()) {
    most.rows = value.get<uint64_t>();
    most.text = sdk::to_text(value);
    return most;
  }
  if (!value.is_string()) return std::nullopt;
  most.text = value.get<std::string>();
  std::string_view text = most.text;
  const char* end = text.data() + text.size();
  if (text.ends_with('%')) {
    text.remove_suffix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    end = text.data() + text.size();
    double percent = 0;
    const auto [at, error] = std::from_chars(text.data(), end, percent);
    if (error != std::errc() || at != end || !(percent >= 0 && percent <= 100)) return std::nullopt;
    most.share = percent / 100;
    return most;
  }
  uint64_t rows = 0;
  const auto [at, error] = std::from_chars(text.data(), end, rows);
  if (error != std::errc() || at != end || text.empty()) return std::nullopt;
  most.rows = rows;
  return most;
}

class RuleReader {
 public:
  RuleReader(ConfigReader& reader, const Json& rule, size_t number)
      : reader_(reader), rule_(rule), where_("rule " + std::to_string(number)) {}

  std::optional<Rule> read() {
    if (!rule_.is_object()) {
      problem("must be an object, such as {name: positive, expect: \"amount >= 0\"}");
      return std::nullopt;
    }
    Rule rule;
    std::string kind;
    bool known = true;
    for (const auto& [key, value] : rule_.items()) {
      if (key == "name") {
        if (!value.is_string() || !usable(value.get<std::string>()) ||
            value.get<std::string>().size() > kMostNameBytes) {
          problem("`name` must be a text of 1 to " + std::to_string(kMostNameBytes) + " bytes");
          continue;
        }
        rule.name = value.get<std::string>();
        where_ += " (`" + rule.name + "`)";
      }
    }
    for (const auto& [key, value] : rule_.items()) {
      if (key == "name") continue;
      if (key == "streams") {
        if (const auto names = names_in(value)) {
          rule.streams = *names;
        } else {
          problem("`streams` must name streams");
        }
      } else if (key == "on_fail") {
        read_on_fail(value, rule);
      } else if (key == "at_most") {
        rule.at_most = read_at_most(value);
        if (!rule.at_most) problem("`at_most` must be a number of rows, or a share such as \"0.1%\"");
      } else if (!read_kind(key, value, rule, kind)) {
        problem("has an unknown key `" + key +
                "`; there are name, streams, on_fail, at_most, and one of expect, not_null, unique, accepted_values, "
                "range and regex");
        known = false;
      }
    }
    if (kind.empty() && known)
      problem("says nothing to check: give one of expect, not_null, unique, accepted_values, range and regex");
    if (rule.at_most && rule.on_fail == OnFail::kFail)
      problem("ends the stream at the first row that fails, so `at_most` needs another `on_fail`: skip, dlq or warn");
    if (rule.name.empty()) rule.name = kind + " " + subject_;
    return rule;
  }

 private:
  void problem(const std::string& what) { reader_.add_problem("rules", where_ + " " + what); }

  void read_on_fail(const Json& value, Rule& rule) {
    if (value == "fail") {
      rule.on_fail = OnFail::kFail;
    } else if (value == "skip") {
      rule.on_fail = OnFail::kSkip;
    } else if (value == "dlq") {
      rule.on_fail = OnFail::kDlq;
    } else if (value == "warn") {
      rule.on_fail = OnFail::kWarn;
    } else {
      problem("`on_fail` must be fail, skip, dlq or warn");
    }
  }

  void about(std::string_view column) {
    constexpr size_t kMostSubjectBytes = 60;
    if (subject_.size() > kMostSubjectBytes) return;
    subject_ += (subject_.empty() ? "" : ", ") + std::string(column.substr(0, kMostSubjectBytes));
  }

  // The columns of a rule that says something else of each.
  template <typename Value, typename Read>
  void by_column(const char* key, const Json& value, std::vector<std::pair<std::string, Value>>& out, const Read& read,
                 const char* example) {
    if (!value.is_object() || value.empty()) return problem("`" + std::string(key) + "` must name columns: " + example);
    for (const auto& [column, said] : value.items()) {
      const auto one = read(said);
      if (!usable(column) || !one) {
        problem("`" + std::string(key) + "` of `" + column + "` must look like " + example);
        continue;
      }
      about(column);
      out.emplace_back(column, *one);
    }
  }

  bool read_kind(const std::string& key, const Json& value, Rule& rule, std::string& kind) {
    for (const char* known : {"expect", "not_null", "unique", "accepted_values", "range", "regex"}) {
      if (key != known) continue;
      if (!kind.empty()) {
        problem("has both `" + kind + "` and `" + key + "`; make two rules of it");
        return true;
      }
      kind = key;
      read_what(value, rule, kind);
      return true;
    }
    return false;
  }

  void read_what(const Json& value, Rule& rule, const std::string& kind) {
    if (kind == "expect") {
      if (!value.is_string() || !usable(value.get<std::string>()))
        return problem("`expect` must be a condition in SQL");
      rule.what = Expect{value.get<std::string>()};
      about(value.get<std::string>());
    } else if (kind == "not_null" || kind == "unique") {
      const auto names = names_in(value);
      if (!names) return problem("`" + kind + "` must name a column, or a list of them");
      for (const std::string& name : *names) about(name);
      if (kind == "unique") {
        rule.what = Unique{*names};
      } else {
        rule.what = NotNull{*names};
      }
    } else if (kind == "accepted_values") {
      AcceptedValues what;
      by_column(
          "accepted_values", value, what.columns,
          [](const Json& said) -> std::optional<std::vector<Json>> {
            if (!said.is_array() || said.empty()) return std::nullopt;
            for (const Json& one : said) {
              if (one.is_null() || one.is_structured()) return std::nullopt;
            }
            return said.get<std::vector<Json>>();
          },
          "{status: [paid, open]}");
      rule.what = std::move(what);
    } else if (kind == "range") {
      Ranges what;
      by_column(
          "range", value, what.columns,
          [](const Json& said) -> std::optional<Range> {
            if (!said.is_object() || said.empty()) return std::nullopt;
            Range range;
            for (const auto& [end, bound] : said.items()) {
              if ((end != "min" && end != "max") || bound.is_null() || bound.is_structured()) return std::nullopt;
              (end == "min" ? range.min : range.max) = bound;
            }
            return range;
          },
          "{amount: {min: 0, max: 100}}");
      rule.what = std::move(what);
    } else {
      Regex what;
      by_column(
          "regex", value, what.columns,
          [](const Json& said) -> std::optional<std::string> {
            if (!said.is_string() || !usable(said.get<std::string>())) return std::nullopt;
            return said.get<std::string>();
          },
          "{email: \"^.+@.+$\"}");
      rule.what = std::move(what);
    }
  }

  ConfigReader& reader_;
  const Json& rule_;
  std::string where_;
  std::string subject_;  // for the name of a rule without one
};

}  // namespace

Result<Config> Config::parse(const Json& json) {
  ConfigReader reader(json);
  Config config;
  const Json* rules = reader.raw("rules");
  if (rules == nullptr || !rules->is_array() || rules->empty()) {
    reader.add_problem("rules", "must be a list of rules, such as [{name: positive, expect: \"amount >= 0\"}]");
    rules = nullptr;
  }
  std::set<std::string> names;
  for (size_t i = 0; rules != nullptr && i < rules->size(); ++i) {
    if (i == kMostRules) {
      reader.add_problem("rules", "must have at most " + std::to_string(kMostRules) + " rules");
      break;
    }
    auto rule = RuleReader(reader, (*rules)[i], i + 1).read();
    if (!rule) continue;
    // Counts are told by it.
    if (!names.insert(rule->name).second) reader.add_problem("rules", "two rules are named `" + rule->name + "`");
    config.rules.push_back(*std::move(rule));
  }
  RB_SDK_RETURN_NOT_OK(reader.finish());
  return config;
}

std::vector<const Rule*> Config::rules_for(std::string_view stream) const {
  std::vector<const Rule*> found;
  for (const Rule& rule : rules) {
    const bool fits =
        rule.streams.empty() || std::any_of(rule.streams.begin(), rule.streams.end(), [&](const std::string& pattern) {
          return pattern == stream || protocol::matches_name_pattern(pattern, stream);
        });
    if (fits) found.push_back(&rule);
  }
  return found;
}

}  // namespace rapidbyte::transform_check
