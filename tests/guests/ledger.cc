// A destination of plain protocol 2.0.0, as somebody without our SDK would write it: appends the first column (Int64)
// of every row as a line to the file `path`, commits every `commit_batches` batches, and has no receipts. Its config
// decides whether it reports its commits (`report`), leaves out rows that it already has, by their number, as the
// published dest-postgres does (`skip`), and pauses before batch `stall_at` until it is killed.

#include <nanoarrow/nanoarrow_ipc.h>
#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <string>

#include "rapidbyte_destination.h"
#include "text.h"

namespace {

std::string g_config;

using Error = exports_rapidbyte_connector_dest_connector_connector_error_t;

bool fail(Error* error, const char* code) {
  *error = {};
  error->category = RAPIDBYTE_CONNECTOR_TYPES_ERROR_CATEGORY_INTERNAL;
  error->scope = RAPIDBYTE_CONNECTOR_TYPES_ERROR_SCOPE_PER_STREAM;
  rapidbyte_destination_string_dup(&error->code, code);
  rapidbyte_destination_string_dup(&error->message, "the ledger cannot continue");
  error->backoff_class = RAPIDBYTE_CONNECTOR_TYPES_BACKOFF_CLASS_FAST;
  return false;
}

/// Adds a line per row to `lines`, without the first `skip` of them. False when the batch cannot be read.
bool add_rows(const uint8_t* bytes, size_t size, uint64_t& skip, std::string& lines, uint64_t& rows) {
  ArrowBuffer buffer;
  ArrowBufferInit(&buffer);
  if (ArrowBufferAppend(&buffer, bytes, static_cast<int64_t>(size)) != NANOARROW_OK) return false;
  ArrowIpcInputStream input;
  ArrowArrayStream stream;
  if (ArrowIpcInputStreamInitBuffer(&input, &buffer) != NANOARROW_OK) return false;
  if (ArrowIpcArrayStreamReaderInit(&stream, &input, nullptr) != NANOARROW_OK) return false;
  ArrowArray array;
  const bool read = stream.get_next(&stream, &array) == NANOARROW_OK && array.release != nullptr;
  if (read) {
    const ArrowArray& ids = *array.children[0];
    const auto* values = static_cast<const int64_t*>(ids.buffers[1]) + ids.offset;
    for (int64_t i = 0; i < array.length; ++i) {
      if (skip > 0) {
        --skip;
        continue;
      }
      lines += std::to_string(values[i]) + "\n";
      ++rows;
    }
    array.release(&array);
  }
  stream.release(&stream);
  return read;
}

/// Rows that an earlier call has committed.
uint64_t lines_of(const std::string& path) {
  uint64_t lines = 0;
  if (FILE* file = std::fopen(path.c_str(), "rb")) {
    for (int c = std::fgetc(file); c != EOF; c = std::fgetc(file)) lines += c == '\n' ? 1 : 0;
    std::fclose(file);
  }
  return lines;
}

bool append(const std::string& path, const std::string& text) {
  FILE* file = std::fopen(path.c_str(), "ab");
  if (file == nullptr) return false;
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size() && std::fflush(file) == 0 &&
                       fsync(fileno(file)) == 0;
  return std::fclose(file) == 0 && written;
}

}  // namespace

bool exports_rapidbyte_connector_dest_connector_open(rapidbyte_destination_string_t* config_json, Error*) {
  g_config.assign(reinterpret_cast<const char*>(config_json->ptr), config_json->len);
  return true;
}

bool exports_rapidbyte_connector_dest_connector_validate(
    exports_rapidbyte_connector_dest_connector_validation_result_t* ret, Error*) {
  ret->status = RAPIDBYTE_CONNECTOR_TYPES_VALIDATION_STATUS_SUCCESS;
  rapidbyte_destination_string_dup(&ret->message, "");
  return true;
}

bool exports_rapidbyte_connector_dest_connector_run_write(
    rapidbyte_destination_string_t*, exports_rapidbyte_connector_dest_connector_write_summary_t* ret, Error* err) {
  *ret = {};
  const std::string path = text_of(g_config, "path");
  const long commit_batches = number_of(g_config, "commit_batches", 1);
  const long stall_at = number_of(g_config, "stall_at", -1);
  uint64_t skip = number_of(g_config, "skip", 0) != 0 ? lines_of(path) : 0;
  std::string open;
  uint64_t open_rows = 0;
  const auto commit = [&] {
    if (open_rows == 0) return true;
    if (!append(path, open)) return fail(err, "LEDGER_WRITE");
    ret->records_written += open_rows;
    open.clear();
    open_rows = 0;
    if (number_of(g_config, "report", 0) == 0) return true;
    const std::string payload =
        "{\"id\":1,\"kind\":\"dest\",\"stream\":\"t\",\"records_processed\":" + std::to_string(ret->records_written) +
        ",\"bytes_processed\":0}";
    rapidbyte_destination_string_t text{reinterpret_cast<uint8_t*>(const_cast<char*>(payload.data())), payload.size()};
    ++ret->checkpoint_count;
    return rapidbyte_connector_host_checkpoint(1, &text, err);
  };
  for (long number = 0;; ++number) {
    while (number == stall_at) {
      const timespec moment = {0, 20'000'000};
      nanosleep(&moment, nullptr);
    }
    rapidbyte_destination_option_list_u8_t batch;
    if (!rapidbyte_connector_host_next_batch(&batch, err)) return false;
    if (!batch.is_some) break;
    ++ret->batches_written;
    ret->bytes_written += batch.val.len;
    const bool read = add_rows(batch.val.ptr, batch.val.len, skip, open, open_rows);
    rapidbyte_destination_list_u8_free(&batch.val);
    if (!read) return fail(err, "BATCH_UNREADABLE");
    if ((number + 1) % commit_batches == 0 && !commit()) return false;
  }
  return commit();
}

bool exports_rapidbyte_connector_dest_connector_close(Error*) { return true; }
