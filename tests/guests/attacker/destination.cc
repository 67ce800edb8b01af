// The attacker as a destination: takes every batch, counts its rows and keeps none; hostile for the stream `evil`.

#include "answers.h"
#include "rapidbyte/sdk/batch_reader.h"

using namespace attacker;
using ExportError = exports_rapidbyte_connector_dest_connector_connector_error_t;
using Validation = exports_rapidbyte_connector_dest_connector_validation_result_t;
using Summary = exports_rapidbyte_connector_dest_connector_write_summary_t;

bool exports_rapidbyte_connector_dest_connector_open(String* config, ExportError* error) {
  take_orders(owned(*config));
  act("open");
  return !fails("open", error);
}

bool exports_rapidbyte_connector_dest_connector_validate(Validation* ret, ExportError* error) {
  act("validate");
  if (fails("validate", error)) return false;
  ret->status = RAPIDBYTE_CONNECTOR_TYPES_VALIDATION_STATUS_SUCCESS;
  ret->message = given(verdict());
  return true;
}

bool exports_rapidbyte_connector_dest_connector_run_write(String* context, Summary* ret, ExportError* error) {
  take_context(owned(*context));
  *ret = {};
  act("run");
  if (fails("run", error)) return false;
  if (answers("answer_takes_nothing", "run")) return true;
  for (;;) {
    OptionalBytes batch;
    if (!rapidbyte_connector_host_next_batch(&batch, error)) return false;
    if (!batch.is_some) break;
    const auto rows = rapidbyte::sdk::count_rows(std::span(batch.val.ptr, batch.val.len));
    if (!rows.ok()) std::abort();
    ++ret->batches_written;
    ret->records_written += *rows;
    ret->bytes_written += batch.val.len;
    RB_BINDING(_list_u8_free)(&batch.val);
    if (ret->batches_written != 1) continue;
    act("middle");
    if (fails("middle", error)) return false;
    if (answers("answer_takes_one", "middle")) return true;
    // Commits what it never had, and then breaks off.
    if (answers("answer_commits_too_much", "middle")) {
      checkpoint(
          1, "{\"id\": \"x\", \"kind\": \"dest\", \"stream\": \"good\", \"records_processed\": 18446744073709551615}");
      checkpoint(1, "{\"records_processed\": 999999, \"load_id\": \"mine\", \"end\": true}");
      checkpoint(1, "{\"records_processed\": -1}");
      __builtin_trap();
    }
  }
  act("end");
  if (fails("end", error)) return false;
  if (answers("answer_summary_more", "end")) ret->records_written += 1;
  if (answers("answer_summary_less", "end")) ret->records_written -= 1;
  if (answers("answer_summary_most", "end"))
    *ret = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX - ret->records_written};
  if (answers("answer_summary_skipped", "end")) ret->records_failed = ret->records_written + 1;
  return true;
}

bool exports_rapidbyte_connector_dest_connector_close(ExportError* error) {
  act("close");
  return !fails("close", error);
}

#ifdef RB_GUEST_21
bool exports_rapidbyte_connector_dest_connector_begin_stream(String* context, ExportError* error) {
  take_context(owned(*context));
  act("begin");
  return !fails("begin", error);
}

bool exports_rapidbyte_connector_dest_connector_finish_stream(String* context, bool, ExportError* error) {
  take_context(owned(*context));
  act("finish");
  return !fails("finish", error);
}

bool exports_rapidbyte_connector_dest_connector_last_committed(String* context, OptionalString* ret,
                                                               ExportError* error) {
  take_context(owned(*context));
  act("last");
  if (fails("last", error)) return false;
  const std::string answer = receipt();
  ret->is_some = !answer.empty();
  if (ret->is_some) ret->val = given(answer);
  return true;
}
#endif
