#pragma once
// Names for runs and loads, and the wall clock as text. Any thread.

#include <chrono>
#include <string>
#include <string_view>

namespace rapidbyte::engine {

/// "2026-11-23T16:47:21.123Z".
[[nodiscard]] std::string now_rfc3339();
[[nodiscard]] std::string to_rfc3339(std::chrono::system_clock::time_point when);

/// A new id that sorts by time and is unique: "20261123T164721123Z-9f3a1c55d2e0". Usable in file names.
[[nodiscard]] std::string new_run_id();

}  // namespace rapidbyte::engine
