#pragma once
// Feature: a promise that a manifest makes, by its name in `roles.<role>.features` (docs/protocol.md, "Features"). An
// unknown name is ignored, not an error: connectors may be newer than hosts. Pure functions.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace rapidbyte::protocol {

enum class Feature : uint8_t {
  kEmptyStreams,      // destinations: finish-stream may come alone for a stream without rows
  kIdempotent,        // destinations: writing a row again changes nothing
  kOpenEarly,         // destinations: may be opened while the source is still being queried
  kPartitioned,       // destinations: several instances can write one stream
  kPlan,              // transforms: say what they make of each stream before its first row
  kReceipts,          // destinations: keep a receipt of every commit, in the transaction of its rows
  kResume,            // sources: continue exactly after a checkpoint
  kReuse,             // sources, destinations: one instance may serve several streams, one after the other
  kSingleWriter,      // destinations: one stream at a time
  kSpecialValues,     // destinations, transforms: understand columns whose extremes mean infinities
  kStateful,          // transforms: not stateless, whatever else the manifest says
  kStateless,         // transforms: rows leave before the next batch is taken
  kStreamOptions,     // sources: the pipeline's stream entries are part of the config
  kStreamReferences,  // destinations: answer which streams refer to each other
};

/// Its name in manifests, for example "single-writer".
[[nodiscard]] std::string_view to_string(Feature feature);
[[nodiscard]] std::optional<Feature> feature_from_string(std::string_view name);
/// All of them, in the order of the cases.
[[nodiscard]] std::span<const std::string_view> feature_names();

}  // namespace rapidbyte::protocol
