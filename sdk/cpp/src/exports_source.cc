// The exports of a source component: called by the host, answered by the author's struct. Compiled for its own world,
// and for rapidbyte-multi.

#include "bindings_glue.h"
#include "rapidbyte/sdk/connector.h"

namespace {

namespace sdk = rapidbyte::sdk;
using sdk::glue::String;
using sdk::glue::WireError;

sdk::SourceConnector& connector() {
  // Lives as long as the instance; the host drops the whole memory after close().
  static sdk::SourceConnector* const instance = sdk::make_source().release();
  return *instance;
}

}  // namespace

extern "C" {

bool exports_rapidbyte_connector_source_connector_open(String* config_json, WireError* err) {
  return sdk::glue::give(connector().open(sdk::glue::view(*config_json)), err);
}

bool exports_rapidbyte_connector_source_connector_discover(String* ret, WireError* err) {
  const auto catalog = connector().discover();
  if (!catalog.ok()) return sdk::glue::give(catalog.status(), err);
  *ret = sdk::glue::give(*catalog);
  return true;
}

bool exports_rapidbyte_connector_source_connector_validate(
    exports_rapidbyte_connector_source_connector_validation_result_t* ret, WireError* err) {
  const auto result = connector().validate();
  if (!result.ok()) return sdk::glue::give(result.status(), err);
  ret->status = static_cast<uint8_t>(result->kind);
  ret->message = sdk::glue::give(result->message);
  return true;
}

bool exports_rapidbyte_connector_source_connector_run_read(
    String* ctx_json, exports_rapidbyte_connector_source_connector_read_summary_t* ret, WireError* err) {
  const auto summary = connector().run_read(sdk::glue::view(*ctx_json));
  if (!summary.ok()) return sdk::glue::give(summary.status(), err);
  *ret = {summary->records_read, summary->bytes_read, summary->batches_emitted, summary->checkpoint_count,
          summary->records_skipped};
  return true;
}

bool exports_rapidbyte_connector_source_connector_close(WireError* err) {
  return sdk::glue::give(connector().close(), err);
}

bool exports_rapidbyte_connector_source_connector_plan_partitions(String* ctx_json, uint32_t want, String* ret,
                                                                  WireError* err) {
  const auto partitions = connector().plan_partitions(sdk::glue::view(*ctx_json), want);
  if (!partitions.ok()) return sdk::glue::give(partitions.status(), err);
  *ret = sdk::glue::give(*partitions);
  return true;
}

}  // extern "C"
