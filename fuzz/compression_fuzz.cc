// Compressed batches: frames that anybody made, and what was packed comes back.

#include <memory>
#include <vector>

#include "fuzz_input.h"
#include "rapidbyte/engine/batch_codec.h"

using namespace rapidbyte;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto pool = std::make_shared<BufferPool>(size_t{1} << 20U);
  static engine::BatchCodec codec(pool);
  fuzz::Input input(data, size);
  const uint8_t choice = input.byte();
  const std::vector<uint8_t> copy(input.bytes().begin(), input.bytes().end());
  const auto bytes = std::as_bytes(std::span(copy));
  if (choice % 4 == 3) {
    constexpr size_t kMost = size_t{1} << 20U;
    const auto unpacked = codec.unpack(bytes, kMost);
    if (unpacked.ok()) fuzz::check(unpacked->bytes().size() <= kMost, "no more than the limit");
    return 0;
  }
  const auto packed = codec.pack(static_cast<pipeline::Compression>(choice % 3), bytes);
  fuzz::check(packed.ok(), "everything can be packed");
  const auto unpacked = codec.unpack(packed->bytes(), copy.size());
  fuzz::check(unpacked.ok() && std::ranges::equal(unpacked->bytes(), bytes), "what was packed comes back");
  return 0;
}
