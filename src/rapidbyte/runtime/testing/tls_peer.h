#pragma once
// The server side of TLS for tests: a CA that is made on the spot, certificates of every kind, and a server that
// performs the handshake on one end of a connected pair and then does what the test says, on its own thread.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <csignal>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "rapidbyte/runtime/net/host_socket.h"

namespace rapidbyte::runtime {

struct TlsPeerDeleter {
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
  void operator()(SSL_CTX* context) const noexcept { SSL_CTX_free(context); }
  void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};
using CertificatePtr = std::unique_ptr<X509, TlsPeerDeleter>;
using KeyPtr = std::unique_ptr<EVP_PKEY, TlsPeerDeleter>;

/// A certificate with its key. `issuer` null: signed by itself.
struct Identity {
  CertificatePtr certificate;
  KeyPtr key;

  struct Options {
    std::string common_name = "server";
    std::string alt_names;  // OpenSSL's form: "DNS:localhost,IP:127.0.0.1"
    bool is_ca = false;
    long valid_from = -3600;  // seconds from now
    long valid_to = 3600;
  };
  static Identity make(const Options& options, const Identity* issuer = nullptr) {
    static long serial = 1;
    Identity out;
    out.key.reset(EVP_EC_gen("P-256"));
    out.certificate.reset(X509_new());
    X509* x = out.certificate.get();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(x), options.valid_from);
    X509_gmtime_adj(X509_getm_notAfter(x), options.valid_to);
    X509_set_pubkey(x, out.key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(options.common_name.c_str()), -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer != nullptr ? issuer->certificate.get() : x));
    const auto extend = [&](int nid, const std::string& value) {
      X509V3_CTX context;
      X509V3_set_ctx(&context, issuer != nullptr ? issuer->certificate.get() : x, x, nullptr, nullptr, 0);
      X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
      ASSERT_NE(extension, nullptr) << value;
      X509_add_ext(x, extension, -1);
      X509_EXTENSION_free(extension);
    };
    extend(NID_basic_constraints, options.is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    if (!options.alt_names.empty()) extend(NID_subject_alt_name, options.alt_names);
    EXPECT_GT(X509_sign(x, issuer != nullptr ? issuer->key.get() : out.key.get(), EVP_sha256()), 0);
    return out;
  }

  [[nodiscard]] std::string pem() const {
    const std::unique_ptr<BIO, TlsPeerDeleter> bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), certificate.get());
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<size_t>(size)};
  }
};

/// One server on one socket. The conversation runs on its own thread, which the destructor joins.
class TlsPeer {
 public:
  struct Options {
    int min_version = TLS1_2_VERSION;
    int max_version = TLS1_3_VERSION;
    bool asks_for_certificate = false;
  };
  /// After the handshake `talk` has the connection, blocking, with a time-out of 20 s per call.
  using Talk = std::function<void(TlsPeer&)>;

  TlsPeer(SocketEntry socket, const Identity& identity, Options options, Talk talk)
      : socket_(std::move(socket)), context_(SSL_CTX_new(TLS_server_method())) {
    // Level 0, so that it can offer the old versions that clients must refuse.
    SSL_CTX_set_security_level(context_.get(), 0);
    SSL_CTX_set_min_proto_version(context_.get(), options.min_version);
    SSL_CTX_set_max_proto_version(context_.get(), options.max_version);
    SSL_CTX_use_certificate(context_.get(), identity.certificate.get());
    SSL_CTX_use_PrivateKey(context_.get(), identity.key.get());
    if (options.asks_for_certificate) {
      SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    }
    const int fd = socket_.fd();
    ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    const timeval patience{20, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), fd);
    thread_ = std::thread([this, talk = std::move(talk)] {
      // OpenSSL's own sockets raise it when the client is gone.
      sigset_t pipe;
      sigemptyset(&pipe);
      sigaddset(&pipe, SIGPIPE);
      pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
      if (SSL_accept(ssl_.get()) != 1) return;
      if (const char* name = SSL_get_servername(ssl_.get(), TLSEXT_NAMETYPE_host_name)) asked_name = name;
      shook_hands = true;
      if (talk) talk(*this);
    });
  }
  TlsPeer(const TlsPeer&) = delete;
  TlsPeer& operator=(const TlsPeer&) = delete;
  ~TlsPeer() { join(); }
  void join() {
    if (thread_.joinable()) thread_.join();
  }

  [[nodiscard]] SSL* ssl() const { return ssl_.get(); }
  [[nodiscard]] int fd() const { return socket_.fd(); }
  /// Up to `size` bytes; fewer only at the end.
  std::string receive(size_t size) const {
    std::string out(size, '\0');
    size_t total = 0;
    while (total < size) {
      const int n = SSL_read(ssl_.get(), out.data() + total, static_cast<int>(size - total));
      if (n <= 0) break;
      total += static_cast<size_t>(n);
    }
    out.resize(total);
    return out;
  }
  bool send(const std::string& text) const {
    return SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())) == static_cast<int>(text.size());
  }
  /// The end of TLS; the connection stays open.
  void send_end() const { SSL_shutdown(ssl_.get()); }

  // Read them after join().
  bool shook_hands = false;
  std::string asked_name;

 private:
  SocketEntry socket_;
  std::unique_ptr<SSL_CTX, TlsPeerDeleter> context_;
  std::unique_ptr<SSL, TlsPeerDeleter> ssl_;
  std::thread thread_;
};

}  // namespace rapidbyte::runtime
