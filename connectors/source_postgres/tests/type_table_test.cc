// The type table of docs/connectors/source-postgres.md, cell by cell: for every value the server's own text (or bits)
// equals what arrived in Arrow.

#include <gtest/gtest.h>

#include "server_fixture.h"

namespace rapidbyte::source_postgres {
namespace {

using testing::RunOptions;
using testing::RunResult;
using testing::ServerTest;

struct TypeCase {
  std::string type;
  std::string arrow;
  std::vector<std::string> values;  // SQL expressions
  std::string shown = "v::text";    // the server's text
  std::string native = {};          // empty: "postgresql:" + type
};

class TypeTable : public ServerTest {
 protected:
  void check(const TypeCase& c) {
    SCOPED_TRACE(c.type);
    std::string insert;
    for (const std::string& value : c.values) insert += ", (DEFAULT, " + value + ")";
    sql("DROP TABLE IF EXISTS t; CREATE TABLE t (n serial PRIMARY KEY, v " + c.type + "); INSERT INTO t VALUES " +
        insert.substr(2) + ", (DEFAULT, NULL)");
    RunOptions options;
    options.stream["select"] = {"v"};
    options.stream["where"] = "n > 0";
    const RunResult result = run(options);
    ASSERT_TRUE(result.status.ok()) << result.status.error().message;
    EXPECT_EQ(result.schema.fields[0].type.name(), c.arrow);
    EXPECT_EQ(result.schema.fields[0].native_type, "postgresql:" + (c.native.empty() ? c.type : c.native));
    // One JSON text a line, so that line ends within values do not matter.
    const std::string expected =
        sql("SET TimeZone = 'UTC'; SET extra_float_digits = 1; SET bytea_output = 'hex'; SET lc_monetary = 'C';"
            "SELECT json_agg(coalesce(" +
            c.shown + ", 'NULL') ORDER BY n) FROM t");
    const size_t begin = expected.find('[');
    ASSERT_NE(begin, std::string::npos) << expected;
    sdk::Json got = sdk::Json::array();
    for (const auto& row : result.rows) got.push_back(row[0]);
    EXPECT_EQ(got, *sdk::parse_json(std::string_view(expected).substr(begin)));
  }
};

TEST_F(TypeTable, Numbers) {
  check({"smallint", "Int16", {"-32768", "0", "32767"}});
  check({"integer", "Int32", {"-2147483648", "0", "2147483647"}});
  check({"bigint", "Int64", {"-9223372036854775808", "0", "9223372036854775807"}});
  check({"oid", "UInt32", {"0", "4294967295"}});
  const std::vector<std::string> floats = {"'NaN'", "'Infinity'", "'-Infinity'", "'-0'", "0", "1.5", "0.1"};
  TypeCase real{"real", "Float32", floats, "'\\x' || encode(float4send(v), 'hex')"};
  real.values.insert(real.values.end(), {"3.4028235e38", "1e-45"});
  check(real);
  TypeCase twice{"double precision", "Float64", floats, "'\\x' || encode(float8send(v), 'hex')"};
  twice.values.insert(twice.values.end(), {"1.7976931348623157e308", "5e-324", "0.30000000000000004"});
  check(twice);
  check({"boolean", "Boolean", {"true", "false"}});
  check({"money", "Utf8", {"'-92233720368547758.08'", "'92233720368547758.07'", "0"}});
}

TEST_F(TypeTable, Numerics) {
  check(
      {"numeric(12,2)", "Decimal128(12, 2)", {"9999999999.99", "-9999999999.99", "0", "0.01", "-0.5", "100", "'NaN'"}});
  check({"numeric(38,0)",
         "Decimal128(38, 0)",
         {"99999999999999999999999999999999999999", "-99999999999999999999999999999999999999", "10000"}});
  check({"numeric(38,38)",
         "Decimal128(38, 38)",
         {"0.99999999999999999999999999999999999999", "0.00000000000000000000000000000000000001", "'NaN'"}});
  check({"numeric(4,0)", "Decimal128(4, 0)", {"9999", "-1", "0", "5000"}});
  const std::string nines(76, '9');
  check({"numeric(76,3)",
         "Decimal256(76, 3)",
         {nines.substr(3) + ".999", "-" + nines.substr(3) + ".999", "0.001", "0", "'NaN'"}});
  check({"numeric(39,39)", "Decimal256(39, 39)", {"0." + nines.substr(0, 39)}});
  check({"numeric",
         "Utf8",
         {"0", "0.000", "1.10", "-12345678901234567890.123456789", "1e131071", "1e-16383", "'NaN'", "'Infinity'",
          "'-Infinity'", "1000000", "0.00010"}});
  check({"numeric(77,2)", "Utf8", {nines.substr(1) + ".99", "'NaN'"}});
  check({"numeric(3,-2)", "Utf8", {"12345", "-99900"}});
  check({"numeric(3,5)", "Utf8", {"0.00123", "0"}});
}

TEST_F(TypeTable, Texts) {
  const std::vector<std::string> texts = {"''",
                                          "'a'",
                                          "'NULL'",
                                          "E'line\\nline\\ttab\\\\'",
                                          "'häß 日本 😀'",
                                          "repeat('x', 15)",
                                          "repeat('y', 16)",
                                          "repeat('z', 100000)",
                                          "' blanks '"};
  check({"text", "Utf8", texts});
  check({"character varying", "Utf8", texts});
  check({"character varying(40)", "Utf8", {"'a '", "repeat('ß', 40)"}});
  // Printed by the type's own output function: the cast to text would drop the blanks that fill it up.
  check({"character(5)", "Utf8", {"'ab'", "'abcde'", "''", "'ä'"}, "rpad(v::text, 5)"});
  check({"\"char\"", "Utf8", {"'a'", "'ä'", "''"}});
  check({"name", "Utf8", {"'pg_class'", "repeat('n', 63)"}});
  check({"json", "Utf8", {"'{\"b\":  1, \"a\": [null, 1e400]}'", "'null'"}});
  check({"jsonb", "Utf8", {"'{\"b\":  1, \"a\": [null, 1.50]}'", "'null'", "'\"x\"'"}});
  check({"xml", "Utf8", {"'<?xml version=\"1.0\" encoding=\"UTF-8\"?><a>ä</a>'", "'text'"}});
  check({"uuid",
         "Utf8",
         {"'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
          "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'"}});
  check({"bytea", "Binary", {"''", "'\\x00'", "'\\x0001ff5c27'", "decode(repeat('ab', 1000), 'hex')"}});
}

TEST_F(TypeTable, DatesAndTimes) {
  check({"date",
         "Date32",
         {"'1970-01-01'", "'2000-02-29'", "'4713-01-01 BC'", "'0001-12-31 BC'", "'0001-01-01'", "'5874897-12-31'",
          "'infinity'", "'-infinity'"}});
  check({"time without time zone", "Time64(Microsecond)", {"'00:00'", "'24:00'", "'23:59:59.999999'", "'12:30:00.5'"}});
  check({"time(3) without time zone", "Time64(Microsecond)", {"'23:59:59.123'"}});
  check({"timestamp without time zone",
         "Timestamp(Microsecond, None)",
         {"'1970-01-01'", "'4713-01-01 00:00 BC'", "'1999-12-31 23:59:59.999999'", "'9999-12-31 12:00'",
          "'10000-01-01'", "'290000-01-01'", "'infinity'", "'-infinity'"}});
  check({"timestamp with time zone",
         "Timestamp(Microsecond, Some(\"UTC\"))",
         {"'2024-02-29 12:00+05:45'", "'1969-12-31 23:59:59.999999+00'", "'infinity'", "'-infinity'",
          "'0044-03-15 BC UTC'"}});
  check({"timestamp(3) with time zone", "Timestamp(Microsecond, Some(\"UTC\"))", {"'2024-02-29 12:00:00.123+00'"}});
  check({"time with time zone", "Utf8", {"'12:00:00.5+05:45'", "'24:00:00-15:59'"}});
  check({"interval", "Utf8", {"'1 year 2 mons -3 days 04:05:06.789'", "'-178000000 years'", "'0'"}});
  check({"interval day to second(3)", "Utf8", {"'1 02:03:04.567'"}});
}

TEST_F(TypeTable, OtherTypesAsText) {
  sql("CREATE TYPE mood AS ENUM ('sad', 'so so', 'ha,ppy'); CREATE TYPE pair AS (a integer, b text);"
      "CREATE DOMAIN price AS numeric(10,2) CHECK (VALUE >= 0); CREATE DOMAIN list_price AS price;"
      "CREATE DOMAIN numbers AS integer[]; CREATE DOMAIN label AS mood;"
      "CREATE TYPE span AS RANGE (subtype = numeric)");
  check({"mood", "Utf8", {"'sad'", "'so so'", "'ha,ppy'"}, "v::text", "public.mood"});
  check({"pair", "Utf8", {"ROW(1, 'a,b')", "ROW(NULL, '')"}, "v::text", "public.pair"});
  check({"price", "Decimal128(10, 2)", {"12.5", "0"}, "v::text", "numeric(10,2)"});
  check({"list_price", "Decimal128(10, 2)", {"12.5"}, "v::text", "numeric(10,2)"});
  check({"numbers", "Utf8", {"'{1,NULL,3}'"}, "v::text", "integer[]"});
  check({"label", "Utf8", {"'sad'"}, "v::text", "public.mood"});
  check({"integer[]", "Utf8", {"'{}'", "'{{1,2},{3,NULL}}'", "'[2:3]={1,2}'"}});
  check({"text[]", "Utf8", {"ARRAY['a,b', NULL, '', 'NULL', '\"q\"']"}});
  check({"mood[]", "Utf8", {"'{sad,\"so so\"}'"}, "v::text", "public.mood[]"});
  check({"int4range", "Utf8", {"'[1,5)'", "'empty'", "'(,)'"}});
  check({"span", "Utf8", {"'[1.5,2.5]'"}, "v::text", "public.span"});
  check({"int4multirange", "Utf8", {"'{[1,3),[5,7)}'"}});
  check({"inet", "Utf8", {"'192.168.0.1/24'", "'::1'"}});
  check({"cidr", "Utf8", {"'10.0.0.0/8'"}});
  check({"macaddr", "Utf8", {"'08:00:2b:01:02:03'"}});
  check({"macaddr8", "Utf8", {"'08:00:2b:01:02:03:04:05'"}});
  check({"bit(5)", "Utf8", {"B'10101'"}});
  check({"bit varying", "Utf8", {"B''", "B'1'", "B'101010101010101010101'"}});
  check({"point", "Utf8", {"'(1.5,-2)'"}});
  check({"tsvector", "Utf8", {"'a:1 b:2'"}});
  check({"pg_lsn", "Utf8", {"'16/B374D848'"}});
  check({"int2vector", "Utf8", {"'1 2 3'"}});
}

TEST_F(TypeTable, ExtensionTypesAsText) {
  if (lines("SELECT name FROM pg_available_extensions WHERE name IN ('hstore', 'citext')").size() != 2) {
    GTEST_SKIP() << "the server has no contrib extensions";
  }
  sql("CREATE EXTENSION hstore; CREATE EXTENSION citext");
  check({"hstore", "Utf8", {"'a=>1, \"b c\"=>NULL'"}, "v::text", "public.hstore"});
  check({"citext", "Utf8", {"'Mixed Case'"}, "v::text", "public.citext"});
}

// A type that writes its values and reads none could be loaded into no column of its type.
TEST_F(TypeTable, TypesWithoutAnInputHaveNoNativeType) {
  sql("CREATE TABLE t (n int, v pg_node_tree, g gtsvector)");
  const RunResult result = run({});
  ASSERT_TRUE(result.status.ok()) << result.status.error().message;
  EXPECT_EQ(result.schema.fields[1].native_type, "");
  EXPECT_EQ(result.schema.fields[2].native_type, "");
  EXPECT_EQ(result.schema.fields[1].type.name(), "Utf8");
  sql("CREATE VIEW v AS SELECT ev_action FROM pg_catalog.pg_rewrite LIMIT 1");
  RunOptions options;
  options.name = "v";
  const RunResult view = run(options);
  ASSERT_EQ(view.rows.size(), 1U) << view.status.error().message;
  EXPECT_TRUE(view.firsts()[0].starts_with("({QUERY"));
}

TEST_F(TypeTable, AByteThatIsNotUtf8IsTheErrorOfItsRow) {
  sql("CREATE DATABASE " + database_ + "_ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0");
  database_ += "_ascii";
  sql("CREATE TABLE t (id int PRIMARY KEY, note text, tags text[], d text); INSERT INTO t VALUES (1, 'plain', '{a}', "
      "'x'), "
      "(2, E'caf\\351', '{b}', 'x'), (3, 'd\xc3\xa9j\xc3\xa0', E'{\\351}', 'x'), (4, 'last', NULL, 'x')");
  RunOptions options;
  RunResult result = run(options);
  ASSERT_FALSE(result.status.ok());
  EXPECT_EQ(result.status.error().code, "INVALID_UTF8");
  EXPECT_EQ(result.status.error().category, sdk::ErrorCategory::kData);
  for (const std::string_view part : {"row 2", "column `note`", "\\x636166e9"}) {
    EXPECT_NE(result.status.error().message.find(part), std::string::npos) << result.status.error().message;
  }
  options.on_data_error = "dlq";
  result = run(options);
  ASSERT_TRUE(result.status.ok()) << result.status.error().message;
  EXPECT_EQ(result.firsts(), (std::vector<std::string>{"1", "4"}));
  EXPECT_EQ(result.dlq.size(), 2U);
  options.stream["where"] = "note <> 'd\xc3\xa9j\xc3\xa0'";
  options.on_data_error = "skip";
  result = run(options);
  EXPECT_EQ(result.summary.records_read, 3U);
  EXPECT_EQ(result.summary.records_skipped, 1U);
}

TEST_F(TypeTable, SpecialValuesAreRowErrorsWhereTheyAreNotKnown) {
  sql("CREATE TABLE t (n integer, d date, z timestamptz, x numeric(5,1)); INSERT INTO t VALUES (1, '2024-01-01', "
      "'epoch', 1.5), "
      "(2, 'infinity', NULL, NULL), (3, NULL, '-infinity', NULL), (4, NULL, NULL, 'NaN'), (5, NULL, '294276-12-31 "
      "00:00+00', NULL)");
  RunOptions options;
  options.special_values = false;
  RunResult result = run(options);
  ASSERT_FALSE(result.status.ok());
  EXPECT_EQ(result.status.error().code, "SPECIAL_VALUE");
  EXPECT_EQ(result.status.error().category, sdk::ErrorCategory::kData);
  for (const std::string_view part : {"table public.t", "row 2", "column `d`", "'infinity'", "columns: {d: text}"}) {
    EXPECT_NE(result.status.error().message.find(part), std::string::npos)
        << part << " in " << result.status.error().message;
  }
  options.on_data_error = "dlq";
  result = run(options);
  ASSERT_TRUE(result.status.ok()) << result.status.error().message;
  EXPECT_EQ(result.firsts(), std::vector<std::string>{"1"});
  EXPECT_EQ(result.summary.records_read, 5U);
  EXPECT_EQ(result.summary.records_skipped, 4U);
  ASSERT_EQ(result.dlq.size(), 4U);
  EXPECT_EQ(*sdk::parse_json(result.dlq[2]), (sdk::Json{{"n", "4"}, {"d", nullptr}, {"z", nullptr}, {"x", "NaN"}}));
  EXPECT_EQ(*sdk::parse_json(result.dlq[3]),
            (sdk::Json{{"n", "5"}, {"d", nullptr}, {"z", "294276-12-31 00:00:00+00"}, {"x", nullptr}}));
  // Out of Arrow's range whatever the destination knows.
  options.special_values = true;
  result = run(options);
  EXPECT_EQ(result.summary.records_skipped, 1U);
  // As text everything works.
  options.special_values = false;
  options.on_data_error = "fail";
  options.stream["columns"] = {{"d", "text"}, {"z", "text"}, {"x", "text"}};
  result = run(options);
  ASSERT_TRUE(result.status.ok()) << result.status.error().message;
  EXPECT_EQ(result.rows[4], (std::vector<std::string>{"5", "NULL", "294276-12-31 00:00:00+00", "NULL"}));
  EXPECT_EQ(result.rows[1][1], "infinity");
}

}  // namespace
}  // namespace rapidbyte::source_postgres
