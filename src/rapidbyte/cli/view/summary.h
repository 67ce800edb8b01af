#pragma once
// The last words of a run on stderr: what each stream did, how fast, where the rejected rows are, why it failed, and
// what to do next. Pure functions over the report, any thread.

#include <cstddef>
#include <filesystem>
#include <string>

#include "rapidbyte/cli/exit_code.h"
#include "rapidbyte/engine/report/run_report.h"

namespace rapidbyte::cli {

/// A screenful of streams.
inline constexpr size_t kMostStreamLines = 20;

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

/// Lines, each with its line feed: streams that failed first, those that were not started, those with something to look
/// at (rejected rows, rows that may be doubled, retries), then the rest, each in the pipeline's order. Of more than
/// kMostStreamLines streams the rest is one line, so are those that were not started without a reason of their own, and
/// so is what a group has beyond as many lines. `file` is the pipeline as the user named it, for the hints.
[[nodiscard]] std::string render_summary(const engine::RunReport& report, const std::filesystem::path& file,
                                         const SummaryStyle& style);

/// The exit code that a report stands for.
[[nodiscard]] ExitCode exit_code_of(const engine::RunReport& report);

}  // namespace rapidbyte::cli
