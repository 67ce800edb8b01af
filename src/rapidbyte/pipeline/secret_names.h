#pragma once
// Which values of a pipeline file are secret, judged by the name of their key or environment variable, and by their
// form. Secrets are handed to base/log.h, which redacts them wherever text leaves the program.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace rapidbyte::pipeline {

/// Whether `name` (`db_password`, `apiKey`, `GITHUB_TOKEN`) names a secret. Names that only contain such a word do not
/// count: `primary_key`, `null_token`, `password_file`, `max_tokens`.
[[nodiscard]] bool looks_secret(std::string_view name);

/// Makes known as secret: every text and number under a key that looks secret, and in any text the password of a URL
/// (`scheme://user:password@host`) or of a connection string (`password=...`).
void register_secrets(const nlohmann::json& config);

/// The second half of register_secrets() for one text.
void register_embedded_secrets(std::string_view text);

}  // namespace rapidbyte::pipeline
