#pragma once
// The key of hmac-sha256 (RFC 2104), as the two blocks that are hashed before the value and before the inner hash.

#include <string_view>

#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::transform_columns {

/// The environment variable that the manifest asks for and the pipeline grants.
inline constexpr const char* kHashKeyVariable = "RAPIDBYTE_HASH_KEY";

/// Parameters of a query: `{"rapidbyte_inner": hex, "rapidbyte_outer": hex}` of the variable's bytes. HASH_KEY_INVALID
/// (config) when it is not granted, not set, or has not 16 to 64 bytes. No message has any of the key.
sdk::Result<sdk::Json> read_hash_key();

/// The same of `key`, of at most 64 bytes.
sdk::Json hash_key_blocks(std::string_view key);

}  // namespace rapidbyte::transform_columns
