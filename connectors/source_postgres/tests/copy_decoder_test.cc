#include "copy_decoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <ctime>

#include "copy_bytes.h"
#include "rapidbyte/sdk/batch_reader.h"
#include "rapidbyte/sdk/ipc_encoder.h"
#include "value_text.h"

namespace rapidbyte::source_postgres {
namespace {

using sdk::DataType;
using sdk::TimeUnit;
using sdk::TypeId;
using testing::CopyBytes;
using testing::numeric_bytes;

ColumnPlan column(std::string name, WireKind kind, DataType type) {
  ColumnPlan plan;
  plan.field.name = std::move(name);
  plan.field.type = std::move(type);
  plan.kind = kind;
  return plan;
}
ColumnPlan int64_column(std::string name = "n") {
  return column(std::move(name), WireKind::kInt64, DataType::of(TypeId::kInt64));
}
ColumnPlan text_column(std::string name = "t") {
  return column(std::move(name), WireKind::kText, DataType::of(TypeId::kUtf8));
}
ColumnPlan timestamp_column() {
  return column("at", WireKind::kTimestamp, DataType::timestamp(TimeUnit::kMicrosecond));
}
ColumnPlan decimal_column() { return column("d", WireKind::kNumeric128, DataType::decimal128(12, 2)); }
ColumnPlan watched_column() { return column("w", WireKind::kWatched, DataType::of(TypeId::kUtf8)); }

struct Decoded {
  std::vector<std::string> rows;  // JSON lists
  std::vector<size_t> batches;    // rows of each
  std::vector<std::pair<ProblemKind, size_t>> problems;
  std::vector<std::string> watched;  // first watched column at every event
  bool ended = false;
  std::string corruption;
};

/// Feeds `data` in pieces of `piece` bytes and reads everything back through the batches' IPC form.
Decoded decode(const std::vector<ColumnPlan>& columns, std::string_view data, size_t piece = SIZE_MAX,
               DecoderLimits limits = {}) {
  Decoded out;
  CopyDecoder decoder(columns, limits);
  sdk::Schema schema;
  for (const ColumnPlan& plan : columns) {
    if (plan.kind != WireKind::kWatched) schema.fields.push_back(plan.field);
  }
  auto encoder = sdk::IpcEncoder::make(schema);
  EXPECT_TRUE(encoder.ok());
  const auto flush = [&] {
    if (decoder.batch_rows() == 0) return;
    const auto batch = encoder->encode(static_cast<int64_t>(decoder.batch_rows()), decoder.batch());
    ASSERT_TRUE(batch.ok()) << batch.error().message;
    sdk::BatchReader reader;
    const sdk::Status loaded = reader.load(*batch);
    ASSERT_TRUE(loaded.ok()) << loaded.error().message;
    for (size_t row = 0; row < reader.rows(); ++row) {
      sdk::Json values = sdk::Json::array();
      for (size_t i = 0; i < reader.column_count(); ++i) values.push_back(reader.column(i).json(row));
      out.rows.push_back(sdk::to_text(values));
    }
    out.batches.push_back(reader.rows());
    decoder.clear_batch();
  };
  for (size_t at = 0; at < data.size(); at += std::min(piece, data.size() - at)) {
    // Each piece in separate memory, so that a sanitizer sees reads beyond it.
    const std::vector<uint8_t> bytes(data.begin() + static_cast<ptrdiff_t>(at),
                                     data.begin() + static_cast<ptrdiff_t>(at + std::min(piece, data.size() - at)));
    decoder.feed(bytes);
    for (auto event = decoder.next(); event != CopyDecoder::Event::kNeedMore; event = decoder.next()) {
      if (event == CopyDecoder::Event::kCorrupt) {
        out.corruption = decoder.corruption().error().message;
        return out;
      }
      if (event == CopyDecoder::Event::kEnd) {
        out.ended = true;
        break;
      }
      if (!decoder.watched().empty()) out.watched.push_back(decoder.watched()[0].value_or("(null)"));
      if (event == CopyDecoder::Event::kRejected) {
        out.problems.emplace_back(decoder.problem().kind, decoder.problem().column);
      }
      if (event == CopyDecoder::Event::kBatchFull) flush();
    }
  }
  flush();
  return out;
}

TEST(CopyDecoder, GivesTheSameRowsHoweverTheStreamIsCut) {
  CopyBytes bytes;
  for (int i = 0; i < 20; ++i) {
    bytes.row(4).int64(i);
    if (i % 3 == 0) {
      bytes.null();
    } else {
      bytes.bytes(std::string(static_cast<size_t>(i * 7 % 40), static_cast<char>('a' + i)));
    }
    bytes.numeric(0, i % 2 == 0 ? 0 : 0x4000, 2, {static_cast<int16_t>(i + 1), 2500});
    if (i % 5 == 4) {
      bytes.null();
    } else {
      bytes.int64(int64_t{i} * 1000);
    }
  }
  bytes.trailer();
  const std::vector<ColumnPlan> columns = {int64_column(), text_column(), decimal_column(), timestamp_column()};
  const Decoded whole = decode(columns, bytes.data());
  ASSERT_TRUE(whole.ended);
  ASSERT_EQ(whole.rows.size(), 20U);
  EXPECT_EQ(whole.rows[1], R"([1,"bbbbbbb","-2.25","2000-01-01T00:00:00.001000"])");
  EXPECT_EQ(whole.rows[9], R"([9,null,"-10.25",null])");
  for (size_t piece = 1; piece < 80; ++piece) {
    const Decoded cut = decode(columns, bytes.data(), piece);
    EXPECT_TRUE(cut.ended) << piece;
    EXPECT_EQ(cut.rows, whole.rows) << piece;
  }
}

TEST(CopyDecoder, DecodesEveryKind) {
  const std::vector<ColumnPlan> columns = {
      column("b", WireKind::kBool, DataType::of(TypeId::kBoolean)),
      column("i2", WireKind::kInt16, DataType::of(TypeId::kInt16)),
      column("i4", WireKind::kInt32, DataType::of(TypeId::kInt32)),
      int64_column("i8"),
      column("oid", WireKind::kOid, DataType::of(TypeId::kUInt32)),
      column("f8", WireKind::kFloat64, DataType::of(TypeId::kFloat64)),
      text_column(),
      column("j", WireKind::kJsonb, DataType::of(TypeId::kUtf8)),
      column("u", WireKind::kUuid, DataType::of(TypeId::kUtf8)),
      column("day", WireKind::kDate, DataType::of(TypeId::kDate32)),
      column("time", WireKind::kTime, DataType::time64(TimeUnit::kMicrosecond)),
      column("num", WireKind::kNumericText, DataType::of(TypeId::kUtf8)),
  };
  const std::string uuid("\x12\x3e\x45\x67\xe8\x9b\x12\xd3\xa4\x56\x42\x66\x14\x17\x40\x00", 16);
  CopyBytes bytes;
  bytes.row(12)
      .bytes(std::string_view("\x01", 1))
      .int16(-32768)
      .int32(INT32_MIN)
      .int64(INT64_MIN)
      .bytes("\xFF\xFF\xFF\xFF")
      .float64(-0.0)
      .bytes("h\xC3\xA4")
      .bytes(std::string_view("\x01{\"a\": 1}", 9))
      .bytes(uuid)
      .int32(59)
      .int64(86'399'999'999)
      .numeric(1, 0, 3, {1, 0, 5000})
      .trailer();
  const Decoded got = decode(columns, bytes.data());
  ASSERT_EQ(got.rows.size(), 1U);
  EXPECT_EQ(got.rows[0],
            "[true,-32768,-2147483648,-9223372036854775808,4294967295,-0.0,\"h\xC3\xA4\",\"{\\\"a\\\": 1}\","
            "\"123e4567-e89b-12d3-a456-426614174000\",\"2000-02-29\",\"23:59:59.999999\",\"10000.500\"]");
}

TEST(CopyDecoder, SendsSpecialValuesOnlyWhereTheyAreKnown) {
  CopyBytes bytes;
  bytes.row(3).int64(INT64_MAX).int32(INT32_MIN).numeric(0, 0xC000, 0, {}).trailer();
  const std::vector<ColumnPlan> columns = {
      timestamp_column(), column("day", WireKind::kDate, DataType::of(TypeId::kDate32)), decimal_column()};
  DecoderLimits limits;
  limits.special_values = true;
  CopyDecoder decoder(columns, limits);
  decoder.feed({reinterpret_cast<const uint8_t*>(bytes.data().data()), bytes.data().size()});
  ASSERT_EQ(decoder.next(), CopyDecoder::Event::kEnd);
  ASSERT_EQ(decoder.batch_rows(), 1U);
  int64_t micros = 0;
  std::memcpy(&micros, decoder.batch()[0].values.data(), 8);
  EXPECT_EQ(micros, INT64_MAX);
  int32_t days = 0;
  std::memcpy(&days, decoder.batch()[1].values.data(), 4);
  EXPECT_EQ(days, INT32_MIN);
  uint64_t words[2];
  std::memcpy(words, decoder.batch()[2].values.data(), 16);
  EXPECT_EQ(words[0], 0U);
  EXPECT_EQ(words[1], uint64_t{1} << 63U);

  const Decoded refused = decode(columns, bytes.data());
  EXPECT_EQ(refused.problems, (std::vector<std::pair<ProblemKind, size_t>>{{ProblemKind::kSpecialValue, 0}}));
  EXPECT_TRUE(refused.rows.empty());
}

TEST(CopyDecoder, RejectsTimestampsThatUnixMicrosecondsCannotHold) {
  constexpr int64_t kLast = INT64_MAX - kEpochMicros - 1;
  CopyBytes bytes;
  bytes.row(1).int64(kLast).row(1).int64(kLast + 1).row(1).int64(9'223'371'331'199'999'999).row(1).int64(7).trailer();
  const Decoded got = decode({timestamp_column()}, bytes.data());
  ASSERT_EQ(got.rows.size(), 2U);
  EXPECT_EQ(got.problems.size(), 2U);
  EXPECT_EQ(got.problems[0].first, ProblemKind::kOutOfRange);
}

TEST(CopyDecoder, TakesABadRowBackAsAWhole) {
  CopyBytes bytes;
  const auto row = [&](int64_t n, std::string_view text, bool bad) {
    bytes.row(5).int64(n).bytes(text).null().bytes(std::string_view("\x01", 1)).int64(bad ? INT64_MAX : n);
  };
  row(1, "one", false);
  row(2, "two", true);
  row(3, "three", false);
  bytes.row(5).null().bytes("\xFF\xFE").null().null().null();  // bytes that are no UTF-8
  bytes.row(5).null().null().null().null().null();
  bytes.trailer();
  const std::vector<ColumnPlan> columns = {int64_column(), text_column(), text_column("u"),
                                           column("b", WireKind::kBool, DataType::of(TypeId::kBoolean)),
                                           timestamp_column()};
  for (const size_t piece : {SIZE_MAX, size_t{1}, size_t{13}}) {
    const Decoded got = decode(columns, bytes.data(), piece);
    EXPECT_EQ(got.rows, (std::vector<std::string>{R"([1,"one",null,true,"2000-01-01T00:00:00.000001"])",
                                                  R"([3,"three",null,true,"2000-01-01T00:00:00.000003"])",
                                                  "[null,null,null,null,null]"}));
    EXPECT_EQ(got.problems, (std::vector<std::pair<ProblemKind, size_t>>{{ProblemKind::kSpecialValue, 4},
                                                                         {ProblemKind::kInvalidUtf8, 1}}));
  }
}

TEST(CopyDecoder, CountsTheNullsOfRowsThatStay) {
  CopyBytes bytes;
  bytes.row(3).null().null().int64(INT64_MIN).row(3).int64(1).bytes("x").int64(1).row(3).null().bytes("y").int64(2);
  CopyDecoder decoder({int64_column(), text_column(), timestamp_column()}, {});
  decoder.feed({reinterpret_cast<const uint8_t*>(bytes.data().data()), bytes.data().size()});
  ASSERT_EQ(decoder.next(), CopyDecoder::Event::kRejected);
  ASSERT_EQ(decoder.next(), CopyDecoder::Event::kNeedMore);
  ASSERT_EQ(decoder.batch_rows(), 2U);
  EXPECT_EQ(decoder.batch()[0].null_count, 1);
  EXPECT_EQ(decoder.batch()[1].null_count, 0);
  decoder.clear_batch();
  EXPECT_EQ(decoder.batch()[0].null_count, 0);
}

TEST(CopyDecoder, FillsBatchesUpToTheirSize) {
  CopyBytes bytes;
  for (int i = 0; i < 1000; ++i) bytes.row(2).int64(i).bytes("0123456789");
  bytes.trailer();
  DecoderLimits limits;
  limits.batch_bytes = 2200;  // 8 + 4 + 10 bytes a row
  const Decoded got = decode({int64_column(), text_column()}, bytes.data(), SIZE_MAX, limits);
  EXPECT_EQ(got.rows.size(), 1000U);
  EXPECT_EQ(got.batches, std::vector<size_t>(10, 100));
}

TEST(CopyDecoder, HasRowsWithoutColumns) {
  CopyBytes bytes;
  for (int i = 0; i < 5; ++i) bytes.row(0);
  bytes.trailer();
  const Decoded got = decode({}, bytes.data(), 3);
  EXPECT_TRUE(got.ended);
  EXPECT_EQ(got.rows, std::vector<std::string>(5, "[]"));
}

TEST(CopyDecoder, LetsALargeRowPassByWithoutKeepingIt) {
  CopyBytes bytes;
  bytes.row(4).bytes("k1").int64(1).bytes(std::string(50'000, 'x')).bytes("behind");
  bytes.row(4).bytes("k2").int64(2).bytes("small").null();
  bytes.row(4).bytes("k3").int64(3).null().bytes(std::string(20'000, 'y'));
  bytes.row(4).bytes("k4").int64(4).bytes(std::string(9'000, 'z')).bytes(std::string(9'000, 'z'));
  bytes.row(4).bytes("k5").int64(5).bytes(std::string(9'000, 'z')).null();
  bytes.trailer();
  const std::vector<ColumnPlan> columns = {watched_column(), int64_column(), text_column("a"), text_column("b")};
  DecoderLimits limits;
  limits.record_bytes = 10'000;
  for (const size_t piece : {SIZE_MAX, size_t{1}, size_t{100}, size_t{4096}, size_t{18'500}, size_t{50'003}}) {
    const Decoded got = decode(columns, bytes.data(), piece, limits);
    EXPECT_TRUE(got.ended) << piece;
    EXPECT_EQ(got.watched, (std::vector<std::string>{"k1", "k2", "k3", "k4", "k5"})) << piece;
    ASSERT_EQ(got.problems.size(), 3U) << piece;
    EXPECT_EQ(got.problems[0], (std::pair{ProblemKind::kTooLarge, size_t{2}})) << piece;
    EXPECT_EQ(got.problems[1], (std::pair{ProblemKind::kTooLarge, size_t{3}})) << piece;
    EXPECT_EQ(got.problems[2].first, ProblemKind::kTooLarge) << piece;
    ASSERT_EQ(got.rows.size(), 2U) << piece;
    EXPECT_EQ(got.rows[0], R"([2,"small",null])");
  }
}

// What is skipped or was rejected for another field is checked as well: the dead-letter record is made of its fields,
// and after a wrong length nothing is where it seems to be.
TEST(CopyDecoder, ChecksTheLengthsOfRowsThatAreNotKept) {
  const std::vector<ColumnPlan> columns = {text_column(), int64_column(), text_column("u")};
  DecoderLimits limits;
  limits.record_bytes = 1'000;
  const CopyBytes large = CopyBytes().row(3).bytes(std::string(5'000, 'x')).bytes("abc").null().trailer();
  const CopyBytes large_behind = CopyBytes().row(3).bytes("\xFF").bytes("abc").bytes(std::string(5'000, 'x')).trailer();
  const CopyBytes bad = CopyBytes().row(3).bytes("\xFF").bytes("abc").null().trailer();
  const CopyBytes negative = CopyBytes().row(3).bytes("\xFF").null().raw("\xFF\xFF\xFF\xFB").trailer();
  for (const CopyBytes* bytes : {&large, &large_behind, &bad, &negative}) {
    for (const size_t piece : {SIZE_MAX, size_t{1}, size_t{100}, size_t{5'040}}) {
      const Decoded got = decode(columns, bytes->data(), piece, limits);
      EXPECT_NE(got.corruption, "") << piece;
      EXPECT_TRUE(got.problems.empty()) << piece;
    }
  }
}

TEST(CopyDecoder, TellsARowThatIsTooLargeHoweverTheStreamIsCut) {
  // Numbers of 38 digits take 28 bytes when sent and 16 in Arrow, so the row is above the limit only as received.
  CopyBytes bytes;
  bytes.row(42).null().bytes(std::string(9'000, 'x'));
  for (int i = 0; i < 40; ++i) bytes.numeric(9, 0, 0, {99, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999});
  // Whatever else is wrong with it.
  bytes.row(42).null().bytes("\xFF" + std::string(11'000, 'x'));
  for (int i = 0; i < 40; ++i) bytes.null();
  // The longest value is named, not the one that exceeded the limit.
  bytes.row(42).bytes("y").bytes(std::string(9'000, 'x')).bytes(numeric_bytes(0, 0, 0, std::vector<int16_t>(999, 1)));
  for (int i = 0; i < 39; ++i) bytes.null();
  bytes.trailer();
  std::vector<ColumnPlan> columns = {watched_column(), text_column()};
  for (int i = 0; i < 40; ++i)
    columns.push_back(column("d" + std::to_string(i), WireKind::kNumeric128, DataType::decimal128(38, 0)));
  DecoderLimits limits;
  limits.record_bytes = 10'000;
  const std::vector<std::pair<ProblemKind, size_t>> wanted(3, {ProblemKind::kTooLarge, 1});
  for (const size_t piece : {SIZE_MAX, size_t{1}, size_t{100}, size_t{9'100}, size_t{12'000}}) {
    const Decoded got = decode(columns, bytes.data(), piece, limits);
    EXPECT_EQ(got.problems, wanted) << piece;
    EXPECT_TRUE(got.ended && got.rows.empty()) << piece << got.corruption;
  }
}

TEST(CopyDecoder, KnowsWhenTheWatchedColumnsAloneAreTooLarge) {
  CopyBytes bytes;
  bytes.row(3).bytes("a").bytes("b").int64(1);
  bytes.row(3).bytes(std::string(600, 'a')).bytes(std::string(600, 'b')).int64(2);
  bytes.row(3).bytes("c").bytes(std::string(990, 'd')).int64(3).trailer();
  DecoderLimits limits;
  limits.record_bytes = 1'000;
  for (const size_t piece : {SIZE_MAX, size_t{1}, size_t{700}}) {
    CopyDecoder decoder({watched_column(), watched_column(), int64_column()}, limits);
    std::vector<bool> rejected;
    for (size_t at = 0; at < bytes.data().size(); at += std::min(piece, bytes.data().size() - at)) {
      decoder.feed(
          {reinterpret_cast<const uint8_t*>(bytes.data().data()) + at, std::min(piece, bytes.data().size() - at)});
      for (auto event = decoder.next(); event != CopyDecoder::Event::kNeedMore && event != CopyDecoder::Event::kEnd;
           event = decoder.next()) {
        ASSERT_NE(event, CopyDecoder::Event::kCorrupt);
        if (event == CopyDecoder::Event::kRejected) rejected.push_back(decoder.problem().watched_too_large);
      }
    }
    EXPECT_EQ(rejected, std::vector<bool>{true}) << piece;
    EXPECT_EQ(decoder.watched()[0], "c") << piece;
    EXPECT_EQ(decoder.batch_rows(), 2U) << piece;
  }
}

// A row that arrives in pieces is decoded when it is complete, not at each of its texts.
TEST(CopyDecoder, DecodesARowOfManyTextsOnce) {
  constexpr int16_t kColumns = 1000;
  CopyBytes bytes;
  bytes.row(kColumns);
  for (int i = 0; i < kColumns; ++i) bytes.bytes(std::string(10'000, 'x'));
  bytes.trailer();
  const std::vector<ColumnPlan> columns(kColumns, text_column());
  const auto processor_time = [&](size_t piece) {
    const std::clock_t begin = std::clock();
    CopyDecoder decoder(columns, {});
    for (size_t at = 0; at < bytes.data().size(); at += piece) {
      const size_t size = std::min(piece, bytes.data().size() - at);
      decoder.feed({reinterpret_cast<const uint8_t*>(bytes.data().data()) + at, size});
      while (decoder.next() == CopyDecoder::Event::kBatchFull) decoder.clear_batch();
    }
    EXPECT_EQ(decoder.rows_seen(), 1U);
    return std::clock() - begin;
  };
  const auto whole = std::max<std::clock_t>(processor_time(bytes.data().size()), CLOCKS_PER_SEC / 200);
  EXPECT_LT(processor_time(8'000), 30 * whole);
}

TEST(CopyDecoder, KeepsTheFieldsOfARejectedRowForTheDlq) {
  CopyBytes bytes;
  bytes.row(3).bytes("w").int64(7).int64(INT64_MIN).trailer();
  CopyDecoder decoder({watched_column(), int64_column(), timestamp_column()}, {});
  decoder.feed({reinterpret_cast<const uint8_t*>(bytes.data().data()), bytes.data().size()});
  ASSERT_EQ(decoder.next(), CopyDecoder::Event::kRejected);
  EXPECT_EQ(decoder.problem().field_count, 3U);
  EXPECT_EQ(decoder.problem().fields.size(), 5U + 12 + 12);
  EXPECT_EQ(decoder.rows_seen(), 1U);
}

TEST(CopyDecoder, RefusesWhatIsNoCopy) {
  const std::vector<ColumnPlan> columns = {int64_column(), text_column()};
  EXPECT_NE(decode(columns, "PGCOPX and so on, but not a header").corruption, "");
  EXPECT_NE(decode(columns, CopyBytes().row(3).data()).corruption, "");
  EXPECT_NE(decode(columns, CopyBytes().row(2).int32(1).bytes("x").data()).corruption, "");
  EXPECT_NE(decode(columns, CopyBytes().row(2).raw("\xFF\xFF\xFF\xFE").data()).corruption, "");
  EXPECT_NE(decode(columns, CopyBytes().trailer().row(2).data()).corruption, "");
  EXPECT_NE(decode({decimal_column()}, CopyBytes().row(1).bytes("short").data()).corruption, "");
  EXPECT_NE(
      decode({column("j", WireKind::kJsonb, DataType::of(TypeId::kUtf8))}, CopyBytes().row(1).bytes("\x02{}").data())
          .corruption,
      "");
}

TEST(CopyDecoder, SurvivesAnyBytes) {
  const std::vector<ColumnPlan> columns = {
      watched_column(),
      int64_column(),
      text_column(),
      decimal_column(),
      timestamp_column(),
      column("n", WireKind::kNumericText, DataType::of(TypeId::kUtf8)),
      column("w", WireKind::kNumeric256, DataType::decimal256(76, 3)),
      column("u", WireKind::kUuid, DataType::of(TypeId::kUtf8)),
      column("b", WireKind::kBool, DataType::of(TypeId::kBoolean)),
  };
  CopyBytes bytes;
  for (int i = 0; i < 3; ++i) {
    bytes.row(9).bytes("w").int64(i).bytes("text").numeric(0, 0, 2, {1, 2500}).int64(5);
    bytes.numeric(0, 0, 2, {1, 2500}).numeric(3, 0x4000, 3, {1, 2, 3}).bytes(std::string(16, 'u')).null();
  }
  bytes.trailer();
  uint32_t random = 12345;
  const auto next = [&] { return random = random * 1664525 + 1013904223; };
  DecoderLimits limits;
  limits.record_bytes = 4096;
  for (int round = 0; round < 20'000; ++round) {
    std::string data = bytes.data();
    for (uint32_t flips = 1 + next() % 4; flips != 0; --flips) {
      data[19 + next() % (data.size() - 19)] = static_cast<char>(next() >> 16U);
    }
    (void)decode(columns, data, 1 + next() % 200, limits);
  }
}

}  // namespace
}  // namespace rapidbyte::source_postgres
