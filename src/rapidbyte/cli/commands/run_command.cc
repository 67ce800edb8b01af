#include "rapidbyte/cli/commands/run_command.h"

#include <fmt/format.h>

#include <future>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

#include "rapidbyte/base/redacted_json.h"
#include "rapidbyte/cli/commands/pipeline_preparation.h"
#include "rapidbyte/cli/view/document.h"
#include "rapidbyte/cli/view/error_text.h"
#include "rapidbyte/cli/view/event_log.h"
#include "rapidbyte/cli/view/preview.h"
#include "rapidbyte/cli/view/progress.h"
#include "rapidbyte/cli/view/summary.h"
#include "rapidbyte/engine/orchestrator.h"
#include "rapidbyte/state/open_state.h"

namespace rapidbyte::cli {
namespace {

/// Passes everything on to several observers.
class FanOut : public engine::RunObserver {
 public:
  void add(engine::RunObserver* observer) { observers_.push_back(observer); }

  void run_started(std::string_view run_id, std::string_view pipeline,
                   const std::vector<std::string>& streams) override {
    for (auto* observer : observers_) observer->run_started(run_id, pipeline, streams);
  }
  void stream_started(std::string_view stream, bool resumed) override {
    for (auto* observer : observers_) observer->stream_started(stream, resumed);
  }
  void progress(std::string_view stream, const engine::StreamProgress& progress) override {
    for (auto* observer : observers_) observer->progress(stream, progress);
  }
  void checkpoint_committed(std::string_view stream, uint64_t rows_committed) override {
    for (auto* observer : observers_) observer->checkpoint_committed(stream, rows_committed);
  }
  void retry(std::string_view stream, const ConnectorError& error, std::chrono::milliseconds delay,
             uint32_t attempt) override {
    for (auto* observer : observers_) observer->retry(stream, error, delay, attempt);
  }
  void metric(std::string_view stream, std::string_view connector, const runtime::Metric& metric) override {
    for (auto* observer : observers_) observer->metric(stream, connector, metric);
  }
  void preview(std::string_view stream, const engine::Preview& preview) override {
    for (auto* observer : observers_) observer->preview(stream, preview);
  }
  void stream_finished(const engine::StreamReport& report) override {
    for (auto* observer : observers_) observer->stream_finished(report);
  }
  void run_finished(const engine::RunReport& report) override {
    for (auto* observer : observers_) observer->run_finished(report);
  }

 private:
  std::vector<engine::RunObserver*> observers_;
};

ExitCode refuse_run(const RunArguments& arguments, CommandContext& context, const Refusal& refusal) {
  show_refusal(context, arguments.pipeline, refusal);
  if (arguments.json && !write_report(context.data, refusal_json(arguments.pipeline, refusal), context.talk)) {
    return ExitCode::kInternal;
  }
  return refusal.code;
}

using OpenedState = Result<std::unique_ptr<state::StateBackend>>;

/// The state of a run. An existing one is opened while the connectors are loaded, since both wait for the disk; it may
/// be migrated to this version of the program even if the run is then refused. A new one is created only when it is
/// asked for, so that a refused run leaves no file. A dry run writes nothing, so it must not create one either; an
/// existing one tells where increments begin.
std::future<OpenedState> begin_opening_state(const RunArguments& arguments, const CommandContext& context,
                                             const pipeline::PipelineConfig& config) {
  const auto open = [&context, &config] { return context.open_state(config.state); };
  if (state::survey_state(config.state).exists) {
    try {
      return std::async(std::launch::async, open);
    } catch (const std::system_error&) {
      // If no thread can be started, it is opened when it is needed.
    }
  } else if (arguments.dry_run) {
    return std::async(std::launch::deferred, [] {
      return state::open_state({.backend = std::string(state::kMemoryBackend), .connection = {}});
    });
  }
  return std::async(std::launch::deferred, open);
}

/// The files that the program writes for its caller: a guest that could write them would speak in the program's name.
std::vector<runtime::ProtectedPath> files_for_the_caller(const RunArguments& arguments) {
  if (arguments.events.empty()) return {};
  std::error_code error;
  std::filesystem::path events = std::filesystem::absolute(arguments.events, error);
  if (error) return {};
  return {{"the file of --events", std::move(events)}};
}

}  // namespace

ExitCode run_command(const RunArguments& arguments, CommandContext& context) {
  std::unique_ptr<EventLog> events;
  if (!arguments.events.empty()) {
    auto opened = EventLog::open(arguments.events);
    if (!opened.ok()) {
      Refusal refusal = refuse({engine::Stage::kConfig, opened.error()});
      refusal.code = ExitCode::kUsage;
      return refuse_run(arguments, context, refusal);
    }
    events = std::move(*opened);
  }
  // A refused run has no events, and those of an earlier run must not be taken for its own.
  const auto refused = [&](const Refusal& refusal) {
    if (events) events->empty();
    return refuse_run(arguments, context, refusal);
  };
  pipeline::ParseOutcome parsed;
  if (auto refusal = parse_for_command(context, arguments.pipeline, parsed)) return refused(*refusal);
  const pipeline::PipelineConfig& config = *parsed.config;

  std::future<OpenedState> opening = begin_opening_state(arguments, context, config);
  auto runtime = make_runtime(context, config, arguments.allow_unmanifested, arguments.verbosity.quiet);
  if (!runtime.ok()) return refused(refuse({engine::Stage::kInternal, runtime.error()}));
  engine::PrepareOptions how;
  if (arguments.dry_run) how.parts = engine::PrepareOptions::Parts::kWithoutDestination;
  how.protect = files_for_the_caller(arguments);
  engine::PreparedPipeline prepared = engine::prepare(config, **runtime, std::move(how));
  if (auto refusal = prepared.refusal()) {
    // The event file may be one that no guest may have, and a guest may have redirected its path: leave it alone.
    const bool of_grants = prepared.fits();
    const Refusal shown = refuse(parsed, std::move(*refusal));
    return of_grants ? refuse_run(arguments, context, shown) : refused(shown);
  }
  auto state = opening.get();
  if (!state.ok()) return refused(refuse({engine::Stage::kState, state.error()}));
  if (events) events->empty();

  engine::RunOptions options;
  if (arguments.dry_run) {
    options.mode = engine::RunMode::preview(arguments.limit);
  } else if (arguments.limit) {
    options.mode = engine::RunMode::limited(*arguments.limit);
  }
  options.keep_positions = arguments.keep_positions;
  options.streams = arguments.streams;
  options.allow_doubled_rows = arguments.allow_doubled_rows;
  options.allow_partial = arguments.allow_partial;
  options.cancel = context.cancel;

  ProgressView::Options view_options;
  view_options.quiet = arguments.verbosity.quiet;
  // One queue after the source and after every transform.
  view_options.queue_capacity = uint64_t{config.resources.max_inflight_batches} * (config.transforms.size() + 1);
  view_options.log_after = &context.talk;
  ProgressView view(context.talk, view_options);
  PreviewCollector previews;
  FanOut observers;
  observers.add(&view);
  observers.add(&previews);
  if (events) observers.add(events.get());

  const engine::RunReport report = engine::run_pipeline(std::move(prepared), **state, options, observers);
  view.stop();

  bool written = true;
  if (arguments.json) {
    nlohmann::json document = redacted(engine::to_json(report));
    document["exit_code"] = to_int(exit_code_of(report));
    if (arguments.dry_run) document["preview"] = previews.to_json();
    written = write_document(context.data, document, context.talk);
  } else if (arguments.dry_run) {
    std::vector<std::string> streams;
    for (const engine::StreamReport& stream : report.streams) streams.push_back(stream.stream);
    written = write_text(context.data, previews.render(streams, table_style(context.data)), context.talk);
  }
  const SummaryStyle style{.unicode = context.talk.unicode(),
                           .color = context.talk.color(),
                           .quiet = arguments.verbosity.quiet,
                           .stages = arguments.verbosity.verbose > 0,
                           .width = table_style(context.talk).width};
  context.talk.write(render_summary(report, arguments.pipeline, style));
  context.kept_until_exit.emplace_back(std::move(*runtime));
  const ExitCode code = exit_code_of(report);
  return code == ExitCode::kOk && !written ? ExitCode::kInternal : code;
}

}  // namespace rapidbyte::cli
