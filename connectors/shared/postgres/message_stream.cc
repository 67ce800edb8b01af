#include "postgres/message_stream.h"

#include <algorithm>

#include "postgres/server_error.h"
#include "rapidbyte/sdk/host.h"

namespace rapidbyte::postgres {

namespace {

using sdk::Bytes;
using sdk::Result;
using sdk::Status;

// A trigger that raises a notice per row must not make a log line per row.
constexpr uint32_t kMaxLoggedNotices = 50;
// A server reports about 15 parameters; a hostile one could send them without end.
constexpr size_t kMaxParameters = 200;
// Answers that wait here while we write: a few bytes per queued statement. If there are more, the server is flooding
// us.
constexpr size_t kMaxHeldBytes = 64U << 20U;
// How long to look for the server's reason after a write has failed. It sent it before it closed.
constexpr uint32_t kLastWordsMs = 500;

bool is_asynchronous(char type) { return type == 'N' || type == 'S' || type == 'A'; }

}  // namespace

Status MessageStream::broken(Status status) {
  abort();
  return status;
}

void MessageStream::abort() {
  socket_.close();
  out_.clear();
  here_ = end_;
}

/// Replaces the current block, which must have been consumed, with the next one.
Status MessageStream::read_block() {
  Result<Bytes> block = socket_.read();
  if (!block.ok()) return broken(block.status());
  if (block->empty()) return broken(socket_.server_closed());
  block_ = std::move(*block);
  here_ = block_.data();
  end_ = here_ + block_.size();
  return {};
}

Result<MessageStream::Header> MessageStream::read_header() {
  uint8_t crossing[kMessageHeaderBytes];
  const uint8_t* header = crossing;
  if (available() >= kMessageHeaderBytes) {
    header = here_;
    skip(kMessageHeaderBytes);
  } else {
    for (uint8_t& byte : crossing) {
      if (available() == 0) RB_SDK_RETURN_NOT_OK(read_block());
      byte = *here_++;
    }
  }
  const auto length = load_be<uint32_t>(header + 1);
  if (length < 4 || length > INT32_MAX) {
    return broken(protocol_error("a message " + describe_message_type(static_cast<char>(header[0])) +
                                 " with an impossible length"));
  }
  return Header{static_cast<char>(header[0]), length - 4};
}

Result<std::span<const uint8_t>> MessageStream::read_body(uint32_t count) {
  if (available() >= count) {
    const std::span<const uint8_t> body(here_, count);
    skip(count);
    return body;
  }
  // Grows with the data that really arrives: a length alone, which may be a lie, takes no memory.
  assembled_.clear();
  while (assembled_.size() < count) {
    if (available() == 0) RB_SDK_RETURN_NOT_OK(read_block());
    const size_t part = std::min(available(), count - assembled_.size());
    assembled_.append(here_, part);
    skip(part);
  }
  return assembled_.span();
}

Result<Message> MessageStream::next() {
  RB_SDK_RETURN_NOT_OK(flush());
  for (;;) {
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<Message> message, next_unless_asynchronous());
    if (message) return *message;
  }
}

Result<std::optional<Message>> MessageStream::next_unless_asynchronous() {
  RB_SDK_ASSIGN_OR_RETURN(const Header header, read_header());
  if (header.body_bytes > kMaxMessageBytes) {
    return broken(protocol_error("a message " + describe_message_type(header.type) + " of " +
                                 std::to_string(header.body_bytes) + " bytes; the limit is " +
                                 std::to_string(kMaxMessageBytes)));
  }
  RB_SDK_ASSIGN_OR_RETURN(const std::span<const uint8_t> body, read_body(header.body_bytes));
  const Message message{header.type, body};
  if (message.type == 'E') has_error_ = false;
  RB_SDK_ASSIGN_OR_RETURN(const bool handled, handle_asynchronous(message));
  return handled ? std::optional<Message>() : std::optional<Message>(message);
}

Result<Message> MessageStream::next_in_copy(uint32_t& rest) {
  rest = 0;
  RB_SDK_RETURN_NOT_OK(flush());
  for (;;) {
    if (available() == 0) RB_SDK_RETURN_NOT_OK(read_block());
    if (*here_ == 'd') break;
    // Not next() for a message that may be followed by data: it would assemble a whole cell.
    RB_SDK_ASSIGN_OR_RETURN(const std::optional<Message> message, next_unless_asynchronous());
    if (message) return *message;
  }
  RB_SDK_ASSIGN_OR_RETURN(const Header header, read_header());
  const auto part = static_cast<uint32_t>(std::min<size_t>(available(), header.body_bytes));
  const Message message{header.type, {here_, part}};
  skip(part);
  rest = header.body_bytes - part;
  return message;
}

Result<std::span<const uint8_t>> MessageStream::more_copy_data(uint32_t& rest) {
  if (available() == 0) RB_SDK_RETURN_NOT_OK(read_block());
  const auto part = static_cast<uint32_t>(std::min<size_t>(available(), rest));
  const std::span<const uint8_t> data(here_, part);
  skip(part);
  rest -= part;
  return data;
}

Status MessageStream::flush() {
  if (out_.empty()) return {};
  Status status = send_all(out_.span());
  out_.clear();
  return status;
}

Status MessageStream::send(std::span<const uint8_t> data) {
  RB_SDK_RETURN_NOT_OK(flush());
  return send_all(data);
}

Status MessageStream::send_all(std::span<const uint8_t> data) {
  Status status = socket_.write(data, [this](Bytes&& block) { return take_in(std::move(block)); });
  if (status.ok()) return status;
  look_for_last_words();
  if (has_error_) return {};
  return broken(std::move(status));
}

Status MessageStream::poll() {
  Result<std::optional<Bytes>> came = socket_.read_available();
  if (came.ok() && !*came) return {};
  if (came.ok() && !(*came)->empty()) return take_in(std::move(**came));
  if (has_error_) return {};
  return broken(came.ok() ? socket_.server_closed() : came.status());
}

/// Keeps a block that arrived while we were writing, after the unread data, and handles the messages at the front that
/// nobody has to wait for.
Status MessageStream::take_in(Bytes&& block) {
  if (available() == 0) {
    held_.clear();
    block_ = std::move(block);
    here_ = block_.data();
    end_ = here_ + block_.size();
  } else {
    sdk::ByteBuffer all;
    const bool in_held = here_ >= held_.data() && here_ < held_.data() + held_.size();
    if (in_held && here_ == held_.data()) {
      all = std::move(held_);
    } else {
      all.append(here_, available());
    }
    all.append(block.data(), block.size());
    held_ = std::move(all);
    here_ = held_.data();
    end_ = here_ + held_.size();
    if (held_.size() > kMaxHeldBytes) return broken(protocol_error("it floods us with answers"));
  }
  return take_asynchronous();
}

Status MessageStream::take_asynchronous() {
  while (available() >= kMessageHeaderBytes) {
    const auto type = static_cast<char>(*here_);
    const auto length = load_be<uint32_t>(here_ + 1);
    if (type == 'E') has_error_ = true;
    if (!is_asynchronous(type) || length < 4 || length >= available()) break;
    const Message message{type, {here_ + kMessageHeaderBytes, length - 4}};
    skip(size_t{1} + length);
    RB_SDK_RETURN_NOT_OK(handle_asynchronous(message).status());
  }
  return {};
}

std::optional<char> MessageStream::whole_message_here() const {
  if (available() < kMessageHeaderBytes) return std::nullopt;
  const auto length = load_be<uint32_t>(here_ + 1);
  if (length < 4 || length >= available()) return std::nullopt;
  return static_cast<char>(*here_);
}

/// After a failed write: reads what the server sent before it closed, and looks for its error in it.
void MessageStream::look_for_last_words() {
  for (;;) {
    Result<std::optional<Bytes>> came = socket_.read_available(kLastWordsMs);
    if (!came.ok() || !*came || (*came)->empty() || !take_in(std::move(**came)).ok()) break;
  }
  const uint8_t* at = here_;
  while (static_cast<size_t>(end_ - at) >= kMessageHeaderBytes) {
    if (*at == 'E') has_error_ = true;
    const auto length = load_be<uint32_t>(at + 1);
    if (length < 4 || length >= static_cast<size_t>(end_ - at)) break;
    at += size_t{1} + length;
  }
}

Result<bool> MessageStream::handle_asynchronous(const Message& message) {
  if (!is_asynchronous(message.type)) return false;
  if (message.type == 'N') {
    log_notice(message.body);
  } else if (message.type == 'S') {
    BodyReader body(message.body);
    const std::string_view name = body.zero_terminated();
    const std::string_view value = body.zero_terminated();
    if (body.failed()) return broken(protocol_error("a ParameterStatus that is cut"));
    const auto known = parameters_.find(name);
    if (known != parameters_.end()) {
      known->second = value;
    } else if (parameters_.size() < kMaxParameters) {
      parameters_.emplace(name, value);
    }
  }
  return true;
}

void MessageStream::log_notice(std::span<const uint8_t> body) {
  const auto notice = parse_server_error(body);
  // An unreadable notice is no reason to fail a load.
  if (!notice.ok() || ++notices_ > kMaxLoggedNotices) return;
  std::string text = "PostgreSQL: " + notice->severity + ": " + notice->message;
  if (!notice->detail.empty()) text += " (" + notice->detail + ")";
  if (!notice->hint.empty()) text += ". " + notice->hint;
  if (notice->sqlstate != "00000") text += " (SQLSTATE " + notice->sqlstate + ")";
  if (notices_ == kMaxLoggedNotices) text += " (further notices of this connection are not shown)";
  sdk::host::log(notice->severity == "WARNING" ? sdk::host::LogLevel::kWarn : sdk::host::LogLevel::kDebug, text);
}

}  // namespace rapidbyte::postgres
