#include "postgres/message.h"

#include <string>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::postgres {

std::span<const uint8_t> BodyReader::bytes(size_t count) {
  if (rest_.size() < count) return fail<std::span<const uint8_t>>();
  const auto out = rest_.first(count);
  rest_ = rest_.subspan(count);
  return out;
}

std::string_view BodyReader::zero_terminated() {
  const void* end = rest_.empty() ? nullptr : std::memchr(rest_.data(), 0, rest_.size());
  if (end == nullptr) return fail<std::string_view>();
  const auto length = static_cast<size_t>(static_cast<const uint8_t*>(end) - rest_.data());
  const std::string_view out(reinterpret_cast<const char*>(rest_.data()), length);
  rest_ = rest_.subspan(length + 1);
  return out;
}

MessageWriter::MessageWriter(sdk::ByteBuffer& out, char type) : out_(out), start_(out.size()) {
  if (type != '\0') out_.push(type);
  length_ = out_.size();
  out_.append_filled(4, 0);
}

MessageWriter& MessageWriter::zero_terminated(std::string_view text) {
  out_.append(text.data(), text.size());
  out_.push('\0');
  return *this;
}

MessageWriter& MessageWriter::bytes(std::span<const uint8_t> bytes) {
  out_.append(bytes.data(), bytes.size());
  return *this;
}

MessageWriter& MessageWriter::text(std::string_view text) {
  out_.append(text.data(), text.size());
  return *this;
}

sdk::Status MessageWriter::end() {
  const size_t length = out_.size() - length_;
  if (length > INT32_MAX) {
    out_.truncate(start_);
    return sdk::data_error(codes::kMessageTooLarge, "a statement or value of " + std::to_string(length) +
                                                        " bytes is more than PostgreSQL takes in one message (2 GiB)");
  }
  store_be(out_.data() + length_, static_cast<uint32_t>(length));
  return {};
}

sdk::Status protocol_error(std::string_view what) {
  return sdk::internal_error(codes::kProtocol,
                             "the server does not follow PostgreSQL's protocol: " + std::string(what) +
                                 ". Is it a PostgreSQL server, and is nothing in between that changes "
                                 "what it sends?");
}

std::string describe_message_type(char type) {
  if (type >= ' ' && type <= '~') return std::string("'") + type + "'";
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto byte = static_cast<uint8_t>(type);
  return {'0', 'x', kDigits[byte >> 4U], kDigits[byte & 15U]};
}

}  // namespace rapidbyte::postgres
