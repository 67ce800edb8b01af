#pragma once
// ScramClient: the client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677) as PostgreSQL speaks it: without channel
// binding, the user name left empty because the startup message has it. The password never crosses the network, and the
// server proves that it knows it, too. ASCII passwords are used as they are, which is what SASLprep would produce;
// others are also sent as they are, which differs from SASLprep only for characters that have several spellings.

#include <cstdint>
#include <string>
#include <string_view>

#include "rapidbyte/sdk/error.h"

namespace rapidbyte::postgres {

/// The rounds that a server may ask for. PostgreSQL asks for 4,096; each costs the guest a microsecond, so this bound
/// keeps a hostile server from taking more than two seconds.
inline constexpr uint32_t kMaxScramIterations = 1'000'000;

class ScramClient {
 public:
  /// `nonce`: at least 18 random bytes in base64; printable, without commas. PostgreSQL takes the user's name from the
  /// startup message, so it stays empty here.
  ScramClient(std::string_view password, std::string nonce, std::string_view user = {});

  /// "n,,n=,r=<nonce>".
  [[nodiscard]] std::string client_first() const;
  /// The answer to the server's first message. SCRAM_FAILED (auth) when the message is malformed, does not continue
  /// our nonce, or asks for more rounds than kMaxScramIterations.
  sdk::Result<std::string> client_final(std::string_view server_first);
  /// Checks the server's proof. SCRAM_FAILED (auth): it does not know the password, so it is not our server.
  sdk::Status verify(std::string_view server_final) const;

 private:
  std::string password_;
  std::string user_;
  std::string nonce_;
  std::string server_signature_;  // raw bytes that the server has to send
};

/// A nonce from the system's random generator. RANDOM_FAILED (internal).
sdk::Result<std::string> make_nonce();

}  // namespace rapidbyte::postgres
