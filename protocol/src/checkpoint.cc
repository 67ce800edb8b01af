#include "rapidbyte/protocol/checkpoint.h"

#include <array>

#include "enum_names.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::protocol {

std::string_view to_string(CheckpointKind kind) {
  constexpr std::array<std::string_view, 3> kNames = {"source", "dest", "transform"};
  return name_of(kNames, kind);
}

Result<Checkpoint> Checkpoint::parse(std::string_view text, const JsonLimits& limits) {
  auto parsed = parse_untrusted(text, limits);
  if (parsed.ok() && parsed->is_object()) return Checkpoint(*std::move(parsed));
  return make_error(ErrorCategory::kData, codes::kParseCheckpoint,
                    "the checkpoint " + (parsed.ok() ? "is not a JSON object" : parsed.error().message));
}

Result<CursorValue> Checkpoint::understood_cursor() const {
  const Json* value = find_member(body_, "cursor_value");
  return value == nullptr ? CursorValue() : CursorValue::from_json(*value);
}

CursorValue Checkpoint::cursor_member(std::string_view key) const {
  const Json* value = find_member(body_, key);
  return value == nullptr ? CursorValue() : CursorValue::carried(*value);
}

void Checkpoint::set_end(bool end) {
  body_.erase("end");
  if (end) body_["end"] = true;
}

void Checkpoint::set_rows_covered(std::optional<uint64_t> rows) {
  body_.erase("rows_covered");
  if (rows) body_["rows_covered"] = *rows;
}

}  // namespace rapidbyte::protocol
