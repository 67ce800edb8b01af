#pragma once
// What fuzz targets share: taking an input apart into choices and texts, and failing loudly when a property does not
// hold. Every target is one function over bytes, which libFuzzer calls (preset `fuzz`), or replay_main.cc with each
// file of the corpus (all other presets).

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace rapidbyte::fuzz {

/// Takes bytes from the input's beginning; zeros when it is used up.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : rest_(data, size) {}

  uint8_t byte() {
    if (rest_.empty()) return 0;
    const uint8_t value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }
  template <typename T>
  T number() {
    T value{};
    const size_t count = std::min(sizeof(T), rest_.size());
    if (count > 0) std::memcpy(&value, rest_.data(), count);
    rest_ = rest_.subspan(count);
    return value;
  }
  /// Up to 255 bytes, as the first one says.
  std::string_view short_text() {
    // One after the other: which argument of a call comes first is the compiler's choice.
    const size_t wanted = byte();
    const size_t count = std::min(wanted, rest_.size());
    const std::string_view text(reinterpret_cast<const char*>(rest_.data()), count);
    rest_ = rest_.subspan(count);
    return text;
  }
  [[nodiscard]] bool empty() const { return rest_.empty(); }
  [[nodiscard]] std::span<const uint8_t> bytes() const { return rest_; }
  [[nodiscard]] std::string_view text() const { return {reinterpret_cast<const char*>(rest_.data()), rest_.size()}; }

 private:
  std::span<const uint8_t> rest_;
};

/// Ends the program when `holds` is false, so that the fuzzer keeps the input.
inline void check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "property broken: %s\n", what);
  std::abort();
}
inline void check_equal(std::string_view got, std::string_view wanted, const char* what) {
  if (got == wanted) return;
  std::fprintf(stderr, "property broken: %s\n     got: %.*s\n  wanted: %.*s\n", what, static_cast<int>(got.size()),
               got.data(), static_cast<int>(wanted.size()), wanted.data());
  std::abort();
}

}  // namespace rapidbyte::fuzz
