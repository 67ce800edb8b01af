#include "rapidbyte/sdk/arrow_c.h"

#include <array>
#include <memory>
#include <vector>

#include "nanoarrow_schema.h"

namespace rapidbyte::sdk {

namespace {

struct BorrowedColumn {
  ArrowArray array{};
  std::array<const void*, 3> buffers{};
};

struct BorrowedBatch {
  explicit BorrowedBatch(size_t count) : columns(count), children(count) {}
  std::vector<BorrowedColumn> columns;
  std::vector<ArrowArray*> children;
  std::array<const void*, 1> buffers{};
};

// DuckDB and others move no child out of a batch; one that is moved out must be released before the batch is.
void release_column(ArrowArray* array) { array->release = nullptr; }

void release_batch(ArrowArray* array) {
  for (int64_t i = 0; i < array->n_children; ++i) {
    if (array->children[i]->release != nullptr) array->children[i]->release(array->children[i]);
  }
  delete static_cast<BorrowedBatch*>(array->private_data);
  array->release = nullptr;
}

}  // namespace

Status export_schema(const Schema& schema, ArrowSchema* out) { return to_nanoarrow(schema, out); }

Result<Schema> import_schema(const ArrowSchema& schema) { return from_nanoarrow(schema); }

void export_batch(const BatchReader& reader, size_t begin, size_t rows, ArrowArray* out) {
  const size_t count = reader.column_count();
  auto batch = std::make_unique<BorrowedBatch>(count);
  for (size_t i = 0; i < count; ++i) {
    const ColumnView& view = reader.column(i);
    const ColumnBuffers from = view.buffers();
    BorrowedColumn& column = batch->columns[i];
    column.buffers[0] = from.validity.empty() ? nullptr : from.validity.data();
    if (view.type().is_variable()) {
      column.buffers[1] = from.offsets.data();
      column.buffers[2] = from.values.data();
      column.array.n_buffers = 3;
    } else {
      column.buffers[1] = from.values.data();
      column.array.n_buffers = 2;
    }
    column.array.length = static_cast<int64_t>(rows);
    column.array.offset = static_cast<int64_t>(begin);
    // The nulls of a part of the batch have not been counted.
    column.array.null_count = from.validity.empty() ? 0 : (rows == reader.rows() ? from.null_count : -1);
    column.array.buffers = column.buffers.data();
    column.array.release = release_column;
    batch->children[i] = &column.array;
  }
  *out = ArrowArray{};
  out->length = static_cast<int64_t>(rows);
  out->n_buffers = 1;
  out->buffers = batch->buffers.data();
  out->n_children = static_cast<int64_t>(count);
  out->children = batch->children.data();
  out->release = release_batch;
  out->private_data = batch.release();
}

}  // namespace rapidbyte::sdk
