#pragma once
// The program's version, from CMake's project(). Constant, any thread.

#include <string_view>

namespace rapidbyte::cli {

/// "0.1.0".
[[nodiscard]] constexpr std::string_view version() { return RAPIDBYTE_VERSION; }
/// "rapidbyte 0.1.0", what --version prints.
[[nodiscard]] constexpr std::string_view version_line() { return "rapidbyte " RAPIDBYTE_VERSION; }
/// The connector protocols that this host speaks (docs/protocol.md, "Versions").
inline constexpr std::string_view kProtocols[] = {"2.0.0", "2.1.0"};

}  // namespace rapidbyte::cli
