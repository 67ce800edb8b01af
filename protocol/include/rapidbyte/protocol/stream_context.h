#pragma once
// StreamContext: what the host tells a connector about one stream (docs/protocol.md), with its one writer, the host's,
// and its one reader, the SDK's. Plain values, any thread.

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
  /// Columns as the source discovered them: an array of {name, data_type, nullable} with whatever else it said. Empty
  /// when the host gave none.
  Json columns = Json::array();
  SyncMode sync_mode = SyncMode::kFullRefresh;
  std::optional<CursorInfo> cursor;
  Limits limits;
  Policies policies;
  /// Destinations; nullopt for sources and transforms, and when the host gave none.
  std::optional<WriteMode> write_mode;
  std::vector<std::string> primary_key;  // of upsert

  // 2.1.0
  std::string pipeline;
  std::string run_id;
  std::string load_id;
  /// The partition to read (a member of what plan-partitions returned), else null.
  Json partition;
  /// A checkpoint of this source from which to go on, else null.
  Json resume;
  /// The stream's own keys in the pipeline file; an object, maybe empty.
  Json stream_options = Json::object();
  /// Sources and transforms: what the destination's manifest says that it can do, as far as every transform between
  /// them can do it too.
  std::vector<std::string> destination_features;
  /// Destinations: streams whose rows refer to each other in a ring, this one among them, in the order in which they
  /// are loaded. Usually empty.
  std::vector<std::string> reference_ring;
  /// Destinations: the names of all streams of the pipeline, also of those that this run leaves out; empty when the
  /// host does not say, or when a stream of this run has begun with them. Two of them that are one table are refused
  /// before anything is made (TARGET_CONFLICT).
  std::vector<std::string> pipeline_streams;
  /// Destinations: the load whose checkpoint `cursor->last_value` is from; empty when nobody knows.
  std::string cursor_load_id;
  /// Destinations: the user says that the rows before the cursor are there although nothing shows it.
  bool keep_positions = false;
  /// Destinations: the user takes into account that rows are appended which are there already.
  bool allow_doubled_rows = false;

  bool operator==(const StreamContext&) const = default;

  [[nodiscard]] bool destination_has(std::string_view feature) const;
};

enum class ContextVersion : uint8_t {
  /// Exactly the published fields of 2.0.0.
  k2_0,
  /// The additions of 2.1.0, too.
  k2_1,
};

/// Writes a context. What is empty and only some receivers have is left out.
[[nodiscard]] Json context_json(StreamContext context, ContextVersion version);

/// Reads a context; what is missing has the protocol's defaults, and unknown keys are skipped. INVALID_CONTEXT (config)
/// names the key, INVALID_CURSOR (config) shows the value.
[[nodiscard]] Result<StreamContext> read_context(const Json& document);

}  // namespace rapidbyte::protocol
