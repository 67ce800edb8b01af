// The attacker as a transform: passes every batch on unchanged; hostile for the stream `evil`.

#include "answers.h"
#include "take.h"

using namespace attacker;
using ExportError = exports_rapidbyte_connector_transform_connector_connector_error_t;
using Summary = exports_rapidbyte_connector_transform_connector_transform_summary_t;

bool exports_rapidbyte_connector_transform_connector_run_transform(String* context, Summary* ret, ExportError* error) {
  take_context(owned(*context));
  *ret = {};
  if (!may_continue("run", error)) return false;
  if (answers("answer_takes_nothing", "run")) return true;
  for (;;) {
    OptionalBytes batch;
    uint64_t rows = 0;
    if (!take(batch, rows, error)) return false;
    if (!batch.is_some) break;
    ++ret->batches_processed;
    ret->records_in += rows;
    ret->records_out += rows;
    ret->bytes_in += batch.val.len;
    ret->bytes_out += batch.val.len;
    // A batch that is swallowed, sent twice, or cut.
    const bool first = ret->batches_processed == 1;
    if (first && answers("answer_batch_noise", "middle")) std::memset(batch.val.ptr, 0xA5, batch.val.len);
    bool sent = true;
    if (!(first && answers("answer_swallows", "middle"))) sent = rapidbyte_connector_host_emit_batch(&batch.val, error);
    if (sent && first && answers("answer_doubles", "middle"))
      sent = rapidbyte_connector_host_emit_batch(&batch.val, error);
    RB_BINDING(_list_u8_free)(&batch.val);
    if (!sent) return false;
    if (!first) continue;
    if (!may_continue("middle", error)) return false;
    if (answers("answer_takes_one", "middle")) return true;
  }
  if (!may_continue("end", error)) return false;
  if (answers("answer_summary_more", "end")) ret->records_in += 1;
  if (answers("answer_summary_less", "end")) ret->records_out -= 1;
  if (answers("answer_summary_most", "end")) *ret = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};
  return true;
}
