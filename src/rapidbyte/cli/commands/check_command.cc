#include "rapidbyte/cli/commands/check_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "rapidbyte/base/log.h"
#include "rapidbyte/cli/commands/pipeline_preparation.h"
#include "rapidbyte/cli/view/document.h"
#include "rapidbyte/cli/view/error_text.h"
#include "rapidbyte/engine/plan/pipeline_check.h"

namespace rapidbyte::cli {
namespace {

// "permissions" and "destination" are the longest parts.
constexpr size_t kPartWidth = 11;
constexpr size_t kStatusWidth = 7;

using engine::Finding;
using engine::FindingStatus;

ExitCode exit_code_of(const Finding& finding) {
  return finding.failure ? exit_code_for(finding.failure->stage) : ExitCode::kOk;
}

/// The code of the first finding that failed.
ExitCode exit_code_of(const std::vector<Finding>& findings) {
  const auto failed = std::find_if(findings.begin(), findings.end(),
                                   [](const Finding& finding) { return finding.status == FindingStatus::kFailed; });
  return failed == findings.end() ? ExitCode::kOk : exit_code_of(*failed);
}

std::string_view color_of(FindingStatus status) {
  switch (status) {
    case FindingStatus::kOk: return "\x1b[32m";
    case FindingStatus::kWarning: return "\x1b[33m";
    case FindingStatus::kFailed: return "\x1b[31m";
    case FindingStatus::kSkipped: return "\x1b[2m";
  }
  return "";
}

std::string render(const Finding& finding, const std::filesystem::path& file, bool color) {
  constexpr size_t kIndent = kStatusWidth + 2 + kPartWidth + 2;
  std::string status = pad_width(to_string(finding.status), kStatusWidth);
  if (color) status = fmt::format("{}{}\x1b[0m", color_of(finding.status), status);
  std::string out = fmt::format("{}  {}  {}\n", status, pad_width(finding.part, kPartWidth),
                                printable_lines(finding.message, kIndent));
  for (const pipeline::Problem& problem : finding.problems) {
    out += fmt::format("{}{}\n", std::string(kIndent, ' '), pipeline::format_problem(file.string(), problem));
  }
  if (!finding.fix.empty()) {
    out += fmt::format("{}fix: {}\n", std::string(kIndent, ' '), printable_lines(finding.fix, kIndent));
  }
  return out;
}

nlohmann::json to_json(const Finding& finding, const std::filesystem::path& file) {
  nlohmann::json object = {{"part", finding.part},
                           {"status", to_string(finding.status)},
                           {"message", redact(finding.message)},
                           {"fix", finding.fix.empty() ? nlohmann::json() : nlohmann::json(redact(finding.fix))},
                           {"problems", problems_json(file, finding.problems)}};
  if (finding.status == FindingStatus::kFailed) object["exit_code"] = to_int(exit_code_of(finding));
  return object;
}

}  // namespace

ExitCode check_command(const CheckArguments& arguments, CommandContext& context) {
  const pipeline::ParseOutcome parsed = pipeline::parse_pipeline_file(arguments.pipeline, context.environment);
  const std::vector<Finding> findings = engine::check_pipeline(
      {.file = arguments.pipeline,
       .parsed = parsed,
       .make_runtime =
           [&](const pipeline::PipelineConfig& config) {
             return make_runtime(context, config, arguments.allow_unmanifested, arguments.verbosity.quiet);
           },
       .open_state = context.open_state,
       .cancel = context.cancel});
  const ExitCode code = exit_code_of(findings);
  if (arguments.json) {
    nlohmann::json document = {{"pipeline", arguments.pipeline.string()},
                               {"ok", code == ExitCode::kOk},
                               {"exit_code", to_int(code)},
                               {"findings", nlohmann::json::array()}};
    for (const Finding& finding : findings) document["findings"].push_back(to_json(finding, arguments.pipeline));
    const bool written = write_report(context.data, std::move(document), context.talk);
    return code == ExitCode::kOk && !written ? ExitCode::kInternal : code;
  }
  for (const Finding& finding : findings) {
    const bool is_fine = finding.status == FindingStatus::kOk || finding.status == FindingStatus::kSkipped;
    if (arguments.verbosity.quiet && is_fine) continue;
    context.talk.write(render(finding, arguments.pipeline, context.talk.color()));
  }
  if (!arguments.verbosity.quiet) {
    const auto failed = std::count_if(findings.begin(), findings.end(),
                                      [](const Finding& finding) { return finding.status == FindingStatus::kFailed; });
    context.talk.write(failed == 0 ? fmt::format("Everything is in place. Load with: rapidbyte run {}\n",
                                                 make_printable(arguments.pipeline.string()))
                                   : fmt::format("{} of {} parts failed.\n", failed, findings.size()));
  }
  return code;
}

}  // namespace rapidbyte::cli
