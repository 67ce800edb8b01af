#include "rapidbyte/pipeline/secret_names.h"

#include <gtest/gtest.h>

#include "rapidbyte/base/log.h"

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

}  // namespace
}  // namespace rapidbyte::pipeline
