#include "rapidbyte/runtime/net/network_acl.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <cstring>

namespace rapidbyte::runtime {
namespace {

using nlohmann::json;

sockaddr_storage address_of(const std::string& text) {
  sockaddr_storage storage{};
  if (text.find(':') != std::string::npos) {
    auto* in = reinterpret_cast<sockaddr_in6*>(&storage);
    in->sin6_family = AF_INET6;
    EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &in->sin6_addr), 1) << text;
  } else {
    auto* in = reinterpret_cast<sockaddr_in*>(&storage);
    in->sin_family = AF_INET;
    EXPECT_EQ(inet_pton(AF_INET, text.c_str(), &in->sin_addr), 1) << text;
  }
  return storage;
}
const sockaddr* as_sockaddr(const sockaddr_storage& storage) { return reinterpret_cast<const sockaddr*>(&storage); }

NetworkAcl acl_of(const std::vector<std::string>& rules) {
  NetworkAcl acl;
  for (const auto& rule : rules) acl.add_rule(rule);
  return acl;
}

Manifest manifest_with(std::vector<std::string> domains, bool runtime_config) {
  Manifest manifest;
  manifest.permissions.network.allowed_domains = std::move(domains);
  manifest.permissions.network.allow_runtime_config_domains = runtime_config;
  return manifest;
}

TEST(NormalizeHost, PreservesIpv6Literals) {
  EXPECT_EQ(normalize_host("::1"), "::1");
  EXPECT_EQ(normalize_host("2001:DB8::5432"), "2001:db8::5432");
  EXPECT_EQ(normalize_host("fe80::1%eth0"), "fe80::1%eth0");
  EXPECT_EQ(normalize_host("[::1]"), "::1");
}

TEST(NormalizeHost, HandlesABracketedIpv6WithPort) {
  EXPECT_EQ(normalize_host("[::1]:5432"), "::1");
  EXPECT_EQ(normalize_host(" [2001:DB8::1]:80 "), "2001:db8::1");
  EXPECT_EQ(normalize_host("[::1"), "[::1") << "a bracket that never closes is no literal";
}

TEST(NormalizeHost, StripsThePortForSingleColonHosts) {
  EXPECT_EQ(normalize_host("db.example.com:5432"), "db.example.com");
  EXPECT_EQ(normalize_host("10.0.0.1:80"), "10.0.0.1");
  EXPECT_EQ(normalize_host("db.example.com:"), "db.example.com:");
  EXPECT_EQ(normalize_host("db.example.com:http"), "db.example.com:http");
}

TEST(NormalizeHost, TrimsAndLowerCases) {
  EXPECT_EQ(normalize_host("  DB.Example.COM\t\n"), "db.example.com");
  EXPECT_EQ(normalize_host(""), "");
  EXPECT_EQ(normalize_host("   "), "");
}

TEST(ExtractHostFromUrl, FindsTheHostAndNothingElse) {
  const std::vector<std::pair<std::string, std::optional<std::string>>> cases = {
      {"postgres://user:pa@ss@DB.Example.com:5432/name?sslmode=off", "db.example.com"},
      {"https://example.com", "example.com"},
      {"https://example.com:8443/a:b@c", "example.com"},
      {"https://example.com?x=@evil.org", "example.com"},
      {"https://example.com#@evil.org", "example.com"},
      {"postgres://user:canary#rest@example.com", std::nullopt},
      {"https://not a host/", std::nullopt},
      {"https://good.org\\@evil.org/", "good.org"},
      {"https://good.org@evil.org/", "evil.org"},
      {"jdbc:postgresql://db:5432/x", "db"},
      {"http://[2001:db8::1]:80/", "2001:db8::1"},
      {"http://[::1]", "::1"},
      {"http://example.com:/", "example.com"},
      {"postgres://a:5432,b:5433/db", "a"},
      {"http:///path", std::nullopt},
      {"file:///etc/passwd", std::nullopt},
      {"example.com/path", std::nullopt},
      {"", std::nullopt},
  };
  for (const auto& [url, host] : cases) EXPECT_EQ(extract_host_from_url(url), host) << url;
  EXPECT_EQ(extract_hosts_from_url("postgres://u:p@a:5432,[::1]:2,b/db"), (std::vector<std::string>{"a", "::1", "b"}));
  // A password that should have been encoded ends the authority: its pieces are no hosts.
  EXPECT_EQ(extract_hosts_from_url("postgres://u:first,second/third@db.example/x"), std::vector<std::string>());
  EXPECT_EQ(extract_hosts_from_url("postgres://u,ser:fi#rst@db.example/x"), std::vector<std::string>());
}

TEST(CollectRuntimeHosts, WalksTheConfigToAnyDepth) {
  const json config = json::parse(R"({
    "Host": "DB1.example.com:5432", "HOSTNAME": " db2 ", "server": "[::1]:1", "address": "10.0.0.7",
    "nested": [{"deeper": {"host": "db3"}}, [{"host": "db4"}]],
    "base_URL": "https://api.example.com/v1", "jdbcUrl": "jdbc:postgresql://db5:1/x",
    "replicas": {"host": ["db6", "db7:9"]}, "host_name": "no1", "hosts": "no2", "password": "host", "port": 5432,
    "url_list": ["https://db8/x", 7], "other": "https://no3.example.com", "url": "no4.example.com"
  })");
  EXPECT_EQ(collect_runtime_hosts(config),
            (std::vector<std::string>{"10.0.0.7", "::1", "api.example.com", "db1.example.com", "db2", "db3", "db4",
                                      "db5", "db6", "db7", "db8"}));
}

TEST(CollectRuntimeHosts, SurvivesAConfigThatIsVeryDeepOrNoObject) {
  EXPECT_TRUE(collect_runtime_hosts(json("host")).empty());
  EXPECT_TRUE(collect_runtime_hosts(json()).empty());
  json deep = {{"host", "bottom"}};
  for (int i = 0; i < 20000; ++i) {
    json outer = json::array();
    outer.push_back(std::move(deep));
    deep = std::move(outer);
  }
  EXPECT_EQ(collect_runtime_hosts(deep), (std::vector<std::string>{"bottom"}));
}

TEST(NetworkAcl, MatchesExactHostsAndSubdomainsButNotTheBareName) {
  const NetworkAcl acl = acl_of({"db.local", "*.example.com", "10.0.0.1:5432", "2001:DB8:0::1", " UPPER.org "});
  const std::vector<std::pair<std::string, bool>> cases = {
      {"db.local", true},
      {"DB.LOCAL:5432", true},
      {"db.local.", true},
      {"xdb.local", false},
      {"a.db.local", false},
      {"a.example.com", true},
      {"a.b.example.com", true},
      {"A.EXAMPLE.com.", true},
      {"example.com", false},
      {".example.com", false},
      {"example.com.evil.org", false},
      {"evilexample.com", false},
      {"10.0.0.1", true},
      {"10.0.0.2", false},
      {"2001:db8::1", true},
      {"[2001:db8:0:0::1]:1", true},
      {"2001:db8::2", false},
      {"upper.org", true},
      {"", false},
      {"*", false},
      {"*.example.com", true},
      {"::ffff:10.0.0.1", true},
      {"167772161", false},
      {"0x0a000001", false},
  };
  for (const auto& [host, allowed] : cases) EXPECT_EQ(acl.allows(host), allowed) << host;
}

TEST(NetworkAcl, AStarAllowsAllAndNothingAllowsNothing) {
  EXPECT_TRUE(acl_of({"*"}).allows("anything.example"));
  EXPECT_TRUE(NetworkAcl::allow_all().allows("::1"));
  EXPECT_FALSE(NetworkAcl::allow_all().allows(""));
  EXPECT_FALSE(NetworkAcl().allows("localhost"));
  EXPECT_FALSE(acl_of({"", " ", "*."}).allows("localhost"));
  EXPECT_EQ(NetworkAcl().describe(), "nothing");
  EXPECT_EQ(acl_of({"*.b.org", "a.org"}).describe(), "a.org, *.b.org");
}

TEST(DeriveNetworkAcl, NoManifestAllowsAll) { EXPECT_TRUE(derive_network_acl(nullptr, json::object()).allows_all()); }

TEST(DeriveNetworkAcl, TakesHostsOfTheConfigOnlyWhenTheManifestSaysSo) {
  const json config = {{"host", "db.internal"}, {"url", "https://api.internal/x"}};
  const Manifest without = manifest_with({"fixed.example"}, false);
  const Manifest with = manifest_with({"fixed.example"}, true);
  EXPECT_FALSE(derive_network_acl(&without, config).allows("db.internal"));
  EXPECT_TRUE(derive_network_acl(&with, config).allows("db.internal"));
  EXPECT_TRUE(derive_network_acl(&with, config).allows("api.internal"));
  EXPECT_TRUE(derive_network_acl(&with, config).allows("fixed.example"));
  EXPECT_FALSE(derive_network_acl(&with, config).allows("other.internal"));
}

TEST(DeriveNetworkAcl, CarriesTheManifestsWordOnTls) {
  EXPECT_EQ(derive_network_acl(nullptr, json::object()).tls(), TlsPolicy::kOptional);
  Manifest manifest = manifest_with({}, false);
  for (const TlsPolicy policy : {TlsPolicy::kRequired, TlsPolicy::kOptional, TlsPolicy::kForbidden}) {
    manifest.permissions.network.tls = policy;
    EXPECT_EQ(derive_network_acl(&manifest, json::object()).tls(), policy);
  }
}

TEST(DeriveNetworkAcl, AWildcardInTheConfigIsTakenLiterally) {
  const Manifest manifest = manifest_with({}, true);
  const NetworkAcl acl = derive_network_acl(&manifest, {{"host", "*"}, {"address", "*.example.com"}});
  EXPECT_FALSE(acl.allows_all());
  EXPECT_FALSE(acl.allows("evil.org"));
  EXPECT_FALSE(acl.allows("a.example.com"));
}

TEST(AddressPolicy, RefusesAddressesThatNoNameMayLeadTo) {
  for (const char* text : {"0.0.0.0",
                           "0.1.2.3",
                           "169.254.169.254",
                           "169.254.170.2",
                           "169.254.0.1",
                           "224.0.0.1",
                           "239.255.255.255",
                           "255.255.255.255",
                           "100.100.100.200",
                           "168.63.129.16",
                           "192.0.0.192",
                           "::",
                           "fe80::1",
                           "febf::1",
                           "fe80::a9fe:a9fe",
                           "ff02::1",
                           "fd00:ec2::254",
                           "fd00:ec2::23",
                           "fd20:ce::254",
                           "::ffff:169.254.169.254",
                           "::ffff:0.0.0.0",
                           "::ffff:224.0.0.1",
                           "::169.254.169.254",
                           "::ffff:0:169.254.169.254",
                           "64:ff9b::169.254.169.254",
                           "64:ff9b::a9fe:a9fe",
                           "64:ff9b:1::169.254.169.254",
                           "64:ff9b:1:a9fe:a9:fe00::",
                           "2002:a9fe:a9fe::1",
                           "2001:0:4136:e378:8000:63bf:5601:5601",
                           "2001:db8::5efe:169.254.169.254",
                           "2001:db8::200:5efe:169.254.169.254"}) {
    const auto address = address_of(text);
    EXPECT_TRUE(is_forbidden_address(as_sockaddr(address))) << text;
    EXPECT_FALSE(allows_address(NetworkAcl::allow_all(), as_sockaddr(address))) << text;
  }
}

TEST(AddressPolicy, LetsOrdinaryPrivateAndLoopbackAddressesThrough) {
  for (const char* text : {"127.0.0.1", "127.255.0.1", "::1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "8.8.8.8",
                           "169.253.1.1", "169.255.1.1", "223.255.255.255", "192.0.0.193", "2001:db8::1", "fd00::1",
                           "fec0::1", "::ffff:10.0.0.1", "64:ff9b::8.8.8.8", "2002:0808:0808::1", "2600:1f00::1"}) {
    const auto address = address_of(text);
    EXPECT_FALSE(is_forbidden_address(as_sockaddr(address))) << text;
  }
}

TEST(AddressPolicy, RefusesFamiliesOtherThanIp) {
  sockaddr_storage storage{};
  storage.ss_family = AF_UNIX;
  EXPECT_TRUE(is_forbidden_address(as_sockaddr(storage)));
  EXPECT_TRUE(is_forbidden_address(nullptr));
}

TEST(AddressPolicy, AnAddressListedLiterallyIsAllowed) {
  const auto metadata = address_of("169.254.169.254");
  const auto mapped = address_of("::ffff:169.254.169.254");
  const auto v6 = address_of("fd00:ec2::254");
  EXPECT_TRUE(allows_address(acl_of({"169.254.169.254"}), as_sockaddr(metadata)));
  EXPECT_TRUE(allows_address(acl_of({"169.254.169.254:80"}), as_sockaddr(mapped)));
  EXPECT_TRUE(allows_address(acl_of({"[FD00:EC2:0::254]"}), as_sockaddr(v6)));
  // A name, a wildcard or another spelling of the number is not the literal.
  for (const char* rule :
       {"*", "metadata.google.internal", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "*.254"}) {
    EXPECT_FALSE(allows_address(acl_of({rule}), as_sockaddr(metadata))) << rule;
  }
}

TEST(AddressPolicy, ShowsAddresses) {
  EXPECT_EQ(address_to_string(as_sockaddr(address_of("10.1.2.3"))), "10.1.2.3");
  EXPECT_EQ(address_to_string(as_sockaddr(address_of("2001:db8::1"))), "2001:db8::1");
}

}  // namespace
}  // namespace rapidbyte::runtime
