#pragma once
// Which values of a pipeline file are secret, judged by the name of their key or environment variable, and by their
// form. Secrets are handed to base/redaction.h, which replaces them wherever text leaves the program.

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

/// Makes the value of an environment variable known that a connector is given: all of it, unless the name says that it
/// describes the surroundings (TZ, AWS_REGION, HOST); of those the passwords inside.
void register_granted_variable(std::string_view name, std::string_view value);

/// Makes known what stands behind secret keys in the text of a file that has mistakes: what was meant as a password may
/// have become a key, a tag or a variable, and be shown with the mistake. Registers rather too much.
void register_secrets_in_source(std::string_view text);

}  // namespace rapidbyte::pipeline
