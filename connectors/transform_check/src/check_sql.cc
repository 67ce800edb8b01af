#include "connectors/transform_check/src/check_sql.h"

#include <algorithm>
#include <functional>

#include "connectors/shared/duckdb/sql_text.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/protocol/name_pattern.h"

namespace rapidbyte::transform_check {

using duck::quoted_name;
using duck::quoted_text;
using sdk::DataType;
using sdk::Field;
using sdk::Json;
using sdk::Result;
using sdk::Schema;
using sdk::Status;
using sdk::TypeId;

namespace {

bool is_float(const DataType& type) { return type.id == TypeId::kFloat32 || type.id == TypeId::kFloat64; }

class RulesOfStream {
 public:
  explicit RulesOfStream(const Schema& columns) : columns_(columns) {}

  Status add(const Rule& rule) {
    return std::visit([&](const auto& what) { return add(rule, what); }, rule.what);
  }
  StreamRules take() { return std::move(out_); }

 private:
  Status add(const Rule& rule, const Expect& what) {
    // On lines of its own, so that a comment ends, and places in it are what they are for whoever wrote it.
    out_.conditions.push_back({&rule, "(\n" + what.sql + "\n)", true});
    return {};
  }

  Status add(const Rule& rule, const NotNull& what) {
    std::vector<std::pair<std::string, bool>> columns;
    for (const std::string& pattern : what.columns) columns.emplace_back(pattern, true);
    return add_each<bool>(rule, columns, [](const Field&, const std::string& column, bool) {
      return Result<std::string>(column + " IS NOT NULL");
    });
  }

  Status add(const Rule& rule, const AcceptedValues& what) {
    return add_each<std::vector<Json>>(
        rule, what.columns,
        [&](const Field& field, const std::string& column, const std::vector<Json>& values) -> Result<std::string> {
          std::string list;
          for (const Json& value : values) {
            RB_SDK_ASSIGN_OR_RETURN(const std::string one, literal(rule, value, field));
            list += (list.empty() ? "" : ", ") + one;
          }
          return column + " IN (" + list + ")";
        });
  }

  Status add(const Rule& rule, const Ranges& what) {
    return add_each<Range>(
        rule, what.columns,
        [&](const Field& field, const std::string& column, const Range& range) -> Result<std::string> {
          std::string sql;
          if (!range.min.is_null()) {
            RB_SDK_ASSIGN_OR_RETURN(const std::string bound, literal(rule, range.min, field));
            sql = column + " >= " + bound;
          }
          if (!range.max.is_null()) {
            RB_SDK_ASSIGN_OR_RETURN(const std::string bound, literal(rule, range.max, field));
            sql += (sql.empty() ? "" : " AND ") + column + " <= " + bound;
          }
          // For DuckDB NaN is the largest number.
          if (is_float(field.type)) sql += " AND NOT isnan(" + column + ")";
          return sql;
        });
  }

  Status add(const Rule& rule, const Regex& what) {
    return add_each<std::string>(
        rule, what.columns,
        [&](const Field& field, const std::string& column, const std::string& pattern) -> Result<std::string> {
          if (!field.type.is_text())
            return Status(sdk::config_error(codes::kInvalidConfig, "is " + field.type.name() + ", not text"));
          out_.constants.emplace_back(&rule, "regexp_matches('', " + quoted_text(pattern) + ")");
          return "regexp_matches(" + column + ", " + quoted_text(pattern) + ")";
        });
  }

  Status add(const Rule& rule, const Unique& what) {
    Key key{&rule, {}};
    for (const std::string& name : what.columns) {
      const auto index = columns_.index_of(name);
      if (!index) {
        return sdk::config_error(codes::kCheckInvalid, "rule `" + rule.name + "`: there is no column `" + name + "`" +
                                                           protocol::name_suggestion(name, names()));
      }
      key.columns.push_back(*index);
      used(rule, name);
    }
    out_.keys.push_back(std::move(key));
    return {};
  }

  // A condition for each column that a pattern fits, all of which have to hold.
  template <typename Value>
  Status add_each(const Rule& rule, const std::vector<std::pair<std::string, Value>>& columns,
                  const std::function<Result<std::string>(const Field&, const std::string&, const Value&)>& sql_of) {
    const std::vector<std::string_view> known = names();
    std::string all;
    for (const auto& [pattern, value] : columns) {
      const std::vector<size_t> found = protocol::named_by(pattern, known);
      if (found.empty()) out_.unused.emplace(rule.name, pattern);
      for (const size_t index : found) {
        const Field& field = columns_.fields[index];
        auto sql = sql_of(field, "input." + quoted_name(field.name), value);
        if (!sql.ok()) {
          return sdk::config_error(codes::kCheckInvalid,
                                   "rule `" + rule.name + "`: column `" + field.name + "`: " + sql.error().message);
        }
        used(rule, pattern);
        all += (all.empty() ? "(" : " AND (") + *sql + ")";
      }
    }
    if (!all.empty()) out_.conditions.push_back({&rule, all, false});
    return {};
  }

  Result<std::string> literal(const Rule& rule, const Json& value, const Field& field) {
    bool needs_check = false;
    RB_SDK_ASSIGN_OR_RETURN(std::string sql, duck::typed_literal(value, field.type, needs_check));
    if (needs_check) out_.constants.emplace_back(&rule, sql);
    return sql;
  }

  [[nodiscard]] std::vector<std::string_view> names() const {
    std::vector<std::string_view> names;
    for (const Field& field : columns_.fields) names.emplace_back(field.name);
    return names;
  }
  void used(const Rule& rule, const std::string& pattern) { out_.used.emplace(rule.name, pattern); }

  const Schema& columns_;
  StreamRules out_;
};

// Names that no column of a user has, since an expression could mean them.
std::string select(const std::vector<Condition>& conditions, const std::function<std::string(const Condition&)>& sql) {
  std::string list;
  for (size_t i = 0; i < conditions.size(); ++i)
    list += (i == 0 ? "" : ",\n") + sql(conditions[i]) + " AS rapidbyte_rule_" + std::to_string(i);
  return "SELECT " + list + "\nFROM input";
}

}  // namespace

Result<StreamRules> rules_of(const std::vector<const Rule*>& rules, const Schema& columns) {
  RulesOfStream stream(columns);
  for (const Rule* rule : rules) RB_SDK_RETURN_NOT_OK(stream.add(*rule));
  return stream.take();
}

std::string conditions_sql(const std::vector<Condition>& conditions) {
  return select(conditions, [](const Condition& one) { return one.sql; });
}

std::string states_sql(const std::vector<Condition>& conditions, bool guarded) {
  return select(conditions, [guarded](const Condition& one) {
    std::string state = "CASE WHEN (" + one.sql + ") IS NOT DISTINCT FROM false THEN 1 ELSE 0 END";
    if (one.may_fail && guarded) state = "coalesce(TRY(" + state + "), 2)";
    return "CAST(" + state + " AS TINYINT)";
  });
}

std::string shown(const Rule& rule) {
  constexpr size_t kShownBytes = 200;
  const auto names = [](const char* what, const auto& columns, const auto& name_of) {
    std::string text = what;
    for (size_t i = 0; i < columns.size(); ++i) text += (i == 0 ? " of " : ", ") + name_of(columns[i]);
    return text;
  };
  const auto itself = [](const std::string& name) { return name; };
  const auto first = [](const auto& pair) { return pair.first; };
  std::string text = std::visit(
      [&](const auto& what) -> std::string {
        using What = std::decay_t<decltype(what)>;
        if constexpr (std::is_same_v<What, Expect>) {
          return what.sql;
        } else if constexpr (std::is_same_v<What, NotNull>) {
          return names("not_null", what.columns, itself);
        } else if constexpr (std::is_same_v<What, Unique>) {
          return names("unique", what.columns, itself);
        } else if constexpr (std::is_same_v<What, AcceptedValues>) {
          return names("accepted_values", what.columns, first);
        } else if constexpr (std::is_same_v<What, Ranges>) {
          return names("range", what.columns, first);
        } else {
          return names("regex", what.columns, first);
        }
      },
      rule.what);
  if (text.size() > kShownBytes) text = text.substr(0, kShownBytes) + "...";
  return text;
}

}  // namespace rapidbyte::transform_check
