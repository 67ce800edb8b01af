// The exports of a transform component: called by the host, answered by the author's struct. Compiled for its own
// world, and for rapidbyte-multi.

#include "bindings_glue.h"
#include "rapidbyte/sdk/connector.h"

namespace {

namespace sdk = rapidbyte::sdk;
using sdk::glue::String;
using sdk::glue::WireError;

sdk::TransformConnector& connector() {
  // Lives as long as the instance; the host drops the whole memory after close().
  static sdk::TransformConnector* const instance = sdk::make_transform().release();
  return *instance;
}

}  // namespace

extern "C" {

bool exports_rapidbyte_connector_transform_connector_open(String* config_json, WireError* err) {
  return sdk::glue::give(connector().open(sdk::glue::view(*config_json)), err);
}

bool exports_rapidbyte_connector_transform_connector_validate(
    exports_rapidbyte_connector_transform_connector_validation_result_t* ret, WireError* err) {
  const auto result = connector().validate();
  if (!result.ok()) return sdk::glue::give(result.status(), err);
  ret->status = static_cast<uint8_t>(result->kind);
  ret->message = sdk::glue::give(result->message);
  return true;
}

bool exports_rapidbyte_connector_transform_connector_run_transform(
    String* ctx_json, exports_rapidbyte_connector_transform_connector_transform_summary_t* ret, WireError* err) {
  const auto summary = connector().run_transform(sdk::glue::view(*ctx_json));
  if (!summary.ok()) return sdk::glue::give(summary.status(), err);
  *ret = {summary->records_in, summary->records_out, summary->bytes_in, summary->bytes_out, summary->batches_processed};
  return true;
}

bool exports_rapidbyte_connector_transform_connector_close(WireError* err) {
  return sdk::glue::give(connector().close(), err);
}

}  // extern "C"
