#include <gtest/gtest.h>

#include "rapidbyte/sdk/connector.h"
#include "rapidbyte/testing/fake_host.h"

namespace rapidbyte::sdk {
namespace {

using testing::FakeHost;
using testing::make_context;

void push_people(FakeHost& host) {
  auto builder = BatchBuilder::make({{{"id", DataType::of(TypeId::kInt64), false},
                                      {"name", DataType::of(TypeId::kUtf8), true},
                                      {"city", DataType::of(TypeId::kUtf8), true}}});
  ASSERT_TRUE(builder.ok());
  builder->column(0).append<int64_t>(1);
  builder->column(1).append_bytes("Zo\xC3\xAB o'neil");
  builder->column(2).append_bytes("lyon");
  builder->end_row();
  builder->column(0).append<int64_t>(2);
  builder->column(1).append_null();
  builder->column(2).append_null();
  builder->end_row();
  host.push_batch(*builder->finish());
}

TEST(UppercaseTest, ChangesTheNamedColumnsAndNothingElse) {
  FakeHost host;
  push_people(host);
  push_people(host);
  auto transform = make_transform();
  ASSERT_TRUE(transform->open(R"({"columns": ["name"]})").ok());
  const auto summary = transform->run_transform(to_text(make_context("people")));
  ASSERT_TRUE(summary.ok()) << summary.status().to_string();
  EXPECT_EQ(summary->records_in, 4U);
  EXPECT_EQ(summary->records_out, 4U);
  ASSERT_EQ(host.sent_batches().size(), 2U);
  for (const auto& batch : host.sent_batches()) {
    BatchReader reader;
    ASSERT_TRUE(reader.load(batch).ok());
    EXPECT_EQ(reader.column(0).value<int64_t>(0), 1);
    EXPECT_EQ(reader.column(1).bytes(0), "ZO\xC3\xAB O'NEIL");
    EXPECT_TRUE(reader.column(1).is_null(1));
    EXPECT_EQ(reader.column(2).bytes(0), "lyon");
    EXPECT_TRUE(reader.column(2).is_null(1));
  }
}

TEST(UppercaseTest, NamesTheColumnThatCannotBeChanged) {
  const std::pair<const char*, const char*> cases[] = {{"nmae", "NO_SUCH_COLUMN"}, {"id", "NOT_TEXT"}};
  for (const auto& [column, code] : cases) {
    FakeHost host;
    push_people(host);
    auto transform = make_transform();
    ASSERT_TRUE(transform->open(to_text(Json{{"columns", {column}}})).ok());
    const auto summary = transform->run_transform(to_text(make_context("people")));
    ASSERT_FALSE(summary.ok());
    EXPECT_EQ(summary.error().code, code);
    EXPECT_NE(summary.error().message.find(column), std::string::npos);
  }
}

}  // namespace
}  // namespace rapidbyte::sdk
