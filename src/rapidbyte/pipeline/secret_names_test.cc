#include "rapidbyte/pipeline/secret_names.h"

#include <gtest/gtest.h>

#include "rapidbyte/base/redaction.h"

namespace rapidbyte::pipeline {
namespace {

TEST(SecretNames, KnowsSecretsByName) {
  for (const char* name : {"password",    "PASSWORD",        "db_password",   "dbPassword",
                           "PGPASSWORD",  "passwd",          "token",         "GITHUB_TOKEN",
                           "accessToken", "api_key",         "apiKey",        "api-key",
                           "key",         "secret",          "client_secret", "aws_secret_access_key",
                           "private_key", "private_key_pem", "credentials",   "Authorization",
                           "passphrase",  "password2"}) {
    EXPECT_TRUE(looks_secret(name)) << name;
  }
}

TEST(SecretNames, LeavesOrdinaryNamesAlone) {
  for (const char* name : {"",           "host",          "path",      "primary_key", "null_token",    "null_tokens",
                           "max_tokens", "password_file", "token_url", "key_path",    "partition_key", "monkey",
                           "keyboard",   "bypass",        "compass",   "secretary",   "tokenizer",     "access_key_id",
                           "public_key", "user"}) {
    EXPECT_FALSE(looks_secret(name)) << name;
  }
}

TEST(SecretNames, RegistersTextsAndNumbersUnderSecretKeys) {
  register_secrets(nlohmann::json::parse(R"({
    "host": "plain-host.example",
    "auth": {"password": "hunter2-literal", "user": "plain-user"},
    "token": 8812345,
    "credentials": {"anything": ["deep-secret-value"]},
    "require_password": true
  })"));
  EXPECT_EQ(redact("hunter2-literal 8812345 deep-secret-value"), "*** *** ***");
  EXPECT_EQ(redact("plain-host.example plain-user true"), "plain-host.example plain-user true");
}

TEST(SecretNames, RegistersPasswordsInsideUrlsAndConnectionStrings) {
  register_secrets(nlohmann::json::parse(R"({
    "url": "postgres://bob:url%2Fsecret@db.example:5432/x?sslmode=require",
    "dsn": "host=db.example user=bob password='dsn secret' dbname=x",
    "odbc": "Server=s;Pwd={odbc;secret};Database=d",
    "query": "https://api.example/v1?api_key=query-secret&limit=5",
    "plain": "https://api.example:8443/path@2"
  })"));
  EXPECT_EQ(redact("url%2Fsecret"), "***");
  EXPECT_EQ(redact("url/secret"), "***");
  EXPECT_EQ(redact("dsn secret"), "***");
  EXPECT_EQ(redact("odbc;secret"), "***");
  EXPECT_EQ(redact("query-secret"), "***");
  EXPECT_EQ(redact("db.example bob require 8443/path limit"), "db.example bob require 8443/path limit");
}

TEST(SecretNames, APasswordInAUrlThatShouldHaveBeenEncodedIsFoundWhole) {
  register_embedded_secrets("postgres://bob:p@ss,wo/rd#1?x@db.example:5432/x");
  EXPECT_EQ(redact("p@ss,wo/rd#1?x p%40ss%2Cwo%2Frd%231%3Fx"), "*** ***");
  // By the rules of URLs the host is "ss,woerter"; it would be shown as a host that may be reached.
  register_embedded_secrets("postgres://bob:p@ssss,woerter/rd@db.example:5432/x");
  EXPECT_EQ(redact("allowed: ssss, woerter db.example"), "allowed: ***, *** db.example");
  register_embedded_secrets("postgres://bob:first,second/third@db.example/x, and more");
  EXPECT_EQ(redact("first,second/third"), "***");
  register_embedded_secrets("https://api.example:8443/users/me@work");
  EXPECT_EQ(redact("8443/users/me api.example"), "8443/users/me api.example");
}

TEST(SecretNames, AGrantedVariableIsSecretUnlessItDescribesTheSurroundings) {
  register_granted_variable("GCP_LOGIN", "granted-value-1");
  register_granted_variable("SERVICE_TOKEN", "granted-value-2");
  register_granted_variable("AWS_REGION", "eu-granted-9");
  register_granted_variable("PROXY_HOST", "http://u:granted-value-3@proxy.example");
  EXPECT_EQ(redact("granted-value-1 granted-value-2 eu-granted-9"), "*** *** eu-granted-9");
  EXPECT_EQ(redact("http://u:granted-value-3@proxy.example"), "http://u:***@proxy.example");
}

TEST(SecretNames, ASecretWrittenAsAKeyIsOne) {
  register_secrets(nlohmann::json::parse(R"({"password:key-secret-1": null, "token=key-secret-2": true})"));
  EXPECT_EQ(redact("key-secret-1 key-secret-2"), "*** ***");
}

TEST(SecretNames, AFileWithMistakesKeepsItsSecrets) {
  register_secrets_in_source(R"(
host: source-host.example
password:Source-1x
token: !Source-2x
api_key: "Source-3x
secret: pa${Source-4x
passwd: Source-5x${RB_NAME_OF_VARIABLE}Source-6x
pwd: ${RB_OTHER_VARIABLE:-Source-7x}
config: {user: bob, password: Source-8x, port: 5432}
private_key: |
  Source-9x
  more: Source-10x
after: source-after
dsn: "user=bob password=Source-11x"
url: postgres://u:Source-12x@h
)");
  EXPECT_EQ(redact("Source-1x !Source-2x Source-2x \"Source-3x"), "*** *** *** ***");
  EXPECT_EQ(redact("'${Source-4x' pa${Source-4x Source-5x Source-6x Source-7x"), "'***' *** *** *** ***");
  EXPECT_EQ(redact("Source-8x, Source-9x Source-10x Source-11x Source-12x"), "***, *** *** *** ***");
  EXPECT_EQ(redact("source-host.example source-after RB_NAME_OF_VARIABLE RB_OTHER_VARIABLE bob 5432"),
            "source-host.example source-after RB_NAME_OF_VARIABLE RB_OTHER_VARIABLE bob 5432");
}

TEST(SecretNames, ALineOfNothingButMarksEndsSoon) {
  std::string line = "password: ";
  for (int i = 0; i < 200'000; ++i) line += "a${";
  register_secrets_in_source(line);
  EXPECT_EQ(redact("still here"), "still here");
}

}  // namespace
}  // namespace rapidbyte::pipeline
