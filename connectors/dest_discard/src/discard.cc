// dest-discard: takes every batch, counts its rows from the message header, and drops it. Each checkpoint counts as
// committed as soon as the batches before it have been taken, so a pipeline into it advances its cursors like any
// other.

#include "rapidbyte/sdk/connector.h"

namespace {

using namespace rapidbyte::sdk;

struct Discard {
  Status open(const Json& config) { return ConfigReader(config).finish(); }

  Result<WriteSummary> write(const StreamContext&) {
    return run_commit_loop(
        [](std::span<const uint8_t> batch) -> Result<WriteCount> {
          RB_SDK_ASSIGN_OR_RETURN(const uint64_t rows, count_rows(batch));
          return WriteCount{.written = rows};
        },
        [](const std::string&) { return Status(); });
  }
};

}  // namespace

RAPIDBYTE_DESTINATION(Discard)
