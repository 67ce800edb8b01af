#include "rapidbyte/cli/commands/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>

namespace rapidbyte::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::variant<Command, EarlyExit> parse(std::initializer_list<const char*> words) {
  std::vector<const char*> argv = {"rapidbyte"};
  argv.insert(argv.end(), words);
  return parse_arguments(static_cast<int>(argv.size()), argv.data());
}

template <typename T>
T parse_as(std::initializer_list<const char*> words) {
  auto parsed = parse(words);
  if (const auto* early = std::get_if<EarlyExit>(&parsed)) {
    ADD_FAILURE() << early->text;
    return T{};
  }
  auto* command = std::get_if<T>(&std::get<Command>(parsed));
  if (command == nullptr) {
    ADD_FAILURE() << "another command";
    return T{};
  }
  return *command;
}

EarlyExit parse_early(std::initializer_list<const char*> words) {
  auto parsed = parse(words);
  if (auto* early = std::get_if<EarlyExit>(&parsed)) return *early;
  ADD_FAILURE() << "was accepted";
  return {};
}

TEST(Arguments, RunTakesEveryOption) {
  const auto run = parse_as<RunArguments>({"run", "p.yaml", "--dry-run", "--limit", "7", "--stream", "a", "--stream",
                                           "b c", "--json", "--events", "e.ndjson", "--allow-unmanifested", "-vv"});
  EXPECT_EQ(run.pipeline, "p.yaml");
  EXPECT_TRUE(run.dry_run);
  EXPECT_EQ(run.limit, 7U);
  EXPECT_THAT(run.streams, ElementsAre("a", "b c"));
  EXPECT_TRUE(run.json);
  EXPECT_EQ(run.events, "e.ndjson");
  EXPECT_TRUE(run.allow_unmanifested);
  EXPECT_EQ(run.verbosity.log_level(), LogLevel::kDebug);
}

TEST(Arguments, RunDefaultsToEverythingOff) {
  const auto run = parse_as<RunArguments>({"run", "p.yaml"});
  EXPECT_FALSE(run.dry_run);
  EXPECT_FALSE(run.limit.has_value());
  EXPECT_TRUE(run.streams.empty());
  EXPECT_FALSE(run.json);
  EXPECT_TRUE(run.events.empty());
  EXPECT_FALSE(run.allow_unmanifested);
  EXPECT_EQ(run.verbosity.log_level(), LogLevel::kWarn);
}

TEST(Arguments, APartialLoadNeedsALimit) {
  EXPECT_TRUE(parse_as<RunArguments>({"run", "p.yaml", "--limit", "7", "--allow-partial"}).allow_partial);
  EXPECT_FALSE(parse_as<RunArguments>({"run", "p.yaml", "--limit", "7"}).allow_partial);
  const EarlyExit early = parse_early({"run", "p.yaml", "--allow-partial"});
  EXPECT_EQ(early.code, ExitCode::kUsage);
  EXPECT_THAT(early.text, HasSubstr("--allow-partial requires --limit"));
}

TEST(Arguments, AStreamOptionDoesNotSwallowThePipeline) {
  const auto run = parse_as<RunArguments>({"run", "--stream", "a", "p.yaml"});
  EXPECT_THAT(run.streams, ElementsAre("a"));
  EXPECT_EQ(run.pipeline, "p.yaml");
}

TEST(Arguments, APatternArrivesAsItWasGiven) {
  const auto run = parse_as<RunArguments>(
      {"run", "p.yaml", "--stream", "[ab]", "--stream=[a,b]*", "--stream", "*.?", "--stream", "[[]x]"});
  EXPECT_THAT(run.streams, ElementsAre("[ab]", "[a,b]*", "*.?", "[[]x]"));
}

TEST(Arguments, EachCommandIsRecognised) {
  EXPECT_TRUE(parse_as<CheckArguments>({"check", "p.yaml", "--json"}).json);
  EXPECT_TRUE(parse_as<DiscoverArguments>({"discover", "p.yaml", "--json", "-q"}).verbosity.quiet);
  EXPECT_TRUE(parse_as<ConnectorsArguments>({"connectors", "--json"}).json);
  EXPECT_THAT(parse_as<PrepareConnectorsArguments>({"connectors", "prepare", "a", "b"}).names, ElementsAre("a", "b"));
  EXPECT_TRUE(parse_as<PrepareConnectorsArguments>({"connectors", "prepare", "--json"}).json);
  EXPECT_THAT(parse_as<StateShowArguments>({"state", "show", "p.yaml", "--stream", "s"}).streams, ElementsAre("s"));
  EXPECT_THAT(parse_as<StateResetArguments>({"state", "reset", "--stream", "a*", "p.yaml", "--stream", "b"}).streams,
              ElementsAre("a*", "b"));
  const auto reset = parse_as<StateResetArguments>({"state", "reset", "p.yaml", "--yes"});
  EXPECT_TRUE(reset.yes);
  EXPECT_TRUE(reset.streams.empty());
  EXPECT_TRUE(parse_as<VersionArguments>({"version", "--json"}).json);
}

TEST(Arguments, WrongUsageIsExitCode2AndSaysWhatAndWhere) {
  struct Case {
    std::initializer_list<const char*> words;
    const char* says;
    const char* help;
  };
  const Case cases[] = {
      {{"rnu", "p.yaml"}, "unknown command 'rnu'; did you mean 'run'?", "'rapidbyte --help'"},
      {{"run", "p.yaml", "--lmit", "3"}, "unknown option '--lmit'; did you mean '--limit'?", "'rapidbyte run --help'"},
      {{"run", "p.yaml", "--dryrun"}, "unknown option '--dryrun'; did you mean '--dry-run'?", "'rapidbyte run --help'"},
      {{"run", "p.yaml", "other.yaml"}, "unexpected argument 'other.yaml'", "'rapidbyte run --help'"},
      {{"run"}, "PIPELINE is required", "'rapidbyte run --help'"},
      {{"run", "p.yaml", "--limit", "0"}, "--limit", "'rapidbyte run --help'"},
      {{"run", "p.yaml", "--limit", "-1"}, "--limit", "'rapidbyte run --help'"},
      {{"run", "p.yaml", "--limit", "many"}, "--limit", "'rapidbyte run --help'"},
      {{"run", "p.yaml", "--limit", "99999999999999999999"}, "--limit", "'rapidbyte run --help'"},
      {{"run", "p.yaml", "--limit"}, "--limit", "'rapidbyte run --help'"},
      {{"run", "p.yaml", "--stream", ""}, "name is empty", "'rapidbyte run --help'"},
      {{"run", "p.yaml", "-q", "-v"}, "excludes", "'rapidbyte run --help'"},
      {{"state"}, "subcommand is required", "'rapidbyte state --help'"},
      {{"state", "rest", "p.yaml"}, "did you mean 'reset'?", "'rapidbyte state --help'"},
  };
  for (const Case& c : cases) {
    const EarlyExit early = parse_early(c.words);
    EXPECT_EQ(early.code, ExitCode::kUsage) << c.says;
    EXPECT_THAT(early.text, HasSubstr(c.says));
    EXPECT_THAT(early.text, HasSubstr(c.help));
  }
}

TEST(Arguments, NoArgumentsShowsHelpAsWrongUsage) {
  const EarlyExit early = parse_early({});
  EXPECT_EQ(early.code, ExitCode::kUsage);
  EXPECT_THAT(early.text, HasSubstr("Examples:"));
}

TEST(Arguments, HelpOfEveryCommandIsExitCode0AndOfThatCommand) {
  EXPECT_THAT(parse_early({"--help"}).text, HasSubstr("Exit codes:"));
  for (const char* command : {"run", "check", "discover", "connectors", "state", "version"}) {
    const EarlyExit early = parse_early({command, "--help"});
    EXPECT_EQ(early.code, ExitCode::kOk) << command;
    EXPECT_THAT(early.text, HasSubstr(std::string("Usage: rapidbyte ") + command)) << command;
    EXPECT_THAT(early.text, HasSubstr("Examples:\n  ")) << command;
  }
  EXPECT_THAT(parse_early({"state", "reset", "--help"}).text, HasSubstr("--yes"));
  EXPECT_THAT(parse_early({"run", "--help"}).text, HasSubstr("Examples:"));
}

TEST(Arguments, VersionFlagPrintsOneLine) {
  const EarlyExit early = parse_early({"--version"});
  EXPECT_EQ(early.code, ExitCode::kOk);
  EXPECT_EQ(early.text, "rapidbyte " RAPIDBYTE_VERSION "\n");
}

TEST(Arguments, ArgumentsCannotSteerTheTerminal) {
  EXPECT_THAT(parse_early({"run", "p.yaml", "--\x1b[2J"}).text, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace rapidbyte::cli
