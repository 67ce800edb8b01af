// The four axes of schema_evolution against existing tables.
#include <algorithm>
#include <map>

#include "tests/postgres_fixture.h"

namespace rapidbyte::dest_postgres {
namespace {

class SchemaPolicyTest : public PostgresTest {
 protected:
  static Json with_policy(Json ctx, const std::string& axis, const std::string& value) {
    ctx["policies"]["schema_evolution"][axis] = value;
    return ctx;
  }
};

TEST_F(SchemaPolicyTest, NewColumn) {
  const Schema schema{{{"id", kInt}, {"extra", DataType::of(TypeId::kDate32)}}};
  const Json ctx = context("s", schema);
  sql("CREATE TABLE s (id bigint); INSERT INTO s VALUES (0)");
  const Outcome failed = load(with_policy(ctx, "new_column", "fail"), schema, {Json::array({1, 0})});
  EXPECT_EQ(failed.code(), "NEW_COLUMN");
  EXPECT_NE(failed.message().find("\"extra\""), std::string::npos);
  EXPECT_EQ(load(with_policy(ctx, "new_column", "ignore"), schema, {Json::array({1, 0})}).code(), "ok");
  EXPECT_EQ(table("s"), (Lines{"(0)", "(1)"}));
  EXPECT_EQ(load(with_policy(ctx, "new_column", "add"), schema, {Json::array({2, 0})}).code(), "ok");
  EXPECT_EQ(table("s"), (Lines{"(0,)", "(1,)", "(2,1970-01-01)"}));
  const Schema nothing_known{{{"other", kInt}}};
  EXPECT_EQ(
      load(with_policy(context("s", nothing_known), "new_column", "ignore"), nothing_known, {Json::array({1})}).code(),
      "NO_COLUMNS");
}

TEST_F(SchemaPolicyTest, ATableThatChangesWhileAColumnIsAddedIsLookedAtAgain) {
  // Like a migration whose lock ALTER TABLE has waited for.
  sql("CREATE TABLE s (id bigint, old_x text, a text, b text, note text)");
  sql("CREATE FUNCTION migrate() RETURNS event_trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$ BEGIN IF "
      "EXISTS (SELECT FROM "
      "pg_attribute "
      "WHERE attrelid = 's'::regclass AND attname = 'old_x') THEN ALTER TABLE s DROP COLUMN old_x; END IF; END $$");
  sql("CREATE EVENT TRIGGER migrating ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION migrate()");
  const Schema schema{{{"id", kInt}, {"a", kText}, {"b", kText}, {"c", kText}}};
  const Outcome changed = load(context("s", schema), schema, {Json::array({1, "A", "B", "C"})});
  sql("DROP EVENT TRIGGER migrating; DROP FUNCTION migrate()");
  EXPECT_EQ(changed.code(), "TARGET_CHANGED") << changed.message();
  EXPECT_EQ(table("s"), Lines{});
  // The transaction of the change was rolled back, so the table is as it was.
  EXPECT_EQ(load(context("s", schema), schema, {Json::array({1, "A", "B", "C"})}).code(), "ok");
  EXPECT_EQ(table("s"), (Lines{"(1,,A,B,,C)"}));
}

TEST_F(SchemaPolicyTest, AColumnThatComesInTheMiddleOfAStreamIsAdded) {
  const Schema first{{{"id", kInt}}};
  const Schema second{{{"name", kText}, {"id", kInt}}};
  const Batches batches = {make_batch(first, {Json::array({1})}), make_batch(second, {Json::array({"b", 2})}),
                           make_batch(first, {Json::array({3})})};
  for (const Json& mode : {Json("append"), Json("replace"), upsert({"id"})}) {
    for (const char* policy : {"fail", "skip"}) {
      SCOPED_TRACE(mode.dump() + policy);
      sql("SET client_min_messages = error; DROP TABLE IF EXISTS s");
      const Outcome outcome = load(on_error(context("s", first, mode), policy), batches);
      ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
      EXPECT_EQ(table("s"), (Lines{"(1,)", "(2,b)", "(3,)"}));
      // And without a commit between.
      sql("DROP TABLE s");
      FakeHost host;
      for (const auto& batch : batches) host.push_batch(batch);
      host.push_end_marker();
      auto destination = open();
      const std::string text = sdk::to_text(on_error(context("s", first, mode), policy));
      ASSERT_TRUE(destination->begin_stream(text).ok());
      const auto written = destination->run_write(text);
      ASSERT_TRUE(written.ok()) << written.status().to_string();
      ASSERT_TRUE(destination->finish_stream(text, true).ok());
      EXPECT_EQ(table("s"), (Lines{"(1,)", "(2,b)", "(3,)"}));
    }
  }
}

// A file's column without values is text, for lack of anything that says more.
TEST_F(SchemaPolicyTest, AColumnOfNullsFitsEveryTypeUntilAValueComes) {
  const Schema schema{{{"id", kInt}, {"c", kText}}};
  const std::vector<Json> nulls = {row(1, nullptr), row(2, nullptr)};
  for (const std::string type : {"date", "numeric(10,2)", "timestamp with time zone", "integer", "double precision",
                                 "boolean", "bytea", "interval(0)", "time", "inet", "integer[]"}) {
    for (const char* method : {"copy", "insert"}) {
      for (const Json& mode : {Json("append"), Json("replace"), upsert({"id"})}) {
        for (const char* on_data_error : {"fail", "skip"}) {
          if (type != "date" && (mode != "append" || std::string(on_data_error) == "skip")) continue;
          SCOPED_TRACE(type + " " + method + " " + mode.dump() + " " + on_data_error);
          sql("SET client_min_messages = error; DROP TABLE IF EXISTS s; CREATE TABLE s (id bigint PRIMARY KEY, c " +
              type + ")");
          const Json ctx = on_error(context("s", schema, mode), on_data_error);
          const Json more = {{"load_method", method}};
          const Outcome outcome = load(ctx, schema, nulls, more);
          ASSERT_TRUE(outcome.status.ok()) << outcome.message();
          EXPECT_EQ(table("s"), (Lines{"(1,)", "(2,)"}));
          EXPECT_EQ(sql("SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 's'::regclass AND "
                        "attname = 'c'"),
                    Lines{type == "time" ? "time without time zone" : type});
          if (type == "inet" || type == "integer[]") continue;  // they accept texts
          sql("TRUNCATE s");
          const Outcome changed =
              load(ctx, {make_batch(schema, nulls), make_batch(schema, {row(3, "x")})}, more, Commits::kAtTheEnd);
          EXPECT_EQ(changed.code(), "TYPE_CHANGED") << changed.message();
          EXPECT_NE(changed.message().find("column \"c\" is " + (type == "time" ? "time without time zone" : type) +
                                           ", but the source has Utf8"),
                    std::string::npos)
              << changed.message();
          EXPECT_EQ(table("s"), Lines{});
        }
      }
    }
  }
  // The other rules are as they were.
  sql("DROP TABLE s; CREATE TABLE s (id bigint, c date)");
  const Json coerced = with_policy(context("s", schema), "type_change", "coerce");
  EXPECT_EQ(load(coerced, {make_batch(schema, nulls), make_batch(schema, {row(3, "2024-02-29")})}).code(), "ok");
  EXPECT_EQ(table("s"), (Lines{"(1,)", "(2,)", "(3,2024-02-29)"}));
  sql("DROP TABLE s; CREATE TABLE s (id bigint, c date NOT NULL)");
  const Outcome refused = load(context("s", schema), schema, nulls);
  EXPECT_EQ(refused.code(), "ROW_REFUSED") << refused.message();
  // A column that is refused comes back with nothing altered.
  const Schema more{{{"id", kInt}, {"c", kText}, {"extra", kInt}}};
  EXPECT_EQ(load(context("s", more), more, {Json::array({1, "x", 1})}).code(), "TYPE_CHANGED");
  EXPECT_EQ(sql("SELECT count(*) FROM pg_attribute WHERE attrelid = 's'::regclass AND attnum > 0"), Lines{"2"});
}

// Following the warning keeps the type, and it is said once.
TEST_F(SchemaPolicyTest, ATypeThatIsMissingIsSaidOnceWithTheWayToHaveIt) {
  // With a regclass a replace creates the table beside its staging table.
  Schema schema{{{"id", kInt}, {"a", kText}, {"b", kText}, {"r", kText}}};
  for (size_t i = 1; i < 3; ++i) schema.fields[i].native_type = "postgresql:" + schema_name() + ".mood";
  schema.fields[3].native_type = "postgresql:regclass";
  const auto is_warning = [](const std::string& line) { return line.find(" has no type ") != std::string::npos; };
  const std::string types =
      "SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = 's'::regclass AND "
      "attnum IN (2, 3) ORDER BY attnum";
  const Batches batches = {make_batch(schema, {Json::array({1, "sad", "sad", nullptr})}),
                           make_batch(schema, {Json::array({2, "sad", "sad", nullptr})})};
  for (const Json& mode : {Json("append"), upsert({"id"}), Json("replace")}) {
    for (const bool is_empty : {false, true}) {
      SCOPED_TRACE(mode.dump() + (is_empty ? " empty" : ""));
      sql("SET client_min_messages = error; DROP TABLE IF EXISTS s; DROP TYPE IF EXISTS mood; DROP TABLE IF EXISTS "
          "_rapidbyte_receipts");
      const Json ctx = context("s", schema, mode);
      const Outcome first = load(ctx, is_empty ? Batches{} : batches);
      ASSERT_TRUE(first.status.ok()) << first.message();
      EXPECT_EQ(std::count_if(first.logs.begin(), first.logs.end(), is_warning), 1);
      const auto warning = std::find_if(first.logs.begin(), first.logs.end(), is_warning);
      ASSERT_NE(warning, first.logs.end());
      EXPECT_NE(warning->find("column \"a\""), std::string::npos) << *warning;
      EXPECT_NE(warning->find("drop the table"), std::string::npos) << *warning;
      EXPECT_EQ(sql(types), (Lines{"text", "text"}));
      // As it says; a replace without it keeps what the table has.
      sql("CREATE TYPE mood AS ENUM ('sad')");
      Json again = ctx;
      again["load_id"] = "2026-load-2";
      if (mode == "replace") {
        ASSERT_TRUE(load(again, batches).status.ok());
        EXPECT_EQ(sql(types), (Lines{"text", "text"}));
      }
      sql("DROP TABLE s");
      again["load_id"] = "2026-load-3";
      const Outcome restarted = load(again, batches);
      ASSERT_TRUE(restarted.status.ok()) << restarted.message();
      EXPECT_EQ(sql(types), (Lines{"mood", "mood"}));
      EXPECT_EQ(std::count_if(restarted.logs.begin(), restarted.logs.end(), is_warning), 0);
    }
  }
}

// The text of a composite value has no names in it.
TEST_F(SchemaPolicyTest, CompositesAreTakenByTypesOfTheSameFieldsOnly) {
  const std::string fields = "(a integer,b text)";
  const struct {
    const char* type;  // at the destination
    const char* column;
    std::string native_fields;  // of the source
    const char* value;
    const char* there;  // null: it loads
  } cases[] = {
      {"TYPE comp AS (a integer, b text)", "comp", fields, "(1,2)", nullptr},
      {"TYPE comp AS (b text, a integer)", "comp", fields, "(1,2)", "(b text,a integer)"},
      {"TYPE comp AS (a integer, b text, c text)", "comp", fields, "(1,2)", "(a integer,b text,c text)"},
      {"TYPE comp AS (a integer)", "comp", fields, "(1,2)", "(a integer)"},
      {"TYPE comp AS (a integer, \"B\" text)", "comp", fields, "(1,2)", "(a integer,\"B\" text)"},
      {"TYPE comp AS (a numeric(4,1), b text)", "comp", fields, "(1,2)", "(a numeric(4,1),b text)"},
      {"TYPE comp AS (b text, a integer)", "comp[]", fields + "[]", "{\"(1,2)\"}", "(b text,a integer)[]"},
      {"TYPE comp AS (a integer, b text)", "comp[]", fields + "[]", "{\"(1,2)\"}", nullptr},
      {"TYPE inn AS (b text, a integer); CREATE TYPE comp AS (n integer, i inn)", "comp",
       "(n integer,i " + fields + ")", "(1,\"(1,2)\")", "(n integer,i (b text,a integer))"},
      {"TYPE inn AS (a integer, b text); CREATE DOMAIN dom AS inn; CREATE TYPE comp AS (n integer, i dom[])", "comp",
       "(n integer,i " + fields + "[])", "(1,\"{\"\"(1,2)\"\"}\")", nullptr},
      {"TYPE inn AS (b text, a integer); CREATE DOMAIN comp AS inn", "comp", fields, "(1,2)", "(b text,a integer)"},
      {"TYPE comp AS ENUM ('(1,2)')", "comp", fields, "(1,2)", nullptr},
      {"TYPE comp AS (b text, a integer)", "text", fields, "(1,2)", nullptr},
      {"TYPE comp AS (b text, a integer)", "comp", "", "(1,2)", nullptr},  // a source that does not say
  };
  for (const auto& c : cases) {
    Schema schema{{{"id", kInt}, {"c", kText}}};
    const bool is_array = std::string(c.value).starts_with('{');
    schema.fields[1].native_type = "postgresql:" + schema_name() + ".comp" + (is_array ? "[]" : "");
    schema.fields[1].native_fields = c.native_fields;
    for (const char* method : {"copy", "insert"}) {
      for (const Json& mode : {Json("append"), Json("replace")}) {
        if (mode == "replace" && std::string(method) == "insert") continue;
        SCOPED_TRACE(std::string(c.type) + " " + c.native_fields + " " + method + mode.dump());
        sql("SET client_min_messages = error; DROP TABLE IF EXISTS s; DROP TYPE IF EXISTS comp, inn CASCADE; DROP "
            "DOMAIN "
            "IF EXISTS dom; CREATE " +
            std::string(c.type) + "; CREATE TABLE s (id bigint, c " + c.column + ")");
        const Json more = {{"load_method", method}};
        const Outcome outcome = load(context("s", schema, mode), schema, {row(1, c.value)}, more);
        const std::string made_as =
            "SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = 's'::regclass AND attname = 'c'";
        if (c.there == nullptr) {
          EXPECT_TRUE(outcome.status.ok()) << outcome.message();
          EXPECT_EQ(sql("SELECT c FROM s"), Lines{c.value});
        } else {
          EXPECT_EQ(outcome.code(), "COMPOSITE_CHANGED");
          EXPECT_NE(outcome.message().find("have the fields " + c.native_fields + ", but the column's type "),
                    std::string::npos)
              << outcome.message();
          EXPECT_NE(outcome.message().find(std::string(" has ") + c.there + "."), std::string::npos)
              << outcome.message();
          EXPECT_EQ(table("s"), Lines{});
          // A new column keeps the value as text.
          sql("DROP TABLE s");
          const Outcome restarted = load(context("s", schema, mode), schema, {row(1, c.value)}, more);
          ASSERT_TRUE(restarted.status.ok()) << restarted.message();
          EXPECT_EQ(sql(made_as), Lines{"text"});
          EXPECT_EQ(sql("SELECT c FROM s"), Lines{c.value});
          EXPECT_TRUE(std::any_of(restarted.logs.begin(), restarted.logs.end(), [&](const std::string& line) {
            return line.find(c.native_fields) != std::string::npos && line.find(c.there) != std::string::npos;
          })) << c.there;
        }
      }
    }
  }
}

TEST_F(SchemaPolicyTest, RemovedColumn) {
  const Schema schema{{{"id", kInt}}};
  const Json ctx = context("s", schema);
  sql("CREATE TABLE s (id bigint, gone text)");
  EXPECT_EQ(load(with_policy(ctx, "removed_column", "fail"), schema, {Json::array({1})}).code(), "REMOVED_COLUMN");
  EXPECT_EQ(load(with_policy(ctx, "removed_column", "ignore"), schema, {Json::array({1})}).code(), "ok");
  EXPECT_EQ(table("s"), Lines{"(1,)"});
  sql("DROP TABLE s; CREATE TABLE s (id bigint, needed text NOT NULL)");
  EXPECT_EQ(load(ctx, schema, {Json::array({1})}).code(), "COLUMN_REQUIRED");
  sql("DROP TABLE s; CREATE TABLE s (id bigint, needed text NOT NULL DEFAULT 'd', n serial)");
  EXPECT_EQ(load(ctx, schema, {Json::array({1})}).code(), "ok");
  EXPECT_EQ(table("s"), Lines{"(1,d,1)"});
  // A domain's default counts as well.
  sql("CREATE DOMAIN needed AS text DEFAULT 'x' NOT NULL; CREATE DOMAIN bare AS text NOT NULL");
  for (const char* method : {"copy", "insert"}) {
    const Json more = {{"load_method", method}};
    sql("DROP TABLE s; CREATE TABLE s (id bigint, c needed)");
    const Outcome outcome = load(ctx, schema, {Json::array({1})}, more);
    EXPECT_EQ(outcome.code(), "ok") << outcome.status.to_string();
    EXPECT_EQ(table("s"), Lines{"(1,x)"});
    sql("DROP TABLE s; CREATE TABLE s (id bigint, c bare)");
    EXPECT_EQ(load(ctx, schema, {Json::array({1})}, more).code(), "COLUMN_REQUIRED");
  }
}

// A table that differs from the source in all four ways, under every combination of the four axes.
TEST_F(SchemaPolicyTest, EveryCombinationOfTheAxes) {
  // `n` and `m` have another type than the table's, and the table's `m` takes no null; `req` may be null in the source
  // but not in the table; `extra` is new; the table's `gone` is not in the source.
  const Schema schema{{{"id", kInt}, {"n", kText}, {"m", kText, false}, {"req", kText}, {"extra", kInt}}};
  const std::vector<Json> rows = {Json::array({1, "7", "7", "a", 10}), Json::array({2, "x", "8", "b", 20}),
                                  Json::array({3, "9", "9", nullptr, 30}), Json::array({4, "10", "y", "d", 40}),
                                  Json::array({5, nullptr, "11", "e", nullptr})};
  const std::string made =
      "CREATE TABLE s (id bigint, gone text DEFAULT 'g', n integer, m integer NOT NULL, req text NOT NULL); INSERT "
      "INTO s "
      "VALUES (0, 'old', 0, 0, 'old')";
  int combinations = 0;
  for (const std::string new_column : {"add", "ignore", "fail"}) {
    for (const std::string removed_column : {"ignore", "fail"}) {
      for (const std::string type_change : {"fail", "coerce", "null"}) {
        for (const std::string nullability_change : {"allow", "fail"}) {
          ++combinations;
          // Columns are judged in the source's order, and then those that it does not have.
          std::string code = "ok";
          if (type_change == "fail")
            code = "TYPE_CHANGED";
          else if (nullability_change == "fail")
            code = "NULLABILITY_CHANGED";
          else if (new_column == "fail")
            code = "NEW_COLUMN";
          else if (removed_column == "fail")
            code = "REMOVED_COLUMN";
          const bool added = code == "ok" && new_column == "add";
          const bool keeps_x = type_change == "null";
          Lines stored = {"0\told\t0\t0\told"};
          if (code == "ok") {
            stored.emplace_back("1\tg\t7\t7\ta");
            if (keeps_x) stored.emplace_back("2\tg\t\\N\t8\tb");
            stored.emplace_back("5\tg\t\\N\t11\te");
          }
          if (added) {
            for (std::string& line : stored) {
              line += line[0] == '1' ? "\t10" : line[0] == '2' ? "\t20" : "\t\\N";
            }
          }
          for (const char* method : {"copy", "insert"}) {
            SCOPED_TRACE("new_column " + new_column + ", removed_column " + removed_column + ", type_change " +
                         type_change + ", nullability_change " + nullability_change + ", " + method);
            sql("SET client_min_messages = error; DROP TABLE IF EXISTS s; " + made);
            Json ctx = with_policy(context("s", schema), "new_column", new_column);
            ctx = with_policy(ctx, "removed_column", removed_column);
            ctx = with_policy(ctx, "type_change", type_change);
            ctx = with_policy(ctx, "nullability_change", nullability_change);
            const Outcome outcome = load(on_error(ctx, "dlq"), schema, rows, {{"load_method", method}});
            EXPECT_EQ(outcome.code(), code) << outcome.status.to_string();
            const std::string columns = added ? "id, gone, n, m, req, extra" : "*";
            EXPECT_EQ(sql("SELECT " + columns + " FROM s ORDER BY id"), stored);
            EXPECT_EQ(sql("SELECT count(*) FROM pg_attribute WHERE attrelid = 's'::regclass AND attnum > 0"),
                      Lines{added ? "6" : "5"});
            // "x" is refused or NULL; a NULL in `req` and a NULL that "y" became in `m` are refused by the table.
            Lines refused;
            for (const auto& record : outcome.dlq) {
              refused.push_back(std::to_string(sdk::parse_json(record.record_json)->at("id").get<int64_t>()));
            }
            EXPECT_EQ(sorted(refused), code != "ok" ? Lines{} : keeps_x ? Lines({"3", "4"}) : Lines({"2", "3", "4"}));
          }
        }
      }
    }
  }
  EXPECT_EQ(combinations, 36);
}

// And with one way at a time, so that each axis is seen to decide whatever the others say.
TEST_F(SchemaPolicyTest, AnAxisThatIsNotConcernedDecidesNothing) {
  const struct {
    const char* made;
    Schema schema;
    const char* axis;  // the only one that may refuse
    const char* code;
  } cases[] = {
      {"CREATE TABLE s (id bigint)", {{{"id", kInt}, {"extra", kInt}}}, "new_column", "NEW_COLUMN"},
      {"CREATE TABLE s (id bigint, gone text)", {{{"id", kInt}}}, "removed_column", "REMOVED_COLUMN"},
      {"CREATE TABLE s (id integer)", {{{"id", kInt}}}, "type_change", "TYPE_CHANGED"},
      {"CREATE TABLE s (id bigint NOT NULL)", {{{"id", kInt}}}, "nullability_change", "NULLABILITY_CHANGED"},
  };
  const std::map<std::string, const char*> lenient = {
      {"new_column", "add"}, {"removed_column", "ignore"}, {"type_change", "coerce"}, {"nullability_change", "allow"}};
  for (const auto& c : cases) {
    const std::vector<Json> rows = {c.schema.size() == 2 ? Json::array({1, 2}) : Json::array({1})};
    for (const char* method : {"copy", "insert"}) {
      SCOPED_TRACE(std::string(c.made) + " " + method);
      for (const bool strict : {false, true}) {
        sql("SET client_min_messages = error; DROP TABLE IF EXISTS s; " + std::string(c.made));
        Json ctx = context("s", c.schema);
        for (const auto& [axis, value] : lenient) {
          // The concerned axis alone fails, or all the others do.
          ctx = with_policy(ctx, axis, (axis == c.axis) == strict ? "fail" : value);
        }
        const Outcome outcome = load(ctx, c.schema, rows, {{"load_method", method}});
        EXPECT_EQ(outcome.code(), strict ? c.code : "ok") << outcome.status.to_string();
        EXPECT_EQ(sql("SELECT count(*) FROM s"), Lines{strict ? "0" : "1"});
      }
    }
  }
}

TEST_F(SchemaPolicyTest, ReplaceHeedsThePolicies) {
  const Schema schema{{{"id", kInt}, {"extra", kText}}};
  const Json ctx = context("s", schema, "replace");
  sql("CREATE TABLE s (id bigint, gone text)");
  EXPECT_EQ(load(with_policy(ctx, "new_column", "fail"), schema, {Json::array({1, "x"})}).code(), "NEW_COLUMN");
  EXPECT_EQ(load(with_policy(ctx, "removed_column", "fail"), schema, {Json::array({1, "x"})}).code(), "REMOVED_COLUMN");
  EXPECT_EQ(load(with_policy(ctx, "new_column", "ignore"), schema, {Json::array({1, "x"})}).code(), "ok");
  EXPECT_EQ(table("s"), Lines{"(1,)"});
  EXPECT_EQ(load(ctx, schema, {Json::array({2, "x"})}).code(), "ok");
  EXPECT_EQ(table("s"), Lines{"(2,,x)"});
}

TEST_F(SchemaPolicyTest, NullabilityChange) {
  const Schema nullable{{{"id", kInt, true}}};
  sql("CREATE TABLE s (id bigint NOT NULL)");
  const Json ctx = context("s", nullable);
  EXPECT_EQ(load(with_policy(ctx, "nullability_change", "fail"), nullable, {Json::array({1})}).code(),
            "NULLABILITY_CHANGED");
  EXPECT_EQ(load(with_policy(ctx, "nullability_change", "allow"), nullable, {Json::array({1})}).code(), "ok");
  EXPECT_EQ(load(ctx, nullable, {Json::array({2}), Json::array({nullptr})}).code(), "ROW_REFUSED");
  EXPECT_EQ(table("s"), Lines{"(1)"});
  // With fail the tables that we make say NOT NULL, so that a later change is seen.
  const Schema never{{{"id", kInt, false}}};
  ASSERT_EQ(load(with_policy(context("t", never), "nullability_change", "fail"), never, {Json::array({1})}).code(),
            "ok");
  EXPECT_EQ(
      load(with_policy(context("t", nullable), "nullability_change", "fail"), nullable, {Json::array({1})}).code(),
      "NULLABILITY_CHANGED");
}

TEST_F(SchemaPolicyTest, TypesThatAColumnHoldsAreNoChange) {
  const struct {
    const char* declared;
    DataType type;
    Json value;
    const char* stored;
  } cases[] = {{"bigint", DataType::of(TypeId::kInt8), 5, "5"},
               {"bigint", DataType::of(TypeId::kUInt32), 5, "5"},
               {"numeric", kInt, -5, "-5"},
               {"numeric(20,0)", DataType::of(TypeId::kUInt64), UINT64_MAX, "18446744073709551615"},
               {"numeric(20,4)", DataType::decimal128(12, 2), 150, "1.5000"},
               {"double precision", DataType::of(TypeId::kFloat32), 0.5, "0.5"},
               {"varchar(10)", kText, "007", "007"},
               {"jsonb", kText, "[1]", "[1]"},
               {"uuid", DataType::fixed_size_binary(16), "0123456789abcdef", "30313233-3435-3637-3839-616263646566"},
               {"inet", kText, "10.0.0.0/8", "10.0.0.0/8"},
               {"interval", kText, "1 day", "1 day"},
               {"timestamp(3)", DataType::timestamp(sdk::TimeUnit::kMillisecond), 1, "1970-01-01 00:00:00.001"}};
  for (size_t i = 0; i < std::size(cases); ++i) {
    for (const char* method : {"copy", "insert"}) {
      const std::string name = "t" + std::to_string(i) + method;
      sql("CREATE TABLE " + name + " (c " + cases[i].declared + ")");
      const Schema schema{{{"c", cases[i].type}}};
      const Outcome outcome =
          load(context(name, schema), schema, {Json::array({cases[i].value})}, {{"load_method", method}});
      EXPECT_EQ(outcome.code(), "ok") << cases[i].declared << ": " << outcome.status.to_string();
      EXPECT_EQ(sql("SELECT c::text FROM " + name), Lines{cases[i].stored}) << cases[i].declared;
    }
  }
}

TEST_F(SchemaPolicyTest, TypeChange) {
  const DataType real = DataType::of(TypeId::kFloat64);
  const DataType decimal = DataType::decimal128(30, 2);
  const DataType date = DataType::of(TypeId::kDate32);
  const DataType stamp = DataType::timestamp(sdk::TimeUnit::kMicrosecond);
  const DataType zoned = DataType::timestamp(sdk::TimeUnit::kMicrosecond, "UTC");
  const struct {
    const char* declared;
    DataType type;
    Json value;
    const char* stored;  // null: does not convert exactly
  } cases[] = {
      {"text", kInt, INT64_MIN, "-9223372036854775808"},
      {"text", DataType::of(TypeId::kBoolean), false, "false"},
      {"text", real, 0.1, "0.1"},
      {"text", real, "NaN", "NaN"},
      {"text", date, 0, "1970-01-01"},
      {"text", DataType::of(TypeId::kBinary), "x", nullptr},
      {"jsonb", kInt, 5, "5"},
      {"integer", kInt, 5, "5"},
      {"integer", kInt, 2147483648, nullptr},
      {"smallint", kText, "-42", "-42"},
      {"bigint", real, 3.0, "3"},
      {"bigint", real, 3.5, nullptr},
      {"bigint", real, 9223372036854775808.0, nullptr},
      {"bigint", kText, "007", nullptr},
      {"bigint", kText, "12 ", nullptr},
      {"bigint", kText, "9223372036854775808", nullptr},
      {"bigint", decimal, 1200, "12"},
      {"bigint", decimal, 1250, nullptr},
      {"bigint", date, 0, nullptr},
      {"boolean", kInt, 1, "true"},
      {"boolean", kInt, 2, nullptr},
      {"boolean", kText, "f", "false"},
      {"double precision", kInt, 9007199254740992, "9.007199254740992e+15"},
      {"double precision", kInt, 9007199254740993, nullptr},
      {"double precision", decimal, 1230, "12.3"},
      {"double precision", decimal, 123456789012345678, nullptr},
      {"double precision", kText, "1e5", nullptr},
      {"real", real, 0.5, "0.5"},
      {"real", real, 0.1, nullptr},
      {"numeric(10,2)", decimal, 1230, "12.30"},
      {"numeric(10,2)", decimal, 123456789012345, nullptr},
      {"numeric(10,1)", decimal, 1230, "12.3"},
      {"numeric(10,1)", decimal, 1234, nullptr},
      {"numeric", kText, "12.340", "12.340"},
      {"numeric", kText, "abc", nullptr},
      {"numeric", real, 1e20, "100000000000000000000"},
      {"date", stamp, 86'400'000'000, "1970-01-02"},
      {"date", stamp, 1, nullptr},
      {"date", kText, "2024-02-29", "2024-02-29"},
      {"date", kText, "2023-02-29", nullptr},
      {"date", kText, "yesterday", nullptr},
      {"timestamp", date, -1, "1969-12-31 00:00:00"},
      {"timestamp", kText, "2024-02-29T01:02:03.5", "2024-02-29 01:02:03.5"},
      {"timestamp", kText, "2024-02-29T01:02:03Z", nullptr},
      {"timestamp", zoned, 0, nullptr},
      {"timestamp(0)", stamp, 1'000'000, "1970-01-01 00:00:01"},
      {"timestamp(0)", stamp, 1'500'000, nullptr},
      {"timestamptz", kText, "2024-02-29 01:02:03+02", "2024-02-28 23:02:03+00"},
      {"timestamptz", stamp, 0, nullptr},
      {"time", kText, "01:02:03", "01:02:03"},
      {"bytea", kText, "x", nullptr},
      {"money", kText, "12.34", "$12.34"},
      {"money", kText, "12.345", nullptr},
      {"numeric(5,2)[]", kText, "{1.236}", nullptr},
      {"interval(0)", kText, "5 seconds", "00:00:05"},
      {"interval(0)", kText, "1.6 seconds", nullptr},
      {"interval(1)", kText, "00:00:01.6", "00:00:01.6"},
      {"interval day to hour", kText, "1 day 00:00:01", nullptr},
      {"interval(0)", DataType::of(TypeId::kIntervalMonthDayNano), Json::array({0, 0, 600'000'000}), nullptr},
      {"interval(1)", DataType::of(TypeId::kIntervalMonthDayNano), Json::array({0, 0, 600'000'000}), "00:00:00.6"},
      {"timetz(0)", kText, "01:02:03.5+00", nullptr},
      {"text", DataType::decimal128(38, 0), "-170141183460469231731687303715884105728",
       "-170141183460469231731687303715884105728"},
      {"timestamp(3)", stamp, INT64_MAX, nullptr},
  };
  for (size_t i = 0; i < std::size(cases); ++i) {
    const auto& c = cases[i];
    SCOPED_TRACE(std::string(c.declared) + " <- " + c.type.name() + " " + c.value.dump());
    const std::string name = "t" + std::to_string(i);
    sql("CREATE TABLE " + name + " (n bigint, c " + c.declared + ")");
    const Schema schema{{{"n", kInt}, {"c", c.type}}};
    const Json ctx = context(name, schema);
    const std::vector<Json> rows = {Json::array({1, c.value}), Json::array({2, nullptr})};
    EXPECT_EQ(load(with_policy(ctx, "type_change", "fail"), schema, rows).code(), "TYPE_CHANGED");
    const Outcome coerced = load(with_policy(ctx, "type_change", "coerce"), schema, rows);
    const std::string show = "SELECT coalesce(c::text, 'NULL') FROM " + name + " ORDER BY n";
    if (c.stored != nullptr) {
      EXPECT_EQ(coerced.code(), "ok") << coerced.status.to_string();
      EXPECT_EQ(sql(show), (Lines{c.stored, "NULL"}));
    } else {
      EXPECT_EQ(coerced.code(), "ROW_REFUSED");
      EXPECT_NE(coerced.message().find("column \"c\""), std::string::npos) << coerced.message();
      EXPECT_EQ(load(with_policy(ctx, "type_change", "null"), schema, rows).code(), "ok");
      EXPECT_EQ(sql(show), (Lines{"NULL", "NULL"}));
    }
  }
}

TEST_F(SchemaPolicyTest, SpecialValuesStayWhatTheyMean) {
  const DataType stamp = DataType::timestamp(sdk::TimeUnit::kMicrosecond);
  const struct {
    const char* declared;
    DataType type;
    const char* value;
    const char* stored;  // null: refused
  } cases[] = {{"text", DataType::decimal128(10, 2), "NaN", "NaN"},
               {"text", DataType::decimal256(50, 2), "NaN", "NaN"},
               {"numeric(5,1)", DataType::decimal128(10, 2), "NaN", "NaN"},
               {"double precision", DataType::decimal128(10, 2), "NaN", "NaN"},
               {"bigint", DataType::decimal128(10, 2), "NaN", nullptr},
               {"timestamp", DataType::of(TypeId::kDate32), "-infinity", "-infinity"},
               {"text", DataType::of(TypeId::kDate32), "infinity", "infinity"},
               {"date", stamp, "infinity", "infinity"},
               {"timestamp(3)", stamp, "-infinity", "-infinity"}};
  for (size_t i = 0; i < std::size(cases); ++i) {
    const auto& c = cases[i];
    SCOPED_TRACE(std::string(c.declared) + " <- " + c.type.name());
    const std::string name = "t" + std::to_string(i);
    sql("CREATE TABLE " + name + " (c " + c.declared + ")");
    Schema schema{{{"c", c.type}}};
    schema.fields[0].special_values = true;
    const Json ctx = with_policy(context(name, schema), "type_change", "coerce");
    const Outcome outcome = load(on_error(ctx, "dlq"), schema, {Json::array({c.value})});
    ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
    EXPECT_EQ(sql("SELECT c::text FROM " + name), c.stored != nullptr ? Lines{c.stored} : Lines{});
    if (c.stored != nullptr) continue;
    ASSERT_EQ(outcome.dlq.size(), 1U);
    EXPECT_EQ(outcome.dlq[0].record_json, R"({"c":"NaN"})");
    EXPECT_NE(outcome.dlq[0].error_message.find("value NaN"), std::string::npos) << outcome.dlq[0].error_message;
  }
}

TEST_F(SchemaPolicyTest, AKeyThatDoesNotConvertIsRefusedAndNotStoredAsNull) {
  sql("CREATE TABLE s (id bigint UNIQUE, name text)");
  const Schema schema{{{"id", kText}, {"name", kText}}};
  const Json ctx = with_policy(context("s", schema, upsert({"id"})), "type_change", "null");
  const Outcome outcome =
      load(on_error(ctx, "skip"), schema, {Json::array({"1", "a"}), Json::array({"x", "b"}), Json::array({"2", "c"})});
  ASSERT_EQ(outcome.code(), "ok") << outcome.status.to_string();
  EXPECT_EQ(outcome.summary.records_failed, 1U);
  EXPECT_EQ(table("s"), (Lines{"(1,a)", "(2,c)"}));
}

TEST_F(SchemaPolicyTest, TargetsThatAreNotTablesAreRefused) {
  const Schema schema{{{"id", kInt}}};
  sql("CREATE TABLE base (id bigint); CREATE VIEW v AS SELECT * FROM base; CREATE MATERIALIZED VIEW m AS SELECT * FROM "
      "base; CREATE SEQUENCE q");
  for (const char* name : {"v", "m", "q"}) {
    EXPECT_EQ(load(context(name, schema), schema, {Json::array({1})}).code(), "TARGET_NOT_A_TABLE") << name;
  }
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
