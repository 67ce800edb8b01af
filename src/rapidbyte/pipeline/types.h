#pragma once
// The pipeline file as values (docs/pipeline-reference.md), after `${NAME}` substitution and with every default
// applied. Plain data: made by parser.h, checked by validator.h, read by engine and cli. Sizes are bytes.

#include <array>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/protocol/limits.h"
#include "rapidbyte/protocol/stream_modes.h"

namespace rapidbyte::pipeline {

/// One-based place in the pipeline file; line 0 means "not from the file".
struct SourceLocation {
  int line = 0;
  int column = 0;
  bool operator==(const SourceLocation&) const = default;
};

using protocol::NewColumn;
using protocol::NullabilityChange;
using protocol::OnDataError;
using protocol::RemovedColumn;
using protocol::SchemaEvolution;
using protocol::SyncMode;
using protocol::TypeChange;
using protocol::WriteMode;
enum class Compression : uint8_t { kNone, kLz4, kZstd };
enum class OnStreamError : uint8_t { kContinue, kStop };

/// Spelling in the pipeline file and in the protocol's JSON, for example "full_refresh".
using protocol::to_string;
std::string_view to_string(Compression value);
std::string_view to_string(OnStreamError value);

/// One entry of `source.streams`.
struct StreamConfig {
  std::string name;
  SyncMode sync_mode = SyncMode::kFullRefresh;
  std::optional<std::string> cursor_field;
  /// Overrides of the destination's settings for this stream.
  std::optional<WriteMode> write_mode;
  std::vector<std::string> primary_key;
  /// Every other key of the entry, for the source connector (`path`, `columns`, `where` ...). An object, maybe empty.
  nlohmann::json options = nlohmann::json::object();
  SourceLocation location;
};

struct ConnectorUse {
  std::string use;  // reference, for example rapidbyte/source-file@v0.1.0
  nlohmann::json config = nlohmann::json::object();
  /// What the pipeline grants of the manifest's requests: environment variables (name only) and read-write preopens.
  std::vector<std::string> allow_env;
  std::vector<std::string> read_write_preopens;
  SourceLocation location;
  SourceLocation config_location;
};

struct SourceConfig : ConnectorUse {
  std::vector<StreamConfig> streams;
};

struct DestinationConfig : ConnectorUse {
  WriteMode write_mode = WriteMode::kAppend;
  std::vector<std::string> primary_key;
  OnDataError on_data_error = OnDataError::kFail;
  SchemaEvolution schema_evolution;
};

/// The backends that `state.backend` may name; state/open_state.h makes them.
inline constexpr std::array<std::string_view, 1> kStateBackends = {"sqlite"};

struct StateConfig {
  std::string backend = std::string(kStateBackends[0]);
  /// Where the backend finds the state; for sqlite, its file. Empty in a pipeline file: `.rapidbyte/state.db` beside
  /// it.
  std::filesystem::path connection;
};

struct DlqConfig {
  /// NDJSON file of this run's rejected records. Empty: `dlq/<pipeline>-<run id>.ndjson` beside the state.
  std::filesystem::path path;
  /// 1 GiB: room for millions of rejected records, but a wrong pipeline does not fill a disk.
  uint64_t max_bytes = uint64_t{1} << 30U;
};

struct Resources {
  /// Cap on one guest's linear memories together.
  uint64_t max_memory = uint64_t{256} << 20U;
  uint64_t max_batch_bytes = protocol::Limits().max_batch_bytes;
  /// Largest single record.
  uint64_t max_record_bytes = protocol::Limits().max_record_bytes;
  /// Streams that run concurrently. 0: by cores.
  uint32_t parallelism = 0;
  uint64_t checkpoint_interval_bytes = protocol::Limits().checkpoint_interval_bytes;
  uint64_t checkpoint_interval_rows = protocol::Limits().checkpoint_interval_rows;  // 0: no limit by rows
  uint64_t checkpoint_interval_seconds = protocol::Limits().checkpoint_interval_seconds;  // 0: no limit by time
  uint32_t max_retries = 3;
  Compression compression = Compression::kNone;
  uint32_t max_inflight_batches = protocol::Limits().max_inflight_batches;
  /// A guest that neither returns nor makes progress (moves a batch, bytes of a socket, state or a checkpoint) for this
  /// long is stopped. 300 s: the longest single database statement that a load should need.
  uint32_t guest_timeout_seconds = 300;
};

struct PipelineConfig {
  std::string version;
  std::string name;
  SourceConfig source;
  std::vector<ConnectorUse> transforms;
  DestinationConfig destination;
  StateConfig state;
  DlqConfig dlq;
  Resources resources;
  /// What happens to streams that have not begun when one has failed. Running streams always continue to their end.
  OnStreamError on_stream_error = OnStreamError::kContinue;
  /// The file it came from, absolute; relative paths in it are relative to its folder.
  std::filesystem::path file;
};

}  // namespace rapidbyte::pipeline
