// The source end of boundary_bench: hands one 1 MiB block to the host as often as the context says, and does nothing
// else. Written against the generated bindings, without the SDK, so that only the crossing itself is measured.
#include <cstdlib>
#include <cstring>
#include <string>

#include "rapidbyte_source.h"

namespace {

constexpr size_t kBlockBytes = size_t{1} << 20U;

}  // namespace

extern "C" {

bool exports_rapidbyte_connector_source_connector_open(
    rapidbyte_source_string_t* config, exports_rapidbyte_connector_source_connector_connector_error_t*) {
  rapidbyte_source_string_free(config);
  return true;
}

bool exports_rapidbyte_connector_source_connector_discover(
    rapidbyte_source_string_t* catalog, exports_rapidbyte_connector_source_connector_connector_error_t*) {
  rapidbyte_source_string_dup(catalog, R"({"streams": []})");
  return true;
}

bool exports_rapidbyte_connector_source_connector_validate(
    exports_rapidbyte_connector_source_connector_validation_result_t* result,
    exports_rapidbyte_connector_source_connector_connector_error_t*) {
  result->status = RAPIDBYTE_CONNECTOR_TYPES_VALIDATION_STATUS_SUCCESS;
  rapidbyte_source_string_dup(&result->message, "");
  return true;
}

/// The context is the number of blocks, as decimal text.
bool exports_rapidbyte_connector_source_connector_run_read(
    rapidbyte_source_string_t* context, exports_rapidbyte_connector_source_connector_read_summary_t* summary,
    exports_rapidbyte_connector_source_connector_connector_error_t* error) {
  const std::string text(reinterpret_cast<const char*>(context->ptr), context->len);
  rapidbyte_source_string_free(context);
  const uint64_t blocks = strtoull(text.c_str(), nullptr, 10);
  auto* block = static_cast<uint8_t*>(malloc(kBlockBytes));
  memset(block, 7, kBlockBytes);
  *summary = {};
  for (uint64_t i = 0; i < blocks; ++i) {
    rapidbyte_source_list_u8_t batch{block, kBlockBytes};
    if (!rapidbyte_connector_host_emit_batch(&batch, error)) return false;
    ++summary->batches_emitted;
    summary->bytes_read += kBlockBytes;
  }
  free(block);
  return true;
}

bool exports_rapidbyte_connector_source_connector_plan_partitions(
    rapidbyte_source_string_t* context, uint32_t, rapidbyte_source_string_t* partitions,
    exports_rapidbyte_connector_source_connector_connector_error_t*) {
  rapidbyte_source_string_free(context);
  rapidbyte_source_string_dup(partitions, "[]");
  return true;
}

bool exports_rapidbyte_connector_source_connector_close(
    exports_rapidbyte_connector_source_connector_connector_error_t*) {
  return true;
}
}
