#include "rapidbyte/pipeline/validator.h"

#include <gtest/gtest.h>

namespace rapidbyte::pipeline {
namespace {

PipelineConfig good_config() {
  PipelineConfig config;
  config.version = "1.0";
  config.name = "orders";
  config.source.use = "s";
  config.destination.use = "d";
  config.file = "/pipes/p.yaml";
  config.state.connection = "/pipes/.rapidbyte/state.db";
  return config;
}

StreamConfig stream(std::string name) {
  StreamConfig out;
  out.name = std::move(name);
  out.location = {10, 5};
  return out;
}

const Locate kNowhere = [](std::string_view) -> std::optional<SourceLocation> { return std::nullopt; };

struct Case {
  const char* what;
  void (*change)(PipelineConfig&);
  const char* key_path;  // of the one problem or warning; empty: none
  const char* part;      // of its message
};

void expect_each(const std::vector<Case>& cases, std::vector<Problem> Validation::* list,
                 std::vector<Problem> Validation::* other) {
  for (const Case& c : cases) {
    PipelineConfig config = good_config();
    c.change(config);
    Validation found = validate_pipeline(config, kNowhere);
    EXPECT_TRUE((found.*other).empty()) << c.what << ": " << format_problems("p", found.*other);
    if (*c.key_path == '\0') {
      EXPECT_TRUE((found.*list).empty()) << c.what << ": " << format_problems("p", found.*list);
      continue;
    }
    ASSERT_EQ((found.*list).size(), 1U) << c.what << ": " << format_problems("p", found.*list);
    EXPECT_EQ((found.*list)[0].key_path, c.key_path) << c.what;
    EXPECT_NE((found.*list)[0].message.find(c.part), std::string::npos) << c.what << ": " << (found.*list)[0].message;
  }
}

TEST(Validator, RefusesWhatCannotWork) {
  expect_each(
      {
          {"good", [](PipelineConfig&) {}, "", ""},
          {"version", [](PipelineConfig& c) { c.version = "1"; }, "version", "write \"1.0\""},
          {"name with a slash", [](PipelineConfig& c) { c.name = "../x"; }, "pipeline", "part of file names"},
          {"name with a space", [](PipelineConfig& c) { c.name = "a b"; }, "pipeline", "part of file names"},
          {"name with a dash first", [](PipelineConfig& c) { c.name = "-x"; }, "pipeline", "part of file names"},
          {"long name", [](PipelineConfig& c) { c.name = std::string(129, 'x'); }, "pipeline", "at most 128"},
          {"longest name", [](PipelineConfig& c) { c.name = std::string(128, 'x'); }, "", ""},
          {"use with a space", [](PipelineConfig& c) { c.source.use = "a b"; }, "source.use", "spaces"},
          {"path of a component with a space", [](PipelineConfig& c) { c.source.use = "my folder/a.wasm"; }, "", ""},
          {"transform's use",
           [](PipelineConfig& c) {
             c.transforms.resize(1);
             c.transforms[0].use = "a\tb";
           },
           "transforms[0].use", "control"},
          {"env with a value", [](PipelineConfig& c) { c.destination.allow_env = {"OK_1", "A=b"}; },
           "destination.permissions.env[1]", "name only"},
          {"empty preopen", [](PipelineConfig& c) { c.source.read_write_preopens = {""}; },
           "source.permissions.read_write_preopens[0]", "empty"},
          {"same stream twice", [](PipelineConfig& c) { c.source.streams = {stream("a"), stream("b"), stream("a")}; },
           "source.streams[2].name", "listed twice, first in line 10"},
          {"stream name with a line break", [](PipelineConfig& c) { c.source.streams = {stream("a\nb")}; },
           "source.streams[0].name", "control"},
          {"incremental without cursor",
           [](PipelineConfig& c) {
             c.source.streams = {stream("a")};
             c.source.streams[0].sync_mode = SyncMode::kIncremental;
           },
           "source.streams[0].cursor_field", "is missing"},
          {"incremental with an empty cursor",
           [](PipelineConfig& c) {
             c.source.streams = {stream("a")};
             c.source.streams[0].sync_mode = SyncMode::kIncremental;
             c.source.streams[0].cursor_field = "";
           },
           "source.streams[0].cursor_field", "is empty"},
          {"incremental with cursor",
           [](PipelineConfig& c) {
             c.source.streams = {stream("a")};
             c.source.streams[0].sync_mode = SyncMode::kIncremental;
             c.source.streams[0].cursor_field = "id";
           },
           "", ""},
          {"incremental and replace",
           [](PipelineConfig& c) {
             c.destination.write_mode = WriteMode::kReplace;
             c.source.streams = {stream("a")};
             c.source.streams[0].sync_mode = SyncMode::kIncremental;
             c.source.streams[0].cursor_field = "id";
           },
           "source.streams[0].sync_mode", "only the rows of the last run"},
          {"incremental and append in a replacing pipeline",
           [](PipelineConfig& c) {
             c.destination.write_mode = WriteMode::kReplace;
             c.source.streams = {stream("a")};
             c.source.streams[0].sync_mode = SyncMode::kIncremental;
             c.source.streams[0].cursor_field = "id";
             c.source.streams[0].write_mode = WriteMode::kAppend;
           },
           "", ""},
          {"cdc is for the manifest to judge",
           [](PipelineConfig& c) {
             c.source.streams = {stream("a")};
             c.source.streams[0].sync_mode = SyncMode::kCdc;
           },
           "", ""},
          {"upsert of all streams without key",
           [](PipelineConfig& c) { c.destination.write_mode = WriteMode::kUpsert; }, "destination.primary_key",
           "is missing"},
          {"upsert of named streams without key, once",
           [](PipelineConfig& c) {
             c.destination.write_mode = WriteMode::kUpsert;
             c.source.streams = {stream("a"), stream("b")};
           },
           "destination.primary_key", "is missing"},
          {"upsert with the destination's key",
           [](PipelineConfig& c) {
             c.destination.write_mode = WriteMode::kUpsert;
             c.destination.primary_key = {"id"};
             c.source.streams = {stream("a")};
           },
           "", ""},
          {"upsert with every stream's key",
           [](PipelineConfig& c) {
             c.destination.write_mode = WriteMode::kUpsert;
             c.source.streams = {stream("a")};
             c.source.streams[0].primary_key = {"id"};
           },
           "", ""},
          {"upsert of one stream without key",
           [](PipelineConfig& c) {
             c.source.streams = {stream("a")};
             c.source.streams[0].write_mode = WriteMode::kUpsert;
           },
           "source.streams[0].primary_key", "is missing"},
          {"key column twice",
           [](PipelineConfig& c) {
             c.destination.write_mode = WriteMode::kUpsert;
             c.destination.primary_key = {"id", "id"};
           },
           "destination.primary_key[1]", "twice"},
          {"empty key column",
           [](PipelineConfig& c) {
             c.destination.write_mode = WriteMode::kUpsert;
             c.destination.primary_key = {""};
           },
           "destination.primary_key[0]", "is empty"},
          {"dlq without room",
           [](PipelineConfig& c) {
             c.destination.on_data_error = OnDataError::kDlq;
             c.dlq.max_bytes = 0;
           },
           "dlq.max_bytes", "cannot hold a rejected record"},
          {"dlq by default", [](PipelineConfig& c) { c.destination.on_data_error = OnDataError::kDlq; }, "", ""},
          {"dlq over the state",
           [](PipelineConfig& c) {
             c.destination.on_data_error = OnDataError::kDlq;
             c.dlq.path = c.state.connection;
           },
           "dlq.path", "the state's file"},
          {"dlq over the pipeline",
           [](PipelineConfig& c) {
             c.destination.on_data_error = OnDataError::kDlq;
             c.dlq.path = c.file;
           },
           "dlq.path", "pipeline file itself"},
          {"state over the pipeline", [](PipelineConfig& c) { c.state.connection = c.file; }, "state.connection",
           "pipeline file itself"},
          {"small batches", [](PipelineConfig& c) { c.resources.max_batch_bytes = 4095; }, "resources.max_batch_bytes",
           "4095 bytes is outside 4kb to 64mb"},
          {"smallest batches", [](PipelineConfig& c) { c.resources.max_batch_bytes = 4096; }, "", ""},
          {"large batches", [](PipelineConfig& c) { c.resources.max_batch_bytes = (64U << 20U) + 1; },
           "resources.max_batch_bytes", "outside"},
          {"small records", [](PipelineConfig& c) { c.resources.max_record_bytes = 65'535; },
           "resources.max_record_bytes", "outside"},
          {"large records", [](PipelineConfig& c) { c.resources.max_record_bytes = (1U << 30U) + 1; },
           "resources.max_record_bytes", "outside"},
          {"largest batches", [](PipelineConfig& c) { c.resources.max_batch_bytes = 64U << 20U; }, "", ""},
          {"no batches", [](PipelineConfig& c) { c.resources.max_inflight_batches = 0; },
           "resources.max_inflight_batches", "0 is outside 1 to 1024"},
          {"many batches", [](PipelineConfig& c) { c.resources.max_inflight_batches = 1025; },
           "resources.max_inflight_batches", "1025"},
          {"little memory", [](PipelineConfig& c) { c.resources.max_memory = 8U << 20U; }, "resources.max_memory",
           "8mb is outside 16mb to 4gb"},
          {"least memory", [](PipelineConfig& c) { c.resources.max_memory = 16U << 20U; }, "", ""},
          {"much memory", [](PipelineConfig& c) { c.resources.max_memory = 5ULL << 30U; }, "resources.max_memory",
           "outside"},
          {"no checkpoints", [](PipelineConfig& c) { c.resources.checkpoint_interval_bytes = 0; },
           "resources.checkpoint_interval_bytes", "all checkpoint intervals are 0"},
          {"checkpoints by rows alone",
           [](PipelineConfig& c) {
             c.resources.checkpoint_interval_bytes = 0;
             c.resources.checkpoint_interval_rows = 1;
           },
           "", ""},
          {"checkpoints every byte", [](PipelineConfig& c) { c.resources.checkpoint_interval_bytes = 1; }, "", ""},
          {"checkpoints too far apart", [](PipelineConfig& c) { c.resources.checkpoint_interval_bytes = 2ULL << 40U; },
           "resources.checkpoint_interval_bytes", "2048gb is outside"},
          {"checkpoints too seldom", [](PipelineConfig& c) { c.resources.checkpoint_interval_seconds = 86401; },
           "resources.checkpoint_interval_seconds", "one a day"},
          {"parallelism", [](PipelineConfig& c) { c.resources.parallelism = 257; }, "resources.parallelism",
           "outside 0 to 256"},
          {"retries", [](PipelineConfig& c) { c.resources.max_retries = 101; }, "resources.max_retries", "outside"},
          {"no time for guests", [](PipelineConfig& c) { c.resources.guest_timeout_seconds = 0; },
           "resources.guest_timeout_seconds", "outside"},
      },
      &Validation::problems, &Validation::warnings);
}

TEST(Validator, WarnsOfWhatIsProbablyNotMeant) {
  expect_each(
      {
          {"cursor of a full refresh",
           [](PipelineConfig& c) {
             c.source.streams = {stream("a")};
             c.source.streams[0].cursor_field = "id";
           },
           "source.streams[0].cursor_field", "not used by full_refresh"},
          {"key without upsert", [](PipelineConfig& c) { c.destination.primary_key = {"id"}; },
           "destination.primary_key", "not used"},
          {"stream's key without upsert",
           [](PipelineConfig& c) {
             c.source.streams = {stream("a")};
             c.source.streams[0].primary_key = {"id"};
           },
           "source.streams[0].primary_key", "not used by write_mode append"},
          {"destination's key used by one stream",
           [](PipelineConfig& c) {
             c.destination.primary_key = {"id"};
             c.source.streams = {stream("a"), stream("b")};
             c.source.streams[1].write_mode = WriteMode::kUpsert;
           },
           "", ""},
          {"dlq without use", [](PipelineConfig& c) { c.dlq.path = "/pipes/rejected.ndjson"; }, "dlq",
           "on_data_error is fail"},
          {"dlq that a transform may use",
           [](PipelineConfig& c) {
             c.dlq.path = "/pipes/rejected.ndjson";
             c.transforms.emplace_back();
             c.transforms.back().use = "rapidbyte/transform-check";
           },
           "", ""},
          {"batches that fill the memory",
           [](PipelineConfig& c) {
             c.resources.max_memory = 64U << 20U;
             c.resources.max_batch_bytes = 32U << 20U;
           },
           "resources.max_batch_bytes", "32mb is more than a quarter of max_memory (64mb)"},
          {"records that fill the memory", [](PipelineConfig& c) { c.resources.max_record_bytes = 200U << 20U; },
           "resources.max_record_bytes", "200mb is more than a quarter of max_memory (256mb)"},
      },
      &Validation::warnings, &Validation::problems);
}

TEST(Validator, AsksForThePlaceByPointer) {
  PipelineConfig config = good_config();
  config.source.streams = {stream("a"), stream("a")};
  const Validation found = validate_pipeline(config, [](std::string_view pointer) -> std::optional<SourceLocation> {
    if (pointer == "/source/streams/1/name") return SourceLocation{12, 7};
    return std::nullopt;
  });
  ASSERT_EQ(found.problems.size(), 1U);
  EXPECT_EQ(found.problems[0].location, (SourceLocation{12, 7}));
}

}  // namespace
}  // namespace rapidbyte::pipeline
