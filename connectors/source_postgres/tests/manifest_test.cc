#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "postgres/connection_options.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::source_postgres {
namespace {

TEST(Manifest, DescribesTheConnectionAsTheClientReadsIt) {
  std::ifstream file(RB_MANIFEST);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const auto manifest = sdk::parse_json(text);
  const auto connection = sdk::parse_json(postgres::kConnectionSchema);
  ASSERT_TRUE(manifest.ok() && connection.ok());
  sdk::Json properties = (*manifest)["config_schema"]["properties"];
  // Where a connector reads or writes is its manifest's to say.
  for (auto& property : properties) property.erase("x-place");
  EXPECT_EQ(properties, *connection);
}

}  // namespace
}  // namespace rapidbyte::source_postgres
