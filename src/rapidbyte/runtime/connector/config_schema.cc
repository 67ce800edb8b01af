#include "rapidbyte/runtime/connector/config_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <regex>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "rapidbyte/pipeline/secret_names.h"
#include "rapidbyte/pipeline/suggestion.h"
#include "rapidbyte/protocol/untrusted_json.h"

namespace rapidbyte::runtime {
namespace {

using nlohmann::json;

// A message shows at most this much of a value; more does not help.
constexpr size_t kMaxShownBytes = 60;
// Guards against `$ref` chains that grow with the value; far above what a config of kMaxJsonDepth needs.
constexpr size_t kMaxSteps = 100'000;
// Schemas that refer to each other without a step into the value. Each one costs stack; real chains have two or three.
constexpr size_t kMaxRefChain = 64;

std::string escaped_token(std::string_view token) {
  std::string out;
  for (char c : token) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

std::string_view type_name(const json& value) {
  if (value.is_number_integer()) return "an integer";
  if (value.is_number()) return "a number";
  if (value.is_string()) return "a text";
  if (value.is_boolean()) return "true or false";
  if (value.is_array()) return "a list";
  if (value.is_object()) return "an object";
  return "null";
}

std::string_view schema_type_name(std::string_view type) {
  if (type == "integer") return "an integer";
  if (type == "number") return "a number";
  if (type == "string") return "a text";
  if (type == "boolean") return "true or false";
  if (type == "array") return "a list";
  if (type == "object") return "an object";
  return type;
}

bool has_type(const json& value, std::string_view type) {
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  return type == "null" && value.is_null();
}

std::string dump(const json& value) { return value.dump(-1, ' ', false, json::error_handler_t::replace); }

// Code points, as JSON Schema counts lengths.
size_t text_length(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

bool looks_like_number(const std::string& text) {
  const auto parsed = protocol::parse_untrusted(text, {text.size(), 0, 1});
  return parsed.ok() && parsed->is_number();
}

std::string join(const std::vector<std::string>& parts, std::string_view last) {
  std::string out;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += i + 1 == parts.size() ? fmt::format(" {} ", last) : ", ";
    out += parts[i];
  }
  return out;
}

std::vector<std::string> types_of(const json& schema) {
  std::vector<std::string> types;
  const auto it = schema.find("type");
  if (it == schema.end()) return types;
  if (it->is_string()) types.push_back(it->get<std::string>());
  if (it->is_array()) {
    for (const auto& type : *it) {
      if (type.is_string()) types.push_back(type.get<std::string>());
    }
  }
  return types;
}

// The schema that a local `$ref` names; null when it names nothing (valijson refuses such a schema).
const json* resolve_ref(const json& root, const json& ref) {
  if (!ref.is_string()) return nullptr;
  const auto& text = ref.get_ref<const std::string&>();
  if (!text.starts_with('#')) return nullptr;
  try {
    const json::json_pointer pointer(text.substr(1));
    return root.contains(pointer) ? &root.at(pointer) : nullptr;
  } catch (const json::exception&) {
    return nullptr;
  }
}

class Explainer {
 public:
  Explainer(const json& root, size_t& steps, bool& unsafe) : root_(root), steps_(steps), unsafe_(unsafe) {}

  std::vector<ConfigProblem> take() { return std::move(problems_); }

  void check(const json& schema, const json& value, const std::string& pointer, bool secret) {
    if (++steps_ > kMaxSteps) return;
    if (schema.is_boolean()) {
      if (!schema.get<bool>()) add(pointer, "nothing is allowed here");
      return;
    }
    if (!schema.is_object()) return;
    if (const auto ref = schema.find("$ref"); ref != schema.end()) {
      // Draft 7: all siblings of $ref are ignored.
      if (const json* target = resolve_ref(root_, *ref)) check(*target, value, pointer, secret);
      return;
    }
    if (!check_type(schema, value, pointer, secret)) return;
    check_values(schema, value, pointer, secret);
    if (value.is_number()) check_number(schema, value, pointer, secret);
    if (value.is_string()) check_text(schema, value.get_ref<const std::string&>(), pointer, secret);
    if (value.is_array()) check_list(schema, value, pointer, secret);
    if (value.is_object()) check_object(schema, value, pointer, secret);
    check_combinations(schema, value, pointer, secret);
  }

 private:
  void add(const std::string& pointer, std::string message) {
    ConfigProblem problem{pointer, std::move(message)};
    const auto same = [&](const ConfigProblem& p) {
      return p.pointer == problem.pointer && p.message == problem.message;
    };
    if (std::none_of(problems_.begin(), problems_.end(), same)) problems_.push_back(std::move(problem));
  }

  std::vector<ConfigProblem> problems_of(const json& schema, const json& value, const std::string& pointer,
                                         bool secret) {
    Explainer inner(root_, steps_, unsafe_);
    inner.check(schema, value, pointer, secret);
    return inner.take();
  }
  bool fits(const json& schema, const json& value) { return problems_of(schema, value, "", true).empty(); }

  // ", got 7", or nothing when the value might be a secret or does not help.
  static std::string got(const json& value, bool secret) {
    if (secret || value.is_structured()) return "";
    if (value.is_string()) {
      // A URL or a connection string may carry a password.
      const auto& text = value.get_ref<const std::string&>();
      if (text.size() > kMaxShownBytes || text.find_first_of("@=") != std::string::npos) return "";
    }
    return ", got " + dump(value);
  }

  bool check_type(const json& schema, const json& value, const std::string& pointer, bool secret) {
    const auto types = types_of(schema);
    if (types.empty()) return true;
    if (std::any_of(types.begin(), types.end(), [&](const auto& type) { return has_type(value, type); })) return true;
    std::vector<std::string> names;
    for (const auto& type : types) names.emplace_back(schema_type_name(type));
    std::string message = fmt::format("expected {}, got {}", join(names, "or"), type_name(value));
    const bool wants_number =
        std::any_of(types.begin(), types.end(), [](const auto& t) { return t == "integer" || t == "number"; });
    if (wants_number && !secret && value.is_string() && looks_like_number(value.get_ref<const std::string&>())) {
      message += "; remove the quotes around it";
    } else if (std::find(types.begin(), types.end(), "string") != types.end() && value.is_primitive() &&
               !value.is_null()) {
      message += "; put it in quotes";
    }
    add(pointer, std::move(message));
    return false;
  }

  void check_values(const json& schema, const json& value, const std::string& pointer, bool secret) {
    if (const auto it = schema.find("const"); it != schema.end() && *it != value) {
      add(pointer, fmt::format("must be {}{}", dump(*it), got(value, secret)));
    }
    const auto it = schema.find("enum");
    if (it == schema.end() || !it->is_array() || std::find(it->begin(), it->end(), value) != it->end()) return;
    std::vector<std::string> allowed;
    std::vector<std::string_view> words;
    for (const auto& item : *it) {
      allowed.push_back(dump(item));
      if (item.is_string()) words.push_back(item.get_ref<const std::string&>());
    }
    std::string message = fmt::format("must be {}{}", join(allowed, "or"), got(value, secret));
    if (value.is_string() && !secret) {
      if (const auto near = pipeline::closest(value.get_ref<const std::string&>(), words)) {
        message += fmt::format("; did you mean {}?", dump(json(*near)));
      }
    }
    add(pointer, std::move(message));
  }

  void check_number(const json& schema, const json& value, const std::string& pointer, bool secret) {
    const auto bound = [&](const char* key, std::string_view words, auto&& ok) {
      const auto it = schema.find(key);
      if (it != schema.end() && it->is_number() && !ok(value, *it)) {
        add(pointer, fmt::format("must be {} {}{}", words, dump(*it), got(value, secret)));
      }
    };
    bound("minimum", "at least", [](const json& v, const json& b) { return v >= b; });
    bound("maximum", "at most", [](const json& v, const json& b) { return v <= b; });
    bound("exclusiveMinimum", "more than", [](const json& v, const json& b) { return v > b; });
    bound("exclusiveMaximum", "less than", [](const json& v, const json& b) { return v < b; });
    bound("multipleOf", "a multiple of", [](const json& v, const json& b) {
      const double quotient = v.get<double>() / b.get<double>();
      return std::abs(quotient - std::round(quotient)) < 1e-9;
    });
  }

  void check_text(const json& schema, const std::string& text, const std::string& pointer, bool secret) {
    const size_t length = text_length(text);
    if (const auto most = size_limit(schema, "maxLength"); most && length > *most) {
      add(pointer, fmt::format("must have at most {} characters, has {}", *most, length));
    }
    if (const auto least = size_limit(schema, "minLength"); least && length < *least) {
      add(pointer, *least == 1 ? std::string("must not be empty")
                               : fmt::format("must have at least {} characters, has {}", *least, length));
    }
    const auto it = schema.find("pattern");
    if (it == schema.end() || !it->is_string()) return;
    if (!matches(it->get_ref<const std::string&>(), text, pointer)) {
      add(pointer, fmt::format("must match the pattern {}{}", it->get<std::string>(), got(json(text), secret)));
    }
  }

  void check_list(const json& schema, const json& value, const std::string& pointer, bool secret) {
    if (const auto most = size_limit(schema, "maxItems"); most && value.size() > *most) {
      add(pointer, fmt::format("must have at most {} items, has {}", *most, value.size()));
    }
    if (const auto least = size_limit(schema, "minItems"); least && value.size() < *least) {
      add(pointer, fmt::format("must have at least {} items, has {}", *least, value.size()));
    }
    if (schema.value("uniqueItems", json()) == json(true)) {
      for (size_t i = 0; i < value.size(); ++i) {
        const auto before = value.begin() + static_cast<std::ptrdiff_t>(i);
        if (std::find(value.begin(), before, value[i]) != before) {
          add(pointer + "/" + std::to_string(i), fmt::format("appears in the list twice{}", got(value[i], secret)));
        }
      }
    }
    if (const auto it = schema.find("items"); it != schema.end()) {
      const auto more = schema.find("additionalItems");
      for (size_t i = 0; i < value.size(); ++i) {
        const json* item = &*it;
        if (it->is_array()) item = i < it->size() ? &(*it)[i] : (more == schema.end() ? nullptr : &*more);
        if (item != nullptr) check(*item, value[i], pointer + "/" + std::to_string(i), secret);
      }
    }
    const auto it = schema.find("contains");
    if (it != schema.end() &&
        std::none_of(value.begin(), value.end(), [&](const json& item) { return fits(*it, item); })) {
      add(pointer, "lacks an item that it must contain");
    }
  }

  void check_object(const json& schema, const json& value, const std::string& pointer, bool secret) {
    static const json kEmpty = json::object();
    const auto object_at = [&](const char* key) -> const json& {
      const auto it = schema.find(key);
      return it != schema.end() && it->is_object() ? *it : kEmpty;
    };
    const json& properties = object_at("properties");
    const json& patterns = object_at("patternProperties");
    const auto additional = schema.find("additionalProperties");
    const auto names = schema.find("propertyNames");

    if (const auto required = schema.find("required"); required != schema.end() && required->is_array()) {
      for (const auto& key : *required) {
        if (key.is_string() && !value.contains(key.get_ref<const std::string&>())) {
          add(pointer, missing_text(key.get<std::string>(), properties, value));
        }
      }
    }
    for (const auto& [key, item] : value.items()) {
      const std::string at = pointer + "/" + escaped_token(key);
      const bool hide = secret || pipeline::looks_secret(key);
      bool known = false;
      if (const auto it = properties.find(key); it != properties.end()) {
        known = true;
        check(*it, item, at, hide);
      }
      for (const auto& [pattern, sub] : patterns.items()) {
        if (!matches(pattern, key, at)) continue;
        known = true;
        check(sub, item, at, hide);
      }
      if (names != schema.end() && !fits(*names, json(key))) add(at, "this name of a key is not allowed");
      if (known || additional == schema.end()) continue;
      if (*additional == json(false)) {
        add(at, unknown_text(key, properties, value));
      } else {
        check(*additional, item, at, hide);
      }
    }
    if (const auto most = size_limit(schema, "maxProperties"); most && value.size() > *most) {
      add(pointer, fmt::format("must have at most {} keys, has {}", *most, value.size()));
    }
    if (const auto least = size_limit(schema, "minProperties"); least && value.size() < *least) {
      add(pointer, fmt::format("must have at least {} keys, has {}", *least, value.size()));
    }
    for (const auto& [key, needs] : object_at("dependencies").items()) {
      if (!value.contains(key)) continue;
      if (!needs.is_array()) {
        check(needs, value, pointer, secret);
        continue;
      }
      for (const auto& other : needs) {
        if (other.is_string() && !value.contains(other.get_ref<const std::string&>())) {
          add(pointer, fmt::format("`{}` also needs `{}`", key, other.get<std::string>()));
        }
      }
    }
  }

  void check_combinations(const json& schema, const json& value, const std::string& pointer, bool secret) {
    if (const auto it = schema.find("allOf"); it != schema.end() && it->is_array()) {
      for (const auto& sub : *it) check(sub, value, pointer, secret);
    }
    if (const auto it = schema.find("anyOf"); it != schema.end() && it->is_array())
      check_any(*it, value, pointer, secret);
    if (const auto it = schema.find("oneOf"); it != schema.end() && it->is_array()) {
      const auto fitting = std::count_if(it->begin(), it->end(), [&](const json& sub) { return fits(sub, value); });
      if (fitting == 0) check_any(*it, value, pointer, secret);
      if (fitting > 1) add(pointer, fmt::format("matches {} of the mutually exclusive forms", fitting));
    }
    if (const auto it = schema.find("not"); it != schema.end() && fits(*it, value)) {
      add(pointer, fmt::format("has a form that is not allowed{}", got(value, secret)));
    }
    if (const auto it = schema.find("if"); it != schema.end()) {
      const auto branch = schema.find(fits(*it, value) ? "then" : "else");
      if (branch != schema.end()) check(*branch, value, pointer, secret);
    }
  }

  // When all alternatives fail, the user meant the nearest one; it has the fewest problems, and none about the value as
  // a whole.
  void check_any(const json& alternatives, const json& value, const std::string& pointer, bool secret) {
    std::vector<std::vector<ConfigProblem>> failed;
    for (const auto& sub : alternatives) {
      failed.push_back(problems_of(sub, value, pointer, secret));
      if (failed.back().empty()) return;
    }
    std::vector<std::vector<ConfigProblem>*> inner;
    for (auto& problems : failed) {
      const bool whole =
          std::any_of(problems.begin(), problems.end(), [&](const auto& p) { return p.pointer == pointer; });
      if (!whole) inner.push_back(&problems);
    }
    if (inner.size() == 1) {
      for (auto& problem : *inner.front()) add(problem.pointer, std::move(problem.message));
      return;
    }
    std::vector<std::string> reasons;
    for (const auto& problems : failed) {
      const ConfigProblem& first = problems.front();
      const std::string where = first.pointer == pointer ? "" : first.pointer.substr(pointer.size() + 1) + ": ";
      std::string reason = where + first.message;
      if (std::find(reasons.begin(), reasons.end(), reason) == reasons.end()) reasons.push_back(std::move(reason));
    }
    add(pointer, reasons.empty() ? "matches none of the allowed forms"
                                 : fmt::format("matches none of the allowed forms: {}", fmt::join(reasons, "; or ")));
  }

  static std::optional<size_t> size_limit(const json& schema, const char* key) {
    const auto it = schema.find(key);
    if (it == schema.end() || !it->is_number_unsigned()) return std::nullopt;
    return it->get<size_t>();
  }

  bool matches(const std::string& pattern, const std::string& text, const std::string& pointer) {
    if (text.size() > kMaxPatternInputBytes) {
      unsafe_ = true;
      add(pointer,
          fmt::format("is longer than {} bytes, the maximum for a comparison with a pattern", kMaxPatternInputBytes));
      return true;
    }
    try {
      return std::regex_search(text, std::regex(pattern, std::regex::ECMAScript));
    } catch (const std::regex_error&) {
      return true;  // valijson reports a pattern that is broken
    }
  }

  static std::vector<std::string_view> keys_of(const json& object) {
    std::vector<std::string_view> keys;
    for (const auto& [key, unused] : object.get_ref<const json::object_t&>()) keys.push_back(key);
    return keys;
  }

  static std::string missing_text(const std::string& key, const json& properties, const json& value) {
    std::vector<std::string_view> unknown;
    for (const auto& given : keys_of(value)) {
      if (!properties.contains(given)) unknown.push_back(given);
    }
    if (const auto near = pipeline::closest(key, unknown))
      return fmt::format("`{}` is missing; is `{}` a misspelling of it?", key, *near);
    return fmt::format("`{}` is missing", key);
  }

  static std::string unknown_text(const std::string& key, const json& properties, const json& value) {
    if (properties.empty()) return fmt::format("`{}` is unknown; no keys are allowed here", key);
    const auto known = keys_of(properties);
    std::vector<std::string_view> unused;
    for (const auto& name : known) {
      if (!value.contains(name)) unused.push_back(name);
    }
    if (const auto near = pipeline::closest(key, unused))
      return fmt::format("`{}` is unknown; did you mean `{}`?", key, *near);
    return fmt::format("`{}` is unknown; known are {}", key, fmt::join(known, ", "));
  }

  const json& root_;
  size_t& steps_;
  bool& unsafe_;
  std::vector<ConfigProblem> problems_;
};

/// Whether everyone who resolves this `$ref` finds the same schema. valijson skips an empty step and decodes percent
/// signs, and it also knows the schema by its $id: undetected by CycleSearch, it could loop for ever.
bool is_plain_ref(const json& root, const std::string& ref) {
  return ref.find('%') == std::string::npos && ref.find("//") == std::string::npos &&
         (ref.size() == 1 || !ref.ends_with('/')) && resolve_ref(root, ref) != nullptr;
}

/// Every object in the document may be reached as a schema.
bool has_odd_ref(const json& root, const json& node) {
  if (!node.is_structured()) return false;
  if (node.is_object()) {
    const auto ref = node.find("$ref");
    if (ref != node.end() && ref->is_string() && !is_plain_ref(root, ref->get_ref<const std::string&>())) return true;
  }
  return std::any_of(node.begin(), node.end(), [&](const json& item) { return has_odd_ref(root, item); });
}

// Finds a path from a schema back to itself without a step into the value; any validator would loop for ever.
class CycleSearch {
 public:
  explicit CycleSearch(const json& root) : root_(root) {}

  bool from(const json& schema) {
    if (!schema.is_object() || done_.contains(&schema)) return false;
    if (active_.size() >= kMaxRefChain || !active_.insert(&schema).second) return true;
    bool found = false;
    const auto visit = [&](const json& sub) { found = found || from(sub); };
    if (const auto it = schema.find("$ref"); it != schema.end()) {
      if (const json* target = resolve_ref(root_, *it)) visit(*target);
    }
    for (const char* key : {"allOf", "anyOf", "oneOf"}) {
      if (const auto it = schema.find(key); it != schema.end() && it->is_array())
        std::for_each(it->begin(), it->end(), visit);
    }
    for (const char* key : {"not", "if", "then", "else"}) {
      if (const auto it = schema.find(key); it != schema.end()) visit(*it);
    }
    if (const auto it = schema.find("dependencies"); it != schema.end() && it->is_object()) {
      for (const auto& [unused, sub] : it->items()) visit(sub);
    }
    active_.erase(&schema);
    done_.insert(&schema);
    return found;
  }

  // Every object in the document may be reached as a schema.
  bool anywhere(const json& node) {
    if (node.is_structured()) {
      if (from(node)) return true;
      for (const auto& item : node) {
        if (anywhere(item)) return true;
      }
    }
    return false;
  }

 private:
  const json& root_;
  std::set<const json*> active_;
  std::set<const json*> done_;
};

}  // namespace

bool is_deeper_than(const json& value, size_t most) {
  std::vector<std::pair<const json*, size_t>> stack = {{&value, 0}};
  while (!stack.empty()) {
    const auto [node, depth] = stack.back();
    stack.pop_back();
    if (!node->is_structured()) continue;
    if (depth >= most) return true;
    for (const auto& item : *node) stack.emplace_back(&item, depth + 1);
  }
  return false;
}

std::optional<std::string> check_schema_shape(const json& schema) {
  if (!schema.is_object() && !schema.is_boolean()) return "a schema is an object, or true or false";
  if (is_deeper_than(schema, kMaxJsonDepth)) return fmt::format("it is nested deeper than {} levels", kMaxJsonDepth);
  if (has_odd_ref(schema, schema)) return "a $ref names no place in the schema, or not in the form #/definitions/x";
  if (CycleSearch(schema).anywhere(schema)) return "a $ref leads back to itself, or through too many others";
  return std::nullopt;
}

Explanation explain_config(const json& schema, const json& value) {
  Explanation out;
  size_t steps = 0;
  Explainer explainer(schema, steps, out.unsafe_to_match);
  explainer.check(schema, value, "", false);
  out.problems = explainer.take();
  return out;
}

}  // namespace rapidbyte::runtime
