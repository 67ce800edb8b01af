#pragma once
// CopyOut: the data of a running COPY ... TO STDOUT as views into the block that came from the socket. PostgreSQL sends
// one CopyData message per row (preceded by the binary header, followed by the trailer), so a decoder usually sees
// whole rows in place; a message that crosses two blocks arrives in pieces, as `rest` says. Belongs to its Connection,
// which cannot be used for anything else until the copy has ended.

#include <cstdint>
#include <span>
#include <string>

#include "postgres/message_stream.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::postgres {

/// Counts of a completed command.
struct CommandResult {
  std::string tag;  // "INSERT 0 5"
  uint64_t affected_rows = 0;  // the tag's last number
};

/// A piece of one CopyData message.
struct CopyChunk {
  std::span<const uint8_t> bytes;
  uint32_t rest = 0;  // bytes of the same message in the next chunks; 0: this ends the message
};

struct ConnectionState;
class Connection;

class CopyOut {
 public:
  CopyOut(CopyOut&& other) noexcept;
  CopyOut& operator=(CopyOut&&) = delete;
  /// An unfinished copy closes the connection: its data would otherwise have to be read to the end.
  ~CopyOut();

  /// The next piece into `chunk`, valid until the next call. False at the end of the data and after an error: status()
  /// tells which. In the common case, a whole message in the block, this makes no call.
  bool next(CopyChunk& chunk) {
    const uint8_t* at = stream_->here();
    const size_t available = stream_->available();
    if (rest_ == 0 && available > kMessageHeaderBytes && *at == 'd') {
      const auto length = load_be<uint32_t>(at + 1);
      if (length > 4 && length < available) {
        chunk.bytes = {at + kMessageHeaderBytes, length - 4};
        chunk.rest = 0;
        stream_->skip(size_t{1} + length);
        return true;
      }
    }
    return next_slow(chunk);
  }

  /// Ok while data comes and after the server has confirmed the end.
  [[nodiscard]] const sdk::Status& status() const { return status_; }
  /// The server's count, after the end.
  [[nodiscard]] const CommandResult& result() const { return result_; }
  [[nodiscard]] bool is_binary() const { return binary_; }
  [[nodiscard]] uint16_t column_count() const { return column_count_; }

 private:
  friend class Connection;
  CopyOut(ConnectionState& session, bool binary, uint16_t column_count);
  bool next_slow(CopyChunk& chunk);
  bool end(sdk::Status status);

  ConnectionState* session_;  // null when moved from or over
  MessageStream* stream_;
  uint32_t rest_ = 0;
  bool binary_;
  uint16_t column_count_;
  sdk::Status status_;
  CommandResult result_;
};

}  // namespace rapidbyte::postgres
