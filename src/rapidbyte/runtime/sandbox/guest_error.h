#pragma once
// Whose error it is: a guest's claim must not pass for an observation of the host. Exit codes, reports and people rely
// on codes such as CANCELLED, GUEST_TRAP and STATE_BACKEND, so a guest may use them only if the host gave them to it.
// Pure functions, any thread.

#include <string_view>

#include "rapidbyte/base/status.h"

namespace rapidbyte::runtime {

/// Whether `code` says something about the run, the sandbox or the state that only the host can know.
[[nodiscard]] bool is_host_code(std::string_view code);

/// A guest's own error as the rest of the program sees it. A host code that the host did not give to this guest gets
/// the prefix CONNECTOR_. A stream's name at the front of the message is removed: the host puts connector and stream
/// there.
[[nodiscard]] ConnectorError as_guest_error(ConnectorError error, bool given_by_host, std::string_view stream);

}  // namespace rapidbyte::runtime
