// Hosts: what the network rules read out of URLs and configs, and how a PostgreSQL URL is taken apart.

#include "fuzz_input.h"
#include "postgres/connection_url.h"
#include "rapidbyte/runtime/net/network_acl.h"

using namespace rapidbyte;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const std::string rule(input.short_text());
  const std::string text(input.text());
  const std::string normal = runtime::normalize_host(text);
  runtime::NetworkAcl acl;
  acl.add_rule(rule);
  acl.add_host(text);
  (void)acl.describe();
  if (!normal.empty()) fuzz::check(acl.allows(text), "a host that was added is allowed");
  (void)runtime::extract_host_from_url(text);
  (void)runtime::extract_hosts_from_url(text);
  (void)runtime::collect_runtime_hosts({{"url", text}, {"host", rule}});
  std::string problem;
  const auto url = postgres::parse_connection_url(text, problem);
  fuzz::check(url.has_value() || !problem.empty(), "a URL, or what is wrong with it");
  return 0;
}
