#include "tls_session.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <csignal>

#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::sdk::testing {

namespace {

constexpr std::chrono::seconds kHandshakeLimit{10};

std::string openssl_text() {
  std::string out;
  for (unsigned long code = 0; (code = ::ERR_get_error()) != 0;) {
    if (!out.empty()) out += "; ";
    const char* reason = ::ERR_reason_error_string(code);
    out += reason == nullptr ? "error " + std::to_string(code) : reason;
  }
  return out.empty() ? "the connection broke" : out;
}

Status tls_network_error(std::string_view what) {
  return transient_network_error(codes::kTlsFailed, "socket-start-tls: " + std::string(what));
}

bool trust_only(SSL_CTX* context, std::string_view ca_pem) {
  X509_STORE* store = ::SSL_CTX_get_cert_store(context);
  BIO* bio = ::BIO_new_mem_buf(ca_pem.data(), static_cast<int>(ca_pem.size()));
  bool any = false;
  while (X509* certificate = ::PEM_read_bio_X509(bio, nullptr, nullptr, nullptr)) {
    any = ::X509_STORE_add_cert(store, certificate) == 1 || any;
    ::X509_free(certificate);
  }
  ::BIO_free(bio);
  // Reading ends with the error "no start line".
  ::ERR_clear_error();
  return any;
}

bool is_address(const std::string& name) {
  uint8_t bytes[16];
  return ::inet_pton(AF_INET, name.c_str(), bytes) == 1 || ::inet_pton(AF_INET6, name.c_str(), bytes) == 1;
}

}  // namespace

Result<TlsSession> TlsSession::start(int fd, std::string_view server_name, host::TlsVerify verify,
                                     std::optional<std::string_view> ca_pem) {
  // OpenSSL writes to its sockets without MSG_NOSIGNAL.
  (void)std::signal(SIGPIPE, SIG_IGN);
  const Context context(::SSL_CTX_new(::TLS_client_method()));
  if (!context) return tls_network_error(openssl_text());
  ::SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  ::SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (verify != host::TlsVerify::kNone) {
    ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    if (!ca_pem) {
      ::SSL_CTX_set_default_verify_paths(context.get());
    } else if (!trust_only(context.get(), *ca_pem)) {
      return auth_error(codes::kTlsFailed, "socket-start-tls: the root certificate is not PEM");
    }
  }
  Session ssl(::SSL_new(context.get()));
  if (!ssl) return tls_network_error(openssl_text());
  const std::string name(server_name);
  const bool by_address = is_address(name);
  if (!by_address) ::SSL_set_tlsext_host_name(ssl.get(), name.c_str());
  if (verify == host::TlsVerify::kFull) {
    X509_VERIFY_PARAM* parameters = ::SSL_get0_param(ssl.get());
    const int ok = by_address ? ::X509_VERIFY_PARAM_set1_ip_asc(parameters, name.c_str())
                              : ::X509_VERIFY_PARAM_set1_host(parameters, name.c_str(), name.size());
    if (ok != 1) return tls_network_error(openssl_text());
  }
  ::SSL_set_fd(ssl.get(), fd);
  RB_SDK_RETURN_NOT_OK(shake_hands(ssl.get(), fd));
  return TlsSession(std::move(ssl));
}

Status TlsSession::shake_hands(SSL* ssl, int fd) {
  const auto until = std::chrono::steady_clock::now() + kHandshakeLimit;
  for (;;) {
    ::ERR_clear_error();
    const int done = ::SSL_connect(ssl);
    if (done == 1) return {};
    const int error = ::SSL_get_error(ssl, done);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
      const long verdict = ::SSL_get_verify_result(ssl);
      if (verdict == X509_V_OK) return tls_network_error(openssl_text());
      return auth_error(codes::kTlsFailed, std::string("socket-start-tls: the server's certificate is refused: ") +
                                               ::X509_verify_cert_error_string(verdict));
    }
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
    pollfd entry{fd, static_cast<short>(error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT), 0};
    if (left <= 0 || ::poll(&entry, 1, static_cast<int>(left)) <= 0)
      return tls_network_error("the handshake took too long");
  }
}

Result<host::SocketRead> TlsSession::read(std::span<uint8_t> out) {
  host::SocketRead result;
  size_t filled = 0;
  while (filled < out.size()) {
    ::ERR_clear_error();
    size_t got = 0;
    const int ok = ::SSL_read_ex(ssl_.get(), out.data() + filled, out.size() - filled, &got);
    if (ok == 1) {
      filled += got;
      continue;
    }
    const int error = ::SSL_get_error(ssl_.get(), ok);
    if (filled != 0 || error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) break;
    if (error != SSL_ERROR_ZERO_RETURN) {
      return transient_network_error(codes::kSocketReadFailed, "socket-read: " + openssl_text());
    }
    result.kind = host::SocketRead::Kind::kEof;
    return result;
  }
  if (filled == 0) return result;
  result.kind = host::SocketRead::Kind::kData;
  result.data = Bytes::copy_of(out.first(filled));
  return result;
}

Result<std::optional<uint64_t>> TlsSession::write(std::span<const uint8_t> data) {
  ::ERR_clear_error();
  size_t sent = 0;
  const int ok = ::SSL_write_ex(ssl_.get(), data.data(), data.size(), &sent);
  if (ok == 1) return std::optional<uint64_t>(sent);
  const int error = ::SSL_get_error(ssl_.get(), ok);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return std::optional<uint64_t>();
  return transient_network_error(codes::kSocketWriteFailed, "socket-write: " + openssl_text());
}

}  // namespace rapidbyte::sdk::testing
