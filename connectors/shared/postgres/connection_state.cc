#include "postgres/connection_state.h"

#include <charconv>

namespace rapidbyte::postgres {

using sdk::Result;
using sdk::Status;

Result<CommandResult> parse_command_complete(std::span<const uint8_t> body) {
  BodyReader reader(body);
  CommandResult out;
  out.tag = reader.zero_terminated();
  if (reader.failed()) return protocol_error("a CommandComplete that is cut");
  const size_t space = out.tag.rfind(' ');
  if (space != std::string::npos) {
    // Tags without a number ("BEGIN", "CREATE TABLE") leave it at 0.
    (void)std::from_chars(out.tag.data() + space + 1, out.tag.data() + out.tag.size(), out.affected_rows);
  }
  return out;
}

Status ConnectionState::unexpected(const Message& message, std::string_view what) {
  const std::string type = describe_message_type(message.type);
  stream.abort();
  return protocol_error("a message " + type + " in answer to " + std::string(what.empty() ? "a statement" : what));
}

/// An ErrorResponse as an error; the connection is closed when the server will close it.
Status ConnectionState::take_error(std::span<const uint8_t> body, std::string_view what) {
  auto error = parse_server_error(body);
  if (!error.ok() || error->is_fatal()) stream.abort();
  return error.ok() ? to_status(*error, what) : error.status();
}

Status ConnectionState::read_answer(std::string_view what, const Handler& on_message) {
  Status failure;
  for (;;) {
    const Result<Message> message = stream.next();
    if (!message.ok()) {
      if (!failure.ok()) return failure;
      return what.empty() ? message.status() : message.status().with_context(what);
    }
    if (message->type == 'Z') {
      const char status = message->body.size() == 1 ? static_cast<char>(message->body[0]) : '\0';
      switch (status) {
        case 'I': transaction = TransactionStatus::kIdle; break;
        case 'T': transaction = TransactionStatus::kInTransaction; break;
        case 'E': transaction = TransactionStatus::kFailed; break;
        default: return unexpected(*message, what);
      }
      return failure;
    }
    if (message->type == 'E') {
      Status error = take_error(message->body, what);
      if (failure.ok()) failure = std::move(error);
      if (stream.is_broken()) return failure;
      continue;
    }
    const Result<bool> taken = on_message(*message);
    if (!taken.ok()) {
      stream.abort();
      return taken.status();
    }
    if (!*taken) return unexpected(*message, what);
  }
}

Result<CommandResult> ConnectionState::finish_command(std::string_view what) {
  CommandResult out;
  RB_SDK_RETURN_NOT_OK(read_answer(what, [&](const Message& message) -> Result<bool> {
    if (message.type != 'C') return false;
    if (out.tag.empty()) {
      RB_SDK_ASSIGN_OR_RETURN(out, parse_command_complete(message.body));
    }
    return true;
  }));
  return out;
}

Status ConnectionState::fail_with(std::span<const uint8_t> body, std::string_view what) {
  Status error = take_error(body, what);
  if (!stream.is_broken()) {
    // Whatever this gives, the first error is the one to report.
    (void)read_answer(what, [](const Message&) -> Result<bool> { return false; });
  }
  return error;
}

}  // namespace rapidbyte::postgres
