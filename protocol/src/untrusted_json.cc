#include "rapidbyte/protocol/untrusted_json.h"

#include <utility>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::protocol {

namespace {

const char* code_of(JsonDefect defect) {
  switch (defect) {
    case JsonDefect::kTooLarge: return codes::kJsonTooLarge;
    case JsonDefect::kTooDeep: return codes::kJsonTooDeep;
    case JsonDefect::kTooManyValues: return codes::kJsonTooManyValues;
    case JsonDefect::kNotJson:
    case JsonDefect::kNone: break;
  }
  return codes::kInvalidJson;
}

}  // namespace

Result<Json> parse_untrusted(std::string_view text, const JsonLimits& limits) {
  BoundedJson read = read_bounded_json(text, limits);
  if (read.defect == JsonDefect::kNone) return std::move(read.value);
  return make_error(ErrorCategory::kData, code_of(read.defect), describe_json_defect(read, text.size(), limits));
}

Json parse_untrusted_object(std::string_view text, const JsonLimits& limits) {
  auto value = parse_untrusted(text, limits);
  return value.ok() && value->is_object() ? *std::move(value) : Json::object();
}

bool is_sound_json(std::string_view text, const JsonLimits& limits) {
  return read_bounded_json(text, limits, /*build=*/false).defect == JsonDefect::kNone;
}

}  // namespace rapidbyte::protocol
