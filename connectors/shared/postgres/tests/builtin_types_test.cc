// The one table of types, for both directions.
#include "postgres/types/builtin_types.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace rapidbyte::postgres {
namespace {

constexpr int32_t kNoModifier = -1;

int32_t numeric_modifier(int32_t precision, int32_t scale) { return 4 + ((precision << 16) | (scale & 0x7ff)); }

TEST(BuiltinTypes, SayHowValuesTravelAndWhichColumnTheyAre) {
  struct Case {
    Oid oid;
    WireType wire;
    std::string arrow;
    bool special_values = false;
  };
  const std::vector<Case> cases = {
      {kOidBool, WireType::kBool, "Boolean"},
      {kOidInt2, WireType::kInt2, "Int16"},
      {kOidInt4, WireType::kInt4, "Int32"},
      {kOidInt8, WireType::kInt8, "Int64"},
      {kOidOid, WireType::kOid, "UInt32"},
      {kOidFloat4, WireType::kFloat4, "Float32"},
      {kOidFloat8, WireType::kFloat8, "Float64"},
      {kOidText, WireType::kText, "Utf8"},
      {kOidVarchar, WireType::kText, "Utf8"},
      {kOidBpchar, WireType::kText, "Utf8"},
      {kOidName, WireType::kText, "Utf8"},
      {kOidJson, WireType::kText, "Utf8"},
      {kOidJsonb, WireType::kJsonb, "Utf8"},
      {kOidBytea, WireType::kBytea, "Binary"},
      {kOidUuid, WireType::kUuid, "Utf8"},
      {kOidDate, WireType::kDate, "Date32", true},
      {kOidTime, WireType::kTime, "Time64(Microsecond)"},
      {kOidTimestamp, WireType::kTimestamp, "Timestamp(Microsecond, None)", true},
      {kOidTimestamptz, WireType::kTimestamp, "Timestamp(Microsecond, Some(\"UTC\"))", true},
      {kOidNumeric, WireType::kNumeric, "Utf8"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.oid);
    const ArrowForm form = arrow_form(c.oid, kNoModifier, 'b');
    EXPECT_EQ(wire_type(c.oid, 'b'), c.wire);
    EXPECT_EQ(form.type.name(), c.arrow);
    EXPECT_EQ(form.special_values, c.special_values);
    EXPECT_FALSE(form.by_cast);
  }
}

TEST(BuiltinTypes, OthersAreTextsThatTheServerMakes) {
  for (const Oid oid :
       {kOidInterval, kOidXml, kOidChar, kOidMoney, kOidInet, kOidTextArray, kOidInt4Range, Oid{50'000}}) {
    SCOPED_TRACE(oid);
    const ArrowForm form = arrow_form(oid, kNoModifier, 'b');
    EXPECT_EQ(form.type.name(), "Utf8");
    EXPECT_TRUE(form.by_cast);
    EXPECT_FALSE(form.special_values);
  }
  EXPECT_EQ(wire_type(kOidInterval, 'b'), WireType::kInterval);
  EXPECT_EQ(wire_type(kOidXml, 'b'), WireType::kOther);
}

// An enum may have any OID, after a wrap of the counter also that of a system type; its label is what is sent.
TEST(BuiltinTypes, AnEnumIsItsLabel) {
  for (const Oid oid : {Oid{50'000}, kOidDate}) {
    EXPECT_EQ(wire_type(oid, 'e'), WireType::kText);
    const ArrowForm form = arrow_form(oid, kNoModifier, 'e');
    EXPECT_EQ(form.type.name(), "Utf8");
    EXPECT_FALSE(form.by_cast);
    EXPECT_FALSE(form.special_values);
  }
}

TEST(BuiltinTypes, NumericsWithAnEqualInArrowAreDecimals) {
  struct Case {
    int32_t precision, scale;
    std::string arrow;
  };
  const std::vector<Case> cases = {{12, 2, "Decimal128(12, 2)"},
                                   {38, 38, "Decimal128(38, 38)"},
                                   {39, 0, "Decimal256(39, 0)"},
                                   {76, 76, "Decimal256(76, 76)"},
                                   {77, 2, "Utf8"},
                                   {3, -2, "Utf8"},
                                   {3, 5, "Utf8"}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.arrow);
    const int32_t modifier = numeric_modifier(c.precision, c.scale);
    const NumericBounds bounds = numeric_bounds(kOidNumeric, modifier);
    EXPECT_EQ(bounds.precision, c.precision);
    EXPECT_EQ(bounds.scale, c.scale);
    const ArrowForm form = arrow_form(kOidNumeric, modifier, 'b');
    EXPECT_EQ(form.type.name(), c.arrow);
    // NaN, which a text expresses itself.
    EXPECT_EQ(form.special_values, c.arrow != "Utf8");
    EXPECT_FALSE(form.by_cast);
  }
  EXPECT_EQ(numeric_bounds(kOidNumeric, kNoModifier).precision, 0);
  EXPECT_EQ(numeric_bounds(kOidVarchar, numeric_modifier(12, 2)).precision, 0);
}

}  // namespace
}  // namespace rapidbyte::postgres
