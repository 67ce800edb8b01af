#pragma once
// StreamContext: what the host tells a connector about one stream (docs/protocol.md), with its only writer, for the
// host, and its only reader, for the SDK. Plain values, any thread.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/protocol/cursor_value.h"
#include "rapidbyte/protocol/json.h"
#include "rapidbyte/protocol/limits.h"
#include "rapidbyte/protocol/status.h"
#include "rapidbyte/protocol/stream_modes.h"

namespace rapidbyte::protocol {

struct CursorInfo {
  std::string field;
  std::string type;  // int64, utf8, timestamp_millis, timestamp_micros, decimal, json; empty when unknown
  /// Null before the first checkpoint.
  CursorValue last_value;

  bool operator==(const CursorInfo&) const = default;
};

struct StreamContext {
  std::string stream_name;
  /// Columns as the source discovered them: an array of {name, data_type, nullable} with any other keys of the source.
  /// Empty when the host gave none.
  Json columns = Json::array();
  SyncMode sync_mode = SyncMode::kFullRefresh;
  std::optional<CursorInfo> cursor;
  Limits limits;
  Policies policies;
  /// Destinations; nullopt for sources and transforms, and when the host gave none.
  std::optional<WriteMode> write_mode;
  std::vector<std::string> primary_key;  // for upsert

  // 2.1.0
  std::string pipeline;
  std::string run_id;
  std::string load_id;
  /// The partition to read (a member of what plan-partitions returned), else null.
  Json partition;
  /// A checkpoint of this source to resume from, else null.
  Json resume;
  /// The stream's own keys in the pipeline file; an object, maybe empty.
  Json stream_options = Json::object();
  /// Sources and transforms: the features in the destination's manifest that every transform in between has too.
  std::vector<std::string> destination_features;
  /// Destinations: streams whose rows refer to each other in a cycle, this one among them, in the order in which they
  /// are loaded. Usually empty.
  std::vector<std::string> reference_ring;
  /// Destinations: the names of all streams of the pipeline, including those that this run leaves out; empty when the
  /// host gives none, or when a stream of this run has already begun with them. Two that mean one table are refused
  /// before anything is created (TARGET_CONFLICT).
  std::vector<std::string> pipeline_streams;
  /// Destinations: the load that `cursor->last_value` comes from; empty when unknown.
  std::string cursor_load_id;
  /// Destinations: the user says that the rows before the cursor are there, although nothing shows it.
  bool keep_positions = false;
  /// Destinations: the user accepts that rows may be appended that are already there.
  bool allow_doubled_rows = false;
  /// Destinations with the feature "empty-streams", in finish-stream: the stream had no rows, and neither begin-stream
  /// nor run-write came before.
  bool without_rows = false;

  bool operator==(const StreamContext&) const = default;

  [[nodiscard]] bool destination_has(std::string_view feature) const;
};

enum class ContextVersion : uint8_t {
  /// Exactly the published fields of 2.0.0.
  k2_0,
  /// With the additions of 2.1.0.
  k2_1,
};

/// Writes a context. Empty members that only some receivers use are left out.
[[nodiscard]] Json context_json(StreamContext context, ContextVersion version);

/// Reads a context; missing members get the protocol's defaults, and unknown keys are skipped. INVALID_CONTEXT (config)
/// names the key, INVALID_CURSOR (config) shows the value.
[[nodiscard]] Result<StreamContext> read_context(const Json& document);

}  // namespace rapidbyte::protocol
