#pragma once
// NetworkAcl: which hosts a connector may reach, by name (docs/protocol.md, "Network") and by address
// (docs/security.md), and whether it must or must not speak TLS with them. Derived once per instance from the manifest
// and the connector's config; immutable afterwards, so any thread may read it. It resolves no names: host_socket does,
// and then asks about every resolved address.

#include <netinet/in.h>
#include <sys/socket.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/runtime/connector/manifest.h"

namespace rapidbyte::runtime {

/// Denies everything until hosts are added.
class NetworkAcl {
 public:
  NetworkAcl() = default;
  /// Allows every name. Addresses that policy forbids stay forbidden.
  static NetworkAcl allow_all();

  /// Adds a rule of a manifest: `*` (all), `*.example.com` (subdomains, not the bare name) or one host.
  void add_rule(std::string_view rule);
  /// Adds one literal host: a `*` in it is not a wildcard. For values from a config.
  void add_host(std::string_view host);

  void set_tls(TlsPolicy policy) { tls_ = policy; }

  [[nodiscard]] TlsPolicy tls() const { return tls_; }
  [[nodiscard]] bool allows_all() const { return allow_all_; }
  /// Whether a connection to `host` (a name or an IP literal, in any spelling that normalize_host() accepts) may be
  /// attempted.
  [[nodiscard]] bool allows(std::string_view host) const;
  /// Whether a rule is this very address, written as an IP literal. Lifts the ban of is_forbidden_address.
  [[nodiscard]] bool lists_address(const sockaddr* address) const;
  /// "db.example.com, *.example.org", for error messages; "nothing" when empty.
  [[nodiscard]] std::string describe() const;

 private:
  bool allow_all_ = false;
  TlsPolicy tls_ = TlsPolicy::kOptional;
  std::set<std::string, std::less<>> hosts_;
  /// Each with its leading dot: ".example.com".
  std::set<std::string, std::less<>> suffixes_;
  /// Rules that are IP literals, as 16 bytes (IPv4 mapped into IPv6).
  std::set<std::string, std::less<>> addresses_;
};

/// Trims and lower-cases; `[::1]:5432` and `[::1]` give `::1`; an IPv6 literal stays whole; exactly one colon followed
/// by digits is a port and is removed.
[[nodiscard]] std::string normalize_host(std::string_view host);

/// The normalized host of `scheme://user:password@host:port/...`; the first one when the authority lists several
/// (`postgres://a:5432,b:5432/db`). nullopt when there is no authority or it is empty.
[[nodiscard]] std::optional<std::string> extract_host_from_url(std::string_view url);
/// All hosts of such an authority.
[[nodiscard]] std::vector<std::string> extract_hosts_from_url(std::string_view url);

/// Hosts that a config names, normalized, each once: strings under the keys host, hostname, server and address (any
/// case, any depth), and the host part of strings under keys that contain `url`.
[[nodiscard]] std::vector<std::string> collect_runtime_hosts(const nlohmann::json& config);

/// The ACL of one instance. A null manifest allows all.
[[nodiscard]] NetworkAcl derive_network_acl(const Manifest* manifest, const nlohmann::json& config);

/// Addresses that no name may resolve to: unspecified, link-local, multicast, broadcast and cloud metadata, also when
/// embedded in an IPv6 address (mapped, compatible, translated, 6to4, NAT64, Teredo, ISATAP). Families other than IPv4
/// and IPv6 are forbidden.
[[nodiscard]] bool is_forbidden_address(const sockaddr* address);

/// Whether a connection to this resolved address is allowed: it is not forbidden, or the ACL lists it literally.
[[nodiscard]] bool allows_address(const NetworkAcl& acl, const sockaddr* address);

/// "93.184.216.34" or "2001:db8::1".
[[nodiscard]] std::string address_to_string(const sockaddr* address);

}  // namespace rapidbyte::runtime
