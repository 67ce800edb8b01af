#include "connectors/transform_check/src/transform.h"

#include <nanoarrow/nanoarrow.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "connectors/shared/duckdb/row_checks.h"
#include "connectors/shared/duckdb/stream_runs.h"
#include "connectors/transform_check/src/kept_rows.h"
#include "connectors/transform_check/src/key_set.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/protocol/name_pattern.h"

namespace rapidbyte::transform_check {

using sdk::BatchReader;
using sdk::ColumnView;
using sdk::Error;
using sdk::OnDataError;
using sdk::Result;
using sdk::Schema;
using sdk::Status;
using sdk::StreamContext;
using sdk::TransformPlan;
using sdk::TransformSummary;
using sdk::TypeId;

namespace {

// Of an instance's memory: what rules `unique` may hold together, and DuckDB beside them.
constexpr uint64_t kKeysPercent = 30;
constexpr uint64_t kEngineBesideKeysPercent = 40;

bool has_keys(const std::vector<const Rule*>& rules) {
  return std::any_of(rules.begin(), rules.end(),
                     [](const Rule* rule) { return std::holds_alternative<Unique>(rule->what); });
}

Status of_rule(const Rule& rule, const Status& status) {
  Error error = status.error();
  error.message = "rule `" + rule.name + "`: " + error.message;
  return error;
}

// "line 3, column 8: ..." of a statement whose first line is ours.
std::string without_our_line(const std::string& message) {
  constexpr std::string_view kLine = "line ";
  if (!message.starts_with(kLine)) return message;
  const size_t comma = message.find(',');
  if (comma == std::string::npos) return message;
  unsigned long line = 0;
  for (const char c : std::string_view(message).substr(kLine.size(), comma - kLine.size())) {
    if (c < '0' || c > '9') return message;
    line = line * 10 + static_cast<unsigned long>(c - '0');
  }
  if (line < 2) return message;
  return std::string(kLine) + std::to_string(line - 1) + message.substr(comma);
}

// The bytes of a value that decide whether it is the same as another: of one type for the whole stream.
void append_value(const ColumnView& column, size_t row, std::vector<uint8_t>& key) {
  const auto append = [&key](const void* bytes, size_t size) {
    const auto* begin = static_cast<const uint8_t*>(bytes);
    key.insert(key.end(), begin, begin + size);
  };
  switch (column.type().id) {
    case TypeId::kBoolean: key.push_back(column.boolean(row) ? 1 : 0); return;
    case TypeId::kFloat32:
    case TypeId::kFloat64: {
      double value =
          column.type().id == TypeId::kFloat32 ? double{column.value<float>(row)} : column.value<double>(row);
      if (value == 0) value = 0;                                          // -0 is 0
      if (std::isnan(value)) value = std::nan("");                        // and NaN is NaN
      append(&value, sizeof(value));
      return;
    }
    case TypeId::kUtf8:
    case TypeId::kLargeUtf8:
    case TypeId::kBinary:
    case TypeId::kLargeBinary: {
      const std::string_view bytes = column.bytes(row);
      const uint64_t size = bytes.size();  // so that ("a", "bc") is not ("ab", "c")
      append(&size, sizeof(size));
      append(bytes.data(), bytes.size());
      return;
    }
    default: {
      const size_t width = column.type().value_width();
      append(column.values<uint8_t>() + row * width, width);
    }
  }
}

}  // namespace

Status Transform::open(const sdk::Json& config) {
  RB_SDK_ASSIGN_OR_RETURN(config_, Config::parse(config));
  return {};
}

Status Transform::open_engine(const StreamContext& context) {
  if (engine_ != nullptr) return {};
  const bool keys = std::any_of(config_.rules.begin(), config_.rules.end(),
                                [](const Rule& rule) { return std::holds_alternative<Unique>(rule.what); });
  const uint64_t percent = keys ? kEngineBesideKeysPercent : duck::kEnginePercent;
  RB_SDK_ASSIGN_OR_RETURN(engine_,
                          duck::Engine::open({.memory_bytes = context.limits.max_memory_bytes / 100 * percent}));
  return {};
}

Result<std::unique_ptr<duck::Query>> Transform::prepare(const std::string& sql, const Schema& columns) {
  return engine_->prepare(sql, columns, {}, sdk::Json::object());
}

Result<std::unique_ptr<duck::Query>> Transform::prepare_states(const std::vector<Condition>& conditions,
                                                               const Schema& columns) {
  auto guarded = prepare(states_sql(conditions, true), columns);
  if (guarded.ok()) return guarded;
  return prepare(states_sql(conditions, false), columns);
}

// One condition alone, so that what is wrong with it is said of it.
Status Transform::check_condition(const Condition& condition, const Schema& columns) {
  const auto query = prepare(conditions_sql({condition}), columns);
  if (!query.ok()) {
    Error error = query.error();
    if (condition.may_fail) error.message = without_our_line(error.message);
    return of_rule(*condition.rule, error);
  }
  const auto wrong = [&](const std::string& why) {
    return of_rule(*condition.rule, sdk::config_error(codes::kCheckInvalid, "`" + shown(*condition.rule) + "` " + why));
  };
  if ((*query)->columns().size() != 1) return wrong("must be one condition");
  if ((*query)->columns().fields[0].type.id != TypeId::kBoolean)
    return wrong("is " + (*query)->columns().fields[0].type.name() + ", not a condition that holds or does not");
  if ((*query)->needs_all_rows()) return wrong("must be about one row alone, but " + *(*query)->needs_all_rows());
  return {};
}

Status Transform::check_rules(const StreamRules& rules, const Schema& columns) {
  for (const Condition& condition : rules.conditions) {
    if (condition.may_fail) RB_SDK_RETURN_NOT_OK(check_condition(condition, columns));
  }
  for (const auto& [rule, sql] : rules.constants) {
    const auto query = prepare("SELECT " + sql + " AS c", columns);
    const Status status = query.ok() ? duck::run_for_nothing(**query) : query.status();
    if (!status.ok()) return of_rule(*rule, sdk::config_error(codes::kCheckInvalid, status.error().message));
  }
  if (rules.conditions.empty()) return {};
  const auto all = prepare_states(rules.conditions, columns);
  if (all.ok()) return {};
  for (const Condition& condition : rules.conditions) RB_SDK_RETURN_NOT_OK(check_condition(condition, columns));
  return all.status();
}

// A pattern that fits nothing is a misspelling, and the rule would hold for nothing.
Status Transform::check_patterns(const StreamContext& context, const StreamRules& rules) {
  const auto refuse = [](const std::pair<std::string, std::string>& place, const std::set<std::string>& columns) {
    const std::vector<std::string_view> names(columns.begin(), columns.end());
    return sdk::config_error(codes::kPatternUnmatched, "rule `" + place.first + "`: `" + place.second +
                                                           "` fits no column" +
                                                           protocol::name_suggestion(place.second, names));
  };
  std::set<std::string> here;
  for (const sdk::Field& field : context.schema.fields) here.insert(field.name);
  for (const auto& place : rules.unused) {
    const auto rule = std::find_if(config_.rules.begin(), config_.rules.end(),
                                   [&](const Rule& one) { return one.name == place.first; });
    const auto& streams = rule->streams;
    if (std::find(streams.begin(), streams.end(), context.stream_name) != streams.end()) return refuse(place, here);
  }
  planned_.insert(context.stream_name);
  used_.insert(rules.used.begin(), rules.used.end());
  unused_.insert(rules.unused.begin(), rules.unused.end());
  columns_seen_.merge(here);
  const std::vector<std::string> streams = duck::streams_of_pipeline(context);
  if (streams.empty()) return {};
  const std::vector<std::string_view> names(streams.begin(), streams.end());
  for (const Rule& rule : config_.rules) {
    for (const std::string& pattern : rule.streams) {
      if (protocol::named_by(pattern, names).empty())
        return sdk::config_error(
            codes::kPatternUnmatched,
            "rule `" + rule.name + "`: `" + pattern + "` fits no stream" + protocol::name_suggestion(pattern, names));
    }
  }
  if (!std::all_of(streams.begin(), streams.end(), [&](const std::string& name) { return planned_.contains(name); }))
    return {};
  for (const auto& place : unused_) {
    if (!used_.contains(place)) return refuse(place, columns_seen_);
  }
  return {};
}

Result<TransformPlan> Transform::plan(const StreamContext& context) {
  const std::vector<const Rule*> rules = config_.rules_for(context.stream_name);
  TransformPlan plan{.columns = context.schema, .stateless = true, .note = {}};
  Result<StreamRules> made = rules_of(rules, context.schema);
  if (!made.ok()) return duck::in_stream(made.status(), context.stream_name);
  RB_SDK_RETURN_NOT_OK(duck::in_stream(check_patterns(context, *made), context.stream_name));
  if (rules.empty()) {
    plan.note = "no rule, passes through";
    return plan;
  }
  RB_SDK_RETURN_NOT_OK(open_engine(context));
  RB_SDK_RETURN_NOT_OK(duck::in_stream(check_rules(*made, context.schema), context.stream_name));
  if (!made->conditions.empty())
    sdk::host::log_info("stream `" + context.stream_name + "`: " + conditions_sql(made->conditions));
  plan.note = std::to_string(rules.size()) + (rules.size() == 1 ? " rule" : " rules");
  // What was counted, and the keys that were seen, would be lost if the load went on from the middle.
  const bool counts =
      std::any_of(rules.begin(), rules.end(), [](const Rule* rule) { return rule->at_most.has_value(); });
  if (counts || has_keys(rules)) {
    plan.stateless = false;
    plan.note += counts ? ", over the whole stream: at_most" : ", over the whole stream: unique";
  }
  return plan;
}

// The rules of one stream at work.
class StreamCheck {
 public:
  StreamCheck(Transform& transform, const StreamContext& context, std::vector<const Rule*> rules)
      : transform_(transform), context_(context), rules_(std::move(rules)), source_(summary_) {
    counts_.resize(rules_.size());
    examples_.resize(rules_.size());
    const auto keys = static_cast<uint64_t>(std::count_if(
        rules_.begin(), rules_.end(), [](const Rule* rule) { return std::holds_alternative<Unique>(rule->what); }));
    for (const Rule* rule : rules_) {
      if (std::holds_alternative<Unique>(rule->what))
        sets_.push_back({index_of(rule), KeySet(context.limits.max_memory_bytes / 100 * kKeysPercent / keys), {}});
    }
    if (keys > 0) getentropy(hash_key_.data(), sizeof(hash_key_));
  }

  Result<TransformSummary> run() {
    Status status = run_batches();
    if (status.ok()) status = check_shares();
    tell_counts();
    RB_SDK_RETURN_NOT_OK(duck::in_stream(std::move(status), context_.stream_name));
    return summary_;
  }

 private:
  // A rule `unique`: its number, what it has seen, and the types of its columns.
  struct Seen {
    size_t rule;
    KeySet keys;
    std::vector<sdk::DataType> types;
  };
  // What becomes of a row.
  enum class Fate : uint8_t { kPass, kSkip, kDlq };

  [[nodiscard]] size_t index_of(const Rule* rule) const {
    return static_cast<size_t>(std::find(rules_.begin(), rules_.end(), rule) - rules_.begin());
  }

  Status run_batches() {
    for (;;) {
      RB_SDK_ASSIGN_OR_RETURN(const bool more, source_.next());
      if (!more) return {};
      if (source_.reader().schema_version() != schema_version_) RB_SDK_RETURN_NOT_OK(prepare());
      RB_SDK_RETURN_NOT_OK(check_batch());
    }
  }

  Status prepare() {
    const Schema& columns = source_.reader().schema();
    RB_SDK_ASSIGN_OR_RETURN(made_, rules_of(rules_, columns));
    RB_SDK_RETURN_NOT_OK(check_still_used(columns));
    query_.reset();
    if (!made_.conditions.empty()) {
      RB_SDK_RETURN_NOT_OK(transform_.open_engine(context_));
      // The plan has checked them for the columns that were known then.
      if (schema_version_ > 0 || context_.schema != columns)
        RB_SDK_RETURN_NOT_OK(transform_.check_rules(made_, columns));
      RB_SDK_ASSIGN_OR_RETURN(query_, transform_.prepare_states(made_.conditions, columns));
    }
    for (size_t i = 0; i < sets_.size(); ++i) {
      std::vector<sdk::DataType> types;
      for (const size_t column : made_.keys[i].columns) types.push_back(columns.fields[column].type);
      if (!sets_[i].types.empty() && sets_[i].types != types) {
        return of_rule(*rules_[sets_[i].rule],
                       sdk::schema_error(codes::kSchemaChanged,
                                         "the columns changed their types in the middle of the stream, so that values "
                                         "of before cannot be compared with those that come now"));
      }
      sets_[i].types = std::move(types);
    }
    schema_version_ = source_.reader().schema_version();
    return {};
  }

  // A rule that was for a column must not cease to hold because the column is gone.
  Status check_still_used(const Schema& columns) {
    if (schema_version_ == 0 && !context_.schema.fields.empty()) {
      RB_SDK_ASSIGN_OR_RETURN(const auto planned, rules_of(rules_, context_.schema));
      unused_ = planned.unused;
    } else if (schema_version_ == 0) {
      unused_ = made_.unused;
    }
    for (const auto& [rule, pattern] : made_.unused) {
      if (unused_.contains({rule, pattern})) continue;
      return sdk::schema_error(codes::kSchemaChanged, "rule `" + rule + "`: no column fits `" + pattern +
                                                          "` any more; the batches have " +
                                                          std::to_string(columns.size()) + " columns");
    }
    return {};
  }

  Status check_batch() {
    const BatchReader& batch = source_.reader();
    fates_.assign(batch.rows(), Fate::kPass);
    refused_.assign(batch.rows(), 0);
    states_.assign(made_.conditions.size(), {});
    for (auto& states : states_) states.assign(batch.rows(), 0);
    if (query_ != nullptr) RB_SDK_RETURN_NOT_OK(compute_states());
    for (size_t i = 0; i < states_.size(); ++i) {
      const std::vector<uint8_t>& states = states_[i];
      for (size_t row = 0; row < states.size(); ++row) {
        if (states[row] != 0) RB_SDK_RETURN_NOT_OK(fails(index_of(made_.conditions[i].rule), row, states[row] == 2));
      }
    }
    for (size_t i = 0; i < sets_.size(); ++i) RB_SDK_RETURN_NOT_OK(check_keys(sets_[i], made_.keys[i]));
    return send();
  }

  // Values that DuckDB would take for others are no rule's business: their rows are rejected, as on_data_error says.
  Status compute_states() {
    const BatchReader& batch = source_.reader();
    size_t begin = 0;
    while (begin < batch.rows()) {
      const auto unfit = duck::find_unfit_row(batch, begin, batch.rows() - begin);
      const size_t end = unfit ? unfit->row : batch.rows();
      if (end > begin) RB_SDK_RETURN_NOT_OK(compute_states(begin, end - begin));
      if (!unfit) return {};
      RB_SDK_RETURN_NOT_OK(reject(unfit->row, unfit->why));
      begin = end + 1;
    }
    return {};
  }

  Status compute_states(size_t begin, size_t rows) {
    size_t done = 0;
    RB_SDK_RETURN_NOT_OK(duck::run_over_rows(*query_, source_.reader(), begin, rows, [&](const ArrowArray& result) {
      const auto got = static_cast<size_t>(result.length);
      if (done + got > rows || static_cast<size_t>(result.n_children) != states_.size()) return not_row_by_row();
      for (size_t i = 0; i < states_.size(); ++i)
        std::memcpy(states_[i].data() + begin + done, result.children[i]->buffers[1], got);
      done += got;
      return Status();
    }));
    return done == rows ? Status() : not_row_by_row();
  }

  static Status not_row_by_row() {
    return sdk::internal_error(codes::kSqlEngineFailed, "the conditions gave another number of rows than there are");
  }

  Status reject(size_t row, const std::string& why) {
    const std::string record = duck::record_of(source_.reader(), row);
    refused_[row] = 1;
    fates_[row] = Fate::kSkip;
    switch (context_.policies.on_data_error) {
      case OnDataError::kSkip: skipped_.add(why + duck::shown_row(record)); return {};
      case OnDataError::kDlq: return sdk::host::emit_dlq_record(context_.stream_name, record, why);
      case OnDataError::kFail: break;
    }
    return sdk::data_error(codes::kSqlFailed, why + duck::shown_row(record));
  }

  static std::string why_of(const Rule& rule, bool not_computed) {
    return "rule `" + rule.name + "`: `" + shown(rule) + "`" +
           (not_computed ? " cannot be computed for the row" : " does not hold");
  }

  // A row fails a rule: it is counted, and its fate is that of the first rule that removes it.
  Status fails(size_t number, size_t row, bool not_computed) {
    if (refused_[row] != 0) return {};
    const Rule& rule = *rules_[number];
    ++counts_[number];
    const bool first = counts_[number] == 1;
    const bool too_many = rule.at_most && rule.at_most->rows && counts_[number] > *rule.at_most->rows;
    const bool dlq = rule.on_fail == OnFail::kDlq && fates_[row] == Fate::kPass;
    if (first || too_many || dlq || rule.on_fail == OnFail::kFail) {
      const std::string record = duck::record_of(source_.reader(), row);
      if (first) examples_[number] = duck::shown_row(record);
      const std::string why = why_of(rule, not_computed);
      if (rule.on_fail == OnFail::kFail) return sdk::data_error(codes::kCheckFailed, why + duck::shown_row(record));
      if (too_many) {
        return sdk::data_error(codes::kCheckFailed,
                               why + " in more than " + rule.at_most->text + " rows; the first" + examples_[number]);
      }
      if (dlq) RB_SDK_RETURN_NOT_OK(sdk::host::emit_dlq_record(context_.stream_name, record, why));
    }
    if (fates_[row] == Fate::kPass && rule.on_fail != OnFail::kWarn)
      fates_[row] = rule.on_fail == OnFail::kDlq ? Fate::kDlq : Fate::kSkip;
    return {};
  }

  // Of the rows that are left.
  Status check_keys(Seen& seen, const Key& key) {
    const BatchReader& batch = source_.reader();
    for (size_t row = 0; row < batch.rows(); ++row) {
      if (fates_[row] != Fate::kPass) continue;
      key_.clear();
      bool has_null = false;
      for (const size_t index : key.columns) {
        const ColumnView& column = batch.column(index);
        has_null = has_null || column.is_null(row);
        if (!has_null) append_value(column, row, key_);
      }
      if (has_null) continue;
      switch (seen.keys.add(sip_hash(key_, hash_key_[0], hash_key_[1]))) {
        case KeySet::Added::kNew: break;
        case KeySet::Added::kThere: RB_SDK_RETURN_NOT_OK(fails(seen.rule, row, false)); break;
        case KeySet::Added::kFull:
          return of_rule(
              *rules_[seen.rule],
              sdk::config_error(codes::kCheckTooManyKeys, "it has seen " + std::to_string(seen.keys.size()) +
                                                              " different keys, and has no memory for more: raise "
                                                              "resources.max_memory, of which rules `unique` may use " +
                                                              std::to_string(kKeysPercent) +
                                                              " percent, or leave it to the destination"));
      }
    }
    return {};
  }

  Status send() {
    const BatchReader& batch = source_.reader();
    const auto kept = static_cast<uint64_t>(std::count(fates_.begin(), fates_.end(), Fate::kPass));
    if (kept == 0) return {};
    std::span<const uint8_t> bytes = source_.bytes().span();
    if (kept != batch.rows()) {
      keep_.resize(batch.rows());
      for (size_t row = 0; row < batch.rows(); ++row) keep_[row] = fates_[row] == Fate::kPass ? 1 : 0;
      RB_SDK_ASSIGN_OR_RETURN(bytes, kept_rows_.encode(batch, keep_));
    }
    RB_SDK_RETURN_NOT_OK(sdk::host::emit_batch(bytes));
    summary_.records_out += kept;
    summary_.bytes_out += bytes.size();
    return {};
  }

  // Shares are of all rows, so they are known at the end: before the destination publishes anything.
  Status check_shares() {
    for (size_t i = 0; i < rules_.size(); ++i) {
      const Rule& rule = *rules_[i];
      if (!rule.at_most || !rule.at_most->share || counts_[i] == 0) continue;
      if (static_cast<double>(counts_[i]) <= *rule.at_most->share * static_cast<double>(summary_.records_in)) continue;
      return sdk::data_error(codes::kCheckFailed, why_of(rule, false) + " in " + std::to_string(counts_[i]) + " of " +
                                                      std::to_string(summary_.records_in) + " rows, and at most " +
                                                      rule.at_most->text + " may; the first" + examples_[i]);
    }
    return {};
  }

  // Also when the stream fails: then the counts say why.
  void tell_counts() {
    for (size_t i = 0; i < rules_.size(); ++i) {
      const Rule& rule = *rules_[i];
      // A metric that is lost changes nothing about the rows.
      (void)sdk::host::counter("check_rows_failed", counts_[i], {{"rule", rule.name}});
      if (counts_[i] == 0) continue;
      const std::string text = "stream `" + context_.stream_name + "`: rule `" + rule.name +
                               "`: " + std::to_string(counts_[i]) + " of " + std::to_string(summary_.records_in) +
                               " rows fail `" + shown(rule) + "`" + (examples_[i].empty() ? "" : "; the first") +
                               examples_[i];
      if (rule.on_fail == OnFail::kWarn || rule.on_fail == OnFail::kSkip) {
        sdk::host::log_warn(text);
      } else {
        sdk::host::log_info(text);
      }
    }
  }

  Transform& transform_;
  const StreamContext& context_;
  std::vector<const Rule*> rules_;
  TransformSummary summary_;
  duck::BatchSource source_;
  uint64_t schema_version_ = 0;
  std::set<std::pair<std::string, std::string>> unused_;  // patterns that fit no column from the beginning
  StreamRules made_;
  std::unique_ptr<duck::Query> query_;
  std::vector<Seen> sets_;
  std::array<uint64_t, 2> hash_key_{};
  std::vector<uint64_t> counts_;       // by rule
  std::vector<std::string> examples_;  // by rule: its first row, for messages
  std::vector<std::vector<uint8_t>> states_;  // by condition, of the batch
  std::vector<Fate> fates_;                   // by row of the batch
  std::vector<uint8_t> refused_;              // rows that no rule is asked about
  std::vector<uint8_t> keep_;
  std::vector<uint8_t> key_;
  KeptRows kept_rows_;
  sdk::SkippedRows skipped_;
};

Result<TransformSummary> Transform::transform(const StreamContext& context) {
  std::vector<const Rule*> rules = config_.rules_for(context.stream_name);
  if (rules.empty()) return duck::pass_through();
  return StreamCheck(*this, context, std::move(rules)).run();
}

}  // namespace rapidbyte::transform_check
