#pragma once
// What the pipeline file says about a stream, as the stream context that connectors get. The rest of it (position,
// load, partition) is the engine's to fill in. Pure functions.

#include "rapidbyte/pipeline/types.h"
#include "rapidbyte/protocol/stream_context.h"

namespace rapidbyte::pipeline {

/// Name, modes, limits, policies and the stream's own keys. Destinations get the write mode, the stream's own before
/// the destination's; sources and transforms get none.
[[nodiscard]] protocol::StreamContext configured_context(const StreamConfig& stream,
                                                         const DestinationConfig& destination,
                                                         const Resources& resources, bool for_destination);

}  // namespace rapidbyte::pipeline
