// Which table a stream's name means.

#include "src/table_name.h"

#include <gtest/gtest.h>

namespace rapidbyte::dest_postgres {
namespace {

struct Case {
  const char* stream;
  TableName target;
};

TEST(TargetTable, TakesTheSchemaFromTheStreamAndQuotedNamesAsOne) {
  const Case cases[] = {
      {"orders", {"public", "orders"}},
      {"Mixed Case", {"public", "Mixed Case"}},
      {"sales.orders", {"sales", "orders"}},
      {"a.b.c", {"a", "b.c"}},
      {".orders", {"public", ".orders"}},
      {"orders.", {"public", "orders."}},
      {".", {"public", "."}},
      {R"("v1.0")", {"public", "v1.0"}},
      {R"("v1.0"."t.1")", {"v1.0", "t.1"}},
      {R"(sales."t.1")", {"sales", "t.1"}},
      {R"("v1.0".orders)", {"v1.0", "orders"}},
      {R"("a""b")", {"public", R"(a"b)"}},
      {R"("v1.0".)", {"public", R"("v1.0".)"}},
      // Not the spelling of a name: taken literally.
      {R"(quo"te)", {"public", R"(quo"te)"}},
      {R"("open)", {"public", R"("open)"}},
      {R"("a"b)", {"public", R"("a"b)"}},
      {R"("")", {"public", R"("")"}},
      {R"(")", {"public", R"(")"}},
      {"", {"public", ""}},
  };
  for (const Case& one : cases) {
    const TableName target = target_table(one.stream, "public", true);
    EXPECT_EQ(target.schema, one.target.schema) << one.stream;
    EXPECT_EQ(target.table, one.target.table) << one.stream;
  }
}

TEST(TargetTable, TakesTheNameAsItStandsWhenAskedTo) {
  for (const char* stream : {"orders", "sales.orders", R"("v1.0")"}) {
    EXPECT_EQ(target_table(stream, "landing", false), (TableName{"landing", stream})) << stream;
  }
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
