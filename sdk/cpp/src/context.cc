#include "rapidbyte/sdk/context.h"

#include <algorithm>
#include <utility>

namespace rapidbyte::sdk {

Result<StreamContext> StreamContext::parse(std::string_view text) {
  auto parsed = parse_json(text);
  if (!parsed.ok()) return std::move(parsed).status().with_context("stream context");
  StreamContext ctx;
  ctx.raw = *std::move(parsed);
  RB_SDK_ASSIGN_OR_RETURN(static_cast<protocol::StreamContext&>(ctx), protocol::read_context(ctx.raw));
  auto schema = Schema::from_json(ctx.columns);
  if (!schema.ok()) return std::move(schema).status().with_context("stream context");
  ctx.schema = *std::move(schema);
  return ctx;
}

size_t batch_payload_bytes(const Limits& limits, size_t columns) {
  const uint64_t messages = 1024 + 256 * static_cast<uint64_t>(columns);
  const uint64_t wanted = std::max<uint64_t>(limits.max_batch_bytes, 4096);
  return static_cast<size_t>(std::max({wanted / 2, messages, wanted > messages ? wanted - messages : 0}));
}

}  // namespace rapidbyte::sdk
