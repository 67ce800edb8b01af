#include "rapidbyte/sdk/registered_connector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rapidbyte/testing/fake_host.h"

namespace rapidbyte::sdk {
namespace {

using testing::FakeHost;
using ::testing::HasSubstr;

template <int kNumber>
struct Numbered {
  Status open(const Json&) { return {}; }
  Result<Validation> validate() { return Validation::warning(std::to_string(kNumber)); }
  Result<Catalog> discover() { return Catalog{}; }
  Result<ReadSummary> read(const StreamContext&) { return ReadSummary{}; }
  Result<WriteSummary> write(const StreamContext&) { return WriteSummary{}; }
  Result<TransformSummary> transform(const StreamContext&) { return TransformSummary{}; }
};

constexpr RegisteredConnector kAll[] = {source_named<Numbered<1>>("file"), destination_named<Numbered<2>>("file"),
                                        transform_named<Numbered<3>>("upper"), transform_named<Numbered<4>>("lower")};

template <typename Connector>
std::string number_of(Connector& connector) {
  const Status opened = connector.open("{}");
  if (!opened.ok()) return opened.error().code + ": " + opened.error().message;
  return connector.validate()->message;
}

TEST(RegisteredConnectorTest, TheFirstArgumentSaysWhichOneItIs) {
  FakeHost host;
  host.arguments = {"file", "upper"};
  EXPECT_EQ(number_of(*make_registered_source(kAll)), "1");
  EXPECT_EQ(number_of(*make_registered_destination(kAll)), "2") << "one name, once for each role";
  host.arguments = {"lower"};
  EXPECT_EQ(number_of(*make_registered_transform(kAll)), "4");
}

TEST(RegisteredConnectorTest, WhatIsNotRegisteredAnswersEveryCallWithAnError) {
  FakeHost host;
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{}, {"uppr"}, {"file"}, {"Upper"}, {"", "upper"}}) {
    host.arguments = arguments;
    const auto transform = make_registered_transform(kAll);
    EXPECT_THAT(number_of(*transform), HasSubstr("it has upper, lower"));
    EXPECT_EQ(transform->run_transform("{}").error().code, "CONNECTOR_UNKNOWN");
    EXPECT_EQ(transform->validate().error().code, "CONNECTOR_UNKNOWN");
    EXPECT_TRUE(transform->close().ok()) << "there is nothing to close";
  }
  host.arguments = {"upper"};
  const auto source = make_registered_source(kAll);
  EXPECT_THAT(number_of(*source), HasSubstr("no source `upper`; it has file"));
  EXPECT_EQ(source->discover().error().code, "CONNECTOR_UNKNOWN");
  EXPECT_EQ(source->run_read("{}").error().code, "CONNECTOR_UNKNOWN");
  const auto destination = make_registered_destination({});
  EXPECT_THAT(number_of(*destination), HasSubstr("none at all"));
  EXPECT_EQ(destination->run_write("{}").error().code, "CONNECTOR_UNKNOWN");
  EXPECT_EQ(destination->begin_stream("{}").error().code, "CONNECTOR_UNKNOWN");
  EXPECT_EQ(destination->finish_stream("{}", true).error().code, "CONNECTOR_UNKNOWN");
  EXPECT_EQ(destination->last_committed("{}").error().code, "CONNECTOR_UNKNOWN");
}

}  // namespace
}  // namespace rapidbyte::sdk
