// Batches and schemas through Arrow's C data interface.

#include "rapidbyte/sdk/arrow_c.h"

#include <gtest/gtest.h>
#include <nanoarrow/nanoarrow.h>

#include "every_type.h"

namespace rapidbyte::sdk {
namespace {

TEST(ArrowCTest, WhatIsExportedIsEncodedAgainAsItWas) {
  auto builder = BatchBuilder::make(every_type());
  ASSERT_TRUE(builder.ok());
  append_every_type(*builder, true);
  append_every_type(*builder, false);
  const auto bytes = builder->finish();
  ASSERT_TRUE(bytes.ok());
  BatchReader reader;
  ASSERT_TRUE(reader.load(*bytes).ok());

  ArrowSchema schema{};
  ASSERT_TRUE(export_schema(reader.schema(), &schema).ok());
  const auto imported = import_schema(schema);
  ASSERT_TRUE(imported.ok()) << imported.status().to_string();
  EXPECT_EQ(*imported, reader.schema());
  schema.release(&schema);

  ArrowArray array{};
  export_batch(reader, 0, 2, &array);
  auto encoder = IpcEncoder::make(reader.schema());
  ASSERT_TRUE(encoder.ok());
  const auto again = encode_ipc(*encoder, array);
  ASSERT_TRUE(again.ok()) << again.status().to_string();
  BatchReader second;
  ASSERT_TRUE(second.load(*again).ok());
  ASSERT_EQ(second.rows(), 2U);
  for (size_t i = 0; i < second.column_count(); ++i) {
    for (size_t row = 0; row < 2; ++row) {
      EXPECT_EQ(second.column(i).json(row), reader.column(i).json(row)) << reader.schema().fields[i].name;
    }
  }
  array.release(&array);
  EXPECT_EQ(array.release, nullptr);
}

TEST(ArrowCTest, APartOfABatchBeginsWhereItIsSaid) {
  auto builder = BatchBuilder::make({{field("i", "Int64"), field("s", "Utf8")}});
  ASSERT_TRUE(builder.ok());
  for (int64_t i = 0; i < 100; ++i) {
    builder->column(0).append(i);
    builder->column(1).append_bytes(std::to_string(i));
    builder->end_row();
  }
  const auto bytes = builder->finish();
  BatchReader reader;
  ASSERT_TRUE(reader.load(*bytes).ok());
  ArrowArray array{};
  export_batch(reader, 37, 5, &array);
  EXPECT_EQ(array.length, 5);
  EXPECT_EQ(array.offset, 0);
  ASSERT_EQ(array.n_children, 2);
  EXPECT_EQ(array.children[0]->offset, 37);
  EXPECT_EQ(array.children[0]->length, 5);
  const auto* values = static_cast<const int64_t*>(array.children[0]->buffers[1]);
  EXPECT_EQ(values[array.children[0]->offset], 37);
  const auto* offsets = static_cast<const int32_t*>(array.children[1]->buffers[1]);
  const auto* text = static_cast<const char*>(array.children[1]->buffers[2]);
  EXPECT_EQ(std::string_view(text + offsets[41], static_cast<size_t>(offsets[42] - offsets[41])), "41");
  array.release(&array);
}

}  // namespace
}  // namespace rapidbyte::sdk
