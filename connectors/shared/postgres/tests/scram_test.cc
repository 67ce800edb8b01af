#include "postgres/scram.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rapidbyte::postgres {
namespace {

using ::testing::HasSubstr;

// The dialogue of RFC 7677, section 3.
constexpr std::string_view kNonce = "rOprNGfwEbeRWgbNEkqO";
constexpr std::string_view kServerFirst =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
constexpr std::string_view kServerFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

ScramClient rfc_client() { return {"pencil", std::string(kNonce), "user"}; }

TEST(ScramTest, FollowsTheDialogueOfRfc7677) {
  ScramClient client = rfc_client();
  EXPECT_EQ(client.client_first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
  const auto final = client.client_final(kServerFirst);
  ASSERT_TRUE(final.ok()) << final.status().to_string();
  EXPECT_EQ(*final,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
            "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
  EXPECT_TRUE(client.verify(kServerFinal).ok());
}

TEST(ScramTest, AServerThatDoesNotKnowThePasswordIsFoundOut) {
  ScramClient client = rfc_client();
  EXPECT_FALSE(client.verify(kServerFinal).ok()) << "before the proof was computed";
  ASSERT_TRUE(client.client_final(kServerFirst).ok());
  for (const std::string_view final : {"v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", "v=", "v=AAAA", "", "x=1",
                                       "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4"}) {
    const sdk::Status status = client.verify(final);
    ASSERT_FALSE(status.ok()) << final;
    EXPECT_EQ(status.error().code, "SCRAM_FAILED");
    EXPECT_EQ(status.error().category, sdk::ErrorCategory::kAuth);
  }
  EXPECT_THAT(client.verify("e=invalid-proof").error().message, HasSubstr("invalid-proof"));
}

TEST(ScramTest, MalformedFirstMessagesAreRefused) {
  for (const std::string_view first :
       {"", "r=", "r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "r=other,s=W22Z,i=4096",
        "r=rOprNGfwEbeRWgbNEkqOx,s=***,i=4096", "r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096", "r=rOprNGfwEbeRWgbNEkqOx,i=4096",
        "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=0",
        "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=-5",
        "r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=99999999999", "m=ext,r=rOprNGfwEbeRWgbNEkqOx"}) {
    ScramClient client = rfc_client();
    const auto final = client.client_final(first);
    ASSERT_FALSE(final.ok()) << first;
    EXPECT_EQ(final.error().code, "SCRAM_FAILED");
  }
}

TEST(ScramTest, AServerCannotKeepUsHashing) {
  ScramClient client = rfc_client();
  const auto final = client.client_final("r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=1000001");
  ASSERT_FALSE(final.ok());
  EXPECT_THAT(final.error().message, HasSubstr("1000001 rounds"));
}

TEST(ScramTest, NoncesAreRandomAndPrintable) {
  const auto first = make_nonce();
  const auto second = make_nonce();
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(first->size(), 24U);
  EXPECT_NE(*first, *second);
  EXPECT_EQ(first->find(','), std::string::npos);
}

}  // namespace
}  // namespace rapidbyte::postgres
