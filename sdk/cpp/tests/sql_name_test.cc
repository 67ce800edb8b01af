#include "rapidbyte/table/sql_name.h"

#include <gtest/gtest.h>

namespace rapidbyte::table {
namespace {

TEST(SqlNameTest, QuotesWithinANameAreDoubled) {
  EXPECT_EQ(quote_name("a\"b C"), "\"a\"\"b C\"");
  EXPECT_EQ(quote_name(""), "\"\"");
  EXPECT_EQ(quote_names({"a", "b\"", "c, d"}), "\"a\", \"b\"\"\", \"c, d\"");
  EXPECT_EQ(quote_names({}), "");
}

}  // namespace
}  // namespace rapidbyte::table
