#include "rapidbyte/sdk/ipc_encoder.h"

#include <nanoarrow/nanoarrow_ipc.h>

#include <cstring>
#include <utility>
#include <vector>

#include "nanoarrow_schema.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/byte_buffer.h"

namespace rapidbyte::sdk {

namespace {

// The end of an IPC stream: continuation marker and a metadata length of 0.
constexpr uint8_t kEndOfStream[8] = {0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0};

size_t padded(size_t size) { return (size + 7) & ~size_t{7}; }

/// Metadata of a record batch: 16 bytes per column and per buffer; 512 covers the flatbuffer's tables around them.
size_t metadata_bound(size_t columns) { return columns * 16 + columns * 3 * 16 + 512; }

/// A buffer that nanoarrow appends to must never move: we have reserved its room.
uint8_t* refuse_to_grow(ArrowBufferAllocator*, uint8_t*, int64_t, int64_t) { return nullptr; }
void leave_alone(ArrowBufferAllocator*, uint8_t*, int64_t) {}

Status nanoarrow_failure(std::string_view where, const ArrowError& error) {
  return internal_error(codes::kIpcEncoding, std::string(where) + ": " + error.message);
}

/// Owns an ArrowBuffer.
struct BufferHandle {
  ArrowBuffer buffer{};
  BufferHandle() { ArrowBufferInit(&buffer); }
  ~BufferHandle() { ArrowBufferReset(&buffer); }
  BufferHandle(const BufferHandle&) = delete;
  BufferHandle& operator=(const BufferHandle&) = delete;
};

}  // namespace

struct IpcEncoder::Impl {
  Schema schema;
  SchemaHandle arrow_schema;
  ArrowIpcEncoder encoder{};
  ArrowArrayView view{};
  // nanoarrow's encoder asks each column's ArrowArray only for the number of its buffers.
  std::vector<ArrowArray> arrays;
  BufferHandle schema_message;
  BufferHandle batch_message;
  ByteBuffer out;
  size_t headroom = 0;  // before the body: schema message and batch metadata, right-aligned

  Impl() {
    ArrowArrayViewInitFromType(&view, NANOARROW_TYPE_UNINITIALIZED);
    encoder.private_data = nullptr;
  }
  ~Impl() {
    for (int64_t i = 0; i < view.n_children; ++i) view.children[i]->array = nullptr;
    ArrowArrayViewReset(&view);
    if (encoder.private_data != nullptr) ArrowIpcEncoderReset(&encoder);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Status init();
  Status set_column(size_t index, int64_t rows, const ColumnBuffers& column, size_t* body_size);
  Result<std::span<const uint8_t>> encode_view(size_t body_size);
};

Status IpcEncoder::Impl::init() {
  RB_SDK_RETURN_NOT_OK(to_nanoarrow(schema, arrow_schema.get()));
  ArrowError error{};
  if (ArrowIpcEncoderInit(&encoder) != NANOARROW_OK) return nanoarrow_failure("starting the encoder", error);
  if (ArrowIpcEncoderEncodeSchema(&encoder, arrow_schema.get(), &error) != NANOARROW_OK ||
      ArrowIpcEncoderFinalizeBuffer(&encoder, 1, &schema_message.buffer) != NANOARROW_OK) {
    return nanoarrow_failure("encoding the schema", error);
  }
  if (ArrowArrayViewInitFromSchema(&view, arrow_schema.get(), &error) != NANOARROW_OK) {
    return nanoarrow_failure("laying out the columns", error);
  }
  arrays.resize(schema.size());
  for (size_t i = 0; i < schema.size(); ++i) {
    arrays[i].n_buffers = schema.fields[i].type.is_variable() ? 3 : 2;
    view.children[i]->array = &arrays[i];
  }
  headroom = padded(static_cast<size_t>(schema_message.buffer.size_bytes) + metadata_bound(schema.size()));
  return {};
}

Status IpcEncoder::Impl::set_column(size_t index, int64_t rows, const ColumnBuffers& column, size_t* body_size) {
  const Field& field = schema.fields[index];
  const auto count = static_cast<size_t>(rows);
  const auto bad = [&](std::string_view what, size_t has, size_t needs) {
    return internal_error(codes::kInvalidColumn, "column `" + field.name + "` (" + field.type.name() + "): " +
                                                     std::string(what) + " has " + std::to_string(has) + " bytes, " +
                                                     std::to_string(rows) + " rows need " + std::to_string(needs));
  };
  const size_t bitmap = (count + 7) / 8;
  if (column.null_count != 0 && column.validity.size() < bitmap) return bad("validity", column.validity.size(), bitmap);
  std::span<const uint8_t> buffers[3] = {
      column.null_count != 0 ? column.validity.first(bitmap) : column.validity.first(0), {}, {}};
  if (field.type.is_variable()) {
    const size_t width = field.type.is_large() ? 8 : 4;
    const size_t needed = (count + 1) * width;
    if (column.offsets.size() < needed) return bad("offsets", column.offsets.size(), needed);
    int64_t last = 0;
    if (width == 8) {
      std::memcpy(&last, column.offsets.data() + count * 8, 8);
    } else {
      int32_t narrow = 0;
      std::memcpy(&narrow, column.offsets.data() + count * 4, 4);
      last = narrow;
    }
    if (last < 0 || static_cast<uint64_t>(last) > column.values.size()) {
      return bad("the last offset is " + std::to_string(last) + "; values", column.values.size(),
                 static_cast<size_t>(last < 0 ? 0 : last));
    }
    buffers[1] = column.offsets.first(needed);
    buffers[2] = column.values.first(static_cast<size_t>(last));
  } else {
    const size_t needed = field.type.id == TypeId::kBoolean ? bitmap : count * field.type.value_width();
    if (column.values.size() < needed) return bad("values", column.values.size(), needed);
    buffers[1] = column.values.first(needed);
  }
  ArrowArrayView* child = view.children[index];
  child->length = rows;
  child->null_count = column.null_count;
  for (int b = 0; b < 3; ++b) {
    child->buffer_views[b].data.as_uint8 = buffers[b].data();
    child->buffer_views[b].size_bytes = static_cast<int64_t>(buffers[b].size());
    *body_size += padded(buffers[b].size());
  }
  return {};
}

Result<std::span<const uint8_t>> IpcEncoder::Impl::encode_view(size_t body_size) {
  // Everything goes into one block: the body is copied to its place once, and the two headers, whose size is known only
  // then, are written right before it.
  for (;;) {
    out.resize(headroom + body_size + sizeof kEndOfStream);
    ArrowBuffer body{};
    body.data = out.data() + headroom;
    body.size_bytes = 0;
    body.capacity_bytes = static_cast<int64_t>(body_size);
    body.allocator = {&refuse_to_grow, &leave_alone, nullptr};
    ArrowError error{};
    batch_message.buffer.size_bytes = 0;
    if (ArrowIpcEncoderEncodeSimpleRecordBatch(&encoder, &view, &body, &error) != NANOARROW_OK ||
        ArrowIpcEncoderFinalizeBuffer(&encoder, 1, &batch_message.buffer) != NANOARROW_OK) {
      return nanoarrow_failure("encoding a batch", error);
    }
    const auto batch_size = static_cast<size_t>(batch_message.buffer.size_bytes);
    const auto schema_size = static_cast<size_t>(schema_message.buffer.size_bytes);
    if (batch_size + schema_size > headroom) {
      headroom = padded(batch_size + schema_size);
      continue;
    }
    uint8_t* const start = out.data() + headroom - batch_size - schema_size;
    std::memcpy(start, schema_message.buffer.data, schema_size);
    std::memcpy(start + schema_size, batch_message.buffer.data, batch_size);
    const auto used = static_cast<size_t>(body.size_bytes);
    std::memcpy(out.data() + headroom + used, kEndOfStream, sizeof kEndOfStream);
    return std::span<const uint8_t>(start, schema_size + batch_size + used + sizeof kEndOfStream);
  }
}

IpcEncoder::IpcEncoder(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
IpcEncoder::IpcEncoder(IpcEncoder&&) noexcept = default;
IpcEncoder& IpcEncoder::operator=(IpcEncoder&&) noexcept = default;
IpcEncoder::~IpcEncoder() = default;

Result<IpcEncoder> IpcEncoder::make(Schema schema) {
  auto impl = std::make_unique<Impl>();
  impl->schema = std::move(schema);
  RB_SDK_RETURN_NOT_OK(impl->init());
  return IpcEncoder(std::move(impl));
}

const Schema& IpcEncoder::schema() const { return impl_->schema; }

Result<std::span<const uint8_t>> IpcEncoder::encode(int64_t rows, std::span<const ColumnBuffers> columns) {
  if (columns.size() != impl_->schema.size() || rows < 0) {
    return internal_error(codes::kInvalidColumn, std::to_string(columns.size()) + " columns of " +
                                                     std::to_string(rows) + " rows given, the schema has " +
                                                     std::to_string(impl_->schema.size()) + " columns");
  }
  size_t body_size = 0;
  for (size_t i = 0; i < columns.size(); ++i) {
    RB_SDK_RETURN_NOT_OK(impl_->set_column(i, rows, columns[i], &body_size));
  }
  impl_->view.length = rows;
  impl_->view.null_count = 0;
  return impl_->encode_view(body_size);
}

Result<std::span<const uint8_t>> encode_ipc(IpcEncoder& encoder, const ArrowArray& array) {
  const size_t count = encoder.schema().size();
  if (array.n_children < 0 || static_cast<size_t>(array.n_children) != count || array.offset != 0) {
    return internal_error(codes::kInvalidColumn,
                          "the array must be a struct of " + std::to_string(count) + " columns without an offset");
  }
  SchemaHandle schema;
  RB_SDK_RETURN_NOT_OK(to_nanoarrow(encoder.schema(), schema.get()));
  ArrowArrayView view{};
  ArrowError error{};
  Status status;
  std::vector<ColumnBuffers> columns(count);
  if (ArrowArrayViewInitFromSchema(&view, schema.get(), &error) != NANOARROW_OK ||
      ArrowArrayViewSetArray(&view, &array, &error) != NANOARROW_OK) {
    status = internal_error(codes::kInvalidColumn, error.message);
  }
  for (size_t i = 0; status.ok() && i < count; ++i) {
    const ArrowArrayView* child = view.children[i];
    const Field& field = encoder.schema().fields[i];
    if (child->offset != 0) {
      status = internal_error(codes::kInvalidColumn, "column `" + field.name + "` has an offset; copy it first");
      break;
    }
    const auto buffer = [child](int b) {
      return std::span<const uint8_t>(child->buffer_views[b].data.as_uint8,
                                      static_cast<size_t>(child->buffer_views[b].size_bytes));
    };
    columns[i].validity = buffer(0);
    columns[i].null_count = columns[i].validity.empty() ? 0 : ArrowArrayViewComputeNullCount(child);
    columns[i].values = field.type.is_variable() ? buffer(2) : buffer(1);
    if (field.type.is_variable()) columns[i].offsets = buffer(1);
  }
  ArrowArrayViewReset(&view);
  RB_SDK_RETURN_NOT_OK(std::move(status));
  return encoder.encode(array.length, columns);
}

}  // namespace rapidbyte::sdk
