#include "rapidbyte/engine/batch_inspector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nanoarrow/nanoarrow.hpp>
#include <nanoarrow/nanoarrow_ipc.hpp>
#include <random>
#include <set>

#include "rapidbyte/engine/ipc_message.h"
#include "rapidbyte/engine/testing/fakes.h"

namespace rapidbyte::engine {
namespace {

using testing::id_batch;
using testing::ids_of;

std::vector<std::byte> copy(const PooledBuffer& buffer) { return {buffer.bytes().begin(), buffer.bytes().end()}; }

/// A batch of one column, made by the test.
class OneColumn {
 public:
  explicit OneColumn(const std::function<void(ArrowSchema*)>& type) {
    ArrowSchemaInit(schema_.get());
    EXPECT_EQ(ArrowSchemaSetTypeStruct(schema_.get(), 1), NANOARROW_OK);
    type(schema_->children[0]);
    EXPECT_EQ(ArrowSchemaSetName(schema_->children[0], "c"), NANOARROW_OK);
    EXPECT_EQ(ArrowArrayInitFromSchema(array_.get(), schema_.get(), nullptr), NANOARROW_OK);
    EXPECT_EQ(ArrowArrayStartAppending(array_.get()), NANOARROW_OK);
  }
  /// `append` puts one value into the column.
  OneColumn& row(const std::function<int(ArrowArray*)>& append) {
    EXPECT_EQ(append(array_->children[0]), NANOARROW_OK);
    EXPECT_EQ(ArrowArrayFinishElement(array_.get()), NANOARROW_OK);
    return *this;
  }
  OneColumn& null() {
    return row([](ArrowArray* array) { return ArrowArrayAppendNull(array, 1); });
  }
  std::vector<std::byte> encode() {
    EXPECT_EQ(ArrowArrayFinishBuildingDefault(array_.get(), nullptr), NANOARROW_OK);
    nanoarrow::UniqueArrayView view;
    EXPECT_EQ(ArrowArrayViewInitFromSchema(view.get(), schema_.get(), nullptr), NANOARROW_OK);
    EXPECT_EQ(ArrowArrayViewSetArray(view.get(), array_.get(), nullptr), NANOARROW_OK);
    nanoarrow::UniqueBuffer out;
    nanoarrow::ipc::UniqueOutputStream stream;
    nanoarrow::ipc::UniqueWriter writer;
    EXPECT_EQ(ArrowIpcOutputStreamInitBuffer(stream.get(), out.get()), NANOARROW_OK);
    EXPECT_EQ(ArrowIpcWriterInit(writer.get(), stream.get()), NANOARROW_OK);
    EXPECT_EQ(ArrowIpcWriterWriteSchema(writer.get(), schema_.get(), nullptr), NANOARROW_OK);
    EXPECT_EQ(ArrowIpcWriterWriteArrayView(writer.get(), view.get(), nullptr), NANOARROW_OK);
    EXPECT_EQ(ArrowIpcWriterWriteArrayView(writer.get(), nullptr, nullptr), NANOARROW_OK);
    const auto* data = reinterpret_cast<const std::byte*>(out->data);
    return {data, data + out->size_bytes};
  }

 private:
  nanoarrow::UniqueSchema schema_;
  nanoarrow::UniqueArray array_;
};

class BatchInspectorTest : public ::testing::Test {
 protected:
  /// The type and the cells of the only column.
  std::vector<std::string> shown(OneColumn& column) {
    Preview preview;
    const auto bytes = column.encode();
    const Status status = inspector_.add_to_preview(bytes, 100, preview);
    EXPECT_TRUE(status.ok()) << status.to_string();
    std::vector<std::string> out;
    for (const auto& c : preview.columns) out.push_back(c.type);
    for (const auto& row : preview.rows) out.push_back(row[0].value_or("NULL"));
    return out;
  }
  using Texts = std::vector<std::string>;

  BatchInspector inspector_{std::make_shared<BufferPool>(size_t{1} << 20U)};
};

std::function<int(ArrowArray*)> integer(int64_t value) {
  return [value](ArrowArray* array) { return ArrowArrayAppendInt(array, value); };
}
std::function<int(ArrowArray*)> text(const std::string& value) {
  return [value](ArrowArray* array) {
    return ArrowArrayAppendString(array, {value.data(), static_cast<int64_t>(value.size())});
  };
}
std::function<void(ArrowSchema*)> plain(ArrowType type) {
  return [type](ArrowSchema* schema) { EXPECT_EQ(ArrowSchemaSetType(schema, type), NANOARROW_OK); };
}
std::function<void(ArrowSchema*)> timed(ArrowType type, ArrowTimeUnit unit, const char* zone = nullptr) {
  return [=](ArrowSchema* schema) { EXPECT_EQ(ArrowSchemaSetTypeDateTime(schema, type, unit, zone), NANOARROW_OK); };
}

TEST_F(BatchInspectorTest, ShowsNumbersExactly) {
  OneColumn big(plain(NANOARROW_TYPE_INT64));
  big.row(integer(INT64_MIN)).row(integer(9007199254740993)).null();
  EXPECT_EQ(shown(big), (Texts{"Int64", "-9223372036854775808", "9007199254740993", "NULL"}));
  OneColumn large(plain(NANOARROW_TYPE_UINT64));
  large.row([](ArrowArray* a) { return ArrowArrayAppendUInt(a, UINT64_MAX); });
  EXPECT_EQ(shown(large), (Texts{"UInt64", "18446744073709551615"}));
  OneColumn real(plain(NANOARROW_TYPE_DOUBLE));
  real.row([](ArrowArray* a) { return ArrowArrayAppendDouble(a, 0.1); });
  EXPECT_EQ(shown(real), (Texts{"Float64", "0.1"}));
  OneColumn single(plain(NANOARROW_TYPE_FLOAT));
  single.row([](ArrowArray* a) { return ArrowArrayAppendDouble(a, 0.1F); });
  EXPECT_EQ(shown(single), (Texts{"Float32", "0.1"}));
  OneColumn flag(plain(NANOARROW_TYPE_BOOL));
  flag.row(integer(1)).row(integer(0));
  EXPECT_EQ(shown(flag), (Texts{"Boolean", "true", "false"}));
}

TEST_F(BatchInspectorTest, ShowsDecimalsDigitByDigit) {
  for (const auto& [type, precision, name] : {std::tuple{NANOARROW_TYPE_DECIMAL128, 38, "Decimal128(38, 2)"},
                                              std::tuple{NANOARROW_TYPE_DECIMAL256, 76, "Decimal256(76, 2)"}}) {
    OneColumn column([&, type = type, precision = precision](ArrowSchema* schema) {
      EXPECT_EQ(ArrowSchemaSetTypeDecimal(schema, type, precision, 2), NANOARROW_OK);
    });
    for (const char* digits : {"123456789012345678901234567890123456", "-5", "0", "-12345"}) {
      column.row([&, type = type, precision = precision](ArrowArray* array) {
        ArrowDecimal value;
        ArrowDecimalInit(&value, type == NANOARROW_TYPE_DECIMAL128 ? 128 : 256, precision, 2);
        EXPECT_EQ(ArrowDecimalSetDigits(&value, {digits, static_cast<int64_t>(strlen(digits))}), NANOARROW_OK);
        return ArrowArrayAppendDecimal(array, &value);
      });
    }
    EXPECT_EQ(shown(column), (Texts{name, "1234567890123456789012345678901234.56", "-0.05", "0.00", "-123.45"}));
  }
}

TEST_F(BatchInspectorTest, ShowsTimesToTheirUnit) {
  OneColumn micros(timed(NANOARROW_TYPE_TIMESTAMP, NANOARROW_TIME_UNIT_MICRO));
  micros.row(integer(1'700'000'000'123'456)).row(integer(-1)).row(integer(0)).row(integer(INT64_MAX));
  EXPECT_EQ(shown(micros),
            (Texts{"Timestamp(Microsecond, None)", "2023-11-14 22:13:20.123456", "1969-12-31 23:59:59.999999",
                   "1970-01-01 00:00:00", "9223372036854775807 (Microseconds since 1970)"}));
  OneColumn zoned(timed(NANOARROW_TYPE_TIMESTAMP, NANOARROW_TIME_UNIT_MICRO, "UTC"));
  zoned.row(integer(0));
  EXPECT_EQ(shown(zoned), (Texts{"Timestamp(Microsecond, Some(\"UTC\"))", "1970-01-01 00:00:00Z"}));
  OneColumn nanos(timed(NANOARROW_TYPE_TIMESTAMP, NANOARROW_TIME_UNIT_NANO));
  nanos.row(integer(1)).row(integer(INT64_MIN));
  EXPECT_EQ(shown(nanos),
            (Texts{"Timestamp(Nanosecond, None)", "1970-01-01 00:00:00.000000001", "1677-09-21 00:12:43.145224192"}));
  OneColumn date(plain(NANOARROW_TYPE_DATE32));
  date.row(integer(-719528)).row(integer(19'000)).row(integer(INT32_MAX));
  EXPECT_EQ(shown(date), (Texts{"Date32", "0000-01-01", "2022-01-08", "2147483647 (days since 1970)"}));
  OneColumn time(timed(NANOARROW_TYPE_TIME64, NANOARROW_TIME_UNIT_MICRO));
  time.row(integer(86'399'999'999)).row(integer(-5));
  EXPECT_EQ(shown(time), (Texts{"Time64(Microsecond)", "23:59:59.999999", "-5"}));
}

TEST_F(BatchInspectorTest, ShowsSpecialValuesWhereTheColumnMayHaveThem) {
  const auto shown_as = [&](OneColumn& column, const std::set<std::string>& special) {
    Preview preview;
    EXPECT_TRUE(inspector_.add_to_preview(column.encode(), 100, preview, special).ok());
    std::vector<std::string> out;
    for (const auto& row : preview.rows) out.push_back(row[0].value_or("NULL"));
    return out;
  };
  const auto integer = [](int64_t value) {
    return [value](ArrowArray* array) { return ArrowArrayAppendInt(array, value); };
  };
  const auto dates = [&] {
    OneColumn column([](ArrowSchema* schema) { ArrowSchemaSetType(schema, NANOARROW_TYPE_DATE32); });
    column.row(integer(INT32_MIN)).row(integer(0)).row(integer(INT32_MAX)).null();
    return column;
  };
  OneColumn marked = dates();
  EXPECT_EQ(shown_as(marked, {"c"}), (std::vector<std::string>{"-infinity", "1970-01-01", "infinity", "NULL"}));
  OneColumn plain = dates();
  EXPECT_EQ(shown_as(plain, {"d"})[0], "-2147483648 (days since 1970)");

  OneColumn times([](ArrowSchema* schema) {
    ArrowSchemaSetTypeDateTime(schema, NANOARROW_TYPE_TIMESTAMP, NANOARROW_TIME_UNIT_MICRO, "UTC");
  });
  times.row(integer(INT64_MIN)).row(integer(INT64_MAX)).row(integer(INT32_MAX));
  EXPECT_EQ(shown_as(times, {"c"}), (std::vector<std::string>{"-infinity", "infinity", "1970-01-01 00:35:47.483647Z"}));

  for (const int width : {128, 256}) {
    OneColumn decimals([width](ArrowSchema* schema) {
      ArrowSchemaSetTypeDecimal(schema, width == 128 ? NANOARROW_TYPE_DECIMAL128 : NANOARROW_TYPE_DECIMAL256, 38, 2);
    });
    const auto decimal = [width](uint64_t lowest, uint64_t highest) {
      return [=](ArrowArray* array) {
        ArrowDecimal value;
        ArrowDecimalInit(&value, width, 38, 2);
        for (int i = 0; i < value.n_words; ++i) value.words[i] = 0;
        value.words[0] = lowest;
        value.words[width / 64 - 1] |= highest;
        return ArrowArrayAppendDecimal(array, &value);
      };
    };
    decimals.row(decimal(0, uint64_t{1} << 63U)).row(decimal(150, 0)).row(decimal(0, 0));
    EXPECT_EQ(shown_as(decimals, {"c"}), (std::vector<std::string>{"NaN", "1.50", "0.00"})) << width;
  }
}

TEST_F(BatchInspectorTest, ShowsTextAndBytes) {
  OneColumn utf8(plain(NANOARROW_TYPE_STRING));
  utf8.row(text("")).row(text("a\"b\n\xC3\xA9")).row(text("\xFF!")).null();
  EXPECT_EQ(shown(utf8), (Texts{"Utf8", "", "a\"b\n\xC3\xA9", "\xEF\xBF\xBD!", "NULL"}));
  OneColumn binary(plain(NANOARROW_TYPE_BINARY));
  binary.row(text(std::string("\x00\xff", 2)));
  EXPECT_EQ(shown(binary), (Texts{"Binary", "0x00ff"}));
  OneColumn interval(plain(NANOARROW_TYPE_INTERVAL_MONTH_DAY_NANO));
  interval.row([](ArrowArray* array) {
    ArrowInterval value;
    ArrowIntervalInit(&value, NANOARROW_TYPE_INTERVAL_MONTH_DAY_NANO);
    value.months = 1;
    value.days = -2;
    value.ns = 3;
    return ArrowArrayAppendInterval(array, &value);
  });
  EXPECT_EQ(shown(interval), (Texts{"Interval(MonthDayNano)", "1 months -2 days 3 ns"}));
}

TEST_F(BatchInspectorTest, ShowsListsAndCutsVeryLongOnes) {
  const auto list_of_ints = [](ArrowSchema* schema) {
    EXPECT_EQ(ArrowSchemaSetType(schema, NANOARROW_TYPE_LIST), NANOARROW_OK);
    EXPECT_EQ(ArrowSchemaSetType(schema->children[0], NANOARROW_TYPE_INT64), NANOARROW_OK);
  };
  OneColumn list(list_of_ints);
  const auto values = [](int count) {
    return [count](ArrowArray* array) {
      for (int i = 0; i < count; ++i) EXPECT_EQ(ArrowArrayAppendInt(array->children[0], i), NANOARROW_OK);
      return ArrowArrayFinishElement(array);
    };
  };
  list.row(values(3)).row(values(0)).row(values(100'000));
  const Texts texts = shown(list);
  EXPECT_EQ(texts[0], "List(Int64)");
  EXPECT_EQ(texts[1], "[0, 1, 2]");
  EXPECT_EQ(texts[2], "[]");
  EXPECT_LT(texts[3].size(), 5000U);
  EXPECT_EQ(texts[3].substr(texts[3].size() - 4), "...]");
}

TEST_F(BatchInspectorTest, CutsABatchToItsFirstRows) {
  const PooledBuffer batch = id_batch(100, 10);
  for (const int64_t count : {1, 3, 8, 9}) {
    auto part = inspector_.first_rows(batch.bytes(), static_cast<uint64_t>(count));
    ASSERT_TRUE(part.ok()) << part.status().to_string();
    const auto ids = ids_of(part->bytes());
    ASSERT_EQ(ids.size(), static_cast<size_t>(count));
    EXPECT_EQ(ids.front(), 100);
    EXPECT_EQ(ids.back(), 100 + count - 1);
    EXPECT_EQ(*count_rows(part->bytes()), static_cast<uint64_t>(count));
  }
}

TEST_F(BatchInspectorTest, CutsTextAndNullsAsWell) {
  OneColumn utf8(plain(NANOARROW_TYPE_STRING));
  utf8.row(text("one")).null().row(text("three")).null();
  auto part = inspector_.first_rows(utf8.encode(), 3);
  ASSERT_TRUE(part.ok()) << part.status().to_string();
  Preview preview;
  ASSERT_TRUE(inspector_.add_to_preview(part->bytes(), 10, preview).ok());
  ASSERT_EQ(preview.rows.size(), 3U);
  EXPECT_EQ(preview.rows[0][0], "one");
  EXPECT_EQ(preview.rows[1][0], std::nullopt);
  EXPECT_EQ(preview.rows[2][0], "three");
}

TEST_F(BatchInspectorTest, CountsRowsWithAndWithoutDecoding) {
  const PooledBuffer batch = id_batch(0, 1234);
  EXPECT_EQ(*inspector_.rows(batch.bytes()), 1234U);
  EXPECT_EQ(*count_rows(batch.bytes()), 1234U);
  EXPECT_EQ(*inspector_.rows(id_batch(0, 0).bytes()), 0U);
}

TEST_F(BatchInspectorTest, CountsWhatArrowWroteBeforeThereWasAContinuationMarker) {
  const auto whole = copy(id_batch(0, 77));
  std::vector<std::byte> old;
  size_t at = 0;
  IpcMessageReader reader(whole, /*deep=*/true);
  while (true) {
    const auto message = reader.next();
    ASSERT_TRUE(message.ok());
    if (!*message) break;
    const auto header = (*message)->metadata.subspan(4);
    old.insert(old.end(), header.begin(), header.end());
    old.insert(old.end(), (*message)->body.begin(), (*message)->body.end());
    ++at;
  }
  ASSERT_EQ(at, 2U);
  EXPECT_EQ(*count_rows(old), 77U) << "at the end of the bytes";
  old.insert(old.end(), 4, std::byte{0});
  EXPECT_EQ(*count_rows(old), 77U) << "at the end marker";
  EXPECT_EQ(inspector_.rows(old).error().code, "INVALID_BATCH") << "nanoarrow does not read it";
  EXPECT_EQ(count_rows(std::span(old).last(4)).error().code, "INVALID_BATCH") << "no schema";
}

TEST_F(BatchInspectorTest, RefusesWhatIsNoBatch) {
  const auto whole = copy(id_batch(0, 10));
  const std::vector<std::byte> junk(64, std::byte{0x41});
  EXPECT_EQ(inspector_.rows({}).error().code, "INVALID_BATCH");
  EXPECT_EQ(inspector_.rows(junk).error().code, "INVALID_BATCH");
  EXPECT_EQ(count_rows(junk).error().code, "INVALID_BATCH");
  EXPECT_EQ(count_rows({}).error().code, "INVALID_BATCH");
  // Cut off anywhere within the messages.
  for (size_t size = 1; size + 16 < whole.size(); size += 7) {
    EXPECT_FALSE(inspector_.rows(std::span(whole).first(size)).ok() && size < whole.size() - 16) << size;
  }
}

TEST_F(BatchInspectorTest, RefusesLengthsThatWouldOverflow) {
  // The row counts are the only places with the value 10 as 64 bits: replace them by ones that wrap when multiplied
  // by 8.
  for (const int64_t lie : {int64_t{-1}, int64_t{1} << 61U, (int64_t{1} << 61U) + 1, INT64_MAX, int64_t{11}}) {
    auto bytes = copy(id_batch(1000, 10));
    const int64_t ten = 10;
    int found = 0;
    for (size_t at = 0; at + 8 <= bytes.size(); ++at) {
      if (std::memcmp(bytes.data() + at, &ten, 8) != 0) continue;
      std::memcpy(bytes.data() + at, &lie, 8);
      ++found;
    }
    ASSERT_GE(found, 2);
    const auto rows = inspector_.rows(bytes);
    ASSERT_FALSE(rows.ok()) << lie;
    EXPECT_EQ(rows.error().code, "INVALID_BATCH");
  }
}

/// A batch that another library wrote: sdk/cpp/tests/data/README.md.
std::vector<std::byte> foreign_batch(int columns) {
  std::ifstream file(std::string(RB_ARROW_FILES) + "/arrow_rs_53_" + std::to_string(columns) + ".arrows",
                     std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  const auto* data = reinterpret_cast<const std::byte*>(bytes.data());
  return {data, data + bytes.size()};
}

TEST_F(BatchInspectorTest, LooksIntoBatchesWhoseHeaderVectorsLieOnFourBytes) {
  for (const int columns : {1, 2, 9}) {
    const auto batch = foreign_batch(columns);
    ASSERT_FALSE(batch.empty());
    EXPECT_EQ(*count_rows(batch), 5U);
    const auto rows = inspector_.rows(batch);
    ASSERT_TRUE(rows.ok()) << rows.status().to_string();
    EXPECT_EQ(*rows, 5U);
    Preview preview;
    ASSERT_TRUE(inspector_.add_to_preview(batch, 10, preview).ok());
    ASSERT_EQ(preview.rows.size(), 5U);
    EXPECT_EQ(preview.rows[4][0], "9223372036854775807");
    const auto part = inspector_.first_rows(batch, 2);
    ASSERT_TRUE(part.ok()) << part.status().to_string();
    EXPECT_EQ(*count_rows(part->bytes()), 2U);
    // Wherever the bytes lie.
    std::vector<std::byte> shifted(batch.size() + 3);
    std::copy(batch.begin(), batch.end(), shifted.begin() + 3);
    EXPECT_TRUE(inspector_.rows(std::span(shifted).subspan(3)).ok());
  }
  Preview preview;
  ASSERT_TRUE(inspector_.add_to_preview(foreign_batch(9), 10, preview).ok());
  EXPECT_EQ(preview.rows[1],
            (std::vector<std::optional<std::string>>{"2", std::nullopt, "-1.25", "false", std::nullopt, std::nullopt,
                                                     "-0.05", "2024-02-29", "2023-11-14 22:13:20.000001Z"}));
}

// Found by fuzzing: a value of that scale is shown with as many zeros.
TEST_F(BatchInspectorTest, RefusesAScaleOfAMillion) {
  for (const int32_t scale : {1'000'000, -1'000'000}) {
    OneColumn decimals([scale](ArrowSchema* schema) {
      EXPECT_EQ(ArrowSchemaSetTypeDecimal(schema, NANOARROW_TYPE_DECIMAL128, 38, scale), NANOARROW_OK);
    });
    decimals.null();
    Preview preview;
    const Status status = inspector_.add_to_preview(decimals.encode(), 10, preview);
    ASSERT_FALSE(status.ok()) << scale;
    EXPECT_EQ(status.error().code, "BATCH_UNSUPPORTED") << status.to_string();
  }
}

TEST_F(BatchInspectorTest, RefusesANameThatWouldBeCutAtANul) {
  auto batch = foreign_batch(9);
  const std::string_view wanted = "amount";
  const auto at = std::search(batch.begin(), batch.end(), wanted.begin(), wanted.end(),
                              [](std::byte a, char b) { return a == static_cast<std::byte>(b); });
  ASSERT_NE(at, batch.end());
  at[3] = std::byte{0};
  const auto part = inspector_.first_rows(batch, 2);
  ASSERT_FALSE(part.ok());
  EXPECT_EQ(part.error().code, "INVALID_BATCH");
  EXPECT_NE(part.error().message.find("NUL"), std::string::npos) << part.error().message;
}

TEST_F(BatchInspectorTest, SurvivesDamageAnywhere) {
  OneColumn utf8(plain(NANOARROW_TYPE_STRING));
  utf8.row(text("one")).null().row(text("three and more"));
  std::mt19937 random(7);  // the same damage in every run
  for (const auto& good : {copy(id_batch(0, 20)), utf8.encode(), foreign_batch(2)}) {
    for (int round = 0; round < 4000; ++round) {
      auto bytes = good;
      for (int hit = 0; hit < 1 + round % 3; ++hit) bytes[random() % bytes.size()] = static_cast<std::byte>(random());
      // Whatever comes out, it must be an answer, within memory (run this under ASan).
      Preview preview;
      (void)count_rows(bytes);
      if (inspector_.add_to_preview(bytes, 5, preview).ok()) {
        EXPECT_LE(preview.rows.size(), 5U);
      }
      (void)inspector_.first_rows(bytes, 2);
    }
  }
}

}  // namespace
}  // namespace rapidbyte::engine
