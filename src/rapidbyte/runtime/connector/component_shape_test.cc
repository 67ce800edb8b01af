#include <gtest/gtest.h>

#include "rapidbyte/runtime/sandbox/wasm_runtime.h"

namespace rapidbyte::runtime {
namespace {

using Names = std::vector<std::string>;

TEST(ComponentShape, FindsRoleAndProtocol) {
  struct Case {
    Names imports;
    Names exports;
    std::string protocol;
    ConnectorRole role;
  };
  const std::vector<Case> cases = {
      {{"rapidbyte:connector/host@2.0.0", "wasi:cli/environment@0.2.6"},
       {"rapidbyte:connector/source-connector@2.0.0"},
       "2.0.0",
       ConnectorRole::kSource},
      {{"rapidbyte:connector/types@2.1.0"},
       {"rapidbyte:connector/dest-connector@2.1.0"},
       "2.1.0",
       ConnectorRole::kDestination},
      {{}, {"rapidbyte:connector/transform-connector@2.0.3"}, "2.0.0", ConnectorRole::kTransform},
  };
  for (const Case& c : cases) {
    const auto shapes = read_component_shapes(c.imports, c.exports);
    ASSERT_TRUE(shapes.ok()) << shapes.status().to_string();
    ASSERT_EQ(shapes->size(), 1U);
    EXPECT_EQ(shapes->front().protocol, c.protocol);
    EXPECT_EQ(shapes->front().role, c.role);
    EXPECT_EQ(shapes->front().export_interface, c.exports[0]);
  }
}

TEST(ComponentShape, RefusesOtherProtocolsByName) {
  const std::vector<std::pair<Names, Names>> cases = {
      {{}, {"rapidbyte:connector/source-connector@3.0.0"}},
      {{}, {"rapidbyte:connector/source-connector@2.2.0"}},
      {{}, {"rapidbyte:connector/source-connector@1.0.0"}},
      {{}, {"rapidbyte:connector/source-connector"}},
      {{"rapidbyte:plugin/host@5.0.0"}, {"rapidbyte:connector/source-connector@2.0.0"}},
      {{"rapidbyte:connector/host@4.0.0"}, {"rapidbyte:connector/source-connector@2.0.0"}},
  };
  for (const auto& [imports, exports] : cases) {
    const auto shape = read_component_shapes(imports, exports);
    ASSERT_FALSE(shape.ok()) << exports[0];
    EXPECT_EQ(shape.error().code, "PROTOCOL_MISMATCH");
    EXPECT_NE(shape.error().message.find("host speaks 2.0, 2.1; connector speaks "), std::string::npos);
  }
}

TEST(ComponentShape, RefusesWhatIsNoConnectorOrHasARoleTwice) {
  EXPECT_EQ(read_component_shapes(Names{}, Names{"wasi:cli/run@0.2.0"}).error().code, "COMPONENT_INVALID");
  EXPECT_EQ(read_component_shapes(Names{}, Names{"rapidbyte:connector/source-connector@2.0.0",
                                                 "rapidbyte:connector/source-connector@2.1.0"})
                .error()
                .code,
            "COMPONENT_INVALID");
}

TEST(ComponentShape, AComponentMayHaveSeveralRoles) {
  const auto shapes = read_component_shapes(
      Names{"rapidbyte:connector/host@2.1.0"},
      Names{"rapidbyte:connector/transform-connector@2.1.0", "rapidbyte:connector/dest-connector@2.0.0"});
  ASSERT_TRUE(shapes.ok()) << shapes.status().to_string();
  ASSERT_EQ(shapes->size(), 2U);
  EXPECT_EQ((*shapes)[0].role, ConnectorRole::kTransform);
  EXPECT_EQ((*shapes)[0].protocol, "2.1.0");
  EXPECT_EQ((*shapes)[1].role, ConnectorRole::kDestination);
  EXPECT_EQ((*shapes)[1].protocol, "2.0.0");
  EXPECT_EQ((*shapes)[1].export_interface, "rapidbyte:connector/dest-connector@2.0.0");
}

}  // namespace
}  // namespace rapidbyte::runtime
