// Which differences between a stream and a table the policies allow, and what is said about the others.
#include "rapidbyte/table/column_fit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rapidbyte/table/sql_name.h"
#include "rapidbyte/testing/batches.h"
#include "rapidbyte/testing/fake_host.h"

namespace rapidbyte::table {
namespace {

using sdk::DataType;
using sdk::Result;
using sdk::Status;
using sdk::TypeId;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Columns whose types are those of Arrow; names are the same in either case of letters.
class FakeTable final : public TargetTable {
 public:
  struct Stored {
    Column column;
    DataType type = DataType::of(TypeId::kInt64);
  };

  Result<bool> look() override { return is_there; }
  Status create(const TableRequest& request, bool declare_not_null) override {
    is_there = true;
    for (const sdk::Field& field : request.schema.fields) {
      add(field.name, field.type);
      columns_.back().not_null = declare_not_null && !field.nullable;
    }
    return {};
  }
  Status add_column(const sdk::Field& field) override {
    add(field.name, field.type);
    return {};
  }
  [[nodiscard]] std::string described() const override { return "table t of db"; }
  [[nodiscard]] const std::vector<Column>& columns() const override { return columns_; }
  [[nodiscard]] bool is_same_name(std::string_view a, std::string_view b) const override {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return (x | 0x20) == (y | 0x20); });
  }
  [[nodiscard]] bool takes(size_t column, const sdk::Field& field) const override {
    return types_[column] == field.type;
  }
  [[nodiscard]] TypeConflict conflict(size_t column, const sdk::Field& field) const override {
    return {.what = "is " + types_[column].name() + ", but comes as " + field.type.name(), .instead = "give up"};
  }
  Status check_upsert_key(const std::vector<std::string>& key) override {
    return key_is_unique ? Status() : key_not_unique(described(), key, "CREATE UNIQUE INDEX ON t", "no index");
  }

  Column& add(const std::string& name, const DataType& type = DataType::of(TypeId::kInt64)) {
    types_.push_back(type);
    columns_.push_back({.name = name});
    return columns_.back();
  }

  bool is_there = true;
  bool key_is_unique = true;

 private:
  std::vector<Column> columns_;
  std::vector<DataType> types_;
};

class ColumnFitTest : public ::testing::Test {
 protected:
  ColumnFitTest() {
    request_.stream = "s";
    request_.policies = {};
  }
  void field(const std::string& name, TypeId type = TypeId::kInt64, bool nullable = true) {
    request_.schema.fields.push_back({.name = name, .type = DataType::of(type), .nullable = nullable});
  }
  std::string code() {
    fit_ = {};
    auto fit = fit_table(request_, table_);
    message_ = fit.ok() ? "" : fit.error().message;
    if (!fit.ok()) return fit.error().code;
    fit_ = std::move(*fit);
    return "ok";
  }

  sdk::testing::FakeHost host_;  // takes what is logged
  TableRequest request_;
  FakeTable table_;
  TableFit fit_;
  std::string message_;
};

TEST_F(ColumnFitTest, ATableThatIsNotThereIsMade) {
  table_.is_there = false;
  field("id", TypeId::kInt64, false);
  request_.policies.nullability_change = sdk::NullabilityChange::kFail;
  ASSERT_EQ(code(), "ok") << message_;
  EXPECT_TRUE(table_.columns().front().not_null);
  ASSERT_EQ(fit_.columns.size(), 1U);
  EXPECT_FALSE(fit_.columns.front().convert);
}

TEST_F(ColumnFitTest, ColumnsThatComeAndGoAreThePoliciesMatter) {
  table_.add("ID");
  table_.add("old").has_default = false;
  field("id");
  field("new");
  request_.policies.new_column = sdk::NewColumn::kFail;
  request_.policies.removed_column = sdk::RemovedColumn::kFail;
  EXPECT_EQ(code(), "NEW_COLUMN");
  EXPECT_THAT(message_, HasSubstr("stream \"s\", table t of db: the source has a new column \"new\" (Int64)"));
  request_.policies.new_column = sdk::NewColumn::kIgnore;
  EXPECT_EQ(code(), "REMOVED_COLUMN");
  EXPECT_THAT(message_, HasSubstr("no longer has column \"old\""));
  request_.policies.removed_column = sdk::RemovedColumn::kIgnore;
  ASSERT_EQ(code(), "ok") << message_;
  ASSERT_EQ(fit_.columns.size(), 1U);
  EXPECT_EQ(fit_.columns[0].source, 0U);
  request_.policies.new_column = sdk::NewColumn::kAdd;
  ASSERT_EQ(code(), "ok") << message_;
  ASSERT_EQ(fit_.columns.size(), 2U);
  EXPECT_EQ(table_.columns()[fit_.columns[1].column].name, "new");
}

TEST_F(ColumnFitTest, AColumnThatNeedsAValueMustCome) {
  field("id");
  table_.add("id");
  table_.add("needed").not_null = true;
  request_.policies.removed_column = sdk::RemovedColumn::kIgnore;
  EXPECT_EQ(code(), "COLUMN_REQUIRED");
  FakeTable with_default;
  with_default.add("id");
  Column& filled = with_default.add("needed");
  filled.not_null = true;
  filled.has_default = true;
  table_ = with_default;
  EXPECT_EQ(code(), "ok") << message_;
}

TEST_F(ColumnFitTest, AComputedColumnTakesNothing) {
  field("id");
  field("sum");
  table_.add("id");
  table_.add("sum").generated = true;
  request_.policies.new_column = sdk::NewColumn::kAdd;
  EXPECT_EQ(code(), "GENERATED_COLUMN");
  request_.policies.new_column = sdk::NewColumn::kIgnore;
  ASSERT_EQ(code(), "ok") << message_;
  EXPECT_EQ(fit_.columns.size(), 1U);
}

TEST_F(ColumnFitTest, AnotherTypeIsAnErrorOnceAValueComes) {
  field("id", TypeId::kUtf8);
  table_.add("id");
  request_.policies.type_change = sdk::TypeChange::kFail;
  EXPECT_EQ(code(), "TYPE_CHANGED");
  EXPECT_THAT(message_,
              HasSubstr("column \"id\" is Int64, but comes as Utf8. Set schema_evolution.type_change: coerce "
                        "(keeps what converts exactly) or null, override the type in the source, or give up."));
  request_.has_values = [](size_t) { return false; };
  ASSERT_EQ(code(), "ok") << message_;
  sdk::BatchReader batch;
  const auto load = [&](const sdk::Json& value) {
    return batch.load(sdk::testing::make_batch(request_.schema, {sdk::Json::array({value})})).ok();
  };
  ASSERT_TRUE(load(nullptr));
  EXPECT_TRUE(check_late_values(fit_.columns, fit_.no_columns, batch).ok());
  ASSERT_TRUE(load("x"));
  EXPECT_EQ(check_late_values(fit_.columns, fit_.no_columns, batch).error().code, "TYPE_CHANGED");
  request_.policies.type_change = sdk::TypeChange::kCoerce;
  ASSERT_EQ(code(), "ok");
  EXPECT_TRUE(fit_.columns[0].convert);
  EXPECT_FALSE(fit_.columns[0].null_if_changed);
  EXPECT_TRUE(check_late_values(fit_.columns, fit_.no_columns, batch).ok());
  request_.policies.type_change = sdk::TypeChange::kNull;
  ASSERT_EQ(code(), "ok");
  EXPECT_TRUE(fit_.columns[0].null_if_changed);
}

TEST_F(ColumnFitTest, NothingInCommonIsAnErrorOnceARowComes) {
  field("id");
  table_.add("other");
  request_.policies.new_column = sdk::NewColumn::kIgnore;
  request_.policies.removed_column = sdk::RemovedColumn::kIgnore;
  EXPECT_EQ(code(), "NO_COLUMNS");
  request_.has_rows = false;
  ASSERT_EQ(code(), "ok") << message_;
  sdk::BatchReader batch;
  ASSERT_TRUE(batch.load(sdk::testing::make_batch(request_.schema, {sdk::Json::array({1})})).ok());
  EXPECT_EQ(check_late_values(fit_.columns, fit_.no_columns, batch).error().code, "NO_COLUMNS");
}

TEST_F(ColumnFitTest, NullsAreRefusedWhereTheyHaveNoPlace) {
  field("id");
  field("n");
  table_.add("ID").not_null = true;
  table_.add("n").refuses_null = true;
  request_.policies.nullability_change = sdk::NullabilityChange::kFail;
  EXPECT_EQ(code(), "NULLABILITY_CHANGED");
  request_.policies.nullability_change = sdk::NullabilityChange::kAllow;
  ASSERT_EQ(code(), "ok") << message_;
  EXPECT_FALSE(fit_.columns[0].refuse_null);
  EXPECT_TRUE(fit_.columns[1].refuse_null);
  // In a key, rows with a null are refused one by one, whatever the policy.
  request_.key = {"id"};
  request_.policies.nullability_change = sdk::NullabilityChange::kFail;
  ASSERT_EQ(code(), "ok") << message_;
  EXPECT_TRUE(fit_.columns[0].refuse_null);
}

TEST_F(ColumnFitTest, AKeyMustComeAndBeUnique) {
  field("id");
  table_.add("id");
  request_.key = {"day", "id"};
  EXPECT_EQ(code(), "PRIMARY_KEY_MISSING");
  EXPECT_THAT(message_, HasSubstr("has no column \"day\""));
  request_.key = {"id"};
  table_.key_is_unique = false;
  EXPECT_EQ(code(), "UPSERT_KEY_NOT_UNIQUE");
  EXPECT_THAT(message_, HasSubstr("over exactly \"id\", which upsert needs to find the row to update (no index). Run: "
                                  "CREATE UNIQUE INDEX ON t (\"id\"), or"));
}

TEST_F(ColumnFitTest, ATableInPlaceOfAnotherKeepsWhatThePoliciesSay) {
  field("ID", TypeId::kUtf8);
  field("new");
  table_.add("id");
  table_.add("old");
  const auto names = [&]() -> std::vector<std::string> {
    const auto kept = columns_in_place_of(table_, request_);
    if (!kept.ok()) return {kept.error().code};
    std::vector<std::string> out;
    for (const sdk::Field& f : kept->fields) out.push_back(f.name);
    return out;
  };
  request_.policies.removed_column = sdk::RemovedColumn::kIgnore;
  request_.policies.new_column = sdk::NewColumn::kAdd;
  EXPECT_THAT(names(), ElementsAre("ID", "new"));
  request_.policies.new_column = sdk::NewColumn::kIgnore;
  EXPECT_THAT(names(), ElementsAre("ID"));
  request_.policies.new_column = sdk::NewColumn::kFail;
  EXPECT_THAT(names(), ElementsAre("NEW_COLUMN"));
  request_.policies.new_column = sdk::NewColumn::kAdd;
  request_.policies.removed_column = sdk::RemovedColumn::kFail;
  EXPECT_THAT(names(), ElementsAre("REMOVED_COLUMN"));
}

TEST(CheckColumns, RefusesWhatNoTableCanHave) {
  const auto code = [](const std::vector<std::string>& names, const ColumnLimits& limits) {
    sdk::Schema schema;
    for (const std::string& name : names) schema.fields.push_back({.name = name, .type = DataType::of(TypeId::kInt64)});
    const Status status = check_columns("s", schema, limits);
    return status.ok() ? std::string("ok") : std::string(status.error().code);
  };
  const ColumnLimits strict{.product = "Db",
                            .a_table = "a table",
                            .most_columns = 3,
                            .most_name_bytes = 4,
                            .ignores_case = true,
                            .needs_columns = true};
  const ColumnLimits lax{.product = "Db", .a_table = "a table", .most_columns = 3};
  EXPECT_EQ(code({"a", "b", "abcd"}, strict), "ok");
  EXPECT_EQ(code({}, strict), "NO_COLUMNS");
  EXPECT_EQ(code({}, lax), "ok");
  EXPECT_EQ(code({"a", "b", "c", "d"}, lax), "TOO_MANY_COLUMNS");
  EXPECT_EQ(code({"a", "A"}, strict), "DUPLICATE_COLUMN");
  EXPECT_EQ(code({"a", "A"}, lax), "ok");
  EXPECT_EQ(code({"a", "a"}, lax), "DUPLICATE_COLUMN");
  EXPECT_EQ(code({"abcde"}, strict), "NAME_REFUSED");
  EXPECT_EQ(code({"abcde"}, lax), "ok");
  EXPECT_EQ(code({""}, lax), "NAME_REFUSED");
  EXPECT_EQ(code({std::string("a\0b", 3)}, lax), "NAME_REFUSED");
}

}  // namespace
}  // namespace rapidbyte::table
