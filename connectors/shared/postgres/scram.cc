#include "postgres/scram.h"

#include <unistd.h>

#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "postgres/crypto.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::postgres {

namespace {

constexpr size_t kNonceBytes = 18;  // as libpq: 24 characters of base64

sdk::Status scram_error(std::string_view what) {
  return sdk::auth_error(codes::kScramFailed, "SCRAM-SHA-256: " + std::string(what));
}

/// Parses "<key>=<value>" up to the next comma at the front of `message`; nullopt when another attribute is there.
std::optional<std::string_view> take_attribute(std::string_view& message, char key) {
  if (message.size() < 2 || message[0] != key || message[1] != '=') return std::nullopt;
  const size_t end = std::min(message.find(','), message.size());
  const std::string_view value = message.substr(2, end - 2);
  message.remove_prefix(std::min(end + 1, message.size()));
  return value;
}

std::optional<uint32_t> parse_iterations(std::string_view text) {
  uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0) return std::nullopt;
  return value;
}

}  // namespace

ScramClient::ScramClient(std::string_view password, std::string nonce, std::string_view user)
    : password_(password), user_(user), nonce_(std::move(nonce)) {}

std::string ScramClient::client_first() const { return "n,,n=" + user_ + ",r=" + nonce_; }

sdk::Result<std::string> ScramClient::client_final(std::string_view server_first) {
  std::string_view rest = server_first;
  const auto nonce = take_attribute(rest, 'r');
  const auto salt_text = nonce ? take_attribute(rest, 's') : std::nullopt;
  const auto rounds_text = salt_text ? take_attribute(rest, 'i') : std::nullopt;
  if (!rounds_text) return scram_error("the server's first message is malformed");
  if (nonce->size() <= nonce_.size() || !nonce->starts_with(nonce_)) {
    return scram_error("the server answers a login other than ours (its nonce does not continue ours)");
  }
  const auto salt = base64_decode(*salt_text);
  if (!salt || salt->empty()) return scram_error("the server's salt is not base64");
  const auto rounds = parse_iterations(*rounds_text);
  if (!rounds) return scram_error("the server's number of rounds is not a number");
  if (*rounds > kMaxScramIterations) {
    return scram_error("the server asks for " + std::to_string(*rounds) + " rounds of hashing; the limit is " +
                       std::to_string(kMaxScramIterations));
  }

  const Sha256Digest salted = salted_password(password_, bytes_of(*salt), *rounds);
  const Sha256Digest client_key = hmac_sha256(salted, bytes_of("Client Key"));
  const Sha256Digest stored_key = sha256(client_key);
  // "biws" is base64 of "n,,", the header of a login without channel binding.
  std::string without_proof = "c=biws,r=" + std::string(*nonce);
  const std::string auth_message = client_first().substr(3) + "," + std::string(server_first) + "," + without_proof;
  const Sha256Digest signature = hmac_sha256(stored_key, bytes_of(auth_message));
  Sha256Digest proof{};
  for (size_t i = 0; i < proof.size(); ++i) proof[i] = static_cast<uint8_t>(client_key[i] ^ signature[i]);
  const Sha256Digest server_key = hmac_sha256(salted, bytes_of("Server Key"));
  server_signature_ = text_of(hmac_sha256(server_key, bytes_of(auth_message)));
  return std::move(without_proof) + ",p=" + base64_encode(proof);
}

sdk::Status ScramClient::verify(std::string_view server_final) const {
  std::string_view rest = server_final;
  if (const auto error = take_attribute(rest, 'e')) {
    return scram_error("the server refuses the login: " + std::string(error->substr(0, 200)));
  }
  const auto signature_text = take_attribute(rest, 'v');
  const auto signature = signature_text ? base64_decode(*signature_text) : std::nullopt;
  if (!signature || server_signature_.empty() ||
      !equal_in_constant_time(bytes_of(*signature), bytes_of(server_signature_))) {
    return scram_error(
        "the server could not prove that it knows this user's password, so it is not the server that it says it is. "
        "Check `host` and `port`; with sslmode verify-full nobody can be in between");
  }
  return {};
}

sdk::Result<std::string> make_nonce() {
  std::array<uint8_t, kNonceBytes> bytes{};
  if (::getentropy(bytes.data(), bytes.size()) != 0) {
    return sdk::internal_error(codes::kRandomFailed, "the system gives no random bytes, which a login needs");
  }
  return base64_encode(bytes);
}

}  // namespace rapidbyte::postgres
