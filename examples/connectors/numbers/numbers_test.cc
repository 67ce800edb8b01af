#include <gtest/gtest.h>

#include "rapidbyte/sdk/connector.h"
#include "rapidbyte/testing/fake_host.h"

namespace rapidbyte::sdk {
namespace {

using testing::FakeHost;
using testing::make_context;

TEST(NumbersTest, OneComponentIsTheConnectorThatItsArgumentNames) {
  FakeHost from;
  from.arguments = {"source-numbers"};
  {
    auto source = make_source();
    ASSERT_TRUE(source->open(R"({"count": 10})").ok());
    ASSERT_EQ(source->run_read(to_text(make_context("numbers")))->records_read, 10U);
  }
  EXPECT_EQ(make_destination()->open("{}").error().code, "CONNECTOR_UNKNOWN");
  FakeHost to;
  to.arguments = {"dest-sum"};
  to.push_stream_of(from);
  auto destination = make_destination();
  ASSERT_TRUE(destination->open("{}").ok());
  const auto summary = destination->run_write(to_text(make_context("numbers")));
  ASSERT_TRUE(summary.ok()) << summary.status().to_string();
  EXPECT_EQ(summary->records_written, 10U);
  ASSERT_FALSE(to.logs().empty());
  EXPECT_EQ(to.logs().back().message, "the sum of numbers is 45");
  EXPECT_EQ(make_transform()->open("{}").error().code, "CONNECTOR_UNKNOWN");
}

}  // namespace
}  // namespace rapidbyte::sdk
