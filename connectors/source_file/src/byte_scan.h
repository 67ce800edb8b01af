#pragma once
// Finds bytes in text 64 at a time with the machine's vectors: SIMD128 in the guest, SSE2 natively, plain loops
// elsewhere. Pure functions. Every scanned buffer must be readable for kScanPadding bytes past its end; their content
// does not matter.

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace rapidbyte::source_file {

/// One scan step reads whole 64-byte blocks, so it may look this far past the end.
inline constexpr size_t kScanPadding = 64;

/// Bit i stands for byte i of a 64-byte block.
struct BlockMask {
  uint64_t special = 0;
  uint64_t non_ascii = 0;
};

/// Looks for five byte values at once. Values may repeat (an unset one repeats another).
class SpecialBytes {
 public:
  SpecialBytes(char a, char b, char c, char d, char e) : bytes_{a, b, c, d, e} {}

  [[nodiscard]] BlockMask scan(const char* block) const {
    BlockMask mask;
#if defined(__wasm_simd128__)
    for (unsigned part = 0; part < 4; ++part) {
      const v128_t v = wasm_v128_load(block + part * 16);
      v128_t hit = wasm_i8x16_eq(v, wasm_i8x16_splat(bytes_[0]));
      hit = wasm_v128_or(hit, wasm_i8x16_eq(v, wasm_i8x16_splat(bytes_[1])));
      hit = wasm_v128_or(hit, wasm_i8x16_eq(v, wasm_i8x16_splat(bytes_[2])));
      hit = wasm_v128_or(hit, wasm_i8x16_eq(v, wasm_i8x16_splat(bytes_[3])));
      hit = wasm_v128_or(hit, wasm_i8x16_eq(v, wasm_i8x16_splat(bytes_[4])));
      mask.special |= static_cast<uint64_t>(wasm_i8x16_bitmask(hit)) << (part * 16);
      mask.non_ascii |= static_cast<uint64_t>(wasm_i8x16_bitmask(v)) << (part * 16);
    }
#elif defined(__SSE2__)
    for (unsigned part = 0; part < 4; ++part) {
      const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + part * 16));
      __m128i hit = _mm_cmpeq_epi8(v, _mm_set1_epi8(bytes_[0]));
      hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8(bytes_[1])));
      hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8(bytes_[2])));
      hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8(bytes_[3])));
      hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8(bytes_[4])));
      mask.special |= static_cast<uint64_t>(static_cast<uint32_t>(_mm_movemask_epi8(hit))) << (part * 16);
      mask.non_ascii |= static_cast<uint64_t>(static_cast<uint32_t>(_mm_movemask_epi8(v))) << (part * 16);
    }
#else
    for (unsigned i = 0; i < 64; ++i) {
      const char c = block[i];
      const bool hit = c == bytes_[0] || c == bytes_[1] || c == bytes_[2] || c == bytes_[3] || c == bytes_[4];
      mask.special |= static_cast<uint64_t>(hit) << i;
      mask.non_ascii |= static_cast<uint64_t>(static_cast<unsigned char>(c) >> 7U) << i;
    }
#endif
    return mask;
  }

 private:
  char bytes_[5];
};

/// First position in [pos, end) of a quote, a backslash or a control character (which ends a run of plain characters in
/// a JSON string); `end` when there is none.
inline uint32_t find_json_string_stop(const char* data, uint32_t pos, uint32_t end) {
  while (pos < end) {
    uint32_t mask = 0;
#if defined(__wasm_simd128__)
    const v128_t v = wasm_v128_load(data + pos);
    v128_t hit = wasm_v128_or(wasm_i8x16_eq(v, wasm_i8x16_splat('"')), wasm_i8x16_eq(v, wasm_i8x16_splat('\\')));
    hit = wasm_v128_or(hit, wasm_u8x16_lt(v, wasm_u8x16_splat(0x20)));
    mask = static_cast<uint32_t>(wasm_i8x16_bitmask(hit));
#elif defined(__SSE2__)
    const __m128i v = _mm_loadu_si128(reinterpret_cast<const __m128i*>(data + pos));
    __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
    hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v));
    mask = static_cast<uint32_t>(_mm_movemask_epi8(hit));
#else
    for (unsigned i = 0; i < 16; ++i) {
      const auto c = static_cast<unsigned char>(data[pos + i]);
      mask |= static_cast<uint32_t>(c == '"' || c == '\\' || c < 0x20) << i;
    }
#endif
    if (mask != 0) {
      const uint32_t found = pos + static_cast<uint32_t>(__builtin_ctz(mask));
      return found < end ? found : end;
    }
    pos += 16;
  }
  return end;
}

/// Counts line ends (LF, CRLF or CR, each once) of text that arrives in pieces.
class LineCounter {
 public:
  /// Looks up to kScanPadding bytes past `end`.
  void feed(const char* begin, const char* end) {
    const char* p = begin;
    if (p < end && after_cr_ && *p == '\n') {
      ++p;  // counted with its CR
      after_cr_ = false;
    }
    const SpecialBytes line_feed('\n', '\n', '\n', '\n', '\n');
    const SpecialBytes carriage_return('\r', '\r', '\r', '\r', '\r');
    for (; end - p > 64; p += 64) {
      const uint64_t lf = line_feed.scan(p).special;
      const uint64_t cr = carriage_return.scan(p).special;
      lines_ += static_cast<uint64_t>(__builtin_popcountll(lf));
      if (cr == 0) continue;
      // A CR followed by an LF is one end; the LF of the last one is in the next block.
      const uint64_t next_lf = (lf >> 1U) | (static_cast<uint64_t>(p[64] == '\n') << 63U);
      lines_ += static_cast<uint64_t>(__builtin_popcountll(cr & ~next_lf));
    }
    for (; p < end; ++p) {
      const bool pair = *p == '\r' && p + 1 < end && p[1] == '\n';
      lines_ += static_cast<uint64_t>((*p == '\n' || *p == '\r') && !pair);
    }
    if (begin < end) after_cr_ = end[-1] == '\r';
  }
  [[nodiscard]] uint64_t lines() const { return lines_; }

 private:
  uint64_t lines_ = 0;
  bool after_cr_ = false;
};

}  // namespace rapidbyte::source_file
