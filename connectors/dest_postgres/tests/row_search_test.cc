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
      {"54001", "check_stack_depth", true},
      {"38000", "PLy_elog_impl", true},
      // A trigger may raise any code.
      {"45000", "exec_stmt_raise", true},
      {"42501", "exec_stmt_raise", true},
      {"RB001", "exec_stmt_raise", true},
      {"40001", "exec_stmt_raise", false},
      {"57014", "exec_stmt_raise", false},
      {"45000", "", false},
      // Errors inside a trigger are not the row's fault.
      {"42P01", "parserOpenTable", false},
      // Row security, and a missing right.
      {"42501", "ExecWithCheckOptions", true},
      {"42501", "aclcheck_error", false},
      {"53100", "", false},
      {"XX000", "", false},
      // Codes that rows have, for errors that no row can avoid.
      {"2200H", "nextval_internal", false},
      {"54000", "GetNewMultiXactId", false},
      {"54011", "ATExecAddColumn", false},
      {"38002", "", false},
      {"P0000", "", false},
      {"2200H", "exec_stmt_raise", true},
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
    const char* routine;
    bool about_a_row;
  } cases[] = {
      {"42P01", R"(COPY s, line 3, column r: "public.x")", "RangeVarGetRelidExtended", true},
      {"3F000", R"(COPY s, line 3, column r: "x.x")", "get_namespace_oid", true},
      {"0A000", R"(COPY s, Zeile 3, Spalte r: »a.b.c«)", "RangeVarGetRelidExtended", true},
      {"42883", R"(COPY s, line 3, column r: "x")", "regprocin", true},
      {"42601", R"(COPY s, line 3, column r: "a..b")", "finalize_ltree", true},
      {"42P01", "COPY s, line 3", "", false},
      {"42P01", "", "", false},
      {"42P01",
       "SQL statement \"INSERT INTO x\"\nPL/pgSQL function f() line 1 at SQL statement\nCOPY s, line 3, column r", "",
       false},
      {"57014", R"(COPY s, line 3, column r: "x")", "ProcessInterrupts", false},
      {"XX001", R"(COPY s, line 3, column r: "x")", "", false},
      // What the type, its CHECK or the role lacks is missing for every row.
      {"42501", R"(COPY s, line 1, column r: "x")", "aclcheck_error", false},
      {"42704", R"(COPY s, line 1, column r: "x")", "find_option", false},
      {"42883", R"(COPY s, line 1, column r: "x")", "array_eq", false},
      {"42P22", R"(COPY s, line 1, column r: "x")", "check_collation_set", false},
      {"0A000", R"(COPY s, line 1, column r: "x")", "pg_node_tree_in", false},
      {"45000", R"(COPY s, line 1, column r: "x")", "", false},
      {"54001", "SQL statement \"INSERT INTO s\"\nPL/pgSQL function f() line 1\nCOPY s, line 1", "check_stack_depth",
       false},
  };
  for (const auto& c : cases) {
    postgres::ServerError error;
    error.sqlstate = c.sqlstate;
    error.message = "refused";
    error.where = c.where;
    error.routine = c.routine;
    EXPECT_EQ(is_row_error(error), c.about_a_row) << c.sqlstate << " " << c.where << " " << c.routine;
  }
}

// Outside of a COPY the server does not say that it was reading a value.
TEST(RowSearchTest, AMissingRightIsNotLookedForInTheValues) {
  for (const char* sqlstate : {"42501", "42704", "0A000", "57014"}) {
    postgres::ServerError error;
    error.sqlstate = sqlstate;
    error.message = "refused";
    error.routine = "find_option";
    EXPECT_FALSE(may_be_of_a_value(postgres::to_status(error, "").error())) << sqlstate;
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
