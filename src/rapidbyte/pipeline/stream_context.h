#pragma once
// What the pipeline file says about a stream, as the stream context that connectors get. The engine fills in the rest
// (position, load, partition). Pure functions.

#include "rapidbyte/pipeline/types.h"
#include "rapidbyte/protocol/stream_context.h"

namespace rapidbyte::pipeline {

/// Name, modes, limits, policies and the stream's own keys. Destinations get the write mode; the stream's takes
/// precedence over the destination's. Sources and transforms get none.
[[nodiscard]] protocol::StreamContext configured_context(const StreamConfig& stream,
                                                         const DestinationConfig& destination,
                                                         const Resources& resources, bool for_destination);

}  // namespace rapidbyte::pipeline
