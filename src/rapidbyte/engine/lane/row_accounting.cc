#include "rapidbyte/engine/lane/row_accounting.h"

#include <fmt/format.h>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::engine {
namespace {

Status mismatch(std::string_view stream, std::string_view what) {
  return internal_error(codes::kRowCountMismatch,
                        fmt::format("stream '{}': {}. Rows may be missing, so the run does not count as a success. "
                                    "This is a bug in the connector; please report it with this message",
                                    stream, what));
}

}  // namespace

Result<uint64_t> check_source_rows(std::string_view stream, const runtime::ReadSummary& summary, const QueueCounts& out,
                                   bool speaks_2_1) {
  const uint64_t read = summary.records_read;
  const uint64_t skipped = summary.records_skipped;
  if (!speaks_2_1 && out.pushed_rows == read) return read;
  if (skipped > read)
    return mismatch(stream, fmt::format("the source says that it read {} rows and skipped {} of them", read, skipped));
  const uint64_t emitted = read - skipped;
  if (out.pushed_rows != emitted) {
    return mismatch(
        stream,
        fmt::format(
            "the source says that it read {} rows and skipped {}, which leaves {}, but its batches have {} rows", read,
            skipped, emitted, out.pushed_rows));
  }
  return emitted;
}

Result<uint64_t> check_transform_rows(std::string_view stream, std::string_view transform,
                                      const runtime::TransformSummary& summary, uint64_t received,
                                      const QueueCounts& out) {
  if (summary.records_in != received) {
    return mismatch(stream, fmt::format("the transform {} says that it took {} rows, but {} were given to it",
                                        transform, summary.records_in, received));
  }
  if (out.pushed_rows != summary.records_out) {
    return mismatch(stream, fmt::format("the transform {} says that it emitted {} rows, but its batches have {} rows",
                                        transform, summary.records_out, out.pushed_rows));
  }
  return summary.records_out;
}

Result<uint64_t> check_destination_rows(std::string_view stream, uint64_t written, uint64_t refused, uint64_t received,
                                        uint64_t already_there) {
  // Compared without a sum, which could wrap.
  const uint64_t taken = refused <= received ? received - refused : 0;
  if (refused <= received && written <= taken) {
    const uint64_t left_out = taken - written;
    if (left_out == 0 || left_out == already_there) return left_out;
  }
  std::string what = fmt::format("{} rows were given to the destination, but it says that it wrote {} and rejected {}",
                                 received, written, refused);
  if (already_there > 0)
    what += fmt::format(" (it had reported {} of them as committed before, so it could have left those out)",
                        already_there);
  return mismatch(stream, what);
}

}  // namespace rapidbyte::engine
