#pragma once
// CopyIn: a running COPY ... FROM STDIN. Encoders append rows straight to out(), behind the header of a CopyData
// message whose length is written when it goes out: the bulk is copied by nobody on its way to the host. Call
// send_if_full() after each row or so; a row that turns out to be bad is taken back with out().truncate(). Nobody waits
// for the server to begin: when it refuses the statement or the load, the next send tells soon, and finish() at the
// latest, with the server's own error. Belongs to its Connection, which cannot be used for anything else until finish()
// or fail().

#include <cstdint>
#include <span>
#include <string_view>

#include "postgres/copy_out.h"
#include "postgres/message_stream.h"
#include "rapidbyte/sdk/byte_buffer.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::postgres {

class CopyIn {
 public:
  /// A message goes out when it has this many bytes. One host call each; more does not fit the sockets' buffers.
  static constexpr size_t kSendBytes = 192 << 10;
  /// The first one sooner, so that the server is at work while the rest is made.
  static constexpr size_t kFirstSendBytes = 16 << 10;

  CopyIn(CopyIn&& other) noexcept;
  CopyIn& operator=(CopyIn&&) = delete;
  /// An unfinished copy breaks the connection off, so that the server rolls it back.
  ~CopyIn();

  /// Where to append. Its size before the first row is not zero; remember it for truncate() row by row. What was there
  /// may be gone after send_if_full(), send() and write().
  sdk::ByteBuffer& out() { return stream_->out(); }
  sdk::Status send_if_full() {
    if (out().size() < wanted_bytes()) return {};
    return send();
  }
  /// Size of out() at which send_if_full() sends it.
  [[nodiscard]] size_t wanted_bytes() const { return bytes_sent_ == 0 ? kFirstSendBytes : kSendBytes; }
  /// Sends what is in out(). The server's error if it refused something; the copy is over then.
  sdk::Status send();
  /// Appends bytes; large ones go out in their own messages without being copied, with what is in out() before them,
  /// which then cannot be taken back any more.
  sdk::Status write(std::span<const uint8_t> data);

  /// Ends the copy; the server's count of rows, or its error.
  sdk::Result<CommandResult> finish();
  /// Gives up: the server rolls the copy back. Ok when it confirms that; the connection can be used again (inside a
  /// transaction only for ROLLBACK).
  sdk::Status fail(std::string_view reason);

  /// Payload bytes sent so far.
  [[nodiscard]] uint64_t bytes_sent() const { return bytes_sent_; }

 private:
  friend class Connection;
  explicit CopyIn(ConnectionState& session);
  void begin_message();
  void end_message(size_t more);
  sdk::Status check_early_error();
  sdk::Status end(sdk::Status status);
  /// Takes the answers up to that of COPY, waiting for them; NOT_A_COPY (internal), or the server's error.
  sdk::Status await_start();
  /// Those that are here already.
  sdk::Status take_start();
  /// What the server says to the copy as a whole.
  sdk::Result<CommandResult> answer();

  ConnectionState* session_;  // null when moved from or over
  MessageStream* stream_;
  bool started_ = false;  // the server has said so
  uint64_t bytes_sent_ = 0;
  uint64_t next_poll_ = 0;  // bytes_sent_ at which to look for an early error
};

}  // namespace rapidbyte::postgres
