#include "rapidbyte/cli/discover_command.h"

#include <fmt/format.h>

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "rapidbyte/cli/document.h"
#include "rapidbyte/cli/open_connector.h"
#include "rapidbyte/cli/pipeline_preparation.h"
#include "rapidbyte/cli/quantities.h"
#include "rapidbyte/engine/run_grants.h"
#include "rapidbyte/protocol/catalog.h"

namespace rapidbyte::cli {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string render_catalog(const protocol::Catalog& catalog, const TableStyle& style) {
  std::string out;
  for (const protocol::CatalogStream& stream : catalog.streams) {
    std::string heading = fmt::format("{} ({} columns", stream.name, format_count(stream.columns.size()));
    if (!stream.sync_modes.empty()) heading += "; " + joined(stream.sync_modes);
    if (stream.cursor) heading += "; cursor " + *stream.cursor;
    if (!stream.primary_key.empty()) heading += "; primary key " + joined(stream.primary_key);
    if (!out.empty()) out += "\n";
    out += make_printable(heading) + ")\n";
    TablePrinter table({{"column"}, {"type"}, {"nullable"}});
    for (const protocol::CatalogColumn& column : stream.columns) {
      table.add_text_row({column.name, column.data_type, column.nullable ? "yes" : "no"});
    }
    out += table.render(style);
  }
  return out;
}

/// Loads, opens and asks the source.
std::optional<Refusal> discover(const pipeline::ParseOutcome& parsed, runtime::ComponentRuntime& runtime,
                                const CancelToken& cancel, protocol::Catalog& catalog) {
  LoadedSlot source{connector_slots(*parsed.config).front(), nullptr};
  std::shared_ptr<const runtime::Connector>& connector = source.connector;
  if (auto refusal = load_checked(parsed, source.slot, runtime, connector)) return refusal;
  const runtime::ResolvedGrants grants = resolve_grants(*parsed.config, std::span(&source, 1));
  if (auto problems = refused_grants(parsed, grants); !problems.empty()) return refuse(std::move(problems));
  if (!grants.problems.empty()) {
    const runtime::GrantProblem& problem = grants.problems.front();
    return refuse(engine::stage_of(problem), problem.status().error());
  }
  auto opened = OpenConnector::start(runtime, connector,
                                     instance_options(*parsed.config, source.slot, *connector, grants, cancel));
  const engine::Stage failed = cancel.cancelled() ? engine::Stage::kInterrupted : engine::Stage::kSource;
  if (!opened.ok()) return refuse(failed, opened.error());
  auto text = (*opened)->instance().discover();
  if (!text.ok())
    return refuse(cancel.cancelled() ? engine::Stage::kInterrupted : engine::Stage::kSource, text.error());
  auto read = protocol::parse_catalog(*text, connector->name());
  if (!read.ok()) return refuse(engine::Stage::kSource, read.error());
  catalog = std::move(*read);
  return std::nullopt;
}

}  // namespace

ExitCode discover_command(const DiscoverArguments& arguments, CommandContext& context) {
  const auto give_up = [&](const Refusal& refusal) {
    show_refusal(context, arguments.pipeline, refusal);
    if (arguments.json) write_report(context.data, refusal_json(arguments.pipeline, refusal), context.talk);
    return refusal.code;
  };
  pipeline::ParseOutcome parsed;
  if (auto refusal = parse_for_command(context, arguments.pipeline, parsed)) return give_up(*refusal);
  runtime::RuntimeOptions for_runtime = runtime_options(*parsed.config, arguments.allow_unmanifested);
  for_runtime.on_slow_compilation = compilation_notice(context.talk, arguments.verbosity.quiet);
  auto runtime = context.make_runtime(std::move(for_runtime));
  if (!runtime.ok()) return give_up(refuse(engine::Stage::kInternal, runtime.error()));
  protocol::Catalog catalog;
  if (auto refusal = discover(parsed, **runtime, context.cancel, catalog)) return give_up(*refusal);
  if (arguments.json) {
    return write_document(context.data, catalog.document, context.talk) ? ExitCode::kOk : ExitCode::kInternal;
  }
  if (catalog.streams.empty()) context.talk.write("The source has no streams.\n");
  const std::string text = render_catalog(catalog, table_style(context.data));
  return write_text(context.data, text, context.talk) ? ExitCode::kOk : ExitCode::kInternal;
}

}  // namespace rapidbyte::cli
