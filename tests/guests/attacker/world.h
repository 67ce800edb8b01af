#pragma once
// One spelling for the bindings of all worlds: wit-bindgen puts the world's name into its types. ATTACKER_WORLD is
// source, destination or transform, ATTACKER_INTERFACE the interface that it exports; RB_GUEST_DLQ says that the host
// offers emit-dlq-record, RB_GUEST_21 that it is of 2.1.0.

#define RB_PASTE_INNER(a, b) a##b
#define RB_PASTE(a, b) RB_PASTE_INNER(a, b)
#define RB_QUOTE_INNER(x) #x
#define RB_QUOTE(x) RB_QUOTE_INNER(x)
#define RB_BINDING(name) RB_PASTE(RB_PASTE(rapidbyte_, ATTACKER_WORLD), name)
/// A function or type that the world exports.
#define RB_EXPORT(name) RB_PASTE(RB_PASTE(exports_rapidbyte_connector_, ATTACKER_INTERFACE), _##name)
#include RB_QUOTE(RB_PASTE(rapidbyte_, ATTACKER_WORLD).h)

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace attacker {

using String = RB_BINDING(_string_t);
using Bytes = RB_BINDING(_list_u8_t);
using OptionalString = RB_BINDING(_option_string_t);
using OptionalBytes = RB_BINDING(_option_list_u8_t);
using Error = rapidbyte_connector_types_connector_error_t;

inline String borrowed(std::string_view text) {
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(text.data())), text.size()};
}
/// A copy that the bindings free when the host has read it.
inline String given(std::string_view text) {
  String out;
  RB_BINDING(_string_dup_n)(&out, text.data(), text.size());
  return out;
}
inline std::string owned(const String& text) { return {reinterpret_cast<const char*>(text.ptr), text.len}; }
/// What came of a host call, in few words: the host's code, which is all that the tests look at.
inline std::string code_of(Error& error) {
  std::string code = owned(error.code);
  rapidbyte_connector_types_connector_error_free(&error);
  return code;
}

// The host's functions. Those that answer a text say "ok" or the error's code.
inline void log(uint32_t level, std::string_view text) {
  String message = borrowed(text);
  rapidbyte_connector_host_log(level, &message);
}
inline std::string emit(std::span<const uint8_t> batch) {
  Bytes bytes{const_cast<uint8_t*>(batch.data()), batch.size()};
  Error error;
  return rapidbyte_connector_host_emit_batch(&bytes, &error) ? "ok" : code_of(error);
}
inline std::string checkpoint(uint32_t kind, std::string_view payload) {
  String text = borrowed(payload);
  Error error;
  return rapidbyte_connector_host_checkpoint(kind, &text, &error) ? "ok" : code_of(error);
}
inline std::string metric(std::string_view payload) {
  String text = borrowed(payload);
  Error error;
  return rapidbyte_connector_host_metric(&text, &error) ? "ok" : code_of(error);
}
inline std::string reject(std::string_view stream, std::string_view record, std::string_view message) {
#if defined(RB_GUEST_DLQ) || defined(RB_GUEST_21)
  String a = borrowed(stream), b = borrowed(record), c = borrowed(message), d = borrowed("data");
  Error error;
  return rapidbyte_connector_host_emit_dlq_record(&a, &b, &c, &d, &error) ? "ok" : code_of(error);
#else
  (void)stream, (void)record, (void)message;
  return "not there";
#endif
}
inline std::string put(uint32_t scope, std::string_view key, std::string_view value) {
  String k = borrowed(key), v = borrowed(value);
  Error error;
  return rapidbyte_connector_host_state_put(scope, &k, &v, &error) ? "ok" : code_of(error);
}
inline std::string get(uint32_t scope, std::string_view key) {
  String k = borrowed(key);
  OptionalString value;
  Error error;
  if (!rapidbyte_connector_host_state_get(scope, &k, &value, &error)) return code_of(error);
  return value.is_some ? "value " + owned(value.val) : "none";
}
inline std::pair<uint64_t, std::string> connect(std::string_view host, uint16_t port) {
  String name = borrowed(host);
  uint64_t handle = 0;
  Error error;
  if (rapidbyte_connector_host_connect_tcp(&name, port, &handle, &error)) return {handle, "ok"};
  return {0, code_of(error)};
}
inline std::string write(uint64_t handle, std::string_view text) {
  Bytes bytes{reinterpret_cast<uint8_t*>(const_cast<char*>(text.data())), text.size()};
  rapidbyte_connector_host_socket_write_result_t wrote;
  Error error;
  return rapidbyte_connector_host_socket_write(handle, &bytes, &wrote, &error) ? "ok" : code_of(error);
}
/// "data", "eof", "would block" or the code.
inline std::string read(uint64_t handle, uint64_t most) {
  rapidbyte_connector_host_socket_read_result_t got;
  Error error;
  if (!rapidbyte_connector_host_socket_read(handle, most, &got, &error)) return code_of(error);
  const uint8_t tag = got.tag;
  rapidbyte_connector_host_socket_read_result_free(&got);
  if (tag == RAPIDBYTE_CONNECTOR_TYPES_SOCKET_READ_RESULT_DATA) return "data";
  return tag == RAPIDBYTE_CONNECTOR_TYPES_SOCKET_READ_RESULT_EOF ? "eof" : "would block";
}

}  // namespace attacker
