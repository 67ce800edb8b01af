#include <gtest/gtest.h>

#include "catalog.h"
#include "rapidbyte/testing/fake_host.h"
#include "server_fixture.h"

namespace rapidbyte::source_postgres {
namespace {

using sdk::Json;
using testing::RunOptions;
using testing::RunResult;
using testing::ServerTest;

class Discovery : public ServerTest {
 protected:
  static std::vector<std::string> names_of(const sdk::Catalog& catalog) {
    std::vector<std::string> out;
    for (const sdk::CatalogStream& stream : catalog.streams) out.push_back(stream.name);
    return out;
  }
  static const sdk::CatalogStream* find(const sdk::Catalog& catalog, std::string_view name) {
    for (const sdk::CatalogStream& stream : catalog.streams) {
      if (stream.name == name) return &stream;
    }
    return nullptr;
  }
};

TEST_F(Discovery, ListsWhatUsersMadeAndNothingElse) {
  sql("CREATE SCHEMA sales; CREATE SCHEMA \"Odd schema\"; CREATE TABLE orders (id int PRIMARY KEY, note text);"
      "CREATE TABLE sales.orders (id int); CREATE TABLE \"Odd schema\".\"a.b\"\"c\" (id int); CREATE TABLE \"Mixed "
      "Case\" (id int);"
      "CREATE VIEW v AS SELECT 1 AS one; CREATE MATERIALIZED VIEW m AS SELECT 2 AS two;"
      "CREATE TABLE parts (k int, v text) PARTITION BY RANGE (k); CREATE TABLE parts_1 PARTITION OF parts FOR VALUES "
      "FROM (0) TO (10);"
      "CREATE TABLE sub PARTITION OF parts FOR VALUES FROM (10) TO (20) PARTITION BY LIST (k);"
      "CREATE TABLE sub_1 PARTITION OF sub FOR VALUES IN (11);"
      "CREATE SEQUENCE s; CREATE TYPE pair AS (a int); CREATE TABLE _rapidbyte_receipts (x int); CREATE TABLE "
      "empty_one ();"
      "CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER far FOREIGN DATA WRAPPER nothing; CREATE FOREIGN TABLE "
      "abroad (x int) SERVER far;"
      "CREATE TEMP TABLE gone (x int)");
  const auto catalog = discover();
  ASSERT_TRUE(catalog.ok()) << catalog.error().message;
  EXPECT_EQ(names_of(*catalog), (std::vector<std::string>{"Odd schema.\"a.b\"\"c\"", "Mixed Case", "abroad",
                                                          "empty_one", "m", "orders", "parts", "v", "sales.orders"}));
  EXPECT_EQ(find(*catalog, "empty_one")->schema.size(), 0U);
  EXPECT_EQ(find(*catalog, "orders")->source_defined_primary_key, std::vector<std::string>{"id"});
  EXPECT_EQ(find(*catalog, "orders")->supported_sync_modes.size(), 2U);
  const auto of_sales = discover({{"schema", "sales"}});
  ASSERT_TRUE(of_sales.ok());
  // Both name their schema: a destination whose own is public would put `orders` and `public.orders` into one table.
  EXPECT_NE(find(*of_sales, "sales.orders"), nullptr);
  EXPECT_NE(find(*of_sales, "public.orders"), nullptr);
  EXPECT_EQ(find(*of_sales, "orders"), nullptr);
}

// A run of one stream discovers and reads in one session, while others keep changing tables in between.
TEST_F(Discovery, APreparedLookSeesTheTableAsItIsNow) {
  sql("CREATE TABLE t (a int); CREATE TABLE u (x int)");
  sdk::testing::FakeHost host;
  auto session = open_session(postgres::read_connection_options(*std::make_unique<sdk::ConfigReader>(config())));
  ASSERT_TRUE(session.ok()) << session.error().message;
  const TableName t{"public", "t"};
  const TableName u{"public", "u"};
  ASSERT_EQ(load_relations(*session, {&t, 1})->front().columns.size(), 1U);
  sql("ALTER TABLE t ADD COLUMN b text, ADD PRIMARY KEY (a)");
  auto now = begin_read(*session, t);
  ASSERT_TRUE(now.ok()) << now.error().message;
  EXPECT_EQ(now->columns.size(), 2U);
  EXPECT_EQ(now->primary_key(), std::vector<std::string>{"a"});
  ASSERT_TRUE(session->connection.exec("ROLLBACK").ok());
  const auto kept = session->connection.query("SELECT name, generic_plans FROM pg_prepared_statements");
  ASSERT_TRUE(kept.ok()) << kept.error().message;
  EXPECT_EQ(kept->rows, (std::vector<postgres::Row>{{"rapidbyte_look", "2"}})) << "one statement, run twice";
  // Another table is looked at by the same statement.
  EXPECT_EQ(begin_read(*session, u)->columns.front().name, "x");
  ASSERT_TRUE(session->connection.exec("ROLLBACK").ok());
  EXPECT_EQ(load_relations(*session, {&u, 1})->front().name, u);
  EXPECT_EQ(begin_read(*session, t)->columns.size(), 2U);
  ASSERT_TRUE(session->connection.exec("ROLLBACK").ok());
  EXPECT_EQ(begin_read(*session, u)->name, u);
  ASSERT_TRUE(session->connection.exec("ROLLBACK").ok());
  sql("DROP TABLE t");
  EXPECT_EQ(begin_read(*session, t).error().code, "TABLE_MISSING");
}

// What a full refresh does not need is not looked up; what decides how values are read is the same.
TEST_F(Discovery, TheShortLookOfAFullRefreshReadsValuesAsTheLongOneDoes) {
  sql("CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE DOMAIN d AS numeric(9,3) NOT NULL; CREATE TYPE pair AS (a "
      "int, b "
      "text); CREATE FUNCTION pair_text(pair) RETURNS text LANGUAGE sql AS 'SELECT $1.b'; CREATE CAST (pair AS text) "
      "WITH "
      "FUNCTION pair_text(pair); CREATE TABLE t (id bigint PRIMARY KEY, name text COLLATE \"C\", m mood, money d, p "
      "pair, "
      "tags text[], at timestamptz(3), gone int); ALTER TABLE t DROP COLUMN gone; CREATE TABLE u (x int)");
  sdk::testing::FakeHost host;
  auto session = open_session(postgres::read_connection_options(*std::make_unique<sdk::ConfigReader>(config())));
  ASSERT_TRUE(session.ok()) << session.error().message;
  const TableName t{"public", "t"};
  const auto read = [&](bool for_cursor) {
    auto relation = begin_read(*session, t, std::nullopt, for_cursor);
    EXPECT_TRUE(relation.ok()) << relation.error().message;
    EXPECT_TRUE(session->connection.exec("ROLLBACK").ok());
    return relation.ok() ? *relation : Relation();
  };
  // Both ways, so that each is prepared beside the other.
  for (int again = 0; again < 2; ++again) {
    const Relation few = read(false);
    const Relation all = read(true);
    EXPECT_EQ(few.oid, all.oid);
    EXPECT_EQ(few.primary_key(), all.primary_key());
    ASSERT_EQ(few.columns.size(), 7U);
    ASSERT_EQ(all.columns.size(), 7U);
    for (size_t i = 0; i < all.columns.size(); ++i) {
      const ColumnPlan short_plan = plan_column(few.columns[i], false);
      const ColumnPlan long_plan = plan_column(all.columns[i], false);
      EXPECT_EQ(short_plan.field.name, long_plan.field.name);
      EXPECT_EQ(short_plan.field.type, long_plan.field.type) << long_plan.field.name;
      EXPECT_EQ(short_plan.field.native_type, long_plan.field.native_type) << long_plan.field.name;
      EXPECT_EQ(short_plan.field.nullable, long_plan.field.nullable) << long_plan.field.name;
      EXPECT_EQ(short_plan.kind, long_plan.kind) << long_plan.field.name;
      EXPECT_EQ(short_plan.by_output, long_plan.by_output) << long_plan.field.name;
      EXPECT_EQ(short_plan.wire_type, long_plan.wire_type) << long_plan.field.name;
    }
    EXPECT_TRUE(few.unique_keys.empty()) << "it is short";
    EXPECT_EQ(all.unique_keys, (std::vector<std::vector<std::string>>{{"id"}}));
    EXPECT_EQ(all.find_column("name")->collation, "C");
  }
  // A failed look leaves nobody in doubt about what is prepared.
  EXPECT_EQ(begin_read(*session, {"public", "absent"}).error().code, "TABLE_MISSING");
  EXPECT_EQ(read(false).columns.size(), 7U);
  EXPECT_EQ(read(true).columns.size(), 7U);
}

// Which of a thousand tables need no COPY.
TEST_F(Discovery, TheShortLookSeesWhetherAPlainTableCanHaveRows) {
  sql("CREATE TABLE hollow (a int); CREATE TABLE filled (a int); INSERT INTO filled VALUES (1); CREATE TABLE emptied "
      "(a "
      "int); INSERT INTO emptied VALUES (1); DELETE FROM emptied; CREATE VIEW v AS SELECT a FROM filled; CREATE TABLE "
      "parts (a int) PARTITION BY RANGE (a); CREATE TABLE part PARTITION OF parts FOR VALUES FROM (0) TO (9); INSERT "
      "INTO parts VALUES (1); CREATE MATERIALIZED VIEW m AS SELECT a FROM hollow");
  sdk::testing::FakeHost host;
  auto session = open_session(postgres::read_connection_options(*std::make_unique<sdk::ConfigReader>(config())));
  ASSERT_TRUE(session.ok()) << session.error().message;
  for (const auto& [name, has_no_rows] : std::vector<std::pair<std::string, bool>>{
           {"hollow", true}, {"filled", false}, {"emptied", false}, {"v", false}, {"parts", false}, {"m", false}}) {
    const auto relation = begin_read(*session, {"public", name});
    ASSERT_TRUE(relation.ok()) << relation.error().message;
    EXPECT_EQ(relation->has_no_rows, has_no_rows) << name;
    ASSERT_TRUE(session->connection.exec("ROLLBACK").ok());
  }
  EXPECT_FALSE(begin_read(*session, {"public", "hollow"}, std::nullopt, /*for_cursor=*/true)->has_no_rows)
      << "the long look does not say";
}

TEST_F(Discovery, ATableThatCanHaveNoRowsIsNotCopied) {
  sql("CREATE TABLE filled (a int); INSERT INTO filled VALUES (1), (2); CREATE TABLE hollow (a int); CREATE TABLE "
      "parent "
      "(a "
      "int); CREATE TABLE child () INHERITS (parent); INSERT INTO child VALUES (1)");
  sdk::testing::FakeHost host;
  sdk::SourceAdapter<PostgresSource> source;
  Json config = this->config();
  config["streams"] = {{{"name", "filled"}}, {{"name", "hollow"}}, {{"name", "parent"}}, {{"name", "wrong"}}};
  config["streams"][3].update({{"table", "hollow"}, {"where", "a = nonsense()"}});
  ASSERT_TRUE(source.open(sdk::to_text(config)).ok());
  const auto catalog = source.discover();
  ASSERT_TRUE(catalog.ok()) << catalog.error().message;
  std::map<std::string, uint64_t> sends;
  const auto read = [&](size_t stream) {
    RunOptions options;
    options.stream = config["streams"][stream];
    options.name = *sdk::string_member(options.stream, "name");
    const auto schema = sdk::Schema::from_json((*sdk::parse_json(*catalog))["streams"][stream]["schema"]);
    const uint64_t before = host.calls("socket-write");
    auto summary = source.run_read(sdk::to_text(testing::make_run_context(options, *schema)));
    sends[options.name] = host.calls("socket-write") - before;
    return summary;
  };
  EXPECT_EQ(read(0)->records_read, 2U);
  const auto nothing = read(1);
  ASSERT_TRUE(nothing.ok()) << nothing.error().message;
  EXPECT_EQ(nothing->records_read, 0U);
  EXPECT_EQ(nothing->batches_emitted, 0U);
  EXPECT_LT(sends["hollow"], sends["filled"]);
  EXPECT_EQ(read(2)->records_read, 1U) << "rows of children are read with it";
  EXPECT_FALSE(read(3).ok()) << "whatever is wrong with a query is said of an empty table, too";
}

TEST_F(Discovery, KnowsColumnsAsTheyAreNow) {
  sql("CREATE TABLE t (a int, gone text, b numeric(10,2) NOT NULL, c int GENERATED ALWAYS AS (a * 2) STORED,"
      " d bigint GENERATED ALWAYS AS IDENTITY, e timestamptz(3), PRIMARY KEY (d, b)); ALTER TABLE t DROP COLUMN gone;"
      "INSERT INTO t (a, b) VALUES (4, 1.5)");
  const auto catalog = discover();
  ASSERT_TRUE(catalog.ok()) << catalog.error().message;
  const sdk::CatalogStream& stream = catalog->streams.at(0);
  EXPECT_EQ(stream.source_defined_primary_key, (std::vector<std::string>{"d", "b"}));
  Json columns = stream.schema.to_json();
  ASSERT_EQ(columns.size(), 5U);
  EXPECT_EQ(columns[1], (Json{{"name", "b"},
                              {"data_type", "Decimal128(10, 2)"},
                              {"nullable", false},
                              {"native_type", "postgresql:numeric(10,2)"},
                              {"special_values", true}}));
  EXPECT_EQ(columns[2]["name"], "c");
  EXPECT_EQ(columns[2]["nullable"], true);
  EXPECT_EQ(columns[4]["native_type"], "postgresql:timestamp(3) with time zone");
  const RunResult result = run({});
  ASSERT_TRUE(result.status.ok()) << result.status.error().message;
  EXPECT_EQ(result.rows, (std::vector<std::vector<std::string>>{{"4", "1.50", "8", "1", "NULL"}}));
}

// Their values are distinguished only by their order, so the other side must know it.
TEST_F(Discovery, SaysWhichFieldsCompositesHave) {
  sql("CREATE SCHEMA app; CREATE TYPE app.mood AS ENUM ('sad'); CREATE DOMAIN app.code AS varchar(5);"
      "CREATE TYPE app.inn AS (b text, \"A\" app.mood[]); CREATE DOMAIN app.dom AS app.inn;"
      "CREATE TYPE comp AS (n numeric(5,2), gone int, c app.code, i app.dom[]); ALTER TYPE comp DROP ATTRIBUTE gone;"
      "CREATE TYPE span AS RANGE (subtype = app.inn); CREATE TABLE other (id int, v app.inn);"
      "CREATE TABLE t (n int, c comp, ca comp[], d app.dom, s span, o other, m app.mood, x int[], t text)");
  const std::string inn = "(b text,\"A\" mood[])";
  const std::string comp = "(n numeric(5,2),c character varying(5),i " + inn + "[])";
  const std::vector<std::string> expected = {"", comp, comp + "[]", inn, inn + " range", "(id integer,v " + inn + ")",
                                             "", "",   ""};
  const Json named = {{"streams", {{{"name", "t"}, {"columns", {{"c", "text"}}}}}}};
  for (const Json& config : {Json::object(), named}) {
    const auto catalog = discover(config);
    ASSERT_TRUE(catalog.ok()) << catalog.error().message;
    const auto& fields = catalog->streams.back().schema.fields;
    ASSERT_EQ(fields.size(), expected.size());
    for (size_t i = 0; i < fields.size(); ++i) EXPECT_EQ(fields[i].native_fields, expected[i]) << fields[i].name;
  }
  RunOptions options;
  const RunResult result = run(options);
  EXPECT_TRUE(result.status.ok()) << result.status.error().message;
}

// Whoever may create types makes one of 2^22 fields with a few lines; written out it would fill the connector's memory.
// Here it is 2^17: the server itself looks at all of them when it creates the type.
TEST_F(Discovery, DescribesATypeThatDoublesAtEachLevel) {
  std::string types = "CREATE TYPE b0 AS (x int)";
  for (int i = 1; i < 18; ++i) {
    const std::string within = "b" + std::to_string(i - 1);
    types += "; CREATE TYPE b" + std::to_string(i) + " AS (a " + within + ", c " + within + ")";
  }
  sql(types + "; CREATE TABLE t (n int, v b17, w b1); INSERT INTO t VALUES (1, NULL, ROW(ROW(1), ROW(2)))");
  const Json named = {{"streams", {{{"name", "t"}}}}};
  for (const Json& config : {Json::object(), named}) {
    const auto catalog = discover(config);
    ASSERT_TRUE(catalog.ok()) << catalog.error().message;
    const auto& fields = catalog->streams.back().schema.fields;
    EXPECT_NE(fields[1].native_fields.find("(a sha256:"), std::string::npos) << fields[1].native_fields.substr(0, 100);
    EXPECT_LE(fields[1].native_fields.size(), 4096U);
    EXPECT_EQ(fields[2].native_fields, "(a (x integer),c (x integer))");
  }
  const RunResult result = run({});
  ASSERT_TRUE(result.status.ok()) << result.status.error().message;
  EXPECT_EQ(result.rows.size(), 1U);
}

TEST_F(Discovery, TakesOnlyTheKeyColumnsOfAnIndexForItsKey) {
  sql("CREATE TABLE t (id int, x text, PRIMARY KEY (id) INCLUDE (x)); CREATE MATERIALIZED VIEW unfilled AS SELECT 1 AS "
      "a WITH NO DATA");
  const auto catalog = discover();
  ASSERT_TRUE(catalog.ok()) << catalog.error().message;
  EXPECT_EQ(names_of(*catalog), std::vector<std::string>{"t"});  // nothing can be read of the other one
  EXPECT_EQ(catalog->streams[0].source_defined_primary_key, std::vector<std::string>{"id"});
}

TEST_F(Discovery, KnowsThatAKeyDoesNotHoldForChildTables) {
  sql("CREATE TABLE parent (id int PRIMARY KEY, c int NOT NULL); CREATE TABLE child () INHERITS (parent);"
      "CREATE TABLE former (id int PRIMARY KEY); CREATE TABLE gone () INHERITS (former); DROP TABLE gone");
  const auto catalog = discover();
  ASSERT_TRUE(catalog.ok()) << catalog.error().message;
  // Where all tables are streams, each contributes its own rows.
  EXPECT_EQ(find(*catalog, "parent")->source_defined_primary_key, std::vector<std::string>{"id"});
  EXPECT_FALSE(find(*catalog, "parent")->schema.fields[1].nullable);
  const auto named = discover({{"streams", {{{"name", "parent"}}}}});
  ASSERT_TRUE(named.ok()) << named.error().message;
  EXPECT_EQ(find(*named, "parent")->source_defined_primary_key, std::vector<std::string>{});
  EXPECT_TRUE(find(*named, "parent")->schema.fields[1].nullable);
  const auto alone = discover({{"streams", {{{"name", "parent"}, {"child_tables", "exclude"}}}}});
  ASSERT_TRUE(alone.ok()) << alone.error().message;
  EXPECT_EQ(find(*alone, "parent")->source_defined_primary_key, std::vector<std::string>{"id"});
  EXPECT_EQ(find(*catalog, "former")->source_defined_primary_key, std::vector<std::string>{"id"});
}

// Pagila's payment: a row of a child is one of its parent, too, and must not be loaded with both.
TEST_F(Discovery, ReadsARowOfAChildTableOnce) {
  sql("CREATE TABLE payment (id int PRIMARY KEY); CREATE TABLE payment_1 () INHERITS (payment); CREATE TABLE payment_2 "
      "() "
      "INHERITS (payment_1); INSERT INTO payment VALUES (1); INSERT INTO payment_1 VALUES (2), (3); INSERT INTO "
      "payment_2 "
      "VALUES (4);"
      "CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE parted_1 PARTITION OF parted FOR "
      "VALUES FROM (0) TO (10); INSERT INTO parted VALUES (1), (2)");
  const auto read_all = [&](const Json& more) {
    sdk::testing::FakeHost host;
    sdk::SourceAdapter<PostgresSource> source;
    Json config = this->config();
    config.update(more);
    EXPECT_TRUE(source.open(sdk::to_text(config)).ok());
    const auto catalog = source.discover();
    EXPECT_TRUE(catalog.ok()) << catalog.error().message;
    std::map<std::string, uint64_t> rows;
    const Json document = *sdk::parse_json(*catalog);
    for (const Json& stream : document["streams"]) {
      RunOptions options;
      options.name = *sdk::string_member(stream, "name");
      if (more.contains("streams")) options.stream = more["streams"][rows.size()];
      const auto schema = sdk::Schema::from_json(stream["schema"]);
      const auto read = source.run_read(sdk::to_text(testing::make_run_context(options, *schema)));
      EXPECT_TRUE(read.ok()) << read.error().message;
      rows[options.name] = read->records_read;
    }
    return rows;
  };
  using Counts = std::map<std::string, uint64_t>;
  EXPECT_EQ(read_all(Json::object()), (Counts{{"payment", 1}, {"payment_1", 2}, {"payment_2", 1}, {"parted", 2}}));
  // A named stream has its children's rows, like any SELECT.
  EXPECT_EQ(read_all({{"streams", {{{"name", "payment"}}}}}), (Counts{{"payment", 4}}));
  EXPECT_EQ(read_all({{"streams", {{{"name", "payment"}, {"child_tables", "exclude"}}}}}), (Counts{{"payment", 1}}));
  // Both are named: somebody has to say what is intended.
  for (const auto& [parent, child] : {std::pair("payment", "payment_1"), std::pair("payment", "payment_2"),
                                      std::pair("payment_1", "payment_2"), std::pair("parted", "parted_1")}) {
    const Json both = {{"streams", {{{"name", child}}, {{"name", parent}}}}};
    const auto refused = discover(both);
    ASSERT_FALSE(refused.ok()) << parent << child;
    EXPECT_EQ(refused.error().code, "CHILD_TABLES");
    EXPECT_NE(refused.error().message.find("child_tables: include"), std::string::npos) << refused.error().message;
    EXPECT_EQ(validate(both)->kind, sdk::Validation::Kind::kFailed);
  }
  EXPECT_EQ(read_all({{"streams", {{{"name", "payment_1"}, {"child_tables", "exclude"}}, {{"name", "payment_2"}}}}}),
            (Counts{{"payment_1", 2}, {"payment_2", 1}}));
  EXPECT_EQ(read_all({{"streams", {{{"name", "parted"}, {"child_tables", "include"}}, {{"name", "parted_1"}}}}}),
            (Counts{{"parted", 2}, {"parted_1", 2}}));
  EXPECT_EQ(discover({{"streams", {{{"name", "parted"}, {"child_tables", "exclude"}}}}}).error().code, "CHILD_TABLES");
}

TEST_F(Discovery, RunsNothingThatUsersMade) {
  sql("CREATE TABLE t (id int PRIMARY KEY, at timestamp NOT NULL); CREATE TABLE witness (w text);"
      "CREATE FUNCTION public.tattle(name, text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'taken "
      "over'; END $$;"
      "CREATE OPERATOR public.!~ (LEFTARG = name, RIGHTARG = text, FUNCTION = public.tattle);"
      "CREATE FUNCTION public.tattle(name, name) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'taken "
      "over'; END $$;"
      "CREATE OPERATOR public.!~ (LEFTARG = name, RIGHTARG = name, FUNCTION = public.tattle);"
      "CREATE FUNCTION public.unnest(int2[]) RETURNS SETOF int2 LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'taken "
      "over'; END $$;"
      "CREATE FUNCTION public.lower(name) RETURNS text LANGUAGE plpgsql AS $$ BEGIN INSERT INTO witness VALUES ('x'); "
      "RETURN 'x'; END $$");
  const auto catalog = discover();
  EXPECT_TRUE(catalog.ok()) << catalog.error().message;
  RunOptions options;
  options.cursor_field = "at";
  const RunResult result = run(options);
  EXPECT_TRUE(result.status.ok()) << result.status.error().message;
  options.name = "T";
  EXPECT_EQ(run(options).status.error().code, "TABLE_MISSING");
  EXPECT_EQ(lines("SELECT w FROM witness"), std::vector<std::string>{});
}

TEST_F(Discovery, LeavesOutWhatTheRoleMayNotRead) {
  sql("CREATE TABLE open_one (a int, b int); CREATE TABLE partly (a int, b int); CREATE TABLE closed (a int);"
      "CREATE SCHEMA hidden; CREATE TABLE hidden.t (a int);"
      "DROP ROLE IF EXISTS discovery_reader; CREATE ROLE discovery_reader LOGIN PASSWORD 'reader';"
      "GRANT USAGE ON SCHEMA public TO discovery_reader; GRANT SELECT ON open_one TO discovery_reader; GRANT SELECT "
      "(a) ON partly TO discovery_reader;"
      "GRANT SELECT ON hidden.t TO discovery_reader; INSERT INTO partly VALUES (1, 2)");
  const Json reader = {{"user", "discovery_reader"}, {"password", "reader"}};
  const auto catalog = discover(reader);
  ASSERT_TRUE(catalog.ok()) << catalog.error().message;
  EXPECT_EQ(names_of(*catalog), (std::vector<std::string>{"open_one", "partly"}));
  EXPECT_EQ(find(*catalog, "partly")->schema.size(), 1U);
  EXPECT_EQ(find(*catalog, "open_one")->schema.size(), 2U);
  {
    sdk::testing::FakeHost host;
    sdk::SourceAdapter<PostgresSource> source;
    Json everything = this->config();
    everything.update(reader);
    ASSERT_TRUE(source.open(sdk::to_text(everything)).ok());
    RunOptions partly;
    partly.name = "partly";
    const auto read =
        source.run_read(sdk::to_text(testing::make_run_context(partly, find(*catalog, "partly")->schema)));
    ASSERT_TRUE(read.ok()) << read.error().message;
    EXPECT_EQ(read->records_read, 1U);
  }
  const auto validation = validate(reader);
  ASSERT_TRUE(validation.ok());
  EXPECT_EQ(validation->kind, sdk::Validation::Kind::kWarning);
  EXPECT_NE(validation->message.find("2 of 4"), std::string::npos) << validation->message;

  RunOptions options;
  options.name = "partly";
  RunResult result = run(options, reader);
  ASSERT_FALSE(result.status.ok());
  EXPECT_EQ(result.status.error().category, sdk::ErrorCategory::kPermission);
  EXPECT_NE(result.status.error().message.find("table public.partly"), std::string::npos)
      << result.status.error().message;
  options.stream["select"] = {"a"};
  result = run(options, reader);
  ASSERT_TRUE(result.status.ok()) << result.status.error().message;
  EXPECT_EQ(result.rows, (std::vector<std::vector<std::string>>{{"1"}}));
  Json config = reader;
  config["streams"] = {{{"name", "closed"}}};
  const auto refused = validate(config);
  ASSERT_TRUE(refused.ok());
  EXPECT_EQ(refused->kind, sdk::Validation::Kind::kFailed);
  EXPECT_NE(refused->message.find("closed"), std::string::npos) << refused->message;
}

TEST_F(Discovery, TellsTheServerAndTheMistakes) {
  sql("CREATE TABLE t (a int)");
  auto validation = validate({{"streams", {{{"name", "t"}}}}});
  ASSERT_TRUE(validation.ok());
  EXPECT_EQ(validation->kind, sdk::Validation::Kind::kSuccess);
  EXPECT_NE(validation->message.find("PostgreSQL 15."), std::string::npos) << validation->message;
  const auto failure = [&](const Json& stream) {
    auto result = validate({{"streams", {stream}}});
    EXPECT_TRUE(result.ok());
    EXPECT_EQ(result->kind, sdk::Validation::Kind::kFailed);
    return result->message;
  };
  EXPECT_NE(failure({{"name", "T"}}).find("`public.t`"), std::string::npos);
  EXPECT_NE(failure({{"name", "nowhere"}}).find("rapidbyte discover"), std::string::npos);
  EXPECT_NE(failure({{"name", "t"}, {"select", {"b"}}}).find("columns are: a"), std::string::npos);
  EXPECT_NE(failure({{"name", "t"}, {"columns", {{"b", "text"}}}}).find("columns are: a"), std::string::npos);
  EXPECT_NE(failure({{"name", "t"}, {"where", "a = = 1"}}).find("syntax"), std::string::npos);
  // What matters only to an incremental read.
  sql("CREATE TABLE u (id int PRIMARY KEY, at timestamp NOT NULL, day date NOT NULL, j json)");
  const auto by = [](const char* table, const char* cursor, Json more = Json::object()) {
    more.update({{"name", table}, {"sync_mode", "incremental"}, {"cursor_field", cursor}});
    return more;
  };
  EXPECT_NE(failure(by("t", "a")).find("tie_breaker"), std::string::npos);
  EXPECT_NE(failure(by("u", "j")).find("json"), std::string::npos);
  EXPECT_NE(failure(by("u", "gone")).find("columns are: id, at, day, j"), std::string::npos);
  EXPECT_NE(failure(by("u", "at", {{"tie_breaker", {"gone"}}})).find("columns are: id"), std::string::npos);
  EXPECT_NE(failure(by("u", "day", {{"lag", "1h"}})).find("lag"), std::string::npos);
  EXPECT_EQ(validate({{"streams", {by("u", "at", {{"lag", "1h"}}), by("u", "day")}}})->kind,
            sdk::Validation::Kind::kSuccess);
  EXPECT_EQ(validate({{"streams", {{{"name", "t"}, {"cursor_field", "gone"}}}}})->kind, sdk::Validation::Kind::kSuccess)
      << "a full refresh has no cursor";
  validation = validate({{"password", "wrong"}});
  ASSERT_TRUE(validation.ok());
  EXPECT_EQ(validation->kind, sdk::Validation::Kind::kFailed);
  EXPECT_EQ(validation->message.find("wrong\""), std::string::npos);
}

TEST_F(Discovery, AsksOnceForThousandsOfTables) {
  sql("DO $$ BEGIN FOR i IN 1..2000 LOOP EXECUTE format('CREATE TABLE t%s (id int, a text, b numeric(10,2))', i); END "
      "LOOP; "
      "END $$");
  sdk::testing::FakeHost host;
  std::vector<uint64_t> requests;
  for (const Json& streams : {Json(), Json{{{"name", "t1"}}}}) {
    PostgresSource source;
    Json config = this->config();
    if (!streams.is_null()) config["streams"] = streams;
    ASSERT_TRUE(source.open(config).ok());
    const uint64_t before = host.calls("socket-write");
    const auto catalog = source.discover();
    ASSERT_TRUE(catalog.ok()) << catalog.error().message;
    EXPECT_EQ(catalog->streams.size(), streams.is_null() ? 2000U : 1U);
    requests.push_back(host.calls("socket-write") - before);
  }
  EXPECT_EQ(requests[0], requests[1]);
}

TEST_F(Discovery, ListsMoreColumnsThanOneAnswerHolds) {
  sql("DO $$ BEGIN FOR i IN 101..170 LOOP EXECUTE 'CREATE TABLE t' || i || ' (' || (SELECT string_agg('c' || j || ' "
      "int', ', ') FROM generate_series(1, 1500) j) || ')'; END LOOP; END $$");
  Json streams = Json::array();
  for (int i = 170; i > 100; --i) streams.push_back({{"name", "t" + std::to_string(i)}});
  for (const bool by_name : {false, true}) {
    const auto catalog = discover(by_name ? Json{{"streams", streams}} : Json::object());
    ASSERT_TRUE(catalog.ok()) << catalog.error().message;
    ASSERT_EQ(catalog->streams.size(), 70U);
    EXPECT_EQ(catalog->streams[0].name, by_name ? "t170" : "t101");
    for (const sdk::CatalogStream& stream : catalog->streams) {
      ASSERT_EQ(stream.schema.size(), 1500U) << stream.name;
      ASSERT_EQ(stream.schema.fields[1499].name, "c1500") << stream.name;
    }
  }
}

TEST_F(Discovery, MayComeTwiceInASession) {
  sql("CREATE TABLE t (a int)");
  sdk::testing::FakeHost host;
  PostgresSource source;
  ASSERT_TRUE(source.open(config()).ok());
  for (int i = 0; i < 2; ++i) {
    const auto catalog = source.discover();
    ASSERT_TRUE(catalog.ok()) << catalog.error().message;
    EXPECT_EQ(names_of(*catalog), std::vector<std::string>{"t"});
  }
}

}  // namespace
}  // namespace rapidbyte::source_postgres
