#pragma once
// MessageStream: messages of the protocol over a ServerSocket. Incoming messages are views into the block that the
// host read, wherever a message lies in one block; only one that crosses two blocks is put together in a buffer.
// Outgoing messages are gathered in out() until flush(). Notices, parameters and notifications, which may come at any
// time, are handled here and never reach a caller.

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
  /// Largest message that is put together in memory. Rows of catalogs and errors are far below; the data of a COPY is
  /// handed out in pieces and has no limit here.
  static constexpr uint32_t kMaxMessageBytes = 64U << 20U;

  explicit MessageStream(ServerSocket socket) : socket_(std::move(socket)) {}
  MessageStream(const MessageStream&) = delete;
  MessageStream& operator=(const MessageStream&) = delete;

  /// The next message; sends what is queued before. SERVER_CLOSED (transient-network) at the end of the connection,
  /// PROTOCOL (internal) for a length that cannot be. After an error the stream is broken.
  sdk::Result<Message> next();
  /// As next(), but of CopyData ('d') only what is here of its body is given and taken; `rest` is what more_copy_data()
  /// still has to bring of it.
  sdk::Result<Message> next_in_copy(uint32_t& rest);
  /// The next 1 to `rest` bytes of a CopyData message.
  sdk::Result<std::span<const uint8_t>> more_copy_data(uint32_t& rest);

  /// Messages to send. Writers append to it; nothing goes out before flush() or next().
  sdk::ByteBuffer& out() { return out_; }
  /// Sends out(). Succeeds also when the connection is gone but the server has said why before: next() has it.
  sdk::Status flush();
  /// Sends `data` without copying it, behind out().
  sdk::Status send(std::span<const uint8_t> data);
  /// Takes in what the server sent, without waiting, so that has_error() knows it. Errors as flush().
  sdk::Status poll();
  /// Whether poll() or a write that waited for room found an ErrorResponse, which next() has not given yet.
  [[nodiscard]] bool has_error() const { return has_error_; }
  /// Handles the messages at the front that need no one to wait for them, as poll() does; has_error() knows whether an
  /// ErrorResponse is next.
  sdk::Status take_asynchronous();
  /// The type of the next message if all of it is here, so that next() does not wait.
  [[nodiscard]] std::optional<char> whole_message_here() const;

  /// Bytes of the current block that were not taken yet, for CopyOut's loop, which takes whole messages in place.
  [[nodiscard]] const uint8_t* here() const { return here_; }
  [[nodiscard]] size_t available() const { return static_cast<size_t>(end_ - here_); }
  void skip(size_t count) { here_ += count; }

  ServerSocket& socket() { return socket_; }
  /// ParameterStatus values, newest.
  [[nodiscard]] const std::map<std::string, std::string, std::less<>>& parameters() const { return parameters_; }
  /// No further use: closes the socket.
  void break_off();
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
  /// One message; nullopt when it was an asynchronous one, which has been dealt with.
  sdk::Result<std::optional<Message>> next_unless_asynchronous();
  void log_notice(std::span<const uint8_t> body);
  sdk::Status broken(sdk::Status status);

  ServerSocket socket_;
  sdk::Bytes block_;  // what here_ and end_ point into, unless it is held_
  sdk::ByteBuffer held_;  // what came in while we were writing
  const uint8_t* here_ = nullptr;
  const uint8_t* end_ = nullptr;
  sdk::ByteBuffer assembled_;  // a message that crossed blocks
  sdk::ByteBuffer out_;
  std::map<std::string, std::string, std::less<>> parameters_;
  bool has_error_ = false;
  uint32_t notices_ = 0;
};

}  // namespace rapidbyte::postgres
