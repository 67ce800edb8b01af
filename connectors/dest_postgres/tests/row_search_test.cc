// Which errors of the server are about a row.
#include "src/row_search.h"

#include <gtest/gtest.h>

namespace rapidbyte::dest_postgres {
namespace {

TEST(RowSearchTest, ErrorsAboutARowAreToldFromThoseOfTheLoad) {
  const struct {
    const char* sqlstate;
    const char* routine;
    bool about_a_row;
  } cases[] = {
      {"22P02", "pg_strtoint32", true},
      {"22P04", "NextCopyFrom", false},
      {"23505", "_bt_check_unique", true},
      {"P0001", "exec_stmt_raise", true},
      {"54000", "index_form_tuple", true},
      {"38000", "PLy_elog_impl", true},
      // A trigger may raise any code.
      {"45000", "exec_stmt_raise", true},
      {"42501", "exec_stmt_raise", true},
      {"RB001", "exec_stmt_raise", true},
      {"40001", "exec_stmt_raise", false},
      {"57014", "exec_stmt_raise", false},
      {"45000", "", false},
      // What goes wrong inside of a trigger is not the row's fault.
      {"42P01", "parserOpenTable", false},
      // Row security, and a missing right.
      {"42501", "ExecWithCheckOptions", true},
      {"42501", "aclcheck_error", false},
      {"53100", "", false},
      {"XX000", "", false},
  };
  for (const auto& c : cases) {
    postgres::ServerError error;
    error.severity = "ERROR";
    error.sqlstate = c.sqlstate;
    error.message = "refused";
    error.routine = c.routine;
    EXPECT_EQ(is_row_error(error), c.about_a_row) << c.sqlstate << " " << c.routine;
    EXPECT_EQ(is_row_error(postgres::to_status(error, "").error()), c.about_a_row);
  }
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
