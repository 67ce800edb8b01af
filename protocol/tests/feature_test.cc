#include "rapidbyte/protocol/feature.h"

#include <gtest/gtest.h>

#include <vector>

namespace rapidbyte::protocol {
namespace {

TEST(Feature, EveryCaseHasTheNameThatManifestsUse) {
  const std::vector<std::pair<Feature, std::string_view>> names = {
      {Feature::kEmptyStreams, "empty-streams"},
      {Feature::kIdempotent, "idempotent"},
      {Feature::kOpenEarly, "open-early"},
      {Feature::kPartitioned, "partitioned"},
      {Feature::kPlan, "plan"},
      {Feature::kReceipts, "receipts"},
      {Feature::kResume, "resume"},
      {Feature::kReuse, "reuse"},
      {Feature::kSingleWriter, "single-writer"},
      {Feature::kSpecialValues, "special-values"},
      {Feature::kStateful, "stateful"},
      {Feature::kStateless, "stateless"},
      {Feature::kStreamOptions, "stream-options"},
      {Feature::kStreamReferences, "stream-references"},
  };
  EXPECT_EQ(feature_names().size(), names.size());
  for (const auto& [feature, name] : names) {
    EXPECT_EQ(to_string(feature), name);
    EXPECT_EQ(feature_from_string(name), feature);
  }
  EXPECT_EQ(feature_from_string("Resume"), std::nullopt);
  EXPECT_EQ(feature_from_string(""), std::nullopt);
}

}  // namespace
}  // namespace rapidbyte::protocol
