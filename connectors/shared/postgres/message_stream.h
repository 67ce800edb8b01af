#pragma once
// MessageStream: protocol messages over a ServerSocket. Incoming messages are views into the block that the host read,
// if the message is within one block; only one that crosses two blocks is assembled in a buffer. Outgoing messages are
// collected in out() until flush(). Notices, parameters and notifications, which may come at any time, are handled here
// and never reach a caller.

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "postgres/message.h"
#include "postgres/server_socket.h"
#include "rapidbyte/sdk/byte_buffer.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::postgres {

class MessageStream {
 public:
  /// The largest message that is assembled in memory. Rows of catalogs and errors are far below; the data of a COPY is
  /// returned in pieces and has no limit here.
  static constexpr uint32_t kMaxMessageBytes = 64U << 20U;

  explicit MessageStream(ServerSocket socket) : socket_(std::move(socket)) {}
  MessageStream(const MessageStream&) = delete;
  MessageStream& operator=(const MessageStream&) = delete;

  /// The next message; sends what is queued first. SERVER_CLOSED (transient-network) at the end of the connection,
  /// PROTOCOL (internal) for an impossible length. After an error the stream is broken.
  sdk::Result<Message> next();
  /// As next(), but for CopyData ('d') returns and consumes only the part of its body that has arrived; `rest` is what
  /// more_copy_data() still has to deliver.
  sdk::Result<Message> next_in_copy(uint32_t& rest);
  /// The next 1 to `rest` bytes of a CopyData message.
  sdk::Result<std::span<const uint8_t>> more_copy_data(uint32_t& rest);

  /// Messages to send. Writers append to it; nothing is sent before flush() or next().
  sdk::ByteBuffer& out() { return out_; }
  /// Sends out(). Also succeeds when the connection is gone but the server has said why before: next() returns it.
  sdk::Status flush();
  /// Sends `data` without copying it, after out().
  sdk::Status send(std::span<const uint8_t> data);
  /// Reads what the server has sent, without waiting, so that has_error() knows it. Errors as flush().
  sdk::Status poll();
  /// Whether poll() or a write that waited for room found an ErrorResponse, which next() has not returned yet.
  [[nodiscard]] bool has_error() const { return has_error_; }
  /// Handles the messages at the front that nobody has to wait for, as poll() does; has_error() tells whether an
  /// ErrorResponse is next.
  sdk::Status take_asynchronous();
  /// The type of the next message if it has fully arrived, so that next() does not wait.
  [[nodiscard]] std::optional<char> whole_message_here() const;

  /// Bytes of the current block that have not been consumed yet, for CopyOut's loop, which reads whole messages in
  /// place.
  [[nodiscard]] const uint8_t* here() const { return here_; }
  [[nodiscard]] size_t available() const { return static_cast<size_t>(end_ - here_); }
  void skip(size_t count) { here_ += count; }

  ServerSocket& socket() { return socket_; }
  /// The newest ParameterStatus values.
  [[nodiscard]] const std::map<std::string, std::string, std::less<>>& parameters() const { return parameters_; }
  /// Ends all use: closes the socket.
  void abort();
  [[nodiscard]] bool is_broken() const { return !socket_.is_open(); }

 private:
  struct Header {
    char type = '\0';
    uint32_t body_bytes = 0;
  };
  sdk::Status read_block();
  sdk::Result<Header> read_header();
  sdk::Result<std::span<const uint8_t>> read_body(uint32_t count);
  sdk::Status send_all(std::span<const uint8_t> data);
  sdk::Status take_in(sdk::Bytes&& block);
  void look_for_last_words();
  /// True when the message was one that may come at any time.
  sdk::Result<bool> handle_asynchronous(const Message& message);
  /// One message; nullopt when it was an asynchronous one, which has been handled.
  sdk::Result<std::optional<Message>> next_unless_asynchronous();
  void log_notice(std::span<const uint8_t> body);
  sdk::Status broken(sdk::Status status);

  ServerSocket socket_;
  sdk::Bytes block_;  // the block of here_ and end_, unless they point into held_
  sdk::ByteBuffer held_;  // what arrived while we were writing
  const uint8_t* here_ = nullptr;
  const uint8_t* end_ = nullptr;
  sdk::ByteBuffer assembled_;  // a message that crossed blocks
  sdk::ByteBuffer out_;
  std::map<std::string, std::string, std::less<>> parameters_;
  bool has_error_ = false;
  uint32_t notices_ = 0;
};

}  // namespace rapidbyte::postgres
