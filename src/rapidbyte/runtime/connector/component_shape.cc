// Which protocol a component speaks and which roles it has, from the names of its imports and exports.

#include <fmt/format.h>

#include <array>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/runtime/sandbox/wasm_runtime.h"

namespace rapidbyte::runtime {
namespace {

/// `package:path/interface@version` taken apart; empty parts when absent.
struct InterfaceName {
  std::string_view package;
  std::string_view interface;
  std::string_view version;
};

InterfaceName parse_interface_name(std::string_view name) {
  InterfaceName parsed;
  if (const size_t at = name.find('@'); at != std::string_view::npos) {
    parsed.version = name.substr(at + 1);
    name = name.substr(0, at);
  }
  if (const size_t slash = name.find('/'); slash != std::string_view::npos) {
    parsed.interface = name.substr(slash + 1);
    name = name.substr(0, slash);
  }
  parsed.package = name;
  return parsed;
}

/// Our version that serves `version`: any 2.0.x or 2.1.x, by semantic versioning.
std::optional<std::string_view> served_by(std::string_view version) {
  if (version.starts_with("2.0.")) return "2.0.0";
  if (version.starts_with("2.1.")) return "2.1.0";
  return std::nullopt;
}

Status protocol_mismatch(std::string_view name, const InterfaceName& parsed) {
  return make_error(
      ErrorCategory::kConfig, codes::kProtocolMismatch,
      fmt::format("host speaks 2.0, 2.1; connector speaks {} ({}); use a connector built for rapidbyte:connector 2.x",
                  parsed.version.empty() ? "an unversioned protocol" : parsed.version, name));
}

struct RoleInterface {
  std::string_view interface;
  ConnectorRole role;
};
constexpr auto kRoles = std::to_array<RoleInterface>({
    {"source-connector", ConnectorRole::kSource},
    {"dest-connector", ConnectorRole::kDestination},
    {"transform-connector", ConnectorRole::kTransform},
});

}  // namespace

Result<std::vector<ComponentShape>> read_component_shapes(std::span<const std::string> imports,
                                                          std::span<const std::string> exports) {
  for (const auto& names : {imports, exports}) {
    for (const std::string& name : names) {
      const InterfaceName parsed = parse_interface_name(name);
      if (!parsed.package.starts_with("rapidbyte:")) continue;
      if (parsed.package != "rapidbyte:connector" || !served_by(parsed.version)) return protocol_mismatch(name, parsed);
    }
  }
  std::vector<ComponentShape> found;
  for (const std::string& name : exports) {
    const InterfaceName parsed = parse_interface_name(name);
    if (parsed.package != "rapidbyte:connector") continue;
    for (const RoleInterface& role : kRoles) {
      if (parsed.interface != role.interface) continue;
      for (const ComponentShape& other : found) {
        if (other.role != role.role) continue;
        return config_error(codes::kComponentInvalid,
                            fmt::format("the component exports both {} and {}; it may have each role once",
                                        other.export_interface, name));
      }
      found.push_back({std::string(*served_by(parsed.version)), name, role.role});
    }
  }
  if (found.empty()) {
    return config_error(codes::kComponentInvalid,
                        "the component exports none of source-connector, dest-connector and transform-connector of "
                        "rapidbyte:connector@2: it is not a connector (build it for one of the worlds in wit/)");
  }
  return found;
}

}  // namespace rapidbyte::runtime
