// The attacker as a source: honest for the stream `good`, hostile for `evil`, both with `rows` rows of one column `id`.

#include "answers.h"
#include "rapidbyte/sdk/ipc_encoder.h"

namespace {

using namespace attacker;
namespace sdk = rapidbyte::sdk;

constexpr long kRowsPerBatch = 100;

sdk::IpcEncoder& encoder() {
  static sdk::IpcEncoder encoder = [] {
    auto made = sdk::IpcEncoder::make({{{"id", sdk::DataType::of(sdk::TypeId::kInt64), false}}});
    if (!made.ok()) std::abort();
    return std::move(*made);
  }();
  return encoder;
}

std::vector<uint8_t> batch(long first, long rows) {
  std::vector<int64_t> values;
  for (long i = 0; i < rows; ++i) values.push_back(first + i);
  sdk::ColumnBuffers column;
  column.values = {reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(int64_t)};
  const auto encoded = encoder().encode(rows, std::span(&column, 1));
  if (!encoded.ok()) std::abort();
  return {encoded->begin(), encoded->end()};
}

/// A batch that is not what it says, instead of the honest one.
void spoil(std::vector<uint8_t>& bytes, std::string_view at) {
  if (answers("answer_batch_noise", at)) {
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 31 + 7);
  }
  if (answers("answer_batch_cut", at)) bytes.resize(bytes.size() / 2);
  if (answers("answer_batch_header", at)) {
    for (size_t i = 8; i < 200 && i < bytes.size(); ++i) bytes[i] = 0xFF;
  }
  if (answers("answer_batch_rows", at)) {
    // Every number of rows becomes a thousand times as much.
    for (size_t i = 0; i + 8 <= bytes.size(); i += 8) {
      int64_t value = 0;
      std::memcpy(&value, &bytes[i], sizeof value);
      if (value != kRowsPerBatch) continue;
      value = 100'000'000'000;
      std::memcpy(&bytes[i], &value, sizeof value);
    }
  }
}

std::string position(long next) {
  return "{\"id\": \"p\", \"kind\": \"source\", \"stream\": \"" + orders.stream + "\", \"cursor_field\": \"id\", " +
         "\"cursor_value\": {\"int64\": " + std::to_string(next - 1) +
         "}, \"records_processed\": " + std::to_string(next) +
         ", \"bytes_processed\": 0, \"next\": " + std::to_string(next) + "}";
}

/// Checkpoints that lie, in the middle of the stream.
void lie_about_the_position() {
  if (answers("answer_position_of_another", "middle"))
    checkpoint(0,
               "{\"id\": \"x\", \"kind\": \"source\", \"stream\": \"good\", \"cursor_field\": \"id\", "
               "\"cursor_value\": {\"int64\": 999999}, \"records_processed\": 999999, \"next\": 999999}");
  if (answers("answer_position_end", "middle"))
    checkpoint(
        0,
        "{\"id\": \"x\", \"kind\": \"source\", \"stream\": \"evil\", \"cursor_value\": {\"int64\": 0}, \"end\": true, "
        "\"load_id\": \"mine\", \"batches_covered\": 18446744073709551615, \"records_processed\": "
        "18446744073709551615, \"load_start_cursor\": {\"int64\": 9}, \"next\": 0}");
  if (answers("answer_position_back", "middle")) checkpoint(0, position(1));
}

}  // namespace

using ExportError = exports_rapidbyte_connector_source_connector_connector_error_t;
using Summary = exports_rapidbyte_connector_source_connector_read_summary_t;

bool exports_rapidbyte_connector_source_connector_discover(String* ret, ExportError* error) {
  if (!may_continue("discover", error)) return false;
  *ret = given(catalog());
  if (answers("answer_pointer", "discover")) *ret = {reinterpret_cast<uint8_t*>(0xFFFFFF00U), 0x1000};
  return true;
}

bool exports_rapidbyte_connector_source_connector_run_read(String* context, Summary* ret, ExportError* error) {
  take_context(owned(*context));
  if (!may_continue("run", error)) return false;
  const long rows = number("rows", 1000);
  *ret = {};
  for (long first = 0; first < rows; first += kRowsPerBatch) {
    std::vector<uint8_t> bytes = batch(first, std::min(kRowsPerBatch, rows - first));
    if (first == rows / 2) {
      lie_about_the_position();
      act("middle");
      if (fails("middle", error)) return false;
      spoil(bytes, "middle");
    }
    Bytes list{bytes.data(), bytes.size()};
    if (!rapidbyte_connector_host_emit_batch(&list, error)) {
      if (answers("answer_emits_on", "middle")) {
        while (true) emit(bytes);
      }
      return false;
    }
    ret->records_read += static_cast<uint64_t>(std::min(kRowsPerBatch, rows - first));
    ret->bytes_read += bytes.size();
    ++ret->batches_emitted;
    String text = borrowed("");
    const std::string here = position(static_cast<long>(ret->records_read));
    text = borrowed(here);
    if (!rapidbyte_connector_host_checkpoint(0, &text, error)) return false;
    ++ret->checkpoint_count;
  }
  if (!may_continue("end", error)) return false;
  if (answers("answer_summary_more", "end")) ret->records_read += 1;
  if (answers("answer_summary_less", "end")) ret->records_read -= 1;
  if (answers("answer_summary_most", "end")) *ret = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, 0};
  if (answers("answer_summary_skipped", "end")) ret->records_skipped = ret->records_read;
  return true;
}

#ifdef RB_GUEST_21
bool exports_rapidbyte_connector_source_connector_plan_partitions(String* context, uint32_t, String* ret,
                                                                  ExportError* error) {
  take_context(owned(*context));
  if (!may_continue("plan", error)) return false;
  *ret = given(partitions());
  return true;
}
#endif
