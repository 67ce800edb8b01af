#include "rapidbyte/base/redaction.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace rapidbyte {
namespace {

TEST(Redaction, ASecretThatContainsAnotherLeavesNoRest) {
  // In the order in which the shorter one would be replaced first and leave "-with-a-tail" behind.
  add_secret("short-secret");
  add_secret("short-secret-with-a-tail");
  EXPECT_EQ(redact("short-secret-with-a-tail short-secret"), "*** ***");
}

TEST(Redaction, SecretsThatRepeatOrOverlapLeaveNothing) {
  add_secret("aXaX");
  EXPECT_EQ(redact("aXaXaXaX"), "***");
  EXPECT_EQ(redact("aXaX"), "***");
  add_secret("left-middle");
  add_secret("middle-right");
  EXPECT_EQ(redact("<left-middle-right>"), "<***>");
}

TEST(Redaction, ValuesThatAreOrdinaryTextAreNoSecrets) {
  add_secret("");
  add_secret("yes");
  EXPECT_EQ(redact("yes, yesterday"), "yes, yesterday");
}

TEST(Redaction, AShortSecretInAnotherCaseMustBeAWordOfItsOwn) {
  add_secret("kEy9");
  EXPECT_EQ(redact("user:kEy9@host xkEy9x"), "user:***@host x***x");
  EXPECT_EQ(redact("KEY9 and (key9), but monkey9s"), "*** and (***), but monkey9s");
}

TEST(Redaction, FindsASecretInEveryCase) {
  add_secret("Case-Secret-77");
  EXPECT_EQ(redact("case-secret-77 CASE-SECRET-77 cAsE-sEcReT-77"), "*** *** ***");
}

TEST(Redaction, FindsASecretThroughEscapes) {
  add_secret("p@ss/\"w\xC3\xB6rd\" 7");
  EXPECT_EQ(redact("url: p%40ss%2F%22w%C3%B6rd%22%207 end"), "url: *** end");
  EXPECT_EQ(redact("only what must be: p@ss%2f%22w\xC3\xB6rd%22%207 end"), "only what must be: *** end");
  EXPECT_EQ(redact(R"({"a":"p@ss\/\"w\u00f6rd\" 7"})"), R"({"a":"***"})");
  EXPECT_EQ(redact(R"(twice: \"p@ss/\\\"w\\u00f6rd\\\" 7\" end)"), R"(twice: \"***\" end)");
  EXPECT_EQ(redact(R"(bytes: p@ss/\x22w\xc3\xb6rd\x22 7 end)"), "bytes: *** end");
  EXPECT_EQ(redact(R"(in JSON in a URL: p%40ss%5C%2F%5C%22w%5Cu00f6rd%5C%22%207 end)"), "in JSON in a URL: *** end");
  EXPECT_EQ(redact("form: p@ss/\"w\xC3\xB6rd\"+7 end"), "form: *** end");
  EXPECT_EQ(redact("csv: p@ss/\"\"w\xC3\xB6rd\"\" 7 end"), "csv: *** end");
  add_secret("it's-me-77");
  EXPECT_EQ(redact("PASSWORD 'it''s-me-77'"), "PASSWORD '***'");
  // A pair of surrogates, and escapes that are none.
  add_secret("key-\xF0\x9F\x94\x91-key");
  EXPECT_EQ(redact(R"(\ud83d key-\ud83d\udd11-key \q %zz %)"), R"(\ud83d *** \q %zz %)");
}

TEST(Redaction, ASecretThatItselfLooksEscapedIsFoundAsItIs) {
  add_secret("100%41-\\n-sure");
  EXPECT_EQ(redact("a 100%41-\\n-sure b"), "a *** b");
}

TEST(Redaction, FindsBase64AtEveryAlignmentAndHexadecimal) {
  add_secret("Base64-Secret?>~");
  // base64 of "x", "xy" and "xyz" before the secret, and of user:secret as in an Authorization header.
  for (const char* text : {"QmFzZTY0LVNlY3JldD8+fg==", "eEJhc2U2NC1TZWNyZXQ/Pn4=", "eHlCYXNlNjQtU2VjcmV0Pz5+",
                           "eHlCYXNlNjQtU2VjcmV0Pz5-", "eHl6QmFzZTY0LVNlY3JldD8-fg"}) {
    const std::string shown = redact(std::string("Basic ") + text);
    EXPECT_NE(shown.find("***"), std::string::npos) << text;
    // At most the characters that the secret shares with its neighbours are left.
    EXPECT_LE(shown.size(), std::string("Basic ").size() + 5 + 3 + 4) << shown;
  }
  EXPECT_EQ(redact("\\x4261736536342D5365637265743f3e7e"), "\\x***");
}

TEST(Redaction, FindsASecretThatIsBrokenOverLines) {
  add_secret("wrapped-secret-value-88");
  EXPECT_EQ(redact("a wrapped-sec\n    ret-value-88 b"), "a *** b");
  EXPECT_EQ(redact(R"({"a":"wrapped-sec\r\nret-value-88"})"), R"({"a":"***"})");
}

TEST(Redaction, EveryLineOfASecretOfSeveralLinesIsOne) {
  add_secret("-----BEGIN KEY-----\nFirstLineOfKey\r\nSecondLineOfKey\n-----END KEY-----\n");
  EXPECT_EQ(redact("FirstLineOfKey"), "***");
  EXPECT_EQ(redact("at secondlineofkey:"), "at ***:");
  EXPECT_EQ(redact("-----BEGIN KEY-----"), "-----BEGIN KEY-----");
}

TEST(Redaction, ACutLeavesNoHalfOfASecret) {
  add_secret("secret-at-the-cut");
  EXPECT_EQ(redact_beginning("0123456789 secret-at-the-cut and more", 18), "0123456789 *** and");
  EXPECT_EQ(redact_beginning("was cut before: secret-at-t", 100), "was cut before: ***");
  EXPECT_EQ(redact_beginning("plain", 3), "pla");
  EXPECT_EQ(redact("not cut: secret-at-t"), "not cut: secret-at-t");
}

TEST(Redaction, TheTimeDoesNotDependOnHowManySecretsThereAre) {
  // The hardest case for a search one by one, or with going back: long secrets that agree with the text almost to
  // their end. 500 of them in 1 MiB would take minutes.
  for (int i = 0; i < 500; ++i) add_secret(std::string(400, 'a') + std::to_string(1000 + i));
  const std::string text(size_t{1} << 20U, 'a');
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(redact(text), text);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

}  // namespace
}  // namespace rapidbyte
