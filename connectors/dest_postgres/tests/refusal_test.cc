// Rows that the encoder or the server refuses, under each on_data_error.
#include <algorithm>

#include "tests/postgres_fixture.h"

namespace rapidbyte::dest_postgres {
namespace {

// `count` rows, of which every tenth has no name.
std::vector<Json> mixed_rows(int64_t count) {
  std::vector<Json> rows;
  for (int64_t i = 0; i < count; ++i) rows.push_back(row(i, i % 10 == 3 ? Json() : Json("n" + std::to_string(i))));
  return rows;
}

class RefusalTest : public PostgresTest {};

TEST_F(RefusalTest, FailNamesStreamRowColumnAndValueAndKeepsNothing) {
  sql("CREATE TABLE s (id bigint UNIQUE, name varchar(3))");
  const Batches two = {make_batch(two_columns(), {row(1, "a"), row(2, "b")}),
                       make_batch(two_columns(), {row(3, "c"), row(1, "d")})};
  FakeHost host;
  host.push_batch(two[0]);
  host.push_batch(two[1]);
  host.push_end_marker();
  auto destination = open();
  const std::string text = sdk::to_text(context("s", two_columns()));
  ASSERT_TRUE(destination->begin_stream(text).ok());
  const auto written = destination->run_write(text);
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, "ROW_REFUSED");
  EXPECT_EQ(written.error().category, sdk::ErrorCategory::kData);
  EXPECT_NE(written.error().message.find("stream \"s\", row 4"), std::string::npos) << written.error().message;
  EXPECT_NE(written.error().message.find("Key (id)=(1) already exists"), std::string::npos) << written.error().message;
  EXPECT_EQ(table("s"), Lines{});
  const Outcome encoder = load(context("s", two_columns()), two_columns(), {row(1, "abc"), row(2, "äöüß")});
  EXPECT_NE(encoder.message().find("stream \"s\", row 2, column \"name\", value \"äöüß\": the text is longer"),
            std::string::npos)
      << encoder.message();
  sql("ALTER TABLE s ALTER name SET NOT NULL");
  const Outcome null = load(context("s", two_columns()), two_columns(), {row(1, "abc"), row(2, nullptr)});
  EXPECT_NE(null.message().find("stream \"s\", row 2, column \"name\", value NULL: null value"), std::string::npos)
      << null.message();
  EXPECT_EQ(table("s"), Lines{});
}

// COPY says at which line it stopped; an INSERT and a merge do not.
TEST_F(RefusalTest, FailNamesTheRowOfAnInsertAndOfAMerge) {
  const auto batch = [](const std::vector<Json>& rows) { return make_batch(two_columns(), rows); };
  std::vector<Json> many;
  for (int64_t i = 0; i < 5000; ++i) many.push_back(row(i, "n" + std::to_string(i)));
  std::vector<Json> last_bad = many;
  last_bad.push_back(row(9999, "bad"));
  std::vector<Json> replaced = {row(7, "bad")};  // by row 9 of the batch
  replaced.insert(replaced.end(), many.begin(), many.begin() + 100);
  replaced.push_back(row(4000, nullptr));
  const Json by_key = upsert({"id"});
  const struct {
    const char* method;
    Json mode;
    std::vector<Batches::value_type> batches;
    const char* named;
  } cases[] = {
      {"insert",
       "append",
       {batch({row(1, "a")}), batch({row(2, "b"), row(3, nullptr), row(4, "bad")})},
       R"(stream "s", row 3, column "name", value NULL: null value in column "name")"},
      {"insert",
       "append",
       {batch({row(-5, "a")}), batch(last_bad)},
       R"(row 5002: new row for relation "s" violates check constraint "s_name_check" (Failing row contains (9999, bad).) in {"id":9999,"name":"bad"}. Table)"},
      {"insert", "replace", {batch(last_bad)}, R"(stream "s", row 5001: new row for relation)"},
      {"insert",
       "append",
       {batch({row(1, "a"), row(2, "b"), row(2, "c"), row(3, "d")})},
       R"(row 3: duplicate key value violates unique constraint "s_pkey" (Key (id)=(2) already exists.) in {"id":2,"name":"c"})"},
      {"insert",
       "append",
       {batch({row(1, "a"), row(2, "b")}), batch({row(3, "c"), row(2, "c")})},
       R"(stream "s", row 4: duplicate key value violates unique constraint "s_pkey" (Key (id)=(2) already exists.))"},
      // Its twin is in a batch that is gone.
      {"insert",
       "append",
       {batch({row(1, std::string(1 << 20, 'x')), row(2, "b")}), batch({row(3, "c")}), batch({row(2, "c")})},
       R"(stream "s", rows 3 to 4: duplicate key value violates unique constraint "s_pkey" (Key (id)=(2) already)"},
      {"insert",
       by_key,
       {batch({row(1, "a"), row(1, "b"), row(2, nullptr)})},
       R"(stream "s", row 3, column "name", value NULL)"},
      {"copy",
       by_key,
       {batch({row(1, "a")}), batch({row(2, "b"), row(3, nullptr), row(4, "b")})},
       R"(stream "s", row 3, column "name", value NULL: null value in column "name")"},
      {"copy",
       by_key,
       {batch(many), batch({row(9999, "bad")}), batch(many)},
       R"(row 5001: new row for relation "s" violates check constraint "s_name_check" (Failing row contains (9999, bad).) in {"id":9999,"name":"bad"}. Table)"},
      {"copy", by_key, {batch(replaced)}, R"(stream "s", row 102, column "name", value NULL)"},
      {"copy",
       by_key,
       {batch({row(1, "a"), row(2, "same"), row(3, "b"), row(4, "same")})},
       R"(row 4: duplicate key value violates unique constraint "s_name_key" (Key (name)=(same) already exists.) in {"id":4,)"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.method) + " " + c.mode.dump() + " " + c.named);
    sql("SET client_min_messages = error; DROP TABLE IF EXISTS s; CREATE TABLE s (id bigint PRIMARY KEY, name text NOT "
        "NULL CHECK (name <> 'bad')); INSERT INTO s VALUES (-1, 'old')");
    if (std::string(c.named).find("s_name_key") != std::string::npos) sql("ALTER TABLE s ADD UNIQUE (name)");
    const Status status =
        load(context("s", two_columns(), c.mode), c.batches, {{"load_method", c.method}}, Commits::kAtTheEnd).status;
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, "ROW_REFUSED");
    EXPECT_EQ(status.error().category, sdk::ErrorCategory::kData);
    EXPECT_NE(status.error().message.find(c.named), std::string::npos) << status.error().message;
    EXPECT_EQ(table("s"), Lines{"(-1,old)"});
  }
}

TEST_F(RefusalTest, FailNamesTheColumnOfATextThatItsTypeDoesNotRead) {
  sql("CREATE TABLE s (id bigint, a inet, c inet, n integer[])");
  const Schema schema{{{"id", kInt}, {"a", kText}, {"c", kText}, {"n", kText}}};
  const std::vector<Json> rows = {Json::array({1, "10.0.0.1", nullptr, "{1}"}), Json::array({2, nullptr, "::1", "{}"}),
                                  Json::array({3, "10.0.0.1", "ten", "{2"})};
  for (const char* method : {"copy", "insert"}) {
    const Outcome outcome = load(context("s", schema), schema, rows, {{"load_method", method}});
    EXPECT_EQ(outcome.code(), "ROW_REFUSED");
    EXPECT_NE(
        outcome.message().find(R"(stream "s", row 3, column "c", value "ten": invalid input syntax for type inet)"),
        std::string::npos)
        << method << ": " << outcome.message();
  }
  EXPECT_EQ(table("s"), Lines{});
}

// A search that cannot find the row says what the server said.
TEST_F(RefusalTest, ARefusalThatDoesNotComeAgainIsToldAllTheSame) {
  sql("CREATE TABLE s (id bigint PRIMARY KEY, name text); CREATE SEQUENCE seen; CREATE FUNCTION once() RETURNS trigger "
      "LANGUAGE plpgsql SET search_path FROM CURRENT AS 'BEGIN IF nextval(''seen'') = 2 THEN RAISE ''only once''; END "
      "IF; RETURN NEW; END'; CREATE TRIGGER t BEFORE INSERT ON s FOR EACH ROW EXECUTE FUNCTION once()");
  const Json modes[] = {"append", upsert({"id"}), "replace"};
  for (const Json& mode : modes) {
    for (const char* method : {"copy", "insert"}) {
      SCOPED_TRACE(mode.dump() + method);
      sql("SELECT setval('seen', 1, false)");
      const Outcome outcome =
          load(context("s", two_columns(), mode), two_columns(), {row(1, "a"), row(2, "b")}, {{"load_method", method}});
      EXPECT_EQ(outcome.code(), "ROW_REFUSED") << outcome.status.to_string();
      EXPECT_NE(outcome.message().find("only once"), std::string::npos) << outcome.message();
      EXPECT_EQ(table("s"), Lines{});
    }
  }
}

TEST_F(RefusalTest, WhatATriggerRaisesUnderItsOwnCodeIsARefusedRow) {
  sql("CREATE TABLE s (id bigint PRIMARY KEY, name text); CREATE FUNCTION judge() RETURNS trigger LANGUAGE plpgsql AS "
      "'BEGIN IF NEW.id = 2 THEN RAISE EXCEPTION ''no twos'' USING ERRCODE = ''45000''; END IF; IF NEW.id = 3 THEN "
      "RAISE "
      "insufficient_privilege USING MESSAGE = ''no threes''; END IF; RETURN NEW; END'; CREATE TRIGGER t BEFORE INSERT "
      "ON "
      "s FOR EACH ROW EXECUTE FUNCTION judge()");
  for (const Json& mode : {Json("append"), upsert({"id"})}) {
    for (const char* method : {"copy", "insert"}) {
      SCOPED_TRACE(mode.dump() + " " + method);
      sql("TRUNCATE s");
      const Json more = {{"load_method", method}};
      const std::vector<Json> rows = {row(1, "a"), row(2, "b"), row(3, "c"), row(4, "d")};
      const Outcome failed = load(context("s", two_columns(), mode), two_columns(), rows, more);
      EXPECT_EQ(failed.code(), "ROW_REFUSED");
      EXPECT_NE(failed.message().find("stream \"s\", row 2"), std::string::npos) << failed.message();
      EXPECT_NE(failed.message().find("no twos"), std::string::npos) << failed.message();
      const Outcome kept = load(on_error(context("s", two_columns(), mode), "dlq"), two_columns(), rows, more);
      ASSERT_EQ(kept.code(), "ok") << kept.status.to_string();
      ASSERT_EQ(kept.dlq.size(), 2U);
      EXPECT_NE(kept.dlq[1].error_message.find("row 3: no threes"), std::string::npos) << kept.dlq[1].error_message;
      EXPECT_EQ(table("s"), (Lines{"(1,a)", "(4,d)"}));
    }
  }
}

TEST_F(RefusalTest, RowsThatRowSecurityForbidsAreRefusedRowsAndMissingRightsAreNot) {
  const std::string role = schema_name() + "_role";
  sql("CREATE ROLE " + role + " LOGIN PASSWORD 'few'; GRANT USAGE, CREATE ON SCHEMA " + schema_name() + " TO " + role +
      "; CREATE TABLE s (id bigint PRIMARY KEY, name text); GRANT SELECT, INSERT, UPDATE ON s TO " + role +
      "; ALTER TABLE s ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON s USING (true) WITH CHECK (id <> 2)");
  Json more = {{"user", role}, {"password", "few"}, {"load_method", "insert"}};
  const std::vector<Json> rows = {row(1, "a"), row(2, "b"), row(3, "c")};
  const Json ctx = context("s", two_columns());
  const Outcome failed = load(ctx, two_columns(), rows, more);
  EXPECT_EQ(failed.code(), "ROW_REFUSED") << failed.status.to_string();
  EXPECT_NE(failed.message().find("row 2: new row violates row-level security policy"), std::string::npos)
      << failed.message();
  EXPECT_EQ(load(on_error(ctx, "skip"), two_columns(), rows, more).code(), "ok");
  EXPECT_EQ(table("s"), (Lines{"(1,a)", "(3,c)"}));
  more["load_method"] = "copy";
  const Json by_key = context("s", two_columns(), upsert({"id"}));
  const Outcome merged = load(by_key, two_columns(), rows, more);
  EXPECT_EQ(merged.code(), "ROW_REFUSED") << merged.status.to_string();
  EXPECT_NE(merged.message().find("row 2: new row violates"), std::string::npos) << merged.message();
  // A trigger that lacks a right lacks it for every row.
  sql("CREATE TABLE log (id bigint); CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SET search_path FROM "
      "CURRENT "
      "AS 'BEGIN INSERT INTO log VALUES (NEW.id); RETURN NEW; END'; CREATE TRIGGER t BEFORE INSERT ON s FOR EACH ROW "
      "EXECUTE FUNCTION note()");
  more["load_method"] = "insert";
  EXPECT_EQ(load(on_error(ctx, "skip"), two_columns(), {row(8, "a")}, more).code(), "PERMISSION_DENIED");
  sql("SET client_min_messages = error; DROP OWNED BY " + role + "; DROP ROLE " + role);
}

TEST_F(RefusalTest, SkipAndDlqKeepTheGoodRowsInEveryWay) {
  for (const Json& mode : {Json("append"), Json("replace"), upsert({"id"})}) {
    for (const char* method : {"copy", "insert"}) {
      for (const char* policy : {"skip", "dlq"}) {
        SCOPED_TRACE(mode.dump() + " " + method + " " + policy);
        sql("SET client_min_messages = error; DROP TABLE IF EXISTS s; "
            "CREATE TABLE s (id bigint PRIMARY KEY, name text NOT NULL CHECK (name <> 'n77'))");
        const Batches batches = {make_batch(two_columns(), mixed_rows(100)),
                                 make_batch(two_columns(), {row(1000, "x"), row(1001, nullptr)})};
        const Outcome outcome =
            load(on_error(context("s", two_columns(), mode), policy), batches, {{"load_method", method}});
        ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
        EXPECT_EQ(outcome.summary.records_written, 90U);
        EXPECT_EQ(outcome.summary.records_failed, 12U);
        EXPECT_EQ(sql("SELECT count(*), sum(id) FROM s"), Lines{"90\t" + std::to_string(4470 - 77 + 1000)});
        if (std::string(policy) == "dlq") {
          ASSERT_EQ(outcome.dlq.size(), 12U);
          EXPECT_EQ(outcome.dlq[1].record_json, R"({"id":13,"name":null})");
          EXPECT_NE(outcome.dlq[1].error_message.find("row 14, column \"name\", value NULL"), std::string::npos)
              << outcome.dlq[1].error_message;
          EXPECT_NE(outcome.dlq[11].error_message.find("row 102"), std::string::npos) << outcome.dlq[11].error_message;
        }
      }
    }
  }
}

// Batches of one transaction share a statement until a row is refused.
TEST_F(RefusalTest, AGroupOfBatchesIsLoadedAgainAroundItsRefusedRows) {
  const auto text = [](size_t length) { return std::string(length, 'x'); };
  const struct {
    const char* what;
    const char* constraint;
    bool (*refused)(int64_t id);
  } cases[] = {
      {"none", "CHECK (true)", [](int64_t) { return false; }},
      {"the server names the row", "CHECK (id % 1000 <> 77)", [](int64_t id) { return id % 1000 == 77; }},
      {"it names none", "REFERENCES parent", [](int64_t id) { return id % 1700 == 3; }},
      {"one in the last batch", "CHECK (id <> 6999)", [](int64_t id) { return id == 6999; }},
      {"one in the first batch", "CHECK (id <> 0)", [](int64_t id) { return id == 0; }},
  };
  Schema schema = two_columns();
  schema.fields.push_back({"more", kText});
  for (const auto& c : cases) {
    // 7 batches of 1,000 rows, the fifth so large that the group ends with it, the sixth with another column. One row
    // of each is refused by the encoder.
    Batches batches;
    std::vector<int64_t> refused;
    for (int64_t first = 0; first < 7000; first += 1000) {
      std::vector<Json> rows;
      for (int64_t id = first; id < first + 1000; ++id) {
        const bool too_long = id % 1000 == 500;
        if (too_long || c.refused(id)) refused.push_back(id);
        Json cells = row(id, text(too_long ? 9001 : (first == 4000 ? 8990 : 10)));
        if (first == 5000) cells.push_back("m");
        rows.push_back(cells);
      }
      batches.push_back(make_batch(first == 5000 ? schema : two_columns(), rows));
    }
    for (const Json& mode : {Json("append"), upsert({"id"})}) {
      for (const char* method : {"copy", "insert"}) {
        SCOPED_TRACE(std::string(c.what) + " " + mode.dump() + " " + method);
        sql("SET client_min_messages = error; DROP TABLE IF EXISTS s; DROP TABLE IF EXISTS parent; DROP TABLE IF "
            "EXISTS "
            "_rapidbyte_receipts; CREATE TABLE parent (id bigint PRIMARY KEY); INSERT INTO parent SELECT id FROM "
            "generate_series(0, 6999) id WHERE id % 1700 <> 3; CREATE TABLE s (id bigint PRIMARY KEY " +
            std::string(c.constraint) + ", name varchar(9000), more text)");
        const Outcome outcome =
            load(on_error(context("s", schema, mode), "dlq"), batches, {{"load_method", method}}, Commits::kAtTheEnd);
        ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
        EXPECT_EQ(outcome.summary.records_written, 7000 - refused.size());
        EXPECT_EQ(outcome.summary.records_failed, refused.size());
        std::vector<int64_t> reported;
        for (const auto& record : outcome.dlq) {
          const int64_t id = Json::parse(record.record_json)["id"].get<int64_t>();
          reported.push_back(id);
          const std::string place = "stream \"s\", row " + std::to_string(id + 1);
          EXPECT_EQ(record.error_message.find(place + (id % 1000 == 500 ? ", column" : ": ")), 0U)
              << record.error_message;
        }
        std::ranges::sort(reported);
        EXPECT_EQ(reported, refused);
        const std::string good = std::to_string(7000 - refused.size());
        const bool loses_m = c.refused(5077) || c.refused(5103);
        EXPECT_EQ(sql("SELECT count(*), count(DISTINCT id), count(more), min(id), max(id) FROM s"),
                  Lines{good + "\t" + good + "\t" + (loses_m ? "998" : "999") + "\t" + (c.refused(0) ? "1" : "0") +
                        "\t" + (c.refused(6999) ? "6998" : "6999")});
        EXPECT_EQ(sql("SELECT rows FROM _rapidbyte_receipts"), Lines{good});
      }
    }
  }
}

// The server stops reading before the whole group is sent; later batches belong to a separate group.
TEST_F(RefusalTest, AGroupThatTheServerBreaksOffEarlyIsLoadedAgain) {
  Batches batches;
  for (int64_t batch = 0; batch < 6; ++batch) {
    std::vector<Json> rows;
    for (int64_t i = 0; i < 250; ++i) rows.push_back(row(batch * 250 + i, std::string(8000, 'x')));
    batches.push_back(make_batch(two_columns(), rows));
  }
  for (const auto commits : {Commits::kAtTheEnd, Commits::kAfterEachBatch}) {
    sql("SET client_min_messages = error; DROP TABLE IF EXISTS s; CREATE TABLE s (id bigint CHECK (id NOT IN (3, "
        "999)), "
        "name text)");
    const Outcome outcome = load(on_error(context("s", two_columns()), "skip"), batches, Json::object(), commits);
    ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
    EXPECT_EQ(outcome.summary.records_written, 1498U);
    EXPECT_EQ(outcome.summary.records_failed, 2U);
    EXPECT_EQ(sql("SELECT count(*), count(DISTINCT id), sum(length(name)) FROM s"), Lines{"1498\t1498\t11984000"});
    const auto logged = std::ranges::count_if(
        outcome.logs, [](const std::string& line) { return line.find("skipped") != std::string::npos; });
    EXPECT_EQ(logged, 1) << "the first, then the tenth";
  }
}

TEST_F(RefusalTest, TheLastRowOfAKeyWinsOverBatchesOfAGroup) {
  for (const char* method : {"copy", "insert"}) {
    SCOPED_TRACE(method);
    sql("SET client_min_messages = error; DROP TABLE IF EXISTS s; CREATE TABLE s (id bigint PRIMARY KEY, name text "
        "CHECK "
        "(name <> 'bad'))");
    const Batches batches = {make_batch(two_columns(), {row(1, "a"), row(2, "b")}),
                             make_batch(two_columns(), {row(3, "c"), row(1, "d")}),
                             make_batch(two_columns(), {row(2, "e"), row(4, "f")})};
    const Json ctx = on_error(context("s", two_columns(), upsert({"id"})), "skip");
    const Outcome outcome = load(ctx, batches, {{"load_method", method}}, Commits::kAtTheEnd);
    ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
    EXPECT_EQ(table("s"), (Lines{"(1,d)", "(2,e)", "(3,c)", "(4,f)"}));
    Batches bad = batches;
    bad.push_back(make_batch(two_columns(), {row(1, "bad"), row(3, "g")}));
    ASSERT_EQ(load(ctx, bad, {{"load_method", method}}, Commits::kAtTheEnd).code(), "ok");
    EXPECT_EQ(table("s"), (Lines{"(1,d)", "(2,e)", "(3,g)", "(4,f)"}));
  }
}

// The new column is gone with the transaction, so the search for the row cannot load the batch again.
TEST_F(RefusalTest, ASearchThatCannotLoadAgainSaysWhatTheServerSaid) {
  sql("CREATE TABLE s (id bigint PRIMARY KEY, name text)");
  Schema wider = two_columns();
  wider.fields.push_back({"more", kText});
  const Outcome outcome = load(context("s", wider),
                               {make_batch(two_columns(), {row(1, "a")}),
                                make_batch(wider, {Json::array({2, "b", "m"}), Json::array({2, "c", "m"})})},
                               {{"load_method", "insert"}}, Commits::kAtTheEnd);
  EXPECT_EQ(outcome.code(), "ROW_REFUSED") << outcome.status.to_string();
  EXPECT_NE(outcome.message().find("Key (id)=(2) already exists"), std::string::npos) << outcome.message();
  EXPECT_EQ(table("s"), Lines{});
}

TEST_F(RefusalTest, ARowIsRefusedOnlyIfTheGoodOnesBeforeItForbidIt) {
  // Row 2 breaks a check and has the key of row 3, which is fine without it.
  sql("CREATE TABLE s (id bigint PRIMARY KEY, name text CHECK (name <> 'bad'))");
  const Outcome outcome = load(on_error(context("s", two_columns()), "dlq"), two_columns(),
                               {row(1, "a"), row(2, "bad"), row(2, "b"), row(1, "c"), row(3, "d")});
  ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
  EXPECT_EQ(table("s"), (Lines{"(1,a)", "(2,b)", "(3,d)"}));
  ASSERT_EQ(outcome.dlq.size(), 2U);
}

TEST_F(RefusalTest, ValuesWithoutAnExactPlaceAreRefusedByName) {
  const std::string bad_utf8("a\xff", 2);
  const std::string nul("a\0b", 3);
  const struct {
    const char* column;
    DataType type;
    Json good, bad;
  } cases[] = {
      {"bigint", DataType::of(TypeId::kUInt64), 1, UINT64_MAX},
      {"uuid", kText, "a0eebc999c0b4ef8bb6d6bb9bd380a11", "a0eebc99"},
      {"text", kText, "é", nul},
      {"varchar(3)", kText, "äöü", "abcd"},
      {"char(3)", kText, "ab", "abcd"},
      {"name", kText, std::string(63, 'n'), std::string(64, 'n')},
      {"json", kText, "{}", "{"},
      {"jsonb", kText, "{}", "{\"a\":}"},
      {"jsonb", kText, "{}", std::string(100'000, '[') + std::string(100'000, ']')},
      {"inet", kText, "10.0.0.1", "ten"},
      {"integer[]", kText, "{1,2}", "{1"},
      {"xml", kText, "<a/>", "<a>"},
      {"\"char\"", kText, "a", "abc"},
      {"\"char\"", kText, "\\377", "\\400"},
      {"bit(2)", kText, "01", "011"},
      {"oid", kInt, 1, -1},
      {"date", DataType::of(TypeId::kDate32), 0, 2'145'042'906},
      {"timestamp", DataType::timestamp(sdk::TimeUnit::kMicrosecond), 0, -211'813'488'000'000'000},
      {"timestamp", DataType::timestamp(sdk::TimeUnit::kSecond), 0, INT64_MAX - 1},
      {"timestamp", DataType::timestamp(sdk::TimeUnit::kNanosecond), 1000, 1001},
      {"timestamp(0)", DataType::timestamp(sdk::TimeUnit::kSecond), 1, "infinity"},
      {"time", DataType::time64(sdk::TimeUnit::kMicrosecond), 0, -1},
      {"time", DataType::time64(sdk::TimeUnit::kNanosecond), 1000, 999},
      {"interval", DataType::of(TypeId::kIntervalMonthDayNano), Json::array({0, 0, 1000}), Json::array({0, 0, 1})},
  };
  int number = 0;
  for (const auto& c : cases) {
    for (const char* method : {"copy", "insert"}) {
      const std::string name = "t" + std::to_string(number++);
      SCOPED_TRACE(std::string(method) + " " + c.column + " <- " + c.type.name());
      sql("CREATE TABLE " + name + " (id bigint, c " + c.column + ")");
      const Schema schema{{{"id", kInt}, {"c", c.type}}};
      const std::vector<Json> rows = {Json::array({1, c.good}), Json::array({2, c.bad}), Json::array({3, nullptr})};
      const Outcome failed = load(context(name, schema), schema, rows, {{"load_method", method}});
      EXPECT_EQ(failed.code(), "ROW_REFUSED") << failed.status.to_string();
      const Outcome skipped = load(on_error(context(name, schema), "skip"), schema, rows, {{"load_method", method}});
      EXPECT_EQ(skipped.code(), "ok") << skipped.status.to_string();
      EXPECT_EQ(sql("SELECT id, c IS NULL FROM " + name + " ORDER BY id"), (Lines{"1\tf", "3\tt"}));
    }
  }
  const Schema text{{{"c", kText}}};
  const Outcome invalid = load(context("utf8", text), text, {Json::array({bad_utf8})});
  EXPECT_EQ(invalid.code(), "ROW_REFUSED");
  EXPECT_NE(invalid.message().find("UTF-8"), std::string::npos) << invalid.message();
}

TEST_F(RefusalTest, TriggersThatDropRowsAreNotSilent) {
  sql("CREATE TABLE s (id bigint PRIMARY KEY, name text); CREATE FUNCTION drop_it() RETURNS trigger LANGUAGE plpgsql "
      "AS "
      "'BEGIN IF NEW.id = 2 THEN RETURN NULL; END IF; IF NEW.id = 3 THEN RAISE ''no threes''; END IF; RETURN NEW; END';"
      "CREATE TRIGGER t BEFORE INSERT ON s FOR EACH ROW EXECUTE FUNCTION drop_it()");
  for (const Json& mode : {Json("append"), upsert({"id"}), Json("replace")}) {
    SCOPED_TRACE(mode.dump());
    EXPECT_EQ(load(context("s", two_columns(), mode), two_columns(), {row(1, "a"), row(2, "b")}).code(),
              "ROW_DISCARDED");
    EXPECT_EQ(table("s"), Lines{});
  }
  const Outcome raised = load(on_error(context("s", two_columns()), "skip"), two_columns(), {row(3, "c"), row(4, "d")});
  ASSERT_EQ(raised.code(), "ok") << raised.status.to_string();
  EXPECT_EQ(table("s"), Lines{"(4,d)"});
}

TEST_F(RefusalTest, UpsertsCountWhatTriggersLetPass) {
  sql("CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS "
      "'BEGIN IF NEW.id = 5 THEN RETURN NULL; END IF; RETURN NEW; END';"
      "CREATE TABLE links (id bigint, name text, PRIMARY KEY (id, name)); CREATE TRIGGER t BEFORE INSERT ON links FOR "
      "EACH ROW EXECUTE FUNCTION keep();"
      "CREATE TABLE parts (id bigint PRIMARY KEY, name text) PARTITION BY RANGE (id); CREATE TABLE leaf PARTITION OF "
      "parts DEFAULT; CREATE TRIGGER t BEFORE INSERT ON leaf FOR EACH ROW EXECUTE FUNCTION keep()");
  for (const char* method : {"copy", "insert"}) {
    SCOPED_TRACE(method);
    const Json more = {{"load_method", method}};
    // The second run finds every row there.
    for (int run = 0; run < 2; ++run) {
      const Json keys = context("links", two_columns(), upsert({"id", "name"}));
      const Outcome all_key = load(keys, two_columns(), {row(1, "a"), row(2, "b"), row(1, "a")}, more);
      EXPECT_EQ(all_key.code(), "ok") << all_key.status.to_string();
      EXPECT_EQ(load(keys, two_columns(), {row(1, "a"), row(5, "b")}, more).code(), "ROW_DISCARDED");
      EXPECT_EQ(load(context("parts", two_columns(), upsert({"id"})), two_columns(), {row(5, "b")}, more).code(),
                "ROW_DISCARDED");
    }
  }
  EXPECT_EQ(table("links"), (Lines{"(1,a)", "(2,b)"}));
}

TEST_F(RefusalTest, ConstraintsThatWaitForTheCommitFailIt) {
  sql("CREATE TABLE parent (id bigint PRIMARY KEY); CREATE TABLE s (id bigint REFERENCES parent DEFERRABLE INITIALLY "
      "DEFERRED, name text)");
  const Outcome outcome = load(context("s", two_columns()), two_columns(), {row(1, "a")});
  EXPECT_EQ(outcome.status.error().category, sdk::ErrorCategory::kData) << outcome.status.to_string();
  EXPECT_EQ(outcome.status.error().commit_state, sdk::CommitState::kBeforeCommit);
  EXPECT_EQ(table("s"), Lines{});
}

// The statement that writes the receipt fails in the same way when another run has come in between.
TEST_F(RefusalTest, ATriggersDivisionByZeroInTheCommitIsTheTriggers) {
  sql("CREATE TABLE s (id bigint PRIMARY KEY, name text); CREATE FUNCTION ratio() RETURNS "
      "trigger LANGUAGE plpgsql AS 'BEGIN PERFORM 1 / (NEW.id - 1); RETURN NULL; END'; CREATE CONSTRAINT TRIGGER t "
      "AFTER INSERT ON s DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION ratio()");
  const Outcome outcome = load(context("s", two_columns()), two_columns(), {row(1, "a")});
  EXPECT_NE(outcome.code(), "RECEIPT_CHANGED");
  EXPECT_NE(outcome.message().find("division by zero"), std::string::npos) << outcome.message();
  EXPECT_EQ(outcome.status.error().commit_state, sdk::CommitState::kBeforeCommit);
  EXPECT_EQ(table("s"), Lines{});
}

TEST_F(RefusalTest, ABatchOfNothingButBadRowsEndsSoon) {
  sql("CREATE TABLE s (id bigint, name text NOT NULL)");
  std::vector<Json> rows;
  for (int64_t i = 0; i < 2000; ++i) rows.push_back(row(i, nullptr));
  rows.push_back(row(2000, "good"));
  const Outcome outcome = load(on_error(context("s", two_columns()), "skip"), two_columns(), rows);
  ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
  EXPECT_EQ(outcome.summary.records_failed, 2000U);
  EXPECT_EQ(table("s"), Lines{"(2000,good)"});
  EXPECT_LT(outcome.sends, 10 * 2000U) << "a few statements for each refused row, not the whole batch";
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
