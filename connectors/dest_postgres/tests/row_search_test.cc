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

// A type may refuse a value under the SQLSTATE of a missing table.
TEST(RowSearchTest, WhatATypeSaysOfACopiedValueIsAboutItsRow) {
  const struct {
    const char* sqlstate;
    const char* where;
    bool about_a_row;
  } cases[] = {
      {"42P01", R"(COPY s, line 3, column r: "public.x")", true},
      {"3F000", R"(COPY s, line 3, column r: "x.x")", true},
      {"0A000", R"(COPY s, Zeile 3, Spalte r: »a.b.c«)", true},
      {"42P01", "COPY s, line 3", false},
      {"42P01", "", false},
      {"42P01",
       "SQL statement \"INSERT INTO x\"\nPL/pgSQL function f() line 1 at SQL statement\nCOPY s, line 3, column r",
       false},
      {"57014", R"(COPY s, line 3, column r: "x")", false},
      {"XX001", R"(COPY s, line 3, column r: "x")", false},
  };
  for (const auto& c : cases) {
    postgres::ServerError error;
    error.sqlstate = c.sqlstate;
    error.message = "refused";
    error.where = c.where;
    EXPECT_EQ(is_row_error(error), c.about_a_row) << c.sqlstate << " " << c.where;
  }
}

TEST(RowSearchTest, WhatReadingTheValuesHasShownIsBelieved) {
  postgres::ServerError error;
  error.sqlstate = "3F000";
  error.message = "schema does not exist";
  sdk::Error as_status = postgres::to_status(error, "").error();
  EXPECT_FALSE(is_row_error(as_status));
  EXPECT_TRUE(may_be_of_a_value(as_status));
  postgres::refuse_value(as_status, "r");
  EXPECT_TRUE(is_row_error(as_status));
  EXPECT_FALSE(may_be_of_a_value(as_status));
  EXPECT_EQ(postgres::server_error_of(as_status)->column, "r");
  EXPECT_FALSE(may_be_of_a_value(sdk::data_error("X", "not the server's").error()));
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
