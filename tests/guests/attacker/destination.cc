// The attacker as a destination: takes every batch, counts its rows and keeps none; hostile for the stream `evil`.

#include "answers.h"
#include "take.h"

using namespace attacker;
using ExportError = exports_rapidbyte_connector_dest_connector_connector_error_t;
using Summary = exports_rapidbyte_connector_dest_connector_write_summary_t;

bool exports_rapidbyte_connector_dest_connector_run_write(String* context, Summary* ret, ExportError* error) {
  take_context(owned(*context));
  *ret = {};
  if (!may_continue("run", error)) return false;
  if (answers("answer_takes_nothing", "run")) return true;
  for (;;) {
    OptionalBytes batch;
    uint64_t rows = 0;
    if (!take(batch, rows, error)) return false;
    if (!batch.is_some) break;
    ++ret->batches_written;
    ret->records_written += rows;
    ret->bytes_written += batch.val.len;
    RB_BINDING(_list_u8_free)(&batch.val);
    if (ret->batches_written != 1) continue;
    if (!may_continue("middle", error)) return false;
    if (answers("answer_takes_one", "middle")) return true;
    // Commits what it never had, and then stops.
    if (answers("answer_commits_too_much", "middle")) {
      checkpoint(
          1, "{\"id\": \"x\", \"kind\": \"dest\", \"stream\": \"good\", \"records_processed\": 18446744073709551615}");
      checkpoint(1, "{\"records_processed\": 999999, \"load_id\": \"mine\", \"end\": true}");
      checkpoint(1, "{\"records_processed\": -1}");
      __builtin_trap();
    }
  }
  if (!may_continue("end", error)) return false;
  if (answers("answer_summary_more", "end")) ret->records_written += 1;
  if (answers("answer_summary_less", "end")) ret->records_written -= 1;
  if (answers("answer_summary_most", "end"))
    *ret = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX - ret->records_written};
  if (answers("answer_summary_skipped", "end")) ret->records_failed = ret->records_written + 1;
  return true;
}

#ifdef RB_GUEST_21
bool exports_rapidbyte_connector_dest_connector_begin_stream(String* context, ExportError* error) {
  take_context(owned(*context));
  return may_continue("begin", error);
}

bool exports_rapidbyte_connector_dest_connector_finish_stream(String* context, bool, ExportError* error) {
  take_context(owned(*context));
  return may_continue("finish", error);
}

bool exports_rapidbyte_connector_dest_connector_last_committed(String* context, OptionalString* ret,
                                                               ExportError* error) {
  take_context(owned(*context));
  if (!may_continue("last", error)) return false;
  const std::string answer = receipt();
  ret->is_some = !answer.empty();
  if (ret->is_some) ret->val = given(answer);
  return true;
}
#endif
