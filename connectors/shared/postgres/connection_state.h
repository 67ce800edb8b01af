#pragma once
// ConnectionState: what Connection, CopyIn and CopyOut share: the stream of messages and the state of the session
// behind it, at an address that does not change. Private to this library.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "postgres/connection.h"
#include "postgres/message_stream.h"
#include "rapidbyte/sdk/error.h"

namespace rapidbyte::postgres {

struct ConnectionState {
  ConnectionState(ServerSocket socket, ConnectionOptions connection_options)
      : stream(std::move(socket)), options(std::move(connection_options)) {}

  /// Processes one message; false when it has no place in the answer.
  using Handler = std::function<sdk::Result<bool>(const Message& message)>;
  /// Reads an answer up to ReadyForQuery and passes each message to `on_message`. The result is an ErrorResponse, if
  /// there is one, once the rest has been read. `what` begins its message and may be empty.
  sdk::Status read_answer(std::string_view what, const Handler& on_message);
  /// The rest of a command's answer: its tag, even when other commands followed it in the same query, or the server's
  /// error.
  sdk::Result<CommandResult> finish_command(std::string_view what);
  /// `body` of an ErrorResponse as an error, after the rest of the answer has been read.
  sdk::Status fail_with(std::span<const uint8_t> body, std::string_view what);
  /// PROTOCOL, and closes the connection.
  sdk::Status unexpected(const Message& message, std::string_view what);

  MessageStream stream;
  ConnectionOptions options;  // without the password
  TransactionStatus transaction = TransactionStatus::kIdle;
  uint32_t backend_pid = 0;
  std::string cancel_key;
  bool encrypted = false;
  size_t queued = 0;  // statements since the last sync
  /// Statements that the server has parsed, by their text, with the number in their name.
  std::map<std::string, uint32_t, std::less<>> parsed;
  uint32_t last_parsed = 0;
  bool caching = true;
  /// Texts of the Parse messages that are queued, in order; empty for those without a name.
  std::vector<std::string> parsing;
  uint64_t posted = 0;  // statements whose answer has not been read
  bool copying = false;  // a CopyIn or CopyOut has the stream

 private:
  sdk::Status take_error(std::span<const uint8_t> body, std::string_view what);
};

/// Connects, does TLS as options.ssl_mode says, and logs in.
sdk::Result<std::unique_ptr<ConnectionState>> open_connection(const ConnectionOptions& options);
/// A connection to the server of `options`, for a cancel request; with TLS if `encrypted`.
sdk::Result<ServerSocket> open_cancel_socket(const ConnectionOptions& options, bool encrypted);
/// CommandComplete's tag.
sdk::Result<CommandResult> parse_command_complete(std::span<const uint8_t> body);

}  // namespace rapidbyte::postgres
