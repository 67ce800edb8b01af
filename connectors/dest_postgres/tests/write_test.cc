// Values of every type against a real server: in binary, in text format and by INSERT.
#include "tests/postgres_fixture.h"

namespace rapidbyte::dest_postgres {
namespace {

struct TypeCase {
  DataType type;
  std::vector<Json> values;
  Lines stored;  // as text
  const char* declared;
};

std::vector<TypeCase> type_cases() {
  using sdk::TimeUnit;
  const int64_t leap = 1'709'211'909;  // 2024-02-29 13:05:09 UTC
  return {
      {DataType::of(TypeId::kBoolean), {true, false}, {"true", "false"}, "boolean"},
      {DataType::of(TypeId::kInt8), {-128, 127}, {"-128", "127"}, "smallint"},
      {DataType::of(TypeId::kUInt8), {0, 255}, {"0", "255"}, "smallint"},
      {DataType::of(TypeId::kInt16), {-32768, 32767}, {"-32768", "32767"}, "smallint"},
      {DataType::of(TypeId::kUInt16), {65535}, {"65535"}, "integer"},
      {DataType::of(TypeId::kInt32), {INT32_MIN, INT32_MAX}, {"-2147483648", "2147483647"}, "integer"},
      {DataType::of(TypeId::kUInt32), {UINT32_MAX}, {"4294967295"}, "bigint"},
      {kInt, {INT64_MIN, INT64_MAX}, {"-9223372036854775808", "9223372036854775807"}, "bigint"},
      {DataType::of(TypeId::kUInt64), {0, UINT64_MAX}, {"0", "18446744073709551615"}, "numeric(20,0)"},
      {DataType::of(TypeId::kFloat32),
       {0.1, "NaN", "Infinity", "-Infinity", -0.0},
       {"0.1", "NaN", "Infinity", "-Infinity", "-0"},
       "real"},
      {DataType::of(TypeId::kFloat64),
       {0.1, 1e308, 5e-324, "NaN", "-Infinity", -0.0},
       {"0.1", "1e+308", "5e-324", "NaN", "-Infinity", "-0"},
       "double precision"},
      {DataType::decimal128(12, 2), {0, -1, 123456789012}, {"0.00", "-0.01", "1234567890.12"}, "numeric(12,2)"},
      {DataType::decimal128(38, 10),
       {"99999999999999999999999999999999999999", "-10000000000"},
       {"9999999999999999999999999999.9999999999", "-1.0000000000"},
       "numeric(38,10)"},
      {DataType::decimal128(5, -3), {12, -1}, {"12000", "-1000"}, "numeric(8,0)"},
      {DataType::decimal256(76, 38),
       {std::string(76, '9'), "-1"},
       {std::string(38, '9') + "." + std::string(38, '9'), "-0." + std::string(37, '0') + "1"},
       "numeric(76,38)"},
      {kText, {"", "a\tb\nc\\d\r", "ü€😀", "NULL", "\\N"}, {"", "a\tb\nc\\d\r", "ü€😀", "NULL", "\\N"}, "text"},
      {DataType::of(TypeId::kLargeUtf8), {"large"}, {"large"}, "text"},
      {DataType::of(TypeId::kBinary), {std::string("\0\1\\x", 4), ""}, {"\\x00015c78", "\\x"}, "bytea"},
      {DataType::fixed_size_binary(3), {"abc"}, {"\\x616263"}, "bytea"},
      {DataType::of(TypeId::kDate32),
       {0, -10957, 19782, -719163, 2'145'042'905},  // the last day that PostgreSQL has
       {"1970-01-01", "1940-01-02", "2024-02-29", "0001-12-31 BC", "5874897-12-31"},
       "date"},
      {DataType::time32(TimeUnit::kSecond), {0, 86399}, {"00:00:00", "23:59:59"}, "time without time zone"},
      {DataType::time32(TimeUnit::kMillisecond), {1}, {"00:00:00.001"}, "time without time zone"},
      {DataType::time64(TimeUnit::kMicrosecond),
       {86'399'999'999, 86'400'000'000},
       {"23:59:59.999999", "24:00:00"},
       "time without time zone"},
      {DataType::time64(TimeUnit::kNanosecond), {1000}, {"00:00:00.000001"}, "time without time zone"},
      {DataType::timestamp(TimeUnit::kSecond), {leap}, {"2024-02-29 13:05:09"}, "timestamp without time zone"},
      {DataType::timestamp(TimeUnit::kMillisecond), {-1}, {"1969-12-31 23:59:59.999"}, "timestamp without time zone"},
      {DataType::timestamp(TimeUnit::kMicrosecond),
       {leap * 1'000'000 + 250, -62'135'596'800'000'001, -210'866'803'200'000'000, INT64_MAX - 1},
       {"2024-02-29 13:05:09.00025", "0001-12-31 23:59:59.999999 BC", "4714-11-24 00:00:00 BC",
        "294247-01-10 04:00:54.775806"},
       "timestamp without time zone"},
      {DataType::timestamp(TimeUnit::kNanosecond),
       {1000},
       {"1970-01-01 00:00:00.000001"},
       "timestamp without time zone"},
      {DataType::timestamp(TimeUnit::kMicrosecond, "UTC"),
       {leap * 1'000'000},
       {"2024-02-29 13:05:09+00"},
       "timestamp with time zone"},
      {DataType::of(TypeId::kIntervalMonthDayNano),
       {Json::array({14, -3, 1'000'000'000}), Json::array({0, 0, -500'000'000})},
       {"1 year 2 mons -3 days +00:00:01", "-00:00:00.5"},
       "interval"},
  };
}

class TypesTest : public PostgresTest, public ::testing::WithParamInterface<const char*> {};

// "text" has a column that no binary format is made for, so that the whole table goes as text.
TEST_P(TypesTest, EveryValueArrivesExactly) {
  const std::string way = GetParam();
  int number = 0;
  for (const TypeCase& c : type_cases()) {
    const std::string name = "t" + std::to_string(number++);
    SCOPED_TRACE(way + " " + name + " " + c.type.name());
    const Schema schema{{{"n", kInt}, {"c", c.type}, {"other", kText, true, way == "text" ? "postgresql:inet" : ""}}};
    std::vector<Json> rows;
    for (size_t i = 0; i < c.values.size(); ++i) rows.push_back(Json::array({i, c.values[i], nullptr}));
    rows.push_back(Json::array({c.values.size(), nullptr, "10.0.0.1"}));
    const Outcome outcome =
        load(context(name, schema), schema, rows, {{"load_method", way == "insert" ? "insert" : "copy"}});
    ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
    EXPECT_EQ(outcome.summary.records_written, rows.size());
    Lines expected;
    for (const std::string& text : c.stored) expected.push_back("'" + text + "'");
    expected.push_back("NULL");
    // One line each, whatever stands in the text.
    Lines quoted = sql("SELECT replace(replace(quote_nullable(c::text), E'\\n', '\\n'), E'\\r', '\\r') FROM " + name +
                       " ORDER BY n");
    for (std::string& line : expected) {
      const bool escaped = line.find('\\') != std::string::npos;
      std::string doubled;
      for (const char ch : line)
        doubled += ch == '\\' ? "\\\\" : ch == '\n' ? "\\n" : ch == '\r' ? "\\r" : std::string(1, ch);
      line = (escaped ? "E" : "") + doubled;
    }
    EXPECT_EQ(quoted, expected);
    EXPECT_EQ(sql("SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = '" + name +
                  "'::regclass AND attname = 'c'"),
              Lines{c.declared});
  }
}

INSTANTIATE_TEST_SUITE_P(Ways, TypesTest, ::testing::Values("binary", "text", "insert"),
                         [](const auto& info) { return std::string(info.param); });

class WriteTest : public PostgresTest {};

TEST_F(WriteTest, SpecialValuesBecomeInfinitiesAndNan) {
  Schema schema{{{"d", DataType::of(TypeId::kDate32)},
                 {"t", DataType::timestamp(sdk::TimeUnit::kMicrosecond)},
                 {"n", DataType::decimal128(38, 2)},
                 {"w", DataType::decimal256(76, 2)}}};
  for (sdk::Field& field : schema.fields) field.special_values = true;
  const std::vector<Json> rows = {Json::array({"infinity", "-infinity", "NaN", 1}),
                                  Json::array({"-infinity", "infinity", 1, "NaN"})};
  for (const char* method : {"copy", "insert"}) {
    const std::string name = std::string("s_") + method;
    ASSERT_EQ(load(context(name, schema), schema, rows, {{"load_method", method}}).code(), "ok");
    EXPECT_EQ(table(name), (Lines{"(-infinity,infinity,0.01,NaN)", "(infinity,-infinity,NaN,0.01)"}));
  }
  sql("CREATE TABLE as_text (d date, t timestamp, n numeric(38,2), w numeric(76,2), i inet)");
  ASSERT_EQ(load(context("as_text", schema), schema, rows).code(), "ok");
  EXPECT_EQ(table("as_text"), (Lines{"(-infinity,infinity,0.01,NaN,)", "(infinity,-infinity,NaN,0.01,)"}));
}

TEST_F(WriteTest, WithoutTheFlagTheSameNumbersAreRefused) {
  const Schema schema{{{"d", DataType::of(TypeId::kDate32)}}};
  const Outcome outcome = load(context("s", schema), schema, {Json::array({"infinity"})});
  EXPECT_EQ(outcome.code(), "ROW_REFUSED");
  EXPECT_NE(outcome.message().find("stream \"s\", row 1, column \"d\""), std::string::npos) << outcome.message();
}

TEST_F(WriteTest, ColumnsAreCreatedWithTheSourcesOwnType) {
  sql("CREATE TYPE mood AS ENUM ('ok', 'so so')");
  const Schema schema{
      {{"a", kText, true, "postgresql:jsonb"},
       {"b", kText, true, "postgresql:uuid"},
       {"c", kText, true, "postgresql:" + schema_name() + ".mood"},
       {"d", kText, true, "postgresql:numeric"},
       {"e", kText, true, "postgresql:integer[]"},
       {"f", kText, true, "postgresql:character varying(5)"},
       {"g", DataType::timestamp(sdk::TimeUnit::kMicrosecond), true, "postgresql:timestamp(3) without time zone"},
       {"h", DataType::decimal128(12, 2), true, "postgresql:numeric(12,2)"},
       {"i", kText, true, "postgresql:no_such_type"},
       {"j", kText, true, "postgresql:integer"},       // but it comes as text
       {"k", kText, true, "postgresql:int); DROP TABLE x; --"},
       {"l", kText, true, "mysql:json"},
       {"m", kText, true, "postgresql:numeric(12,2)"},  // overridden to text
       {"n", kText, true, "postgresql:bit(3)"}}};
  const Json row = Json::array({R"({"x": 1})", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "so so", "1.50", "{1,NULL}",
                                "ab", 1000, 150, "i", "j", "k", "l", "1.5", "101"});
  for (const char* method : {"copy", "insert"}) {
    const std::string name = std::string("s_") + method;
    const Outcome outcome = load(context(name, schema), schema, {row}, {{"load_method", method}});
    ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
    EXPECT_EQ(sql("SELECT string_agg(format_type(atttypid, atttypmod), '|' ORDER BY attnum) FROM pg_attribute WHERE "
                  "attrelid = '" +
                  name + "'::regclass AND attnum > 0"),
              Lines{"jsonb|uuid|mood|numeric|integer[]|character varying(5)|timestamp(3) without time zone|"
                    "numeric(12,2)|text|text|text|text|text|bit(3)"});
    EXPECT_EQ(table(name), Lines{"(\"{\"\"x\"\": 1}\",a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,\"so so\",1.50,\"{1,NULL}\","
                                 "ab,\"1970-01-01 00:00:00.001\",1.50,i,j,k,l,1.5,101)"});
  }
}

TEST_F(WriteTest, NamesAreTakenAsTheyAre) {
  const std::string longest(63, 'x');
  const Schema schema{{{"Select", kInt}, {"a \"quoted\" one", kInt}, {longest, kInt}, {"ü", kInt}}};
  ASSERT_EQ(load(context("Mixed Case \"q\"", schema), schema, {Json::array({1, 2, 3, 4})}).code(), "ok");
  EXPECT_EQ(
      sql("SELECT \"Select\", \"a \"\"quoted\"\" one\", \"" + longest + "\", \"ü\" FROM \"Mixed Case \"\"q\"\"\""),
      Lines{"1\t2\t3\t4"});
  const Schema too_long{{{longest + "x", kInt}}};
  EXPECT_EQ(load(context("s", too_long), too_long, {Json::array({1})}).code(), "NAME_REFUSED");
  const Schema id{{{"id", kInt}}};
  EXPECT_EQ(load(context(longest + "y", id), id, {Json::array({1})}).code(), "NAME_REFUSED");
  EXPECT_EQ(load(context("_rapidbyte_receipts", id), id, {Json::array({1})}).code(), "NAME_REFUSED");
  EXPECT_EQ(load(context("pg_catalog.pg_class", id), id, {Json::array({1})}).code(), "NAME_REFUSED");
}

TEST_F(WriteTest, AStreamsSchemaIsMadeAndUsed) {
  const Schema schema{{{"id", kInt}}};
  const std::string other = schema_name() + "_other";
  ASSERT_EQ(load(context(other + ".orders", schema), schema, {Json::array({1})}).code(), "ok");
  EXPECT_EQ(sql("SELECT id FROM " + other + ".orders"), Lines{"1"});
  EXPECT_EQ(sql("SELECT count(*) FROM " + other + "._rapidbyte_receipts"), Lines{"1"});
  ASSERT_EQ(load(context("a.b", schema), schema, {Json::array({2})},
                 {{"schema_from_stream", false}, {"table_prefix", "raw_"}, {"receipts_schema", other}})
                .code(),
            "ok");
  EXPECT_EQ(sql("SELECT id FROM \"raw_a.b\""), Lines{"2"});
  EXPECT_EQ(sql("SELECT target FROM " + other + "._rapidbyte_receipts ORDER BY 1"),
            (Lines{schema_name() + ".raw_a.b", other + ".orders"}));
  sql("SET client_min_messages = error; DROP SCHEMA " + other + " CASCADE");
}

TEST_F(WriteTest, WideNarrowAndEmptyStreams) {
  Schema wide;
  Json row = Json::array();
  for (int i = 0; i < 1600; ++i) {
    wide.fields.push_back({"c" + std::to_string(i), kInt, true, i % 2 == 0 ? "postgresql:bigint" : ""});
    row.push_back(i % 3 == 0 ? Json(i) : Json());
  }
  for (const char* method : {"copy", "insert"}) {
    const std::string name = std::string("wide_") + method;
    const Outcome outcome = load(context(name, wide), wide, {row}, {{"load_method", method}});
    ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
    EXPECT_EQ(sql("SELECT c0, c1, c1599 FROM " + name), Lines{"0\t\\N\t1599"});
    sql("CREATE UNIQUE INDEX ON " + name + " (c0)");
    row[1599] = 7;
    const Outcome updated = load(context(name, wide, upsert({"c0"})), wide, {row}, {{"load_method", method}});
    ASSERT_EQ(updated.code(), "ok") << updated.status.to_string();
    EXPECT_EQ(sql("SELECT c0, c1, c1599 FROM " + name), Lines{"0\t\\N\t7"});
    row[1599] = 1599;
  }
  wide.fields.push_back({"one_too_many", kInt});
  row.push_back(1);
  EXPECT_EQ(load(context("wider", wide), wide, {row}).code(), "TOO_MANY_COLUMNS");
  const Schema schema{{{"id", kInt}}};
  int number = 0;
  for (const Json& mode : {Json("append"), Json("replace"), upsert({"id"})}) {
    const std::string name = "empty_" + std::to_string(number++);
    ASSERT_EQ(load(context(name, schema, mode), Batches{}).code(), "ok");
    EXPECT_EQ(sql("SELECT count(*) FROM \"" + name + "\""), Lines{"0"});
  }
}

TEST_F(WriteTest, TablesWithoutColumnsKeepTheirRows) {
  const Schema none;
  const std::vector<Json> rows(3, Json::array());
  for (const char* method : {"copy", "insert"}) {
    const std::string name = std::string("none_") + method;
    const Outcome outcome = load(context(name, none), none, rows, {{"load_method", method}});
    ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
    EXPECT_EQ(sql("SELECT count(*) FROM " + name), Lines{"3"});
  }
}

// A context without columns may stand for columns that nobody knows; a batch says that there are none.
TEST_F(WriteTest, ATableWithoutColumnsAndRowsIsMade) {
  const Schema none;
  int number = 0;
  for (const char* method : {"copy", "insert"}) {
    for (const Json& mode : {Json("append"), Json("replace")}) {
      const std::string name = "bare_" + std::to_string(number++);
      const Json more = {{"load_method", method}};
      ASSERT_EQ(load(context(name, none, mode), Batches{}, more).code(), "ok");
      EXPECT_EQ(sql("SELECT to_regclass('" + name + "') IS NULL"), Lines{"t"});
      const Outcome outcome = load(context(name, none, mode), none, {}, more);
      ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
      EXPECT_EQ(sql("SELECT count(*), (SELECT count(*) FROM pg_attribute WHERE attnum > 0 AND attrelid = '" + name +
                    "'::regclass) FROM " + name),
                Lines{"0\t0"});
      EXPECT_EQ(load(context(name, none, mode), none, {Json::array(), Json::array()}, more).code(), "ok");
      EXPECT_EQ(sql("SELECT count(*) FROM " + name), Lines{"2"});
      // A table with columns has no place for such rows.
      sql("ALTER TABLE " + name + " ADD id bigint");
      EXPECT_EQ(load(context(name, none, mode), none, {}, more).code(), "ok");
      EXPECT_EQ(sql("SELECT count(*) FROM " + name), Lines{mode == "append" ? "2" : "0"});
      EXPECT_EQ(load(context(name, none, mode), none, {Json::array()}, more).code(), "NO_COLUMNS");
      EXPECT_EQ(load(context(name, none, mode), {make_batch(none, {}), make_batch(none, {Json::array()})}, more).code(),
                "NO_COLUMNS");
    }
  }
}

TEST_F(WriteTest, LargeValuesAndManyBatchesArrive) {
  const Schema schema{{{"id", kInt}, {"text", kText}}};
  Batches batches;
  for (int64_t i = 0; i < 5; ++i) {
    std::vector<Json> rows;
    for (int64_t k = 0; k < 1000; ++k)
      rows.push_back(Json::array({i * 1000 + k, std::string(static_cast<size_t>(k % 300), 'x')}));
    batches.push_back(make_batch(schema, rows));
  }
  batches.push_back(make_batch(schema, {Json::array({-1, std::string(20 << 20, 'y')})}));
  ASSERT_EQ(load(context("s", schema), batches).code(), "ok");
  EXPECT_EQ(sql("SELECT count(*), sum(id), sum(length(text)) FROM s WHERE id >= 0"), Lines{"5000\t12497500\t697500"});
  EXPECT_EQ(sql("SELECT length(text), md5(text) = md5(repeat('y', 20 << 20)) FROM s WHERE id < 0"),
            Lines{"20971520\tt"});
}

TEST_F(WriteTest, DefaultsIdentitiesAndGeneratedColumnsAreTheTables) {
  sql("CREATE TABLE s (n bigint GENERATED ALWAYS AS IDENTITY, id bigint, at text DEFAULT 'now', twice bigint "
      "GENERATED ALWAYS AS (id * 2) STORED)");
  const Schema schema{{{"id", kInt}}};
  ASSERT_EQ(load(context("s", schema), schema, {Json::array({5}), Json::array({6})}).code(), "ok");
  EXPECT_EQ(table("s"), (Lines{"(1,5,now,10)", "(2,6,now,12)"}));
  const Schema with_identity{{{"n", kInt}, {"id", kInt}}};
  for (const char* method : {"copy", "insert"}) {
    ASSERT_EQ(
        load(context("s", with_identity), with_identity, {Json::array({77, 7})}, {{"load_method", method}}).code(),
        "ok");
  }
  EXPECT_EQ(sql("SELECT count(*) FROM s WHERE n = 77"), Lines{"2"});
  const Schema with_generated{{{"twice", kInt}}};
  EXPECT_EQ(load(context("s", with_generated), with_generated, {Json::array({1})}).code(), "GENERATED_COLUMN");
}

TEST_F(WriteTest, DomainsTakeWhatTheirBaseTakes) {
  sql("CREATE DOMAIN positive AS integer CHECK (VALUE > 0); CREATE DOMAIN more AS positive CHECK (VALUE > 10);"
      "CREATE TABLE s (a positive, b more)");
  const Schema schema{{{"a", DataType::of(TypeId::kInt32)}, {"b", DataType::of(TypeId::kInt32)}}};
  for (const char* method : {"copy", "insert"}) {
    ASSERT_EQ(load(context("s", schema), schema, {Json::array({1, 11})}, {{"load_method", method}}).code(), "ok");
    EXPECT_EQ(load(context("s", schema), schema, {Json::array({1, 10})}, {{"load_method", method}}).code(),
              "ROW_REFUSED");
  }
  EXPECT_EQ(table("s"), (Lines{"(1,11)", "(1,11)"}));
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
