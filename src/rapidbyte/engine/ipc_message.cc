#include "rapidbyte/engine/ipc_message.h"

#include <fmt/format.h>

#include <cstring>

#include "rapidbyte/base/checked_math.h"

namespace rapidbyte::engine {
namespace {

// Positions in Arrow's flatbuffers schema (Message.fbs): slots of the tables, cases of the union MessageHeader.
constexpr uint16_t kMessageHeaderType = 1;
constexpr uint16_t kMessageHeader = 2;
constexpr uint16_t kMessageBodyLength = 3;
constexpr uint16_t kSchemaFields = 1;
constexpr uint16_t kSchemaMetadata = 2;
constexpr uint16_t kFieldName = 0;
constexpr uint16_t kFieldTypeKind = 2;
constexpr uint16_t kFieldType = 3;
constexpr uint16_t kFieldDictionary = 4;
constexpr uint16_t kFieldChildren = 5;
constexpr uint16_t kFieldMetadata = 6;
constexpr uint16_t kPairKey = 0;
constexpr uint16_t kPairValue = 1;
constexpr uint16_t kBatchLength = 0;
constexpr uint16_t kBatchNodes = 1;
constexpr uint16_t kBatchBuffers = 2;
constexpr uint8_t kHeaderSchema = 1;
constexpr uint8_t kHeaderDictionary = 2;
constexpr uint8_t kHeaderRecordBatch = 3;
constexpr uint64_t kStructSize = 16;  // FieldNode {length, null_count} and Buffer {offset, length}: two int64 each
constexpr uint64_t kOffsetSize = 4;
// No honest schema is deeper, and the walk is recursive.
constexpr int kMaxSchemaDepth = 32;
constexpr uint32_t kContinuation = 0xFFFFFFFFU;

// Reads of a flatbuffer that answer nullopt outside of it. Arrow IPC is little-endian, as are the hosts that we build
// for.
class Flatbuffer {
 public:
  explicit Flatbuffer(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <typename T>
  [[nodiscard]] std::optional<T> read(uint64_t at) const {
    if (!range_fits<uint64_t>(at, sizeof(T), bytes_.size())) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + at, sizeof(T));
    return value;
  }

  /// Where an offset that is stored at `at` points.
  [[nodiscard]] std::optional<uint64_t> follow(uint64_t at) const {
    const auto offset = read<uint32_t>(at);
    if (!offset || *offset == 0 || *offset >= bytes_.size() - at) return std::nullopt;
    return at + *offset;
  }

  /// Position of a table's field. `present` is false when the field has its default; nullopt when the table is broken.
  struct Field {
    bool present = false;
    uint64_t at = 0;
  };
  [[nodiscard]] std::optional<Field> field(uint64_t table, uint16_t slot) const {
    const auto back = read<int32_t>(table);
    if (!back) return std::nullopt;
    const int64_t vtable = static_cast<int64_t>(table) - *back;
    if (vtable < 0) return std::nullopt;
    const auto vtable_size = read<uint16_t>(static_cast<uint64_t>(vtable));
    if (!vtable_size) return std::nullopt;
    const auto entry = static_cast<uint16_t>(4 + 2 * slot);
    if (entry + 2 > *vtable_size) return Field{};
    const auto offset = read<uint16_t>(static_cast<uint64_t>(vtable) + entry);
    if (!offset) return std::nullopt;
    if (*offset == 0) return Field{};
    return Field{true, table + *offset};
  }

  template <typename T>
  [[nodiscard]] std::optional<T> scalar(uint64_t table, uint16_t slot, T fallback) const {
    const auto where = field(table, slot);
    if (!where) return std::nullopt;
    return where->present ? read<T>(where->at) : std::optional<T>(fallback);
  }

  /// A table that a table must have.
  [[nodiscard]] std::optional<uint64_t> table(uint64_t table, uint16_t slot) const {
    const auto where = field(table, slot);
    return where && where->present ? follow(where->at) : std::nullopt;
  }

  /// A vector: its first element and how many. None when absent.
  struct Vector {
    uint64_t at = 0;
    uint64_t count = 0;
  };
  [[nodiscard]] std::optional<Vector> vector(uint64_t table, uint16_t slot, uint64_t element_size) const {
    const auto where = field(table, slot);
    if (!where) return std::nullopt;
    if (!where->present) return Vector{};
    const auto vector = follow(where->at);
    if (!vector) return std::nullopt;
    const auto count = read<uint32_t>(*vector);
    if (!count || !range_fits<uint64_t>(*vector + 4, uint64_t{*count} * element_size, bytes_.size()))
      return std::nullopt;
    return Vector{*vector + 4, *count};
  }

 private:
  std::span<const std::byte> bytes_;
};

Status invalid(std::string_view what) {
  return make_error(
      ErrorCategory::kData, "BATCH_INVALID",
      fmt::format("a batch is not a sound Arrow IPC stream: {}. The connector that made it has a defect", what));
}

Status check_metadata(const Flatbuffer& buffer, uint64_t table, uint16_t slot) {
  const auto pairs = buffer.vector(table, slot, kOffsetSize);
  if (!pairs) return invalid("its metadata is damaged");
  for (uint64_t i = 0; i < pairs->count; ++i) {
    const auto pair = buffer.follow(pairs->at + i * kOffsetSize);
    if (!pair || !buffer.table(*pair, kPairKey) || !buffer.table(*pair, kPairValue)) {
      return invalid("its metadata has a key without a value");
    }
  }
  return {};
}

// nanoarrow takes for granted that a type comes with its table and a metadata key with its value, which the verifier of
// flatbuffers does not promise.
Status check_fields(const Flatbuffer& buffer, uint64_t table, uint16_t slot, int depth) {
  if (depth > kMaxSchemaDepth) return invalid("its schema is nested too deep");
  const auto fields = buffer.vector(table, slot, kOffsetSize);
  if (!fields) return invalid("its schema is damaged");
  for (uint64_t i = 0; i < fields->count; ++i) {
    const auto field = buffer.follow(fields->at + i * kOffsetSize);
    if (!field || !buffer.table(*field, kFieldType) ||
        buffer.scalar<uint8_t>(*field, kFieldTypeKind, 0).value_or(0) == 0) {
      return invalid(fmt::format("field {} of its schema has no type", i));
    }
    const auto name = buffer.vector(*field, kFieldName, 1);
    if (!name) return invalid("its schema is damaged");
    for (uint64_t at = 0; at < name->count; ++at) {
      if (*buffer.read<uint8_t>(name->at + at) == 0) {
        return invalid(fmt::format("the name of field {} holds a NUL byte, where others would cut it", i));
      }
    }
    const auto dictionary = buffer.field(*field, kFieldDictionary);
    if (!dictionary || dictionary->present) {
      return make_error(
          ErrorCategory::kData, "BATCH_UNSUPPORTED",
          fmt::format("field {} of a batch is a dictionary, which --limit and --dry-run cannot look into. Run "
                      "without them",
                      i));
    }
    RB_RETURN_NOT_OK(check_metadata(buffer, *field, kFieldMetadata));
    RB_RETURN_NOT_OK(check_fields(buffer, *field, kFieldChildren, depth + 1));
  }
  return {};
}

Status check_record_batch(const Flatbuffer& buffer, uint64_t table, uint64_t body_size, IpcMessage& message) {
  const auto rows = buffer.scalar<int64_t>(table, kBatchLength, 0);
  const auto nodes = buffer.vector(table, kBatchNodes, kStructSize);
  const auto buffers = buffer.vector(table, kBatchBuffers, kStructSize);
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
  const auto size = prefix.read<uint32_t>(4);
  if (!marker || !size || *marker != kContinuation)
    return invalid("a message does not begin with the continuation marker");
  if (*size == 0) {
    rest_ = {};
    return std::optional<IpcMessage>();
  }
  if (!range_fits<uint64_t>(8, *size, rest_.size())) {
    return invalid(fmt::format("a header of {} bytes is cut off after {}", *size, rest_.size() - 8));
  }
  const Flatbuffer header(rest_.subspan(8, *size));
  const auto table = header.follow(0);
  if (!table) return invalid("a message header is damaged");
  const auto type = header.scalar<uint8_t>(*table, kMessageHeaderType, 0);
  const auto body_length = header.scalar<int64_t>(*table, kMessageBodyLength, 0);
  if (!type || !body_length || *body_length < 0) return invalid("a message header is damaged");
  const uint64_t body_at = uint64_t{8} + *size;
  if (!range_fits<uint64_t>(body_at, static_cast<uint64_t>(*body_length), rest_.size())) {
    return invalid(fmt::format("a body of {} bytes is cut off after {}", *body_length, rest_.size() - body_at));
  }
  IpcMessage message;
  message.metadata = rest_.first(body_at);
  message.body = rest_.subspan(body_at, static_cast<size_t>(*body_length));
  switch (*type) {
    case kHeaderSchema: {
      message.kind = IpcMessageKind::kSchema;
      if (!deep_) break;
      const auto schema = header.table(*table, kMessageHeader);
      if (!schema) return invalid("its schema is missing");
      RB_RETURN_NOT_OK(check_fields(header, *schema, kSchemaFields, 0));
      RB_RETURN_NOT_OK(check_metadata(header, *schema, kSchemaMetadata));
      break;
    }
    case kHeaderDictionary: message.kind = IpcMessageKind::kDictionary; break;
    case kHeaderRecordBatch: {
      message.kind = IpcMessageKind::kRecordBatch;
      const auto batch = header.table(*table, kMessageHeader);
      if (!batch) return invalid("a record batch header is damaged");
      RB_RETURN_NOT_OK(check_record_batch(header, *batch, message.body.size(), message));
      break;
    }
    default: break;
  }
  rest_ = rest_.subspan(body_at + message.body.size());
  return std::optional<IpcMessage>(message);
}

std::optional<uint64_t> count_rows(std::span<const std::byte> stream) {
  IpcMessageReader reader(stream, /*deep=*/false);
  uint64_t rows = 0;
  bool schema = false;
  while (true) {
    auto message = reader.next();
    if (!message.ok()) return std::nullopt;
    if (!message->has_value()) break;
    if ((*message)->kind == IpcMessageKind::kSchema) schema = true;
    rows += (*message)->rows;
  }
  if (!schema) return std::nullopt;
  return rows;
}

}  // namespace rapidbyte::engine
