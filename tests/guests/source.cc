// The obedient source: its config says what it does, so that one guest serves every test of the host's functions and
// limits. Written against the plain bindings of protocol 2.0.0 (with RB_GUEST_DLQ: its second shape), as somebody
// without our SDK would do it. discover() performs `action` and returns the result as text; run-read() performs it too
// and then emits `batches` batches of `size` bytes.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "file_commands.h"
#ifdef RB_GUEST_NATIVE_FILES
#include "native_files.h"
#endif
#include "rapidbyte_source.h"
#include "text.h"

namespace {

using Error = rapidbyte_connector_host_connector_error_t;
std::string g_config;

rapidbyte_source_string_t borrowed(const std::string& text) {
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(text.data())), text.size()};
}
std::string owned(const rapidbyte_source_string_t& text) { return {reinterpret_cast<const char*>(text.ptr), text.len}; }
std::string failed(const Error& error) {
  return "error " + owned(error.code) + " category " + std::to_string(error.category) + ": " + owned(error.message);
}

__attribute__((noinline)) int recurse(int depth) {
  volatile char frame[512];
  frame[depth % 512] = static_cast<char>(depth);
  if (depth < 0) return 0;
  return recurse(depth + 1) + frame[0];
}

std::string wait_for(uint32_t ms) {
  const timespec duration = {static_cast<time_t>(ms / 1000), static_cast<long>(ms % 1000) * 1'000'000};
  return ::nanosleep(&duration, nullptr) == 0 ? "slept" : "woken";
}

std::string emit(size_t size) {
  std::vector<uint8_t> bytes(size, 7);
  rapidbyte_source_list_u8_t batch{bytes.data(), bytes.size()};
  Error error;
  return rapidbyte_connector_host_emit_batch(&batch, &error) ? "ok" : failed(error);
}

std::string use_state() {
  std::string key = text_of(g_config, "key");
  if (const long repeat = number_of(g_config, "key_bytes", 0); repeat > 0) key.assign(static_cast<size_t>(repeat), 'k');
  std::string value = text_of(g_config, "value");
  const uint32_t scope = static_cast<uint32_t>(number_of(g_config, "scope", 0));
  rapidbyte_source_string_t k = borrowed(key);
  rapidbyte_source_string_t v = borrowed(value);
  Error error;
  if (!rapidbyte_connector_host_state_put(scope, &k, &v, &error)) return failed(error);
  rapidbyte_source_option_string_t got;
  k = borrowed(key);
  if (!rapidbyte_connector_host_state_get(scope, &k, &got, &error)) return failed(error);
  std::string text = got.is_some ? owned(got.val) : "none";
  bool swapped = false;
  std::string next = value + "2";
  rapidbyte_source_string_t expected = borrowed(value);
  rapidbyte_source_string_t n = borrowed(next);
  k = borrowed(key);
  if (!rapidbyte_connector_host_state_cas(scope, &k, &expected, &n, &swapped, &error)) return failed(error);
  text += swapped ? " swapped" : " kept";
  k = borrowed(key);
  n = borrowed(next);
  if (!rapidbyte_connector_host_state_cas(scope, &k, nullptr, &n, &swapped, &error)) return failed(error);
  return text + (swapped ? " swapped" : " kept");
}

std::string use_socket() {
  std::string host = text_of(g_config, "host");
  rapidbyte_source_string_t h = borrowed(host);
  uint64_t handle = 0;
  Error error;
  if (!rapidbyte_connector_host_connect_tcp(&h, static_cast<uint16_t>(number_of(g_config, "port", 0)), &handle, &error))
    return failed(error);
  std::string request = "ping";
  rapidbyte_source_list_u8_t bytes{reinterpret_cast<uint8_t*>(request.data()), request.size()};
  rapidbyte_connector_host_socket_write_result_t wrote;
  do {
    if (!rapidbyte_connector_host_socket_write(handle, &bytes, &wrote, &error)) return failed(error);
  } while (wrote.tag == RAPIDBYTE_CONNECTOR_TYPES_SOCKET_WRITE_RESULT_WOULD_BLOCK);
  std::string answer;
  for (;;) {
    rapidbyte_connector_host_socket_read_result_t got;
    if (!rapidbyte_connector_host_socket_read(handle, 1U << 20U, &got, &error)) return failed(error);
    if (got.tag == RAPIDBYTE_CONNECTOR_TYPES_SOCKET_READ_RESULT_EOF) break;
    if (got.tag != RAPIDBYTE_CONNECTOR_TYPES_SOCKET_READ_RESULT_DATA) continue;
    answer += std::to_string(got.val.data.len) + " ";
    if (got.val.data.len < 64) answer.append(reinterpret_cast<const char*>(got.val.data.ptr), got.val.data.len);
    rapidbyte_connector_host_socket_read_result_free(&got);
  }
  rapidbyte_connector_host_socket_close(handle);
  rapidbyte_connector_host_socket_close(handle);
  return answer;
}

std::string use_file(bool write) {
  const std::string path = text_of(g_config, "path") + text_of(g_config, "suffix");
  FILE* file = std::fopen(path.c_str(), write ? "wb" : "rb");
  if (file == nullptr) return std::string("cannot open: ") + std::strerror(errno);
  std::string text = text_of(g_config, "value");
  if (write) {
    std::fwrite(text.data(), 1, text.size(), file);
  } else {
    char buffer[256];
    text.assign(buffer, std::fread(buffer, 1, sizeof buffer, file));
  }
  std::fclose(file);
  return text;
}

std::string column_named(const std::string& name) {
  return "{\"name\": \"" + name + "\", \"data_type\": \"Int64\", \"nullable\": true}";
}

/// A catalog of one stream, `orders`, that is hostile in one way.
std::string hostile_catalog() {
  const std::string shape = text_of(g_config, "shape");
  const size_t count = static_cast<size_t>(number_of(g_config, "count", 100'000));
  std::string columns = column_named("id");
  std::string more_streams;
  if (shape == "depth") {
    columns = "{\"name\": \"id\", \"data_type\": \"Int64\", \"native_type\": " + std::string(count, '[') +
              std::string(count, ']') + "}";
  } else if (shape == "columns") {
    for (size_t i = 1; i < count; ++i) columns += "," + column_named("c" + std::to_string(i));
  } else if (shape == "streams") {
    for (size_t i = 1; i < count; ++i)
      more_streams += ",{\"name\": \"s" + std::to_string(i) + "\", \"schema\": [" + column_named("id") + "]}";
  } else if (shape == "nul") {
    columns = column_named("price\\u0000old");
  } else if (shape == "steering") {
    columns = column_named("id\\u001b[31m") + "," + column_named("\\u202eevil");
    more_streams = ",{\"name\": \"a\\u001b]0;title\\u0007\\u202eb\", \"schema\": [" + column_named("id") + "]}";
  }
  return "{\"streams\": [{\"name\": \"orders\", \"schema\": [" + columns + "]}" + more_streams + "]}";
}

std::string perform(const std::string& action) {
  Error error;
  if (action == "trap") __builtin_trap();
  if (action == "panic") {
    std::fputs("panicked at orders.rs:7:\nno such \x1b[31mrow: guest-panic-secret\n", stderr);
    __builtin_trap();
  }
  if (action == "loop") {
    for (volatile uint64_t i = 0;; i = i + 1) {
    }
  }
  if (action == "loop_log") {
    std::string line(1000, 'x');
    for (;;) {
      rapidbyte_source_string_t text = borrowed(line);
      rapidbyte_connector_host_log(2, &text);
    }
  }
  if (action == "sleep") return wait_for(static_cast<uint32_t>(number_of(g_config, "ms", 3'600'000)));
  if (action == "sleep_in_slices") {
    for (;;) wait_for(20);
  }
  if (action == "exit") std::exit(3);
  if (action == "recurse") return std::to_string(recurse(0));
  if (action == "grow") {
    size_t total = 0;
    while (true) {
      void* volatile block = std::malloc(size_t{64} << 20U);  // volatile: the allocation must happen
      if (block == nullptr) std::abort();
      std::memset(block, 1, size_t{64} << 20U);
      total += size_t{64} << 20U;
      if (total == 0) return "never";
    }
  }
  if (action == "malloc") {
    void* volatile block = std::malloc(static_cast<size_t>(number_of(g_config, "mib", 1)) << 20U);
    const bool got = block != nullptr;
    std::free(block);
    return got ? "got it" : "refused";
  }
  if (action == "refused_then_trap") {
    void* volatile block = std::malloc(size_t{1} << 30U);  // beyond the limit: refused, and taken well
    std::free(block);
    return std::string(1, *reinterpret_cast<volatile char*>(UINTPTR_MAX - 15));  // outside of every memory
  }
  if (action == "empty_batch") return emit(0);
  if (action == "emit") return emit(static_cast<size_t>(number_of(g_config, "size", 1)));
  if (action == "next_batch") {
    rapidbyte_source_option_list_u8_t batch;
    return rapidbyte_connector_host_next_batch(&batch, &error) ? "ok" : failed(error);
  }
  if (action == "bad_handle") {
    rapidbyte_connector_host_socket_read_result_t got;
    return rapidbyte_connector_host_socket_read(987654, 10, &got, &error) ? "ok" : failed(error);
  }
  if (action == "long_log") {
    std::string line(static_cast<size_t>(number_of(g_config, "size", 10 << 20)), 'y');
    rapidbyte_source_string_t text = borrowed(line);
    rapidbyte_connector_host_log(1, &text);
    return "ok";
  }
  if (action == "print") {
    std::printf("to stdout\n");
    std::fprintf(stderr, "to stderr without end");
    std::fflush(nullptr);
    return "ok";
  }
  if (action == "checkpoint") {
    std::string payload = text_of(g_config, "payload");
    for (char& c : payload) c = c == '\'' ? '"' : c;
    rapidbyte_source_string_t text = borrowed(payload);
    return rapidbyte_connector_host_checkpoint(static_cast<uint32_t>(number_of(g_config, "kind", 0)), &text, &error)
               ? "ok"
               : failed(error);
  }
  if (action == "metric") {
    std::string payload = text_of(g_config, "payload");
    for (char& c : payload) c = c == '\'' ? '"' : c;
    rapidbyte_source_string_t text = borrowed(payload);
    return rapidbyte_connector_host_metric(&text, &error) ? "ok" : failed(error);
  }
#ifdef RB_GUEST_DLQ
  if (action == "dlq") {
    std::string parts[4] = {"s", "{\"a\":1}", "bad value", "data"};
    rapidbyte_source_string_t a = borrowed(parts[0]), b = borrowed(parts[1]), c = borrowed(parts[2]),
                              d = borrowed(parts[3]);
    return rapidbyte_connector_host_emit_dlq_record(&a, &b, &c, &d, &error) ? "ok" : failed(error);
  }
#endif
  if (action == "deep_metric" || action == "deep_checkpoint") {
    const size_t levels = static_cast<size_t>(number_of(g_config, "count", 100'000));
    const std::string payload = "{\"a\": " + std::string(levels, '[') + std::string(levels, ']') + "}";
    rapidbyte_source_string_t text = borrowed(payload);
    const bool fine = action == "deep_metric" ? rapidbyte_connector_host_metric(&text, &error)
                                              : rapidbyte_connector_host_checkpoint(0, &text, &error);
    return fine ? "ok" : failed(error);
  }
  if (action == "catalog") return hostile_catalog();
  if (action == "state") return use_state();
  if (action == "socket") return use_socket();
  if (action == "read_file") return use_file(false);
  if (action == "write_file") return use_file(true);
  if (action == "files") return file_commands(text_of(g_config, "script"), text_of(g_config, "path"));
#ifdef RB_GUEST_NATIVE_FILES
  if (action == "native_files") return native_files::commands(text_of(g_config, "script"), text_of(g_config, "path"));
#endif
  if (action == "env") {
    const char* value = std::getenv(text_of(g_config, "name").c_str());
    return value != nullptr ? value : "unset";
  }
  return "ok";
}

}  // namespace

using ExportError = exports_rapidbyte_connector_source_connector_connector_error_t;

bool exports_rapidbyte_connector_source_connector_open(rapidbyte_source_string_t* config_json, ExportError* err) {
  g_config = owned(*config_json);
  if (text_of(g_config, "action") != "error") return true;
  std::memset(err, 0, sizeof *err);
  err->category = RAPIDBYTE_CONNECTOR_TYPES_ERROR_CATEGORY_RATE_LIMIT;
  err->scope = RAPIDBYTE_CONNECTOR_TYPES_ERROR_SCOPE_PER_BATCH;
  const std::string code = text_of(g_config, "code");
  rapidbyte_source_string_dup(&err->code, code.empty() ? "TOO_FAST" : code.c_str());
  rapidbyte_source_string_dup(&err->message, "slow down");
  err->retryable = true;
  err->retry_after_ms = {true, 1234};
  err->backoff_class = RAPIDBYTE_CONNECTOR_TYPES_BACKOFF_CLASS_SLOW;
  err->safe_to_retry = true;
  err->commit_state = {true, RAPIDBYTE_CONNECTOR_TYPES_COMMIT_STATE_AFTER_COMMIT_UNKNOWN};
  err->details_json.is_some = true;
  // By default small; with `count`, nested that deep.
  const size_t levels = static_cast<size_t>(number_of(g_config, "count", 0));
  const std::string details = levels == 0 ? "{\"n\":1}" : std::string(levels, '[') + std::string(levels, ']');
  rapidbyte_source_string_dup_n(&err->details_json.val, details.data(), details.size());
  return false;
}

bool exports_rapidbyte_connector_source_connector_discover(rapidbyte_source_string_t* ret, ExportError*) {
  const std::string text = perform(text_of(g_config, "action"));
  rapidbyte_source_string_dup_n(ret, text.data(), text.size());
  return true;
}

bool exports_rapidbyte_connector_source_connector_validate(
    exports_rapidbyte_connector_source_connector_validation_result_t* ret, ExportError*) {
  ret->status = RAPIDBYTE_CONNECTOR_TYPES_VALIDATION_STATUS_WARNING;
  rapidbyte_source_string_dup(&ret->message, "mind the gap");
  return true;
}

bool exports_rapidbyte_connector_source_connector_run_read(
    rapidbyte_source_string_t*, exports_rapidbyte_connector_source_connector_read_summary_t* ret, ExportError* err) {
  perform(text_of(g_config, "action"));
  const uint64_t count = static_cast<uint64_t>(number_of(g_config, "batches", 0));
  std::vector<uint8_t> bytes(static_cast<size_t>(number_of(g_config, "size", 1000)), 7);
  for (uint64_t i = 0; i < count; ++i) {
    if (bytes.size() >= sizeof i) std::memcpy(bytes.data(), &i, sizeof i);
    rapidbyte_source_list_u8_t batch{bytes.data(), bytes.size()};
    if (!rapidbyte_connector_host_emit_batch(&batch, err)) return false;
  }
  *ret = {count, count * bytes.size(), count, 11, 12};
  return true;
}

bool exports_rapidbyte_connector_source_connector_close(ExportError*) { return true; }
