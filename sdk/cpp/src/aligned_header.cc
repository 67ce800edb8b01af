#include "aligned_header.h"

#include <cstring>
#include <optional>

namespace rapidbyte::ipc {

namespace {

// Positions in Arrow's flatbuffers schema (Message.fbs): slots of the tables, cases of the union MessageHeader.
constexpr uint16_t kMessageVersion = 0;
constexpr uint16_t kMessageHeaderType = 1;
constexpr uint16_t kMessageHeader = 2;
constexpr uint16_t kMessageBodyLength = 3;
constexpr uint16_t kBatchLength = 0;
constexpr uint16_t kBatchNodes = 1;
constexpr uint16_t kBatchBuffers = 2;
constexpr uint16_t kBatchCompression = 3;
constexpr uint16_t kBatchVariadicCounts = 4;
constexpr uint16_t kCompressionCodec = 0;
constexpr uint16_t kCompressionMethod = 1;
constexpr uint8_t kHeaderRecordBatch = 3;
constexpr size_t kPrefix = 8;       // continuation marker and length
constexpr size_t kStructSize = 16;  // FieldNode and Buffer: two int64 each

/// A flatbuffer; what lies outside of it or makes no sense is nullopt.
class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  template <typename T>
  [[nodiscard]] std::optional<T> read(uint64_t at) const {
    if (at > bytes_.size() || bytes_.size() - at < sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes_.data() + at, sizeof(T));
    return value;
  }

  [[nodiscard]] std::optional<uint64_t> follow(uint64_t at) const {
    const auto offset = read<uint32_t>(at);
    if (!offset || *offset == 0 || *offset >= bytes_.size() - at) return std::nullopt;
    return at + *offset;
  }

  /// Place of a table's field; 0 when it has its default, since no field lies there.
  [[nodiscard]] std::optional<uint64_t> field(uint64_t table, uint16_t slot) const {
    const auto back = read<int32_t>(table);
    if (!back) return std::nullopt;
    const int64_t vtable = static_cast<int64_t>(table) - *back;
    if (vtable < 0) return std::nullopt;
    const auto size = read<uint16_t>(static_cast<uint64_t>(vtable));
    if (!size) return std::nullopt;
    const uint32_t entry = 4 + uint32_t{2} * slot;
    if (entry + 2 > *size) return 0;
    const auto offset = read<uint16_t>(static_cast<uint64_t>(vtable) + entry);
    if (!offset) return std::nullopt;
    return *offset == 0 ? 0 : table + *offset;
  }

  template <typename T>
  [[nodiscard]] std::optional<T> scalar(uint64_t table, uint16_t slot) const {
    const auto at = field(table, slot);
    if (!at) return std::nullopt;
    return *at == 0 ? std::optional<T>(T{0}) : read<T>(*at);
  }

  [[nodiscard]] std::optional<uint64_t> table(uint64_t table, uint16_t slot) const {
    const auto at = field(table, slot);
    return at && *at != 0 ? follow(*at) : std::nullopt;
  }

  struct Structs {
    uint64_t at = 0;  // of the first
    std::span<const uint8_t> bytes;
  };
  [[nodiscard]] std::optional<Structs> structs(uint64_t table, uint16_t slot) const {
    const auto at = field(table, slot);
    if (!at) return std::nullopt;
    if (*at == 0) return Structs{};
    const auto vector = follow(*at);
    const auto count = vector ? read<uint32_t>(*vector) : std::nullopt;
    if (!count || uint64_t{*count} * kStructSize > bytes_.size() - *vector - 4) return std::nullopt;
    return Structs{*vector + 4, bytes_.subspan(*vector + 4, size_t{*count} * kStructSize)};
  }

 private:
  std::span<const uint8_t> bytes_;
};

/// A flatbuffer that is written front to back; everything that is pointed to lies behind what points to it.
class Writer {
 public:
  explicit Writer(std::vector<uint8_t>& out) : out_(out) {}

  [[nodiscard]] size_t at() const { return out_.size(); }
  template <typename T>
  void put(T value) {
    const size_t at = out_.size();
    out_.resize(at + sizeof(T));
    std::memcpy(out_.data() + at, &value, sizeof(T));
  }
  void put(std::span<const uint8_t> bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  /// Pads until `extra` bytes behind the end lie on 8.
  void pad(size_t extra) {
    while ((out_.size() + extra) % 8 != 0) out_.push_back(0);
  }
  /// Makes the offset at `place` point to the end.
  void point_here(size_t place) {
    const auto offset = static_cast<uint32_t>(out_.size() - place);
    std::memcpy(out_.data() + place, &offset, sizeof offset);
  }
  void vector(std::span<const uint8_t> structs, size_t place) {
    pad(4);
    point_here(place);
    put(static_cast<uint32_t>(structs.size() / kStructSize));
    put(structs);
  }

 private:
  std::vector<uint8_t>& out_;
};

}  // namespace

bool realign_record_batch_header(std::span<const uint8_t> header, std::vector<uint8_t>& out) {
  if (header.size() <= kPrefix) return false;
  const Reader in(header.subspan(kPrefix));
  const auto message = in.follow(0);
  if (!message || in.scalar<uint8_t>(*message, kMessageHeaderType) != kHeaderRecordBatch) return false;
  const auto batch = in.table(*message, kMessageHeader);
  if (!batch) return false;
  const auto nodes = in.structs(*batch, kBatchNodes);
  const auto buffers = in.structs(*batch, kBatchBuffers);
  if (!nodes || !buffers || (nodes->at % 8 == 0 && buffers->at % 8 == 0)) return false;
  // Of types that nobody here reads.
  if (in.field(*batch, kBatchVariadicCounts) != 0U) return false;
  const auto version = in.scalar<int16_t>(*message, kMessageVersion);
  const auto body_length = in.scalar<int64_t>(*message, kMessageBodyLength);
  const auto rows = in.scalar<int64_t>(*batch, kBatchLength);
  const auto compression_at = in.field(*batch, kBatchCompression);
  if (!version || !body_length || !rows || !compression_at) return false;
  const bool is_compressed = *compression_at != 0;
  std::optional<int8_t> codec, method;
  if (is_compressed) {
    const auto compression = in.follow(*compression_at);
    if (!compression) return false;
    codec = in.scalar<int8_t>(*compression, kCompressionCodec);
    method = in.scalar<int8_t>(*compression, kCompressionMethod);
    if (!codec || !method) return false;
  }

  out.clear();
  out.reserve(kPrefix + 128 + nodes->bytes.size() + buffers->bytes.size());
  Writer to(out);
  // The prefix is as long as the alignment, so that places count from it as well as from the flatbuffer.
  to.put(uint32_t{0xFFFFFFFF});
  to.put(uint32_t{0});  // the length comes at the end
  const size_t root = to.at();
  to.put(uint32_t{0});
  // The message: its vtable (own size, the table's size, places of the four fields), then the table.
  for (const uint16_t entry : {uint16_t{12}, uint16_t{20}, uint16_t{16}, uint16_t{18}, uint16_t{4}, uint16_t{8}}) {
    to.put(entry);
  }
  to.pad(0);
  to.point_here(root);
  const size_t message_at = to.at();
  to.put(static_cast<int32_t>(message_at - (root + 4)));
  to.put(uint32_t{0});  // header
  to.put(*body_length);
  to.put(*version);
  to.put(kHeaderRecordBatch);
  // The record batch in the same way.
  to.pad(0);
  const size_t batch_vtable = to.at();
  for (const uint16_t entry :
       {uint16_t{12}, uint16_t{24}, uint16_t{8}, uint16_t{4}, uint16_t{16}, uint16_t(is_compressed ? 20 : 0)}) {
    to.put(entry);
  }
  to.pad(0);
  const size_t batch_at = to.at();
  to.point_here(message_at + 4);
  to.put(static_cast<int32_t>(batch_at - batch_vtable));
  to.put(uint32_t{0});  // nodes
  to.put(*rows);
  to.put(uint32_t{0});  // buffers
  to.put(uint32_t{0});  // compression
  to.vector(nodes->bytes, batch_at + 4);
  to.vector(buffers->bytes, batch_at + 16);
  if (is_compressed) {
    to.pad(0);
    const size_t vtable = to.at();
    for (const uint16_t entry : {uint16_t{8}, uint16_t{6}, uint16_t{4}, uint16_t{5}}) to.put(entry);
    to.point_here(batch_at + 20);
    to.put(static_cast<int32_t>(to.at() - vtable));
    to.put(*codec);
    to.put(*method);
  }
  to.pad(0);
  const auto length = static_cast<uint32_t>(out.size() - kPrefix);
  std::memcpy(out.data() + 4, &length, sizeof length);
  return true;
}

}  // namespace rapidbyte::ipc
