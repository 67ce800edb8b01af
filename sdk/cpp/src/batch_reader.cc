#include "rapidbyte/sdk/batch_reader.h"

#include <nanoarrow/nanoarrow_ipc.h>

#include <deque>
#include <vector>

#include "aligned_header.h"
#include "message_tables.h"
#include "nanoarrow_schema.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/byte_buffer.h"

// After nanoarrow: the generated accessors of the message tables, for the row count.
#include <nanoarrow/ipc/flatcc_generated.h>

namespace rapidbyte::sdk {

namespace {

constexpr size_t kPrefix = 8;  // continuation marker and metadata length

Status invalid(std::string_view what) {
  Status status = make_error(ErrorCategory::kData, codes::kInvalidBatch, "a batch is not valid: " + std::string(what));
  status.error().scope = ErrorScope::kPerBatch;
  return status;
}

/// One encapsulated message at the start of `bytes`.
struct Message {
  std::span<const uint8_t> header;  // including the prefix; empty: end of the stream
  std::span<const uint8_t> body;
  std::span<const uint8_t> rest;
  int32_t type = NANOARROW_IPC_MESSAGE_TYPE_UNINITIALIZED;  // as found: not always one of the enumerators
};

uint32_t read_u32(std::span<const uint8_t> bytes, size_t at) {
  uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

/// Checks sizes here, in 64 bits, because nanoarrow adds them in 32; then has the flatbuffer verified. The header of a
/// record batch whose vectors are misaligned is rewritten into `realigned`, which must outlive the message.
Result<Message> read_message(ArrowIpcDecoder* decoder, std::span<const uint8_t> bytes,
                             std::vector<uint8_t>& realigned) {
  if (bytes.size() < kPrefix) return invalid("it ends within a message prefix");
  if (read_u32(bytes, 0) != 0xFFFFFFFFU) return invalid("a message does not start with the continuation marker");
  const uint32_t metadata = read_u32(bytes, 4);
  Message out;
  if (metadata == 0) {
    out.rest = bytes.subspan(kPrefix);
    return out;
  }
  if (metadata % 8 != 0 || metadata > static_cast<uint32_t>(INT32_MAX) || metadata > bytes.size() - kPrefix) {
    return invalid("message metadata of " + std::to_string(metadata) + " bytes in " + std::to_string(bytes.size()));
  }
  const auto after = bytes.subspan(kPrefix + metadata);
  out.header = bytes.first(kPrefix + metadata);
  if (ipc::realign_record_batch_header(out.header, realigned)) out.header = realigned;
  ArrowError error{};
  const ArrowBufferView view{{out.header.data()}, static_cast<int64_t>(out.header.size())};
  if (ArrowIpcDecoderVerifyHeader(decoder, view, &error) != NANOARROW_OK) return invalid(error.message);
  if (const char* what = missing_table(out.header.subspan(kPrefix))) return invalid(what);
  // The verifier accepts unknown types, and loading an enum that holds one is undefined: copy the bits.
  static_assert(sizeof decoder->message_type == sizeof out.type);
  std::memcpy(&out.type, &decoder->message_type, sizeof out.type);
  const int64_t body = decoder->body_size_bytes;
  if (body < 0 || static_cast<uint64_t>(body) > after.size()) {
    return invalid("a body of " + std::to_string(body) + " bytes, but " + std::to_string(after.size()) + " follow");
  }
  out.body = after.first(static_cast<size_t>(body));
  out.rest = after.subspan(static_cast<size_t>(body));
  return out;
}

/// nanoarrow reads names as C strings. `header` has been verified.
Status check_names(std::span<const uint8_t> header) {
  const auto message = org_apache_arrow_flatbuf_Message_as_root(header.data() + kPrefix);
  const auto schema =
      static_cast<org_apache_arrow_flatbuf_Schema_table_t>(org_apache_arrow_flatbuf_Message_header(message));
  const auto text = [](flatbuffers_string_t string) {
    return string == nullptr ? std::string_view() : std::string_view(string, flatbuffers_string_len(string));
  };
  const auto fields = org_apache_arrow_flatbuf_Schema_fields(schema);
  for (size_t i = 0; i < org_apache_arrow_flatbuf_Field_vec_len(fields); ++i) {
    const auto field = org_apache_arrow_flatbuf_Field_vec_at(fields, i);
    const std::string name(text(org_apache_arrow_flatbuf_Field_name(field)));
    RB_SDK_RETURN_NOT_OK(check_text_of_schema(name, name));
    if (org_apache_arrow_flatbuf_Field_type_type(field) != org_apache_arrow_flatbuf_Type_Timestamp) continue;
    const auto type =
        static_cast<org_apache_arrow_flatbuf_Timestamp_table_t>(org_apache_arrow_flatbuf_Field_type(field));
    if (type == nullptr) continue;
    RB_SDK_RETURN_NOT_OK(check_text_of_schema(name, text(org_apache_arrow_flatbuf_Timestamp_timezone(type))));
  }
  return {};
}

bool within(const ArrowBufferView& buffer, std::span<const uint8_t> body) {
  if (buffer.size_bytes == 0) return true;
  if (buffer.size_bytes < 0) return false;
  const auto begin = reinterpret_cast<uintptr_t>(body.data());
  const auto at = reinterpret_cast<uintptr_t>(buffer.data.as_uint8);
  return at >= begin && at - begin <= body.size() &&
         static_cast<uint64_t>(buffer.size_bytes) <= body.size() - (at - begin);
}

}  // namespace

struct BatchReader::Impl {
  ArrowIpcDecoder decoder{};
  SchemaHandle arrow_schema;
  Schema schema;
  uint64_t schema_version = 0;
  ByteBuffer schema_header;  // of the message that `schema` came from; empty: none
  ByteBuffer aligned;        // a copy, when the caller's bytes are not aligned
  std::vector<uint8_t> realigned_header;
  std::deque<ByteBuffer> realigned_buffers;  // of columns, where those of the batch are not aligned
  std::vector<ColumnView> columns;
  size_t rows = 0;

  Impl() {
    if (ArrowIpcDecoderInit(&decoder) != NANOARROW_OK) std::abort();
  }
  ~Impl() { ArrowIpcDecoderReset(&decoder); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Status load(std::span<const uint8_t> batch);
  Status load_schema(const Message& message);
  Status load_columns(const Message& message);
  /// Also copies misaligned buffers, before anybody reads them.
  Status check_column(ArrowArrayView& view, const Field& field, std::span<const uint8_t> body);
};

Status BatchReader::Impl::load_schema(const Message& message) {
  if (schema_header.size() == message.header.size() &&
      std::memcmp(schema_header.data(), message.header.data(), message.header.size()) == 0) {
    return {};
  }
  schema_header.clear();
  ArrowError error{};
  const ArrowBufferView header{{message.header.data()}, static_cast<int64_t>(message.header.size())};
  if (ArrowIpcDecoderDecodeHeader(&decoder, header, &error) != NANOARROW_OK) return invalid(error.message);
  if (decoder.endianness != NANOARROW_IPC_ENDIANNESS_LITTLE) return invalid("big-endian data is not supported");
  RB_SDK_RETURN_NOT_OK(check_names(message.header));
  arrow_schema.reset();
  if (ArrowIpcDecoderDecodeSchema(&decoder, arrow_schema.get(), &error) != NANOARROW_OK) return invalid(error.message);
  RB_SDK_ASSIGN_OR_RETURN(schema, from_nanoarrow(*arrow_schema.get()));
  if (ArrowIpcDecoderSetSchema(&decoder, arrow_schema.get(), &error) != NANOARROW_OK) return invalid(error.message);
  schema_header.append(message.header.data(), message.header.size());
  ++schema_version;
  return {};
}

Status BatchReader::Impl::check_column(ArrowArrayView& view, const Field& field, std::span<const uint8_t> body) {
  const auto bad = [&field](std::string_view what) {
    return invalid("column `" + field.name + "` " + std::string(what));
  };
  if (view.length < 0 || static_cast<uint64_t>(view.length) != rows) {
    return bad("has " + std::to_string(view.length) + " values for " + std::to_string(rows) + " rows");
  }
  for (ArrowBufferView& buffer : view.buffer_views) {
    if (!within(buffer, body)) return bad("has a buffer outside of the message");
    if (buffer.size_bytes != 0 && reinterpret_cast<uintptr_t>(buffer.data.as_uint8) % 8 != 0) {
      ByteBuffer& copy = realigned_buffers.emplace_back();
      copy.append(buffer.data.as_uint8, static_cast<size_t>(buffer.size_bytes));
      buffer.data.as_uint8 = copy.data();
    }
  }
  if (view.null_count > 0 && view.buffer_views[0].size_bytes == 0) return bad("has nulls but no validity bitmap");
  return {};
}

Status BatchReader::Impl::load_columns(const Message& message) {
  ArrowError error{};
  const ArrowBufferView header{{message.header.data()}, static_cast<int64_t>(message.header.size())};
  if (ArrowIpcDecoderDecodeHeader(&decoder, header, &error) != NANOARROW_OK) return invalid(error.message);
  if (decoder.codec != NANOARROW_IPC_COMPRESSION_TYPE_NONE) return invalid("compressed bodies are not supported");
  ArrowArrayView* view = nullptr;
  const ArrowBufferView body{{message.body.data()}, static_cast<int64_t>(message.body.size())};
  if (ArrowIpcDecoderDecodeArrayView(&decoder, body, -1, &view, &error) != NANOARROW_OK) return invalid(error.message);
  if (view->length < 0) return invalid("a negative number of rows");
  rows = static_cast<size_t>(view->length);
  columns.resize(schema.size());
  realigned_buffers.clear();
  // Before nanoarrow validates: it takes a buffer of size -1 for one of unknown size.
  for (size_t i = 0; i < schema.size(); ++i) {
    RB_SDK_RETURN_NOT_OK(check_column(*view->children[i], schema.fields[i], message.body));
  }
  if (ArrowArrayViewValidate(view, NANOARROW_VALIDATION_LEVEL_FULL, &error) != NANOARROW_OK) {
    return invalid(error.message);
  }
  // Offsets of a column without rows may be left out; reading none of them is fine.
  for (size_t i = 0; i < schema.size(); ++i) {
    const ArrowArrayView* child = view->children[i];
    const DataType& type = schema.fields[i].type;
    ColumnView& column = columns[i];
    column.type_ = &type;
    column.validity_ = child->buffer_views[0].size_bytes == 0 ? nullptr : child->buffer_views[0].data.as_uint8;
    column.null_count_ = column.validity_ == nullptr ? 0 : child->null_count;
    column.length_ = rows;
    column.large_ = type.is_large();
    const ArrowBufferView& values = child->buffer_views[type.is_variable() ? 2 : 1];
    column.offsets_ = type.is_variable() ? child->buffer_views[1].data.as_uint8 : nullptr;
    column.values_ = values.data.as_uint8;
    column.values_size_ = static_cast<size_t>(values.size_bytes);
  }
  return {};
}

Status BatchReader::Impl::load(std::span<const uint8_t> batch) {
  rows = 0;
  if (reinterpret_cast<uintptr_t>(batch.data()) % 8 != 0) {
    aligned.clear();
    aligned.append(batch.data(), batch.size());
    batch = aligned.span();
  }
  RB_SDK_ASSIGN_OR_RETURN(const Message first, read_message(&decoder, batch, realigned_header));
  if (first.type != NANOARROW_IPC_MESSAGE_TYPE_SCHEMA) return invalid("it does not start with a schema");
  RB_SDK_RETURN_NOT_OK(load_schema(first));
  RB_SDK_ASSIGN_OR_RETURN(const Message second, read_message(&decoder, first.rest, realigned_header));
  if (second.type != NANOARROW_IPC_MESSAGE_TYPE_RECORD_BATCH) return invalid("no record batch follows the schema");
  RB_SDK_RETURN_NOT_OK(load_columns(second));
  if (second.rest.empty()) return {};
  if (second.rest.size() < kPrefix || read_u32(second.rest, 0) != 0xFFFFFFFFU || read_u32(second.rest, 4) != 0) {
    return invalid("more than one record batch; a batch is exactly one");
  }
  return {};
}

BatchReader::BatchReader() : impl_(std::make_unique<Impl>()) {}
BatchReader::BatchReader(BatchReader&&) noexcept = default;
BatchReader& BatchReader::operator=(BatchReader&&) noexcept = default;
BatchReader::~BatchReader() = default;

Status BatchReader::load(std::span<const uint8_t> batch) {
  Status status = impl_->load(batch);
  if (!status.ok()) impl_->rows = 0;
  return status;
}

const Schema& BatchReader::schema() const { return impl_->schema; }
uint64_t BatchReader::schema_version() const { return impl_->schema_version; }
size_t BatchReader::rows() const { return impl_->rows; }
size_t BatchReader::column_count() const { return impl_->columns.size(); }
const ColumnView& BatchReader::column(size_t index) const { return impl_->columns[index]; }

bool BatchReader::has_values(size_t index) const {
  const ColumnView& view = column(index);
  for (size_t row = 0; row < rows(); ++row) {
    if (!view.is_null(row)) return true;
  }
  return false;
}

Result<uint64_t> count_rows(std::span<const uint8_t> batch) {
  if (reinterpret_cast<uintptr_t>(batch.data()) % 8 != 0) {
    ByteBuffer aligned;
    aligned.append(batch.data(), batch.size());
    return count_rows(aligned.span());
  }
  ArrowIpcDecoder decoder{};
  if (ArrowIpcDecoderInit(&decoder) != NANOARROW_OK) std::abort();
  std::vector<uint8_t> realigned;
  const auto read = [&]() -> Result<uint64_t> {
    RB_SDK_ASSIGN_OR_RETURN(const Message first, read_message(&decoder, batch, realigned));
    if (first.type != NANOARROW_IPC_MESSAGE_TYPE_SCHEMA) return invalid("it does not start with a schema");
    RB_SDK_ASSIGN_OR_RETURN(const Message second, read_message(&decoder, first.rest, realigned));
    if (second.type != NANOARROW_IPC_MESSAGE_TYPE_RECORD_BATCH) return invalid("no record batch follows the schema");
    const auto message = org_apache_arrow_flatbuf_Message_as_root(second.header.data() + kPrefix);
    const auto table =
        static_cast<org_apache_arrow_flatbuf_RecordBatch_table_t>(org_apache_arrow_flatbuf_Message_header(message));
    const int64_t rows = org_apache_arrow_flatbuf_RecordBatch_length(table);
    if (rows < 0) return invalid("a negative number of rows");
    return static_cast<uint64_t>(rows);
  };
  Result<uint64_t> rows = read();
  ArrowIpcDecoderReset(&decoder);
  return rows;
}

}  // namespace rapidbyte::sdk
