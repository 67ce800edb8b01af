// The destination end of boundary_bench: takes batches until there are none, looks at one byte of each, and frees it.
// Written against the generated bindings, without the SDK, so that only the crossing itself is measured.
#include "rapidbyte_destination.h"

extern "C" {

bool exports_rapidbyte_connector_dest_connector_open(rapidbyte_destination_string_t* config,
                                                     exports_rapidbyte_connector_dest_connector_connector_error_t*) {
  rapidbyte_destination_string_free(config);
  return true;
}

bool exports_rapidbyte_connector_dest_connector_validate(
    exports_rapidbyte_connector_dest_connector_validation_result_t* result,
    exports_rapidbyte_connector_dest_connector_connector_error_t*) {
  result->status = RAPIDBYTE_CONNECTOR_TYPES_VALIDATION_STATUS_SUCCESS;
  rapidbyte_destination_string_dup(&result->message, "");
  return true;
}

bool exports_rapidbyte_connector_dest_connector_run_write(
    rapidbyte_destination_string_t* context, exports_rapidbyte_connector_dest_connector_write_summary_t* summary,
    exports_rapidbyte_connector_dest_connector_connector_error_t* error) {
  rapidbyte_destination_string_free(context);
  *summary = {};
  for (;;) {
    rapidbyte_destination_option_list_u8_t batch{};
    if (!rapidbyte_connector_host_next_batch(&batch, error)) return false;
    if (!batch.is_some) return true;
    ++summary->batches_written;
    summary->bytes_written += batch.val.len;
    summary->records_written += batch.val.ptr[batch.val.len - 1];
    rapidbyte_destination_list_u8_free(&batch.val);
  }
}

bool exports_rapidbyte_connector_dest_connector_begin_stream(
    rapidbyte_destination_string_t* context, exports_rapidbyte_connector_dest_connector_connector_error_t*) {
  rapidbyte_destination_string_free(context);
  return true;
}

bool exports_rapidbyte_connector_dest_connector_finish_stream(
    rapidbyte_destination_string_t* context, bool, exports_rapidbyte_connector_dest_connector_connector_error_t*) {
  rapidbyte_destination_string_free(context);
  return true;
}

bool exports_rapidbyte_connector_dest_connector_last_committed(
    rapidbyte_destination_string_t* context, rapidbyte_destination_option_string_t* checkpoint,
    exports_rapidbyte_connector_dest_connector_connector_error_t*) {
  rapidbyte_destination_string_free(context);
  checkpoint->is_some = false;
  return true;
}

bool exports_rapidbyte_connector_dest_connector_close(exports_rapidbyte_connector_dest_connector_connector_error_t*) {
  return true;
}
}
