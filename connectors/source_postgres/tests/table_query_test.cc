#include "table_query.h"

#include <gtest/gtest.h>

#include "incremental.h"
#include "partition.h"
#include "position_origin.h"

namespace rapidbyte::source_postgres {
namespace {

using sdk::Json;

CatalogColumn catalog_column(std::string name, postgres::Oid type, std::string type_name, bool nullable = false) {
  CatalogColumn column;
  column.name = std::move(name);
  column.type = type;
  column.sql_type = "pg_catalog." + type_name;
  column.type_name = std::move(type_name);
  column.nullable = nullable;
  return column;
}

const CatalogColumn kAt = catalog_column("at", postgres::kOidTimestamptz, "timestamp with time zone");
const CatalogColumn kId = catalog_column("id", postgres::kOidInt8, "bigint");
const CatalogColumn kKey = catalog_column("key", postgres::kOidUuid, "uuid");
const CatalogColumn kAmount = catalog_column("amount", postgres::kOidNumeric, "numeric");

IncrementalPlan plan_of(const CatalogColumn& cursor, std::vector<const CatalogColumn*> ties, bool grows) {
  IncrementalPlan plan;
  plan.cursor = &cursor;
  plan.ties = std::move(ties);
  plan.tie_grows = grows;
  return plan;
}

TableQuery query() {
  TableQuery query;
  query.table = {"public", "t"};
  return query;
}

TEST(ColumnType, FollowsTheTable) {
  struct Case {
    postgres::Oid type;
    int32_t modifier;
    std::string arrow;
    WireKind kind;
    bool cast;
  };
  const auto numeric = [](int precision, int scale) { return ((precision << 16) | (scale & 0x7FF)) + 4; };
  const Case cases[] = {
      {postgres::kOidInt2, -1, "Int16", WireKind::kInt16, false},
      {postgres::kOidOid, -1, "UInt32", WireKind::kOid, false},
      {postgres::kOidChar, -1, "Utf8", WireKind::kText, true},
      {postgres::kOidXml, -1, "Utf8", WireKind::kText, true},
      {postgres::kOidJsonb, -1, "Utf8", WireKind::kJsonb, false},
      {postgres::kOidTimetz, -1, "Utf8", WireKind::kText, true},
      {postgres::kOidTextArray, -1, "Utf8", WireKind::kText, true},
      {postgres::kOidNumeric, -1, "Utf8", WireKind::kNumericText, false},
      {postgres::kOidNumeric, numeric(12, 2), "Decimal128(12, 2)", WireKind::kNumeric128, false},
      {postgres::kOidNumeric, numeric(38, 38), "Decimal128(38, 38)", WireKind::kNumeric128, false},
      {postgres::kOidNumeric, numeric(39, 0), "Decimal256(39, 0)", WireKind::kNumeric256, false},
      {postgres::kOidNumeric, numeric(77, 0), "Utf8", WireKind::kNumericText, false},
      {postgres::kOidNumeric, numeric(5, -2), "Utf8", WireKind::kNumericText, false},
      {postgres::kOidNumeric, numeric(2, 5), "Utf8", WireKind::kNumericText, false},
  };
  for (const Case& c : cases) {
    CatalogColumn column = catalog_column("c", c.type, "type");
    column.type_modifier = c.modifier;
    const ColumnPlan plan = plan_column(column, false);
    EXPECT_EQ(plan.field.type.name(), c.arrow) << c.type;
    EXPECT_EQ(plan.kind, c.kind) << c.type;
    EXPECT_EQ(plan.cast_to_text, c.cast) << c.type;
    EXPECT_EQ(plan.field.native_type, "postgresql:type");
    const ColumnPlan text = plan_column(column, true);
    EXPECT_EQ(text.field.type.name(), "Utf8");
    EXPECT_TRUE(text.cast_to_text);
    EXPECT_EQ(text.field.native_type, "");
  }
}

TEST(TableQuery, NamesEveryColumnInFull) {
  TableQuery q = query();
  q.columns = {plan_column(kId, false), plan_column(kAt, true)};
  q.conditions = {"id > 5 -- and a comment", "true"};
  q.order = {"at", "id"};
  EXPECT_EQ(q.copy_sql(),
            "COPY (SELECT \"public\".\"t\".\"id\", \"public\".\"t\".\"at\"::pg_catalog.text FROM \"public\".\"t\" "
            "WHERE (id > 5 -- and a comment\n) AND (true\n) ORDER BY \"public\".\"t\".\"at\", \"public\".\"t\".\"id\") "
            "TO STDOUT (FORMAT binary)");
  EXPECT_EQ(query().select_sql(), "SELECT  FROM \"public\".\"t\"");
}

TEST(CursorPosition, ListsTheRowsOfTheNewestValue) {
  const IncrementalPlan plan = plan_of(kAt, {&kKey}, false);
  auto position = CursorPosition::make(plan, {});
  ASSERT_TRUE(position.ok());
  EXPECT_EQ(position->condition(query()), "\"public\".\"t\".\"at\" IS NOT NULL");
  ASSERT_TRUE(position->note({"2024-01-01", "k1"}).ok());
  ASSERT_TRUE(position->note({"2024-01-02", "k2"}).ok());
  ASSERT_TRUE(position->note({"2024-01-02", "k3"}).ok());
  const Json json = position->to_cursor().json;
  EXPECT_EQ(json, (Json{{"column", "at"}, {"value", "2024-01-02"}, {"tie_breaker", {"key"}}, {"seen", {"k2", "k3"}}}));
  // What is read later with the same value joins the list.
  auto next = CursorPosition::make(plan, position->to_cursor());
  ASSERT_TRUE(next.ok());
  EXPECT_NE(next->condition(query()).find("NOT TRUE"), std::string::npos);
  ASSERT_TRUE(next->note({"2024-01-02", "k0"}).ok());
  EXPECT_EQ(next->to_cursor().json["seen"], (Json{"k2", "k3", "k0"}));
}

TEST(CursorPosition, KeepsOnlyTheLastOfManyEqualRows) {
  const IncrementalPlan growing = plan_of(kAt, {&kId}, true);
  auto position = CursorPosition::make(growing, {});
  ASSERT_TRUE(position.ok());
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(position->note({"2024-01-01", std::to_string(i)}).ok());
  EXPECT_TRUE(position->is_exact());
  EXPECT_EQ(position->to_cursor().json["last"], Json{"4999"});
  auto next = CursorPosition::make(growing, position->to_cursor());
  ASSERT_TRUE(next.ok());
  EXPECT_NE(next->condition(query()).find(
                "ROW(\"public\".\"t\".\"at\", \"public\".\"t\".\"id\") OPERATOR(pg_catalog.>) ROW("),
            std::string::npos);

  IncrementalPlan jumping = plan_of(kAt, {&kKey}, false);
  auto other = CursorPosition::make(jumping, {});
  ASSERT_TRUE(other.ok());
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(other->note({"2024-01-01", std::to_string(i)}).ok());
  EXPECT_FALSE(other->is_exact());
  EXPECT_EQ(other->finish().error().code, "TIE_GROUP_TOO_LARGE");
  ASSERT_TRUE(other->note({"2024-01-02", "1"}).ok());
  EXPECT_TRUE(other->is_exact());
  // The user's promise that no more rows come with such a value.
  jumping.lag = parse_lag("1d");
  auto lagging = CursorPosition::make(jumping, {});
  ASSERT_TRUE(lagging.ok());
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(lagging->note({"2024-01-01", std::to_string(i)}).ok());
  EXPECT_TRUE(lagging->is_exact());
}

TEST(CursorPosition, HoldsCheckpointsBackUntilAFullGroupHasPassedEarlierKeys) {
  const IncrementalPlan plan = plan_of(kAt, {&kId}, true);
  Json seen = Json::array();
  for (int i = 1; i <= 1000; ++i) seen.push_back(std::to_string(i * 10));
  auto position = CursorPosition::make(
      plan,
      sdk::CursorValue::of_json({{"column", "at"}, {"value", "2024-01-01"}, {"tie_breaker", {"id"}}, {"seen", seen}}));
  ASSERT_TRUE(position.ok());
  ASSERT_TRUE(position->note({"2024-01-01", "15"}).ok());
  EXPECT_FALSE(position->is_exact());
  EXPECT_EQ(position->to_cursor().json["last"], Json{"10000"});
  ASSERT_TRUE(position->note({"2024-01-01", "10001"}).ok());
  EXPECT_TRUE(position->is_exact());
  EXPECT_EQ(position->to_cursor().json["last"], Json{"10001"});
}

TEST(CursorPosition, RefusesWhatIsNoPosition) {
  const IncrementalPlan plan = plan_of(kAt, {&kId}, true);
  auto position = CursorPosition::make(plan, {});
  ASSERT_TRUE(position.ok());
  EXPECT_EQ(position->note({std::nullopt, "1"}).error().code, "UNEXPECTED_DATA");
  EXPECT_EQ(position->note({"2024-01-01", "\xff"}).error().code, "INVALID_UTF8");
}

TEST(CursorPosition, TakesEqualNumbersForEqualWhateverTheirText) {
  const IncrementalPlan plan = plan_of(kAmount, {&kId}, true);
  auto position = CursorPosition::make(plan, {});
  ASSERT_TRUE(position.ok());
  ASSERT_TRUE(position->note({"1.5", "1"}).ok());
  ASSERT_TRUE(position->note({"1.500", "2"}).ok());
  EXPECT_EQ(position->to_cursor().json["seen"], (Json{"1", "2"}));
  ASSERT_TRUE(position->note({"100", "3"}).ok());
  EXPECT_EQ(position->to_cursor().json["value"], "100");
}

TEST(CursorPosition, RefusesPositionsOfAnotherCursor) {
  const IncrementalPlan plan = plan_of(kAt, {&kId}, true);
  const auto refused = [&](const sdk::CursorValue& last) {
    const auto position = CursorPosition::make(plan, last);
    return !position.ok() && position.error().code == "CURSOR_CHANGED";
  };
  EXPECT_TRUE(refused(sdk::CursorValue::of_int64(5)));
  EXPECT_TRUE(refused(sdk::CursorValue::of_json({{"value", "1"}})));
  EXPECT_TRUE(refused(
      sdk::CursorValue::of_json({{"column", "other"}, {"value", "1"}, {"tie_breaker", {"id"}}, {"seen", {"1"}}})));
  EXPECT_TRUE(refused(
      sdk::CursorValue::of_json({{"column", "at"}, {"value", "1"}, {"tie_breaker", {"key"}}, {"seen", {"1"}}})));
  EXPECT_TRUE(refused(sdk::CursorValue::of_json({{"column", "at"}, {"value", "1"}})));
  EXPECT_FALSE(
      refused(sdk::CursorValue::of_json({{"column", "at"}, {"value", "1"}, {"tie_breaker", {"id"}}, {"seen", {"1"}}})));
}

TEST(PositionOrigin, SaysWhatChanged) {
  const Json origin = {
      {"server", "70"}, {"database", "5"}, {"table", "16"}, {"column", "1"}, {"type", "pg_catalog.int8"}};
  struct Case {
    Json change;
    std::string says;  // empty: harmless
  };
  const Case cases[] = {
      {Json::object(), ""},
      {{{"server", "71"}}, "another server (system identifier 70, now 71)"},
      {{{"server", nullptr}}, ""},  // it may no longer be readable
      {{{"database", "6"}}, "another database"},
      {{{"table", "17"}}, "OID 16, now 17"},
      {{{"column", "2"}}, "number 1, now 2"},
      {{{"type", "pg_catalog.int4"}}, ""},
      {{{"type", "pg_catalog.\"numeric\""}}, ""},
      {{{"type", "pg_catalog.text"}}, "type was pg_catalog.int8, now pg_catalog.text"},
      {{{"collation", "C"}}, "collation"},
      {{{"where", "0011"}}, "`where`"},
      {{{"columns", "0011"}}, "`select`"},
      {{{"child_tables", "exclude"}}, "`child_tables`"},
  };
  for (const Case& c : cases) {
    Json now = origin;
    now.update(c.change);
    for (const auto& change : {find_origin_change(origin, now), find_origin_change(now, origin)}) {
      EXPECT_EQ(change.has_value(), !c.says.empty()) << sdk::to_text(c.change);
    }
    if (c.says.empty()) continue;
    EXPECT_NE(find_origin_change(origin, now)->what.find(c.says), std::string::npos) << c.says;
  }
}

TEST(CursorPosition, RefusesANullTieBreaker) {
  const IncrementalPlan plan = plan_of(kAt, {&kId}, false);
  auto position = CursorPosition::make(plan, {});
  ASSERT_TRUE(position.ok());
  const sdk::Status status = position->note({"2024-01-01", std::nullopt});
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, "NULL_TIE_BREAKER");
}

TEST(Partition, CoversEveryBlockOnce) {
  for (const uint64_t blocks : {2ULL, 7ULL, 4096ULL, 4'294'967'295ULL}) {
    for (const uint64_t count : {1ULL, 2ULL}) {
      const std::vector<Partition> parts = cut_blocks(blocks, count, "s");
      ASSERT_EQ(parts.size(), count);
      uint64_t at = 0;
      for (const Partition& part : parts) {
        EXPECT_EQ(part.from_block, at);
        at = part.to_block.value_or(0);
      }
      EXPECT_FALSE(parts.back().to_block.has_value());
    }
  }
  const Partition part{"00000003-1", 5, 9};
  const auto back = Partition::from_json(part.to_json());
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->condition("t", {7, 8}),
            "t.ctid OPERATOR(pg_catalog.>=) '(5,0)'::pg_catalog.tid AND t.ctid OPERATOR(pg_catalog.<) "
            "'(9,0)'::pg_catalog.tid AND t.tableoid OPERATOR(pg_catalog.=) ANY ('{7,8}'::pg_catalog.oid[])");
  EXPECT_FALSE(Partition::from_json(Json{{"snapshot", 5}}).ok());
}

}  // namespace
}  // namespace rapidbyte::source_postgres
