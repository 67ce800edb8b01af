#pragma once
// Decides which values of a pipeline file are secret, by the name of their key or environment variable, and by their
// form. Secrets are registered with base/redaction.h, which replaces them wherever text leaves the program.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace rapidbyte::pipeline {

/// Whether `name` (`db_password`, `apiKey`, `GITHUB_TOKEN`) names a secret. Names that only contain such a word do not
/// count: `primary_key`, `null_token`, `password_file`, `max_tokens`.
[[nodiscard]] bool looks_secret(std::string_view name);

/// Registers as secret every text and number under a key that looks secret, and in any text the password of a URL
/// (`scheme://user:password@host`) or of a connection string (`password=...`).
void register_secrets(const nlohmann::json& config);

/// The second half of register_secrets() for one text.
void register_embedded_secrets(std::string_view text);

/// Registers the value of an environment variable that a connector is given: all of it, unless the name says that it
/// describes the environment (TZ, AWS_REGION, HOST); of those, only passwords inside.
void register_granted_variable(std::string_view name, std::string_view value);

/// Registers what follows secret keys in the text of an invalid file: an intended password may have become a key, a tag
/// or a variable, and would be shown with the mistake. Errs on the side of registering too much.
void register_secrets_in_source(std::string_view text);

}  // namespace rapidbyte::pipeline
