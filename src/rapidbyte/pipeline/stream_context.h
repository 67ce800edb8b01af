#pragma once
// The stream context: the JSON that a connector's run functions get (protocol.md section 4). A 2.0.0 component gets
// exactly the published fields, a 2.1.0 component also the additions. Pure functions.

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/pipeline/types.h"

namespace rapidbyte::pipeline {

/// Requests that a connector may have open at a time; ours read one stream with one instance.
inline constexpr uint32_t kMaxParallelRequests = 1;

struct CursorInfo {
  std::string field;
  /// int64, utf8, timestamp_millis, timestamp_micros, decimal or json.
  std::string type;
  /// A cursor value of protocol.md section 4, or null before the first checkpoint.
  nlohmann::json last_value;
};

/// Everything the context is made of; references live as long as the call.
struct StreamContextInput {
  const StreamConfig& stream;
  const DestinationConfig& destination;
  const Resources& resources;
  /// Columns as the source discovered them: an array of {name, data_type, nullable} with whatever else the source said.
  nlohmann::json columns = nlohmann::json::array();
  std::optional<CursorInfo> cursor = std::nullopt;
  /// Destinations get the write mode; for sources and transforms it is null.
  bool for_destination = false;
  /// Adds the fields below.
  bool for_2_1 = false;
  std::string pipeline = {};
  std::string run_id = {};
  std::string load_id = {};
  nlohmann::json partition = nullptr;  // null: the stream is not split
  nlohmann::json resume = nullptr;  // null, or the source checkpoint after which to go on
  /// For sources and transforms: what may be sent because the destination, and all between, understand it.
  std::vector<std::string> destination_features = {};
  /// For destinations: every stream of the pipeline, so that two of one table are refused before anything is loaded.
  std::vector<std::string> pipeline_streams = {};
  /// For destinations: the load whose checkpoint gave the cursor; empty when there is none, or nobody knows.
  std::string cursor_load_id = {};
  /// For destinations: the user says that the rows before the cursor are there, though nothing shows it.
  bool keep_positions = false;
  /// For destinations: the user takes into account that rows may be there twice.
  bool allow_doubled_rows = false;
  /// For destinations: streams whose rows refer to each other in a ring with this one's, in the order of loading.
  std::vector<std::string> reference_ring = {};
};

[[nodiscard]] nlohmann::json make_stream_context(const StreamContextInput& input);

/// The cursor type for a column's data type (Arrow's name): "Int64" -> "int64", "Timestamp(Millisecond, None)" ->
/// "timestamp_millis". Types without one of their own (UInt64, floats, lists)
/// are "json"; dates and times travel as text.
[[nodiscard]] std::string_view cursor_type_of(std::string_view data_type);

}  // namespace rapidbyte::pipeline
