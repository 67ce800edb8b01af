#include "options.h"
#include "condition.h"

#include <gtest/gtest.h>

namespace rapidbyte::source_postgres {
namespace {

using sdk::Json;

TEST(TableName, IsReadAsItIsSpelled) {
  const std::pair<std::string, TableName> cases[] = {
      {"orders", {"shop", "orders"}},
      {"Orders of 2024", {"shop", "Orders of 2024"}},
      {"sales.orders", {"sales", "orders"}},
      {"\"a.b\"", {"shop", "a.b"}},
      {"\"my \"\"schema\"\"\".\"t.1\"", {"my \"schema\"", "t.1"}},
      {"select.user", {"select", "user"}},
  };
  for (const auto& [text, name] : cases) {
    const auto parsed = parse_table_name(text, "shop");
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_EQ(*parsed, name) << text;
    EXPECT_EQ(name.spelling("shop"), text);
  }
}

TEST(TableName, RefusesWhatCouldBeMisread) {
  for (const std::string& text :
       {std::string(), std::string("."), std::string("a."), std::string("a.b.c"), std::string("\"a"),
        std::string("\"a\"b"), std::string("a\"b"), std::string(64, 'x'), std::string("\"\"")}) {
    const auto parsed = parse_table_name(text, "public");
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().code, "INVALID_TABLE_NAME");
  }
  EXPECT_TRUE(parse_table_name(std::string(63, 'x'), "public").ok());
}

TEST(TableName, IsQuotedForSql) { EXPECT_EQ((TableName{"public", "Or\"ders"}).sql(), "\"public\".\"Or\"\"ders\""); }

TEST(Lag, IsADurationOrAnAmount) {
  EXPECT_EQ(parse_lag("90s")->seconds, 90U);
  EXPECT_EQ(parse_lag("5m")->seconds, 300U);
  EXPECT_EQ(parse_lag("2h")->seconds, 7200U);
  EXPECT_EQ(parse_lag("1d")->seconds, 86'400U);
  EXPECT_EQ(parse_lag("1000")->amount, "1000");
  EXPECT_EQ(parse_lag("0.5")->amount, "0.5");
  for (const std::string_view bad : {"", "m", "-5m", "5 m", "1.5h", "5w", ".5", "5.", "1e3", "1.2.3", "99999999999d",
                                     "'", "0", "0.00", "000", "0s", "0m", "00d"}) {
    EXPECT_FALSE(parse_lag(bad).has_value()) << bad;
  }
}

TEST(Condition, IsKnownToFollowTheClock) {
  const auto calls = [](std::string_view sql) { return condition_names(sql).calls; };
  using Names = std::vector<std::string>;
  EXPECT_EQ(calls("at > now() - interval '1 day' AND Lower (x) IN ('a', 'b')"), (Names{"now", "lower", "in"}));
  EXPECT_EQ(calls("s.\"Odd\"\"name\" /* a */ -- b\n (1)"), Names{"Odd\"name"});
  EXPECT_EQ(calls("a = 'now(' OR \"f(\" > 1"), Names{});
  for (const std::string_view sql :
       {"at > current_date", "at > CURRENT_TIMESTAMP(3)", "at > localtime", "at < ' Now '", "at < 'today'::date",
        "at < E'\\156ow'", "at < U&'\\006eow'", "U&\"\\006eow\"() > at", "at < $$yesterday$$", "at < 'to'\n'day'",
        "id IN (SELECT id FROM v)", "who = current_user"}) {
    EXPECT_TRUE(condition_names(sql).may_follow_the_clock) << sql;
  }
  for (const std::string_view sql :
       {"region = 'EU'", "note = 'it''s'", "id > 5 AND \"current_date\" = 1", "f(x) > 1", "name = 'u&' AND u = 1"}) {
    EXPECT_FALSE(condition_names(sql).may_follow_the_clock) << sql;
  }
}

TEST(Options, TakeAStreamsKeys) {
  const Json entry = {{"name", "orders"},
                      {"sync_mode", "incremental"},
                      {"cursor_field", "at"},
                      {"table", "sales.Orders"},
                      {"select", {"id", "at"}},
                      {"where", "id > 5"},
                      {"columns", {{"at", "text"}}},
                      {"tie_breaker", {"id"}},
                      {"lag", 100}};
  const auto options = parse_stream_options(entry, "orders", "public");
  ASSERT_TRUE(options.ok()) << options.error().message;
  EXPECT_EQ(options->table, (TableName{"sales", "Orders"}));
  EXPECT_EQ(options->select, (std::vector<std::string>{"id", "at"}));
  EXPECT_EQ(options->where, "id > 5");
  EXPECT_EQ(options->text_columns, std::vector<std::string>{"at"});
  EXPECT_EQ(options->tie_breaker, std::vector<std::string>{"id"});
  EXPECT_EQ(options->lag->amount, "100");
}

TEST(Options, ReportAllProblemsTogether) {
  const Json config = {{"host", "db"},
                       {"user", "u"},
                       {"hsot", "x"},
                       {"streams",
                        {{{"name", "a"}, {"select", Json::array()}, {"lag", "5 minutes"}},
                         {{"name", "b"}, {"columns", {{"c", "int"}}}, {"tie_breaker", {"x", "x"}}},
                         {{"name", "c.d.e"}}}}};
  const auto options = parse_source_options(config);
  ASSERT_FALSE(options.ok());
  EXPECT_EQ(options.error().code, "INVALID_CONFIG");
  for (const std::string_view part :
       {"hsot", "`select`", "`lag`", "`columns.c`", "`tie_breaker`", "more than two parts"}) {
    EXPECT_NE(options.error().message.find(part), std::string::npos) << part << " in " << options.error().message;
  }
}

TEST(Options, TakeAsAConditionOnlyWhatStaysWithinItsBrackets) {
  for (const std::string_view good :
       {"a = 1", "(a) OR (b)", "a = ')'", "\"a)\" = 1", "a = 'it''s)' -- )", "a /* ) /* ( */ */ = 1", "a = $x$)$x$",
        "a = $$;$$", "a = E'\\')'", "name'text)'", "a$b$ = 1", "a = '\\'", "a = e'x'\n'\\')'"}) {
    EXPECT_EQ(condition_problem(good), std::nullopt) << good;
  }
  for (const std::string_view bad :
       {"a) OR (b", "true); COMMIT; CREATE TABLE x(i int); SELECT (1", "a; b", "(a", "a = 'x", "a = '\\')", "a = \"x",
        "a /* b", "a = $x$", "a = $1", "true)) TO PROGRAM 'x' --", "(1 /* ) */", "a = E'\\'"}) {
    EXPECT_NE(condition_problem(bad), std::nullopt) << bad;
  }
  EXPECT_FALSE(parse_stream_options({{"where", "a) OR (b"}}, "t", "public").ok());
}

}  // namespace
}  // namespace rapidbyte::source_postgres
