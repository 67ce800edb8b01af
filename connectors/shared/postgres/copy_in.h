#pragma once
// CopyIn: a running COPY ... FROM STDIN. Encoders append rows straight to out(), after the header of a CopyData message
// whose length is filled in when it is sent: the bulk of the data is never copied on its way to the host. Call
// send_if_full() after each row or so; a row that turns out to be bad is removed with out().truncate(). Nobody waits
// for the server to begin: when it refuses the statement or the load, one of the next sends reports it, and finish() at
// the latest, with the server's own error. Belongs to its Connection, which cannot be used for anything else until
// finish() or fail().

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
  /// A message is sent when it has this many bytes. One host call each; more does not fit the sockets' buffers.
  static constexpr size_t kSendBytes = 192 << 10;
  /// The first one is sent sooner, so that the server works while the rest is encoded.
  static constexpr size_t kFirstSendBytes = 16 << 10;

  CopyIn(CopyIn&& other) noexcept;
  CopyIn& operator=(CopyIn&&) = delete;
  /// An unfinished copy closes the connection, so that the server rolls it back.
  ~CopyIn();

  /// Where to append. Its size before the first row is not zero; remember it for truncate() row by row. Its content may
  /// be gone after send_if_full(), send() and write().
  sdk::ByteBuffer& out() { return stream_->out(); }
  sdk::Status send_if_full() {
    if (out().size() < wanted_bytes()) return {};
    return send();
  }
  /// Size of out() at which send_if_full() sends it.
  [[nodiscard]] size_t wanted_bytes() const { return bytes_sent_ == 0 ? kFirstSendBytes : kSendBytes; }
  /// Sends the content of out(). The server's error if it refused something; the copy has then ended.
  sdk::Status send();
  /// Appends bytes; large ones are sent in their own messages without being copied, preceded by the content of out(),
  /// which then can no longer be removed.
  sdk::Status write(std::span<const uint8_t> data);

  /// Ends the copy; returns the server's row count, or its error.
  sdk::Result<CommandResult> finish();
  /// Aborts: the server rolls the copy back. Ok when it confirms that; the connection can be used again (inside a
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
  /// Reads the answers up to that of COPY, waiting for them; NOT_A_COPY (internal), or the server's error.
  sdk::Status await_start();
  /// Reads those that have already arrived.
  sdk::Status take_start();
  /// The server's answer to the copy as a whole.
  sdk::Result<CommandResult> answer();

  ConnectionState* session_;  // null when moved from or over
  MessageStream* stream_;
  bool started_ = false;  // the server has confirmed it
  uint64_t bytes_sent_ = 0;
  uint64_t next_poll_ = 0;  // bytes_sent_ at which to look for an early error
};

}  // namespace rapidbyte::postgres
