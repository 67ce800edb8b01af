#pragma once
// The one reader of Arrow's message headers below flatcc and nanoarrow: it checks first what these take for granted,
// and reads a header that flatcc refuses so that it can be rewritten. Used by the SDK and by the host's inspector. The
// bytes are untrusted: whatever is out of bounds or makes no sense is nullopt. Header only, no allocation.
// Little-endian, like Arrow IPC and every host and guest that we build for.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

namespace rapidbyte::ipc {

// Positions in Arrow's flatbuffers schema (Message.fbs, Schema.fbs): slots of the tables, cases of the union
// MessageHeader.
inline constexpr uint16_t kMessageVersion = 0;
inline constexpr uint16_t kMessageHeaderType = 1;
inline constexpr uint16_t kMessageHeader = 2;
inline constexpr uint16_t kMessageBodyLength = 3;
inline constexpr uint16_t kSchemaFields = 1;
inline constexpr uint16_t kSchemaMetadata = 2;
inline constexpr uint16_t kFieldName = 0;
inline constexpr uint16_t kFieldTypeKind = 2;
inline constexpr uint16_t kFieldType = 3;
inline constexpr uint16_t kFieldDictionary = 4;
inline constexpr uint16_t kFieldChildren = 5;
inline constexpr uint16_t kFieldMetadata = 6;
inline constexpr uint16_t kDictionaryIndexType = 1;
inline constexpr uint16_t kPairKey = 0;
inline constexpr uint16_t kPairValue = 1;
inline constexpr uint16_t kBatchLength = 0;
inline constexpr uint16_t kBatchNodes = 1;
inline constexpr uint16_t kBatchBuffers = 2;
inline constexpr uint16_t kBatchCompression = 3;
inline constexpr uint16_t kBatchVariadicCounts = 4;
inline constexpr uint16_t kCompressionCodec = 0;
inline constexpr uint16_t kCompressionMethod = 1;
inline constexpr uint8_t kHeaderSchema = 1;
inline constexpr uint8_t kHeaderDictionary = 2;
inline constexpr uint8_t kHeaderRecordBatch = 3;

inline constexpr uint32_t kContinuation = 0xFFFFFFFFU;
/// Bytes before the flatbuffer: the continuation marker and the length.
inline constexpr size_t kPrefixSize = 8;
/// Bytes of a FieldNode {length, null_count} and of a Buffer {offset, length}: two int64 each.
inline constexpr uint64_t kStructSize = 16;
/// Bytes of an offset, as in a vector of tables.
inline constexpr uint64_t kOffsetSize = 4;
/// No legitimate schema is deeper, and the walks are recursive.
inline constexpr int kMaxSchemaDepth = 32;

class Flatbuffer {
 public:
  explicit Flatbuffer(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  explicit Flatbuffer(std::span<const std::byte> bytes)
      : bytes_(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()) {}

  template <typename T>
  [[nodiscard]] std::optional<T> read(uint64_t at) const {
    if (!holds(at, sizeof(T))) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + at, sizeof(T));
    return value;
  }

  /// Where the offset stored at `at` points; 0 for the root.
  [[nodiscard]] std::optional<uint64_t> follow(uint64_t at) const {
    const auto offset = read<uint32_t>(at);
    if (!offset || *offset == 0 || *offset >= bytes_.size() - at) return std::nullopt;
    return at + *offset;
  }

  /// Position of a table's field; `present` is false when it has its default. nullopt: the table is broken.
  struct Field {
    bool present = false;
    uint64_t at = 0;
  };
  [[nodiscard]] std::optional<Field> field(uint64_t table, uint16_t slot) const {
    const auto back = read<int32_t>(table);
    if (!back) return std::nullopt;
    const int64_t vtable = static_cast<int64_t>(table) - *back;
    if (vtable < 0) return std::nullopt;
    const auto size = read<uint16_t>(static_cast<uint64_t>(vtable));
    if (!size) return std::nullopt;
    const uint32_t entry = 4 + uint32_t{2} * slot;
    if (entry + 2 > *size) return Field{};
    const auto offset = read<uint16_t>(static_cast<uint64_t>(vtable) + entry);
    if (!offset) return std::nullopt;
    return *offset == 0 ? Field{} : Field{true, table + *offset};
  }

  template <typename T>
  [[nodiscard]] std::optional<T> scalar(uint64_t table, uint16_t slot, T fallback = {}) const {
    const auto where = field(table, slot);
    if (!where) return std::nullopt;
    return where->present ? read<T>(where->at) : std::optional<T>(fallback);
  }

  /// A table that the enclosing table must have.
  [[nodiscard]] std::optional<uint64_t> table(uint64_t table, uint16_t slot) const {
    const auto where = field(table, slot);
    return where && where->present ? follow(where->at) : std::nullopt;
  }

  /// The elements of a vector, all of them within the bytes; none when it is absent.
  struct Vector {
    uint64_t at = 0;  // of the first
    uint64_t count = 0;
  };
  [[nodiscard]] std::optional<Vector> vector(uint64_t table, uint16_t slot, uint64_t element_size) const {
    const auto where = field(table, slot);
    if (!where) return std::nullopt;
    if (!where->present) return Vector{};
    const auto vector = follow(where->at);
    const auto count = vector ? read<uint32_t>(*vector) : std::nullopt;
    // A 32-bit count of elements of at most 16 bytes does not overflow.
    if (!count || !holds(*vector + 4, uint64_t{*count} * element_size)) return std::nullopt;
    return Vector{*vector + 4, *count};
  }

  [[nodiscard]] std::span<const uint8_t> bytes(const Vector& vector, uint64_t element_size) const {
    return bytes_.subspan(static_cast<size_t>(vector.at), static_cast<size_t>(vector.count * element_size));
  }

  /// Walks a vector of tables; `visit` gets the position of each and ends the walk by returning false. Returns false
  /// then, or when the vector or one of its offsets is broken.
  template <typename Visit>
  [[nodiscard]] bool each_table(uint64_t table, uint16_t slot, Visit visit) const {
    const auto tables = vector(table, slot, kOffsetSize);
    if (!tables) return false;
    for (uint64_t i = 0; i < tables->count; ++i) {
      const auto item = follow(tables->at + i * kOffsetSize);
      if (!item || !visit(*item)) return false;
    }
    return true;
  }

  /// Whether every pair in a vector of KeyValue has its key and its value: nanoarrow takes that for granted.
  [[nodiscard]] bool metadata_is_whole(uint64_t owner, uint16_t slot) const {
    return each_table(owner, slot, [&](uint64_t pair) { return table(pair, kPairKey) && table(pair, kPairValue); });
  }

 private:
  [[nodiscard]] bool holds(uint64_t at, uint64_t size) const {
    return at <= bytes_.size() && bytes_.size() - at >= size;
  }

  std::span<const uint8_t> bytes_;
};

}  // namespace rapidbyte::ipc
