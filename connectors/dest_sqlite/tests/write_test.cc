#include "tests/sqlite_fixture.h"

namespace rapidbyte::dest_sqlite {
namespace {

using WriteTest = SqliteTest;

Schema two_columns() { return {{{"id", DataType::of(TypeId::kInt64)}, {"name", DataType::of(TypeId::kUtf8)}}}; }

TEST_F(WriteTest, EveryTypeSurvivesExactly) {
  const struct {
    DataType type;
    const char* declared;
    Json value;
    const char* stored;
  } cases[] = {
      {DataType::of(TypeId::kBoolean), "BOOLEAN", true, "1"},
      {DataType::of(TypeId::kInt8), "INTEGER", -128, "-128"},
      {DataType::of(TypeId::kInt16), "INTEGER", -32768, "-32768"},
      {DataType::of(TypeId::kInt32), "INTEGER", -2147483648LL, "-2147483648"},
      {DataType::of(TypeId::kInt64), "INTEGER", INT64_MIN, "-9223372036854775808"},
      {DataType::of(TypeId::kInt64), "INTEGER", 9007199254740993, "9007199254740993"},
      {DataType::of(TypeId::kUInt8), "INTEGER", 255, "255"},
      {DataType::of(TypeId::kUInt16), "INTEGER", 65535, "65535"},
      {DataType::of(TypeId::kUInt32), "INTEGER", 4294967295, "4294967295"},
      {DataType::of(TypeId::kUInt64), "INTEGER", INT64_MAX, "9223372036854775807"},
      {DataType::of(TypeId::kFloat32), "REAL", 1.5, "1.5"},
      {DataType::of(TypeId::kFloat64), "REAL", 0.1, "0.1"},
      {DataType::of(TypeId::kFloat64), "REAL", 3, "3.0"},
      {DataType::of(TypeId::kFloat64), "REAL", "-Infinity", "-Inf"},
      {DataType::decimal128(38, 2), "TEXT", -1230, "'-12.30'"},
      {DataType::decimal256(50, 3), "TEXT", 5, "'0.005'"},
      {DataType::of(TypeId::kUtf8), "TEXT", "007", "'007'"},
      {DataType::of(TypeId::kUtf8), "TEXT", "", "''"},
      {DataType::of(TypeId::kUtf8), "TEXT", "na\u00efve \U0001F600", "'na\u00efve \U0001F600'"},
      {DataType::of(TypeId::kLargeUtf8), "TEXT", "x", "'x'"},
      {DataType::of(TypeId::kBinary), "BLOB", "ab", "X'6162'"},
      {DataType::of(TypeId::kBinary), "BLOB", "", "X''"},
      {DataType::of(TypeId::kLargeBinary), "BLOB", "a", "X'61'"},
      {DataType::fixed_size_binary(3), "BLOB", "abc", "X'616263'"},
      {DataType::of(TypeId::kDate32), "TEXT", 19782, "'2024-02-29'"},
      {DataType::time32(sdk::TimeUnit::kMillisecond), "TEXT", 1500, "'00:00:01.500000'"},
      {DataType::time64(sdk::TimeUnit::kMicrosecond), "TEXT", 1, "'00:00:00.000001'"},
      {DataType::timestamp(sdk::TimeUnit::kMicrosecond), "TEXT", 1709211909000250, "'2024-02-29T13:05:09.000250'"},
      {DataType::timestamp(sdk::TimeUnit::kMicrosecond, "UTC"), "TEXT", -1, "'1969-12-31T23:59:59.999999Z'"},
      {DataType::timestamp(sdk::TimeUnit::kNanosecond), "TEXT", 1, "'1970-01-01T00:00:00.000000001'"},
      {DataType::of(TypeId::kIntervalMonthDayNano), "TEXT", Json::array({1, 2, 3}), "'P1M2DT0.000000003S'"},
  };
  Schema schema;
  Json row = Json::array();
  Json nulls = Json::array();
  std::string expected;
  std::string all_null;
  for (const auto& c : cases) {
    schema.fields.push_back({"c" + std::to_string(schema.size()), c.type});
    row.push_back(c.value);
    nulls.push_back(nullptr);
    expected += (expected.empty() ? "" : "|") + std::string(c.stored);
    all_null += all_null.empty() ? "NULL" : "|NULL";
  }
  const Outcome outcome = load(context("types", schema), schema, {row, nulls, row});
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.to_string();
  EXPECT_EQ(outcome.summary.records_written, 3U);
  EXPECT_EQ(table("types", "rowid"), (Lines{expected, all_null, expected}));
  const Lines declared = query("SELECT type FROM pragma_table_info('types')");
  for (size_t i = 0; i < declared.size(); ++i) EXPECT_EQ(declared[i], "'" + std::string(cases[i].declared) + "'") << i;
}

TEST_F(WriteTest, TextsKeepNulBytesAndQuotes) {
  const Schema schema{{{"t", DataType::of(TypeId::kUtf8)}}};
  const std::string text = std::string("a\0b", 3) + "'\"\n";
  ASSERT_TRUE(load(context("s", schema), schema, {Json::array({text})}).status.ok());
  EXPECT_EQ(table("s"), Lines{"'" + text + "'"});
}

TEST_F(WriteTest, ManyBatchesOfUnevenSizeAllArriveInOrder) {
  const Schema schema = two_columns();
  std::vector<std::vector<uint8_t>> batches;
  Lines expected;
  int64_t id = 0;
  for (const int rows : {1, 31, 32, 33, 0, 1000, 64}) {
    std::vector<Json> content;
    for (int i = 0; i < rows; ++i, ++id) {
      const Json name = id % 7 == 0 ? Json() : Json("n" + std::to_string(id));
      content.push_back(Json::array({id, name}));
      expected.push_back(std::to_string(id) + "|" + (id % 7 == 0 ? "NULL" : "'n" + std::to_string(id) + "'"));
    }
    batches.push_back(make_batch(schema, content));
  }
  const Outcome outcome = load(context("s", schema), batches);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.to_string();
  EXPECT_EQ(outcome.summary.records_written, static_cast<uint64_t>(id));
  EXPECT_EQ(table("s", "rowid"), expected);
  EXPECT_EQ(integrity(), "ok");
}

TEST_F(WriteTest, AppendAddsToWhatIsThere) {
  const Schema schema = two_columns();
  ASSERT_TRUE(load(context("s", schema), schema, {Json::array({1, "a"})}).status.ok());
  ASSERT_TRUE(load(context("s", schema), schema, {Json::array({1, "a"}), Json::array({2, "b"})}).status.ok());
  EXPECT_EQ(table("s"), (Lines{"1|'a'", "1|'a'", "2|'b'"}));
}

TEST_F(WriteTest, NamesOfStreamsAndColumnsAreQuoted) {
  for (const std::string name : {"select", "with space", "quo\"te", "semi;colon--", "\u00fcml\u00e4ut", "[x]", "1st"}) {
    const Schema schema{{{name, DataType::of(TypeId::kInt64)}, {"order", DataType::of(TypeId::kInt64)}}};
    const Outcome outcome =
        load(context(name, schema, {{"upsert", {{"primary_key", {name}}}}}), schema, {Json::array({1, 2})});
    ASSERT_TRUE(outcome.status.ok()) << name << ": " << outcome.status.to_string();
    const Outcome replaced = load(context(name, schema, "replace"), schema, {Json::array({3, 4})});
    ASSERT_TRUE(replaced.status.ok()) << name << ": " << replaced.status.to_string();
  }
  EXPECT_EQ(table("quo\"\"te"), Lines{"3|4"});
  EXPECT_EQ(query("SELECT count(*) FROM sqlite_schema WHERE type = 'table'"), Lines{"9"});
}

TEST_F(WriteTest, NamesThatCannotBeTablesAreRefusedWithAdvice) {
  const Schema schema = two_columns();
  for (const std::string& name : {std::string("sqlite_stat1"), std::string("SQLite_x"),
                                  std::string("_rapidbyte_receipts"), std::string("a\0b", 3)}) {
    const Outcome outcome = load(context(name, schema), schema, {});
    ASSERT_FALSE(outcome.status.ok()) << name;
    EXPECT_EQ(outcome.status.error().code, "NAME_REFUSED") << name;
    EXPECT_NE(outcome.status.error().message.find("table_prefix"), std::string::npos);
  }
}

TEST_F(WriteTest, TablePrefixIsPutBeforeTheStreamsName) {
  auto destination = open({{"table_prefix", "raw_"}});
  FakeHost host;
  host.push_batch(make_batch(two_columns(), {Json::array({1, "a"})}));
  host.push_end_marker();
  const std::string ctx = sdk::to_text(context("sqlite_x", two_columns()));
  ASSERT_TRUE(destination->begin_stream(ctx).ok());
  ASSERT_TRUE(destination->run_write(ctx).ok());
  ASSERT_TRUE(destination->close().ok());
  EXPECT_EQ(table("raw_sqlite_x"), Lines{"1|'a'"});
}

TEST_F(WriteTest, ColumnsThatOneTableCannotHaveAreNamed) {
  const auto code = [&](const Schema& schema) {
    const Outcome outcome = load(context("s", schema), schema, {});
    return outcome.status.ok() ? std::string("ok") : outcome.status.error().code;
  };
  EXPECT_EQ(code({{{"Name", DataType::of(TypeId::kUtf8)}, {"name", DataType::of(TypeId::kUtf8)}}}), "DUPLICATE_COLUMN");
  EXPECT_EQ(code({{{"", DataType::of(TypeId::kUtf8)}}}), "NAME_REFUSED");
  Schema wide;
  for (int i = 0; i < 2001; ++i) wide.fields.push_back({"c" + std::to_string(i), DataType::of(TypeId::kInt8)});
  EXPECT_EQ(code(wide), "TOO_MANY_COLUMNS");
  wide.fields.pop_back();
  EXPECT_EQ(code(wide), "ok");
}

TEST_F(WriteTest, AStreamWithoutBatchesLeavesAnEmptyTableInEveryMode) {
  const Schema schema = two_columns();
  const Json modes[] = {"append", "replace", {{"upsert", {{"primary_key", {"id"}}}}}};
  for (size_t i = 0; i < 3; ++i) {
    const std::string name = "s" + std::to_string(i);
    const Outcome outcome = load(context(name, schema, modes[i]), std::vector<std::vector<uint8_t>>{});
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.to_string();
    EXPECT_EQ(table(name), Lines{});
    EXPECT_EQ(query("SELECT name FROM pragma_table_info('" + name + "')"), (Lines{"'id'", "'name'"}));
  }
}

TEST_F(WriteTest, ReceiptsAreWrittenWithEachCommitAndAnswerLastCommitted) {
  const Schema schema = two_columns();
  const Outcome outcome =
      load(context("s", schema), {make_batch(schema, {Json::array({1, "a"})}),
                                  make_batch(schema, {Json::array({2, "b"}), Json::array({3, "c"})})});
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.to_string();
  const auto receipt = sdk::parse_json(outcome.last_committed);
  ASSERT_TRUE(receipt.ok());
  EXPECT_EQ(sdk::string_member(*receipt, "load_id"), "load-1");
  EXPECT_EQ(sdk::uint_member(*receipt, "batches_covered"), 2U);
  EXPECT_EQ(sdk::bool_member(*receipt, "end"), true);
  EXPECT_EQ(query("SELECT pipeline, stream, partition, load_id, rows, length(committed_at) FROM _rapidbyte_receipts"),
            Lines{"'test'|'s'|''|'load-1'|3|24"});
}

TEST_F(WriteTest, LastCommittedOfADatabaseThatIsNotThereMakesNothing) {
  auto destination = open();
  const auto committed = destination->last_committed(sdk::to_text(context("s", two_columns())));
  ASSERT_TRUE(committed.ok());
  // Nothing can be doubled there: an interrupted append may restart.
  EXPECT_EQ(*committed, std::optional<std::string>(sdk::kTargetAbsent));
  const auto validation = destination->validate();
  ASSERT_TRUE(validation.ok());
  EXPECT_EQ(validation->kind, sdk::Validation::Kind::kSuccess);
  ASSERT_TRUE(destination->close().ok());
  EXPECT_FALSE(std::filesystem::exists(path()));
}

TEST_F(WriteTest, AFailedWriteKeepsCommittedBatchesAndNothingElse) {
  const Schema schema{{{"id", DataType::of(TypeId::kFloat64)}}};
  const Outcome outcome = load(context("s", schema), {make_batch(schema, {Json::array({1})}),
                                                      make_batch(schema, {Json::array({2}), Json::array({"NaN"})})});
  ASSERT_FALSE(outcome.status.ok());
  EXPECT_EQ(outcome.status.error().code, "ROW_REFUSED");
  EXPECT_EQ(table("s"), Lines{"1.0"});
  EXPECT_NE(outcome.last_committed.find("\"c1\""), std::string::npos);
}

TEST_F(WriteTest, ARowThatTheHostStopsBetweenMarkersIsNotCommitted) {
  FakeHost host;
  host.push_batch(make_batch(two_columns(), {Json::array({1, "a"})}));
  host.push_marker({{"id", "c1"}});
  host.push_batch(make_batch(two_columns(), {Json::array({2, "b"})}));
  host.fail_call("next-batch", 3, sdk::internal_error("CANCELLED", "cancelled").error());
  auto destination = open();
  const std::string ctx = sdk::to_text(context("s", two_columns()));
  ASSERT_TRUE(destination->begin_stream(ctx).ok());
  EXPECT_FALSE(destination->run_write(ctx).ok());
  ASSERT_TRUE(destination->close().ok());
  EXPECT_EQ(table("s"), Lines{"1|'a'"});
}

}  // namespace
}  // namespace rapidbyte::dest_sqlite
