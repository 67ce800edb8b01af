#include "incremental.h"

#include <algorithm>
#include <charconv>

#include "position_origin.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/batch_builder.h"
#include "rapidbyte/sdk/host.h"

namespace rapidbyte::source_postgres {

namespace {

using sdk::Json;
using sdk::Result;
using sdk::Status;

// The number of rows of one cursor value that a position lists. The list is part of every checkpoint and of the query's
// condition.
constexpr size_t kMaxSeenRows = 1000;
constexpr size_t kMaxSeenBytes = 64 << 10;

// The span of one value of a date.
constexpr uint64_t kSecondsOfADate = 86'400;

std::string literal(const CatalogColumn& column, std::string_view text) {
  return postgres::quote_literal(text) + "::" + column.sql_type;
}

bool is_integer(postgres::Oid type) {
  return type == postgres::kOidInt2 || type == postgres::kOidInt4 || type == postgres::kOidInt8;
}

/// Equal values of these types have equal texts, or texts that canonical() makes equal. For others (an interval of 24
/// hours or one day, citext) a position could not tell which rows have the newest value.
Status check_cursor_type(const StreamOptions& options, const CatalogColumn& cursor) {
  const auto refuse = [&](std::string_view why) {
    return sdk::config_error(codes::kCursorType, "stream '" + options.name + "': column `" + cursor.name +
                                                     "` of type " + cursor.type_name +
                                                     " cannot be a cursor: " + std::string(why) +
                                                     ". Use an integer, numeric, date, timestamp, text or uuid column");
  };
  switch (cursor.type) {
    case postgres::kOidText:
    case postgres::kOidVarchar:
    case postgres::kOidBpchar:
      return cursor.is_deterministic ? Status() : refuse("its collation holds different texts to be equal");
    case postgres::kOidInt2:
    case postgres::kOidInt4:
    case postgres::kOidInt8:
    case postgres::kOidOid:
    case postgres::kOidNumeric:
    case postgres::kOidFloat4:
    case postgres::kOidFloat8:
    case postgres::kOidName:
    case postgres::kOidBytea:
    case postgres::kOidDate:
    case postgres::kOidTime:
    case postgres::kOidTimestamp:
    case postgres::kOidTimestamptz:
    case postgres::kOidUuid: return {};
    default:
      return cursor.type_kind == 'e' ? Status() : refuse("its equal values may have different texts, or no order");
  }
}

/// The text that all equal values share: 1.50 and 1.5, -0 and 0 are equal.
std::string_view canonical(postgres::Oid type, std::string_view text) {
  if (type == postgres::kOidNumeric && text.find('.') != std::string_view::npos) {
    while (text.back() == '0') text.remove_suffix(1);
    if (text.back() == '.') text.remove_suffix(1);
  } else if ((type == postgres::kOidFloat4 || type == postgres::kOidFloat8) && text == "-0") {
    text.remove_prefix(1);
  }
  return text;
}

/// Values after which no row is ever new, or before which none is.
bool is_special(postgres::Oid type, std::string_view text) {
  switch (type) {
    case postgres::kOidDate:
    case postgres::kOidTimestamp:
    case postgres::kOidTimestamptz: return text == "infinity" || text == "-infinity";
    case postgres::kOidNumeric:
    case postgres::kOidFloat4:
    case postgres::kOidFloat8: return text == "NaN" || text == "Infinity" || text == "-Infinity";
    default: return false;
  }
}

int64_t integer_of(std::string_view text) {
  int64_t value = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// Whether `names` contain a unique key.
bool covers_unique_key(const std::vector<std::vector<std::string>>& keys, const std::vector<std::string>& names) {
  return std::any_of(keys.begin(), keys.end(), [&](const std::vector<std::string>& key) {
    return std::all_of(key.begin(), key.end(), [&](const std::string& column) {
      return std::find(names.begin(), names.end(), column) != names.end();
    });
  });
}

Status check_lag(const StreamOptions& options, const CatalogColumn& cursor) {
  if (!options.lag) return {};
  const auto bad = [&](std::string_view why) {
    return sdk::config_error(codes::kLagType, "stream '" + options.name + "': lag with the cursor `" + cursor.name +
                                                  "` of type " + cursor.type_name + ": " + std::string(why));
  };
  switch (cursor.type) {
    case postgres::kOidDate:
      if (!options.lag->seconds) return bad("must be a duration such as 1d or 26h");
      if (*options.lag->seconds >= kSecondsOfADate) return {};
      return sdk::config_error(
          codes::kLagTooShort,
          "stream '" + options.name + "': lag with the cursor `" + cursor.name +
              "` of type date must be at least 1d. A shorter one reads a day that is not over, and rows that are added "
              "to it later could be lost. Set lag to 1d and what transactions may take, such as 25h, or leave it out");
    case postgres::kOidTimestamp:
    case postgres::kOidTimestamptz:
      return options.lag->seconds ? Status() : bad("must be a duration such as 90s, 5m, 2h or 1d");
    case postgres::kOidInt2:
    case postgres::kOidInt4:
    case postgres::kOidInt8:
      if (options.lag->seconds || options.lag->amount.find('.') != std::string::npos || options.lag->amount.size() > 18)
        return bad("must be an integer, such as 1000");
      return {};
    case postgres::kOidNumeric:
    case postgres::kOidFloat4:
    case postgres::kOidFloat8: return options.lag->seconds ? bad("must be a number, such as 1000") : Status();
    default: return bad("only dates, timestamps and numbers can have a lag");
  }
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "`" : ", `") + name + "`";
  return out;
}

}  // namespace

Result<IncrementalPlan> plan_incremental(const Relation& relation, const StreamOptions& options,
                                         const std::string& cursor_field) {
  IncrementalPlan plan;
  plan.cursor = relation.find_column(cursor_field);
  if (plan.cursor == nullptr) return unknown_column(relation, "cursor_field", cursor_field);
  RB_SDK_RETURN_NOT_OK(check_cursor_type(options, *plan.cursor));
  RB_SDK_RETURN_NOT_OK(check_lag(options, *plan.cursor));
  plan.lag = options.lag;
  plan.keep_position = options.keep_position;
  plan.stream = options.name;
  std::vector<std::string> names = {cursor_field};
  if (!options.tie_breaker && covers_unique_key(relation.unique_keys, names)) return plan;
  const std::vector<std::string> ties = options.tie_breaker ? *options.tie_breaker : relation.primary_key();
  if (ties.empty()) {
    return sdk::config_error(
        codes::kTieBreakerMissing,
        "stream '" + options.name + "': `" + relation.name.spelling("") +
            (relation.with_children ? "` has child tables, for whose rows its primary key does not hold (child_tables: "
                                      "exclude leaves them "
                                      "out), so that"
                                    : "` has no primary key, so that") +
            " rows with equal values of the cursor `" + cursor_field +
            "` cannot be told apart and would be lost or read twice. Set tie_breaker to columns that tell them apart, "
            "use a cursor with a unique index, or read everything (sync_mode full_refresh) with write_mode replace or "
            "upsert");
  }
  for (const std::string& name : ties) {
    const CatalogColumn* column = relation.find_column(name);
    if (column == nullptr) return unknown_column(relation, "tie_breaker", name);
    if (name == cursor_field) continue;
    plan.ties.push_back(column);
    names.push_back(name);
  }
  plan.is_unique = covers_unique_key(relation.unique_keys, names);
  if (!plan.is_unique) {
    sdk::host::log_warn("stream '" + options.name + "': no unique index of `" + relation.name.spelling("") +
                        "` says that " + joined(names) +
                        " tell all rows apart; of rows that are equal in them, those added later are not read");
  }
  plan.tie_grows = plan.ties.size() == 1 && is_integer(plan.ties[0]->type) && !plan.ties[0]->nullable;
  return plan;
}

std::string lag_condition(const IncrementalPlan& plan, const TableQuery& query, const std::string& where,
                          const std::string& server_time_zone) {
  const std::string column = query.column_sql(plan.cursor->name);
  if (plan.lag->seconds) {
    const std::string lag =
        " OPERATOR(pg_catalog.-) pg_catalog.make_interval(secs => " + std::to_string(*plan.lag->seconds) + ")";
    std::string bound = "pg_catalog.now()";
    if (plan.cursor->type != postgres::kOidTimestamptz) {
      // Whether applications write UTC or local time is unknown; the earlier of the two is safe with both.
      bound = "LEAST(pg_catalog.now() AT TIME ZONE 'UTC', pg_catalog.now() AT TIME ZONE " +
              postgres::quote_literal(server_time_zone.empty() ? "UTC" : server_time_zone) + ")";
    }
    bound = "(" + bound + lag + ")";
    // A date is complete when its day has passed.
    if (plan.cursor->type == postgres::kOidDate) bound += "::pg_catalog.date";
    return column + " OPERATOR(pg_catalog.<=) " + bound;
  }
  const std::string type = is_integer(plan.cursor->type)                ? "pg_catalog.int8"
                           : plan.cursor->type == postgres::kOidNumeric ? "pg_catalog.numeric"
                                                                        : "pg_catalog.float8";
  std::vector<std::string> conditions;
  if (!where.empty()) conditions.push_back(where);
  return column + " OPERATOR(pg_catalog.<=) ((SELECT pg_catalog.max(" + column + ")" + query.from_sql() +
         where_sql(conditions) + ") OPERATOR(pg_catalog.-) '" + plan.lag->amount + "'::" + type + ")";
}

Result<CursorPosition> CursorPosition::make(const IncrementalPlan& plan, const sdk::CursorValue& last, Json origin) {
  CursorPosition position(plan, std::move(origin));
  if (last.is_null()) return position;
  const auto changed = [&](const std::string& why, bool may_be_kept = false) {
    return sdk::config_error(
        codes::kCursorChanged,
        "the position of the last run does not fit the cursor `" + plan.cursor->name + "`: " + why +
            ". Set the stream as it was" +
            (may_be_kept
                 ? "; or, if all rows up to the position `" + sdk::string_member(last.json, "value").value_or("") +
                       "` were loaded or are not wanted, resume after it with the stream option keep_position: "
                       "true"
                 : "") +
            "; or start over with: rapidbyte state reset PIPELINE.yaml --stream '" + plan.stream +
            "', and empty the target table first if write_mode is append");
  };
  if (last.kind != sdk::CursorValue::Kind::kJson) return changed("it is not a position of source-postgres");
  const auto value = sdk::string_member(last.json, "value");
  const auto column = sdk::string_member(last.json, "column");
  if (!value || !column) return changed("it is not a position of source-postgres");
  if (*column != plan.cursor->name) return changed("it was made with the cursor `" + *column + "`");
  if (const Json* of = sdk::find_member(last.json, "of"); of != nullptr && position.origin_.is_object()) {
    if (const auto change = find_origin_change(*of, position.origin_)) {
      if (!change->may_be_kept || !plan.keep_position) return changed(change->what, change->may_be_kept);
      sdk::host::log_warn("stream '" + plan.stream +
                          "': resumes after the position of the last run (keep_position), but " + change->what);
    }
  }
  position.present_ = true;
  position.value_ = *value;
  std::vector<std::string> names;
  std::vector<std::string> wanted;
  for (const CatalogColumn* tie : plan.ties) wanted.push_back(tie->name);
  const auto strings = [](const Json* list, std::vector<std::string>& out) {
    if (list == nullptr || !list->is_array()) return;
    for (const Json& item : *list) {
      if (const auto text = sdk::as_string(item)) out.emplace_back(*text);
    }
  };
  strings(sdk::find_member(last.json, "tie_breaker"), names);
  if (names != wanted) {
    return changed("it was made with the tie-breaker " + (names.empty() ? std::string("(none)") : joined(names)));
  }
  if (plan.ties.empty()) return position;
  position.complete_ = sdk::find_member(last.json, "complete") != nullptr;
  if (position.complete_) return position;
  position.only_last_ = sdk::find_member(last.json, "last") != nullptr;
  strings(sdk::find_member(last.json, position.only_last_ ? "last" : "seen"), position.seen_);
  if (position.seen_.empty() || position.seen_.size() % plan.ties.size() != 0) return changed("it is incomplete");
  position.carried_ = !position.only_last_;
  for (const std::string& text : position.seen_) {
    position.seen_bytes_ += text.size();
    if (plan.tie_grows) position.highest_ = std::max(position.highest_.value_or(INT64_MIN), integer_of(text));
  }
  return position;
}

std::string CursorPosition::tie_equals(const TableQuery& query, size_t from) const {
  std::string sql;
  for (size_t i = 0; i < plan_->ties.size(); ++i) {
    const CatalogColumn& tie = *plan_->ties[i];
    sql += (i == 0 ? "(" : " AND ") + query.column_sql(tie.name) + " " + tie.equal_operator + " " +
           literal(tie, seen_[from + i]);
  }
  return sql + ")";
}

std::string CursorPosition::is_listed(const TableQuery& query) const {
  const size_t width = plan_->ties.size();
  const CatalogColumn& first = *plan_->ties[0];
  if (width != 1 || first.type_name.ends_with("[]")) {
    std::string sql;
    for (size_t from = 0; from < seen_.size(); from += width)
      sql += (from == 0 ? "" : " OR ") + tie_equals(query, from);
    return sql;
  }
  // One look into a list; an array of arrays would be one of their elements.
  std::string list;
  for (const std::string& text : seen_) list += (list.empty() ? "" : ", ") + literal(first, text);
  return query.column_sql(first.name) + " " + first.equal_operator + " ANY (ARRAY[" + list + "])";
}

std::string CursorPosition::is_behind_last(const TableQuery& query) const {
  const auto greater = [&](size_t i) {
    const CatalogColumn& tie = *plan_->ties[i];
    return query.column_sql(tie.name) + " " + tie.greater_operator + " " + literal(tie, seen_[i]);
  };
  // a > x OR (a = x AND (b > y OR ...)): like a comparison of rows, whose columns may have different operators.
  size_t i = plan_->ties.size() - 1;
  std::string sql = greater(i);
  while (i-- > 0) {
    const CatalogColumn& tie = *plan_->ties[i];
    sql.insert(0, greater(i) + " OR (" + query.column_sql(tie.name) + " " + tie.equal_operator + " " +
                      literal(tie, seen_[i]) + " AND (");
    sql += "))";
  }
  return sql;
}

std::string CursorPosition::condition(const TableQuery& query) const {
  const std::string column = query.column_sql(plan_->cursor->name);
  if (!present_) return column + " IS NOT NULL";
  const std::string value = literal(*plan_->cursor, value_);
  const std::string greater = column + " OPERATOR(pg_catalog.>) " + value;
  if (plan_->ties.empty() || complete_) return greater;
  // The first comparison is the one that an index on the cursor is used for.
  const std::string from = column + " OPERATOR(pg_catalog.>=) " + value + " AND ";
  if (only_last_ && plan_->tie_grows) {
    // One comparison of rows can use an index on both columns.
    const CatalogColumn& tie = *plan_->ties[0];
    return from + "ROW(" + column + ", " + query.column_sql(tie.name) + ") OPERATOR(pg_catalog.>) ROW(" + value + ", " +
           literal(tie, seen_[0]) + ")";
  }
  // A null makes neither comparison true or false. Such a row is read, and then refused by note().
  return from + "(" + greater + " OR (" +
         (only_last_ ? is_behind_last(query) + ") IS NOT FALSE)" : is_listed(query) + ") IS NOT TRUE)");
}

bool CursorPosition::is_equal(const std::vector<std::optional<std::string>>& watched) const {
  if (!present_ || !watched[0] || canonical(plan_->cursor->type, *watched[0]) != value_) return false;
  for (size_t i = 0; i < newest_.size(); ++i) {
    if (watched[i + 1] != newest_[i]) return false;
  }
  return true;
}

Status CursorPosition::note(const std::vector<std::optional<std::string>>& watched) {
  if (!watched[0]) {
    return sdk::internal_error(codes::kUnexpectedData,
                               "the server sent a row without a cursor value, which was not asked for");
  }
  for (const std::optional<std::string>& text : watched) {
    if (text && !sdk::is_valid_utf8(*text)) {
      return sdk::data_error(codes::kInvalidUtf8,
                             "a value of the cursor or the tie-breaker is not valid UTF-8, so that no "
                             "position can hold it. Correct the row, or use another cursor");
    }
  }
  const std::string_view value = canonical(plan_->cursor->type, *watched[0]);
  if (is_special(plan_->cursor->type, value)) {
    return sdk::data_error(codes::kInfiniteCursor,
                           "the cursor column `" + plan_->cursor->name + "` is '" + std::string(value) +
                               "' in a row, and no later run would find rows beyond that. Correct it, or leave such "
                               "rows out with the stream option where");
  }
  if (!present_ || value != value_) {
    value_ = value;
    present_ = true;
    seen_.clear();
    seen_bytes_ = 0;
    only_last_ = false;
    carried_ = false;
    complete_ = false;
    highest_.reset();
  }
  const size_t width = plan_->ties.size();
  if (width == 0) return {};
  size_t bytes = 0;
  for (size_t i = 0; i < width; ++i) {
    if (!watched[i + 1]) {
      return sdk::data_error(codes::kNullTieBreaker,
                             "the tie-breaker column `" + plan_->ties[i]->name +
                                 "` is null in a row with the cursor value '" + value_ +
                                 "', so that it could not be told whether the row was read before. Fill it, or "
                                 "set tie_breaker to columns that are never null");
    }
    bytes += watched[i + 1]->size();
  }
  newest_.resize(width);
  for (size_t i = 0; i < width; ++i) newest_[i] = *watched[i + 1];
  if (!only_last_ && (seen_.size() >= kMaxSeenRows * width || seen_bytes_ + bytes > kMaxSeenBytes)) only_last_ = true;
  if (only_last_) {
    seen_ = newest_;
    // The rows that earlier reads listed come in any order among these; the bound is above all of them.
    if (highest_ && integer_of(seen_[0]) < *highest_) seen_[0] = std::to_string(*highest_);
    return {};
  }
  seen_.insert(seen_.end(), newest_.begin(), newest_.end());
  seen_bytes_ += bytes;
  return {};
}

bool CursorPosition::is_exact() const {
  if (!only_last_ || newest_.empty()) return true;
  if (carried_) return highest_ && integer_of(newest_[0]) >= *highest_;
  // With a lag, which is never zero and for dates at least a day, the user says that no more rows come with a value
  // that is read.
  return plan_->tie_grows || plan_->lag.has_value();
}

Status CursorPosition::finish() {
  if (!only_last_ || plan_->tie_grows) return {};
  if (plan_->lag) {
    complete_ = carried_;
    return {};
  }
  std::vector<std::string> names;
  for (const CatalogColumn* tie : plan_->ties) names.push_back(tie->name);
  return sdk::config_error(
      codes::kTieGroupTooLarge,
      "more than " + std::to_string(kMaxSeenRows) + " rows have the newest value '" + value_ + "' of the cursor `" +
          plan_->cursor->name + "`, and the tie-breaker " + joined(names) +
          " does not tell older from newer rows, so that rows which are added later with this value could be lost. Set "
          "lag, so that a value is read when no rows are added with it any more: longer than transactions take and "
          "than the span that one value stands for (a day of a date, an hour of timestamps cut to the hour); or use a "
          "finer cursor, or a tie_breaker that is a growing integer");
}

sdk::CursorValue CursorPosition::to_cursor() const {
  if (!present_) return {};
  Json json = {{"column", plan_->cursor->name}, {"value", value_}};
  if (!plan_->ties.empty()) {
    Json names = Json::array();
    for (const CatalogColumn* tie : plan_->ties) names.push_back(tie->name);
    json["tie_breaker"] = std::move(names);
    if (complete_) {
      json["complete"] = true;
    } else {
      json[only_last_ ? "last" : "seen"] = seen_;
    }
  }
  if (origin_.is_object()) json["of"] = origin_;
  return sdk::CursorValue::of_json(std::move(json));
}

}  // namespace rapidbyte::source_postgres
