#include "rapidbyte/runtime/net/network_acl.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

namespace rapidbyte::runtime {
namespace {

using Ipv4 = std::array<uint8_t, 4>;
using Ipv6 = std::array<uint8_t, 16>;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// ASCII only: the locale must not decide what a host is called.
std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// The form in which hosts are compared: "example.com." is the same name as "example.com".
std::string comparable(std::string_view host) {
  std::string name = normalize_host(host);
  if (name.size() > 1 && name.back() == '.') name.pop_back();
  return name;
}

Ipv6 map_ipv4(const Ipv4& v4) {
  Ipv6 out{};
  out[10] = out[11] = 0xff;
  std::copy(v4.begin(), v4.end(), out.begin() + 12);
  return out;
}

std::string as_key(const Ipv6& bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// The 16 bytes of an IP literal; a zone (fe80::1%eth0) does not take part in the comparison.
std::optional<std::string> literal_key(std::string_view text) {
  const std::string host(text.substr(0, text.find('%')));
  Ipv4 v4{};
  if (inet_pton(AF_INET, host.c_str(), v4.data()) == 1) return as_key(map_ipv4(v4));
  Ipv6 v6{};
  if (inet_pton(AF_INET6, host.c_str(), v6.data()) == 1) return as_key(v6);
  return std::nullopt;
}

std::optional<Ipv6> bytes_of(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, address, sizeof(in));
    Ipv4 v4{};
    std::memcpy(v4.data(), &in.sin_addr, v4.size());
    return map_ipv4(v4);
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, address, sizeof(in));
    Ipv6 v6{};
    std::memcpy(v6.data(), &in.sin6_addr, v6.size());
    return v6;
  }
  return std::nullopt;
}

bool is_forbidden_ipv4(const Ipv4& a) {
  // Metadata services outside of 169.254/16: Alibaba, Azure's wire server, Oracle.
  constexpr std::array<Ipv4, 3> kMetadata = {{{100, 100, 100, 200}, {168, 63, 129, 16}, {192, 0, 0, 192}}};
  return a[0] == 0 ||  // "this network"; 0.0.0.0 reaches the local machine on Linux
         (a[0] == 169 && a[1] == 254) ||  // link-local, with most metadata services
         (a[0] >= 224 && a[0] <= 239) ||  // multicast
         a == Ipv4{255, 255, 255, 255} ||  // broadcast
         std::find(kMetadata.begin(), kMetadata.end(), a) != kMetadata.end();
}

Ipv4 ipv4_at(const Ipv6& a, size_t offset) { return {a[offset], a[offset + 1], a[offset + 2], a[offset + 3]}; }

bool starts_with(const Ipv6& a, std::span<const uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), a.begin());
}

bool is_forbidden_ipv6(const Ipv6& a) {
  static constexpr std::array<uint8_t, 12> kZero{};
  static constexpr std::array<uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  static constexpr std::array<uint8_t, 12> kTranslated = {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0};
  static constexpr std::array<uint8_t, 12> kNat64 = {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0};
  static constexpr std::array<uint8_t, 6> kLocalNat64 = {0, 0x64, 0xff, 0x9b, 0, 1};
  static constexpr std::array<uint8_t, 2> k6to4 = {0x20, 0x02};
  static constexpr std::array<uint8_t, 4> kTeredo = {0x20, 0x01, 0, 0};
  static constexpr std::array<uint8_t, 4> kAwsServices = {0xfd, 0x00, 0x0e, 0xc2};  // fd00:ec2::/32
  static constexpr std::array<uint8_t, 16> kGoogleMetadata = {0xfd, 0x20, 0, 0xce, 0, 0, 0,    0,
                                                              0,    0,    0, 0,    0, 0, 0x02, 0x54};  // fd20:ce::254
  if (starts_with(a, kMapped) || starts_with(a, kTranslated)) return is_forbidden_ipv4(ipv4_at(a, 12));
  if (starts_with(a, kZero)) {
    // ::1 is loopback; :: is unspecified; the rest are the old IPv4-compatible addresses.
    if (ipv4_at(a, 12) == Ipv4{0, 0, 0, 1}) return false;
    return is_forbidden_ipv4(ipv4_at(a, 12));
  }
  if (a[0] == 0xff) return true;  // multicast
  if (a[0] == 0xfe && (a[1] & 0xc0) == 0x80) return true;  // link-local, with OpenStack's fe80::a9fe:a9fe
  if (starts_with(a, kAwsServices) || starts_with(a, kGoogleMetadata)) return true;
  if (starts_with(a, kNat64)) return is_forbidden_ipv4(ipv4_at(a, 12));
  if (starts_with(a, kLocalNat64)) {
    // RFC 8215 leaves the layout to the operator: as a /48 (RFC 6052, skipping byte 8) or as a /96 below it.
    return is_forbidden_ipv4({a[6], a[7], a[9], a[10]}) || is_forbidden_ipv4(ipv4_at(a, 12));
  }
  if (starts_with(a, k6to4)) return is_forbidden_ipv4(ipv4_at(a, 2));
  if (starts_with(a, kTeredo)) {
    Ipv4 client = ipv4_at(a, 12);
    for (uint8_t& byte : client) byte = static_cast<uint8_t>(~byte);
    return is_forbidden_ipv4(client);
  }
  const bool isatap = (a[8] & 0xfd) == 0 && a[9] == 0 && a[10] == 0x5e && a[11] == 0xfe;
  return isatap && is_forbidden_ipv4(ipv4_at(a, 12));
}

bool is_host_key(std::string_view key) {
  const std::string name = lower(key);
  return name == "host" || name == "hostname" || name == "server" || name == "address";
}

}  // namespace

NetworkAcl NetworkAcl::allow_all() {
  NetworkAcl acl;
  acl.allow_all_ = true;
  return acl;
}

void NetworkAcl::add_rule(std::string_view rule) {
  const std::string name = normalize_host(rule);
  if (name == "*") {
    allow_all_ = true;
  } else if (name.starts_with("*.")) {
    if (name.size() > 2) suffixes_.insert(comparable(rule).substr(1));
  } else {
    add_host(rule);
  }
}

void NetworkAcl::add_host(std::string_view host) {
  std::string name = comparable(host);
  if (name.empty()) return;
  if (auto key = literal_key(name)) addresses_.insert(*std::move(key));
  hosts_.insert(std::move(name));
}

bool NetworkAcl::allows(std::string_view host) const {
  const std::string name = comparable(host);
  if (name.empty()) return false;
  if (allow_all_ || hosts_.contains(name)) return true;
  if (auto key = literal_key(name)) return addresses_.contains(*key);
  // Every suffix that begins at a dot, except a leading one: ".example.com" alone names nothing.
  for (size_t dot = name.find('.', 1); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    if (suffixes_.contains(std::string_view(name).substr(dot))) return true;
  }
  return false;
}

bool NetworkAcl::lists_address(const sockaddr* address) const {
  const auto bytes = bytes_of(address);
  return bytes && addresses_.contains(as_key(*bytes));
}

std::string NetworkAcl::describe() const {
  if (allow_all_) return "every host";
  std::string out;
  for (const auto& host : hosts_) out += (out.empty() ? "" : ", ") + host;
  for (const auto& suffix : suffixes_) out += (out.empty() ? "*" : ", *") + suffix;
  return out.empty() ? "nothing" : out;
}

std::string normalize_host(std::string_view host) {
  std::string name = lower(trim(host));
  if (name.starts_with('[')) {
    const size_t end = name.find(']');
    return end == std::string::npos ? name : name.substr(1, end - 1);
  }
  const size_t colon = name.find(':');
  if (colon == std::string::npos || name.find(':', colon + 1) != std::string::npos) return name;
  const std::string_view port = std::string_view(name).substr(colon + 1);
  if (!port.empty() && std::all_of(port.begin(), port.end(), is_digit)) name.resize(colon);
  return name;
}

namespace {

/// A name, an IPv4 address or an IPv6 address: nothing else can be connected to.
bool is_plausible_host(std::string_view host) {
  if (host.empty() || std::count(host.begin(), host.end(), ':') == 1) return false;
  const bool v6 = host.find(':') != std::string_view::npos;
  return std::all_of(host.begin(), host.end(), [v6](char c) {
    const bool letter = c >= 'a' && c <= 'z';
    const bool more = v6 ? c == ':' || c == '.' || c == '%' : c == '.' || c == '-' || c == '_';
    return letter || is_digit(c) || more || (static_cast<unsigned char>(c) & 0x80U) != 0;
  });
}

}  // namespace

std::vector<std::string> extract_hosts_from_url(std::string_view url) {
  const size_t scheme_end = url.find("://");
  if (scheme_end == std::string_view::npos) return {};
  std::string_view authority = url.substr(scheme_end + 3);
  authority = authority.substr(0, authority.find_first_of("/?#\\"));
  if (const size_t at = authority.rfind('@'); at != std::string_view::npos) authority.remove_prefix(at + 1);
  std::vector<std::string> hosts;
  while (true) {
    const size_t comma = authority.find(',');
    std::string host = normalize_host(authority.substr(0, comma));
    // "host:" has an empty port, which is valid in a URL.
    if (host.ends_with(':') && std::count(host.begin(), host.end(), ':') == 1) host.pop_back();
    // What is not a host may be part of a password, and so may its neighbours; hosts are shown in messages.
    if (!is_plausible_host(host)) return {};
    hosts.push_back(std::move(host));
    if (comma == std::string_view::npos) return hosts;
    authority.remove_prefix(comma + 1);
  }
}

std::optional<std::string> extract_host_from_url(std::string_view url) {
  auto hosts = extract_hosts_from_url(url);
  if (hosts.empty()) return std::nullopt;
  return std::move(hosts.front());
}

std::vector<std::string> collect_runtime_hosts(const nlohmann::json& config) {
  std::vector<std::string> found;
  const auto add = [&found](std::string host) {
    if (!host.empty() && std::find(found.begin(), found.end(), host) == found.end()) found.push_back(std::move(host));
  };
  // An explicit stack, so that a deep config can't exhaust the thread's. Each value is visited with its key; elements
  // of an array have the array's key.
  struct Item {
    std::string_view key;
    const nlohmann::json* value;
  };
  std::vector<Item> stack = {{"", &config}};
  while (!stack.empty()) {
    const Item item = stack.back();
    stack.pop_back();
    if (item.value->is_object()) {
      for (const auto& [key, value] : item.value->get_ref<const nlohmann::json::object_t&>())
        stack.push_back({key, &value});
    } else if (item.value->is_array()) {
      for (const auto& value : *item.value) stack.push_back({item.key, &value});
    } else if (item.value->is_string()) {
      const auto& text = item.value->get_ref<const std::string&>();
      if (is_host_key(item.key)) add(normalize_host(text));
      if (lower(item.key).find("url") != std::string::npos) {
        for (std::string& host : extract_hosts_from_url(text)) add(std::move(host));
      }
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

NetworkAcl derive_network_acl(const Manifest* manifest, const nlohmann::json& config) {
  if (manifest == nullptr) return NetworkAcl::allow_all();
  NetworkAcl acl;
  const NetworkPermissions& network = manifest->permissions.network;
  acl.set_tls(network.tls);
  for (const auto& domain : network.allowed_domains) acl.add_rule(domain);
  if (network.allow_runtime_config_domains) {
    for (const auto& host : collect_runtime_hosts(config)) acl.add_host(host);
  }
  return acl;
}

bool is_forbidden_address(const sockaddr* address) {
  const auto bytes = bytes_of(address);
  return !bytes || is_forbidden_ipv6(*bytes);
}

bool allows_address(const NetworkAcl& acl, const sockaddr* address) {
  return !is_forbidden_address(address) || acl.lists_address(address);
}

std::string address_to_string(const sockaddr* address) {
  const auto bytes = bytes_of(address);
  if (!bytes) return "an address of an unknown family";
  std::array<char, INET6_ADDRSTRLEN> text{};
  const bool v4 = address->sa_family == AF_INET;
  const void* from = v4 ? static_cast<const void*>(bytes->data() + 12) : static_cast<const void*>(bytes->data());
  if (inet_ntop(v4 ? AF_INET : AF_INET6, from, text.data(), text.size()) == nullptr)
    return "an address that can't be shown";
  return text.data();
}

}  // namespace rapidbyte::runtime
