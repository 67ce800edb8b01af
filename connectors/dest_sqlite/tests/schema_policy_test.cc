// The four axes of schema_evolution against an existing table.
#include "tests/sqlite_fixture.h"

namespace rapidbyte::dest_sqlite {
namespace {

class SchemaPolicyTest : public SqliteTest {
 protected:
  static Json with_policy(Json ctx, const std::string& axis, const std::string& value) {
    ctx["policies"]["schema_evolution"][axis] = value;
    return ctx;
  }
  static std::string code_of(const Outcome& outcome) {
    return outcome.status.ok() ? "ok" : outcome.status.error().code;
  }
};

const DataType kInt = DataType::of(TypeId::kInt64);
const DataType kText = DataType::of(TypeId::kUtf8);

// As for a CSV column without values, which has no type.
TEST_F(SchemaPolicyTest, AColumnOfNullsFitsEveryTypeUntilAValueComes) {
  const Schema schema{{{"id", kInt}, {"c", kText}}};
  for (const char* declared : {"INTEGER", "REAL", "NUMERIC"}) {
    const std::string name = std::string("nulls_") + declared;
    sql("CREATE TABLE " + name + " (id INTEGER, c " + declared + ")");
    const Json ctx = context(name, schema);
    EXPECT_EQ(code_of(load(ctx, schema, {Json::array({1, nullptr}), Json::array({2, nullptr})})), "ok");
    EXPECT_EQ(table(name, "id"), (Lines{"1|NULL", "2|NULL"})) << declared;
    EXPECT_EQ(code_of(load(ctx, schema, {Json::array({3, nullptr}), Json::array({4, "5"})})), "TYPE_CHANGED");
    EXPECT_EQ(table(name, "id"), (Lines{"1|NULL", "2|NULL"})) << declared << ": nothing of that load was kept";
  }
}

TEST_F(SchemaPolicyTest, NewColumn) {
  const Schema schema{{{"id", kInt}, {"extra", DataType::of(TypeId::kDate32)}}};
  const Json ctx = context("s", schema);
  sql("CREATE TABLE s (id INTEGER); INSERT INTO s VALUES (0)");
  const Outcome failed = load(with_policy(ctx, "new_column", "fail"), schema, {Json::array({1, 0})});
  EXPECT_EQ(code_of(failed), "NEW_COLUMN");
  EXPECT_NE(failed.status.error().message.find("\"extra\""), std::string::npos);
  EXPECT_EQ(code_of(load(with_policy(ctx, "new_column", "ignore"), schema, {Json::array({1, 0})})), "ok");
  EXPECT_EQ(table("s"), (Lines{"0", "1"}));
  EXPECT_EQ(code_of(load(with_policy(ctx, "new_column", "add"), schema, {Json::array({2, 0})})), "ok");
  EXPECT_EQ(table("s"), (Lines{"0|NULL", "1|NULL", "2|'1970-01-01'"}));
}

TEST_F(SchemaPolicyTest, AColumnThatComesInTheMiddleOfAStreamIsAdded) {
  const Schema first{{{"id", kInt}}};
  const Schema second{{{"name", kText}, {"id", kInt}}};
  const Outcome outcome =
      load(context("s", first), {make_batch(first, {Json::array({1})}), make_batch(second, {Json::array({"b", 2})}),
                                 make_batch(first, {Json::array({3})})});
  ASSERT_EQ(code_of(outcome), "ok") << outcome.status.to_string();
  EXPECT_EQ(table("s"), (Lines{"1|NULL", "2|'b'", "3|NULL"}));
}

TEST_F(SchemaPolicyTest, RemovedColumn) {
  const Schema schema{{{"ID", kInt}}};
  const Json ctx = context("s", schema);
  sql("CREATE TABLE s (id INTEGER, gone TEXT)");
  const Outcome failed = load(with_policy(ctx, "removed_column", "fail"), schema, {Json::array({1})});
  EXPECT_EQ(code_of(failed), "REMOVED_COLUMN");
  EXPECT_EQ(code_of(load(with_policy(ctx, "removed_column", "ignore"), schema, {Json::array({1})})), "ok");
  EXPECT_EQ(table("s"), Lines{"1|NULL"});
  sql("DROP TABLE s; CREATE TABLE s (id INTEGER, needed TEXT NOT NULL)");
  EXPECT_EQ(code_of(load(ctx, schema, {Json::array({1})})), "COLUMN_REQUIRED");
  sql("DROP TABLE s; CREATE TABLE s (id INTEGER, needed TEXT NOT NULL DEFAULT 'd', n INTEGER PRIMARY KEY)");
  EXPECT_EQ(code_of(load(ctx, schema, {Json::array({1})})), "ok");
  EXPECT_EQ(table("s"), Lines{"1|'d'|1"});
}

TEST_F(SchemaPolicyTest, ReplaceHeedsFailForColumnsThatComeAndGo) {
  const Schema schema{{{"id", kInt}, {"extra", kText}}};
  const Json ctx = context("s", schema, "replace");
  sql("CREATE TABLE \"s\" (\"id\" INTEGER, \"gone\" TEXT)");
  EXPECT_EQ(code_of(load(with_policy(ctx, "new_column", "fail"), schema, {Json::array({1, "x"})})), "NEW_COLUMN");
  EXPECT_EQ(code_of(load(with_policy(ctx, "removed_column", "fail"), schema, {Json::array({1, "x"})})),
            "REMOVED_COLUMN");
  EXPECT_EQ(code_of(load(with_policy(ctx, "new_column", "ignore"), schema, {Json::array({1, "x"})})), "ok");
  EXPECT_EQ(table("s"), Lines{"1"});
}

TEST_F(SchemaPolicyTest, NullabilityChange) {
  const Schema nullable{{{"id", kInt, true}}};
  sql("CREATE TABLE s (id INTEGER NOT NULL)");
  const Json ctx = context("s", nullable);
  EXPECT_EQ(code_of(load(with_policy(ctx, "nullability_change", "fail"), nullable, {Json::array({1})})),
            "NULLABILITY_CHANGED");
  EXPECT_EQ(code_of(load(with_policy(ctx, "nullability_change", "allow"), nullable, {Json::array({1})})), "ok");
  const Outcome null = load(ctx, nullable, {Json::array({2}), Json::array({nullptr})});
  EXPECT_EQ(code_of(null), "ROW_REFUSED");
  EXPECT_NE(null.status.error().message.find("column \"id\", value NULL"), std::string::npos)
      << null.status.error().message;
  EXPECT_EQ(table("s"), Lines{"1"});
  // With fail the tables that we make say NOT NULL, so that a later change is seen.
  const Schema never{{{"id", kInt, false}}};
  ASSERT_EQ(code_of(load(with_policy(context("t", never), "nullability_change", "fail"), never, {Json::array({1})})),
            "ok");
  EXPECT_EQ(
      code_of(load(with_policy(context("t", nullable), "nullability_change", "fail"), nullable, {Json::array({1})})),
      "NULLABILITY_CHANGED");
}

TEST_F(SchemaPolicyTest, TypesThatAColumnKeepsUnchangedAreNoChange) {
  const struct {
    const char* declared;
    DataType type;
    Json value;
    const char* stored;
  } cases[] = {{"BIGINT", kInt, 5, "5"},
               {"BOOLEAN", DataType::of(TypeId::kBoolean), true, "1"},
               {"INTEGER", DataType::of(TypeId::kBoolean), true, "1"},
               {"NUMERIC", kInt, 5, "5"},
               {"", kText, "007", "'007'"},
               {"BLOB", kText, "007", "'007'"},
               {"VARCHAR(10)", kText, "007", "'007'"},
               {"DATE", DataType::of(TypeId::kDate32), 0, "'1970-01-01'"},
               {"TIMESTAMP", DataType::timestamp(sdk::TimeUnit::kMicrosecond), 0, "'1970-01-01T00:00:00.000000'"},
               {"DOUBLE PRECISION", DataType::of(TypeId::kFloat64), 2.5, "2.5"},
               {"TEXT", DataType::decimal128(10, 2), 100, "'1.00'"}};
  for (size_t i = 0; i < std::size(cases); ++i) {
    const std::string name = "t" + std::to_string(i);
    sql("CREATE TABLE " + name + " (c " + cases[i].declared + ")");
    const Schema schema{{{"c", cases[i].type}}};
    const Outcome outcome = load(context(name, schema), schema, {Json::array({cases[i].value})});
    EXPECT_EQ(code_of(outcome), "ok") << cases[i].declared << ": " << outcome.status.to_string();
    EXPECT_EQ(table(name), Lines{cases[i].stored}) << cases[i].declared;
  }
}

TEST_F(SchemaPolicyTest, TypeChange) {
  const DataType real = DataType::of(TypeId::kFloat64);
  const DataType decimal = DataType::decimal128(30, 2);
  const struct {
    const char* declared;
    DataType type;
    Json value;
    const char* stored;  // null: does not convert exactly
  } cases[] = {
      {"TEXT", kInt, INT64_MIN, "'-9223372036854775808'"},
      {"TEXT", DataType::of(TypeId::kBoolean), false, "'false'"},
      {"TEXT", DataType::of(TypeId::kUInt64), UINT64_MAX, "'18446744073709551615'"},
      {"TEXT", real, 0.1, "'0.1'"},
      {"TEXT", real, "NaN", "'NaN'"},
      {"TEXT", DataType::of(TypeId::kBinary), "x", nullptr},
      {"INTEGER", real, 3.0, "3"},
      {"INTEGER", real, 3.5, nullptr},
      {"INTEGER", real, 9223372036854775808.0, nullptr},
      {"INTEGER", kText, "-42", "-42"},
      {"INTEGER", kText, "0", "0"},
      {"INTEGER", kText, "007", nullptr},
      {"INTEGER", kText, "12 ", nullptr},
      {"INTEGER", kText, "", nullptr},
      {"INTEGER", kText, "9223372036854775808", nullptr},
      {"INTEGER", decimal, 1200, "12"},
      {"INTEGER", decimal, 1250, nullptr},
      {"INTEGER", DataType::of(TypeId::kDate32), 0, nullptr},
      {"REAL", kInt, 9007199254740992, "9007199254740992.0"},
      {"REAL", kInt, 9007199254740993, nullptr},
      {"REAL", decimal, 1230, "12.3"},
      {"REAL", decimal, 123456789012345678, nullptr},
      {"REAL", kText, "2.50", "2.5"},
      {"REAL", kText, "1e5", nullptr},
      {"REAL", kText, "abc", nullptr},
      {"DECIMAL(10,2)", decimal, 1230, "12.3"},
      {"DECIMAL(10,2)", decimal, 1200, "12"},
      {"DECIMAL(10,2)", decimal, 123456789012345678, nullptr},
      {"NUMERIC", kText, "5", "5"},
      {"NUMERIC", kText, "05", nullptr},
  };
  for (size_t i = 0; i < std::size(cases); ++i) {
    const auto& c = cases[i];
    SCOPED_TRACE(std::string(c.declared) + " <- " + c.type.name() + " " + c.value.dump());
    const std::string name = "t" + std::to_string(i);
    sql("CREATE TABLE " + name + " (c " + c.declared + ")");
    const Schema schema{{{"c", c.type}}};
    const Json ctx = context(name, schema);
    const std::vector<Json> rows = {Json::array({c.value}), Json::array({nullptr})};
    EXPECT_EQ(code_of(load(with_policy(ctx, "type_change", "fail"), schema, rows)), "TYPE_CHANGED");
    const Outcome coerced = load(with_policy(ctx, "type_change", "coerce"), schema, rows);
    if (c.stored != nullptr) {
      EXPECT_EQ(code_of(coerced), "ok") << coerced.status.to_string();
      EXPECT_EQ(table(name, "rowid"), (Lines{c.stored, "NULL"}));
    } else {
      EXPECT_EQ(code_of(coerced), "ROW_REFUSED");
      EXPECT_EQ(code_of(load(with_policy(ctx, "type_change", "null"), schema, rows)), "ok");
      EXPECT_EQ(table(name, "rowid"), (Lines{"NULL", "NULL"}));
    }
  }
}

TEST_F(SchemaPolicyTest, StrictTablesKeepTheirRules) {
  const Schema schema{{{"id", kInt}, {"any", kText}}};
  sql("CREATE TABLE s (id INTEGER, any ANY) STRICT");
  ASSERT_EQ(code_of(load(context("s", schema), schema, {Json::array({1, "007"})})), "ok");
  EXPECT_EQ(table("s"), Lines{"1|'007'"});
}

TEST_F(SchemaPolicyTest, TargetsThatAreNotTablesAreRefused) {
  const Schema schema{{{"id", kInt}}};
  sql("CREATE TABLE base (id INTEGER); CREATE VIEW s AS SELECT * FROM base; CREATE VIRTUAL TABLE f USING fts5(id);"
      "CREATE TABLE g (id INTEGER AS (1), x)");
  for (const char* name : {"s", "S", "f"}) {
    EXPECT_EQ(code_of(load(context(name, schema), schema, {Json::array({1})})), "TARGET_NOT_A_TABLE") << name;
  }
  EXPECT_EQ(code_of(load(context("g", schema), schema, {Json::array({1})})), "GENERATED_COLUMN");
}

}  // namespace
}  // namespace rapidbyte::dest_sqlite
