#pragma once
// Feature: a promise that a manifest makes, by its name in `roles.<role>.features` (docs/protocol.md, "Features"). A
// name that is none of these means nothing to this program, and is no error: connectors are newer than hosts. Pure
// functions.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace rapidbyte::protocol {

enum class Feature : uint8_t {
  kIdempotent,        // destinations: giving a row again changes nothing
  kOpenEarly,         // destinations: may be opened while the source is still asked what there is
  kPartitioned,       // destinations: several instances can write one stream
  kPlan,              // transforms: say of each stream beforehand what they make of it
  kReceipts,          // destinations: a receipt of every commit, in the transaction of its rows
  kResume,            // sources: continue exactly after a checkpoint
  kReuse,             // sources, destinations: one instance may serve several streams, one after the other
  kSingleWriter,      // destinations: one stream at a time
  kSpecialValues,     // destinations, transforms: columns whose extremes stand for infinities are understood
  kStateful,          // transforms: not stateless, whatever else is said
  kStateless,         // transforms: rows leave before the next batch is taken
  kStreamOptions,     // sources: the pipeline's stream entries are part of the config
  kStreamReferences,  // destinations: asked about the streams' references to each other
};

/// Its name in manifests, for example "single-writer".
[[nodiscard]] std::string_view to_string(Feature feature);
[[nodiscard]] std::optional<Feature> feature_from_string(std::string_view name);
/// All of them, in the order of the cases.
[[nodiscard]] std::span<const std::string_view> feature_names();

}  // namespace rapidbyte::protocol
