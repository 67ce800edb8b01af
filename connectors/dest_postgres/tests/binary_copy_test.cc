// Values that arrive as texts and are sent in binary: equal cell by cell to what the server itself reads, whatever OIDs
// its types have, and refused row by row where it refuses them.
#include <algorithm>

#include "tests/postgres_fixture.h"

namespace rapidbyte::dest_postgres {
namespace {

class BinaryCopyTest : public PostgresTest {
 protected:
  static bool went_as_text(const Outcome& outcome) {
    return std::any_of(outcome.logs.begin(), outcome.logs.end(),
                       [](const std::string& line) { return line.find("COPY's text format") != std::string::npos; });
  }
  /// Loads `texts` into column v of the new table s, of `type`.
  Outcome load_texts(const std::string& type, const std::vector<Json>& texts, const Json& mode = "append") {
    sql("SET client_min_messages = error; DROP TABLE IF EXISTS s; CREATE TABLE s (id bigint PRIMARY KEY, v " + type +
        ")");
    const Schema schema{{{"id", kInt}, {"v", kText, true, "postgresql:" + type}}};
    std::vector<Json> rows;
    for (size_t i = 0; i < texts.size(); ++i) rows.push_back(Json::array({i, texts[i]}));
    return load(context("s", schema, mode), schema, rows);
  }
};

TEST_F(BinaryCopyTest, ValuesAreWhatTheServerReads) {
  sql("CREATE TYPE mood AS ENUM ('ok', 'so so', 'NULL')");
  const std::vector<std::pair<std::string, std::vector<std::string>>> cases = {
      {"text[]",
       {"{}", "{a,b}", "{NULL,\"NULL\",null}",
        "ARRAY['', ' ', 'a\"b', 'a\\b', '{x}', 'a,b', E'\\n', E'\\t', 'ü', '🙂']",
        "ARRAY[[['a','b'],['c',NULL]],[['e','f'],['g','h']]]"}},
      {"character varying(5)[]", {"{12345,äöüäö}"}},
      {"character(3)[]", {"{a,abc}"}},
      {"name[]", {"{a,pg_class}"}},
      {"boolean[]", {"{t,f,NULL}"}},
      {"smallint[]", {"{-32768,32767}"}},
      {"integer[]", {"{0,-2147483648,2147483647}", "{{1,2},{3,4}}"}},
      {"bigint[]", {"{-9223372036854775808,9223372036854775807}"}},
      {"oid[]", {"{0,4294967295}"}},
      {"real[]", {"{0,-0,1.5,3.4028235e+38,1e-45,NaN,Infinity,-Infinity,0.1}"}},
      {"double precision[]", {"{0,-0,1.7976931348623157e+308,5e-324,NaN,Infinity,-Infinity,0.1,123456789.123456789}"}},
      {"numeric[]", {"{0,1.50,-12345678901234567890.123456789,NaN,0.0000001,100000}", "{Infinity,-Infinity}"}},
      {"numeric(6,2)[]", {"{1.25,-9999.99}"}},
      {"bytea[]", {R"({"\\x","\\x00ff10"})"}},
      {"uuid[]", {"{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11,NULL}"}},
      {"json[]", {R"({"{\"a\": 1}","[]",null})"}},
      {"jsonb[]", {R"({"{\"a\": 1}","[]"})"}},
      {"date[]", {"{2024-02-29,1970-01-01,0001-01-01}", "{infinity}", "{\"0044-03-15 BC\"}"}},
      {"time without time zone[]", {"{00:00:00,23:59:59.999999,24:00:00}"}},
      {"timestamp without time zone[]", {"{\"2024-02-29 12:00:00.000001\"}", "{-infinity}"}},
      {"timestamp with time zone[]", {"{\"2024-02-29 12:00:00+00\",\"1999-12-31 23:59:59.5+00\"}"}},
      {"mood[]", {"{ok,\"so so\",\"NULL\",NULL}"}},
      {"bit(5)", {"10101"}},
      {"bit varying", {"", "1", "00000000", "111111110"}},
      {"inet", {"192.168.0.1", "10.1.2.3/8", "::1", "2001:db8::1/64", "::ffff:1.2.3.4", "::", "fe80::/10"}},
      {"cidr", {"10.0.0.0/8", "192.168.1.0/24", "2001:db8::/32"}},
      {"macaddr", {"08:00:2b:01:02:03"}},
      {"macaddr8", {"08:00:2b:01:02:03:04:05"}},
      {"int4range", {"empty", "[1,5)", "(,5]", "[3,)", "(,)", "[-1,1]"}},
      {"int8range", {"[1,9223372036854775807)"}},
      {"numrange", {"[1.5,2.50]", "(0,)"}},
      {"daterange", {"[2024-01-01,2024-02-01)", "(,infinity)"}},
      {"tsrange", {"[\"2024-01-01 00:00:00\",\"2024-01-02 00:00:00.5\")"}},
      {"tstzrange", {"[\"2024-01-01 00:00:00+00\",)"}},
  };
  for (const auto& [type, values] : cases) {
    SCOPED_TRACE(type);
    // As the server writes them, and one NULL.
    std::string list;
    for (const std::string& value : values) {
      const std::string literal = value.starts_with("ARRAY") ? value : "$v$" + value + "$v$";
      list += (list.empty() ? "(" : "), (") + literal + "::" + type;
    }
    sql("SET client_min_messages = error; DROP TABLE IF EXISTS e; CREATE TABLE e (id serial, v " + type +
        "); INSERT INTO e (v) VALUES " + list + "), (NULL)");
    const Lines written = sql("SELECT coalesce(to_json(v::text)::text, 'null') FROM e ORDER BY id");
    std::vector<Json> texts;
    for (const std::string& line : written) texts.push_back(*sdk::parse_json(line));
    for (const char* mode : {"append", "replace"}) {
      const Outcome outcome = load_texts(type, texts, mode);
      ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
      EXPECT_EQ(outcome.summary.records_written, texts.size());
      EXPECT_EQ(sql("SELECT coalesce(to_json(v::text)::text, 'null') FROM s ORDER BY id"), written);
      EXPECT_EQ(sql("SELECT count(*) FROM s JOIN e ON e.id = s.id + 1 WHERE s.v::text IS DISTINCT FROM e.v::text"),
                Lines{"0"});
      const bool has_special = type == "date[]" || type == "time without time zone[]" ||
                               type == "timestamp without time zone[]" || type == "daterange";
      EXPECT_EQ(went_as_text(outcome), has_special);
    }
  }
}

// Users' types have different OIDs on two servers.
TEST_F(BinaryCopyTest, ArraysOfUsersTypesHaveTheOidsOfThisServer) {
  sql("CREATE TYPE mood AS ENUM ('a', 'b'); CREATE DOMAIN few AS int CHECK (VALUE < 10); CREATE DOMAIN tags AS text[] "
      "CHECK (cardinality(VALUE) < 3); CREATE TYPE pair AS (x int, y text)");
  for (const char* recreated :
       {"", "DROP TYPE mood CASCADE; CREATE TYPE filler AS ENUM (); CREATE TYPE mood AS ENUM ('b', 'a')"}) {
    sql(std::string("SET client_min_messages = error; ") + recreated);
    EXPECT_EQ(load_texts("mood[]", {"{a,b}", "{b}"}).code(), "ok");
    EXPECT_EQ(table("s"), (Lines{"(0,\"{a,b}\")", "(1,{b})"}));
  }
  EXPECT_EQ(load_texts("tags", {"{a,b}"}).code(), "ok");
  EXPECT_EQ(table("s"), Lines{"(0,\"{a,b}\")"});
  const Outcome many = load_texts("tags", {"{a}", "{a,b,c}"});
  EXPECT_EQ(many.code(), "ROW_REFUSED") << many.status.to_string();
  // The server reads them itself.
  for (const char* type : {"few[]", "pair[]", "interval[]", "pair"}) {
    const std::string value = std::string(type) == "few[]"        ? "{1,2}"
                              : std::string(type) == "pair[]"     ? "{\"(1,a)\"}"
                              : std::string(type) == "interval[]" ? "{\"1 day\"}"
                                                                  : "(1,a)";
    const Outcome outcome = load_texts(type, {value});
    EXPECT_EQ(outcome.code(), "ok") << type << outcome.status.to_string();
    EXPECT_TRUE(went_as_text(outcome)) << type;
    EXPECT_EQ(sql("SELECT v FROM s"), Lines{value}) << type;
  }
}

// What a type accepts besides what the server writes: from there on it is sent to the server unchanged.
TEST_F(BinaryCopyTest, OtherNotationsAreReadByTheServer) {
  for (const Json& mode : {Json("append"), Json("replace"), upsert({"id"})}) {
    SCOPED_TRACE(mode.dump());
    sql("SET client_min_messages = error; DROP TABLE IF EXISTS s; CREATE TABLE s (id bigint PRIMARY KEY, v int[], a "
        "cidr)");
    const Schema schema{{{"id", kInt}, {"v", kText}, {"a", kText}}};
    // In an upsert the second value of a key, which arrives as text, counts.
    const int64_t last = mode.is_string() ? 4 : 1;
    const Batches batches = {
        make_batch(schema, {Json::array({1, "{1}", "1.2.3.4/32"})}),
        make_batch(schema, {Json::array({2, "[2:3]={ 1, 2 }", nullptr})}),
        make_batch(schema, {Json::array({3, "{3}", "10.1"}), Json::array({last, "{9}", "1.2.3.5/32"})})};
    const Outcome outcome = load(context("s", schema, mode), batches, Json::object(), Commits::kAtTheEnd);
    ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
    EXPECT_TRUE(went_as_text(outcome));
    EXPECT_EQ(outcome.summary.records_written, 4U);
    Lines expected = {"1\t{9}\t1.2.3.5/32", "2\t[2:3]={1,2}\t\\N", "3\t{3}\t10.1.0.0/16"};
    if (last == 4) {
      expected.front() = "1\t{1}\t1.2.3.4/32";
      expected.emplace_back("4\t{9}\t1.2.3.5/32");
    }
    EXPECT_EQ(sql("SELECT id, v, a FROM s ORDER BY id"), expected);
  }
}

TEST_F(BinaryCopyTest, GarbledValuesAreRefusedRows) {
  const struct {
    const char* type;
    const char* good;
    const char* bad;
  } cases[] = {{"int[]", "{1}", "{1,x}"},
               {"int[]", "{1}", "{1"},
               {"text[]", "{a}", "{\"a}"},
               {"smallint[]", "{1}", "{32768}"},
               {"character varying(2)[]", "{ab}", "{abc}"},
               {"numeric(3,1)[]", "{1.5}", "{1000}"},
               {"jsonb[]", "{1}", "{\"{\"}"},
               {"inet", "1.2.3.4", "1.2.3.400"},
               {"cidr", "10.0.0.0/8", "10.0.0.1/8"},
               {"bit(3)", "101", "1010"},
               {"varbit", "101", "12"},
               {"int4range", "[1,2)", "[2,1)"},
               {"int4range", "[1,2)", "[1,2"},
               {"macaddr", "08:00:2b:01:02:03", "08:00:2b:01:02:zz"}};
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.type) + " " + c.bad);
    const Outcome failed = load_texts(c.type, {c.good, c.bad});
    EXPECT_EQ(failed.code(), "ROW_REFUSED") << failed.status.to_string();
    EXPECT_NE(failed.message().find("row 2"), std::string::npos) << failed.message();
    sql("TRUNCATE s");
    const Schema schema{{{"id", kInt}, {"v", kText, true, std::string("postgresql:") + c.type}}};
    const Outcome skipped = load(on_error(context("s", schema), "dlq"), schema,
                                 {Json::array({1, c.good}), Json::array({2, c.bad}), Json::array({3, c.good})});
    ASSERT_EQ(skipped.code(), "ok") << skipped.status.to_string();
    EXPECT_EQ(skipped.summary.records_failed, 1U);
    ASSERT_EQ(skipped.dlq.size(), 1U);
    EXPECT_NE(skipped.dlq.front().record_json.find(Json(c.bad).dump()), std::string::npos)
        << skipped.dlq.front().record_json;
    EXPECT_EQ(sql("SELECT id FROM s ORDER BY id"), (Lines{"1", "3"}));
  }
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
