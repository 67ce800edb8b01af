#include "postgres/copy_out.h"

#include <utility>

#include "postgres/connection.h"
#include "postgres/connection_state.h"

namespace rapidbyte::postgres {

CopyOut::CopyOut(ConnectionState& session, bool binary, uint16_t column_count)
    : session_(&session), stream_(&session.stream), binary_(binary), column_count_(column_count) {}

CopyOut::CopyOut(CopyOut&& other) noexcept
    : session_(std::exchange(other.session_, nullptr)),
      stream_(other.stream_),
      rest_(other.rest_),
      binary_(other.binary_),
      column_count_(other.column_count_),
      status_(std::move(other.status_)),
      result_(std::move(other.result_)) {}

CopyOut::~CopyOut() {
  if (session_ != nullptr) session_->stream.abort();
}

bool CopyOut::next_slow(CopyChunk& chunk) {
  chunk = {};
  while (session_ != nullptr) {
    if (rest_ != 0) {
      auto data = stream_->more_copy_data(rest_);
      if (!data.ok()) return end(std::move(data).status());
      chunk = {*data, rest_};
      return true;
    }
    const auto message = stream_->next_in_copy(rest_);
    if (!message.ok()) return end(message.status());
    switch (message->type) {
      case 'd':
        // Only the header was in this block, or the message is empty.
        if (message->body.empty()) continue;
        chunk = {message->body, rest_};
        return true;
      case 'c': return end({});
      case 'E': return end(session_->fail_with(message->body, "COPY"));
      default:
        stream_->abort();
        return end(protocol_error("a message " + describe_message_type(message->type) + " within the data of a COPY"));
    }
  }
  return false;
}

/// The data has ended: reads what the server says about the whole command. Returns false, for next_slow.
bool CopyOut::end(sdk::Status status) {
  status_ = std::move(status);
  ConnectionState* session = std::exchange(session_, nullptr);
  session->copying = false;
  rest_ = UINT32_MAX;  // keeps next() from looking at what the connection does afterwards
  if (!status_.ok()) return false;
  auto finished = session->finish_command("COPY");
  if (finished.ok()) {
    result_ = std::move(*finished);
  } else {
    status_ = std::move(finished).status();
  }
  return false;
}

}  // namespace rapidbyte::postgres
