// Batches to bytes and back: every type through builder, IPC bytes and reader; invalid bytes are refused.

#include "rapidbyte/sdk/arrow.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nanoarrow/nanoarrow.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <random>

#include "every_type.h"

namespace rapidbyte::sdk {
namespace {

using ::testing::HasSubstr;

std::vector<uint8_t> copy(std::span<const uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

TEST(BatchTest, EveryTypeSurvivesTheRoundTrip) {
  auto builder = BatchBuilder::make(every_type());
  ASSERT_TRUE(builder.ok()) << builder.status().to_string();
  append_every_type(*builder, true);
  append_every_type(*builder, false);
  for (size_t i = 0; i < builder->column_count(); ++i) {
    if (builder->schema().fields[i].nullable) {
      builder->column(i).append_null();
    } else {
      builder->column(i).append<int64_t>(7);
    }
  }
  builder->end_row();
  const auto bytes = builder->finish();
  ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();

  BatchReader reader;
  const Status loaded = reader.load(*bytes);
  ASSERT_TRUE(loaded.ok()) << loaded.to_string();
  EXPECT_EQ(reader.schema(), every_type());
  EXPECT_EQ(reader.rows(), 3U);
  EXPECT_EQ(*count_rows(*bytes), 3U);
  const char* const expected[][2] = {
      {"true", "false"},
      {"-128", "127"},
      {"-32768", "32767"},
      {"-2147483648", "2147483647"},
      {"-9223372036854775808", "9223372036854775807"},
      {"255", "255"},
      {"65535", "65535"},
      {"4294967295", "4294967295"},
      {"18446744073709551615", "18446744073709551615"},
      {"-0.0", "\"Infinity\""},
      {"0.1", "\"NaN\""},
      {"\"-0.0001\"", "\"12345.6789\""},
      {"\"-57896044618658097711785492504343953926634992332.820282019728792003956564819968\"",
       "\"0.000000000000000000000000000001\""},
      {"\"\"", "\"h\xC3\xA9llo\""},
      {"\"large\"", "\"large\""},
      {"\"00ff\"", "\"00ff\""},
      {"\"\"", "\"\""},
      {"\"616263\"", "\"616263\""},
      {"\"1969-12-31\"", "\"2024-01-01\""},
      {"\"23:59:59.999\"", "\"23:59:59.999\""},
      {"\"00:00:00.000001\"", "\"00:00:00.000001\""},
      {"\"1969-12-31T23:59:59.999999\"", "\"2024-01-01T00:00:00.000001\""},
      {"\"1969-12-31T23:59:59.999999999Z\"", "\"1970-01-01T00:00:00.000000000Z\""},
      {R"({"days":2,"months":-1,"nanoseconds":-9223372036854775808})",
       R"({"days":2,"months":-1,"nanoseconds":9223372036854775807})"},
  };
  for (size_t i = 0; i < reader.column_count(); ++i) {
    const std::string& name = reader.schema().fields[i].name;
    EXPECT_EQ(to_text(reader.column(i).json(0)), expected[i][0]) << name;
    EXPECT_EQ(to_text(reader.column(i).json(1)), expected[i][1]) << name;
    EXPECT_EQ(reader.column(i).is_null(2), reader.schema().fields[i].nullable) << name;
    EXPECT_FALSE(reader.column(i).is_null(0)) << name;
  }
}

TEST(BatchTest, ABatchWithoutRowsIsLegal) {
  auto builder = BatchBuilder::make(every_type());
  ASSERT_TRUE(builder.ok());
  const auto bytes = builder->finish();
  ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();
  BatchReader reader;
  ASSERT_TRUE(reader.load(*bytes).ok()) << reader.load(*bytes).to_string();
  EXPECT_EQ(reader.rows(), 0U);
  EXPECT_EQ(*count_rows(*bytes), 0U);
}

TEST(BatchTest, ASchemaWithoutColumnsIsLegal) {
  auto builder = BatchBuilder::make({});
  ASSERT_TRUE(builder.ok()) << builder.status().to_string();
  builder->end_rows(5);
  const auto bytes = builder->finish();
  ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();
  BatchReader reader;
  const Status loaded = reader.load(*bytes);
  ASSERT_TRUE(loaded.ok()) << loaded.to_string();
  EXPECT_EQ(reader.rows(), 5U);
}

TEST(BatchTest, NullsAndValuesAtEveryOffsetOfABitmap) {
  // Random rows against a plain model, over many batches of one builder: bitmaps, lazily made, must come out the same.
  auto builder = BatchBuilder::make({{field("b", "Boolean"), field("i", "Int32"), field("s", "Utf8")}});
  ASSERT_TRUE(builder.ok());
  std::minstd_rand random(7);
  BatchReader reader;
  for (int batch = 0; batch < 60; ++batch) {
    const size_t rows = random() % 70;
    const auto null_every = batch % 3 == 0 ? 1000000U : 1U + random() % 9;
    std::vector<std::optional<uint32_t>> model;
    while (model.size() < rows) {
      const auto append = [&](bool null, uint32_t value) {
        if (null) {
          for (size_t c = 0; c < 3; ++c) builder->column(c).append_null();
        } else {
          builder->column(0).append_bool((value & 1) != 0);
          builder->column(1).append(static_cast<int32_t>(value));
          builder->column(2).append_bytes(std::to_string(value));
        }
      };
      const bool null = random() % null_every == 0;
      const auto value = static_cast<uint32_t>(random());
      if (random() % 4 == 0) {
        // A row that turns out bad after one, two or three columns.
        const auto columns = 1 + random() % 3;
        for (size_t c = 0; c < columns; ++c) {
          if (random() % 2 == 0) {
            builder->column(c).append_null();
          } else if (c == 0) {
            builder->column(0).append_bool(true);
          } else if (c == 1) {
            builder->column(1).append<int32_t>(-1);
          } else {
            builder->column(2).append_bytes("garbage");
          }
        }
        builder->discard_row();
      }
      append(null, value);
      builder->end_row();
      model.push_back(null ? std::nullopt : std::optional(value));
    }
    const auto bytes = builder->finish();
    ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();
    ASSERT_TRUE(reader.load(*bytes).ok());
    ASSERT_EQ(reader.rows(), rows);
    for (size_t row = 0; row < rows; ++row) {
      for (size_t c = 0; c < 3; ++c) ASSERT_EQ(reader.column(c).is_null(row), !model[row]) << batch << ":" << row;
      if (!model[row]) continue;
      ASSERT_EQ(reader.column(0).boolean(row), (*model[row] & 1) != 0);
      ASSERT_EQ(reader.column(1).value<uint32_t>(row), *model[row]);
      ASSERT_EQ(reader.column(2).bytes(row), std::to_string(*model[row]));
    }
  }
  EXPECT_EQ(reader.schema_version(), 1U) << "the schema is decoded once";
}

TEST(BatchTest, FinishFindsColumnsThatDoNotFit) {
  const auto one = [](std::string_view type, const std::function<void(BatchBuilder&)>& fill) {
    auto builder = BatchBuilder::make({{field("c", type)}});
    EXPECT_TRUE(builder.ok());
    fill(*builder);
    builder->end_row();
    return builder->finish().status();
  };
  const Status statuses[] = {
      one("Int64", [](BatchBuilder& b) { b.column(0).append<int32_t>(1); }),
      one("Int64", [](BatchBuilder&) {}),
      one("Utf8", [](BatchBuilder& b) { b.column(0).append<int32_t>(1); }),
      one("Boolean", [](BatchBuilder& b) { b.column(0).append<int16_t>(1); }),
      one("Decimal128(9, 2)", [](BatchBuilder& b) { b.column(0).append<int64_t>(1); }),
  };
  for (const Status& status : statuses) {
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, "INVALID_COLUMN");
    EXPECT_THAT(status.error().message, HasSubstr("column `c`"));
  }
}

TEST(BatchTest, ReadyBuffersAreEncodedAsTheyAre) {
  auto encoder = IpcEncoder::make({{field("i", "Int32"), field("s", "Utf8")}});
  ASSERT_TRUE(encoder.ok());
  const int32_t values[] = {1, 2, 3};
  const int32_t offsets[] = {0, 1, 1, 3};
  const uint8_t text[] = {'a', 'b', 'c'};
  const uint8_t validity[] = {0b101};
  const auto as_bytes = [](const auto& array) {
    return std::span<const uint8_t>(reinterpret_cast<const uint8_t*>(array), sizeof array);
  };
  const ColumnBuffers columns[] = {{{}, {}, as_bytes(values), 0}, {validity, as_bytes(offsets), text, 1}};
  const auto bytes = encoder->encode(3, columns);
  ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();
  BatchReader reader;
  ASSERT_TRUE(reader.load(*bytes).ok());
  EXPECT_EQ(reader.column(0).value<int32_t>(2), 3);
  EXPECT_TRUE(reader.column(1).is_null(1));
  EXPECT_EQ(reader.column(1).bytes(2), "bc");
  EXPECT_FALSE(encoder->encode(4, columns).ok()) << "three values are not four rows";

  // Passing on: what was read can be passed along without being rebuilt.
  auto second = IpcEncoder::make(reader.schema());
  ASSERT_TRUE(second.ok());
  const std::vector<uint8_t> kept = copy(*bytes);
  ASSERT_TRUE(reader.load(kept).ok());
  const ColumnBuffers passed[] = {reader.column(0).buffers(), reader.column(1).buffers()};
  const auto again = second->encode(3, passed);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(copy(*again), kept);
}

TEST(BatchTest, EncodesNanoarrowArrays) {
  ArrowSchema schema;
  ArrowSchemaInit(&schema);
  ASSERT_EQ(ArrowSchemaSetTypeStruct(&schema, 1), NANOARROW_OK);
  ASSERT_EQ(ArrowSchemaSetType(schema.children[0], NANOARROW_TYPE_STRING), NANOARROW_OK);
  ArrowArray array;
  ASSERT_EQ(ArrowArrayInitFromSchema(&array, &schema, nullptr), NANOARROW_OK);
  ASSERT_EQ(ArrowArrayStartAppending(&array), NANOARROW_OK);
  ASSERT_EQ(ArrowArrayAppendString(array.children[0], ArrowCharView("x")), NANOARROW_OK);
  ASSERT_EQ(ArrowArrayFinishElement(&array), NANOARROW_OK);
  ASSERT_EQ(ArrowArrayAppendNull(array.children[0], 1), NANOARROW_OK);
  ASSERT_EQ(ArrowArrayFinishElement(&array), NANOARROW_OK);
  ASSERT_EQ(ArrowArrayFinishBuildingDefault(&array, nullptr), NANOARROW_OK);
  auto encoder = IpcEncoder::make({{field("s", "Utf8")}});
  ASSERT_TRUE(encoder.ok());
  const auto bytes = encode_ipc(*encoder, array);
  ASSERT_TRUE(bytes.ok()) << bytes.status().to_string();
  BatchReader reader;
  ASSERT_TRUE(reader.load(*bytes).ok());
  EXPECT_EQ(reader.column(0).bytes(0), "x");
  EXPECT_TRUE(reader.column(0).is_null(1));
  ArrowArrayRelease(&array);
  ArrowSchemaRelease(&schema);
}

std::vector<uint8_t> sample_batch(int rows) {
  auto builder = BatchBuilder::make({{field("i", "Int64"), field("s", "Utf8"), field("b", "Boolean")}});
  EXPECT_TRUE(builder.ok());
  for (int i = 0; i < rows; ++i) {
    builder->column(0).append<int64_t>(i);
    builder->column(1).append_bytes("row " + std::to_string(i));
    builder->column(2).append_null();
    builder->end_row();
  }
  return copy(*builder->finish());
}

TEST(BatchReaderTest, ReadsBytesThatAreNotAligned) {
  const std::vector<uint8_t> batch = sample_batch(9);
  for (size_t shift = 1; shift < 8; ++shift) {
    std::vector<uint8_t> moved(shift, 0);
    moved.insert(moved.end(), batch.begin(), batch.end());
    BatchReader reader;
    ASSERT_TRUE(reader.load(std::span(moved).subspan(shift)).ok());
    EXPECT_EQ(reader.column(1).bytes(8), "row 8");
    EXPECT_EQ(*count_rows(std::span(moved).subspan(shift)), 9U);
  }
}

/// A batch that another library wrote: data/README.md.
std::vector<uint8_t> foreign_batch(int columns) {
  std::ifstream file(std::string(RB_ARROW_FILES) + "/arrow_rs_53_" + std::to_string(columns) + ".arrows",
                     std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(BatchReaderTest, ReadsHeadersWhoseVectorsLieOnFourBytes) {
  const char* const expected[5][9] = {
      {"1", "10", "0.5", "true", "\"one\"", nullptr, "\"12.34\"", "\"1970-01-01\"", nullptr},
      {"2", "null", "-1.25", "false", "null", nullptr, "\"-0.05\"", "\"2024-02-29\"", nullptr},
      {"3", "-30", "null", "null", "\"\"", nullptr, "null", "null", nullptr},
      {"4", "40", "1e+300", "true", "\"vier \u00e4\"", nullptr, "\"0.00\"", "\"1969-12-31\"", nullptr},
      {"9223372036854775807", "null", "3.0", "false", "\"five\"", nullptr, "\"999999999.99\"", "\"2024-10-04\"",
       nullptr},
  };
  for (const int columns : {1, 2, 9}) {
    const std::vector<uint8_t> bytes = foreign_batch(columns);
    ASSERT_FALSE(bytes.empty());
    BatchReader reader;
    const Status loaded = reader.load(bytes);
    ASSERT_TRUE(loaded.ok()) << loaded.to_string();
    ASSERT_EQ(reader.rows(), 5U);
    ASSERT_EQ(reader.column_count(), static_cast<size_t>(columns));
    EXPECT_EQ(*count_rows(bytes), 5U);
    for (size_t row = 0; row < 5; ++row) {
      for (size_t column = 0; column < reader.column_count(); ++column) {
        if (expected[row][column] == nullptr) continue;
        EXPECT_EQ(to_text(reader.column(column).json(row)), expected[row][column]) << row << ", " << column;
      }
    }
    // And once more, with what the reader keeps from batch to batch.
    ASSERT_TRUE(reader.load(bytes).ok());
    EXPECT_EQ(reader.schema_version(), 1U);
  }
}

TEST(BatchReaderTest, CopiesBuffersThatAreNotAligned) {
  std::vector<uint8_t> bytes = foreign_batch(2);
  // The values of `qty`, and 4 bytes further, where padding is; then the offset of the only buffer that begins there.
  const int32_t values[5] = {10, 0, -30, 40, 0};
  const auto* first = reinterpret_cast<const uint8_t*>(values);
  const auto found = std::search(bytes.begin(), bytes.end(), first, first + sizeof values);
  ASSERT_NE(found, bytes.end());
  const auto at = static_cast<size_t>(found - bytes.begin());
  std::memmove(bytes.data() + at + 4, bytes.data() + at, sizeof values);
  int moved = 0;
  for (size_t place = 0; place + 16 <= at; place += 4) {
    int64_t buffer[2];
    std::memcpy(buffer, bytes.data() + place, 16);
    if (buffer[1] != sizeof values || buffer[0] <= 0 || buffer[0] % 64 != 0 || buffer[0] > 1024) continue;
    buffer[0] += 4;
    std::memcpy(bytes.data() + place, buffer, 16);
    ++moved;
  }
  ASSERT_EQ(moved, 1);
  BatchReader reader;
  const Status loaded = reader.load(bytes);
  ASSERT_TRUE(loaded.ok()) << loaded.to_string();
  EXPECT_EQ(to_text(reader.column(1).json(2)), "-30");
  EXPECT_EQ(to_text(reader.column(1).json(3)), "40");
}

TEST(BatchReaderTest, TheEndMarkerMayBeMissing) {
  std::vector<uint8_t> batch = sample_batch(2);
  batch.erase(batch.end() - 8, batch.end());
  BatchReader reader;
  EXPECT_TRUE(reader.load(batch).ok());
}

TEST(BatchReaderTest, RefusesMoreThanOneRecordBatch) {
  const std::vector<uint8_t> batch = sample_batch(2);
  std::vector<uint8_t> two(batch.begin(), batch.end() - 8);
  two.insert(two.end(), batch.begin(), batch.end());
  BatchReader reader;
  const Status status = reader.load(two);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, "INVALID_BATCH");
  EXPECT_EQ(reader.rows(), 0U);
}

TEST(BatchReaderTest, RefusesEveryTruncation) {
  const std::vector<uint8_t> batch = sample_batch(3);
  for (size_t size = 0; size + 8 < batch.size(); ++size) {
    const std::vector<uint8_t> cut(batch.begin(), batch.begin() + static_cast<ptrdiff_t>(size));
    BatchReader reader;
    EXPECT_FALSE(reader.load(cut).ok()) << size;
  }
}

/// Touches every value of whatever was accepted, so that a sanitizer sees any access that load() should have prevented.
uint64_t touch_everything(const BatchReader& reader) {
  uint64_t sum = 0;
  for (size_t c = 0; c < reader.column_count(); ++c) {
    for (size_t row = 0; row < reader.rows(); ++row) sum += to_text(reader.column(c).json(row)).size();
  }
  return sum;
}

TEST(BatchReaderTest, DamagedBytesAreRefusedOrHarmless) {
  auto builder = BatchBuilder::make(every_type());
  ASSERT_TRUE(builder.ok());
  append_every_type(*builder, true);
  append_every_type(*builder, false);
  const std::vector<std::vector<uint8_t>> originals = {sample_batch(5), copy(*builder->finish()), foreign_batch(9)};
  std::minstd_rand random(11);
  uint64_t accepted = 0;
  for (const auto& original : originals) {
    BatchReader reused;
    for (int round = 0; round < 4000; ++round) {
      std::vector<uint8_t> damaged = original;
      const auto edits = 1 + random() % 3;
      for (size_t i = 0; i < edits; ++i) {
        // Whole words too: sizes and offsets of -1 or of 2^63 are what an attacker would write.
        const size_t at = random() % (damaged.size() - 8);
        if (random() % 2 == 0) {
          damaged[at] = static_cast<uint8_t>(random());
        } else {
          const int64_t words[] = {-1, INT64_MAX, INT64_MIN, 0, 1, static_cast<int64_t>(original.size())};
          std::memcpy(damaged.data() + at / 8 * 8, &words[random() % 6], 8);
        }
      }
      BatchReader fresh;
      for (BatchReader* reader : {&fresh, &reused}) {
        if (!reader->load(damaged).ok()) continue;
        ++accepted;
        (void)touch_everything(*reader);
      }
      (void)count_rows(damaged);
    }
    ASSERT_TRUE(reused.load(original).ok()) << "a reader works again after bad batches";
  }
  EXPECT_GT(accepted, 0U);
}

TEST(BatchReaderTest, ASchemaThatLacksATableIsRefused) {
  auto builder = BatchBuilder::make(every_type());
  ASSERT_TRUE(builder.ok());
  append_every_type(*builder, true);
  const std::vector<uint8_t> batch = copy(*builder->finish());
  uint32_t metadata = 0;
  std::memcpy(&metadata, batch.data() + 4, sizeof metadata);
  ASSERT_LT(metadata, batch.size());
  // An entry of zero in a table's directory says that the field is absent, which the flatbuffers verifier accepts.
  size_t lacking = 0;
  for (size_t at = 8; at + 2 <= 8 + size_t{metadata}; at += 2) {
    std::vector<uint8_t> damaged = batch;
    damaged[at] = damaged[at + 1] = 0;
    BatchReader reader;
    const Status loaded = reader.load(damaged);
    (void)count_rows(damaged);
    if (!loaded.ok() && loaded.to_string().find("lacks its type") != std::string::npos) ++lacking;
  }
  EXPECT_GT(lacking, 0U);
}

TEST(BatchReaderTest, RefusesABufferOfUnknownSize) {
  // A length of -1 makes nanoarrow treat the size as unknown: the offset may then point past the body.
  const std::vector<uint8_t> original = sample_batch(5);
  int seen = 0;
  for (size_t at = 0; at + 16 <= original.size(); at += 8) {
    int64_t offset = 0;
    int64_t length = 0;
    std::memcpy(&offset, original.data() + at, 8);
    std::memcpy(&length, original.data() + at + 8, 8);
    if (offset != 0 || length != 40) continue;  // the entry of the Int64 column's values
    std::vector<uint8_t> damaged = original;
    const int64_t unknown = -1;
    std::memcpy(damaged.data() + at + 8, &unknown, 8);
    BatchReader reader;
    EXPECT_FALSE(reader.load(damaged).ok());
    ++seen;
  }
  EXPECT_GE(seen, 1);
}

TEST(BatchReaderTest, RefusesAScaleOfBillions) {
  auto builder = BatchBuilder::make({{field("d", "Decimal128(38, 9)")}});
  ASSERT_TRUE(builder.ok());
  builder->column(0).append(Decimal128Words{{1, 0}});
  builder->end_row();
  const std::vector<uint8_t> original = copy(*builder->finish());
  int refused = 0;
  for (size_t at = 0; at + 4 <= original.size(); at += 4) {
    int32_t word = 0;
    std::memcpy(&word, original.data() + at, 4);
    if (word != 9) continue;  // the scale, among others
    std::vector<uint8_t> damaged = original;
    const int32_t huge = 2'000'000'000;
    std::memcpy(damaged.data() + at, &huge, 4);
    BatchReader reader;
    const Status status = reader.load(damaged);
    if (!status.ok() && status.error().code == "UNSUPPORTED_SCHEMA") ++refused;
    if (status.ok()) {
      EXPECT_LT(to_text(reader.column(0).json(0)).size(), 100U);
    }
  }
  EXPECT_EQ(refused, 1);
}

TEST(BatchTest, ANameWithANulIsRefusedAndNotCut) {
  const std::string name("price\0old", 9);
  const auto expect_refused = [](const Status& status) {
    ASSERT_FALSE(status.ok());
    EXPECT_EQ(status.error().code, "UNSUPPORTED_SCHEMA");
    EXPECT_THAT(status.error().message, ::testing::HasSubstr("`price\\0old`"));
  };
  Schema schema;
  schema.fields.push_back({name, DataType::of(TypeId::kInt64), true});
  expect_refused(BatchBuilder::make(schema).status());

  // From others: the same length, so that only the byte must be changed.
  schema.fields[0].name = "price_old";
  auto builder = BatchBuilder::make(schema);
  ASSERT_TRUE(builder.ok());
  builder->column(0).append(int64_t{1});
  builder->end_row();
  std::vector<uint8_t> bytes = copy(*builder->finish());
  const std::string_view wanted = "price_old";
  const auto at = std::search(bytes.begin(), bytes.end(), wanted.begin(), wanted.end());
  ASSERT_NE(at, bytes.end());
  at[5] = 0;
  BatchReader reader;
  expect_refused(reader.load(bytes));

  schema.fields[0] = {"price_old", DataType::timestamp(TimeUnit::kMicrosecond, std::string("UT\0C", 4)), true};
  EXPECT_FALSE(BatchBuilder::make(schema).ok());
}

TEST(BatchReaderTest, NoticesAnotherSchema) {
  auto other = BatchBuilder::make({{field("z", "Utf8")}});
  ASSERT_TRUE(other.ok());
  other->column(0).append_bytes("q");
  other->end_row();
  const std::vector<uint8_t> second = copy(*other->finish());
  const std::vector<uint8_t> first = sample_batch(1);
  BatchReader reader;
  ASSERT_TRUE(reader.load(first).ok());
  ASSERT_TRUE(reader.load(second).ok());
  EXPECT_EQ(reader.schema_version(), 2U);
  EXPECT_EQ(reader.column(0).bytes(0), "q");
  ASSERT_TRUE(reader.load(first).ok());
  EXPECT_EQ(reader.column_count(), 3U);
}

TEST(Utf8Test, TellsWellFormedFromOther) {
  const std::string_view good[] = {"",
                                   "plain ascii text, longer than eight",
                                   "\xC3\xA9",
                                   "\xE2\x82\xAC",
                                   "\xF0\x9F\x98\x80",
                                   "\xEF\xBF\xBF",
                                   "\xF4\x8F\xBF\xBF",
                                   "12345678\xC3\xA9"};
  const std::string_view bad[] = {"\x80",
                                  "\xC3",
                                  "\xC0\x80",
                                  "\xC1\xBF",
                                  "\xE0\x80\x80",
                                  "\xED\xA0\x80",
                                  "\xF4\x90\x80\x80",
                                  "\xF8\x88\x80\x80\x80",
                                  "\xE2\x82",
                                  "a\xFF",
                                  "12345678\xE2\x28\xA1",
                                  "\xF0\x80\x80\x80"};
  for (const auto text : good) EXPECT_TRUE(is_valid_utf8(text)) << text;
  for (const auto text : bad)
    EXPECT_FALSE(is_valid_utf8(text)) << Json(std::string(text)).dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace
}  // namespace rapidbyte::sdk
