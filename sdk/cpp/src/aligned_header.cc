#include "aligned_header.h"

#include <cstring>
#include <optional>

#include "flatbuffer.h"

namespace rapidbyte::ipc {

namespace {

/// A flatbuffer that is written front to back; everything that is pointed to comes after what points to it.
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
  /// Pads until `extra` bytes past the end are aligned to 8.
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
  if (header.size() <= kPrefixSize) return false;
  const Flatbuffer in(header.subspan(kPrefixSize));
  const auto message = in.follow(0);
  if (!message || in.scalar<uint8_t>(*message, kMessageHeaderType) != kHeaderRecordBatch) return false;
  const auto batch = in.table(*message, kMessageHeader);
  if (!batch) return false;
  const auto nodes = in.vector(*batch, kBatchNodes, kStructSize);
  const auto buffers = in.vector(*batch, kBatchBuffers, kStructSize);
  if (!nodes || !buffers || (nodes->at % 8 == 0 && buffers->at % 8 == 0)) return false;
  // Present for types that nobody here reads.
  const auto variadic = in.field(*batch, kBatchVariadicCounts);
  if (!variadic || variadic->present) return false;
  const auto version = in.scalar<int16_t>(*message, kMessageVersion);
  const auto body_length = in.scalar<int64_t>(*message, kMessageBodyLength);
  const auto rows = in.scalar<int64_t>(*batch, kBatchLength);
  const auto compression_field = in.field(*batch, kBatchCompression);
  if (!version || !body_length || !rows || !compression_field) return false;
  const bool is_compressed = compression_field->present;
  std::optional<int8_t> codec, method;
  if (is_compressed) {
    const auto compression = in.follow(compression_field->at);
    if (!compression) return false;
    codec = in.scalar<int8_t>(*compression, kCompressionCodec);
    method = in.scalar<int8_t>(*compression, kCompressionMethod);
    if (!codec || !method) return false;
  }

  out.clear();
  const auto node_bytes = in.bytes(*nodes, kStructSize);
  const auto buffer_bytes = in.bytes(*buffers, kStructSize);
  out.reserve(kPrefixSize + 128 + node_bytes.size() + buffer_bytes.size());
  Writer to(out);
  // The prefix is as long as the alignment, so positions can be counted from it as well as from the flatbuffer.
  to.put(kContinuation);
  to.put(uint32_t{0});  // the length is filled in at the end
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
  to.vector(node_bytes, batch_at + 4);
  to.vector(buffer_bytes, batch_at + 16);
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
  const auto length = static_cast<uint32_t>(out.size() - kPrefixSize);
  std::memcpy(out.data() + 4, &length, sizeof length);
  return true;
}

}  // namespace rapidbyte::ipc
