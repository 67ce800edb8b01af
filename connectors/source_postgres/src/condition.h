#pragma once
// What an SQL condition of a user may look like, so that it stays what it is when it is put in brackets: one
// expression, which ends neither the brackets nor the statement. Its meaning is the server's to judge. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace rapidbyte::source_postgres {

/// Why `sql` is no condition, as the rest of a sentence; nullopt: it can be one. Read as PostgreSQL reads it with
/// standard_conforming_strings on.
std::optional<std::string> condition_problem(std::string_view sql);

}  // namespace rapidbyte::source_postgres
