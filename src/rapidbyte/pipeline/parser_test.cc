#include "rapidbyte/pipeline/parser.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>

#include "rapidbyte/base/log.h"

namespace rapidbyte::pipeline {
namespace {

using nlohmann::json;

const EnvLookup kNoEnv = [](std::string_view) -> std::optional<std::string> { return std::nullopt; };

EnvLookup environment(std::map<std::string, std::string, std::less<>> values) {
  return [values = std::move(values)](std::string_view name) -> std::optional<std::string> {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
  };
}

ParseOutcome parse(std::string_view text, const EnvLookup& env = kNoEnv) {
  return parse_pipeline_text(text, "/pipes/p.yaml", env);
}
std::string problems_of(std::string_view text, const EnvLookup& env = kNoEnv) {
  return format_problems("p.yaml", parse(text, env).problems);
}

constexpr std::string_view kLeast = "version: \"1.0\"\npipeline: orders\nsource: {use: s}\ndestination: {use: d}\n";

TEST(Parser, AppliesEveryDefault) {
  const ParseOutcome outcome = parse(kLeast);
  ASSERT_EQ(format_problems("p.yaml", outcome.problems), "");
  ASSERT_TRUE(outcome.config);
  EXPECT_TRUE(outcome.warnings.empty());
  const PipelineConfig& config = *outcome.config;
  EXPECT_EQ(config.version, "1.0");
  EXPECT_EQ(config.name, "orders");
  EXPECT_EQ(config.file, "/pipes/p.yaml");
  EXPECT_EQ(config.source.use, "s");
  EXPECT_EQ(config.source.config, json::object());
  EXPECT_TRUE(config.source.streams.empty());
  EXPECT_TRUE(config.transforms.empty());
  EXPECT_EQ(config.destination.write_mode, WriteMode::kAppend);
  EXPECT_EQ(config.destination.on_data_error, OnDataError::kFail);
  EXPECT_EQ(config.destination.schema_evolution.new_column, NewColumn::kAdd);
  EXPECT_EQ(config.destination.schema_evolution.removed_column, RemovedColumn::kIgnore);
  EXPECT_EQ(config.destination.schema_evolution.type_change, TypeChange::kFail);
  EXPECT_EQ(config.destination.schema_evolution.nullability_change, NullabilityChange::kAllow);
  EXPECT_EQ(config.state.backend, "sqlite");
  EXPECT_EQ(config.state.connection, "/pipes/.rapidbyte/state.db");
  EXPECT_TRUE(config.dlq.path.empty());
  EXPECT_EQ(config.dlq.max_bytes, 1ULL << 30U);
  EXPECT_EQ(config.resources.max_memory, 256ULL << 20U);
  EXPECT_EQ(config.resources.max_batch_bytes, 256ULL << 10U);
  EXPECT_EQ(config.resources.max_record_bytes, 16ULL << 20U);
  EXPECT_EQ(config.resources.checkpoint_interval_bytes, 64ULL << 20U);
  EXPECT_EQ(config.resources.max_retries, 3U);
  EXPECT_EQ(config.resources.max_inflight_batches, 16U);
  EXPECT_EQ(config.resources.guest_timeout_seconds, 300U);
  EXPECT_EQ(config.resources.compression, Compression::kNone);
  EXPECT_EQ(config.on_stream_error, OnStreamError::kContinue);
}

TEST(Parser, ReadsEveryKey) {
  const ParseOutcome outcome = parse(R"(version: 1.0
pipeline: sales.2024
source:
  use: rapidbyte/source-file@v0.1.0
  config:
    folder: data
    format: csv
    limit: 5
  permissions:
    env: [TZ]
    read_write_preopens: [scratch]
  streams:
    - name: orders
      sync_mode: incremental
      cursor_field: updated_at
      write_mode: upsert
      primary_key: [id, 0123]
      path: orders-*.csv
      columns: {zip: Utf8}
    - name: regions
transforms:
  - use: mask
    config: {columns: [email]}
destination:
  use: rapidbyte/dest-sqlite
  config:
    path: out.db
  write_mode: replace
  on_data_error: dlq
  schema_evolution:
    new_column: ignore
    removed_column: fail
    type_change: null
    nullability_change: fail
state:
  backend: sqlite
  connection: ../state/s.db
dlq:
  path: rejected.ndjson
  max_bytes: 10mb
on_stream_error: stop
resources:
  max_memory: 512mb
  max_batch_bytes: 2mb
  max_record_bytes: 100mb
  parallelism: 4
  checkpoint_interval_bytes: 8 MB
  checkpoint_interval_rows: 1000
  checkpoint_interval_seconds: 60
  max_retries: 0
  compression: zstd
  max_inflight_batches: 8
  guest_timeout_seconds: 30
)");
  ASSERT_EQ(format_problems("p.yaml", outcome.problems), "");
  EXPECT_EQ(format_problems("p.yaml", outcome.warnings), "");
  const PipelineConfig& config = *outcome.config;
  EXPECT_EQ(config.name, "sales.2024");
  EXPECT_EQ(config.source.use, "rapidbyte/source-file@v0.1.0");
  EXPECT_EQ(config.source.config, json::parse(R"({"folder": "data", "format": "csv", "limit": 5})"));
  EXPECT_EQ(config.source.allow_env, std::vector<std::string>{"TZ"});
  EXPECT_EQ(config.source.read_write_preopens, std::vector<std::string>{"scratch"});
  EXPECT_EQ(config.source.location, (SourceLocation{3, 1}));
  EXPECT_EQ(config.source.config_location, (SourceLocation{5, 3}));
  ASSERT_EQ(config.source.streams.size(), 2U);
  const StreamConfig& orders = config.source.streams[0];
  EXPECT_EQ(orders.name, "orders");
  EXPECT_EQ(orders.sync_mode, SyncMode::kIncremental);
  EXPECT_EQ(orders.cursor_field, "updated_at");
  EXPECT_EQ(orders.write_mode, WriteMode::kUpsert);
  EXPECT_EQ(orders.primary_key, (std::vector<std::string>{"id", "0123"}));
  EXPECT_EQ(orders.options, json::parse(R"({"path": "orders-*.csv", "columns": {"zip": "Utf8"}})"));
  EXPECT_EQ(orders.location, (SourceLocation{13, 7}));
  EXPECT_EQ(config.source.streams[1].name, "regions");
  EXPECT_EQ(config.source.streams[1].options, json::object());
  ASSERT_EQ(config.transforms.size(), 1U);
  EXPECT_EQ(config.transforms[0].use, "mask");
  EXPECT_EQ(config.transforms[0].config, json::parse(R"({"columns": ["email"]})"));
  EXPECT_EQ(config.destination.use, "rapidbyte/dest-sqlite");
  EXPECT_EQ(config.destination.config, json::parse(R"({"path": "out.db"})"));
  EXPECT_EQ(config.destination.write_mode, WriteMode::kReplace);
  EXPECT_EQ(config.destination.on_data_error, OnDataError::kDlq);
  EXPECT_EQ(config.destination.schema_evolution.new_column, NewColumn::kIgnore);
  EXPECT_EQ(config.destination.schema_evolution.removed_column, RemovedColumn::kFail);
  EXPECT_EQ(config.destination.schema_evolution.type_change, TypeChange::kNull);
  EXPECT_EQ(config.destination.schema_evolution.nullability_change, NullabilityChange::kFail);
  EXPECT_EQ(config.state.connection, "/state/s.db");
  EXPECT_EQ(config.dlq.path, "/pipes/rejected.ndjson");
  EXPECT_EQ(config.dlq.max_bytes, 10ULL << 20U);
  EXPECT_EQ(config.resources.max_memory, 512ULL << 20U);
  EXPECT_EQ(config.resources.max_batch_bytes, 2ULL << 20U);
  EXPECT_EQ(config.resources.max_record_bytes, 100ULL << 20U);
  EXPECT_EQ(config.resources.parallelism, 4U);
  EXPECT_EQ(config.resources.checkpoint_interval_bytes, 8ULL << 20U);
  EXPECT_EQ(config.resources.checkpoint_interval_rows, 1000U);
  EXPECT_EQ(config.resources.checkpoint_interval_seconds, 60U);
  EXPECT_EQ(config.resources.max_retries, 0U);
  EXPECT_EQ(config.resources.compression, Compression::kZstd);
  EXPECT_EQ(config.resources.max_inflight_batches, 8U);
  EXPECT_EQ(config.resources.guest_timeout_seconds, 30U);
  EXPECT_EQ(config.on_stream_error, OnStreamError::kStop);
}

TEST(Parser, OnStreamErrorIsContinueOrStop) {
  const std::string rest =
      "version: '1.0'\npipeline: p\nsource: {use: rapidbyte/source-file}\ndestination: {use: rapidbyte/dest-sqlite}\n";
  const auto problems_of = [&](const std::string& line) {
    return format_problems("p.yaml", parse(rest + line).problems);
  };
  EXPECT_EQ(problems_of("on_stream_error: continue"), "");
  EXPECT_EQ(problems_of("on_stream_error: contiue"),
            "p.yaml:5:18: on_stream_error: unknown value 'contiue'; did you mean continue?");
  EXPECT_EQ(problems_of("on_stream_error: fail"),
            "p.yaml:5:18: on_stream_error: unknown value 'fail'; known are continue, stop");
  EXPECT_EQ(problems_of("on_steam_error: stop"),
            "p.yaml:5:1: on_steam_error: unknown key; did you mean on_stream_error?");
}

TEST(Parser, ReportsAllMistakesAtOnceInTheOrderOfTheFile) {
  const ParseOutcome outcome = parse(R"(version: "2.0"
pipline: orders
source:
  use: s
  config: [1]
  streams:
    - name: a
      sync_mode: incrmental
    - sync_mode: cdc
    - name: b
      primary_key: id
    - just-text
destination:
  wrte_mode: replace
  write_mode: upser
  on_data_error: [x]
  permissions: {environment: [A]}
resources:
  max_memory: -5
  max_batch_bytes: 64mib
  parallelism: many
  compression: LZ4
  max_retries: 5000000000
state: memory
)");
  EXPECT_FALSE(outcome.config);
  EXPECT_EQ(format_problems("p.yaml", outcome.problems),
            R"(p.yaml:1:1: pipeline: is missing; give the pipeline a name, for example pipeline: orders
p.yaml:1:1: version: '2.0' is not a version this program knows; write "1.0"
p.yaml:2:1: pipline: unknown key; did you mean pipeline?
p.yaml:5:11: source.config: must be a map (lines 'key: value', indented), but is a list
p.yaml:8:18: source.streams[0].sync_mode: unknown value 'incrmental'; did you mean incremental?
p.yaml:9:7: source.streams[1].name: is missing; every stream needs one, for example - name: orders
p.yaml:11:20: source.streams[2].primary_key: must be a list, but is a single value; write [id]
p.yaml:12:7: source.streams[3]: must be a map with a name, but is a single value; write - name: just-text
p.yaml:13:1: destination.use: is missing; name the connector, for example use: rapidbyte/source-file@v0.1.0
p.yaml:14:3: destination.wrte_mode: unknown key; did you mean write_mode?
p.yaml:15:15: destination.write_mode: unknown value 'upser'; did you mean upsert?
p.yaml:16:18: destination.on_data_error: must be one value, but is a list
p.yaml:17:17: destination.permissions.environment: unknown key; known are env, read_write_preopens
p.yaml:19:15: resources.max_memory: '-5' is negative; write whole bytes or a whole number with kb, mb or gb, for example 64mb
p.yaml:20:20: resources.max_batch_bytes: '64mib' has the unknown unit 'mib'; write whole bytes or a whole number with kb, mb or gb, for example 64mb
p.yaml:21:16: resources.parallelism: 'many' is not a whole number
p.yaml:22:16: resources.compression: unknown value 'LZ4'; did you mean lz4?
p.yaml:23:16: resources.max_retries: 5000000000 is too large; the maximum is 4294967295
p.yaml:24:8: state: must be a map (lines 'key: value', indented), but is a single value)");
}

TEST(Parser, NamesEveryMissingSection) {
  EXPECT_EQ(problems_of("x-nothing: 1\n"), R"(p.yaml:1:1: version: is missing; write version: "1.0"
p.yaml:1:1: pipeline: is missing; give the pipeline a name, for example pipeline: orders
p.yaml:1:1: source: is missing; name the source, for example use: rapidbyte/source-file
p.yaml:1:1: destination: is missing; name the destination, for example use: rapidbyte/dest-sqlite)");
  EXPECT_EQ(problems_of("- a\n"), "p.yaml:1:1: the file must be a map that begins with version, but is a list");
}

TEST(Parser, AStreamsKeyWithoutEntriesIsNeverAllStreams) {
  for (const char* streams : {"streams:", "streams: []", "streams: null"}) {
    const std::string text =
        "version: \"1.0\"\npipeline: p\nsource:\n  use: s\n  " + std::string(streams) + "\ndestination: {use: d}\n";
    EXPECT_EQ(problems_of(text),
              "p.yaml:5:3: source.streams: has no entries; name a stream (- name: orders), or leave out streams to "
              "load all of them")
        << streams;
  }
}

TEST(Parser, SubstitutesPerScalarAndTypesPlainOnesAfterwards) {
  const ParseOutcome outcome = parse(
      R"(version: "1.0"
pipeline: ${NAME}
source:
  use: s
  config:
    port: ${PORT}
    port_text: "${PORT}"
    both: ${HOST}:${PORT}
    injected: ${EVIL}
    list: ["${EVIL}", '${PORT}']
    fallback: ${NONE:-7}
    nothing: ${EMPTY}
    literal: $${HOME}
    block: |
      a ${PORT}
  streams: [{name: "${HOST}", path: "${HOST}.csv"}]
destination: {use: d}
resources:
  parallelism: ${WORKERS}
)",
      environment(
          {{"NAME", "n"}, {"PORT", "5432"}, {"HOST", "h"}, {"EVIL", "x\nfoo: [1"}, {"WORKERS", "3"}, {"EMPTY", ""}}));
  ASSERT_EQ(format_problems("p.yaml", outcome.problems), "");
  EXPECT_EQ(outcome.config->name, "n");
  EXPECT_EQ(outcome.config->source.config, json::parse(R"({
    "port": 5432, "port_text": "5432", "both": "h:5432", "injected": "x\nfoo: [1", "list": ["x\nfoo: [1", "5432"],
    "fallback": 7, "nothing": null, "literal": "${HOME}", "block": "a 5432\n"})"));
  EXPECT_EQ(outcome.config->source.streams[0].name, "h");
  EXPECT_EQ(outcome.config->source.streams[0].options["path"], "h.csv");
  EXPECT_EQ(outcome.config->resources.parallelism, 3U);
}

TEST(Parser, ListsAllMissingVariablesAtOnceAndNothingThatFollowsFromThem) {
  EXPECT_EQ(problems_of(R"(version: "1.0"
pipeline: ${NAME}
source:
  use: ${USE}
  config: {a: "${A}-${B}"}
  streams: ["${S}", {name: "${N}"}]
destination:
  use: d
  write_mode: ${MODE}
  primary_key: [id, "${K}"]
resources:
  max_memory: ${MEM
)"),
            R"(p.yaml:2:11: pipeline: the environment variable NAME is not set; export NAME, or write ${NAME:-default}
p.yaml:4:8: source.use: the environment variable USE is not set; export USE, or write ${USE:-default}
p.yaml:5:15: source.config.a: the environment variable A is not set; export A, or write ${A:-default}
p.yaml:5:15: source.config.a: the environment variable B is not set; export B, or write ${B:-default}
p.yaml:6:13: source.streams[0]: the environment variable S is not set; export S, or write ${S:-default}
p.yaml:6:28: source.streams[1].name: the environment variable N is not set; export N, or write ${N:-default}
p.yaml:9:15: destination.write_mode: the environment variable MODE is not set; export MODE, or write ${MODE:-default}
p.yaml:10:21: destination.primary_key[1]: the environment variable K is not set; export K, or write ${K:-default}
p.yaml:12:15: resources.max_memory: a ${ has no closing }; write ${NAME}, or $${ for a literal ${)");
}

TEST(Parser, MakesSecretsKnownBeforeAnythingIsShown) {
  const ParseOutcome outcome = parse(
      R"(version: "1.0"
pipeline: p
source:
  use: s
  config:
    password: ${RB_PW}
    api_token: literal-token-1
    url: postgres://u:url-password-1@host/db
    region: ${RB_REGION}
destination:
  use: d
  write_mode: ${DB_SECRET}
)",
      environment(
          {{"RB_PW", "pw-from-env-1"}, {"RB_REGION", "region-from-env"}, {"DB_SECRET", "secret-in-wrong-place"}}));
  EXPECT_EQ(redact("pw-from-env-1 literal-token-1 url-password-1 region-from-env"), "*** *** *** region-from-env");
  EXPECT_EQ(format_problems("p.yaml", outcome.problems),
            "p.yaml:12:15: destination.write_mode: unknown value '***'; known are append, replace, upsert");
}

TEST(Parser, MistakesDoNotShowThePasswordsInWhichTheyAre) {
  const char* lines[] = {"password:Hunter2x",      "password: !Hunter2x", "password: pa${Hunter2x",
                         "password: ${Hunter2x!}", "password: [Hunter2x", "password: 'Hunter2x",
                         "password: Hunter2x: 5",  "password: *Hunter2x", "password: \"\\Hunter2x\"",
                         "{password:Hunter2x}",    "password: @Hunter2x", "url: postgres://u:pa${Hunter2x@host/db"};
  for (const char* line : lines) {
    const ParseOutcome outcome =
        parse(std::string("version: \"1.0\"\npipeline: p\nsource:\n  use: s\n  config:\n    ") + line +
              "\ndestination: {use: d}\nunknown: 1\n");
    ASSERT_FALSE(outcome.problems.empty()) << line;
    EXPECT_EQ(format_problems("p.yaml", outcome.problems).find("Hunter2x"), std::string::npos)
        << format_problems("p.yaml", outcome.problems);
    for (const Problem& problem : outcome.problems) {
      EXPECT_EQ(redact(problem.key_path).find("Hunter2x"), std::string::npos) << problem.key_path;
    }
  }
}

TEST(Parser, ALongValueIsNotCutInTheMiddleOfASecret) {
  const std::string padding(110, 'x');
  const ParseOutcome outcome = parse(
      "version: \"1.0\"\npipeline: p\nsource: {use: s, config: {token: cut-secret-value-5}}\n"
      "destination: {use: d, write_mode: " +
      padding + "cut-secret-value-5}\n");
  ASSERT_EQ(outcome.problems.size(), 1U);
  EXPECT_EQ(outcome.problems[0].message.find("cut-"), std::string::npos) << outcome.problems[0].message;
}

TEST(Parser, VariablesThatAConnectorIsGrantedAreSecret) {
  const ParseOutcome outcome = parse(
      R"(version: "1.0"
pipeline: p
source: {use: s, permissions: {env: [RB_GRANTED, RB_NOT_SET]}}
destination: {use: d}
)",
      environment({{"RB_GRANTED", "granted-to-the-source"}}));
  EXPECT_TRUE(outcome.problems.empty());
  EXPECT_EQ(redact("granted-to-the-source"), "***");
}

TEST(Parser, LocatesConfigForProblemsFoundLater) {
  const ParseOutcome outcome = parse(R"(version: "1.0"
pipeline: p
source:
  use: s
  config:
    folder: data
  streams:
    - name: a
      columns: {zip: Utf8}
destination: {use: d, config: {path: 5}}
)");
  ASSERT_EQ(format_problems("p.yaml", outcome.problems), "");
  EXPECT_EQ(format_problem("p.yaml", outcome.problem_at("/destination/config", "/path", "must be text")),
            "p.yaml:10:32: destination.config.path: must be text");
  EXPECT_EQ(format_problem("p.yaml", outcome.problem_at("/source/config", "/format", "is missing")),
            "p.yaml:5:3: source.config.format: is missing");
  EXPECT_EQ(format_problem("p.yaml", outcome.problem_at("/source/config", "", "must not be empty")),
            "p.yaml:5:3: source.config: must not be empty");
  EXPECT_EQ(outcome.locate("/source/streams/0/columns/zip"), (SourceLocation{9, 17}));
}

TEST(Parser, WarnsWhenAStreamOptionLooksLikeAMisspeltKey) {
  const ParseOutcome outcome = parse(R"(version: "1.0"
pipeline: p
source:
  use: s
  streams: [{name: a, write_mod: replace, path: x}]
destination: {use: d}
)");
  ASSERT_TRUE(outcome.config);
  EXPECT_EQ(format_problems("p.yaml", outcome.warnings),
            "p.yaml:5:23: source.streams[0].write_mod: is passed on to the connector; did you mean write_mode?");
  EXPECT_EQ(outcome.config->source.streams[0].options, json::parse(R"({"write_mod": "replace", "path": "x"})"));
}

TEST(Parser, KeepsToAHundredProblems) {
  std::string text(kLeast);
  for (int i = 0; i < 300; ++i) text += "zzzzzzz" + std::to_string(i) + ": 1\n";
  const ParseOutcome outcome = parse(text);
  ASSERT_EQ(outcome.problems.size(), 101U);
  EXPECT_EQ(outcome.problems.back().message, "200 more problems are not shown");
}

TEST(Parser, AMergedSubstitutionIsDoneOnce) {
  const ParseOutcome outcome = parse(R"(version: "1.0"
pipeline: p
x-shared: &shared {v: "${V}"}
source: {use: s, config: {a: *shared, b: *shared}}
destination: {use: d, config: {<<: *shared}}
)",
                                     environment({{"V", "$${V} ${V}"}}));
  ASSERT_EQ(format_problems("p.yaml", outcome.problems), "");
  EXPECT_EQ(outcome.config->source.config, json::parse(R"({"a": {"v": "$${V} ${V}"}, "b": {"v": "$${V} ${V}"}})"));
  EXPECT_EQ(outcome.config->destination.config, json::parse(R"({"v": "$${V} ${V}"})"));
}

class ParserFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "rb_parser_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = std::filesystem::canonical(pattern);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path write(std::string_view name, std::string_view text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }
  std::filesystem::path folder_;
};

TEST_F(ParserFile, ReadsAFileAndTakesPathsFromItsFolder) {
  const ParseOutcome outcome = parse_pipeline_file(write("p.yaml", kLeast), kNoEnv);
  ASSERT_EQ(format_problems("p.yaml", outcome.problems), "");
  EXPECT_EQ(outcome.config->file, folder_ / "p.yaml");
  EXPECT_EQ(outcome.config->state.connection, folder_ / ".rapidbyte" / "state.db");
}

TEST_F(ParserFile, SaysWhyAFileCannotBeRead) {
  const auto message = [](const std::filesystem::path& file) {
    const ParseOutcome outcome = parse_pipeline_file(file, kNoEnv);
    EXPECT_FALSE(outcome.config);
    return format_problems("p.yaml", outcome.problems);
  };
  EXPECT_EQ(message(folder_ / "none.yaml"),
            "p.yaml: cannot be opened: No such file or directory; check the path and its permissions");
  EXPECT_EQ(message(folder_), "p.yaml: is a folder; name the pipeline file in it");
  EXPECT_EQ(message(write("empty.yaml", "")),
            "p.yaml:1:1: the file is empty; begin with version, pipeline, source and destination");
  EXPECT_EQ(message(write("large.yaml", std::string((1U << 20U) + 1, '#'))),
            "p.yaml: the file is larger than 1024 KiB; this is not a pipeline file");
}

}  // namespace
}  // namespace rapidbyte::pipeline
