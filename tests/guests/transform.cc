// A transform of plain protocol 2.0.0: passes every batch on unchanged.

#include "rapidbyte_transform.h"

using Error = exports_rapidbyte_connector_transform_connector_connector_error_t;

bool exports_rapidbyte_connector_transform_connector_open(rapidbyte_transform_string_t*, Error*) { return true; }

bool exports_rapidbyte_connector_transform_connector_validate(
    exports_rapidbyte_connector_transform_connector_validation_result_t* ret, Error*) {
  ret->status = RAPIDBYTE_CONNECTOR_TYPES_VALIDATION_STATUS_SUCCESS;
  rapidbyte_transform_string_dup(&ret->message, "fine");
  return true;
}

bool exports_rapidbyte_connector_transform_connector_run_transform(
    rapidbyte_transform_string_t*, exports_rapidbyte_connector_transform_connector_transform_summary_t* ret,
    Error* err) {
  *ret = {};
  for (;;) {
    rapidbyte_transform_option_list_u8_t batch;
    if (!rapidbyte_connector_host_next_batch(&batch, err)) return false;
    if (!batch.is_some) return true;
    ++ret->records_in;
    ++ret->records_out;
    ++ret->batches_processed;
    ret->bytes_in += batch.val.len;
    ret->bytes_out += batch.val.len;
    const bool sent = rapidbyte_connector_host_emit_batch(&batch.val, err);
    rapidbyte_transform_list_u8_free(&batch.val);
    if (!sent) return false;
  }
}

bool exports_rapidbyte_connector_transform_connector_close(Error*) { return true; }
