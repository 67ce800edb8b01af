#pragma once
// Messages of the frontend/backend protocol 3.0 as bytes: a reader that cannot leave a message's body, a writer that
// appends messages to a buffer, and big-endian loads and stores. Pure buffer code: no socket. Everything that a server
// sends is untrusted until it is checked.

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "rapidbyte/sdk/byte_buffer.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::postgres {

/// Type byte and length, which counts itself but not the type byte.
inline constexpr size_t kMessageHeaderBytes = 5;

template <typename T>
inline T load_be(const uint8_t* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  if constexpr (sizeof(T) == 2) return static_cast<T>(__builtin_bswap16(static_cast<uint16_t>(value)));
  if constexpr (sizeof(T) == 4) return static_cast<T>(__builtin_bswap32(static_cast<uint32_t>(value)));
  if constexpr (sizeof(T) == 8) return static_cast<T>(__builtin_bswap64(static_cast<uint64_t>(value)));
  return value;
}

template <typename T>
inline void store_be(uint8_t* at, T value) {
  if constexpr (sizeof(T) == 2) value = static_cast<T>(__builtin_bswap16(static_cast<uint16_t>(value)));
  if constexpr (sizeof(T) == 4) value = static_cast<T>(__builtin_bswap32(static_cast<uint32_t>(value)));
  if constexpr (sizeof(T) == 8) value = static_cast<T>(__builtin_bswap64(static_cast<uint64_t>(value)));
  std::memcpy(at, &value, sizeof value);
}

/// One message of the server: its type and a view of its body, valid until the next read of the stream.
struct Message {
  char type = '\0';
  std::span<const uint8_t> body;
};

/// Parses a message's body. After the first read beyond its end, every read returns zero or nothing and failed() is
/// true, so a parser may check once at its end.
class BodyReader {
 public:
  explicit BodyReader(std::span<const uint8_t> body) : rest_(body) {}

  template <typename T>
  T number() {
    if (rest_.size() < sizeof(T)) return fail<T>();
    const T value = load_be<T>(rest_.data());
    rest_ = rest_.subspan(sizeof(T));
    return value;
  }
  /// `count` bytes.
  std::span<const uint8_t> bytes(size_t count);
  /// Up to a zero byte, which is consumed, too.
  std::string_view zero_terminated();
  [[nodiscard]] std::span<const uint8_t> rest() const { return rest_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  template <typename T>
  T fail() {
    rest_ = {};
    failed_ = true;
    return T{};
  }

  std::span<const uint8_t> rest_;
  bool failed_ = false;
};

/// Appends one message to `out`: begin with the constructor, append the fields, then end() writes the length.
class MessageWriter {
 public:
  /// `type` '\0': a message without a type byte (startup, SSLRequest, cancel).
  MessageWriter(sdk::ByteBuffer& out, char type);
  template <typename T>
  MessageWriter& number(T value) {
    uint8_t bytes[sizeof(T)];
    store_be(bytes, value);
    out_.append(bytes, sizeof bytes);
    return *this;
  }
  /// With a zero byte at the end. Requires that `text` has none.
  MessageWriter& zero_terminated(std::string_view text);
  MessageWriter& bytes(std::span<const uint8_t> bytes);
  MessageWriter& text(std::string_view text);
  /// Patches the length. MESSAGE_TOO_LARGE (data) when it does not fit 31 bits; the message is then removed again.
  sdk::Status end();

 private:
  sdk::ByteBuffer& out_;
  size_t start_;   // of the message
  size_t length_;  // where the length is
};

/// PROTOCOL (internal): the server sent something that the protocol does not allow.
sdk::Status protocol_error(std::string_view what);
/// `type` for messages: "'Z'" or "0x01".
std::string describe_message_type(char type);

}  // namespace rapidbyte::postgres
