#include "rapidbyte/sdk/config.h"

#include <algorithm>
#include <limits>
#include <set>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::sdk {

struct ConfigReader::Node {
  const Json* object = nullptr;  // null: reads as empty
  std::string prefix;            // "csv." for a nested object
  std::set<std::string, std::less<>> known;
};

struct ConfigReader::Report {
  std::string where;
  std::vector<std::string> problems;
  std::vector<std::shared_ptr<Node>> nodes;
};

namespace {

/// The number of edits (insert, delete, replace) from one word to the other.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

/// The known word closest to `word`, if close enough to be a typo: at most a third of the letters.
template <typename Words>
std::string suggestion(std::string_view word, const Words& known) {
  std::string_view best;
  size_t best_distance = std::max<size_t>(2, word.size() / 3) + 1;
  for (const auto& candidate : known) {
    const size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best.empty() ? std::string() : ", did you mean `" + std::string(best) + "`?";
}

std::string in_backticks(std::string_view text) { return "`" + std::string(text) + "`"; }

template <typename Words>
std::string joined(const Words& words) {
  std::string out;
  for (const auto& word : words) {
    if (!out.empty()) out += ", ";
    out += word;
  }
  return out;
}

}  // namespace

ConfigReader::ConfigReader(const Json& config, std::string where)
    : report_(std::make_shared<Report>()), node_(std::make_shared<Node>()) {
  report_->where = std::move(where);
  report_->nodes.push_back(node_);
  if (config.is_object()) {
    node_->object = &config;
  } else if (!config.is_null()) {
    report_->problems.push_back("must be an object, not " + std::string(describe_type(config)));
  }
}

ConfigReader::ConfigReader(std::shared_ptr<Report> report, std::shared_ptr<Node> node)
    : report_(std::move(report)), node_(std::move(node)) {}

const Json* ConfigReader::take(std::string_view key) {
  node_->known.emplace(key);
  return node_->object == nullptr ? nullptr : find_member(*node_->object, key);
}

void ConfigReader::add_problem(std::string_view key, std::string_view message) {
  report_->problems.push_back(in_backticks(node_->prefix + std::string(key)) + " " + std::string(message));
}

void ConfigReader::wrong_type(std::string_view key, std::string_view expected, const Json& value) {
  add_problem(key, "must be " + std::string(expected) + ", not " + std::string(describe_type(value)));
}

std::optional<std::string> ConfigReader::maybe_string(std::string_view key) {
  const Json* value = take(key);
  if (value == nullptr) return std::nullopt;
  const auto text = as_string(*value);
  if (!text) {
    wrong_type(key, "a string", *value);
    return std::nullopt;
  }
  return std::string(*text);
}

std::string ConfigReader::optional_string(std::string_view key, std::string_view fallback) {
  return maybe_string(key).value_or(std::string(fallback));
}

std::string ConfigReader::required_string(std::string_view key) {
  const bool missing = take(key) == nullptr;
  std::string value = optional_string(key);
  if (missing) {
    add_problem(key, "is missing (a string)");
  } else if (value.empty() && take(key)->is_string()) {
    add_problem(key, "must not be empty");
  }
  return value;
}

std::string ConfigReader::optional_enum(std::string_view key, std::string_view fallback,
                                        std::initializer_list<std::string_view> allowed) {
  const auto value = maybe_string(key);
  if (!value) return std::string(fallback);
  if (std::find(allowed.begin(), allowed.end(), *value) == allowed.end()) {
    add_problem(key,
                "is " + in_backticks(*value) + " but must be one of " + joined(allowed) + suggestion(*value, allowed));
    return std::string(fallback);
  }
  return *value;
}

uint64_t ConfigReader::optional_uint(std::string_view key, uint64_t fallback, uint64_t min, uint64_t max) {
  const Json* value = take(key);
  if (value == nullptr) return fallback;
  const std::string range = "an integer from " + std::to_string(min) + " to " + std::to_string(max);
  const auto number = as_uint(*value);
  if (!number) {
    if (value->is_number_integer()) {
      add_problem(key, "is " + to_text(*value) + " but must be " + range);
    } else {
      wrong_type(key, range, *value);
    }
    return fallback;
  }
  if (*number < min || *number > max) {
    add_problem(key, "is " + std::to_string(*number) + " but must be " + range);
    return fallback;
  }
  return *number;
}

uint64_t ConfigReader::required_uint(std::string_view key, uint64_t min, uint64_t max) {
  if (take(key) == nullptr) {
    add_problem(key, "is missing (an integer from " + std::to_string(min) + " to " + std::to_string(max) + ")");
    return min;
  }
  return optional_uint(key, min, min, max);
}

int64_t ConfigReader::optional_int(std::string_view key, int64_t fallback, int64_t min, int64_t max) {
  const Json* value = take(key);
  if (value == nullptr) return fallback;
  const std::string range = "an integer from " + std::to_string(min) + " to " + std::to_string(max);
  const auto number = as_int(*value);
  if (!number && !value->is_number_integer()) {
    wrong_type(key, range, *value);
    return fallback;
  }
  if (!number || *number < min || *number > max) {
    add_problem(key, "is " + to_text(*value) + " but must be " + range);
    return fallback;
  }
  return *number;
}

double ConfigReader::optional_double(std::string_view key, double fallback, double min, double max) {
  const Json* value = take(key);
  if (value == nullptr) return fallback;
  const auto number = as_double(*value);
  if (!number) {
    wrong_type(key, "a number", *value);
    return fallback;
  }
  if (!(*number >= min && *number <= max)) {
    add_problem(key, "is " + to_text(*value) + " but must be from " + to_text(Json(min)) + " to " + to_text(Json(max)));
    return fallback;
  }
  return *number;
}

bool ConfigReader::optional_bool(std::string_view key, bool fallback) {
  const Json* value = take(key);
  if (value == nullptr) return fallback;
  const auto flag = as_bool(*value);
  if (!flag) wrong_type(key, "true or false", *value);
  return flag.value_or(fallback);
}

std::vector<std::string> ConfigReader::optional_strings(std::string_view key) {
  std::vector<std::string> out;
  const Json* value = take(key);
  if (value == nullptr) return out;
  if (!value->is_array()) {
    wrong_type(key, "a list of strings", *value);
    return out;
  }
  for (size_t i = 0; i < value->size(); ++i) {
    const auto text = as_string((*value)[i]);
    if (text) {
      out.emplace_back(*text);
    } else {
      wrong_type(std::string(key) + "[" + std::to_string(i) + "]", "a string", (*value)[i]);
    }
  }
  return out;
}

std::vector<std::string> ConfigReader::required_strings(std::string_view key) {
  const Json* value = take(key);
  if (value == nullptr) {
    add_problem(key, "is missing (a list of strings)");
  } else if (value->is_array() && value->empty()) {
    add_problem(key, "must not be empty");
  }
  return optional_strings(key);
}

ConfigReader ConfigReader::child(std::string_view key) {
  const Json* value = take(key);
  auto node = std::make_shared<Node>();
  node->prefix = node_->prefix + std::string(key) + ".";
  if (value != nullptr && value->is_object()) {
    node->object = value;
  } else if (value != nullptr) {
    wrong_type(key, "an object", *value);
  }
  report_->nodes.push_back(node);
  return {report_, node};
}

const Json* ConfigReader::raw(std::string_view key) { return take(key); }

Status ConfigReader::finish() {
  std::vector<std::string> problems = report_->problems;
  for (const auto& node : report_->nodes) {
    if (node->object == nullptr) continue;
    for (const auto& item : node->object->items()) {
      if (node->known.contains(item.key())) continue;
      problems.push_back(in_backticks(node->prefix + item.key()) + " is not a known key" +
                         suggestion(item.key(), node->known));
    }
  }
  if (problems.empty()) return {};
  std::string message = report_->where + ": ";
  if (problems.size() == 1) {
    message += problems.front();
  } else {
    message += std::to_string(problems.size()) + " problems:";
    for (const std::string& problem : problems) message += "\n  - " + problem;
  }
  return config_error(codes::kInvalidConfig, std::move(message));
}

}  // namespace rapidbyte::sdk
