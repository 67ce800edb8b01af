#include "rapidbyte/cli/view/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "rapidbyte/cli/view/error_text.h"
#include "rapidbyte/cli/view/quantities.h"
#include "rapidbyte/cli/view/table_printer.h"
#include "rapidbyte/cli/view/text_width.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::cli {
namespace {

using engine::Outcome;
using engine::RunReport;
using engine::StreamReport;

struct Mark {
  std::string_view unicode;
  std::string_view ascii;
  std::string_view color;
};

Mark mark_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::kSucceeded: return {"\xE2\x9C\x93", "ok", "\x1b[32m"};
    case Outcome::kFailed: return {"\xE2\x9C\x97", "failed", "\x1b[31m"};
    case Outcome::kInterrupted: return {"!", "interrupted", "\x1b[33m"};
    case Outcome::kNotStarted: return {"-", "not started", "\x1b[2m"};
  }
  return {};
}

std::string render_mark(Outcome outcome, const SummaryStyle& style) {
  const Mark mark = mark_of(outcome);
  const std::string_view text = style.unicode ? mark.unicode : mark.ascii;
  return style.color ? fmt::format("{}{}\x1b[0m", mark.color, text) : std::string(text);
}

/// Rules that rows failed, as counters with the label `rule` tell (docs/connectors/transform-check.md): name, rows.
std::vector<std::pair<std::string, uint64_t>> failed_rules(const StreamReport& stream) {
  std::vector<std::pair<std::string, uint64_t>> rules;
  for (const engine::CounterTotal& counter : stream.counters) {
    for (const auto& [label, value] : counter.labels) {
      if (label == "rule" && counter.value >= 1)
        rules.emplace_back(value, static_cast<uint64_t>(std::min(counter.value, 1e18)));
    }
  }
  std::stable_sort(rules.begin(), rules.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  return rules;
}

std::string describe_rules(const StreamReport& stream) {
  constexpr size_t kMaxRules = 5;
  const auto rules = failed_rules(stream);
  std::string text;
  for (size_t i = 0; i < std::min(rules.size(), kMaxRules); ++i)
    text += fmt::format(", {} failed {}", format_rows(rules[i].second), make_printable(rules[i].first));
  if (rules.size() > kMaxRules) text += fmt::format(" and {} more rules", rules.size() - kMaxRules);
  return text;
}

std::string describe_stream(const StreamReport& stream, bool dry_run) {
  std::string text = fmt::format("{}: {} read", make_printable(stream.stream), format_rows(stream.rows_read));
  if (!dry_run) text += fmt::format(", {} written", format_count(stream.rows_written));
  if (stream.rows_rejected > 0) text += fmt::format(", {} rejected", format_count(stream.rows_rejected));
  if (stream.rows_transformed_away > 0) {
    text +=
        fmt::format(", {} removed by transforms", format_count(static_cast<uint64_t>(stream.rows_transformed_away)));
  } else if (stream.rows_transformed_away < 0) {
    text +=
        fmt::format(", {} added by transforms", format_count(0 - static_cast<uint64_t>(stream.rows_transformed_away)));
  }
  text += describe_rules(stream);
  text += " in " + format_duration(stream.seconds);
  if (!dry_run && stream.rows_read > 0 && stream.seconds > 0) {
    text += fmt::format(" ({} rows/s, {}, {}/s)", format_count(per_second(stream.rows_read, stream.seconds)),
                        format_bytes(stream.bytes_read), format_bytes(per_second(stream.bytes_read, stream.seconds)));
  }
  if (stream.partitions > 1) text += fmt::format(", in {} partitions", stream.partitions);
  if (stream.resumed) text += ", resumed an earlier load";
  if (stream.rows_already_there > 0)
    text += fmt::format(" ({} were there already)", format_count(stream.rows_already_there));
  if (!stream.rows_maybe_doubled) {
    text += ", an unknown number of rows may be in the table twice";
  } else if (*stream.rows_maybe_doubled > 0) {
    text += fmt::format(", up to {} may be in the table twice", format_rows(*stream.rows_maybe_doubled));
  }
  if (stream.retries > 0) text += fmt::format(", {} {}", stream.retries, stream.retries == 1 ? "retry" : "retries");
  return text;
}

std::string describe_stages(const StreamReport& stream, const SummaryStyle& style) {
  const auto duration = [](std::chrono::nanoseconds time) {
    return format_duration(std::chrono::duration<double>(time).count());
  };
  TablePrinter table({{.name = "stage"},
                      {.name = "connector"},
                      {.name = "busy", .align = Align::kRight},
                      {.name = "waits for input", .align = Align::kRight},
                      {.name = "waits for output", .align = Align::kRight},
                      {.name = "waits for network", .align = Align::kRight},
                      {.name = "total", .align = Align::kRight},
                      {.name = "processor", .align = Align::kRight}});
  for (const engine::StageUsage& usage : stream.stages) {
    table.add_text_row({usage.stage, usage.connector, duration(usage.busy()), duration(usage.waiting_input),
                        duration(usage.waiting_output), duration(usage.waiting_network), duration(usage.total),
                        duration(usage.cpu)});
  }
  return table.render({.width = style.width, .unicode = style.unicode, .color = style.color});
}

std::string describe_total(const RunReport& report) {
  uint64_t bytes = 0;
  for (const StreamReport& stream : report.streams) bytes += stream.bytes_read;
  return fmt::format("{} streams: {} read, {} written, {} rejected, {} in {}", format_count(report.streams.size()),
                     format_rows(report.rows_read()), format_count(report.rows_written()),
                     format_count(report.rows_rejected()), format_bytes(bytes), format_duration(report.seconds));
}

/// In the order in which they are shown.
enum class Group : uint8_t { kFailed, kNotStarted, kNoted, kFine };
constexpr Group kGroups[] = {Group::kFailed, Group::kNotStarted, Group::kNoted, Group::kFine};

Group group_of(const StreamReport& stream) {
  if (stream.outcome == Outcome::kNotStarted) return Group::kNotStarted;
  if (stream.outcome != Outcome::kSucceeded) return Group::kFailed;
  const bool noted = stream.rows_rejected > 0 || stream.rows_already_there > 0 || stream.retries > 0 ||
                     stream.rows_maybe_doubled != uint64_t{0} || !failed_rules(stream).empty();
  return noted ? Group::kNoted : Group::kFine;
}

/// Totals of the streams that have no line of their own.
struct Folded {
  size_t streams = 0;
  uint64_t rows_read = 0;
  uint64_t rows_written = 0;
  uint64_t rows_rejected = 0;
  uint64_t bytes_read = 0;

  void add(const StreamReport& stream) {
    ++streams;
    rows_read += stream.rows_read;
    rows_written += stream.rows_written;
    rows_rejected += stream.rows_rejected;
    bytes_read += stream.bytes_read;
  }
};

/// `others`: streams of the same outcome are listed above.
std::string describe_folded(const Folded& folded, Group group, bool others, bool dry_run) {
  const std::string_view noun = folded.streams == 1 ? "stream" : "streams";
  std::string text = fmt::format("{} {}{}: ", format_count(folded.streams), others ? "more " : "", noun);
  if (group == Group::kNotStarted) return text + "not started";
  text += format_rows(folded.rows_read) + " read";
  if (!dry_run) text += fmt::format(", {} written", format_count(folded.rows_written));
  if (folded.rows_rejected > 0) text += fmt::format(", {} rejected", format_count(folded.rows_rejected));
  return text + ", " + format_bytes(folded.bytes_read);
}

std::string describe_outcome(const StreamReport& stream, bool dry_run) {
  if (stream.outcome != Outcome::kNotStarted) return describe_stream(stream, dry_run);
  std::string text = make_printable(stream.stream) + ": not started";
  if (!stream.held_back_by.empty())
    text += fmt::format(", because its rows may refer to those of {}", make_printable(stream.held_back_by));
  return text;
}

bool folds(const RunReport& report, const SummaryStyle& style) {
  return !style.stages && report.streams.size() > kMaxStreamLines;
}

/// All streams would fold into one line, which would repeat the total.
bool is_one_line(const RunReport& report, const SummaryStyle& style) {
  return folds(report, style) && !report.dry_run &&
         std::all_of(report.streams.begin(), report.streams.end(),
                     [](const StreamReport& stream) { return group_of(stream) == Group::kFine; });
}

std::string describe_streams(const RunReport& report, const SummaryStyle& style) {
  if (is_one_line(report, style)) return render_mark(Outcome::kSucceeded, style) + " ";
  std::string out;
  bool others_succeeded = false;
  for (const Group group : kGroups) {
    size_t shown = 0;
    Folded folded;
    Outcome outcome = Outcome::kSucceeded;
    for (const StreamReport& stream : report.streams) {
      if (group_of(stream) != group) continue;
      const bool plain = group == Group::kFine || (group == Group::kNotStarted && stream.held_back_by.empty());
      if (folds(report, style) && (plain || shown == kMaxStreamLines)) {
        outcome = stream.outcome;
        folded.add(stream);
        continue;
      }
      ++shown;
      out += fmt::format("{} {}\n", render_mark(stream.outcome, style), describe_outcome(stream, report.dry_run));
      if (style.stages && !stream.stages.empty()) out += describe_stages(stream, style);
    }
    const bool others = shown > 0 || (group == Group::kFine && others_succeeded);
    if (folded.streams > 0) {
      out +=
          fmt::format("{} {}\n", render_mark(outcome, style), describe_folded(folded, group, others, report.dry_run));
    }
    others_succeeded = others_succeeded || (group == Group::kNoted && shown > 0);
  }
  return out;
}

/// Whether the next run resumes after committed rows, as append and upsert do.
bool has_rows_of_load(const StreamReport& stream) {
  return stream.outcome != Outcome::kSucceeded && (stream.rows_written > 0 || stream.resumed);
}

/// Codes of our connectors for values that do not fit the type given to a column.
bool is_about_a_type(const ConnectorError& error) {
  constexpr std::string_view kCodes[] = {codes::kWrongType, codes::kSpecialValue, codes::kOutOfRange,
                                         codes::kTypeChanged, codes::kCompositeChanged};
  return std::find(std::begin(kCodes), std::end(kCodes), error.code) != std::end(kCodes);
}

/// The stream whose committed rows are in a table with a column of the wrong type; null: that is not the failure.
const StreamReport* with_wrong_type(const RunReport& report) {
  const auto found = std::find_if(report.streams.begin(), report.streams.end(), [](const StreamReport& stream) {
    return stream.failure && is_about_a_type(stream.failure->error) && has_rows_of_load(stream);
  });
  return found == report.streams.end() ? nullptr : &*found;
}

/// The hint for a run that left rows in doubt: running again does not help by itself. Empty: there are none.
std::string doubt_of(const RunReport& report) {
  const auto doubtful = std::find_if(report.streams.begin(), report.streams.end(),
                                     [](const StreamReport& stream) { return stream.rows_in_doubt; });
  if (doubtful == report.streams.end()) return {};
  return fmt::format(
      "Rows after the last checkpoint of stream {} may already be in its table, and the destination keeps no receipts "
      "that could tell. Look at the table; the next run writes nothing and explains how to continue (ROWS_MAY_DOUBLE)",
      make_printable(doubtful->stream));
}

/// Whether the failed stream's load had begun: `check` loads nothing, so it never gets that far and finds nothing
/// wrong.
bool was_loading(const RunReport& report) {
  return std::any_of(report.streams.begin(), report.streams.end(), [&](const StreamReport& stream) {
    return stream.failure && report.failure && stream.failure->error == report.failure->error &&
           !stream.load_id.empty();
  });
}

/// Only for what `check` shows, too; the other messages say what to do themselves.
std::string hint_for_pipeline(const RunReport& report, const std::string& pipeline) {
  const std::string code = report.failure ? report.failure->error.code : std::string();
  if (code == codes::kLimitRefused || code == codes::kResumeNotSupported) return {};
  if (code == codes::kUnknownStream) return fmt::format("List the streams with: rapidbyte discover {}", pipeline);
  return fmt::format("Check the file with: rapidbyte check {}", pipeline);
}

/// What to do after a source, a destination or a transform has failed.
std::string next_step(const RunReport& report, const std::string& pipeline) {
  if (std::string doubt = doubt_of(report); !doubt.empty()) return doubt;
  const bool committed = std::any_of(report.streams.begin(), report.streams.end(),
                                     [](const StreamReport& stream) { return stream.rows_written > 0; });
  const std::string kept = committed ? "What was committed stays; " : "";
  std::string fix = kept + (committed ? "fix" : "Fix") + " the cause, then run the same command again";
  const std::string check = fmt::format(", or look closer with: rapidbyte check {}", pipeline);
  const ConnectorError error = report.failure ? report.failure->error : ConnectorError();
  if (error.retryable) return kept + "run the same command again to continue" + check;
  switch (error.category) {
    case ErrorCategory::kRateLimit:
    case ErrorCategory::kTransientNetwork:
    case ErrorCategory::kTransientDb:
    case ErrorCategory::kInternal: return kept + "run the same command again to continue" + check;
    case ErrorCategory::kConfig:
    case ErrorCategory::kAuth:
    case ErrorCategory::kPermission: return was_loading(report) ? fix : fix + check;
    case ErrorCategory::kData:
    case ErrorCategory::kSchema: break;
  }
  const StreamReport* unfinished = with_wrong_type(report);
  if (report.dry_run || report.limit || unfinished == nullptr) return fix;
  // The table keeps the types that it was created with, whatever the pipeline says now.
  return fmt::format(
      "{} to continue.\nIf a column needs another type, start over, because the table has the old one: drop the table "
      "(or change the column there and remove the rows that will be loaded again), then: rapidbyte state reset {} "
      "--stream {}",
      fix, pipeline, make_printable(unfinished->stream));
}

std::string hint_for(const RunReport& report, const std::filesystem::path& file, ExitCode code) {
  const std::string pipeline = make_printable(file.string());
  switch (code) {
    case ExitCode::kInvalidPipeline: return hint_for_pipeline(report, pipeline);
    case ExitCode::kConnector: return "List the installed connectors with: rapidbyte connectors";
    case ExitCode::kSource:
    case ExitCode::kDestination:
    case ExitCode::kTransform: return next_step(report, pipeline);
    case ExitCode::kRejectedRows:
      return report.dlq_path.empty() ? std::string()
                                     : fmt::format("Look at the rejected rows in {}; dlq.max_bytes is the limit",
                                                   make_printable(report.dlq_path.string()));
    case ExitCode::kInternal:
      return "Row counts do not add up, or something unexpected happened: please report this with the output of -vv";
    default: return {};
  }
}

}  // namespace

ExitCode exit_code_of(const RunReport& report) {
  if (report.outcome == Outcome::kSucceeded) return ExitCode::kOk;
  if (report.outcome == Outcome::kInterrupted) return ExitCode::kInterrupted;
  if (report.failure) return exit_code_for(report.failure->stage);
  return ExitCode::kInternal;
}

std::string render_summary(const RunReport& report, const std::filesystem::path& file, const SummaryStyle& style) {
  std::string out;
  if (!style.quiet) {
    out += describe_streams(report, style);
    if (style.stages) {
      for (const auto& [connector, seconds] : report.compiled)
        out += fmt::format("compiled {} in {}\n", make_printable(connector), format_duration(seconds));
    }
    if (report.streams.size() > 1 && !report.dry_run) out += describe_total(report) + "\n";
    if (report.dlq_records > 0 && !report.dlq_path.empty()) {
      out +=
          fmt::format("{} rejected: {}\n", format_rows(report.dlq_records), make_printable(report.dlq_path.string()));
    }
    if (report.succeeded() && report.dry_run) {
      out += fmt::format("Nothing was written. Load with: rapidbyte run {}\n", make_printable(file.string()));
    } else if (report.succeeded() && report.limit) {
      out += fmt::format(
          "At most {} of each stream were loaded (--limit); cursors stay where they were, so the next run writes these "
          "rows again. With write_mode append, remove them first.\n",
          format_rows(*report.limit));
    }
  }
  const ExitCode code = exit_code_of(report);
  if (code == ExitCode::kOk) return out;
  // Not an error: the user asked for it.
  if (code == ExitCode::kInterrupted) {
    const std::string doubt = doubt_of(report);
    return out + fmt::format("Interrupted: {} were committed and stay{}.\n", format_rows(report.rows_written()),
                             doubt.empty() ? "; run the same command again to continue" : ". " + doubt);
  }
  // Failures of single streams first; the one that decides the exit code last, where people look.
  size_t others = 0;
  for (const StreamReport& stream : report.streams) {
    if (!stream.failure || (report.failure && stream.failure->error == report.failure->error)) continue;
    if (++others > kMaxStreamLines && !style.stages) continue;
    out += render_error(exit_code_for(stream.failure->stage), stream.failure->error, "", style.color);
  }
  if (others > kMaxStreamLines && !style.stages) {
    out += fmt::format("{} more streams failed; the report of --json has their errors.\n",
                       format_count(others - kMaxStreamLines));
  }
  ConnectorError error;
  error.message = "the run failed without saying why";
  if (report.failure) error = report.failure->error;
  return out + render_error(code, error, hint_for(report, file, code), style.color);
}

}  // namespace rapidbyte::cli
