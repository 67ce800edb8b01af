#include "rapidbyte/cli/commands/version_command.h"

#include <fmt/format.h>

#include <string>

#include "rapidbyte/cli/version.h"
#include "rapidbyte/cli/view/document.h"

namespace rapidbyte::cli {

ExitCode version_command(const VersionArguments& arguments, CommandContext& context) {
  bool written = false;
  if (arguments.json) {
    nlohmann::json protocols = nlohmann::json::array();
    for (const std::string_view protocol : kProtocols) protocols.push_back(protocol);
    written = write_document(
        context.data, {{"version", version()}, {"protocols", protocols}, {"wasmtime", RAPIDBYTE_WASMTIME_VERSION}},
        context.talk);
  } else {
    std::string protocols;
    for (const std::string_view protocol : kProtocols)
      protocols += fmt::format("{}{}", protocols.empty() ? "" : ", ", protocol);
    written = write_text(
        context.data,
        fmt::format("{}\nconnector protocol {}\nWasmtime {}\n", version_line(), protocols, RAPIDBYTE_WASMTIME_VERSION),
        context.talk);
  }
  return written ? ExitCode::kOk : ExitCode::kInternal;
}

}  // namespace rapidbyte::cli
