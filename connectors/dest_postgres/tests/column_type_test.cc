// The type mapping and the statements, as pure functions.
#include "src/column_type.h"

#include "postgres/connection_options.h"
#include "src/load_sql.h"
#include "src/staging.h"
#include "tests/batches.h"

namespace rapidbyte::dest_postgres {
namespace {

TEST(ColumnTypeTest, NumericModifiersAreReadAsTheServerPacksThem) {
  const auto bounds = [](int32_t modifier) {
    return numeric_bounds({.oid = postgres::kOidNumeric, .modifier = modifier});
  };
  EXPECT_EQ(bounds(-1).precision, 0);
  EXPECT_EQ(bounds(((12 << 16) | 2) + 4).precision, 12);
  EXPECT_EQ(bounds(((12 << 16) | 2) + 4).scale, 2);
  EXPECT_EQ(bounds(((3 << 16) | (-2 & 0x7ff)) + 4).scale, -2);
}

TEST(ColumnTypeTest, NativeTypesThatAreMoreThanATypeAreIgnored) {
  const auto text = [](const char* native) {
    return std::string(native_type_text({"c", DataType::of(TypeId::kUtf8), true, native}));
  };
  EXPECT_EQ(text("postgresql:public.\"my type\"[]"), "public.\"my type\"[]");
  for (const char* native : {"", "mysql:json", "postgresql:int; DROP TABLE x", "postgresql:int -- x",
                             "postgresql:int /* x", "postgresql:'x'", "postgresql:a\nb", "postgresql:$1"}) {
    EXPECT_EQ(text(native), "") << native;
  }
}

TEST(ColumnTypeTest, EveryArrowTypeFitsTheColumnThatIsMadeForIt) {
  const struct {
    DataType type;
    PgType column;
  } cases[] = {{DataType::of(TypeId::kInt8), {.oid = postgres::kOidInt2}},
               {DataType::of(TypeId::kUInt16), {.oid = postgres::kOidInt4}},
               {DataType::of(TypeId::kUInt32), {.oid = postgres::kOidInt8}},
               {DataType::of(TypeId::kUInt64), {.oid = postgres::kOidNumeric, .modifier = (20 << 16) + 4}},
               {DataType::decimal128(38, 38), {.oid = postgres::kOidNumeric, .modifier = ((38 << 16) | 38) + 4}},
               {DataType::decimal256(76, 0), {.oid = postgres::kOidNumeric, .modifier = (76 << 16) + 4}},
               {DataType::decimal128(5, -3), {.oid = postgres::kOidNumeric, .modifier = (8 << 16) + 4}},
               {DataType::time32(sdk::TimeUnit::kSecond), {.oid = postgres::kOidTime}},
               {DataType::timestamp(sdk::TimeUnit::kNanosecond, "Asia/Tokyo"), {.oid = postgres::kOidTimestamptz}},
               {DataType::of(TypeId::kIntervalMonthDayNano), {.oid = postgres::kOidInterval}}};
  for (const auto& c : cases) EXPECT_NE(fit(c.column, {"c", c.type}), Fit::kChanged) << c.type.name();
}

// The server reads the text of an array, and silently rounds, cuts or completes its elements.
TEST(ColumnTypeTest, ArraysAndRangesOfOtherPartsAreOfAnotherType) {
  const auto fits = [](const std::string& sent, const std::string& column, int32_t modifier = -1) {
    const PgType type{.oid = 99, .modifier = modifier, .base_formatted = column};
    return fit(type, {"c", DataType::of(TypeId::kUtf8), true, sent.empty() ? "" : "postgresql:" + sent}) !=
           Fit::kChanged;
  };
  for (const auto& [sent, column] : std::initializer_list<std::pair<const char*, const char*>>{
           {"timestamp without time zone[]", "date[]"},
           {"timestamp without time zone[]", "time without time zone[]"},
           {"timestamp with time zone[]", "timestamp without time zone[]"},
           {"timestamp(3) without time zone[]", "timestamp with time zone[]"},
           {"time with time zone[]", "time without time zone[]"},
           {"bigint[]", "double precision[]"},
           {"bigint[]", "integer[]"},
           {"integer[]", "real[]"},
           {"numeric(10,2)[]", "double precision[]"},
           {"double precision[]", "real[]"},
           {"text[]", "name[]"},
           {"text[]", "\"char\"[]"},
           {"character varying(5)[]", "timestamp without time zone[]"},
           {"text[]", "integer[]"},
           {"text[]", "money[]"},
           {"tsrange", "daterange"},
           {"tsmultirange", "datemultirange"},
           {"tstzrange", "tsrange"},
           {"numrange", "int8range"},
           {"int8range", "int4range"}}) {
    EXPECT_FALSE(fits(sent, column)) << sent << " into " << column;
  }
  for (const auto& [sent, column] : std::initializer_list<std::pair<const char*, const char*>>{
           {"integer[]", "bigint[]"},
           {"smallint[]", "double precision[]"},
           {"bigint[]", "numeric[]"},
           {"numeric(10,2)[]", "numeric[]"},
           {"timestamp(3) without time zone[]", "timestamp without time zone[]"},
           {"date[]", "text[]"},
           {"character varying(5)[]", "text[]"},
           {"json[]", "jsonb[]"},
           {"a.mood[]", "b.mood[]"},  // each side's own
           {"text[]", "b.mood[]"},
           {"int4range", "int8range"},
           {"int4range", "numrange"},
           {"text", "date[]"},  // not from an array: the text is the user's
           {"", "date[]"}}) {
    EXPECT_TRUE(fits(sent, column)) << sent << " into " << column;
  }
}

TEST(ColumnTypeTest, StagingNamesFitAndDiffer) {
  EXPECT_EQ(staging_name({"s", "orders"}), (TableName{"s", "_rapidbyte_staging_orders"}));
  const TableName a = staging_name({"s", std::string(62, 'x') + "a"});
  const TableName b = staging_name({"s", std::string(62, 'x') + "b"});
  EXPECT_EQ(a.table.size(), 63U);
  EXPECT_NE(a, b);
  // Never in the middle of a character.
  std::string umlauts;
  for (int i = 0; i < 31; ++i) umlauts += "ü";
  EXPECT_TRUE(sdk::is_valid_utf8(staging_name({"s", umlauts}).table));
  EXPECT_TRUE(sdk::is_valid_utf8(staging_name({"s", "x" + umlauts}).table));
}

TEST(ColumnTypeTest, NamesInStatementsAreQuoted) {
  TargetPlan plan;
  plan.name = {"S", "a \"b\""};
  plan.columns.push_back({.source = 0, .name = "x\"; DROP", .type = {.oid = postgres::kOidInt8}});
  EXPECT_EQ(copy_sql(plan), "COPY \"S\".\"a \"\"b\"\"\" (\"x\"\"; DROP\") FROM STDIN (FORMAT binary)");
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
