// The host functions of a component: calls out of the sandbox. Compiled once per world.

#include <wasi/api.h>

#include "bindings_glue.h"
#include "metric_call.h"
#include "rapidbyte/sdk/host.h"

namespace rapidbyte::sdk::host {

using glue::borrow;
using glue::List;
using glue::String;
using glue::WireError;

Status emit_batch(std::span<const uint8_t> batch) {
  List list{const_cast<uint8_t*>(batch.data()), batch.size()};
  WireError error;
  if (!rapidbyte_connector_host_emit_batch(&list, &error)) return glue::take(error);
  return {};
}

Result<std::optional<Bytes>> next_batch() {
  RB_SDK_BINDING(_option_list_u8_t) out;
  WireError error;
  if (!rapidbyte_connector_host_next_batch(&out, &error)) return glue::take(error);
  if (!out.is_some) return std::optional<Bytes>();
  return std::optional<Bytes>(glue::take(out.val));
}

void log(LogLevel level, std::string_view message) {
  String text = borrow(message);
  rapidbyte_connector_host_log(static_cast<uint32_t>(level), &text);
}

Status checkpoint(CheckpointKind kind, std::string_view payload_json) {
  String payload = borrow(payload_json);
  WireError error;
  if (!rapidbyte_connector_host_checkpoint(static_cast<uint32_t>(kind), &payload, &error)) return glue::take(error);
  return {};
}

Result<std::optional<std::string>> pending_checkpoint() {
  RB_SDK_BINDING(_option_string_t) out;
  WireError error;
  if (!rapidbyte_connector_host_pending_checkpoint(&out, &error)) return glue::take(error);
  if (!out.is_some) return std::optional<std::string>();
  return std::optional<std::string>(glue::take(out.val));
}

Status send_metric(std::string_view payload_json) {
  String payload = borrow(payload_json);
  WireError error;
  if (!rapidbyte_connector_host_metric(&payload, &error)) return glue::take(error);
  return {};
}

Status emit_dlq_record(std::string_view stream, std::string_view record_json, std::string_view error_message,
                       ErrorCategory category) {
  String stream_text = borrow(stream);
  String record = borrow(record_json);
  String message = borrow(error_message);
  String category_text = borrow(to_string(category));
  WireError error;
  if (!rapidbyte_connector_host_emit_dlq_record(&stream_text, &record, &message, &category_text, &error)) {
    return glue::take(error);
  }
  return {};
}

Result<std::optional<std::string>> state_get(Scope scope, std::string_view key) {
  String key_text = borrow(key);
  RB_SDK_BINDING(_option_string_t) out;
  WireError error;
  if (!rapidbyte_connector_host_state_get(static_cast<uint32_t>(scope), &key_text, &out, &error)) {
    return glue::take(error);
  }
  if (!out.is_some) return std::optional<std::string>();
  return std::optional<std::string>(glue::take(out.val));
}

Status state_put(Scope scope, std::string_view key, std::string_view value) {
  String key_text = borrow(key);
  String value_text = borrow(value);
  WireError error;
  if (!rapidbyte_connector_host_state_put(static_cast<uint32_t>(scope), &key_text, &value_text, &error)) {
    return glue::take(error);
  }
  return {};
}

Result<bool> state_cas(Scope scope, std::string_view key, std::optional<std::string_view> expected,
                       std::string_view value) {
  String key_text = borrow(key);
  String expected_text = borrow(expected.value_or(std::string_view()));
  String value_text = borrow(value);
  bool done = false;
  WireError error;
  if (!rapidbyte_connector_host_state_cas(static_cast<uint32_t>(scope), &key_text, expected ? &expected_text : nullptr,
                                          &value_text, &done, &error)) {
    return glue::take(error);
  }
  return done;
}

Result<SocketHandle> connect_tcp(std::string_view host, uint16_t port) {
  String host_text = borrow(host);
  uint64_t handle = 0;
  WireError error;
  if (!rapidbyte_connector_host_connect_tcp(&host_text, port, &handle, &error)) return glue::take(error);
  return handle;
}

Result<SocketRead> socket_read(SocketHandle handle, uint64_t max_bytes) {
  rapidbyte_connector_host_socket_read_result_t read;
  WireError error;
  if (!rapidbyte_connector_host_socket_read(handle, max_bytes, &read, &error)) return glue::take(error);
  SocketRead out;
  if (read.tag == RAPIDBYTE_CONNECTOR_TYPES_SOCKET_READ_RESULT_DATA) {
    out.kind = SocketRead::Kind::kData;
    out.data = glue::take(read.val.data);
  } else if (read.tag == RAPIDBYTE_CONNECTOR_TYPES_SOCKET_READ_RESULT_EOF) {
    out.kind = SocketRead::Kind::kEof;
  }
  return out;
}

Result<std::optional<uint64_t>> socket_write(SocketHandle handle, std::span<const uint8_t> data) {
  List list{const_cast<uint8_t*>(data.data()), data.size()};
  rapidbyte_connector_host_socket_write_result_t written;
  WireError error;
  if (!rapidbyte_connector_host_socket_write(handle, &list, &written, &error)) return glue::take(error);
  if (written.tag != RAPIDBYTE_CONNECTOR_TYPES_SOCKET_WRITE_RESULT_WRITTEN) return std::optional<uint64_t>();
  return std::optional<uint64_t>(written.val.written);
}

Result<bool> socket_wait(SocketHandle handle, SocketInterest interest, uint32_t timeout_ms) {
  bool ready = false;
  WireError error;
  if (!rapidbyte_connector_host_socket_wait(handle, static_cast<uint8_t>(interest), timeout_ms, &ready, &error)) {
    return glue::take(error);
  }
  return ready;
}

Status socket_start_tls(SocketHandle handle, std::string_view server_name, TlsVerify verify,
                        std::optional<std::string_view> ca_pem) {
  String name = borrow(server_name);
  String pem = borrow(ca_pem.value_or(std::string_view()));
  WireError error;
  if (!rapidbyte_connector_host_socket_start_tls(handle, &name, static_cast<uint8_t>(verify), ca_pem ? &pem : nullptr,
                                                 &error)) {
    return glue::take(error);
  }
  return {};
}

void socket_close(SocketHandle handle) { rapidbyte_connector_host_socket_close(handle); }

bool is_cancelled() { return rapidbyte_connector_host_is_cancelled(); }

std::vector<std::string> arguments() {
  size_t count = 0;
  size_t bytes = 0;
  if (__wasi_args_sizes_get(&count, &bytes) != __WASI_ERRNO_SUCCESS || count == 0) return {};
  std::vector<uint8_t*> places(count);
  std::vector<uint8_t> text(bytes);
  if (__wasi_args_get(places.data(), text.data()) != __WASI_ERRNO_SUCCESS) return {};
  std::vector<std::string> out;
  for (const uint8_t* place : places) out.emplace_back(reinterpret_cast<const char*>(place));
  return out;
}

}  // namespace rapidbyte::sdk::host
