#pragma once
// What an SQL condition of a user may look like, so that it stays what it is when it is put in brackets: one
// expression, which ends neither the brackets nor the statement. Its meaning is the server's to judge. Pure.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rapidbyte::source_postgres {

/// Why `sql` is no condition, as the rest of a sentence; nullopt: it can be one. Read as PostgreSQL reads it with
/// standard_conforming_strings on.
std::optional<std::string> condition_problem(std::string_view sql);

/// What may give a condition another meaning in another session.
struct ConditionNames {
  /// What stands before an opening bracket: functions, and words such as IN. As the server has them: folded to lower
  /// case unless quoted.
  std::vector<std::string> calls;
  /// It names the time without a function (CURRENT_DATE, 'today'), reads other relations, or spells something in a way
  /// that is not looked into. It may be true where none of that is so.
  bool may_follow_the_clock = false;
};
/// `sql`: one for which condition_problem() knows no problem.
ConditionNames condition_names(std::string_view sql);

}  // namespace rapidbyte::source_postgres
