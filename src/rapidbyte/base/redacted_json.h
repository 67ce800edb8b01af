#pragma once
// Redaction of JSON as values, not as text: an escape cannot hide a secret, and the result is valid JSON. Depends only
// on the known secrets of redaction.h; any thread.

#include <nlohmann/json.hpp>
#include <string>

namespace rapidbyte {

/// `document` with every text in it redacted, except under the keys whose values are ours (stage, outcome, run_id ...):
/// a password such as "source" must not change what a program reads. Numbers and our keys stay.
[[nodiscard]] nlohmann::json redacted(nlohmann::json document);

/// `json_text`, which comes from outside, with every text, number and key redacted. What is not JSON is redacted as
/// text.
[[nodiscard]] std::string redacted_foreign_json(const std::string& json_text);

}  // namespace rapidbyte
