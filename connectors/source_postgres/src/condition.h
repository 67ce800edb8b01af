#pragma once
// What a user's SQL condition may look like, so that it keeps its meaning when it is put in brackets: one expression,
// which ends neither the brackets nor the statement. Whether it is valid is up to the server. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rapidbyte::source_postgres {

/// Why `sql` is not a condition, as the rest of a sentence; nullopt: it can be one. Read as PostgreSQL reads it with
/// standard_conforming_strings on.
std::optional<std::string> condition_problem(std::string_view sql);

/// Parts that may give a condition another meaning in another session.
struct ConditionNames {
  /// Words before an opening bracket: functions, and words such as IN. Spelled as in the server: folded to lower case
  /// unless quoted.
  std::vector<std::string> calls;
  /// It names the time without a function (CURRENT_DATE, 'today'), reads other relations, or spells something in a way
  /// that is not analysed. It may be true where none of that is the case.
  bool may_follow_the_clock = false;
};
/// `sql`: one in which condition_problem() finds no problem.
ConditionNames condition_names(std::string_view sql);

}  // namespace rapidbyte::source_postgres
