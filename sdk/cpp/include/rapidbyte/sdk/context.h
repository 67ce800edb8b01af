#pragma once
// StreamContext: what the host tells a connector about one stream (docs/protocol.md), as values. The type and its
// parser belong to the protocol library (rapidbyte/protocol/stream_context.h); here it gets its columns as a Schema,
// and keeps the JSON that it was parsed from. A context without one of the optional parts (from a 2.0 host) gets the
// protocol's defaults.

#include <cstdint>
#include <string_view>

#include "rapidbyte/protocol/stream_context.h"
#include "rapidbyte/sdk/data_type.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::sdk {

using protocol::CursorInfo;
using protocol::CursorValue;
using protocol::Limits;
using protocol::NewColumn;
using protocol::NullabilityChange;
using protocol::OnDataError;
using protocol::Policies;
using protocol::RemovedColumn;
using protocol::SchemaEvolution;
using protocol::SyncMode;
using protocol::TypeChange;
using protocol::WriteMode;

/// How many bytes of buffers, for `columns` columns, make a batch of about limits.max_batch_bytes: the messages around
/// them take a few hundred bytes per column. Batches with very many columns are larger, so that they do not consist
/// mostly of messages.
size_t batch_payload_bytes(const Limits& limits, size_t columns);

/// Destination feature: it understands the values of Field::special_values.
inline constexpr std::string_view kSpecialValues = "special-values";  // protocol::Feature::kSpecialValues

struct StreamContext : protocol::StreamContext {
  /// The discovered columns; empty when the host sent none.
  Schema schema;
  /// The whole context as received, including keys that this SDK does not know.
  Json raw;

  /// INVALID_CONTEXT (config) names the key.
  static Result<StreamContext> parse(std::string_view text);
};

}  // namespace rapidbyte::sdk
