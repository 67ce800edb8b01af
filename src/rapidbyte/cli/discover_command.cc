#include "rapidbyte/cli/discover_command.h"

#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "rapidbyte/cli/document.h"
#include "rapidbyte/cli/pipeline_preparation.h"
#include "rapidbyte/cli/quantities.h"
#include "rapidbyte/engine/prepare.h"
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

}  // namespace

ExitCode discover_command(const DiscoverArguments& arguments, CommandContext& context) {
  const auto give_up = [&](const Refusal& refusal) {
    show_refusal(context, arguments.pipeline, refusal);
    if (arguments.json) write_report(context.data, refusal_json(arguments.pipeline, refusal), context.talk);
    return refusal.code;
  };
  pipeline::ParseOutcome parsed;
  if (auto refusal = parse_for_command(context, arguments.pipeline, parsed)) return give_up(*refusal);
  auto runtime = make_runtime(context, *parsed.config, arguments.allow_unmanifested, arguments.verbosity.quiet);
  if (!runtime.ok()) return give_up(refuse({engine::Stage::kInternal, runtime.error()}));
  engine::PrepareOptions how;
  how.parts = engine::PrepareOptions::Parts::kSource;
  engine::PreparedPipeline prepared = engine::prepare(*parsed.config, **runtime, std::move(how));
  if (auto refusal = prepared.refusal()) return give_up(refuse(parsed, std::move(*refusal)));
  if (auto failure = engine::discover(prepared, context.cancel)) return give_up(refuse(std::move(*failure)));
  const protocol::Catalog& catalog = prepared.catalog;
  if (arguments.json) {
    return write_document(context.data, catalog.document, context.talk) ? ExitCode::kOk : ExitCode::kInternal;
  }
  if (catalog.streams.empty()) context.talk.write("The source has no streams.\n");
  const std::string text = render_catalog(catalog, table_style(context.data));
  return write_text(context.data, text, context.talk) ? ExitCode::kOk : ExitCode::kInternal;
}

}  // namespace rapidbyte::cli
