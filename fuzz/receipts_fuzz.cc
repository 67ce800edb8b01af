// What the host returns to a connector: the context with the position to resume from, and cursor values.

#include "fuzz_input.h"
#include "rapidbyte/sdk/context.h"
#include "resume_position.h"

using namespace rapidbyte;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto context = sdk::StreamContext::parse(text); context.ok()) {
    const auto version = protocol::ContextVersion::k2_1;
    const auto again = protocol::read_context(protocol::context_json(*context, version));
    fuzz::check(again.ok() && *again == static_cast<const protocol::StreamContext&>(*context),
                "a context that was read comes back as it was");
  }
  const auto json = sdk::parse_json(text);
  if (!json.ok()) return 0;
  const auto position = source_file::ResumePosition::from_json(*json);
  if (position.ok()) {
    const auto again = source_file::ResumePosition::from_json(position->to_json());
    fuzz::check(again.ok() && again->to_json() == position->to_json(), "a position comes back as it was");
  }
  const auto cursor = sdk::CursorValue::from_json(*json);
  if (cursor.ok()) {
    const auto again = sdk::CursorValue::from_json(cursor->to_json());
    fuzz::check(again.ok() && again->to_json() == cursor->to_json(), "a cursor value comes back as it was");
  }
  return 0;
}
