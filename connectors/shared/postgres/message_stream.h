#pragma once
// MessageStream: messages of the protocol over a ServerSocket. Incoming messages are views into the block that the
// host read, wherever a message lies in one block; only one that crosses two blocks is put together in a buffer.
// Outgoing messages are gathered in out() until flush(). Notices, parameters and notifications, which may come at any
// time, are handled here and never reach a caller.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "postgres/message.h"
#include "postgres/server_socket.h"
#include "rapidbyte/sdk/byte_buffer.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::postgres {

class MessageStream {
 public:
  /// Largest message that is put together in memory. Rows of catalogs and errors are far below; the data of a COPY is
  /// handed out in pieces and has no limit here.
  static constexpr uint32_t kMaxMessageBytes = 64U << 20U;

  explicit MessageStream(ServerSocket socket) : socket_(std::move(socket)) {}
  MessageStream(const MessageStream&) = delete;
  MessageStream& operator=(const MessageStream&) = delete;

  /// The next message; sends what is queued before. SERVER_CLOSED (transient-network) at the end of the connection,
  /// PROTOCOL (internal) for a length that cannot be. After an error the stream is broken and closed.
  sdk::Result<Message> next();
  /// As next(), with the body of CopyData messages left in the stream: body is what of it is here, `rest` what is
  /// still to come of this message; take that by more_copy_data(). Used by CopyOut.
  sdk::Result<Message> next_or_copy_data(uint32_t& rest);
  /// The next piece of a CopyData message, 1 to `rest` bytes, from the block that is here or from the next one.
  sdk::Result<std::span<const uint8_t>> more_copy_data(uint32_t rest);

  /// Messages to send. Writers append to it; nothing goes out before flush() or next().
  sdk::ByteBuffer& out() { return out_; }
  sdk::Status flush();
  /// Sends `data` without copying it, behind what is queued.
  sdk::Status send(std::span<const uint8_t> data);
  /// Takes in what the server sent, without waiting: then has_error() knows whether it has refused something.
  sdk::Status poll();
  /// Whether an ErrorResponse is among the messages that came in and were not taken yet. Only looked at by poll() and
  /// while a write waits for room.
  [[nodiscard]] bool has_error() const { return error_seen_; }

  /// Bytes of the current block that were not taken yet, for CopyOut's loop, which takes whole messages in place.
  [[nodiscard]] const uint8_t* here() const { return here_; }
  [[nodiscard]] size_t available() const { return static_cast<size_t>(end_ - here_); }
  void skip(size_t count) { here_ += count; }

  ServerSocket& socket() { return socket_; }
  /// ParameterStatus values, newest.
  [[nodiscard]] const std::map<std::string, std::string, std::less<>>& parameters() const { return parameters_; }
  /// No further use: the socket is closed.
  void break_off();
  [[nodiscard]] bool is_broken() const { return !socket_.is_open(); }

 private:
  struct Header {
    char type = '\0';
    uint32_t body_bytes = 0;
  };
  sdk::Status read_block();
  void use_block(sdk::Bytes block);
  sdk::Result<std::span<const uint8_t>> take(size_t count);
  sdk::Result<Header> read_header();
  sdk::Status take_in(sdk::Bytes block);
  void scan_for_error(std::span<const uint8_t> bytes);
  /// True when the message was one that may come at any time.
  sdk::Result<bool> handle_asynchronous(const Message& message);

  ServerSocket socket_;
  sdk::Bytes block_;  // what here_ and end_ point into
  const uint8_t* here_ = nullptr;
  const uint8_t* end_ = nullptr;
  std::deque<sdk::Bytes> waiting_;  // blocks that came in while writing
  size_t waiting_bytes_ = 0;
  sdk::ByteBuffer assembled_;  // a message that crossed blocks
  sdk::ByteBuffer out_;
  std::map<std::string, std::string, std::less<>> parameters_;
  // Where poll() is in the bytes that came in: rest of the message's body, or header bytes still missing.
  uint8_t scan_header_[kMessageHeaderBytes] = {};
  uint32_t scan_header_have_ = 0;
  uint64_t scan_skip_ = 0;
  bool error_seen_ = false;
};

}  // namespace rapidbyte::postgres
