// Rows of COPY from bytes: header, rows and trailer in binary, escapes in text, what is refused before anything is
// sent.
#include <chrono>
#include <cstdlib>

#include "src/column_check.h"
#include "src/row_encoder.h"
#include "src/time_text.h"
#include "src/value_text.h"
#include "tests/batches.h"

namespace rapidbyte::dest_postgres {
namespace {

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) {
    out += "0123456789abcdef"[static_cast<uint8_t>(c) >> 4];
    out += "0123456789abcdef"[static_cast<uint8_t>(c) & 15];
  }
  return out;
}

PgType pg(Oid oid, int32_t modifier = -1) { return {.oid = oid, .modifier = modifier}; }

TargetPlan plan_of(const Schema& schema, const std::vector<PgType>& types, RowFormat format = RowFormat::kBinary) {
  TargetPlan plan;
  for (size_t i = 0; i < types.size(); ++i) {
    plan.columns.push_back({.source = i, .name = schema.fields[i].name, .type = types[i]});
    plan.columns.back().fit = fit(types[i], schema.fields[i]);
    plan.columns.back().special_values = schema.fields[i].special_values;
  }
  plan.format = format;
  return plan;
}

struct Encoded {
  std::string bytes;
  std::vector<RefusedRow> refused;
};

Encoded encode(const TargetPlan& plan, const Schema& schema, const std::vector<Json>& rows, size_t limit = 1 << 20) {
  const auto bytes = make_batch(schema, rows);
  sdk::BatchReader batch;
  EXPECT_TRUE(batch.load(bytes).ok());
  RowEncoder encoder;
  encoder.use(plan);
  encoder.load(batch, 100);
  Encoded out;
  out.refused = encoder.refused();
  for (size_t row = 0; row < rows.size();) {
    sdk::ByteBuffer buffer;
    const size_t next = encoder.encode(row, rows.size(), buffer, limit);
    EXPECT_GT(next, row) << "no progress";
    row = next;
    out.bytes.append(reinterpret_cast<const char*>(buffer.data()), buffer.size());
  }
  return out;
}

TEST(EncoderTest, BinaryRowsAreAsTheFormatSays) {
  // COPY (SELECT 1::int8, 'ab'::text, NULL::bool, true) TO STDOUT (FORMAT binary)
  const Schema schema{{{"i", DataType::of(TypeId::kInt64)},
                       {"t", DataType::of(TypeId::kUtf8)},
                       {"n", DataType::of(TypeId::kBoolean)},
                       {"b", DataType::of(TypeId::kBoolean)}}};
  const TargetPlan plan =
      plan_of(schema, {pg(postgres::kOidInt8), pg(postgres::kOidText), pg(postgres::kOidBool), pg(postgres::kOidBool)});
  const Encoded out = encode(plan, schema, {Json::array({1, "ab", nullptr, true})});
  EXPECT_EQ(hex(out.bytes),
            "0004"
            "000000080000000000000001"
            "000000026162"
            "ffffffff"
            "0000000101");
  EXPECT_EQ(hex(RowEncoder::header(RowFormat::kBinary)), "5047434f50590aff0d0a000000000000000000");
  EXPECT_EQ(hex(RowEncoder::trailer(RowFormat::kBinary)), "ffff");
}

TEST(EncoderTest, TimesCountFromTheYear2000) {
  const Schema schema{{{"d", DataType::of(TypeId::kDate32)},
                       {"t", DataType::timestamp(sdk::TimeUnit::kMicrosecond)},
                       {"s", DataType::timestamp(sdk::TimeUnit::kSecond)},
                       {"i", DataType::of(TypeId::kIntervalMonthDayNano)}}};
  const TargetPlan plan = plan_of(schema, {pg(postgres::kOidDate), pg(postgres::kOidTimestamp),
                                           pg(postgres::kOidTimestamp), pg(postgres::kOidInterval)});
  const Encoded out =
      encode(plan, schema, {Json::array({10957, 946'684'800'000'001, 946'684'799, Json::array({1, 2, 3000})})});
  EXPECT_EQ(hex(out.bytes),
            "0004"
            "0000000400000000"
            "000000080000000000000001"
            "00000008fffffffffff0bdc0"
            "0000001000000000000000030000000200000001");
}

TEST(EncoderTest, TextRowsAreEscaped) {
  const Schema schema{
      {{"t", DataType::of(TypeId::kUtf8)}, {"b", DataType::of(TypeId::kBinary)}, {"n", DataType::of(TypeId::kInt64)}}};
  const TargetPlan plan =
      plan_of(schema, {pg(postgres::kOidText), pg(postgres::kOidBytea), pg(postgres::kOidInt8)}, RowFormat::kText);
  const Encoded out =
      encode(plan, schema,
             {Json::array({"a\tb\\c\nd\re", std::string("\0\xff", 2), -5}), Json::array({nullptr, "", nullptr})});
  EXPECT_EQ(out.bytes, "a\\tb\\\\c\\nd\\re\t\\\\x00ff\t-5\n\\N\t\\\\x\t\\N\n");
}

// The format follows from the table's other columns, which must not change what a value is: in binary the float is
// widened, and its shortest text would be another number in a column of doubles.
TEST(EncoderTest, AFloatInAColumnOfDoublesIsTheSameInBothFormats) {
  const Schema schema{{{"f", DataType::of(TypeId::kFloat32)}, {"d", DataType::of(TypeId::kFloat32)}}};
  const std::vector<PgType> types = {pg(postgres::kOidFloat4), pg(postgres::kOidFloat8)};
  const std::vector<Json> rows = {Json::array({0.1, 0.1})};
  EXPECT_EQ(hex(encode(plan_of(schema, types), schema, rows).bytes),
            "0002"
            "000000043dcccccd"
            "000000083fb99999a0000000");
  EXPECT_EQ(encode(plan_of(schema, types, RowFormat::kText), schema, rows).bytes, "0.1\t0.10000000149011612\n");
}

TEST(EncoderTest, NumberedRowsHaveTheirNumberLast) {
  const Schema schema{{{"i", DataType::of(TypeId::kInt16)}}};
  TargetPlan plan = plan_of(schema, {pg(postgres::kOidInt2)});
  plan.number_rows = true;
  EXPECT_EQ(hex(encode(plan, schema, {Json::array({1}), Json::array({nullptr})}).bytes),
            "0002"
            "000000020001"
            "000000080000000000000064"
            "0002"
            "ffffffff"
            "000000080000000000000065");
  plan.format = RowFormat::kText;
  EXPECT_EQ(encode(plan, schema, {Json::array({1}), Json::array({nullptr})}).bytes, "1\t100\n\\N\t101\n");
}

TEST(EncoderTest, PiecesAreTheSameAsTheWhole) {
  const Schema schema{{{"t", DataType::of(TypeId::kUtf8)}, {"n", DataType::decimal128(20, 3)}}};
  const TargetPlan plan = plan_of(schema, {pg(postgres::kOidText), pg(postgres::kOidNumeric)});
  std::vector<Json> rows;
  for (int64_t i = 0; i < 500; ++i)
    rows.push_back(Json::array({std::string(static_cast<size_t>(i * 7 % 1000), 'x'), i}));
  const std::string whole = encode(plan, schema, rows).bytes;
  for (const size_t limit : {1U, 100U, 5000U}) EXPECT_EQ(encode(plan, schema, rows, limit).bytes, whole) << limit;
}

// Whole batches go column by column, batches with a row left out value by value: both must send the same bytes.
TEST(EncoderTest, BothWaysOfEncodingSendTheSameBytes) {
  const Schema schema{{{"b", DataType::of(TypeId::kBoolean)},
                       {"i2", DataType::of(TypeId::kInt16)},
                       {"i4", DataType::of(TypeId::kInt32)},
                       {"i8", DataType::of(TypeId::kInt64)},
                       {"f8", DataType::of(TypeId::kFloat64)},
                       {"d", DataType::of(TypeId::kDate32)},
                       {"at", DataType::timestamp(sdk::TimeUnit::kMicrosecond)},
                       {"n", DataType::decimal128(38, 3)},
                       {"m", DataType::decimal128(38, 0)},
                       {"u", DataType::of(TypeId::kUtf8)},
                       {"j", DataType::of(TypeId::kUtf8)},
                       {"t", DataType::of(TypeId::kUtf8)}}};
  TargetPlan plan = plan_of(
      schema, {pg(postgres::kOidBool), pg(postgres::kOidInt2), pg(postgres::kOidInt4), pg(postgres::kOidInt8),
               pg(postgres::kOidFloat8), pg(postgres::kOidDate), pg(postgres::kOidTimestamp), pg(postgres::kOidNumeric),
               pg(postgres::kOidNumeric), pg(postgres::kOidUuid), pg(postgres::kOidJsonb), pg(postgres::kOidText)});
  const char* decimals[] = {"0",
                            "1",
                            "-1",
                            "999",
                            "1000",
                            "-12345678",
                            "9999999999999999",
                            "10000000000000000",
                            "-99999999999999999999999999999999999999",
                            "18446744073709551616",
                            "-18446744073709551616"};
  const int64_t count = 3 * static_cast<int64_t>(RowBlock::kRows) + 17;
  std::vector<Json> rows;
  for (int64_t i = 0; i < count; ++i) {
    Json row = Json::array({i % 2 == 0, i % 1000 - 500, i * 7919 - 3, -i * 1'000'000'007, 0.25 * static_cast<double>(i),
                            i % 400 * 100 - 20'000, i * 86'399'999'999, decimals[i % 11], decimals[i * 5 % 11],
                            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "{\"k\":" + std::to_string(i) + "}",
                            std::string(static_cast<size_t>(i * 13 % 300), static_cast<char>('a' + i % 26))});
    if (i % 3 == 0) row[static_cast<size_t>(i % 12)] = nullptr;
    if (i == 400)
      row = Json::array(
          {nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr});
    rows.push_back(std::move(row));
  }
  for (const bool numbered : {false, true}) {
    plan.number_rows = numbered;
    const auto bytes = make_batch(schema, rows);
    sdk::BatchReader batch;
    ASSERT_TRUE(batch.load(bytes).ok());
    RowEncoder encoder;
    encoder.use(plan);
    encoder.load(batch, 100);
    ASSERT_TRUE(encoder.refused().empty()) << encoder.refused().front().reason;
    sdk::ByteBuffer in_blocks;
    ASSERT_EQ(encoder.encode(0, rows.size(), in_blocks, 1 << 24), rows.size());
    // The last row is left out, and so that it is the same for both, taken off the first.
    const size_t last = rows.size() - 1;
    sdk::ByteBuffer only_last;
    encoder.encode(last, rows.size(), only_last, 1 << 24);
    encoder.skip(last);
    sdk::ByteBuffer by_value;
    ASSERT_EQ(encoder.encode(0, rows.size(), by_value, 1 << 24), rows.size());
    ASSERT_EQ(by_value.size() + only_last.size(), in_blocks.size());
    EXPECT_EQ(std::memcmp(by_value.data(), in_blocks.data(), by_value.size()), 0) << "numbered " << numbered;
  }
}

TEST(EncoderTest, RefusedRowsAreLeftOutAndNamed) {
  const Schema schema{{{"t", DataType::of(TypeId::kUtf8)}, {"u", DataType::of(TypeId::kUInt64)}}};
  TargetPlan plan = plan_of(schema, {pg(postgres::kOidVarchar, 4 + 2), pg(postgres::kOidInt8)});
  const Encoded out = encode(plan, schema,
                             {Json::array({"abc", UINT64_MAX}), Json::array({"ok", 1}), Json::array({"äö", UINT64_MAX}),
                              Json::array({nullptr, nullptr})});
  ASSERT_EQ(out.refused.size(), 2U);
  EXPECT_EQ(out.refused[0].row, 0U);
  EXPECT_EQ(out.refused[0].column, "t");
  EXPECT_EQ(out.refused[0].value, "\"abc\"");
  EXPECT_EQ(out.refused[1].row, 2U);
  EXPECT_EQ(out.refused[1].value, "18446744073709551615");
  EXPECT_EQ(hex(out.bytes),
            "0002"
            "000000026f6b"
            "000000080000000000000001"
            "0002"
            "ffffffff"
            "ffffffff");
}

TEST(EncoderTest, TextsAreCheckedWhereverTheBadByteStands) {
  const Schema schema{{{"t", DataType::of(TypeId::kUtf8)}}};
  const TargetPlan plan = plan_of(schema, {pg(postgres::kOidText)});
  // Valid together, but not alone: the character is cut between two rows.
  const Encoded out = encode(plan, schema,
                             {Json::array({"a\xc3"}), Json::array({"\xa4"}), Json::array({"ä"}),
                              Json::array({std::string("\0", 1)}), Json::array({nullptr})});
  ASSERT_EQ(out.refused.size(), 3U);
  EXPECT_EQ(out.refused[2].row, 3U);
}

TEST(EncoderTest, UuidsAreReadInEveryFormOfTheServer) {
  for (const char* text : {"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11",
                           "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", "a0eebc999c0b4ef8bb6d6bb9bd380a11",
                           "a0ee-bc99-9c0b-4ef8-bb6d-6bb9-bd38-0a11"}) {
    EXPECT_TRUE(is_uuid(text)) << text;
  }
  for (const char* text : {"", "a0eebc99", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1g", "{a0eebc999c0b4ef8bb6d6bb9bd380a11",
                           "a0eebc999c0b4ef8bb6d6bb9bd380a11-", "a-0eebc999c0b4ef8bb6d6bb9bd380a11"}) {
    EXPECT_FALSE(is_uuid(text)) << text;
  }
}

TEST(EncoderTest, DatesGoBothWays) {
  for (int64_t days = -719'162; days < 2'932'896; days += 97) {
    char text[kMaxValueText];
    const std::string_view written(text, static_cast<size_t>(write_date(text, days) - text));
    ASSERT_EQ(parse_date(written), days) << written;
  }
  EXPECT_FALSE(parse_date("2024-13-01").has_value());
  EXPECT_FALSE(parse_date("2024-1-1").has_value());
  EXPECT_EQ(parse_timestamp("1970-01-01 00:00:00.000001", false), 1);
  EXPECT_EQ(parse_timestamp("1970-01-01T01:00:00+01:00", true), 0);
}

// Run with RB_ENCODER_ROWS=1000000 to see what a row costs natively: 8 mixed columns of about 94 bytes.
TEST(EncoderTest, EncodesTheNarrowShape) {
  const char* wanted = std::getenv("RB_ENCODER_ROWS");
  const int64_t total = wanted == nullptr ? 20'000 : std::strtoll(wanted, nullptr, 10);
  const Schema schema{{{"id", DataType::of(TypeId::kInt64)},
                       {"a", DataType::of(TypeId::kInt32)},
                       {"price", DataType::decimal128(12, 2)},
                       {"name", DataType::of(TypeId::kUtf8)},
                       {"note", DataType::of(TypeId::kUtf8)},
                       {"at", DataType::timestamp(sdk::TimeUnit::kMicrosecond, "UTC")},
                       {"ok", DataType::of(TypeId::kBoolean)},
                       {"x", DataType::of(TypeId::kFloat64)}}};
  const TargetPlan plan =
      plan_of(schema, {pg(postgres::kOidInt8), pg(postgres::kOidInt4), pg(postgres::kOidNumeric, ((12 << 16) | 2) + 4),
                       pg(postgres::kOidText), pg(postgres::kOidText), pg(postgres::kOidTimestamptz),
                       pg(postgres::kOidBool), pg(postgres::kOidFloat8)});
  std::vector<Json> rows;
  for (int64_t i = 0; i < 10'000; ++i) {
    rows.push_back(
        Json::array({i, i * 7, i * 12345 % 10'000'000, "name " + std::to_string(i),
                     i % 10 == 0 ? Json() : Json("some longer text " + std::to_string(i)), 1'700'000'000'000'000 + i,
                     i % 2 == 0, i % 7 == 0 ? Json() : Json(0.5 * static_cast<double>(i))}));
  }
  const auto bytes = make_batch(schema, rows);
  sdk::BatchReader batch;
  RowEncoder encoder;
  encoder.use(plan);
  sdk::ByteBuffer out;
  size_t encoded = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (int64_t done = 0; done < total; done += 10'000) {
    ASSERT_TRUE(batch.load(bytes).ok());
    encoder.load(batch, 0);
    for (size_t row = 0; row < batch.rows();) {
      out.clear();
      row = encoder.encode(row, batch.rows(), out, 192 << 10);
      encoded += out.size();
    }
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (wanted != nullptr) {
    std::printf("%.1f ns per row, %.0f bytes per row\n", seconds * 1e9 / static_cast<double>(total),
                static_cast<double>(encoded) / static_cast<double>(total));
  }
  EXPECT_GT(encoded, static_cast<size_t>(total) * 80);
}

}  // namespace
}  // namespace rapidbyte::dest_postgres
