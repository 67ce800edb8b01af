// Texts of values as their types' binary forms, without a server.
#include "src/binary_text.h"

#include <gtest/gtest.h>

#include <string>

namespace rapidbyte::dest_postgres {
namespace {

PgType array_of(Oid element, char kind = 'b') {
  PgType type;
  type.oid = 99'999;
  type.element = element;
  type.element_kind = kind;
  return type;
}
PgType plain(Oid oid) {
  PgType type;
  type.oid = oid;
  return type;
}

/// The bytes as hex digits; "-": not read.
std::string binary(const PgType& type, std::string_view text) {
  sdk::ByteBuffer out;
  if (!put_binary_text(type, text, out)) return "-";
  std::string hex;
  for (const uint8_t byte : out.span()) {
    hex += "0123456789abcdef"[byte >> 4];
    hex += "0123456789abcdef"[byte & 15];
  }
  return hex;
}

// Dimensions, NULLs, element type; each dimension's size and first index; each element with its length.
TEST(BinaryTextTest, ArraysHaveTheElementTypeOfThisServer) {
  const PgType texts = array_of(postgres::kOidText);
  EXPECT_EQ(binary(texts, "{}"),
            "00000000"
            "00000000"
            "00000019");
  EXPECT_EQ(binary(texts, "{a}"),
            "00000001"
            "00000000"
            "00000019"
            "00000001"
            "00000001"
            "00000001"
            "61");
  EXPECT_EQ(binary(texts, "{NULL,\"NULL\"}"),
            "00000001"
            "00000001"
            "00000019"
            "00000002"
            "00000001"
            "ffffffff"
            "00000004"
            "4e554c4c");
  EXPECT_EQ(binary(texts, R"({"","a\"b\\c","{,}"})"),
            "00000001"
            "00000000"
            "00000019"
            "00000003"
            "00000001"
            "00000000"
            "00000005"
            "6122625c63"
            "00000003"
            "7b2c7d");
  EXPECT_EQ(binary(array_of(77'777, 'e'), "{ok}"),
            "00000001"
            "00000000"
            "00012fd1"
            "00000001"
            "00000001"
            "00000002"
            "6f6b");
  EXPECT_EQ(binary(array_of(postgres::kOidInt2), "{{1,-2},{3,NULL}}"),
            "00000002"
            "00000001"
            "00000015"
            "00000002"
            "00000001"
            "00000002"
            "00000001"
            "00000002"
            "0001"
            "00000002"
            "fffe"
            "00000002"
            "0003"
            "ffffffff");
}

TEST(BinaryTextTest, WhatTheServerWritesOtherwiseIsLeftToIt) {
  const PgType texts = array_of(postgres::kOidText);
  for (const char* text :
       {"",        "{",           "}",        "a",           "{a",         "a}",     "{a}}",
        "{{a}",    "{a}b",        "{,}",      "{a,}",        "{,a}",       "{ a}",   "{a }",
        "{a b}",   "{\"a}",       "{\"a\\",   "{\"a\"b}",    "{a\"b\"}",   "{a\\b}", "{{a},b}",
        "{a,{b}}", "{{a},{b,c}}", "{{},{}}",  "[2:3]={a,b}", " {a}",       "{a} ",   "{{{{{{{a}}}}}}}",
        "{\t}",    "{a}{b}",      "{{a}{b}}", "{{a},}",      "{{{a}},{b}}"}) {
    EXPECT_EQ(binary(texts, text), "-") << text;
  }
  const struct {
    Oid element;
    const char* text;
  } values[] = {{postgres::kOidInt2, "{32768}"},
                {postgres::kOidInt4, "{1.0}"},
                {postgres::kOidInt8, "{9223372036854775808}"},
                {postgres::kOidInt4, "{+1}"},
                {postgres::kOidInt4, "{0x1}"},
                {postgres::kOidOid, "{-1}"},
                {postgres::kOidBool, "{true}"},
                {postgres::kOidFloat8, "{1e999}"},
                {postgres::kOidFloat8, "{1e-999}"},
                {postgres::kOidFloat8, "{0x1p3}"},
                {postgres::kOidFloat8, "{nan}"},
                {postgres::kOidFloat8, "{1e}"},
                {postgres::kOidFloat4, "{1e39}"},
                {postgres::kOidNumeric, "{1e5}"},
                {postgres::kOidNumeric, "{--1}"},
                {postgres::kOidUuid, "{abc}"},
                {postgres::kOidBytea, R"({"\\x0"})"},
                {postgres::kOidBytea, R"({"\\xgg"})"},
                {postgres::kOidBytea, "{abc}"},
                {postgres::kOidDate, "{2024-13-01}"},
                {postgres::kOidDate, "{infinity}"},
                {postgres::kOidTimestamp, "{now}"},
                {postgres::kOidTimestamptz, R"({"2024-01-01 00:00:00"})"}};
  for (const auto& value : values) EXPECT_EQ(binary(array_of(value.element), value.text), "-") << value.text;
  EXPECT_EQ(text_form(array_of(postgres::kOidInterval)), TextForm::kNone);
  EXPECT_EQ(text_form(array_of(postgres::kOidInet)), TextForm::kNone);
  EXPECT_EQ(text_form(plain(postgres::kOidXml)), TextForm::kNone);
}

TEST(BinaryTextTest, Addresses) {
  const PgType inet = plain(postgres::kOidInet);
  const PgType cidr = plain(postgres::kOidCidr);
  EXPECT_EQ(binary(inet, "192.168.0.1"), "02200004c0a80001");
  EXPECT_EQ(binary(inet, "192.168.0.1/24"), "02180004c0a80001");
  EXPECT_EQ(binary(cidr, "10.0.0.0/8"), "020801040a000000");
  EXPECT_EQ(binary(inet, "::"),
            "03800010"
            "00000000000000000000000000000000");
  EXPECT_EQ(binary(inet, "::1"),
            "03800010"
            "00000000000000000000000000000001");
  EXPECT_EQ(binary(inet, "2001:db8::ff00:42:8329/64"),
            "03400010"
            "20010db8000000000000ff0000428329");
  EXPECT_EQ(binary(inet, "1:2:3:4:5:6:7:8"),
            "03800010"
            "00010002000300040005000600070008");
  EXPECT_EQ(binary(inet, "::ffff:1.2.3.4"),
            "03800010"
            "00000000000000000000ffff01020304");
  EXPECT_EQ(binary(inet, "fe80::"),
            "03800010"
            "fe800000000000000000000000000000");
  for (
      const char* text :
      {"",          "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.04",      "1.2.3.4/33",        "1.2.3.4/",
       "1.2.3.4/a", ":",     ":::",       "1::2::3",   "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::",
       "12345::",   "::g",   "::1/129",   "1:",        "::1.2.3",       "1.2.3.4::",         "1:2:3:4:5:6:7:1.2.3.4"}) {
    EXPECT_EQ(binary(inet, text), "-") << text;
  }
  EXPECT_EQ(binary(cidr, "10.0.0.0"), "-");
  EXPECT_EQ(binary(plain(postgres::kOidMacaddr), "08:00:2b:01:02:03"), "08002b010203");
  EXPECT_EQ(binary(plain(postgres::kOidMacaddr8), "08:00:2b:01:02:03:04:05"), "08002b0102030405");
  for (const char* text : {"", "08:00:2b:01:02", "08-00-2b-01-02-03", "08:00:2b:01:02:0g", "08:00:2b:01:02:03:04:05"}) {
    EXPECT_EQ(binary(plain(postgres::kOidMacaddr), text), "-") << text;
  }
}

TEST(BinaryTextTest, BitsAndRanges) {
  EXPECT_EQ(binary(plain(postgres::kOidVarbit), ""), "00000000");
  EXPECT_EQ(binary(plain(postgres::kOidBit), "101"), "00000003a0");
  EXPECT_EQ(binary(plain(postgres::kOidVarbit), "111111110"), "00000009ff00");
  EXPECT_EQ(binary(plain(postgres::kOidVarbit), "B101"), "-");
  const PgType int4range = plain(3904);
  EXPECT_EQ(binary(int4range, "empty"), "01");
  EXPECT_EQ(binary(int4range, "[1,5)"),
            "02"
            "00000004"
            "00000001"
            "00000004"
            "00000005");
  EXPECT_EQ(binary(int4range, "(,5]"),
            "0c"
            "00000004"
            "00000005");
  EXPECT_EQ(binary(int4range, "(,)"), "18");
  for (const char* text : {"", "[", "[1]", "1,5", "[1,5", "[1,2,3)", "[a,b)", "[1,5) ", "[ 1,5)", "EMPTY"}) {
    EXPECT_EQ(binary(int4range, text), "-") << text;
  }
  EXPECT_EQ(binary(plain(3908), R"(["2000-01-01 00:00:00.000001",))"),
            "12"
            "00000008"
            "0000000000000001");
}

TEST(BinaryTextTest, AColumnIsReadAsAWholeOrNotAtAll) {
  sdk::ColumnBuilder texts(sdk::DataType::of(sdk::TypeId::kUtf8));
  texts.append_bytes("{1}");
  texts.append_null();
  texts.append_bytes("{2,3}");
  const ColumnSource source = ColumnSource::of(texts.type(), texts.buffers(), false);
  BinaryColumn column;
  ASSERT_TRUE(column.read(array_of(postgres::kOidInt4), source, 3));
  const ColumnSource values = column.source(source);
  EXPECT_EQ(values.type.id, sdk::TypeId::kBinary);
  EXPECT_EQ(values.bytes(0).size(), 28U);
  EXPECT_TRUE(values.is_null(1));
  EXPECT_EQ(values.bytes(2).size(), 36U);
  texts.append_bytes("{x}");
  EXPECT_FALSE(column.read(array_of(postgres::kOidInt4), ColumnSource::of(texts.type(), texts.buffers(), false), 4));
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
