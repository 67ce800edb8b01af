#include "message_tables.h"

#include "flatbuffer.h"

namespace rapidbyte::sdk {

namespace {

using ipc::Flatbuffer;

bool has_types(const Flatbuffer& buffer, uint64_t owner, uint16_t slot, int depth) {
  return depth <= ipc::kMaxSchemaDepth && buffer.each_table(owner, slot, [&](uint64_t field) {
    if (buffer.scalar<uint8_t>(field, ipc::kFieldTypeKind).value_or(0) == 0) return false;
    if (!buffer.table(field, ipc::kFieldType)) return false;
    const auto dictionary = buffer.table(field, ipc::kFieldDictionary);
    if (dictionary && !buffer.table(*dictionary, ipc::kDictionaryIndexType)) return false;
    return buffer.metadata_is_whole(field, ipc::kFieldMetadata) &&
           has_types(buffer, field, ipc::kFieldChildren, depth + 1);
  });
}

}  // namespace

const char* missing_table(std::span<const uint8_t> metadata) {
  const Flatbuffer buffer(metadata);
  const auto message = buffer.follow(0);
  if (!message) return "a message without its table";
  const auto type = buffer.scalar<uint8_t>(*message, ipc::kMessageHeaderType);
  const auto header = buffer.table(*message, ipc::kMessageHeader);
  if (type.value_or(0) == 0 || !header) return "a message without its header";
  if (*type != ipc::kHeaderSchema) return nullptr;
  if (!has_types(buffer, *header, ipc::kSchemaFields, 0))
    return "a schema with a field that lacks its type or metadata";
  return buffer.metadata_is_whole(*header, ipc::kSchemaMetadata) ? nullptr
                                                                 : "a schema with metadata that lacks a key or a value";
}

}  // namespace rapidbyte::sdk
