#pragma once
// The summary of a run on stderr: what each stream did, how fast, where the rejected rows are, why it failed, and what
// to do next. Pure functions over the report, any thread.

#include <cstddef>
#include <filesystem>
#include <string>

#include "rapidbyte/cli/exit_code.h"
#include "rapidbyte/engine/report/run_report.h"

namespace rapidbyte::cli {

/// A screenful of streams.
inline constexpr size_t kMaxStreamLines = 20;

struct SummaryStyle {
  bool unicode = true;
  bool color = false;
  /// Errors only.
  bool quiet = false;
  /// A line for each stream, however many there are, and where its time went, stage by stage (-v).
  bool stages = false;
  /// Columns of the terminal; 0: no limit.
  size_t width = 0;
};

/// Lines, each with its line feed: failed streams first, then those that were not started, those with something to look
/// at (rejected rows, rows that may be doubled, retries), and the rest, each group in the pipeline's order. With more
/// than kMaxStreamLines streams, one line sums up the rest, one the streams that were not started without a reason of
/// their own, and one whatever a group has beyond that many lines. `file` is the pipeline as the user named it, for the
/// hints.
[[nodiscard]] std::string render_summary(const engine::RunReport& report, const std::filesystem::path& file,
                                         const SummaryStyle& style);

/// The exit code of a report.
[[nodiscard]] ExitCode exit_code_of(const engine::RunReport& report);

}  // namespace rapidbyte::cli
