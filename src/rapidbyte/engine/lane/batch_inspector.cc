#include "rapidbyte/engine/lane/batch_inspector.h"

#include <fmt/format.h>
#include <nanoarrow/nanoarrow.hpp>
#include <nanoarrow/nanoarrow_ipc.hpp>

#include <algorithm>
#include <functional>
#include <vector>

#include "aligned_header.h"
#include "rapidbyte/engine/lane/ipc_message.h"
#include "rapidbyte/engine/lane/value_text.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::engine {
namespace {

// Digits of the widest decimal (Decimal256).
constexpr int32_t kMaxPrecision = 76;
// Wider values and longer lists are of no use in a preview; the limit keeps nanoarrow's bit arithmetic within 64 bits
// (kMaxRowsPerBatch).
constexpr int32_t kMaxFixedSize = 1 << 20;
// No real schema is deeper, and the walk is recursive.
constexpr int kMaxDepth = 32;

Status invalid(std::string_view what) {
  return make_error(
      ErrorCategory::kData, codes::kInvalidBatch,
      fmt::format("a batch is not a valid Arrow IPC stream: {}. This is a bug in the connector that made it", what));
}

Status unsupported(std::string_view what) {
  return make_error(ErrorCategory::kData, codes::kBatchUnsupported,
                    fmt::format("--limit and --dry-run cannot look into this batch: {}. Run without them", what));
}

Status check(ArrowErrorCode code, const ArrowError& error) {
  if (code == NANOARROW_OK) return {};
  if (code == ENOTSUP) return unsupported(error.message);
  return invalid(error.message[0] != '\0' ? error.message : "it cannot be decoded");
}

bool is_supported(ArrowType type) {
  switch (type) {
    case NANOARROW_TYPE_SPARSE_UNION:
    case NANOARROW_TYPE_DENSE_UNION:
    case NANOARROW_TYPE_DICTIONARY:
    case NANOARROW_TYPE_RUN_END_ENCODED:
    case NANOARROW_TYPE_BINARY_VIEW:
    case NANOARROW_TYPE_STRING_VIEW:
    case NANOARROW_TYPE_LIST_VIEW:
    case NANOARROW_TYPE_LARGE_LIST_VIEW:
    case NANOARROW_TYPE_UNINITIALIZED: return false;
    default: return true;
  }
}

Status check_schema(const ArrowSchema& schema, int depth) {
  if (depth > kMaxDepth) return unsupported("its schema is nested too deep");
  ArrowError error{};
  ArrowSchemaView view;
  if (ArrowSchemaViewInit(&view, &schema, &error) != NANOARROW_OK) return invalid(error.message);
  const std::string_view name = schema.name != nullptr ? schema.name : "";
  if (schema.dictionary != nullptr || !is_supported(view.type)) {
    return unsupported(fmt::format("column '{}' has the type {}", name,
                                   schema.dictionary != nullptr ? "dictionary" : ArrowTypeString(view.type)));
  }
  const bool fixed = view.type == NANOARROW_TYPE_FIXED_SIZE_BINARY || view.type == NANOARROW_TYPE_FIXED_SIZE_LIST;
  if (fixed && (view.fixed_size < 0 || view.fixed_size > kMaxFixedSize)) {
    return unsupported(fmt::format("column '{}' has values of size {}", name, view.fixed_size));
  }
  const bool decimal = view.type == NANOARROW_TYPE_DECIMAL32 || view.type == NANOARROW_TYPE_DECIMAL64 ||
                       view.type == NANOARROW_TYPE_DECIMAL128 || view.type == NANOARROW_TYPE_DECIMAL256;
  // A value is shown with as many zeros as its scale says: a scale of two billion would print two billion zeros.
  if (decimal && (view.decimal_precision < 1 || view.decimal_precision > kMaxPrecision ||
                  view.decimal_scale > view.decimal_precision || view.decimal_scale < -kMaxPrecision)) {
    return unsupported(fmt::format("column '{}' has decimals of precision {} and scale {}", name,
                                   view.decimal_precision, view.decimal_scale));
  }
  for (int64_t i = 0; i < schema.n_children; ++i) RB_RETURN_NOT_OK(check_schema(*schema.children[i], depth + 1));
  return {};
}

ArrowBufferView view_of(std::span<const std::byte> bytes) {
  ArrowBufferView view;
  view.data.data = bytes.data();
  view.size_bytes = static_cast<int64_t>(bytes.size());
  return view;
}

bool is_aligned(std::span<const std::byte> bytes) { return reinterpret_cast<uintptr_t>(bytes.data()) % 8 == 0; }

/// The header of a message where nanoarrow may read it: aligned to 8 bytes, as are the vectors of structs in it. `copy`
/// holds it when a copy is needed.
std::span<const std::byte> aligned_header(std::span<const std::byte> metadata, std::vector<uint8_t>& copy) {
  const std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(metadata.data()), metadata.size());
  if (!ipc::realign_record_batch_header(bytes, copy)) {
    if (is_aligned(metadata)) return metadata;
    copy.assign(bytes.begin(), bytes.end());
  }
  return std::as_bytes(std::span(copy));
}

// Decodes one batch: its schema, then each record batch as a view that stays valid during `visit` only. The copy into
// arrays that nanoarrow makes gives aligned buffers, whatever offsets the guest chose.
Status decode(std::span<const std::byte> batch, const std::function<Status(const ArrowSchema&)>& on_schema,
              const std::function<Status(const ArrowSchema&, ArrowArrayView&)>& visit) {
  nanoarrow::ipc::UniqueDecoder decoder;
  if (ArrowIpcDecoderInit(decoder.get()) != NANOARROW_OK)
    return internal_error(codes::kOutOfMemory, "no memory to decode a batch");
  nanoarrow::UniqueSchema schema;
  IpcMessageReader reader(batch, /*deep=*/true);
  std::vector<uint8_t> header_copy;
  std::vector<std::byte> body_copy;
  ArrowError error{};
  while (true) {
    RB_ASSIGN_OR_RETURN(std::optional<IpcMessage> message, reader.next());
    if (!message) break;
    if (message->kind == IpcMessageKind::kDictionary) return unsupported("it has dictionaries");
    if (message->kind == IpcMessageKind::kOther) {
      return unsupported("it has messages other than schemas and record batches");
    }
    const ArrowBufferView header = view_of(aligned_header(message->metadata, header_copy));
    RB_RETURN_NOT_OK(check(ArrowIpcDecoderVerifyHeader(decoder.get(), header, &error), error));
    RB_RETURN_NOT_OK(check(ArrowIpcDecoderDecodeHeader(decoder.get(), header, &error), error));
    if (message->kind == IpcMessageKind::kSchema) {
      if (schema->release != nullptr) return invalid("it has two schemas");
      RB_RETURN_NOT_OK(check(ArrowIpcDecoderDecodeSchema(decoder.get(), schema.get(), &error), error));
      RB_RETURN_NOT_OK(check_schema(*schema.get(), 0));
      RB_RETURN_NOT_OK(check(ArrowIpcDecoderSetSchema(decoder.get(), schema.get(), &error), error));
      RB_RETURN_NOT_OK(check(ArrowIpcDecoderSetEndianness(decoder.get(), decoder->endianness), error));
      RB_RETURN_NOT_OK(on_schema(*schema.get()));
      continue;
    }
    if (schema->release == nullptr) return invalid("a record batch comes before the schema");
    if (decoder->codec != NANOARROW_IPC_COMPRESSION_TYPE_NONE) return unsupported("its bodies are compressed");
    if (!message->buffers_aligned) return unsupported("its buffers are not aligned to 8 bytes");
    if (!is_aligned(message->body)) {
      body_copy.assign(message->body.begin(), message->body.end());
      message->body = body_copy;
    }
    nanoarrow::UniqueArray array;
    RB_RETURN_NOT_OK(check(ArrowIpcDecoderDecodeArray(decoder.get(), view_of(message->body), -1, array.get(),
                                                      NANOARROW_VALIDATION_LEVEL_FULL, &error),
                           error));
    nanoarrow::UniqueArrayView view;
    RB_RETURN_NOT_OK(check(ArrowArrayViewInitFromSchema(view.get(), schema.get(), &error), error));
    RB_RETURN_NOT_OK(check(ArrowArrayViewSetArray(view.get(), array.get(), &error), error));
    RB_RETURN_NOT_OK(check(ArrowArrayViewValidate(view.get(), NANOARROW_VALIDATION_LEVEL_FULL, &error), error));
    RB_RETURN_NOT_OK(visit(*schema.get(), *view.get()));
  }
  if (schema->release == nullptr) return invalid("it has no schema");
  return {};
}

// Shows only the first `rows` of the columns. The null count of that part is unknown without counting.
void shorten(ArrowArrayView& view, int64_t rows) {
  view.length = rows;
  for (int64_t i = 0; i < view.n_children; ++i) {
    view.children[i]->length = rows;
    if (view.children[i]->null_count != 0)
      view.children[i]->null_count = ArrowArrayViewComputeNullCount(view.children[i]);
  }
}

}  // namespace

BatchInspector::BatchInspector(std::shared_ptr<BufferPool> pool) : pool_(std::move(pool)) {}

Result<uint64_t> BatchInspector::rows(std::span<const std::byte> batch) const {
  uint64_t rows = 0;
  RB_RETURN_NOT_OK(decode(
      batch, [](const ArrowSchema&) { return Status(); },
      [&](const ArrowSchema&, ArrowArrayView& view) {
        rows += static_cast<uint64_t>(view.length);
        return Status();
      }));
  return rows;
}

Result<PooledBuffer> BatchInspector::first_rows(std::span<const std::byte> batch, uint64_t count) const {
  nanoarrow::UniqueBuffer out;
  nanoarrow::ipc::UniqueOutputStream stream;
  nanoarrow::ipc::UniqueWriter writer;
  if (ArrowIpcOutputStreamInitBuffer(stream.get(), out.get()) != NANOARROW_OK ||
      ArrowIpcWriterInit(writer.get(), stream.get()) != NANOARROW_OK) {
    return internal_error(codes::kOutOfMemory, "no memory to cut a batch");
  }
  ArrowError error{};
  uint64_t left = count;
  RB_RETURN_NOT_OK(decode(
      batch,
      [&](const ArrowSchema& schema) { return check(ArrowIpcWriterWriteSchema(writer.get(), &schema, &error), error); },
      [&](const ArrowSchema&, ArrowArrayView& view) {
        const auto part = std::min(left, static_cast<uint64_t>(view.length));
        if (part == 0) return Status();
        left -= part;
        shorten(view, static_cast<int64_t>(part));
        return check(ArrowIpcWriterWriteArrayView(writer.get(), &view, &error), error);
      }));
  // The end-of-stream marker.
  RB_RETURN_NOT_OK(check(ArrowIpcWriterWriteArrayView(writer.get(), nullptr, &error), error));
  return pool_->copy_of({reinterpret_cast<const std::byte*>(out->data), static_cast<size_t>(out->size_bytes)});
}

Status BatchInspector::add_to_preview(std::span<const std::byte> batch, uint64_t most, Preview& preview,
                                      const std::set<std::string>& special) const {
  return decode(
      batch,
      [&](const ArrowSchema& schema) {
        if (!preview.columns.empty()) return Status();
        for (int64_t i = 0; i < schema.n_children; ++i) {
          const ArrowSchema& column = *schema.children[i];
          preview.columns.push_back({column.name != nullptr ? column.name : "", type_text(column)});
        }
        return Status();
      },
      [&](const ArrowSchema& schema, ArrowArrayView& view) {
        for (int64_t row = 0; row < view.length && preview.rows.size() < most; ++row) {
          std::vector<std::optional<std::string>> cells;
          cells.reserve(static_cast<size_t>(schema.n_children));
          for (int64_t i = 0; i < schema.n_children; ++i) {
            const ArrowSchema& column = *schema.children[i];
            std::optional<std::string> cell;
            if (column.name != nullptr && special.contains(column.name))
              cell = special_value_text(column, *view.children[i], row);
            cells.push_back(cell ? std::move(cell) : value_text(column, *view.children[i], row));
          }
          preview.rows.push_back(std::move(cells));
        }
        return Status();
      });
}

}  // namespace rapidbyte::engine
