#include "postgres/connection_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "postgres/connection_url.h"

namespace rapidbyte::postgres {
namespace {

using sdk::Json;
using ::testing::HasSubstr;
using ::testing::Not;

struct Parsed {
  ConnectionOptions options;
  std::string problems;  // empty: none
};

Parsed parse(const Json& config) {
  sdk::ConfigReader reader(config);
  Parsed out;
  out.options = read_connection_options(reader);
  const sdk::Status status = reader.finish();
  if (!status.ok()) out.problems = status.error().message;
  return out;
}

TEST(ConnectionOptionsTest, FieldsHaveLibpqsDefaults) {
  const Parsed parsed = parse({{"host", "db"}, {"user", "ann"}});
  EXPECT_EQ(parsed.problems, "");
  EXPECT_EQ(parsed.options.port, 5432);
  EXPECT_EQ(parsed.options.database, "ann");
  EXPECT_EQ(parsed.options.schema, "public");
  EXPECT_EQ(parsed.options.ssl_mode, SslMode::kPrefer);
  EXPECT_EQ(parsed.options.weak_auth, WeakAuth::kNone);
  EXPECT_EQ(parsed.options.where(), "db:5432/ann");
}

TEST(ConnectionOptionsTest, AUrlNamesEverything) {
  const Parsed parsed =
      parse({{"url",
              "postgresql://a%20b:p%40ss%3A%2f@[::1]:5433/my%20db?sslmode=verify-full&connect_timeout=3&"
              "application_name=x%26y"}});
  EXPECT_EQ(parsed.problems, "");
  EXPECT_EQ(parsed.options.user, "a b");
  EXPECT_EQ(parsed.options.password, "p@ss:/");
  EXPECT_EQ(parsed.options.host, "::1");
  EXPECT_EQ(parsed.options.port, 5433);
  EXPECT_EQ(parsed.options.database, "my db");
  EXPECT_EQ(parsed.options.ssl_mode, SslMode::kVerifyFull);
  EXPECT_EQ(parsed.options.connect_timeout_ms, 3000U);
  EXPECT_EQ(parsed.options.application_name, "x&y");
  EXPECT_EQ(parsed.options.where(), "[::1]:5433/my db");
}

TEST(ConnectionOptionsTest, AUrlAndFieldsCompleteEachOther) {
  const Parsed parsed = parse({{"url", "postgres://ann@db/shop"}, {"password", "secret"}, {"schema", "sales"}});
  EXPECT_EQ(parsed.problems, "");
  EXPECT_EQ(parsed.options.password, "secret");
  EXPECT_EQ(parsed.options.schema, "sales");
}

TEST(ConnectionOptionsTest, NothingMayBeNamedTwice) {
  const Parsed parsed = parse({{"url", "postgres://ann:pw1@db:1/shop?sslmode=require"},
                               {"host", "other"},
                               {"port", 5432},
                               {"user", "bob"},
                               {"password", "pw2"},
                               {"database", "d"},
                               {"sslmode", "disable"}});
  for (const char* key : {"`host`", "`port`", "`user`", "`password`", "`database`", "`sslmode`"}) {
    EXPECT_THAT(parsed.problems, HasSubstr(std::string(key) + " is also in `url`"));
  }
  EXPECT_THAT(parsed.problems, Not(HasSubstr("pw")));
}

TEST(ConnectionOptionsTest, EverythingWrongIsReportedAtOnce) {
  const Parsed parsed = parse({{"host", 5},
                               {"port", 70000},
                               {"sslmode", "verify"},
                               {"allow_weak_auth", "md4"},
                               {"schema", ""},
                               {"connect_timeout_seconds", 0},
                               {"passwort", "x"}});
  for (const char* problem : {"`host` must be a string", "`port` is 70000", "`user` is missing (or `url`)",
                              "`sslmode` is `verify`", "`allow_weak_auth`", "`schema` must not be empty",
                              "`connect_timeout_seconds` is 0", "`passwort` is not a known key, did you mean"}) {
    EXPECT_THAT(parsed.problems, HasSubstr(problem));
  }
}

TEST(ConnectionOptionsTest, BadUrlsAreProblemsThatDoNotRepeatThePassword) {
  const std::pair<const char*, const char*> cases[] = {
      {"mysql://u:canary@h/d", "must begin with postgres://"},
      {"postgres://u:canary%zz@h/d", "has a % in its password"},
      {"postgres://u:canary%2@h/d", "has a % in its password"},
      {"postgres://u:canary%00@h/d", "has a % in its password"},
      {"postgres://u:canary@h:port/d", "has a port that is not a number"},
      {"postgres://u:canary@h:0/d", "has a port that is not a number"},
      {"postgres://u:canary@[::1/d", "without its closing ]"},
      {"postgres://u:canary@a,b/d", "several hosts"},
      {"postgres://u:canary@h/d?sslmode", "not name=value"},
      {"postgres://u:canary@h/d?sslmode=allow", "use prefer"},
      {"postgres://u:canary@h/d?sslmode=require&sslmode=disable", "names the parameter sslmode twice"},
      {"postgres://u:canary@h/d?target_session_attrs=any", "unknown parameter `target_session_attrs`"},
      {"postgres://u:canary@h/d?sslrootcert=/x", "`ssl_root_cert`"},
      {"postgres://u:canary@h/d?connect_timeout=soon", "connect_timeout"},
      {"postgres://:canary@h/d", "`user` is missing, also in `url`"},
      {"postgres://u:canary@/d", "`host` is missing, also in `url`"},
  };
  for (const char* url : {"postgres://u:canary#1@h/d", "postgres://u:canary/1@h/d", "postgres://u:1?canary=2@h/d",
                          "postgres://u:canary\\1@h/d", "postgres://u:p@h/d?sslmode=canary@"}) {
    const Parsed parsed = parse({{"url", url}});
    EXPECT_THAT(parsed.problems, HasSubstr("must be written by its code")) << url;
    EXPECT_THAT(parsed.problems, Not(HasSubstr("canary"))) << url;
  }
  for (const auto& [url, problem] : cases) {
    const Parsed parsed = parse({{"url", url}});
    EXPECT_THAT(parsed.problems, HasSubstr(problem)) << url;
    EXPECT_THAT(parsed.problems, Not(HasSubstr("canary"))) << url;
  }
}

TEST(ConnectionOptionsTest, UnixSocketsAndSeveralHostsAreRefused) {
  EXPECT_THAT(parse({{"host", "/var/run/postgresql"}, {"user", "u"}}).problems, HasSubstr("Unix socket"));
  EXPECT_THAT(parse({{"host", "a,b"}, {"user", "u"}}).problems, HasSubstr("several hosts"));
}

TEST(ConnectionOptionsTest, ZeroBytesAndLongNamesAreRefused) {
  EXPECT_THAT(parse({{"host", "h"}, {"user", "u"}, {"password", std::string("a\0b", 3)}}).problems,
              HasSubstr("`password` must not contain a zero byte"));
  EXPECT_THAT(parse({{"host", "h"}, {"user", "u"}, {"schema", std::string(64, 's')}}).problems, HasSubstr("63 bytes"));
}

TEST(ConnectionOptionsTest, ARootCertificateThatNobodyWouldCheckIsRefused) {
  const std::string pem = "-----BEGIN CERTIFICATE-----\n...\n";
  EXPECT_THAT(parse({{"host", "h"}, {"user", "u"}, {"ssl_root_cert", pem}}).problems, HasSubstr("needs sslmode"));
  EXPECT_THAT(parse({{"host", "h"}, {"user", "u"}, {"sslmode", "verify-ca"}, {"ssl_root_cert", "/etc/x.pem"}}).problems,
              HasSubstr("must be the text"));
  EXPECT_EQ(parse({{"host", "h"}, {"user", "u"}, {"sslmode", "require"}, {"ssl_root_cert", pem}}).problems, "");
}

TEST(ConnectionOptionsTest, TheSchemaDescribesExactlyTheKeysThatAreRead) {
  const auto schema = sdk::parse_json(kConnectionSchema);
  ASSERT_TRUE(schema.ok());
  Json config = Json::object();
  for (const auto& item : schema->items()) config[item.key()] = Json();
  EXPECT_THAT(parse(config).problems, Not(HasSubstr("not a known key")));
  for (const auto& item : schema->items()) {
    Json misspelt = {{"host", "h"}, {"user", "u"}, {item.key() + "x", "1"}};
    EXPECT_THAT(parse(misspelt).problems, HasSubstr("did you mean `" + item.key() + "`")) << item.key();
  }
}

TEST(ConnectionUrlTest, PartsThatAreNotThereStayUnset) {
  std::string problem;
  const auto url = parse_connection_url("postgres://", problem);
  ASSERT_TRUE(url.has_value());
  EXPECT_FALSE(url->user || url->password || url->host || url->port || url->database);
  const auto userless = parse_connection_url("postgres://h:/", problem);
  ASSERT_TRUE(userless.has_value());
  EXPECT_EQ(userless->host, "h");
  EXPECT_FALSE(userless->port || userless->database);
}

}  // namespace
}  // namespace rapidbyte::postgres
