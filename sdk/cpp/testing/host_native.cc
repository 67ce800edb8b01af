// The host functions of a native build: calls to the FakeHost of this thread.

#include "metric_call.h"
#include "rapidbyte/sdk/host.h"
#include "rapidbyte/testing/fake_host.h"

namespace rapidbyte::sdk {

namespace {

using testing::FakeHost;

Error no_host() {
  return {.category = ErrorCategory::kInternal,
          .code = "NO_HOST",
          .message = "no host serves this thread: make a rapidbyte::sdk::testing::FakeHost in the test first",
          .retry_after_ms = std::nullopt,
          .commit_state = std::nullopt,
          .details_json = std::nullopt};
}

}  // namespace

namespace host {

#define RB_SDK_WITH_HOST(call)                               \
  do {                                                       \
    FakeHost* fake = FakeHost::current();                    \
    if (fake == nullptr) return ::rapidbyte::sdk::no_host(); \
    return fake->call;                                       \
  } while (false)

Status emit_batch(std::span<const uint8_t> batch) { RB_SDK_WITH_HOST(emit_batch(batch)); }
Result<std::optional<Bytes>> next_batch() { RB_SDK_WITH_HOST(next_batch()); }
void log(LogLevel level, std::string_view message) {
  if (FakeHost* fake = FakeHost::current()) fake->log(level, message);
}
Status checkpoint(CheckpointKind kind, std::string_view payload_json) {
  RB_SDK_WITH_HOST(checkpoint(kind, payload_json));
}
Result<std::optional<std::string>> pending_checkpoint() { RB_SDK_WITH_HOST(pending_checkpoint()); }
Status send_metric(std::string_view payload_json) { RB_SDK_WITH_HOST(metric(payload_json)); }
Status emit_dlq_record(std::string_view stream, std::string_view record_json, std::string_view error_message,
                       ErrorCategory category) {
  RB_SDK_WITH_HOST(emit_dlq_record(
      {std::string(stream), std::string(record_json), std::string(error_message), std::string(to_string(category))}));
}
Result<std::optional<std::string>> state_get(Scope scope, std::string_view key) {
  RB_SDK_WITH_HOST(state_get(scope, key));
}
Status state_put(Scope scope, std::string_view key, std::string_view value) {
  RB_SDK_WITH_HOST(state_put(scope, key, value));
}
Result<bool> state_cas(Scope scope, std::string_view key, std::optional<std::string_view> expected,
                       std::string_view value) {
  RB_SDK_WITH_HOST(state_cas(scope, key, expected, value));
}
Result<SocketHandle> connect_tcp(std::string_view host, uint16_t port) { RB_SDK_WITH_HOST(connect_tcp(host, port)); }
Result<SocketRead> socket_read(SocketHandle handle, uint64_t max_bytes) {
  RB_SDK_WITH_HOST(socket_read(handle, max_bytes));
}
Result<std::optional<uint64_t>> socket_write(SocketHandle handle, std::span<const uint8_t> data) {
  RB_SDK_WITH_HOST(socket_write(handle, data));
}
Result<bool> socket_wait(SocketHandle handle, SocketInterest interest, uint32_t timeout_ms) {
  RB_SDK_WITH_HOST(socket_wait(handle, interest, timeout_ms));
}
Status socket_start_tls(SocketHandle handle, std::string_view server_name, TlsVerify verify,
                        std::optional<std::string_view> ca_pem) {
  RB_SDK_WITH_HOST(socket_start_tls(handle, server_name, verify, ca_pem));
}
void socket_close(SocketHandle handle) {
  if (FakeHost* fake = FakeHost::current()) fake->socket_close(handle);
}
std::vector<std::string> arguments() {
  const FakeHost* fake = FakeHost::current();
  return fake == nullptr ? std::vector<std::string>() : fake->arguments;
}

bool is_cancelled() {
  FakeHost* fake = FakeHost::current();
  return fake != nullptr && fake->is_cancelled();
}

}  // namespace host
}  // namespace rapidbyte::sdk
