#include "rapidbyte/cli/commands/state_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rapidbyte/base/log.h"
#include "rapidbyte/cli/commands/pipeline_preparation.h"
#include "rapidbyte/cli/view/document.h"
#include "rapidbyte/cli/view/error_text.h"
#include "rapidbyte/cli/view/quantities.h"
#include "rapidbyte/engine/load/load_position.h"
#include "rapidbyte/engine/report/run_clock.h"
#include "rapidbyte/pipeline/name_pattern.h"
#include "rapidbyte/pipeline/suggestion.h"
#include "rapidbyte/protocol/checkpoint.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/protocol/untrusted_json.h"
#include "rapidbyte/state/open_state.h"

namespace rapidbyte::cli {
namespace {

using state::RunRecord;
using state::StreamKey;
using state::StreamState;

// A screenful of history.
constexpr uint32_t kRunsShown = 10;
// Streams that a question names; of more it says how many.
constexpr size_t kStreamsNamed = 10;

ExitCode fail(const CommandContext& context, const ConnectorError& error) {
  // A missing stream is the same mistake as in `run`.
  const engine::Stage stage = error.code == codes::kUnknownStream ? engine::Stage::kConfig : engine::Stage::kState;
  const ExitCode code = exit_code_for(engine::RunFailure(stage, error).stage);
  context.talk.write(render_error(code, error, "", context.talk.color()));
  return code;
}

/// The state of the pipeline in `file`; an empty pointer when there is no state yet.
struct Opened {
  pipeline::ParseOutcome parsed;
  std::unique_ptr<state::StateBackend> state;
};

std::optional<ExitCode> open_existing(const std::filesystem::path& file, const CommandContext& context,
                                      Opened& opened) {
  if (auto refusal = parse_for_command(context, file, opened.parsed)) {
    show_refusal(context, file, *refusal);
    return refusal->code;
  }
  const pipeline::StateConfig& config = opened.parsed.config->state;
  if (!state::survey_state(config).exists) return std::nullopt;
  auto state = context.open_state(config);
  if (!state.ok()) return fail(context, state.error());
  opened.state = std::move(*state);
  return std::nullopt;
}

/// The checkpoint's cursor, for people: "id = 42".
std::string describe_cursor(const StreamState& stream) {
  if (!stream.checkpoint_json) return "none";
  const auto checkpoint = protocol::Checkpoint::parse(*stream.checkpoint_json, protocol::kReceiptLimits);
  if (!checkpoint.ok()) return "not readable";
  const std::optional<std::string> field = checkpoint->cursor_field();
  if (!field || !checkpoint->body().contains("cursor_value")) return "position in the source";
  const nlohmann::json value = checkpoint->cursor().to_json();
  nlohmann::json inner = value.is_object() && value.size() == 1 ? *value.begin() : value;
  // Our sources record what the value is about: {"column": ..., "value": ..., ...}.
  if (inner.is_object() && inner.contains("value")) inner = nlohmann::json(inner["value"]);
  if (inner.is_object() && inner.size() == 1) inner = nlohmann::json(*inner.begin());
  return fmt::format("{} = {}", *field, inner.is_string() ? inner.get<std::string>() : protocol::json_text(inner));
}

std::string describe_load(const StreamState& stream) {
  if (stream.load_id.empty()) return "never loaded";
  if (!stream.load_in_progress) return "complete";
  std::string text = stream.committed ? fmt::format("interrupted after {}", format_rows(stream.rows_committed))
                                      : "interrupted at the beginning";
  // Recorded only for destinations without receipts, which may hold more than is known.
  const uint64_t given = stream.rows_given.value_or(0);
  if (given > stream.rows_committed) text += fmt::format(", up to {} given", format_count(given));
  return text;
}

nlohmann::json stream_json(const StreamKey& key, const StreamState& stream) {
  nlohmann::json checkpoint;
  if (stream.checkpoint_json) {
    auto parsed = protocol::parse_untrusted(*stream.checkpoint_json, protocol::kReceiptLimits);
    checkpoint = parsed.ok() ? *std::move(parsed) : nlohmann::json(*stream.checkpoint_json);
  }
  return {{"stream", key.stream},
          {"partition", key.partition.empty() ? nlohmann::json() : nlohmann::json(key.partition)},
          {"load_id", stream.load_id},
          {"load_in_progress", stream.load_in_progress},
          {"committed", stream.committed},
          {"rows_committed", stream.rows_committed},
          {"rows_given", stream.rows_given ? nlohmann::json(*stream.rows_given) : nlohmann::json()},
          {"rows_reported", stream.rows_reported},
          {"checkpoint", std::move(checkpoint)}};
}

nlohmann::json run_json(const RunRecord& run) {
  return {{"run_id", run.run_id},   {"started_at", run.started_at},     {"finished_at", run.finished_at},
          {"outcome", run.outcome}, {"rows_written", run.rows_written}, {"error", redact(run.error)}};
}

using Streams = std::vector<std::pair<StreamKey, StreamState>>;

/// What the state knows of the streams that --stream names.
struct Chosen {
  Streams streams;
  /// Each once.
  std::vector<std::string> names;
  /// A line for each unknown name.
  std::string unknown;
};

/// `wanted`: names and patterns; empty: all. UNKNOWN_STREAM when a pattern matches nothing: the user meant several
/// streams and should learn that there are none. An unknown name is no error: the stream may not have run yet.
Result<Chosen> list_chosen(state::StateBackend& state, const std::string& pipeline,
                           const std::vector<std::string>& wanted, const std::filesystem::path& file) {
  Chosen chosen;
  RB_ASSIGN_OR_RETURN(chosen.streams, state.list_streams(pipeline));
  std::set<std::string> known;
  for (const auto& [key, stream] : chosen.streams) known.insert(key.stream);
  const std::vector<std::string_view> names(known.begin(), known.end());
  std::set<std::string_view> found;
  for (const std::string& one : wanted) {
    const std::vector<size_t> places = pipeline::named_by(one, names);
    for (const size_t place : places) found.insert(names[place]);
    if (!places.empty()) continue;
    if (pipeline::is_name_pattern(one)) {
      return config_error(codes::kUnknownStream,
                          fmt::format("the state of pipeline {} has no stream that matches '{}'{}", pipeline, one,
                                      pipeline::name_suggestion(one, names)));
    }
    const auto near = pipeline::closest(one, names);
    chosen.unknown += fmt::format("Nothing is known about stream {} of pipeline {}{}; see: rapidbyte state show {}\n",
                                  make_printable(one), make_printable(pipeline),
                                  near ? fmt::format(" (did you mean {}?)", make_printable(*near)) : "",
                                  make_printable(file.string()));
  }
  if (wanted.empty()) found.insert(names.begin(), names.end());
  std::erase_if(chosen.streams, [&](const auto& entry) { return !found.contains(entry.first.stream); });
  chosen.names.assign(found.begin(), found.end());
  return chosen;
}

/// "stream a", "streams a, b and 7 more".
std::string describe_names(const std::vector<std::string>& names) {
  std::string text = names.size() == 1 ? "stream " : "streams ";
  for (size_t i = 0; i < std::min(names.size(), kStreamsNamed); ++i)
    text += (i > 0 ? ", " : "") + make_printable(names[i]);
  if (names.size() > kStreamsNamed) text += fmt::format(" and {} more", format_count(names.size() - kStreamsNamed));
  return text;
}

std::string render_state(const Streams& streams, const std::vector<RunRecord>& runs, const TableStyle& style) {
  std::string out;
  if (!streams.empty()) {
    TablePrinter table({{"stream"}, {"cursor"}, {"newest load"}, {"load id"}});
    for (const auto& [key, stream] : streams) {
      const std::string name = key.partition.empty() ? key.stream : fmt::format("{} [{}]", key.stream, key.partition);
      table.add_text_row({name, redact(describe_cursor(stream)), describe_load(stream), stream.load_id});
    }
    out += table.render(style);
  }
  if (!runs.empty()) {
    TablePrinter table({{"run"}, {"started"}, {"finished"}, {"outcome"}, {"rows", "", Align::kRight}, {"error"}});
    for (const RunRecord& run : runs) {
      table.add_text_row({run.run_id, run.started_at, run.finished_at, run.outcome, format_count(run.rows_written),
                          redact(run.error)});
    }
    if (!out.empty()) out += "\n";
    out += table.render(style);
  }
  return out;
}

Status reset_chosen(state::Lease& lease, bool all, const std::vector<std::string>& names) {
  if (all) return lease.reset(std::nullopt);
  for (const std::string& name : names) RB_RETURN_NOT_OK(lease.reset(name));
  return {};
}

/// nullopt when the user says yes, or `yes` is set; otherwise how the command ends.
std::optional<ExitCode> ask_unless(bool yes, const std::string& question, std::string_view why,
                                   const CommandContext& context) {
  if (yes) return std::nullopt;
  const std::optional<bool> answer = context.confirm(question);
  if (!answer) {
    context.talk.write(fmt::format(
        "rapidbyte: {}, and there is no terminal to ask on.\nAdd --yes to continue without asking.\n", why));
    return ExitCode::kUsage;
  }
  if (*answer) return std::nullopt;
  context.talk.write("Nothing was changed.\n");
  return ExitCode::kOk;
}

}  // namespace

ExitCode state_show_command(const StateShowArguments& arguments, CommandContext& context) {
  Opened opened;
  if (auto failed = open_existing(arguments.pipeline, context, opened)) return *failed;
  const pipeline::PipelineConfig& config = *opened.parsed.config;
  Streams streams;
  std::vector<RunRecord> runs;
  if (opened.state) {
    auto chosen = list_chosen(*opened.state, config.name, arguments.streams, arguments.pipeline);
    if (!chosen.ok()) return fail(context, chosen.error());
    if (!arguments.json) context.talk.write(chosen->unknown);
    streams = std::move(chosen->streams);
    auto recent = opened.state->recent_runs(config.name, kRunsShown);
    if (!recent.ok()) return fail(context, recent.error());
    runs = std::move(*recent);
  }
  if (arguments.json) {
    nlohmann::json document = {{"pipeline", config.name},
                               {"state", state::survey_state(config.state).place},
                               {"streams", nlohmann::json::array()},
                               {"runs", nlohmann::json::array()}};
    for (const auto& [key, stream] : streams) document["streams"].push_back(stream_json(key, stream));
    for (const RunRecord& run : runs) document["runs"].push_back(run_json(run));
    return write_report(context.data, std::move(document), context.talk) ? ExitCode::kOk : ExitCode::kInternal;
  }
  if (streams.empty() && runs.empty()) {
    context.talk.write(fmt::format("Nothing is known about pipeline {} yet ({}).\n", make_printable(config.name),
                                   make_printable(state::survey_state(config.state).place)));
    return ExitCode::kOk;
  }
  const std::string text = render_state(streams, runs, table_style(context.data));
  return write_text(context.data, text, context.talk) ? ExitCode::kOk : ExitCode::kInternal;
}

ExitCode state_reset_command(const StateResetArguments& arguments, CommandContext& context) {
  Opened opened;
  if (auto failed = open_existing(arguments.pipeline, context, opened)) return *failed;
  const pipeline::PipelineConfig& config = *opened.parsed.config;
  const std::string name = make_printable(config.name);
  if (!opened.state) {
    context.talk.write(fmt::format("Nothing is known about pipeline {}; there is nothing to forget.\n", name));
    return ExitCode::kOk;
  }
  const bool all = arguments.streams.empty();
  auto chosen = list_chosen(*opened.state, config.name, arguments.streams, arguments.pipeline);
  if (!chosen.ok()) return fail(context, chosen.error());
  context.talk.write(chosen->unknown);
  if (!all && chosen->names.empty()) return ExitCode::kOk;
  const std::string what = fmt::format("{} of pipeline {}", all ? "all streams" : describe_names(chosen->names), name);
  const std::string question = fmt::format(
      "Forget the cursors of {}? The next run reads from the beginning; in append mode it writes the rows again. "
      "[y/N] ",
      what);
  if (auto ended = ask_unless(arguments.yes, question, "state reset asks before it forgets", context)) return *ended;
  // A running run would write its cursors again.
  auto lease = opened.state->acquire_lease(config.name, "state-reset-" + engine::new_run_id());
  if (!lease.ok()) return fail(context, lease.error());
  if (Status done = reset_chosen(**lease, all, chosen->names); !done.ok()) return fail(context, done.error());
  context.talk.write(fmt::format("Forgotten: {}. The destination's rows stay as they are.\n", what));
  return ExitCode::kOk;
}

ExitCode state_accept_command(const StateAcceptArguments& arguments, CommandContext& context) {
  Opened opened;
  if (auto failed = open_existing(arguments.pipeline, context, opened)) return *failed;
  const std::string& name = opened.parsed.config->name;
  if (!opened.state) {
    context.talk.write(fmt::format("Nothing is known about pipeline {}.\n", make_printable(name)));
    return ExitCode::kState;
  }
  auto chosen = list_chosen(*opened.state, name, {arguments.stream}, arguments.pipeline);
  if (!chosen.ok()) return fail(context, chosen.error());
  if (chosen->names.empty()) {
    context.talk.write(chosen->unknown);
    return ExitCode::kState;
  }
  // The user vouches for the contents of a table, so each is accepted on its own.
  if (chosen->names.size() > 1) {
    context.talk.write(
        fmt::format("rapidbyte: state accept takes one stream at a time, and {} matches {} of them: {}.\nName the one "
                    "whose table you "
                    "have looked at.\n",
                    make_printable(arguments.stream), chosen->names.size(), describe_names(chosen->names)));
    return ExitCode::kUsage;
  }
  const std::string& accepted = chosen->names.front();
  const std::string stream = make_printable(accepted);
  const std::string question = fmt::format(
      "Accept the interrupted load of stream {} as it is in the table? None of its rows will be read or written again. "
      "[y/N] ",
      stream);
  if (auto ended = ask_unless(arguments.yes, question, "state accept asks before it changes anything", context))
    return *ended;
  auto lease = opened.state->acquire_lease(name, "state-accept-" + engine::new_run_id());
  if (!lease.ok()) return fail(context, lease.error());
  if (Status done = engine::accept_load(*opened.state, **lease, accepted); !done.ok())
    return fail(context, done.error());
  context.talk.write(
      fmt::format("Accepted: the load of stream {}. The next run finishes it and reads nothing; the one after that "
                  "continues from its end.\n",
                  stream));
  return ExitCode::kOk;
}

}  // namespace rapidbyte::cli
