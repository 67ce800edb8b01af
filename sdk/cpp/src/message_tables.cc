#include "message_tables.h"

#include <cstring>
#include <optional>

namespace rapidbyte::sdk {

namespace {

// Slots of the tables in Arrow's flatbuffers schema (Message.fbs, Schema.fbs).
constexpr unsigned kMessageHeaderType = 1;
constexpr unsigned kMessageHeader = 2;
constexpr unsigned kSchemaFields = 1;
constexpr unsigned kSchemaMetadata = 2;
constexpr unsigned kFieldTypeKind = 2;
constexpr unsigned kFieldType = 3;
constexpr unsigned kFieldDictionary = 4;
constexpr unsigned kFieldChildren = 5;
constexpr unsigned kFieldMetadata = 6;
constexpr unsigned kDictionaryIndexType = 1;
constexpr uint8_t kHeaderSchema = 1;
// No honest schema is deeper, and the walk is recursive.
constexpr int kMostDepth = 32;

/// A place in the buffer; reads outside of it answer nothing.
class Walk {
 public:
  explicit Walk(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  template <typename T>
  [[nodiscard]] std::optional<T> read(uint64_t at) const {
    if (at > bytes_.size() || bytes_.size() - at < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + at, sizeof(T));
    return value;
  }
  /// Where an offset that stands at `at` leads.
  [[nodiscard]] std::optional<uint64_t> follow(uint64_t at) const {
    const auto offset = read<uint32_t>(at);
    if (!offset || *offset == 0 || *offset >= bytes_.size() - at) return std::nullopt;
    return at + *offset;
  }
  /// Where a table's field stands; nullopt when it has none.
  [[nodiscard]] std::optional<uint64_t> field(uint64_t table, unsigned slot) const {
    const auto back = read<int32_t>(table);
    if (!back) return std::nullopt;
    const int64_t vtable = static_cast<int64_t>(table) - *back;
    if (vtable < 0) return std::nullopt;
    const auto size = read<uint16_t>(static_cast<uint64_t>(vtable));
    const unsigned entry = 4 + 2 * slot;
    if (!size || entry + 2 > *size) return std::nullopt;
    const auto offset = read<uint16_t>(static_cast<uint64_t>(vtable) + entry);
    if (!offset || *offset == 0) return std::nullopt;
    return table + *offset;
  }
  [[nodiscard]] std::optional<uint64_t> table(uint64_t table, unsigned slot) const {
    const auto at = field(table, slot);
    return at ? follow(*at) : std::nullopt;
  }
  /// Calls `visit` with each table of a vector of tables; false when one is broken or `visit` says so.
  template <typename Visit>
  [[nodiscard]] bool each(uint64_t table, unsigned slot, Visit visit) const {
    const auto at = field(table, slot);
    if (!at) return true;
    const auto vector = follow(*at);
    const auto count = vector ? read<uint32_t>(*vector) : std::nullopt;
    if (!count || *count > (bytes_.size() - *vector) / 4) return false;
    for (uint64_t i = 0; i < *count; ++i) {
      const auto item = follow(*vector + 4 + 4 * i);
      if (!item || !visit(*item)) return false;
    }
    return true;
  }

 private:
  std::span<const uint8_t> bytes_;
};

bool has_metadata(const Walk& walk, uint64_t table, unsigned slot) {
  return walk.each(table, slot, [&](uint64_t pair) { return walk.table(pair, 0) && walk.table(pair, 1); });
}

bool has_types(const Walk& walk, uint64_t table, unsigned slot, int depth) {
  return depth <= kMostDepth && walk.each(table, slot, [&](uint64_t field) {
    const auto kind = walk.field(field, kFieldTypeKind);
    if (!kind || walk.read<uint8_t>(*kind).value_or(0) == 0 || !walk.table(field, kFieldType)) return false;
    const auto dictionary = walk.table(field, kFieldDictionary);
    if (dictionary && !walk.table(*dictionary, kDictionaryIndexType)) return false;
    return has_metadata(walk, field, kFieldMetadata) && has_types(walk, field, kFieldChildren, depth + 1);
  });
}

}  // namespace

const char* missing_table(std::span<const uint8_t> metadata) {
  const Walk walk(metadata);
  const auto message = walk.follow(0);
  if (!message) return "a message without its table";
  const auto type = walk.field(*message, kMessageHeaderType);
  const auto header = walk.table(*message, kMessageHeader);
  if (!type || !header) return "a message without its header";
  if (walk.read<uint8_t>(*type).value_or(0) != kHeaderSchema) return nullptr;
  if (!has_types(walk, *header, kSchemaFields, 0)) return "a schema with a field that lacks its type or metadata";
  return has_metadata(walk, *header, kSchemaMetadata) ? nullptr : "a schema with metadata that lacks a key or a value";
}

}  // namespace rapidbyte::sdk
