#include "rapidbyte/pipeline/stream_context.h"

#include "rapidbyte/pipeline/validator.h"

namespace rapidbyte::pipeline {

protocol::StreamContext configured_context(const StreamConfig& stream, const DestinationConfig& destination,
                                           const Resources& resources, bool for_destination) {
  protocol::StreamContext context;
  context.stream_name = stream.name;
  context.sync_mode = stream.sync_mode;
  context.limits.max_batch_bytes = resources.max_batch_bytes;
  context.limits.max_record_bytes = resources.max_record_bytes;
  context.limits.max_memory_bytes = resources.max_memory;
  context.limits.max_inflight_batches = resources.max_inflight_batches;
  context.limits.checkpoint_interval_bytes = resources.checkpoint_interval_bytes;
  context.limits.checkpoint_interval_rows = resources.checkpoint_interval_rows;
  context.limits.checkpoint_interval_seconds = resources.checkpoint_interval_seconds;
  static_cast<protocol::SchemaEvolution&>(context.policies) = destination.schema_evolution;
  context.policies.on_data_error = destination.on_data_error;
  context.stream_options = stream.options;
  if (!for_destination) return context;
  context.write_mode = effective_write_mode(stream, destination);
  if (context.write_mode == WriteMode::kUpsert) context.primary_key = effective_primary_key(stream, destination);
  return context;
}

}  // namespace rapidbyte::pipeline
