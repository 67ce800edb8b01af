#include "connectors/shared/duckdb/sql_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rapidbyte::duck {
namespace {

using sdk::DataType;
using sdk::Json;
using sdk::TimeUnit;
using sdk::TypeId;
using ::testing::HasSubstr;

std::string literal(const Json& value, const DataType& type) {
  bool needs_check = false;
  const auto sql = typed_literal(value, type, needs_check);
  return sql.ok() ? *sql + (needs_check ? " ?" : "") : sql.error().code + ": " + sql.error().message;
}

TEST(SqlTextTest, QuotesNamesAndTexts) {
  EXPECT_EQ(quoted_name("a"), "\"a\"");
  EXPECT_EQ(quoted_name("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(quoted_name("it's; DROP TABLE x --"), "\"it's; DROP TABLE x --\"");
  EXPECT_EQ(quoted_text("it's"), "'it''s'");
  EXPECT_EQ(quoted_text("a\\'b\n"), "'a\\''b\n'");
  EXPECT_EQ(quoted_text(""), "''");
  EXPECT_EQ(quoted_text(std::string_view("a\0'b\0", 5)), "('a' || chr(0) || '''b' || chr(0) || '')");
}

TEST(SqlTextTest, TypesHaveTheNamesOfSqlAndOfArrow) {
  EXPECT_EQ(parse_type("bigint"), DataType::of(TypeId::kInt64));
  EXPECT_EQ(parse_type(" BIGINT"), DataType::of(TypeId::kInt64));
  EXPECT_EQ(parse_type("Int64"), DataType::of(TypeId::kInt64));
  EXPECT_EQ(parse_type("Decimal(12, 2)"), DataType::decimal128(12, 2));
  EXPECT_EQ(parse_type("numeric(5)"), DataType::decimal128(5, 0));
  EXPECT_EQ(parse_type("timestamp with time zone"), DataType::timestamp(TimeUnit::kMicrosecond, "UTC"));
  EXPECT_EQ(parse_type("timestamp"), DataType::timestamp(TimeUnit::kMicrosecond));
  for (const char* none : {"", "float", "strin", "decimal", "decimal()", "decimal(39, 1)", "decimal(5, 6)",
                           "decimal(5,-1)", "decimal(5, 2", "decimal(5x)", "int64; DROP", "decimal(0, 0)"})
    EXPECT_EQ(parse_type(none), std::nullopt) << none;
}

TEST(SqlTextTest, ALiteralIsOneOfItsTypeOrIsRefused) {
  const DataType int8 = DataType::of(TypeId::kInt8);
  EXPECT_EQ(literal(-128, int8), "CAST('-128' AS TINYINT)");
  EXPECT_THAT(literal(128, int8), HasSubstr("out of its range"));
  EXPECT_THAT(literal(-129, int8), HasSubstr("out of its range"));
  EXPECT_THAT(literal(1.5, int8), HasSubstr("whole number"));
  EXPECT_THAT(literal("1", int8), HasSubstr("INVALID_CONFIG"));
  EXPECT_EQ(literal(255U, DataType::of(TypeId::kUInt8)), "CAST('255' AS UTINYINT)");
  EXPECT_THAT(literal(-1, DataType::of(TypeId::kUInt64)), HasSubstr("out of its range"));
  EXPECT_EQ(literal(18446744073709551615ULL, DataType::of(TypeId::kUInt64)), "CAST('18446744073709551615' AS UBIGINT)");
  EXPECT_THAT(literal(18446744073709551615ULL, DataType::of(TypeId::kInt64)), HasSubstr("out of its range"));

  const DataType money = DataType::decimal128(5, 2);
  EXPECT_EQ(literal("123.45", money), "CAST('123.45' AS DECIMAL(5, 2))");
  EXPECT_EQ(literal(0.5, money), "CAST('0.5' AS DECIMAL(5, 2))");
  EXPECT_EQ(literal("-0123.4500", money), "CAST('-0123.4500' AS DECIMAL(5, 2))");
  for (const Json& wrong :
       {Json("1.234"), Json("1234"), Json("1e2"), Json(""), Json("."), Json("1."), Json("-"), Json(1e-7)})
    EXPECT_THAT(literal(wrong, money), HasSubstr("INVALID_CONFIG")) << wrong.dump();

  EXPECT_EQ(literal(true, DataType::of(TypeId::kBoolean)), "true");
  EXPECT_THAT(literal("true", DataType::of(TypeId::kBoolean)), HasSubstr("true or false"));
  EXPECT_EQ(literal("it's", DataType::of(TypeId::kUtf8)), "'it''s'");
  EXPECT_THAT(literal(7, DataType::of(TypeId::kUtf8)), HasSubstr("in quotes"));
  EXPECT_EQ(literal("x'", DataType::of(TypeId::kBinary)), "encode('x''')");
  EXPECT_EQ(literal("2026-02-30", DataType::of(TypeId::kDate32)), "CAST('2026-02-30' AS DATE) ?") << "DuckDB decides";
}

}  // namespace
}  // namespace rapidbyte::duck
