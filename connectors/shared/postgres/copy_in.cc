#include "postgres/copy_in.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "postgres/connection.h"
#include "postgres/connection_state.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::postgres {

namespace {

// How often to look for an early error: a host call per 2 MiB costs nothing, and a refused load stops within them.
constexpr uint64_t kPollBytes = 2 << 20;
// Data above this size is sent in its own message, straight from where it is.
constexpr size_t kLargeBytes = 64 << 10;
// The longest message of data: far below PostgreSQL's limit of 1 GiB, since the server loads each into memory.
constexpr size_t kMaxDataBytes = 4 << 20;

}  // namespace

CopyIn::CopyIn(ConnectionState& session) : session_(&session), stream_(&session.stream) { begin_message(); }

CopyIn::CopyIn(CopyIn&& other) noexcept
    : session_(std::exchange(other.session_, nullptr)),
      stream_(other.stream_),
      started_(other.started_),
      bytes_sent_(other.bytes_sent_),
      next_poll_(other.next_poll_) {}

CopyIn::~CopyIn() {
  if (session_ != nullptr) session_->stream.abort();
}

void CopyIn::begin_message() {
  out().push('d');
  out().append_filled(4, 0);
}

/// Writes the length of the message that begins out(), of which `more` bytes are not in out(). A message without data
/// is removed.
void CopyIn::end_message(size_t more) {
  const size_t payload = out().size() - kMessageHeaderBytes + more;
  if (payload == 0) {
    out().clear();
    return;
  }
  store_be(out().data() + 1, static_cast<uint32_t>(payload + 4));
  bytes_sent_ += payload;
}

sdk::Status CopyIn::send() {
  if (session_ == nullptr) return sdk::internal_error(codes::kCopyOver, "this COPY has ended already");
  if (out().size() > kMessageHeaderBytes + kMaxDataBytes) {
    // Grown by one large value. CopyData messages need not end where rows end.
    sdk::ByteBuffer large = std::move(out());
    begin_message();
    sdk::Status status = write(large.span().subspan(kMessageHeaderBytes));
    if (status.ok()) status = out().size() > kMessageHeaderBytes ? send() : sdk::Status();
    return status;
  }
  end_message(0);
  if (sdk::Status status = stream_->flush(); !status.ok()) return end(std::move(status));
  RB_SDK_RETURN_NOT_OK(check_early_error());
  begin_message();
  return {};
}

sdk::Status CopyIn::write(std::span<const uint8_t> data) {
  if (session_ == nullptr) return sdk::internal_error(codes::kCopyOver, "this COPY has ended already");
  while (data.size() >= kLargeBytes) {
    const auto part = data.first(std::min(data.size(), kMaxDataBytes));
    data = data.subspan(part.size());
    end_message(part.size());
    if (sdk::Status status = stream_->send(part); !status.ok()) return end(std::move(status));
    RB_SDK_RETURN_NOT_OK(check_early_error());
    begin_message();
  }
  out().append(data.data(), data.size());
  return send_if_full();
}

sdk::Status CopyIn::check_early_error() {
  if (!stream_->has_error() && bytes_sent_ >= next_poll_) {
    next_poll_ = bytes_sent_ + kPollBytes;
    if (sdk::Status status = stream_->poll(); !status.ok()) return end(std::move(status));
    if (sdk::Status status = take_start(); !status.ok()) return end(std::move(status));
  }
  if (!stream_->has_error()) return {};
  // The server has left COPY already, or never started it; what we sent since is ignored. It has an error and
  // ReadyForQuery for us.
  stream_->out().clear();
  const auto result = answer();
  return end(result.ok() ? protocol_error("a COPY that ends before its data") : result.status());
}

sdk::Status CopyIn::take_start() {
  while (!started_) {
    RB_SDK_RETURN_NOT_OK(stream_->take_asynchronous());
    const std::optional<char> type = stream_->whole_message_here();
    if (type != 'C' && type != 'G') return {};
    RB_SDK_ASSIGN_OR_RETURN(const Message message, stream_->next());
    started_ = message.type == 'G';
  }
  return stream_->take_asynchronous();
}

sdk::Status CopyIn::await_start() {
  while (!started_) {
    RB_SDK_ASSIGN_OR_RETURN(const Message message, stream_->next());
    // From a preceding statement.
    if (message.type == 'C') continue;
    if (message.type == 'E') return session_->fail_with(message.body, "");
    if (message.type != 'G') {
      stream_->abort();
      return sdk::internal_error(codes::kNotACopy, "the statement is not a COPY in the direction that was expected");
    }
    started_ = true;
  }
  return {};
}

sdk::Result<CommandResult> CopyIn::answer() {
  RB_SDK_RETURN_NOT_OK(await_start());
  return session_->finish_command("COPY");
}

/// The copy has ended with `status`, and the connection is in order or already broken.
sdk::Status CopyIn::end(sdk::Status status) {
  std::exchange(session_, nullptr)->copying = false;
  return status;
}

sdk::Result<CommandResult> CopyIn::finish() {
  if (session_ == nullptr) return sdk::internal_error(codes::kCopyOver, "this COPY has ended already");
  RB_SDK_RETURN_NOT_OK(send());
  stream_->out().clear();
  RB_SDK_RETURN_NOT_OK(MessageWriter(out(), 'c').end());
  auto result = answer();
  (void)end({});
  return result;
}

sdk::Status CopyIn::fail(std::string_view reason) {
  if (session_ == nullptr) return {};
  stream_->out().clear();
  std::string text(reason.substr(0, 1000));
  std::erase(text, '\0');
  RB_SDK_RETURN_NOT_OK(MessageWriter(out(), 'f').zero_terminated(text).end());
  const auto result = answer();
  (void)end({});
  if (result.ok()) return protocol_error("a COPY that succeeds although it was aborted");
  // 57014 is the server's answer to CopyFail. Another error came before it; the copy is rolled back all the same.
  return sqlstate_of(result.error()).empty() ? result.status() : sdk::Status();
}

}  // namespace rapidbyte::postgres
