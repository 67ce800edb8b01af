#include "rapidbyte/engine/lane/ipc_message.h"

#include <fmt/format.h>

#include "flatbuffer.h"
#include "rapidbyte/base/checked_math.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::engine {
namespace {

using ipc::Flatbuffer;
using ipc::kOffsetSize;
using ipc::kStructSize;

Status invalid(std::string_view what) {
  return make_error(
      ErrorCategory::kData, codes::kInvalidBatch,
      fmt::format("a batch is not a valid Arrow IPC stream: {}. This is a bug in the connector that made it", what));
}

Status check_metadata(const Flatbuffer& buffer, uint64_t table, uint16_t slot) {
  if (buffer.metadata_is_whole(table, slot)) return {};
  return invalid("its metadata is damaged or has a key without a value");
}

// nanoarrow assumes that a type comes with its table and a metadata key with its value, which flatbuffers' verifier
// does not guarantee.
Status check_fields(const Flatbuffer& buffer, uint64_t table, uint16_t slot, int depth) {
  if (depth > ipc::kMaxSchemaDepth) return invalid("its schema is nested too deep");
  const auto fields = buffer.vector(table, slot, kOffsetSize);
  if (!fields) return invalid("its schema is damaged");
  for (uint64_t i = 0; i < fields->count; ++i) {
    const auto field = buffer.follow(fields->at + i * kOffsetSize);
    if (!field || !buffer.table(*field, ipc::kFieldType) ||
        buffer.scalar<uint8_t>(*field, ipc::kFieldTypeKind, 0).value_or(0) == 0) {
      return invalid(fmt::format("field {} of its schema has no type", i));
    }
    const auto name = buffer.vector(*field, ipc::kFieldName, 1);
    if (!name) return invalid("its schema is damaged");
    for (uint64_t at = 0; at < name->count; ++at) {
      if (*buffer.read<uint8_t>(name->at + at) == 0) {
        return invalid(fmt::format("the name of field {} holds a NUL byte, where others would cut it", i));
      }
    }
    const auto dictionary = buffer.field(*field, ipc::kFieldDictionary);
    if (!dictionary || dictionary->present) {
      return make_error(
          ErrorCategory::kData, codes::kBatchUnsupported,
          fmt::format("field {} of a batch is a dictionary, which --limit and --dry-run cannot look into. Run "
                      "without them",
                      i));
    }
    RB_RETURN_NOT_OK(check_metadata(buffer, *field, ipc::kFieldMetadata));
    RB_RETURN_NOT_OK(check_fields(buffer, *field, ipc::kFieldChildren, depth + 1));
  }
  return {};
}

Status check_record_batch(const Flatbuffer& buffer, uint64_t table, uint64_t body_size, IpcMessage& message) {
  const auto rows = buffer.scalar<int64_t>(table, ipc::kBatchLength, 0);
  const auto nodes = buffer.vector(table, ipc::kBatchNodes, kStructSize);
  const auto buffers = buffer.vector(table, ipc::kBatchBuffers, kStructSize);
  if (!rows || !nodes || !buffers) return invalid("its record batch header is damaged");
  if (*rows < 0 || static_cast<uint64_t>(*rows) > kMaxRowsPerBatch) {
    return invalid(fmt::format("it says that it has {} rows", *rows));
  }
  for (uint64_t i = 0; i < nodes->count; ++i) {
    const int64_t length = *buffer.read<int64_t>(nodes->at + i * kStructSize);
    const int64_t nulls = *buffer.read<int64_t>(nodes->at + i * kStructSize + 8);
    if (length < 0 || static_cast<uint64_t>(length) > kMaxRowsPerBatch || nulls < -1 || nulls > length) {
      return invalid(fmt::format("field {} says that it has {} values of which {} are null", i, length, nulls));
    }
  }
  for (uint64_t i = 0; i < buffers->count; ++i) {
    const int64_t offset = *buffer.read<int64_t>(buffers->at + i * kStructSize);
    const int64_t length = *buffer.read<int64_t>(buffers->at + i * kStructSize + 8);
    if (offset < 0 || length < 0 ||
        !range_fits<uint64_t>(static_cast<uint64_t>(offset), static_cast<uint64_t>(length), body_size)) {
      return invalid(fmt::format("buffer {} (offset {}, length {}) is outside of the body of {} bytes", i, offset,
                                 length, body_size));
    }
    message.buffers_aligned = message.buffers_aligned && offset % 8 == 0;
  }
  message.rows = static_cast<uint64_t>(*rows);
  return {};
}

}  // namespace

Result<std::optional<IpcMessage>> IpcMessageReader::next() {
  if (rest_.empty()) return std::optional<IpcMessage>();
  const Flatbuffer prefix(rest_);
  const auto marker = prefix.read<uint32_t>(0);
  const bool continued = marker && *marker == ipc::kContinuation;
  if (!continued && deep_) return invalid("a message does not begin with the continuation marker");
  const auto size = continued ? prefix.read<uint32_t>(4) : marker;
  const uint64_t prefix_size = continued ? 8 : 4;
  if (!size) return invalid("a message is cut off in its first bytes");
  if (*size == 0) {
    rest_ = {};
    return std::optional<IpcMessage>();
  }
  if (!range_fits<uint64_t>(prefix_size, *size, rest_.size())) {
    return invalid(fmt::format("a header of {} bytes is cut off after {}", *size, rest_.size() - prefix_size));
  }
  const Flatbuffer header(rest_.subspan(prefix_size, *size));
  const auto table = header.follow(0);
  if (!table) return invalid("a message header is damaged");
  const auto type = header.scalar<uint8_t>(*table, ipc::kMessageHeaderType, 0);
  const auto body_length = header.scalar<int64_t>(*table, ipc::kMessageBodyLength, 0);
  if (!type || !body_length || *body_length < 0) return invalid("a message header is damaged");
  const uint64_t body_at = prefix_size + *size;
  if (!range_fits<uint64_t>(body_at, static_cast<uint64_t>(*body_length), rest_.size())) {
    return invalid(fmt::format("a body of {} bytes is cut off after {}", *body_length, rest_.size() - body_at));
  }
  IpcMessage message;
  message.metadata = rest_.first(body_at);
  message.body = rest_.subspan(body_at, static_cast<size_t>(*body_length));
  switch (*type) {
    case ipc::kHeaderSchema: {
      message.kind = IpcMessageKind::kSchema;
      if (!deep_) break;
      const auto schema = header.table(*table, ipc::kMessageHeader);
      if (!schema) return invalid("its schema is missing");
      RB_RETURN_NOT_OK(check_fields(header, *schema, ipc::kSchemaFields, 0));
      RB_RETURN_NOT_OK(check_metadata(header, *schema, ipc::kSchemaMetadata));
      break;
    }
    case ipc::kHeaderDictionary: message.kind = IpcMessageKind::kDictionary; break;
    case ipc::kHeaderRecordBatch: {
      message.kind = IpcMessageKind::kRecordBatch;
      const auto batch = header.table(*table, ipc::kMessageHeader);
      if (!batch) return invalid("a record batch header is damaged");
      RB_RETURN_NOT_OK(check_record_batch(header, *batch, message.body.size(), message));
      break;
    }
    default: break;
  }
  rest_ = rest_.subspan(body_at + message.body.size());
  return std::optional<IpcMessage>(message);
}

Result<uint64_t> count_rows(std::span<const std::byte> stream) {
  IpcMessageReader reader(stream, /*deep=*/false);
  uint64_t rows = 0;
  bool schema = false;
  while (true) {
    RB_ASSIGN_OR_RETURN(const std::optional<IpcMessage> message, reader.next());
    if (!message) break;
    if (message->kind == IpcMessageKind::kSchema) schema = true;
    rows += message->rows;
  }
  if (!schema) return invalid("it has no schema");
  return rows;
}

}  // namespace rapidbyte::engine
