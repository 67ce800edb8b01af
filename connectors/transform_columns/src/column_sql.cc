#include "connectors/transform_columns/src/column_sql.h"

#include <algorithm>
#include <map>
#include <optional>

#include "connectors/shared/duckdb/sql_text.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/protocol/name_pattern.h"

namespace rapidbyte::transform_columns {

using duck::quoted_name;
using duck::quoted_text;
using duck::type_sql;
using sdk::DataType;
using sdk::Field;
using sdk::Result;
using sdk::Schema;
using sdk::Status;
using sdk::TimeUnit;
using sdk::TypeId;

namespace {

enum class Kind : uint8_t { kBool, kInt, kFloat, kDecimal, kText, kBinary, kDate, kTime, kStamp, kZoned, kInterval };

Kind kind_of(const DataType& type) {
  switch (type.id) {
    case TypeId::kBoolean: return Kind::kBool;
    case TypeId::kFloat32:
    case TypeId::kFloat64: return Kind::kFloat;
    case TypeId::kDecimal128:
    case TypeId::kDecimal256: return Kind::kDecimal;
    case TypeId::kUtf8:
    case TypeId::kLargeUtf8: return Kind::kText;
    case TypeId::kBinary:
    case TypeId::kLargeBinary:
    case TypeId::kFixedSizeBinary: return Kind::kBinary;
    case TypeId::kDate32: return Kind::kDate;
    case TypeId::kTime32:
    case TypeId::kTime64: return Kind::kTime;
    case TypeId::kTimestamp: return type.timezone ? Kind::kZoned : Kind::kStamp;
    case TypeId::kIntervalMonthDayNano: return Kind::kInterval;
    default: return Kind::kInt;
  }
}

// The texts that a cast takes whole. DuckDB takes more of them, and leaves out what it does not keep: digits, offsets,
// names of zones.
const std::string kFloatText = "[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?";
const std::string kZeroText = "[+-]?[0.]+([eE].*)?";
const std::string kSpecialFloatText = "(?i)[+-]?(inf|infinity|nan)";
const std::string kDateText = "[0-9]{1,6}-[0-9]{1,2}-[0-9]{1,2}( [(]BC[)])?";
const std::string kSpecialDateText = "-?infinity";
const std::string kTimeText = "[0-9]{1,2}:[0-9]{2}(:[0-9]{2}([.][0-9]{0,6}0*)?)?";
const std::string kOffsetText = "(Z|UTC|[+-][0-9]{2}(:?[0-9]{2}(:[0-9]{2})?)?)?";

// Whether nothing of a value is lost in a query: the same type there, as DuckDB names it.
bool same_in_query(const DataType& a, const DataType& b) { return type_sql(a) == type_sql(b); }

class ColumnSql {
 public:
  ColumnSql(const Config& config, std::string_view stream, const Schema& columns)
      : config_(config), columns_(columns), entry_(config.entry_for(stream)) {
    for (const Field& field : columns.fields) known_.insert(field.name);
  }

  Result<ColumnQuery> make() {
    note_used();
    std::vector<size_t> chosen = choose();
    if (chosen.empty())
      return Status(sdk::config_error(codes::kInvalidConfig, "`select` and `exclude` leave no column"));
    query_.unchanged = chosen.size() == columns_.size();
    for (size_t i = 0; i < chosen.size(); ++i) query_.unchanged = query_.unchanged && chosen[i] == i;
    if (chosen.size() != columns_.size()) count("left out", columns_.size() - chosen.size());
    std::string list;
    for (const size_t index : chosen) {
      const Field& field = columns_.fields[index];
      RB_SDK_ASSIGN_OR_RETURN(const std::string value, value_of(field));
      const std::string name = new_name(field.name);
      RB_SDK_RETURN_NOT_OK(take_name(name, field.name));
      if (name != field.name) {
        count("renamed");
        query_.unchanged = false;
      }
      list += (list.empty() ? "" : ", ") + value + " AS " + quoted_name(name);
    }
    query_.sql = "SELECT " + list + " FROM input";
    if (!constants_.empty()) query_.constants = "SELECT " + constants_;
    for (const auto& [what, number] : counts_)
      query_.note += (query_.note.empty() ? "" : ", ") + std::to_string(number) + " " + what;
    return std::move(query_);
  }

 private:
  // The rules of the stream's own entry come first.
  [[nodiscard]] std::vector<const Rules*> places() const {
    std::vector<const Rules*> rules;
    if (entry_ != nullptr) rules.push_back(&entry_->second);
    rules.push_back(&config_.all);
    return rules;
  }

  // What is the name of a column is no pattern.
  [[nodiscard]] bool fits(const std::string& pattern, std::string_view name) const {
    return pattern == name || (!known_.contains(pattern) && protocol::matches_name_pattern(pattern, name));
  }

  void note_used() {
    std::vector<std::string> entries = {""};
    if (entry_ != nullptr) entries.push_back(entry_->first);
    for (const std::string& entry : entries) {
      for (const PatternPlace& place : patterns_of(config_, entry)) {
        const std::string& pattern = std::get<2>(place);
        if (std::any_of(columns_.fields.begin(), columns_.fields.end(),
                        [&](const Field& field) { return fits(pattern, field.name); }))
          query_.used.insert(place);
      }
    }
  }

  // What is said of a column: by its name before by patterns, by a longer pattern before by a shorter one.
  template <typename Value>
  const std::pair<std::string, Value>* find(ByPattern<Value> Rules::* rule, std::string_view column) const {
    for (const Rules* rules : places()) {
      const std::pair<std::string, Value>* best = nullptr;
      for (const auto& one : rules->*rule) {
        if (one.first == column) return &one;
        if (fits(one.first, column) && (best == nullptr || one.first.size() > best->first.size())) best = &one;
      }
      if (best != nullptr) return best;
    }
    return nullptr;
  }

  [[nodiscard]] bool named(const std::vector<std::string>& patterns, std::string_view column) const {
    return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& p) { return fits(p, column); });
  }

  // In the order of `select`, without those of `exclude`.
  [[nodiscard]] std::vector<size_t> choose() const {
    const Rules* own = entry_ == nullptr ? nullptr : &entry_->second;
    const std::vector<std::string>& select = own != nullptr && !own->select.empty() ? own->select : config_.all.select;
    std::vector<size_t> chosen;
    const auto add = [&](size_t index) {
      const std::string& name = columns_.fields[index].name;
      if (named(config_.all.exclude, name) || (own != nullptr && named(own->exclude, name))) return;
      if (std::find(chosen.begin(), chosen.end(), index) == chosen.end()) chosen.push_back(index);
    };
    for (size_t i = 0; select.empty() && i < columns_.size(); ++i) add(i);
    for (const std::string& pattern : select) {
      // A name may hold the characters of patterns.
      if (const auto exact = columns_.index_of(pattern)) {
        add(*exact);
        continue;
      }
      for (size_t i = 0; i < columns_.size(); ++i) {
        if (fits(pattern, columns_.fields[i].name)) add(i);
      }
    }
    return chosen;
  }

  [[nodiscard]] std::string new_name(const std::string& column) const {
    const auto* rule = find(&Rules::rename, column);
    if (rule == nullptr) return column;
    const auto& [pattern, name] = *rule;
    const size_t star = name.find('*');
    if (star == std::string::npos || pattern == column) return name;
    // The pattern has one star, and the name one for what it stands for.
    const size_t at = pattern.find('*');
    const std::string taken = column.substr(at, column.size() - (pattern.size() - 1));
    return name.substr(0, star) + taken + name.substr(star + 1);
  }

  // Names in SQL do not differ by the case of ASCII letters alone.
  Status take_name(const std::string& name, const std::string& column) {
    std::string folded = name;
    for (char& c : folded) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    const auto [other, fresh] = names_.emplace(folded, std::pair(name, column));
    if (fresh) return {};
    const auto& [other_name, other_column] = other->second;
    return sdk::config_error(
        codes::kColumnsCollide,
        "columns `" + other_column + "` and `" + column + "` would both be named `" + name + "`" +
            (other_name == name ? "" : " (as `" + other_name + "`; the case of letters does not count)") +
            ". Rename or leave out one of them");
  }

  Result<std::string> value_of(const Field& field) {
    std::string value = "input." + quoted_name(field.name);
    DataType type = field.type;
    if (const auto* cast = find(&Rules::cast, field.name); cast != nullptr && !same_in_query(type, cast->second)) {
      RB_SDK_ASSIGN_OR_RETURN(value, exact_cast(value, field.name, type, cast->second));
      type = cast->second;
      changed("cast");
    }
    if (const auto* fallback = find(&Rules::defaults, field.name)) {
      bool needs_check = false;
      auto literal = duck::typed_literal(fallback->second, type, needs_check);
      if (!literal.ok()) return in_rule("default", field.name, literal.status());
      if (needs_check) constants_ += (constants_.empty() ? "" : ", ") + *literal + " AS " + quoted_name(field.name);
      value = "coalesce(" + value + ", " + *literal + ")";
      changed("with a default");
    }
    const auto* mask = find(&Rules::mask, field.name);
    const auto* hash = find(&Rules::hash, field.name);
    bool to_null = false;
    for (const Rules* rules : places()) to_null = to_null || named(rules->to_null, field.name);
    if ((mask != nullptr) + (hash != nullptr) + (to_null ? 1 : 0) > 1) {
      return Status(
          sdk::config_error(codes::kInvalidConfig, "column `" + field.name +
                                                       "` is in several of `mask`, `hash` and `null`; leave it "
                                                       "in one of them"));
    }
    if (mask != nullptr) {
      if (kind_of(type) == Kind::kBinary)
        return Status(sdk::config_error(codes::kInvalidConfig, "column `" + field.name + "` is " + type.name() +
                                                                   ", which has no characters to mask; use `hash`"));
      changed("masked");
      return masked(as_text(value, type), mask->second);
    }
    if (hash != nullptr) {
      changed("hashed");
      const bool binary = kind_of(type) == Kind::kBinary;
      const std::string bytes = binary ? value : "encode(" + as_text(value, type) + ")";
      if (hash->second == Hash::kSha256) return "sha256(" + bytes + ")";
      return "sha256(unhex($rapidbyte_outer) || unhex(sha256(unhex($rapidbyte_inner) || " + bytes + ")))";
    }
    if (to_null) {
      changed("made null");
      return "CASE WHEN false THEN " + value + " END";
    }
    return value;
  }

  static std::string as_text(const std::string& value, const DataType& type) {
    return kind_of(type) == Kind::kText ? value : "CAST(" + value + " AS VARCHAR)";
  }

  // A value of no more characters than stay is hidden whole.
  static std::string masked(const std::string& text, uint64_t keep) {
    const std::string kept = std::to_string(keep);
    const std::string length = "length(" + text + ")";
    if (keep == 0) return "repeat('*', " + length + ")";
    return "CASE WHEN " + length + " > " + kept + " THEN repeat('*', " + length + " - " + kept + ") || right(" + text +
           ", " + kept + ") ELSE repeat('*', " + length + ") END";
  }

  static Status in_rule(std::string_view rule, const std::string& column, Status status) {
    sdk::Error error = status.error();
    error.message = "`" + std::string(rule) + "` of column `" + column + "`: " + error.message;
    return error;
  }

  void changed(const std::string& what) {
    query_.unchanged = false;
    count(what);
  }
  void count(const std::string& what, size_t number = 1) { counts_[what] += number; }

  const Config& config_;
  const Schema& columns_;
  const std::pair<std::string, Rules>* entry_;
  std::set<std::string_view> known_;  // the columns' names
  ColumnQuery query_;
  std::string constants_;
  std::map<std::string, size_t> counts_;
  std::map<std::string, std::pair<std::string, std::string>> names_;  // folded -> new name, column
};

}  // namespace

Result<std::string> exact_cast(const std::string& value, const std::string& column, const DataType& from,
                               const DataType& to) {
  const Kind a = kind_of(from);
  const Kind b = kind_of(to);
  const std::string target = type_sql(to);
  const std::string cast = "CAST(" + value + " AS " + target + ")";
  const auto only_if = [&](const std::string& condition) {
    return "CASE WHEN " + value + " IS NULL OR " + condition + " THEN " + cast + " ELSE error(" +
           quoted_text("column `" + column + "`: ") + " || CAST(" + value + " AS VARCHAR) || " +
           quoted_text(" would not stay what it is as " + target) + ") END";
  };
  // Both ways, and the same value again.
  const auto there_and_back = [&] { return only_if("CAST(" + cast + " AS " + type_sql(from) + ") = " + value); };
  const std::string trimmed = "trim(" + value + ")";
  const auto fits = [&](const std::string& pattern) {
    return "regexp_full_match(" + trimmed + ", " + quoted_text(pattern) + ")";
  };
  const Status impossible = sdk::config_error(
      codes::kCastImpossible, "column `" + column + "` is " + from.name() + ", of which no " + to.name() +
                                  " can be made; leave the cast out, or say what is meant with transform-sql");
  switch (b) {
    case Kind::kText: return a == Kind::kBinary ? "decode(" + value + ")" : cast;
    case Kind::kBinary:
      if (a == Kind::kText) return "encode(" + value + ")";
      return impossible;
    case Kind::kBool:
      if (a == Kind::kText) return cast;
      if (a == Kind::kInt) return there_and_back();
      return impossible;
    case Kind::kInt:
      if (a == Kind::kText) return only_if(fits("[+-]?[0-9]+"));
      if (a == Kind::kBool || a == Kind::kInt) return cast;
      if (a == Kind::kFloat || a == Kind::kDecimal) return there_and_back();
      return impossible;
    case Kind::kFloat:
      // The nearest number is meant, but not an infinite one or zero for what is neither.
      if (a == Kind::kText) {
        return only_if("(" + fits(kFloatText) + " AND isfinite(" + cast + ") AND (" + cast + " <> 0 OR " +
                       fits(kZeroText) + ") OR " + fits(kSpecialFloatText) + ")");
      }
      if (from.id == TypeId::kFloat32) return cast;
      if (a == Kind::kInt || a == Kind::kFloat || a == Kind::kDecimal) return there_and_back();
      return impossible;
    case Kind::kDecimal:
      if (a == Kind::kText) return only_if(fits("[+-]?[0-9]*(\\.[0-9]{0," + std::to_string(to.scale) + "}0*)?"));
      if (a == Kind::kInt || a == Kind::kFloat) return a == Kind::kInt ? Result<std::string>(cast) : there_and_back();
      if (a == Kind::kDecimal) return to.scale >= from.scale ? Result<std::string>(cast) : there_and_back();
      return impossible;
    case Kind::kDate:
      // A time of day would be lost.
      if (a == Kind::kText) return only_if(fits(kDateText + "([ T]00:00(:00([.]0*)?)?)?|" + kSpecialDateText));
      if (a == Kind::kStamp || a == Kind::kZoned) return there_and_back();
      return impossible;
    case Kind::kTime:
      if (a == Kind::kText) return only_if(fits(kTimeText));
      if (a == Kind::kTime) return there_and_back();
      return impossible;
    case Kind::kStamp:
    case Kind::kZoned:
      // An offset makes another time of a text; a timestamp without zone has no place for it.
      if (a == Kind::kText)
        return only_if(fits(kDateText + "([ T]" + kTimeText + (b == Kind::kZoned ? " ?" + kOffsetText : "") + ")?|" +
                            kSpecialDateText));
      if (a == Kind::kDate) return cast;
      if (a == Kind::kStamp || a == Kind::kZoned) return there_and_back();
      return impossible;
    case Kind::kInterval:
      if (a == Kind::kText) return cast;
      return impossible;
  }
  return impossible;
}

std::vector<PatternPlace> patterns_of(const Config& config, const std::string& entry) {
  const Rules* rules = entry.empty() ? &config.all : nullptr;
  for (const auto& one : config.streams) {
    if (!entry.empty() && one.first == entry) rules = &one.second;
  }
  std::vector<PatternPlace> places;
  if (rules == nullptr) return places;
  const auto list = [&](const char* rule, const std::vector<std::string>& patterns) {
    for (const std::string& pattern : patterns) places.emplace_back(entry, rule, pattern);
  };
  const auto map = [&](const char* rule, const auto& patterns) {
    for (const auto& one : patterns) places.emplace_back(entry, rule, one.first);
  };
  list("select", rules->select);
  list("exclude", rules->exclude);
  map("rename", rules->rename);
  map("cast", rules->cast);
  map("default", rules->defaults);
  map("mask", rules->mask);
  map("hash", rules->hash);
  list("null", rules->to_null);
  return places;
}

Result<ColumnQuery> make_query(const Config& config, std::string_view stream, const Schema& columns) {
  return ColumnSql(config, stream, columns).make();
}

}  // namespace rapidbyte::transform_columns
