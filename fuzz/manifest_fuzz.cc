// A connector's manifest, its JSON Schema, and a config that is checked against it.

#include "fuzz_input.h"
#include "rapidbyte/protocol/untrusted_json.h"
#include "rapidbyte/runtime/connector/manifest.h"
#include "rapidbyte/runtime/net/network_acl.h"

using namespace rapidbyte;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // The manifest, then after a line that is "---" the config.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t cut = text.find("\n---\n");
  const auto config = protocol::parse_untrusted_object(
      cut == std::string_view::npos ? std::string_view("{}") : text.substr(cut + 5), protocol::kManifestLimits);
  const auto manifest = runtime::parse_manifest(text.substr(0, cut), "m.json");
  if (manifest.ok()) {
    (void)runtime::validate_against_schema(manifest->config_schema, config);
    (void)runtime::derive_network_acl(&*manifest, config);
  }
  const auto schema = protocol::parse_untrusted(text.substr(0, cut), protocol::kManifestLimits);
  if (schema.ok()) (void)runtime::validate_against_schema(*schema, config);
  return 0;
}
