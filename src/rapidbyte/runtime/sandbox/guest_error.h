#pragma once
// Whose error it is: what a guest says must not pass for what the host has seen. Exit codes, reports and people rely on
// codes such as CANCELLED, GUEST_TRAP and STATE_BACKEND, so a guest has them only where the host gave them to it. Pure
// functions, any thread.

#include <string_view>

#include "rapidbyte/base/status.h"

namespace rapidbyte::runtime {

/// Whether `code` says something about the run, the sandbox or the state that only the host can know.
[[nodiscard]] bool is_host_code(std::string_view code);

/// A guest's own error as the rest of the program sees it. A host's code that the host did not give to this guest gets
/// CONNECTOR_ before it. A stream's name at the front of the message goes: the host puts connector and stream there.
[[nodiscard]] ConnectorError as_guest_error(ConnectorError error, bool given_by_host, std::string_view stream);

}  // namespace rapidbyte::runtime
