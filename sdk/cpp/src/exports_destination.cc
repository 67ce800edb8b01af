// The exports of a destination component: called by the host, answered by the author's struct. Compiled for its own
// world, and for rapidbyte-multi.

#include "bindings_glue.h"
#include "rapidbyte/sdk/connector.h"

namespace {

namespace sdk = rapidbyte::sdk;
using sdk::glue::String;
using sdk::glue::WireError;

sdk::DestinationConnector& connector() {
  // Lives as long as the instance; the host drops the whole memory after close().
  static sdk::DestinationConnector* const instance = sdk::make_destination().release();
  return *instance;
}

}  // namespace

extern "C" {

bool exports_rapidbyte_connector_dest_connector_open(String* config_json, WireError* err) {
  return sdk::glue::give(connector().open(sdk::glue::view(*config_json)), err);
}

bool exports_rapidbyte_connector_dest_connector_validate(
    exports_rapidbyte_connector_dest_connector_validation_result_t* ret, WireError* err) {
  const auto result = connector().validate();
  if (!result.ok()) return sdk::glue::give(result.status(), err);
  ret->status = static_cast<uint8_t>(result->kind);
  ret->message = sdk::glue::give(result->message);
  return true;
}

bool exports_rapidbyte_connector_dest_connector_run_write(
    String* ctx_json, exports_rapidbyte_connector_dest_connector_write_summary_t* ret, WireError* err) {
  const auto summary = connector().run_write(sdk::glue::view(*ctx_json));
  if (!summary.ok()) return sdk::glue::give(summary.status(), err);
  *ret = {summary->records_written, summary->bytes_written, summary->batches_written, summary->checkpoint_count,
          summary->records_failed};
  return true;
}

bool exports_rapidbyte_connector_dest_connector_close(WireError* err) {
  return sdk::glue::give(connector().close(), err);
}

bool exports_rapidbyte_connector_dest_connector_begin_stream(String* ctx_json, WireError* err) {
  return sdk::glue::give(connector().begin_stream(sdk::glue::view(*ctx_json)), err);
}

bool exports_rapidbyte_connector_dest_connector_finish_stream(String* ctx_json, bool succeeded, WireError* err) {
  return sdk::glue::give(connector().finish_stream(sdk::glue::view(*ctx_json), succeeded), err);
}

bool exports_rapidbyte_connector_dest_connector_last_committed(String* ctx_json, RB_SDK_BINDING(_option_string_t) * ret,
                                                               WireError* err) {
  const auto checkpoint = connector().last_committed(sdk::glue::view(*ctx_json));
  if (!checkpoint.ok()) return sdk::glue::give(checkpoint.status(), err);
  ret->is_some = checkpoint->has_value();
  ret->val = sdk::glue::give(checkpoint->value_or(std::string()));
  return true;
}

}  // extern "C"
