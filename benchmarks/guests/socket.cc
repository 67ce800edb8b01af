// The guest end of socket_bench: connects to a peer on loopback and reads or writes a number of bytes, a block per host
// call. Written against the generated bindings, without the SDK, so that only the host's socket calls are measured.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "rapidbyte_source.h"

namespace {

using Error = exports_rapidbyte_connector_source_connector_connector_error_t;

constexpr uint32_t kPatienceMs = 60'000;

bool wait_for(uint64_t handle, rapidbyte_connector_types_socket_interest_t interest, Error* error) {
  bool ready = false;
  return rapidbyte_connector_host_socket_wait(handle, interest, kPatienceMs, &ready, error);
}

/// Reads until the end; the number of bytes.
bool read_all(uint64_t handle, uint64_t block, uint64_t* total, uint64_t* calls, Error* error) {
  for (;;) {
    rapidbyte_connector_host_socket_read_result_t got;
    if (!rapidbyte_connector_host_socket_read(handle, block, &got, error)) return false;
    if (got.tag == RAPIDBYTE_CONNECTOR_TYPES_SOCKET_READ_RESULT_EOF) return true;
    if (got.tag == RAPIDBYTE_CONNECTOR_TYPES_SOCKET_READ_RESULT_DATA) {
      *total += got.val.data.len;
      ++*calls;
      free(got.val.data.ptr);
    } else if (!wait_for(handle, RAPIDBYTE_CONNECTOR_TYPES_SOCKET_INTEREST_READABLE, error)) {
      return false;
    }
  }
}

bool write_all(uint64_t handle, uint64_t block, uint64_t wanted, uint64_t* total, uint64_t* calls, Error* error) {
  auto* bytes = static_cast<uint8_t*>(malloc(block));
  memset(bytes, 7, block);
  while (*total < wanted) {
    const uint64_t left = wanted - *total;
    rapidbyte_source_list_u8_t data{bytes, static_cast<size_t>(left < block ? left : block)};
    rapidbyte_connector_host_socket_write_result_t wrote;
    if (!rapidbyte_connector_host_socket_write(handle, &data, &wrote, error)) return false;
    if (wrote.tag == RAPIDBYTE_CONNECTOR_TYPES_SOCKET_WRITE_RESULT_WRITTEN) {
      *total += wrote.val.written;
      ++*calls;
    } else if (!wait_for(handle, RAPIDBYTE_CONNECTOR_TYPES_SOCKET_INTEREST_WRITABLE, error)) {
      return false;
    }
  }
  free(bytes);
  return true;
}

}  // namespace

extern "C" {

bool exports_rapidbyte_connector_source_connector_open(rapidbyte_source_string_t* config, Error*) {
  rapidbyte_source_string_free(config);
  return true;
}

bool exports_rapidbyte_connector_source_connector_discover(rapidbyte_source_string_t* catalog, Error*) {
  rapidbyte_source_string_dup(catalog, R"({"streams": []})");
  return true;
}

bool exports_rapidbyte_connector_source_connector_validate(
    exports_rapidbyte_connector_source_connector_validation_result_t* result, Error*) {
  result->status = RAPIDBYTE_CONNECTOR_TYPES_VALIDATION_STATUS_SUCCESS;
  rapidbyte_source_string_dup(&result->message, "");
  return true;
}

/// The context, as decimal texts: port, bytes per call, bytes to write (0: read until the end).
bool exports_rapidbyte_connector_source_connector_run_read(
    rapidbyte_source_string_t* context, exports_rapidbyte_connector_source_connector_read_summary_t* summary,
    Error* error) {
  const std::string text(reinterpret_cast<const char*>(context->ptr), context->len);
  rapidbyte_source_string_free(context);
  char* rest = nullptr;
  const auto port = static_cast<uint16_t>(strtoul(text.c_str(), &rest, 10));
  const uint64_t block = strtoull(rest, &rest, 10);
  const uint64_t to_write = strtoull(rest, nullptr, 10);
  rapidbyte_source_string_t host;
  rapidbyte_source_string_set(&host, "127.0.0.1");
  uint64_t handle = 0;
  *summary = {};
  if (!rapidbyte_connector_host_connect_tcp(&host, port, &handle, error)) return false;
  const bool done = to_write == 0
                        ? read_all(handle, block, &summary->bytes_read, &summary->batches_emitted, error)
                        : write_all(handle, block, to_write, &summary->bytes_read, &summary->batches_emitted, error);
  rapidbyte_connector_host_socket_close(handle);
  return done;
}

bool exports_rapidbyte_connector_source_connector_plan_partitions(rapidbyte_source_string_t* context, uint32_t,
                                                                  rapidbyte_source_string_t* partitions, Error*) {
  rapidbyte_source_string_free(context);
  rapidbyte_source_string_dup(partitions, "[]");
  return true;
}

bool exports_rapidbyte_connector_source_connector_close(Error*) { return true; }
}
