#pragma once
// Names in SQL and in messages, as standard SQL quotes them. Pure.

#include <string>
#include <string_view>
#include <vector>

namespace rapidbyte::table {

/// "name" in double quotes; quotes inside it are doubled.
std::string quote_name(std::string_view name);
/// "a", "b"
std::string quote_names(const std::vector<std::string>& names);

}  // namespace rapidbyte::table
