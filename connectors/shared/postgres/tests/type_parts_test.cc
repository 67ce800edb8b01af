// How composite types are described, from the catalog's rows.
#include "postgres/types/type_parts.h"

#include <gtest/gtest.h>

namespace rapidbyte::postgres {
namespace {

constexpr Oid kInteger = 23;

class TypesOfACatalog {
 public:
  void add_composite(Oid oid, const std::vector<Oid>& fields) {
    char name = 'a';
    for (const Oid field : fields) {
      answer_.rows.push_back({std::to_string(oid), "c", "0", std::nullopt, std::string(1, name++),
                              std::to_string(field), field == kInteger ? "integer" : "t"});
    }
  }
  void add_array(Oid oid, Oid element) {
    answer_.rows.push_back(
        {std::to_string(oid), "b", std::to_string(element), std::nullopt, std::nullopt, std::nullopt, std::nullopt});
  }
  [[nodiscard]] std::map<Oid, std::string> fields() const { return composite_fields(answer_); }

 private:
  QueryResult answer_;
};

// 2^22 fields if each were written out.
TEST(TypePartsTest, ATypeThatDoublesAtEachLevelHasATextOfBoundedLength) {
  constexpr Oid kFirst = 20'000;
  const auto texts = [](const std::vector<Oid>& innermost) {
    TypesOfACatalog types;
    types.add_composite(kFirst, innermost);
    for (Oid level = 1; level < 23; ++level) {
      types.add_composite(kFirst + level, {kFirst + level - 1, kFirst + level - 1});
    }
    types.add_array(kFirst + 23, kFirst + 22);
    return types.fields();
  };
  const auto one = texts({kInteger});
  ASSERT_EQ(one.size(), 24U);
  for (const auto& [oid, text] : one) EXPECT_LE(text.size(), 4096U) << oid;
  EXPECT_EQ(one.at(kFirst + 1), "(a (a integer),b (a integer))");
  // The outermost one of all still shows what is in the innermost.
  EXPECT_EQ(one, texts({kInteger}));
  const auto two = texts({kInteger, kInteger});
  for (const auto& [oid, text] : one) EXPECT_NE(text, two.at(oid)) << oid;
}

TEST(TypePartsTest, ALongTextIsKnownByItsHash) {
  TypesOfACatalog types;
  types.add_composite(20'000, std::vector<Oid>(1000, kInteger));
  types.add_array(20'001, 20'000);
  const auto fields = types.fields();
  EXPECT_EQ(fields.at(20'000).size(), std::string("sha256:").size() + 64);
  EXPECT_TRUE(fields.at(20'000).starts_with("sha256:"));
  EXPECT_EQ(fields.at(20'001), fields.at(20'000) + "[]");
}

// As deep as a catalog may be.
TEST(TypePartsTest, DepthCostsNoStackAndTheInnermostFieldIsSeen) {
  const auto outermost = [](Oid innermost) {
    constexpr Oid kFirst = 20'000;
    constexpr Oid kLevels = 20'000;
    TypesOfACatalog types;
    types.add_composite(kFirst, {innermost});
    for (Oid level = 1; level < kLevels; ++level) types.add_composite(kFirst + level, {kFirst + level - 1});
    return types.fields().at(kFirst + kLevels - 1);
  };
  EXPECT_EQ(outermost(kInteger), outermost(kInteger));
  EXPECT_NE(outermost(kInteger), outermost(25));
}

// No server has them; a program must not hang on one that claims to.
TEST(TypePartsTest, TypesWithinThemselvesEnd) {
  TypesOfACatalog types;
  types.add_composite(20'000, {20'001, 20'000});
  types.add_composite(20'001, {20'000});
  EXPECT_EQ(types.fields().size(), 2U);
}

}  // namespace
}  // namespace rapidbyte::postgres
