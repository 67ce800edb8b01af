#include "connectors/transform_check/src/kept_rows.h"

#include <gtest/gtest.h>

#include "sdk/cpp/tests/every_type.h"

namespace rapidbyte::transform_check {
namespace {

using sdk::BatchBuilder;
using sdk::BatchReader;

// Every third row of nulls, as far as the columns may have them.
std::vector<uint8_t> batch_of(size_t rows) {
  auto builder = BatchBuilder::make(sdk::every_type());
  EXPECT_TRUE(builder.ok()) << builder.status().to_string();
  for (size_t row = 0; row < rows; ++row) {
    if (row % 3 != 2) {
      sdk::append_every_type(*builder, row % 3 == 0);
      continue;
    }
    for (size_t i = 0; i < builder->column_count(); ++i) {
      if (sdk::every_type().fields[i].nullable) {
        builder->column(i).append_null();
      } else {
        builder->column(i).append<int64_t>(static_cast<int64_t>(row));
      }
    }
    builder->end_row();
  }
  const auto bytes = builder->finish();
  EXPECT_TRUE(bytes.ok());
  return {bytes->begin(), bytes->end()};
}

TEST(KeptRowsTest, EveryValueOfEveryTypeStaysWhatItIs) {
  KeptRows kept;
  for (const size_t rows : {1U, 8U, 9U, 65U}) {
    const std::vector<uint8_t> bytes = batch_of(rows);
    BatchReader all;
    ASSERT_TRUE(all.load(bytes).ok());
    for (const uint64_t pattern :
         {~uint64_t{0}, uint64_t{1}, uint64_t{0xAAAAAAAAAAAAAAAA}, uint64_t{0x8421F00F12345679}}) {
      std::vector<uint8_t> keep(rows);
      std::vector<size_t> stay;
      for (size_t row = 0; row < rows; ++row) {
        keep[row] = static_cast<uint8_t>((pattern >> (row % 64)) & 1U);
        if (keep[row] != 0) stay.push_back(row);
      }
      if (stay.empty()) continue;
      const auto encoded = kept.encode(all, keep);
      ASSERT_TRUE(encoded.ok()) << encoded.status().to_string();
      BatchReader some;
      ASSERT_TRUE(some.load(*encoded).ok());
      ASSERT_EQ(some.rows(), stay.size());
      EXPECT_EQ(some.schema(), all.schema());
      for (size_t column = 0; column < all.column_count(); ++column) {
        for (size_t row = 0; row < stay.size(); ++row) {
          ASSERT_EQ(some.column(column).is_null(row), all.column(column).is_null(stay[row])) << column << ", " << row;
          EXPECT_EQ(some.column(column).json(row).dump(), all.column(column).json(stay[row]).dump()) << column;
        }
      }
    }
  }
}

}  // namespace
}  // namespace rapidbyte::transform_check
