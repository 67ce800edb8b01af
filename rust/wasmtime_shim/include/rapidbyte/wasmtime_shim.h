#pragma once
/* What src/lib.rs adds to Wasmtime's official C API. Hand-written: change both together.
 *
 * Why this is safe
 * - The Rust side reaches a private field of five C API types by casting a reference to the one-field wrapper to a
 *   reference to its field. The wrappers are repr(C) or repr(transparent), sizes and alignments are asserted when the
 *   crate is compiled, and the crate pins the exact Wasmtime version.
 * - Bytes given to a callback are borrowed from guest memory and valid until the callback returns. The guest cannot
 *   change them meanwhile: its only thread is inside the call and shared memories are not enabled.
 * - Bytes given back by a callback must stay valid until the next callback on the same store; Wasmtime copies them into
 *   the guest before guest code runs again.
 * - Callbacks must not unwind (declare them noexcept) and must not call into the store.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <wasmtime.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Borrowed bytes. data == NULL stands for an absent text. */
typedef struct rb_bytes {
  const uint8_t* data;
  size_t size;
} rb_bytes_t;

/* `connector-error` of the WIT; enums by index, commit_state -1 when absent. */
typedef struct rb_connector_error {
  uint8_t category;
  uint8_t scope;
  uint8_t backoff_class;
  int8_t commit_state;
  bool retryable;
  bool safe_to_retry;
  bool has_retry_after;
  uint64_t retry_after_ms;
  rb_bytes_t code;
  rb_bytes_t message;
  rb_bytes_t details_json; /* data NULL: absent */
} rb_connector_error_t;

/* What a byte callback answers. Anything else is an error, described in *error. */
enum { RB_OK = 0, RB_NOTHING = 1, RB_WOULD_BLOCK = 2, RB_ERROR = 3 };

/* The four host functions that carry bytes. `data` is the store's wasmtime_context_get_data().
 * next_batch: RB_OK with bytes, RB_NOTHING at the end of the stream.
 * socket_read: RB_OK with bytes, RB_NOTHING at the end of the file, RB_WOULD_BLOCK. */
typedef struct rb_byte_functions {
  int32_t (*emit_batch)(void* data, rb_bytes_t batch, rb_connector_error_t* error);
  int32_t (*next_batch)(void* data, rb_bytes_t* batch, rb_connector_error_t* error);
  int32_t (*socket_read)(void* data, uint64_t handle, uint64_t len, rb_bytes_t* bytes, rb_connector_error_t* error);
  int32_t (*socket_write)(void* data, uint64_t handle, rb_bytes_t bytes, uint64_t* written,
                          rb_connector_error_t* error);
} rb_byte_functions_t;

/* Defines the four functions in `instance` (rapidbyte:connector/host). NULL on success. */
wasmtime_error_t* rb_linker_define_byte_functions(wasmtime_component_linker_instance_t* instance,
                                                  const rb_byte_functions_t* functions);

/* What a store used, readable after the store has gone. */
typedef struct rb_store_usage rb_store_usage_t;

/* Caps the sum of the store's linear memories (bytes) and the number of its parts. A growth beyond the cap fails in the
 * guest (memory.grow answers -1) and is remembered. Call once, before instantiation. */
rb_store_usage_t* rb_store_limit(wasmtime_store_t* store, uint64_t max_memory, size_t max_table_elements,
                                 size_t max_instances, size_t max_tables, size_t max_memories);
/* Raises what one call of a host function may bring, all its bytes together. Wasmtime's own budget is 128 MiB; a call
 * that brings more traps. */
void rb_store_allow_call_bytes(wasmtime_store_t* store, size_t bytes);
uint64_t rb_store_usage_peak(const rb_store_usage_t* usage);
uint64_t rb_store_usage_refused(const rb_store_usage_t* usage);
void rb_store_usage_delete(rb_store_usage_t* usage);

/* Hash of everything that decides whether this engine can load compiled code. */
uint64_t rb_engine_compatibility_hash(const wasm_engine_t* engine);

/* WASI's file calls run on the calling thread instead of a thread pool. */
void rb_wasi_config_file_calls_inline(wasi_config_t* config);

/* Whether the guest of a store may wait on. `data` is the store's wasmtime_context_get_data(). Asked on the guest's
 * thread before a wait begins and about every 50 ms while it lasts. */
typedef bool (*rb_may_wait_t)(void* data);

/* Makes the waits of wasi:io/poll (a guest's sleep() and poll()) end, as an error of the guest's call, when may_wait
 * answers false. Call once, after wasmtime_component_linker_add_wasip2(). NULL on success. */
wasmtime_error_t* rb_linker_guard_waits(wasmtime_component_linker_t* linker, rb_may_wait_t may_wait);

/* A file that a guest may use in a preopened folder of which it sees nothing else. */
typedef struct rb_file_grant {
  size_t preopen; /* counts the wasi_config_preopen_dir() calls of the store, from 0 */
  rb_bytes_t name;
  bool read_write;
  uint8_t companions; /* files beside it, too. 1, of SQLite: -journal, -wal, -shm, -tmp-<16 hexadecimal digits>; 2, of
                       * DuckDB: .wal, .wal.checkpoint, .wal.recovery */
} rb_file_grant_t;

/* Puts walls before the path functions of wasi:filesystem: no guest makes links, reads where one leads or moves one,
 * and of the folders that rb_context_set_walls() names only single files are there. Call once, after
 * wasmtime_component_linker_add_wasip2(). NULL on success. */
wasmtime_error_t* rb_linker_guard_folders(wasmtime_component_linker_t* linker);

/* The single files of a store's preopened folders; folders without one are granted whole. Call once for each store,
 * right after wasmtime_context_set_wasi(), also with no file at all: without it every path function is a trap. NULL on
 * success. */
wasmtime_error_t* rb_context_set_walls(wasmtime_context_t* context, const rb_file_grant_t* files, size_t count);

/* Why a call ended: 0 another error, 1 trap, 2 stack overflow, 3 exit(), 4 the guest gave up by itself (`unreachable`:
 * abort(), also what a C++ guest does when it gets no memory). *error stays owned by the caller and may be replaced by
 * an equal one. */
int32_t rb_error_classify(wasmtime_error_t** error);

#ifdef __cplusplus
}
#endif
