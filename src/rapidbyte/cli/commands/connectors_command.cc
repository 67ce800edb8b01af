#include "rapidbyte/cli/commands/connectors_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rapidbyte/base/log.h"
#include "rapidbyte/cli/view/document.h"
#include "rapidbyte/cli/view/error_text.h"
#include "rapidbyte/cli/view/quantities.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/protocol/name_pattern.h"
#include "rapidbyte/runtime/connector/connector_survey.h"

namespace rapidbyte::cli {
namespace {

using runtime::ConnectorRole;
using runtime::FoundConnector;

/// What is known of a connector after trying to load it.
struct Assessed {
  FoundConnector found;
  std::vector<std::string> roles;
  std::string version;
  std::string protocol;
  std::string problem;  // empty: it can be used
  std::chrono::duration<double> compile_time{0};  // of its component, by this process
  uint64_t compiled_bytes = 0;
};

std::vector<std::pair<ConnectorRole, std::string>> roles_of(const runtime::Manifest& manifest) {
  std::vector<std::pair<ConnectorRole, std::string>> roles;
  if (manifest.source) roles.emplace_back(ConnectorRole::kSource, "source");
  if (manifest.destination) roles.emplace_back(ConnectorRole::kDestination, "destination");
  if (manifest.transform) roles.emplace_back(ConnectorRole::kTransform, "transform");
  return roles;
}

Assessed assess(FoundConnector found, runtime::ComponentRuntime& runtime) {
  Assessed assessed;
  assessed.found = std::move(found);
  if (!assessed.found.problem.ok()) {
    assessed.problem = redact(assessed.found.problem.error().message);
    return assessed;
  }
  if (!assessed.found.manifest) return assessed;
  const runtime::Manifest& manifest = *assessed.found.manifest;
  assessed.version = manifest.version;
  const auto roles = roles_of(manifest);
  for (const auto& [role, name] : roles) assessed.roles.push_back(name);
  if (roles.empty()) {
    assessed.problem = "its manifest declares no role";
    return assessed;
  }
  for (const auto& [role, name] : roles) {
    const auto loaded = runtime.load(assessed.found.reference, role);
    if (loaded.ok()) {
      assessed.protocol = (*loaded)->protocol();
      assessed.compile_time += (*loaded)->compile_time();
      assessed.compiled_bytes = (*loaded)->compiled_bytes();
      continue;
    }
    assessed.problem = redact(loaded.error().message);
    break;
  }
  return assessed;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

/// What the connector asks for, in the manifest's words.
std::string permissions_of(const runtime::Permissions& permissions) {
  std::vector<std::string> asked;
  if (!permissions.network.allowed_domains.empty())
    asked.push_back("hosts " + joined(permissions.network.allowed_domains));
  if (permissions.network.allow_runtime_config_domains) asked.emplace_back("hosts in its config");
  for (const runtime::ConfigPath& path : permissions.config_paths) {
    asked.push_back(fmt::format("{} in config {} ({}{})", !path.lock.empty() ? "database file" : "path",
                                path.pointer, path.read_write ? "read and write" : "read",
                                !path.lock.empty() ? ", with its journal" : ""));
  }
  for (const std::string& folder : permissions.preopens) asked.push_back("folder " + folder);
  if (!permissions.env_allowed_vars.empty()) asked.push_back("variables " + joined(permissions.env_allowed_vars));
  return asked.empty() ? "nothing" : joined(asked);
}

nlohmann::json permissions_json(const runtime::Permissions& permissions) {
  nlohmann::json paths = nlohmann::json::array();
  for (const runtime::ConfigPath& path : permissions.config_paths) {
    paths.push_back({{"pointer", path.pointer},
                     {"access", path.read_write ? "read-write" : "read"},
                     {"lock", path.lock.empty() ? nlohmann::json() : nlohmann::json(path.lock)}});
  }
  return {{"hosts", permissions.network.allowed_domains},
          {"hosts_in_config", permissions.network.allow_runtime_config_domains},
          {"config_paths", std::move(paths)},
          {"folders", permissions.preopens},
          {"variables", permissions.env_allowed_vars}};
}

std::string status_of(const Assessed& connector) {
  if (!connector.problem.empty()) return "not usable";
  return connector.found.shadowed ? "hidden by the one above" : "ok";
}

nlohmann::json to_json(const Assessed& connector) {
  const auto text_or_null = [](const std::string& text) {
    return text.empty() ? nlohmann::json() : nlohmann::json(text);
  };
  return {{"name", connector.found.name},
          {"version", text_or_null(connector.version)},
          {"roles", connector.roles},
          {"protocol", text_or_null(connector.protocol)},
          {"permissions",
           connector.found.manifest ? permissions_json(connector.found.manifest->permissions) : nlohmann::json()},
          {"path", connector.found.path.string()},
          {"found_in", connector.found.origin},
          {"shadowed", connector.found.shadowed},
          {"problem", text_or_null(connector.problem)},
          {"warnings", connector.found.manifest ? connector.found.manifest->warnings : std::vector<std::string>()}};
}

/// What `use:` names without the owner and the version: rapidbyte/dest-file@1.0.0 is dest-file.
std::string short_name(std::string_view name) {
  if (const size_t slash = name.rfind('/'); slash != std::string_view::npos) name.remove_prefix(slash + 1);
  return std::string(name.substr(0, name.find('@')));
}

/// Those of `names`, or all, that a run would take.
Result<std::vector<FoundConnector>> chosen(std::vector<FoundConnector> found, const std::vector<std::string>& names) {
  std::erase_if(found, [](const FoundConnector& connector) { return connector.shadowed; });
  if (names.empty()) return found;
  std::vector<std::string_view> known;
  for (const FoundConnector& connector : found) known.push_back(connector.name);
  std::vector<bool> wanted(found.size());
  for (const std::string& name : names) {
    const auto indexes = protocol::named_by(short_name(name), known);
    if (indexes.empty()) {
      return config_error(codes::kConnectorNotFound, fmt::format("no connector is named {}{}", name,
                                                                 protocol::name_suggestion(short_name(name), known)));
    }
    for (const size_t index : indexes) wanted[index] = true;
  }
  std::vector<FoundConnector> taken;
  for (size_t i = 0; i < found.size(); ++i) {
    if (wanted[i]) taken.push_back(std::move(found[i]));
  }
  return taken;
}

/// A component, and the connectors that are in it.
struct PreparedComponent {
  std::string path;
  std::vector<std::string> connectors;
  std::chrono::duration<double> compile_time{0};
  uint64_t compiled_bytes = 0;
};

std::vector<PreparedComponent> by_component(const std::vector<Assessed>& connectors) {
  std::vector<PreparedComponent> components;
  for (const Assessed& connector : connectors) {
    if (!connector.problem.empty()) continue;
    const std::string path = connector.found.path.string();
    auto component = std::find_if(components.begin(), components.end(), [&](const auto& c) { return c.path == path; });
    if (component == components.end()) {
      components.push_back({path, {}, {}, connector.compiled_bytes});
      component = components.end() - 1;
    }
    component->connectors.push_back(connector.found.name);
    component->compile_time += connector.compile_time;
  }
  return components;
}

std::unique_ptr<runtime::ComponentRuntime> start_runtime(runtime::RuntimeOptions& options, CommandContext& context) {
  options.on_slow_compilation = compilation_notice(context.talk, /*quiet=*/false);
  auto runtime = context.make_runtime(options);
  if (runtime.ok()) return *std::move(runtime);
  context.talk.write(render_error(ExitCode::kInternal, runtime.error(), "", context.talk.color()));
  return nullptr;
}

}  // namespace

ExitCode prepare_connectors_command(const PrepareConnectorsArguments& arguments, CommandContext& context) {
  runtime::RuntimeOptions options;
  const auto runtime = start_runtime(options, context);
  if (!runtime) return ExitCode::kInternal;
  auto found = chosen(runtime::find_connectors(options), arguments.names);
  if (!found.ok()) {
    context.talk.write(render_error(ExitCode::kConnector, found.error(), "", context.talk.color()));
    return ExitCode::kConnector;
  }
  std::vector<Assessed> all;
  for (FoundConnector& connector : *found) {
    if (context.cancel.cancelled()) return ExitCode::kInterrupted;
    all.push_back(assess(std::move(connector), *runtime));
  }
  const std::vector<PreparedComponent> components = by_component(all);
  bool written = false;
  if (arguments.json) {
    nlohmann::json document = {{"components", nlohmann::json::array()}, {"problems", nlohmann::json::array()}};
    for (const PreparedComponent& component : components) {
      document["components"].push_back({{"path", component.path},
                                        {"connectors", component.connectors},
                                        {"seconds", component.compile_time.count()},
                                        {"compiled_bytes", component.compiled_bytes}});
    }
    for (const Assessed& connector : all) {
      if (!connector.problem.empty())
        document["problems"].push_back({{"connector", connector.found.name}, {"problem", connector.problem}});
    }
    written = write_report(context.data, std::move(document), context.talk);
  } else {
    TablePrinter table({{"component"}, {"compiled"}, {"size"}, {"connectors"}});
    for (const PreparedComponent& component : components) {
      table.add_text_row(
          {component.path,
           component.compile_time.count() > 0 ? "in " + format_duration(component.compile_time.count()) : "before",
           component.compiled_bytes > 0 ? format_bytes(component.compiled_bytes) : "not kept",
           joined(component.connectors)});
    }
    written = write_text(context.data, table.render(table_style(context.data)), context.talk);
  }
  if (!written) return ExitCode::kInternal;
  ExitCode code = ExitCode::kOk;
  for (const Assessed& connector : all) {
    if (connector.problem.empty()) continue;
    code = ExitCode::kConnector;
    context.talk.write(connector.found.name + ": " + printable_lines(connector.problem, 2) + "\n");
  }
  if (std::any_of(components.begin(), components.end(), [](const auto& c) { return c.compiled_bytes == 0; })) {
    context.talk.write(
        "Compiled code is not kept: RAPIDBYTE_WASMTIME_AOT says no, or the cache folder cannot be used. Every run "
        "compiles its connectors again.\n");
  }
  return code;
}

ExitCode connectors_command(const ConnectorsArguments& arguments, CommandContext& context) {
  runtime::RuntimeOptions options;
  const auto runtime = start_runtime(options, context);
  if (!runtime) return ExitCode::kInternal;
  std::vector<Assessed> all;
  for (FoundConnector& found : runtime::find_connectors(options)) {
    if (context.cancel.cancelled()) return ExitCode::kInterrupted;
    all.push_back(assess(std::move(found), *runtime));
  }
  if (arguments.json) {
    nlohmann::json document = {{"connectors", nlohmann::json::array()}};
    for (const Assessed& connector : all) document["connectors"].push_back(to_json(connector));
    return write_report(context.data, std::move(document), context.talk) ? ExitCode::kOk : ExitCode::kInternal;
  }
  if (all.empty()) {
    context.talk.write(
        "No connectors were found. Set RAPIDBYTE_CONNECTOR_DIR to their folder, or put them into "
        "~/.rapidbyte/plugins.\n");
    return ExitCode::kOk;
  }
  TablePrinter table({{"connector"}, {"version"}, {"role"}, {"protocol"}, {"status"}, {"asks for"}, {"path"}});
  for (const Assessed& connector : all) {
    table.add_text_row(
        {connector.found.name, connector.version, joined(connector.roles), connector.protocol, status_of(connector),
         connector.found.manifest ? permissions_of(connector.found.manifest->permissions) : std::string(),
         connector.found.path.string()});
  }
  if (!write_text(context.data, table.render(table_style(context.data)), context.talk)) return ExitCode::kInternal;
  for (const Assessed& connector : all) {
    const auto say = [&](const std::string& what) {
      context.talk.write(connector.found.name + ": " + printable_lines(what, 2) + "\n");
    };
    if (!connector.problem.empty()) say(connector.problem);
    if (!connector.found.manifest) continue;
    for (const std::string& warning : connector.found.manifest->warnings) say("warning: " + warning);
  }
  return ExitCode::kOk;
}

}  // namespace rapidbyte::cli
