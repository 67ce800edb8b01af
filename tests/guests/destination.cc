// A destination of plain protocol 2.0.0: takes every batch, counts it, and reports a commit when its config says so.
// With a `script` (file_commands.h) it first does to its files what that says, reports it in its log, and fails with an
// error that asks for a retry.

#include <cstring>
#include <string>

#include "file_commands.h"
#include "rapidbyte_destination.h"
#include "text.h"

namespace {
std::string g_config;
}

using Error = exports_rapidbyte_connector_dest_connector_connector_error_t;

bool exports_rapidbyte_connector_dest_connector_open(rapidbyte_destination_string_t* config_json, Error*) {
  g_config.assign(reinterpret_cast<const char*>(config_json->ptr), config_json->len);
  return true;
}

bool exports_rapidbyte_connector_dest_connector_validate(
    exports_rapidbyte_connector_dest_connector_validation_result_t* ret, Error*) {
  ret->status = RAPIDBYTE_CONNECTOR_TYPES_VALIDATION_STATUS_FAILED;
  rapidbyte_destination_string_dup(&ret->message, "nothing to write to");
  return true;
}

bool exports_rapidbyte_connector_dest_connector_run_write(
    rapidbyte_destination_string_t*, exports_rapidbyte_connector_dest_connector_write_summary_t* ret, Error* err) {
  *ret = {};
  if (const std::string script = text_of(g_config, "script"); !script.empty()) {
    std::string said = "did: " + file_commands(script, text_of(g_config, "path"));
    for (char& c : said) c = c == '\n' ? '|' : c;
    rapidbyte_destination_string_t text{reinterpret_cast<uint8_t*>(said.data()), said.size()};
    rapidbyte_connector_host_log(2, &text);
    *err = {};
    err->category = RAPIDBYTE_CONNECTOR_TYPES_ERROR_CATEGORY_TRANSIENT_DB;
    err->scope = RAPIDBYTE_CONNECTOR_TYPES_ERROR_SCOPE_PER_STREAM;
    rapidbyte_destination_string_dup(&err->code, "TRY_AGAIN");
    rapidbyte_destination_string_dup(&err->message, "try again");
    err->retryable = true;
    err->safe_to_retry = true;
    err->backoff_class = RAPIDBYTE_CONNECTOR_TYPES_BACKOFF_CLASS_FAST;
    return false;
  }
  for (;;) {
    rapidbyte_destination_option_list_u8_t batch;
    if (!rapidbyte_connector_host_next_batch(&batch, err)) return false;
    if (!batch.is_some) break;
    // The first eight bytes of a test batch are its number: a wrong order shows.
    uint64_t number = 0;
    if (batch.val.len >= sizeof number) std::memcpy(&number, batch.val.ptr, sizeof number);
    if (number != ret->batches_written) ++ret->records_failed;
    ++ret->batches_written;
    ++ret->records_written;
    ret->bytes_written += batch.val.len;
    rapidbyte_destination_list_u8_free(&batch.val);
  }
  if (number_of(g_config, "commit", 0) != 0) {
    std::string payload = "{\"id\":\"d\",\"kind\":\"dest\",\"stream\":\"s\"}";
    rapidbyte_destination_string_t text{reinterpret_cast<uint8_t*>(payload.data()), payload.size()};
    if (!rapidbyte_connector_host_checkpoint(1, &text, err)) return false;
    ret->checkpoint_count = 1;
  }
  return true;
}

bool exports_rapidbyte_connector_dest_connector_close(Error*) { return true; }
