#include "rapidbyte/cli/commands/arguments.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <functional>

#include "rapidbyte/cli/version.h"
#include "rapidbyte/cli/view/text_width.h"
#include "rapidbyte/pipeline/suggestion.h"

namespace rapidbyte::cli {
namespace {

constexpr const char* kRootFooter = R"(
Examples:
  rapidbyte check orders.yaml                  check every part, move no data
  rapidbyte run orders.yaml --dry-run          show the first rows, write nothing
  rapidbyte run orders.yaml                    load
  rapidbyte run orders.yaml --json | jq .      report as JSON, for programs

Exit codes:
  0 ok                       5 source failed          9 state unavailable, locked,
  1 internal error           6 destination failed       or lost to another run
  2 wrong usage              7 transform failed      70 bug in rapidbyte
  3 invalid pipeline         8 too many rows rejected
  4 connector not usable   130 interrupted

Environment:
  RAPIDBYTE_CONNECTOR_DIR    folder that is searched for connectors first
  RAPIDBYTE_WASMTIME_AOT     0: do not cache compiled connectors
  RAPIDBYTE_WASMTIME_AOT_DIR folder of that cache
  NO_COLOR                   no colours)";

constexpr const char* kRunFooter = R"(
Examples:
  rapidbyte run orders.yaml
  rapidbyte run orders.yaml --stream orders --stream 'sales.*'
  rapidbyte run orders.yaml --dry-run --limit 5       shows rows, writes nothing
  rapidbyte run orders.yaml -q --json > report.json
  rapidbyte run orders.yaml --events events.ndjson

After a failure or an interruption (Ctrl-C), run the same command again: it resumes where it stopped.)";

constexpr const char* kCheckFooter = R"(
Examples:
  rapidbyte check orders.yaml
  rapidbyte check orders.yaml --json

Checks the file, the connectors and what they may reach, the source, the transforms, the destination and the state.
Moves no data. The exit code is that of the first part that failed.)";

constexpr const char* kDiscoverFooter = R"(
Examples:
  rapidbyte discover orders.yaml
  rapidbyte discover orders.yaml --json | jq '.streams[].name')";

constexpr const char* kStateFooter = R"(
Examples:
  rapidbyte state show orders.yaml
  rapidbyte state reset orders.yaml --stream orders
  rapidbyte state reset orders.yaml --yes      for scripts: does not ask
  rapidbyte state accept orders.yaml --stream orders)";

constexpr const char* kConnectorsFooter = R"(
Examples:
  rapidbyte connectors
  RAPIDBYTE_CONNECTOR_DIR=build/connectors rapidbyte connectors --json
  rapidbyte connectors prepare                 after an installation: compiles them all
  rapidbyte connectors prepare dest-file       only what this one needs

Folders, in search order: RAPIDBYTE_CONNECTOR_DIR, ~/.rapidbyte/plugins, those installed with the program.)";

constexpr const char* kVersionFooter = R"(
Examples:
  rapidbyte version
  rapidbyte version --json)";

void add_verbosity(CLI::App& app, Verbosity& verbosity) {
  auto* quiet = app.add_flag("-q,--quiet", verbosity.quiet, "Show only errors");
  app.add_flag("-v,--verbose", verbosity.verbose, "Show more (-vv: much more)")->excludes(quiet);
}

void add_pipeline(CLI::App& app, std::filesystem::path& pipeline) {
  app.add_option("PIPELINE", pipeline, "Pipeline file (YAML)")->required()->type_name("");
}

void add_allow_unmanifested(CLI::App& app, bool& allow) {
  app.add_flag("--allow-unmanifested", allow, "Accept connectors without a manifest: they may reach any host");
}

std::function<std::string(const std::string&)> not_empty(std::string what) {
  return
      [what = std::move(what)](const std::string& value) { return value.empty() ? what + " is empty" : std::string(); };
}

/// nullopt unless `text` is a whole number above 0 (CLI11's own conversion accepts what overflows).
std::optional<uint64_t> parse_row_limit(std::string_view text) {
  uint64_t rows = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), rows);
  if (error != std::errc() || end != text.data() + text.size() || rows == 0) return std::nullopt;
  return rows;
}

std::string check_row_limit(const std::string& text) {
  if (parse_row_limit(text)) return {};
  return fmt::format("--limit takes a number of rows above 0, for example --limit 100; '{}' is not one",
                     make_printable(text));
}

void add_streams(CLI::App& app, std::vector<std::string>& streams, const char* text) {
  app.add_option("--stream", streams, text)
      ->type_name("NAME")
      ->allow_extra_args(false)
      ->check(not_empty("the stream's name"));
}

/// The innermost subcommand that was named.
CLI::App* innermost(CLI::App& root) {
  CLI::App* app = &root;
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return app;
}

std::string full_name(const CLI::App& app) {
  const CLI::App* parent = app.get_parent();
  return parent == nullptr ? app.get_name() : full_name(*parent) + " " + app.get_name();
}

std::string describe_unexpected(const CLI::App& app, const std::string& word) {
  std::vector<std::string> candidates;
  const bool is_option = word.starts_with("-");
  if (is_option) {
    for (const CLI::Option* option : app.get_options()) {
      for (const std::string& name : option->get_lnames()) candidates.push_back("--" + name);
    }
  } else {
    for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
      candidates.push_back(sub->get_name());
  }
  std::string text;
  if (is_option) {
    text = fmt::format("unknown option '{}'", word);
  } else if (!candidates.empty()) {
    text = fmt::format("unknown command '{}'", word);
  } else {
    text = fmt::format("unexpected argument '{}'", word);
  }
  const std::vector<std::string_view> known(candidates.begin(), candidates.end());
  const auto suggestion = pipeline::closest(is_option ? word.substr(0, word.find('=')) : word, known);
  if (suggestion) text += fmt::format("; did you mean '{}'?", *suggestion);
  return text;
}

EarlyExit usage_error(CLI::App& root, const CLI::ParseError& error) {
  CLI::App* app = innermost(root);
  const std::vector<std::string> unexpected = root.remaining(true);
  std::string what =
      unexpected.empty() ? std::string(error.what()) : describe_unexpected(*app, make_printable(unexpected.front()));
  return {ExitCode::kUsage, fmt::format("rapidbyte: {}\nRun '{} --help' to see the options.\n", what, full_name(*app))};
}

}  // namespace

LogLevel Verbosity::log_level() const {
  if (quiet) return LogLevel::kError;
  return static_cast<LogLevel>(
      std::min(static_cast<int>(LogLevel::kWarn) + verbose, static_cast<int>(LogLevel::kTrace)));
}

std::variant<Command, EarlyExit> parse_arguments(int argc, const char* const* argv) {
  CLI::App root{"Rapidbyte moves tables: from a source, through sandboxed connectors, to a destination.", "rapidbyte"};
  root.require_subcommand(1);
  root.set_version_flag("--version", std::string(version_line()));

  RunArguments run;
  CLI::App* run_app = root.add_subcommand("run", "Load the pipeline's streams into the destination");
  add_pipeline(*run_app, run.pipeline);
  run_app->add_flag("--dry-run", run.dry_run, "Read and type the first rows and show them; write nothing");
  run_app->add_flag("--keep-positions", run.keep_positions,
                    "Continue from the positions of earlier runs although the destination or the pipeline file has "
                    "changed (CURSOR_CHANGED): the rows before them are there");
  std::string limit;
  auto* limit_option = run_app->add_option("--limit", limit, "Read at most N rows of each stream");
  limit_option->type_name("N")->check(&check_row_limit);
  add_streams(*run_app, run.streams,
              "Only this stream, or those that match a pattern such as 'sales.*' (also ? and [a-c]); may be given "
              "several times");
  run_app->add_flag("--allow-doubled-rows", run.allow_doubled_rows,
                    "Continue an append although rows may then be in the table twice");
  run_app
      ->add_flag("--allow-partial", run.allow_partial,
                 "With --limit: also load into existing tables, although a replace then leaves N rows and the next run "
                 "appends the rows again (LIMIT_REFUSED)")
      ->needs(limit_option);
  run_app->add_flag("--json", run.json, "Print the report as one JSON document on stdout");
  run_app->add_option("--events", run.events, "Write events as NDJSON into FILE during the run")->type_name("FILE");
  add_allow_unmanifested(*run_app, run.allow_unmanifested);
  add_verbosity(*run_app, run.verbosity);
  run_app->footer(kRunFooter);

  CheckArguments check;
  CLI::App* check_app =
      root.add_subcommand("check", "Check every part of the pipeline and say how to fix what is wrong");
  add_pipeline(*check_app, check.pipeline);
  check_app->add_flag("--json", check.json, "Print the findings as one JSON document on stdout");
  add_allow_unmanifested(*check_app, check.allow_unmanifested);
  add_verbosity(*check_app, check.verbosity);
  check_app->footer(kCheckFooter);

  DiscoverArguments discover;
  CLI::App* discover_app = root.add_subcommand("discover", "List the source's streams and their columns");
  add_pipeline(*discover_app, discover.pipeline);
  discover_app->add_flag("--json", discover.json, "Print the catalog as one JSON document on stdout");
  add_allow_unmanifested(*discover_app, discover.allow_unmanifested);
  add_verbosity(*discover_app, discover.verbosity);
  discover_app->footer(kDiscoverFooter);

  ConnectorsArguments connectors;
  CLI::App* connectors_app = root.add_subcommand("connectors", "List the connectors installed on this machine");
  connectors_app->add_flag("--json", connectors.json, "Print the list as one JSON document on stdout");

  PrepareConnectorsArguments prepare;
  CLI::App* prepare_app = connectors_app->add_subcommand(
      "prepare", "Compile connectors for this machine now, so that no run has to; exit code 4 when one cannot be used");
  prepare_app->add_option("NAME", prepare.names, "Only these connectors (by default all)")
      ->check(not_empty("the connector's name"));
  prepare_app->add_flag("--json", prepare.json, "Print the result as one JSON document on stdout");
  prepare_app->footer(kConnectorsFooter);

  StateShowArguments show;
  StateResetArguments reset;
  StateAcceptArguments accept;
  CLI::App* state_app =
      root.add_subcommand("state", "Show or change what is remembered about a pipeline: cursors, loads and runs");
  state_app->require_subcommand(1);
  state_app->footer(kStateFooter);
  CLI::App* show_app = state_app->add_subcommand("show", "Show each stream's cursor and load, and the last runs");
  add_pipeline(*show_app, show.pipeline);
  add_streams(*show_app, show.streams, "Only this stream, or those that match a pattern; may be given several times");
  show_app->add_flag("--json", show.json, "Print the state as one JSON document on stdout");
  CLI::App* reset_app = state_app->add_subcommand("reset", "Forget cursors: the next run starts from the beginning");
  add_pipeline(*reset_app, reset.pipeline);
  add_streams(*reset_app, reset.streams,
              "Only this stream, or those that match a pattern; may be given several times (by default all)");
  reset_app->add_flag("-y,--yes", reset.yes, "Do not ask");
  CLI::App* accept_app = state_app->add_subcommand(
      "accept", "Accept a load whose row counts do not add up, after a look at the table (LOAD_MISCOUNTED)");
  add_pipeline(*accept_app, accept.pipeline);
  accept_app->add_option("--stream", accept.stream, "The one stream whose table you have looked at")
      ->type_name("NAME")
      ->required()
      ->check(not_empty("the stream's name"));
  accept_app->add_flag("-y,--yes", accept.yes, "Do not ask");
  accept_app->footer(kStateFooter);
  show_app->footer(kStateFooter);
  reset_app->footer(kStateFooter);

  VersionArguments version;
  CLI::App* version_app =
      root.add_subcommand("version", "Print the versions of the program, the protocol and the engine");
  version_app->add_flag("--json", version.json, "Print them as one JSON document on stdout");

  connectors_app->footer(kConnectorsFooter);
  version_app->footer(kVersionFooter);
  // Set last: subcommands would inherit it.
  root.footer(kRootFooter);
  if (argc <= 1) return EarlyExit{ExitCode::kUsage, root.help()};
  try {
    root.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return EarlyExit{ExitCode::kOk, root.help()};
  } catch (const CLI::CallForVersion&) {
    return EarlyExit{ExitCode::kOk, std::string(version_line()) + "\n"};
  } catch (const CLI::ParseError& error) {
    return usage_error(root, error);
  }
  if (run_app->parsed()) {
    run.limit = parse_row_limit(limit);
    return Command(std::move(run));
  }
  if (check_app->parsed()) return Command(std::move(check));
  if (discover_app->parsed()) return Command(std::move(discover));
  if (prepare_app->parsed()) return Command(std::move(prepare));
  if (connectors_app->parsed()) return Command(connectors);
  if (show_app->parsed()) return Command(std::move(show));
  if (accept_app->parsed()) return Command(std::move(accept));
  if (reset_app->parsed()) return Command(std::move(reset));
  return Command(version);
}

}  // namespace rapidbyte::cli
