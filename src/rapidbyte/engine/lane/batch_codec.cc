#include "rapidbyte/engine/lane/batch_codec.h"

#include <fmt/format.h>
#include <lz4frame.h>
#include <zstd.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::engine {
namespace {

using pipeline::Compression;

constexpr std::array<char, 4> kMagic = {'R', 'B', 'P', '1'};
// A batch stays in a queue for milliseconds, so speed matters, not the last percent of size.
constexpr int kZstdLevel = 1;
// Neither codec can expand a byte further than this, so a larger size in the header is false. zstd's raw limit is 128
// KiB per 4-byte block; lz4's is 255.
constexpr uint64_t kMaxExpansion = uint64_t{128} * 1024;

struct Header {
  Compression codec;
  uint64_t size;
};

void write_header(std::byte* out, Compression codec, uint64_t size) {
  std::memcpy(out, kMagic.data(), kMagic.size());
  const auto number = static_cast<uint32_t>(codec);
  std::memcpy(out + 4, &number, sizeof(number));
  std::memcpy(out + 8, &size, sizeof(size));
}

Status damaged(std::string_view why) {
  return make_error(ErrorCategory::kData, codes::kDecompressionFailed,
                    fmt::format("a queued batch cannot be decompressed: {}. This is a fault of the host, not of the "
                                "data; please report it, and set resources.compression to none until it is fixed",
                                why));
}

Status cannot_pack(std::string_view why) {
  return internal_error(
      codes::kCompressionFailed,
      fmt::format("a batch cannot be compressed for its queue: {}. Set resources.compression to none", why));
}

Result<Header> read_header(std::span<const std::byte> packed) {
  if (packed.size() < kPackedHeaderBytes || std::memcmp(packed.data(), kMagic.data(), kMagic.size()) != 0) {
    return damaged("it does not begin with the header of a compressed batch");
  }
  uint32_t codec = 0;
  Header header{};
  std::memcpy(&codec, packed.data() + 4, sizeof(codec));
  std::memcpy(&header.size, packed.data() + 8, sizeof(header.size));
  if (codec > static_cast<uint32_t>(Compression::kZstd)) return damaged(fmt::format("codec {} is unknown", codec));
  header.codec = static_cast<Compression>(codec);
  return header;
}

struct FreeZstdC {
  void operator()(ZSTD_CCtx* p) const { ZSTD_freeCCtx(p); }
};
struct FreeZstdD {
  void operator()(ZSTD_DCtx* p) const { ZSTD_freeDCtx(p); }
};
struct FreeLz4D {
  void operator()(LZ4F_dctx* p) const { LZ4F_freeDecompressionContext(p); }
};

}  // namespace

struct BatchCodec::Contexts {
  std::unique_ptr<ZSTD_CCtx, FreeZstdC> zstd_c;
  std::unique_ptr<ZSTD_DCtx, FreeZstdD> zstd_d;
  std::unique_ptr<LZ4F_dctx, FreeLz4D> lz4_d;

  ZSTD_CCtx* zstd_compressor() {
    if (!zstd_c) {
      zstd_c.reset(ZSTD_createCCtx());
      if (!zstd_c) return nullptr;
      ZSTD_CCtx_setParameter(zstd_c.get(), ZSTD_c_compressionLevel, kZstdLevel);
      ZSTD_CCtx_setParameter(zstd_c.get(), ZSTD_c_checksumFlag, 1);
    }
    return zstd_c.get();
  }
  ZSTD_DCtx* zstd_decompressor() {
    if (!zstd_d) zstd_d.reset(ZSTD_createDCtx());
    return zstd_d.get();
  }
  LZ4F_dctx* lz4_decompressor() {
    if (!lz4_d) {
      LZ4F_dctx* made = nullptr;
      if (LZ4F_isError(LZ4F_createDecompressionContext(&made, LZ4F_VERSION)) != 0) return nullptr;
      lz4_d.reset(made);
    }
    return lz4_d.get();
  }
};

namespace {

LZ4F_preferences_t lz4_preferences(size_t size) {
  LZ4F_preferences_t preferences{};
  preferences.frameInfo.contentSize = size;
  preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
  preferences.frameInfo.blockMode = LZ4F_blockIndependent;
  preferences.frameInfo.blockSizeID = LZ4F_max4MB;
  return preferences;
}

// Unpacks a whole lz4 frame into exactly `out`.
Status unpack_lz4(LZ4F_dctx* context, std::span<const std::byte> frame, std::span<std::byte> out) {
  LZ4F_resetDecompressionContext(context);
  size_t in_at = 0;
  size_t out_at = 0;
  size_t more = 1;
  while (more != 0) {
    size_t in_size = frame.size() - in_at;
    size_t out_size = out.size() - out_at;
    more = LZ4F_decompress(context, out.data() + out_at, &out_size, frame.data() + in_at, &in_size, nullptr);
    if (LZ4F_isError(more) != 0) return damaged(LZ4F_getErrorName(more));
    in_at += in_size;
    out_at += out_size;
    if (more != 0 && in_size == 0 && out_size == 0) return damaged("the lz4 frame is truncated or larger than it says");
  }
  if (out_at != out.size() || in_at != frame.size()) return damaged("the lz4 frame has a different size than it says");
  return {};
}

}  // namespace

BatchCodec::BatchCodec(std::shared_ptr<BufferPool> pool)
    : pool_(std::move(pool)), contexts_(std::make_unique<Contexts>()) {}
BatchCodec::~BatchCodec() = default;
BatchCodec::BatchCodec(BatchCodec&&) noexcept = default;
BatchCodec& BatchCodec::operator=(BatchCodec&&) noexcept = default;

Result<PooledBuffer> BatchCodec::pack(Compression codec, std::span<const std::byte> bytes) {
  try {
    size_t bound = bytes.size();
    const LZ4F_preferences_t lz4 = lz4_preferences(bytes.size());
    if (codec == Compression::kLz4) bound = LZ4F_compressFrameBound(bytes.size(), &lz4);
    if (codec == Compression::kZstd) bound = ZSTD_compressBound(bytes.size());
    if (ZSTD_isError(bound) != 0 || bound > std::numeric_limits<size_t>::max() - kPackedHeaderBytes) {
      return cannot_pack(fmt::format("{} bytes are too many", bytes.size()));
    }
    PooledBuffer room = pool_->acquire(kPackedHeaderBytes + bound);
    write_header(room.data(), codec, bytes.size());
    std::byte* out = room.data() + kPackedHeaderBytes;
    size_t size = bytes.size();
    if (codec == Compression::kNone) {
      if (!bytes.empty()) std::memcpy(out, bytes.data(), bytes.size());
    } else if (codec == Compression::kLz4) {
      size = LZ4F_compressFrame(out, bound, bytes.data(), bytes.size(), &lz4);
      if (LZ4F_isError(size) != 0) return cannot_pack(LZ4F_getErrorName(size));
    } else {
      ZSTD_CCtx* context = contexts_->zstd_compressor();
      if (context == nullptr) return cannot_pack("out of memory");
      size = ZSTD_compress2(context, out, bound, bytes.data(), bytes.size());
      if (ZSTD_isError(size) != 0) return cannot_pack(ZSTD_getErrorName(size));
    }
    room.resize_within_capacity(kPackedHeaderBytes + size);
    // The queue should hold the small form: a buffer of the maximum size would save nothing.
    if (room.size() <= room.capacity() / 2) return pool_->copy_of(room.bytes());
    return room;
  } catch (const std::bad_alloc&) {
    return cannot_pack("out of memory");
  }
}

Result<PooledBuffer> BatchCodec::unpack(std::span<const std::byte> packed, size_t max_bytes) {
  RB_ASSIGN_OR_RETURN(const Header header, read_header(packed));
  const auto frame = packed.subspan(kPackedHeaderBytes);
  if (header.size > max_bytes) {
    return make_error(
        ErrorCategory::kData, codes::kBatchTooLarge,
        fmt::format("a queued batch says that it holds {} bytes; at most {} are allowed here", header.size, max_bytes));
  }
  if (header.codec == Compression::kNone ? header.size != frame.size() : header.size / kMaxExpansion > frame.size()) {
    return damaged(fmt::format("{} bytes cannot hold the {} that it says", frame.size(), header.size));
  }
  try {
    PooledBuffer out = pool_->acquire(header.size);
    if (header.codec == Compression::kNone) {
      if (!frame.empty()) std::memcpy(out.data(), frame.data(), frame.size());
    } else if (header.codec == Compression::kLz4) {
      LZ4F_dctx* context = contexts_->lz4_decompressor();
      if (context == nullptr) return damaged("out of memory");
      RB_RETURN_NOT_OK(unpack_lz4(context, frame, {out.data(), out.size()}));
    } else {
      ZSTD_DCtx* context = contexts_->zstd_decompressor();
      if (context == nullptr) return damaged("out of memory");
      const size_t size = ZSTD_decompressDCtx(context, out.data(), out.size(), frame.data(), frame.size());
      if (ZSTD_isError(size) != 0) return damaged(ZSTD_getErrorName(size));
      if (size != out.size()) return damaged("the zstd frame has a different size than it says");
    }
    return out;
  } catch (const std::bad_alloc&) {
    return damaged("out of memory");
  }
}

}  // namespace rapidbyte::engine
