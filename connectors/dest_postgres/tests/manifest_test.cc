#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "postgres/connection_options.h"
#include "rapidbyte/sdk/connector.h"

namespace rapidbyte::dest_postgres {
namespace {

sdk::Json manifest_properties() {
  std::ifstream file(RB_MANIFEST);
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const auto manifest = sdk::parse_json(text);
  EXPECT_TRUE(manifest.ok());
  return manifest.ok() ? (*manifest)["config_schema"]["properties"] : sdk::Json::object();
}

TEST(ManifestTest, DescribesTheConnectionAsTheClientReadsIt) {
  const auto connection = sdk::parse_json(postgres::kConnectionSchema);
  ASSERT_TRUE(connection.ok());
  sdk::Json properties = manifest_properties();
  // Where a destination writes is its manifest's to say.
  for (auto& property : properties) property.erase("x-place");
  for (const auto& [key, schema] : connection->items()) EXPECT_EQ(properties.value(key, sdk::Json()), schema) << key;
}

TEST(ManifestTest, EveryKeyOfTheSchemaIsOneThatTheConnectorTakes) {
  sdk::Json config = {{"host", "h"}, {"user", "u"}};
  const sdk::Json properties = manifest_properties();
  for (const auto& [key, schema] : properties.items()) {
    if (key == "url" || key == "ssl_root_cert" || config.contains(key)) continue;
    if (schema.contains("default")) {
      config[key] = schema["default"];
    } else if (schema.value("type", "") == "string") {
      config[key] = "x";
    }
  }
  auto destination = sdk::make_destination();
  const sdk::Status opened = destination->open(sdk::to_text(config));
  EXPECT_TRUE(opened.ok()) << opened.to_string();
  config["load_mehtod"] = "copy";
  const sdk::Status wrong = destination->open(sdk::to_text(config));
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.error().message.find("load_method"), std::string::npos) << wrong.error().message;
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
