#include "rapidbyte/sdk/json.h"

#include <utility>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/protocol/untrusted_json.h"

namespace rapidbyte::sdk {

Result<Json> parse_json(std::string_view text) {
  auto parsed = protocol::parse_untrusted(text, protocol::kGuestLimits);
  if (parsed.ok()) return parsed;
  return config_error(codes::kInvalidJson, "not valid JSON: it " + parsed.error().message);
}

}  // namespace rapidbyte::sdk
