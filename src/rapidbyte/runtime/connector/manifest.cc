#include "rapidbyte/runtime/connector/manifest.h"

#define VALIJSON_USE_EXCEPTIONS 1
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <exception>
#include <utility>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include "rapidbyte/pipeline/suggestion.h"
#include "rapidbyte/protocol/catalog.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/protocol/untrusted_json.h"
#include "rapidbyte/runtime/connector/config_schema.h"

namespace rapidbyte::runtime {
namespace {

using nlohmann::json;

Status invalid(std::string_view origin, std::string_view problems) {
  return config_error(codes::kManifestInvalid,
                      fmt::format("manifest {}: {}. Get a corrected manifest from the connector's author, or "
                                  "install the connector again",
                                  origin, problems));
}

// Reads typed members of one JSON object and collects what is wrong, with the JSON Pointer.
class ObjectReader {
 public:
  ObjectReader(const json* object, std::string pointer, std::vector<std::string>& problems)
      : object_(object), pointer_(std::move(pointer)), problems_(problems) {}

  [[nodiscard]] bool present() const { return object_ != nullptr; }

  /// The member, or null when it is absent or JSON null.
  const json* find(const char* key) const {
    if (object_ == nullptr) return nullptr;
    const auto it = object_->find(key);
    return it == object_->end() || it->is_null() ? nullptr : &*it;
  }

  std::string text(const char* key, bool required = false) {
    const json* value = find(key);
    if (value == nullptr) {
      if (required) problem(key, "is missing");
      return {};
    }
    if (!value->is_string()) {
      problem(key, "must be a text");
      return {};
    }
    auto out = value->get<std::string>();
    if (required && out.empty()) problem(key, "must not be empty");
    if (out.find('\0') != std::string::npos) problem(key, "must not contain a zero byte");
    return out;
  }

  bool boolean(const char* key, bool fallback) {
    const json* value = find(key);
    if (value == nullptr) return fallback;
    if (!value->is_boolean()) problem(key, "must be true or false");
    return value->is_boolean() ? value->get<bool>() : fallback;
  }

  uint64_t number(const char* key) {
    const json* value = find(key);
    if (value == nullptr) return 0;
    if (!value->is_number_unsigned()) problem(key, "must be an integer of zero or more");
    return value->is_number_unsigned() ? value->get<uint64_t>() : 0;
  }

  std::vector<std::string> texts(const char* key) {
    std::vector<std::string> out;
    for (const json* item : items(key)) {
      if (item->is_string()) {
        out.push_back(item->get<std::string>());
      } else {
        problem(key, "must be a list of texts");
        break;
      }
    }
    return out;
  }

  std::vector<const json*> items(const char* key) {
    std::vector<const json*> out;
    const json* value = find(key);
    if (value == nullptr) return out;
    if (!value->is_array()) {
      problem(key, "must be a list");
      return out;
    }
    for (const auto& item : *value) out.push_back(&item);
    return out;
  }

  /// A reader of the member; reads nothing when it is absent.
  ObjectReader object(const char* key, bool required = false) {
    const json* value = find(key);
    if (value == nullptr) {
      if (required) problem(key, "is missing");
    } else if (!value->is_object()) {
      problem(key, "must be an object");
      value = nullptr;
    }
    return {value, pointer_ + "/" + key, problems_};
  }

  ObjectReader item(const json* value, const char* key, size_t index) {
    const std::string at = fmt::format("{}/{}/{}", pointer_, key, index);
    if (!value->is_object()) {
      problems_.push_back(at + " must be an object");
      value = nullptr;
    }
    return {value, at, problems_};
  }

  json schema(const char* key) {
    const json* value = find(key);
    if (value == nullptr) return nullptr;
    if (const auto why = check_schema_shape(*value)) problem(key, fmt::format("is not a usable JSON Schema: {}", *why));
    return *value;
  }

  void problem(const char* key, std::string_view what) {
    problems_.push_back(fmt::format("{}/{} {}", pointer_, key, what));
  }

 private:
  const json* object_;
  std::string pointer_;
  std::vector<std::string>& problems_;
};

TlsPolicy read_tls(ObjectReader& network) {
  const std::string tls = network.text("tls");
  if (tls == "required") return TlsPolicy::kRequired;
  if (tls == "forbidden") return TlsPolicy::kForbidden;
  if (!tls.empty() && tls != "optional") network.problem("tls", "must be required, optional or forbidden");
  return TlsPolicy::kOptional;
}

Permissions read_permissions(ObjectReader permissions) {
  Permissions out;
  ObjectReader network = permissions.object("network");
  out.network.allowed_domains = network.texts("allowed_domains");
  out.network.allow_runtime_config_domains = network.boolean("allow_runtime_config_domains", false);
  out.network.tls = read_tls(network);
  ObjectReader fs = permissions.object("fs");
  out.preopens = fs.texts("preopens");
  size_t index = 0;
  for (const json* value : fs.items("config_paths")) {
    ObjectReader entry = fs.item(value, "config_paths", index++);
    if (!entry.present()) continue;
    ConfigPath path;
    path.pointer = entry.text("pointer", true);
    if (!path.pointer.empty() && !path.pointer.starts_with('/'))
      entry.problem("pointer", "must be a JSON Pointer, such as /path");
    const std::string access = entry.text("access");
    if (!access.empty() && access != "read" && access != "read-write")
      entry.problem("access", "must be read or read-write");
    path.read_write = access == "read-write";
    path.lock = entry.text("lock");
    if (!path.lock.empty() && path.lock != "sqlite" && path.lock != "duckdb")
      entry.problem("lock", "must be sqlite or duckdb");
    const std::string kind = entry.text("kind");
    if (!kind.empty() && kind != "folder") entry.problem("kind", "must be folder");
    path.must_be_folder = kind == "folder";
    out.config_paths.push_back(std::move(path));
  }
  out.env_allowed_vars = permissions.object("env").texts("allowed_vars");
  return out;
}

void warn_of_unknown_features(const Role& role, std::string_view name, std::vector<std::string>& warnings) {
  // These are enough to show a manifest with more mistakes.
  constexpr size_t kMaxWarnings = 20;
  // A long name is not a misspelling of a short one, and a manifest may come from anyone.
  constexpr size_t kMaxMistyped = 64;
  for (const std::string& feature : role.features) {
    if (warnings.size() == kMaxWarnings) return;
    if (protocol::feature_from_string(feature)) continue;
    const auto meant = feature.size() <= kMaxMistyped ? pipeline::closest(feature, protocol::feature_names())
                                                      : std::optional<std::string_view>();
    warnings.push_back(fmt::format("its manifest gives {} the feature {}, which this version does not know{}", name,
                                   protocol::shown_name(feature),
                                   meant ? fmt::format("; did you mean {}?", *meant) : ""));
  }
}

std::optional<Role> read_role(ObjectReader& roles, const char* name, const char* modes,
                              std::vector<std::string>& warnings) {
  ObjectReader role = roles.object(name);
  if (!role.present()) return std::nullopt;
  Role out;
  out.modes = role.texts(modes);
  out.features = role.texts("features");
  warn_of_unknown_features(out, name, warnings);
  return out;
}

std::vector<std::string> read_arguments(ObjectReader& artifact) {
  // Names of connectors, not data: far above what a component needs to tell which one it is.
  constexpr size_t kMaxArguments = 16;
  constexpr size_t kMaxArgumentBytes = 256;
  std::vector<std::string> arguments = artifact.texts("arguments");
  if (arguments.size() > kMaxArguments)
    artifact.problem("arguments", fmt::format("must have at most {} members", kMaxArguments));
  for (const std::string& argument : arguments) {
    if (argument.empty() || argument.size() > kMaxArgumentBytes || argument.find('\0') != std::string::npos) {
      artifact.problem("arguments",
                       fmt::format("must be texts of 1 to {} bytes without a zero byte", kMaxArgumentBytes));
      break;
    }
  }
  return arguments;
}

bool is_checksum(std::string_view text) {
  constexpr std::string_view kPrefix = "sha256:";
  return text.starts_with(kPrefix) && text.size() == kPrefix.size() + 64 &&
         text.find_first_not_of("0123456789abcdefABCDEF", kPrefix.size()) == std::string_view::npos;
}

// "<root>[a][0]" of valijson as a JSON Pointer.
std::string pointer_of(const std::vector<std::string>& context) {
  std::string out;
  for (const auto& part : context) {
    if (!part.starts_with('[') || !part.ends_with(']')) continue;
    out += '/';
    for (char c : std::string_view(part).substr(1, part.size() - 2)) {
      if (c == '~' || c == '/') {
        out += c == '~' ? "~0" : "~1";
      } else {
        out += c;
      }
    }
  }
  return out;
}

std::vector<ConfigProblem> valijson_problems(const json& schema, const json& value) {
  using Adapter = valijson::adapters::NlohmannJsonAdapter;
  valijson::Schema parsed;
  valijson::SchemaParser(valijson::SchemaParser::kDraft7).populateSchema(Adapter(schema), parsed);
  valijson::ValidationResults results;
  std::vector<ConfigProblem> problems;
  if (valijson::Validator().validate(parsed, Adapter(value), &results)) return problems;
  for (const auto& error : results) problems.push_back({pointer_of(error.context), error.description});
  // A schema that is just `false` fails without a message.
  if (problems.empty()) problems.push_back({"", "nothing is allowed here"});
  return problems;
}

}  // namespace

bool Role::has_feature(protocol::Feature feature) const {
  return std::find(features.begin(), features.end(), to_string(feature)) != features.end();
}

Result<Manifest> parse_manifest(std::string_view json_text, std::string_view origin) {
  auto parsed = protocol::parse_untrusted(json_text, protocol::kManifestLimits);
  if (!parsed.ok()) return invalid(origin, fmt::format("it {}", parsed.error().message));
  const json document = *std::move(parsed);
  if (!document.is_object()) return invalid(origin, "it must be a JSON object");

  std::vector<std::string> problems;
  ObjectReader root(&document, "", problems);
  Manifest out;
  out.manifest_version = root.text("manifest_version", true);
  if (!out.manifest_version.empty() && !out.manifest_version.starts_with("1.")) {
    root.problem("manifest_version", fmt::format("is {}; this host reads 1.x", out.manifest_version));
  }
  out.id = root.text("id", true);
  out.name = root.text("name", true);
  out.version = root.text("version", true);
  out.description = root.text("description");
  out.author = root.text("author");
  out.license = root.text("license");
  out.protocol_version = root.text("protocol_version", true);
  ObjectReader artifact = root.object("artifact");
  out.entry_point = artifact.text("entry_point");
  out.arguments = read_arguments(artifact);
  if (artifact.find("checksum") != nullptr) {
    out.checksum = artifact.text("checksum");
    if (!is_checksum(*out.checksum)) artifact.problem("checksum", "must be sha256: and 64 hexadecimal digits");
  }
  out.min_memory_mb = artifact.number("min_memory_mb");
  out.permissions = read_permissions(root.object("permissions"));
  ObjectReader roles = root.object("roles", true);
  out.source = read_role(roles, "source", "supported_sync_modes", out.warnings);
  out.destination = read_role(roles, "destination", "supported_write_modes", out.warnings);
  out.transform = read_role(roles, "transform", "supported_modes", out.warnings);
  out.utility = roles.object("utility").present();
  if (roles.present() && !out.source && !out.destination && !out.transform && !out.utility) {
    problems.emplace_back("/roles must name source, destination, transform or utility");
  }
  out.config_schema = root.schema("config_schema");
  out.stream_schema = root.schema("stream_schema");
  if (!problems.empty()) return invalid(origin, fmt::format("{}", fmt::join(problems, "; ")));
  return out;
}

Result<std::vector<ConfigProblem>> validate_against_schema(const json& schema, const json& value) {
  if (schema.is_null()) return std::vector<ConfigProblem>();
  const auto broken = [](std::string_view why) {
    return config_error(codes::kManifestInvalid,
                        fmt::format("the JSON Schema in the connector's manifest can't be used: {}. Get a "
                                    "corrected manifest from the connector's author",
                                    why));
  };
  if (const auto why = check_schema_shape(schema)) return broken(*why);
  if (is_deeper_than(value, kMaxJsonDepth)) {
    return std::vector<ConfigProblem>{{"", fmt::format("is nested deeper than {} levels", kMaxJsonDepth)}};
  }
  try {
    Explanation explanation = explain_config(schema, value);
    if (explanation.unsafe_to_match) return std::move(explanation.problems);
    // valijson decides; our own messages are used where there are any.
    std::vector<ConfigProblem> problems = valijson_problems(schema, value);
    if (problems.empty() || explanation.problems.empty()) return problems;
    return std::move(explanation.problems);
  } catch (const std::exception& error) {
    return broken(error.what());
  }
}

namespace {

// Appends what `entry` is in `config`, of which `done` names the part that `value` is and `rest` what is still to go.
void expand(const ConfigPath& entry, const nlohmann::json& value, const std::string& done, std::string_view rest,
            std::vector<ConfigPath>& out) {
  if (rest.empty()) {
    out.push_back(entry);
    out.back().pointer = done;
    return;
  }
  const size_t end = std::min(rest.find('/', 1), rest.size());
  const std::string_view escaped_part = rest.substr(1, end - 1);
  std::string part;
  for (size_t i = 0; i < escaped_part.size(); ++i) {
    const bool escape = escaped_part[i] == '~' && i + 1 < escaped_part.size();
    part += !escape ? escaped_part[i] : escaped_part[++i] == '1' ? '/' : '~';
  }
  const std::string_view behind = rest.substr(end);
  const auto step = [&](const std::string& key, const nlohmann::json& member) {
    std::string escaped;
    for (const char c : key) escaped += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
    expand(entry, member, done + "/" + escaped, behind, out);
  };
  if (part == "*" && value.is_object()) {
    for (const auto& [key, member] : value.items()) step(key, member);
  } else if (part == "*" && value.is_array()) {
    for (size_t i = 0; i < value.size(); ++i) step(std::to_string(i), value[i]);
  } else if (value.is_object()) {
    if (const auto member = value.find(part); member != value.end()) step(part, *member);
  } else if (value.is_array()) {
    size_t index = 0;
    const auto [last, error] = std::from_chars(part.data(), part.data() + part.size(), index);
    if (error == std::errc() && last == part.data() + part.size() && index < value.size()) step(part, value[index]);
  }
}

}  // namespace

std::vector<ConfigPath> config_paths_in(const Permissions& permissions, const nlohmann::json& config) {
  std::vector<ConfigPath> paths;
  for (const ConfigPath& entry : permissions.config_paths) {
    const bool has_star = entry.pointer.starts_with('/') && (entry.pointer + "/").find("/*/") != std::string::npos;
    if (has_star) {
      expand(entry, config, "", entry.pointer, paths);
    } else {
      paths.push_back(entry);
    }
  }
  return paths;
}

}  // namespace rapidbyte::runtime
