#include "rapidbyte/runtime/net/tls_session.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <utility>
#include <vector>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/runtime/net/dns_lookup.h"
#include "rapidbyte/runtime/net/tls_trust.h"

namespace rapidbyte::runtime {
namespace {

using std::chrono::milliseconds;

// Maximum for one poll(); longer waits loop.
constexpr milliseconds kPollSlice{60'000};
// Read and dropped before closing; session tickets have a few hundred bytes.
constexpr size_t kMaxDrainedBytes = size_t{64} << 10U;
// One recv() gets this much ciphertext: eight records.
constexpr size_t kReceiveBytes = size_t{128} << 10U;

// OpenSSL consumes whatever arrives before it returns anything, including messages without data (key updates). After
// this much in one call it must return, so that time limits and cancellation are checked. 1 MiB: 64 full records.
constexpr size_t kMaxReceivedPerCall = size_t{1} << 20U;
// How much may wait to be sent: a block of the guest's data and our answers to the peer's messages. A peer that makes
// us answer and never reads is disconnected.
constexpr size_t kMaxUnsentBytes = size_t{4} << 20U;

struct SslDeleter {
  void operator()(SSL* ssl) const noexcept { SSL_free(ssl); }
};
using SslPtr = std::unique_ptr<SSL, SslDeleter>;

/// The oldest error in OpenSSL's queue of this thread, as text.
std::string openssl_reason() {
  const unsigned long code = ERR_peek_error();
  if (code == 0) return "no reason given";
  if (const char* reason = ERR_reason_error_string(code)) return reason;
  return fmt::format("error {}", code);
}

/// Made for the first session and kept as long as the process: threads share it.
SSL_CTX* client_context() {
  static SSL_CTX* const context = [] {
    SSL_CTX* made = SSL_CTX_new(TLS_client_method());
    if (made == nullptr) return made;
    SSL_CTX_set_min_proto_version(made, TLS1_2_VERSION);
    // A peer that renegotiates could make a write wait for a read.
    SSL_CTX_set_options(made, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(made, 1);
    SSL_CTX_set_default_read_buffer_len(made, kReceiveBytes);
    return made;
  }();
  return context;
}

bool is_address(const std::string& name) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return inet_pton(AF_INET, name.c_str(), bytes.data()) == 1 || inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1;
}

/// "db.example.com." is the same server as "db.example.com", and no certificate is for the former.
std::string certificate_name(std::string_view server_name) {
  std::string name(server_name);
  if (name.size() > 1 && name.back() == '.') name.pop_back();
  return name;
}

}  // namespace

/// The SSL object and its other end: a BIO that receives from the socket and buffers what is to be sent. Because of the
/// buffer, OpenSSL never has half a record to send and so never needs the same write again, which a guest could not be
/// trusted to do.
class TlsSession::Impl {
 public:
  explicit Impl(int fd) : fd_(fd) {}
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl() = default;

  Status prepare(const TlsOptions& options);
  Status shake_hands(const Deadline& deadline, const CancelEvent& cancel);
  Result<SocketReadResult> read(std::span<std::byte> into);
  Result<SocketWriteResult> write(std::span<const std::byte> data);
  Result<bool> wait(SocketInterest interest, milliseconds timeout, const CancelEvent& cancel);
  void close(const CancelEvent& cancel);
  [[nodiscard]] std::string version() const { return SSL_get_version(ssl_.get()); }

 private:
  enum class Incoming : uint8_t { kOpen, kEnded, kBroken };

  static BIO_METHOD* bio_method();
  static int bio_read(BIO* bio, char* into, size_t size, size_t* got) noexcept;
  static int bio_write(BIO* bio, const char* data, size_t size, size_t* took) noexcept;
  static long bio_control(BIO* bio, int command, long number, void* pointer) noexcept;
  static int on_certificate(int accepted, X509_STORE_CTX* context) noexcept;

  Status handshake_error(int ssl_error) const;
  /// Sends what the buffer holds. True when it is empty.
  Result<bool> flush();
  /// Whether at least one byte of application data has arrived. Records the end when it finds that instead.
  bool has_plaintext();
  /// Remembers why an SSL_read or SSL_peek brought nothing.
  void note_read_failure(int ssl_error);
  [[nodiscard]] bool unsent() const { return sent_ < out_.size(); }

  int fd_;
  SslPtr ssl_;
  std::string server_name_;
  bool own_ca_ = false;
  RefusedCertificate refused_;
  std::vector<char> out_;
  size_t sent_ = 0;
  size_t received_ = 0;  // in this call
  int receive_errno_ = 0;
  bool received_end_ = false;
  bool drained_ = false;  // the last recv() took everything that was there
  Incoming incoming_ = Incoming::kOpen;
  std::string broken_;  // why, when incoming_ is kBroken
};

BIO_METHOD* TlsSession::Impl::bio_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "rapidbyte socket");
    if (made == nullptr) return made;
    BIO_meth_set_read_ex(made, &bio_read);
    BIO_meth_set_write_ex(made, &bio_write);
    BIO_meth_set_ctrl(made, &bio_control);
    return made;
  }();
  return method;
}

int TlsSession::Impl::bio_read(BIO* bio, char* into, size_t size, size_t* got) noexcept {
  auto& self = *static_cast<Impl*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (self.received_ >= kMaxReceivedPerCall) {
    *got = 0;
    BIO_set_retry_read(bio);
    return -1;
  }
  ssize_t n = -1;
  do {
    n = ::recv(self.fd_, into, size, 0);
  } while (n < 0 && errno == EINTR);
  self.drained_ = n < static_cast<ssize_t>(size);
  if (n > 0) {
    self.received_ += static_cast<size_t>(n);
    *got = static_cast<size_t>(n);
    return 1;
  }
  *got = 0;
  if (n == 0) {
    self.received_end_ = true;
    return 0;
  }
  if (errno == EAGAIN || errno == EWOULDBLOCK) {
    BIO_set_retry_read(bio);
  } else {
    self.receive_errno_ = errno;
  }
  return -1;
}

int TlsSession::Impl::bio_write(BIO* bio, const char* data, size_t size, size_t* took) noexcept {
  auto& self = *static_cast<Impl*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  *took = 0;
  if (self.out_.size() + size > kMaxUnsentBytes) return -1;
  try {
    self.out_.insert(self.out_.end(), data, data + size);
  } catch (const std::exception&) {
    return -1;  // out of memory: OpenSSL reports a failed write
  }
  *took = size;
  return 1;
}

long TlsSession::Impl::bio_control(BIO* bio, int command, long /*number*/, void* /*pointer*/) noexcept {
  if (command == BIO_CTRL_FLUSH) return 1;
  if (command == BIO_CTRL_EOF) return static_cast<Impl*>(BIO_get_data(bio))->received_end_ ? 1 : 0;
  return 0;
}

int TlsSession::Impl::on_certificate(int accepted, X509_STORE_CTX* context) noexcept {
  if (accepted == 1) return 1;
  const auto* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* self = static_cast<Impl*>(SSL_get_app_data(ssl));
  try {
    if (self->refused_.error == 0) self->refused_.remember(context);
  } catch (const std::exception&) {
    // Out of memory: still refused, with a shorter message.
  }
  return 0;
}

Status TlsSession::Impl::prepare(const TlsOptions& options) {
  const auto failed = [] { return internal_error(codes::kTlsFailed, "OpenSSL does not start: " + openssl_reason()); };
  server_name_ = shown_host(options.server_name);
  const std::string name = certificate_name(options.server_name);
  if (name.find('\0') != std::string::npos || (name.empty() && options.verify == TlsVerify::kFull)) {
    return config_error(codes::kTlsFailed, fmt::format("'{}' is not the name of a server", server_name_));
  }
  ERR_clear_error();
  SSL_CTX* context = client_context();
  BIO_METHOD* method = bio_method();
  if (context == nullptr || method == nullptr) return failed();
  ssl_.reset(SSL_new(context));
  BIO* bio = ssl_ ? BIO_new(method) : nullptr;
  if (bio == nullptr) return failed();
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);  // takes the only reference
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_connect_state(ssl_.get());
  const bool address = is_address(name);
  if (!address && !name.empty() && SSL_set_tlsext_host_name(ssl_.get(), name.c_str()) != 1) {
    return config_error(codes::kTlsFailed, fmt::format("'{}' is not the name of a server", server_name_));
  }
  if (options.verify == TlsVerify::kNone) {
    SSL_set_verify(ssl_.get(), SSL_VERIFY_NONE, nullptr);
    return {};
  }
  own_ca_ = options.ca_pem.has_value();
  RB_ASSIGN_OR_RETURN(const X509StorePtr store, trust_store(options.ca_pem));
  if (SSL_set1_verify_cert_store(ssl_.get(), store.get()) != 1) return failed();
  SSL_set_verify(ssl_.get(), SSL_VERIFY_PEER, &on_certificate);
  if (options.verify == TlsVerify::kFull) {
    X509_VERIFY_PARAM* check = SSL_get0_param(ssl_.get());
    X509_VERIFY_PARAM_set_hostflags(check, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const int set = address ? X509_VERIFY_PARAM_set1_ip_asc(check, name.c_str())
                            : X509_VERIFY_PARAM_set1_host(check, name.c_str(), name.size());
    if (set != 1) return config_error(codes::kTlsFailed, fmt::format("'{}' is not the name of a server", server_name_));
  }
  return {};
}

Status TlsSession::Impl::handshake_error(int ssl_error) const {
  if (refused_.error != 0) return refused_.explain(server_name_, own_ca_);
  const auto network = [this](std::string_view why) {
    return make_retryable_error(ErrorCategory::kTransientNetwork, codes::kTlsFailed,
                                fmt::format("no TLS with '{}': {}", server_name_, why));
  };
  if (receive_errno_ != 0) return network(fmt::format("the connection broke: {}", errno_text(receive_errno_)));
  if (received_end_) return network("the server closed the connection during the handshake");
  Status failed = network(ssl_error == SSL_ERROR_SSL ? openssl_reason() : "the handshake was interrupted");
  const int reason = ERR_GET_REASON(ERR_peek_error());
  if (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST || reason == SSL_R_PACKET_LENGTH_TOO_LONG) {
    failed = network("the server there does not speak TLS. Check host and port, or connect without TLS");
    failed.error().retryable = false;
  } else if (reason == SSL_R_UNSUPPORTED_PROTOCOL || reason == SSL_R_TLSV1_ALERT_PROTOCOL_VERSION) {
    failed = network("the server does not offer TLS 1.2 or newer; older versions are not safe");
    failed.error().retryable = false;
  }
  return failed;
}

Status TlsSession::Impl::shake_hands(const Deadline& deadline, const CancelEvent& cancel) {
  while (true) {
    ERR_clear_error();
    received_ = 0;
    const int rc = SSL_do_handshake(ssl_.get());
    const int ssl_error = SSL_get_error(ssl_.get(), rc);
    // Also after a failure: the server should learn why.
    const auto sent = flush();
    if (rc != 1 && ssl_error != SSL_ERROR_WANT_READ) return handshake_error(ssl_error);
    if (!sent.ok()) {
      return make_retryable_error(ErrorCategory::kTransientNetwork, codes::kTlsFailed,
                                  fmt::format("no TLS with '{}': {}", server_name_, sent.error().message));
    }
    if (rc == 1 && *sent) return {};
    const auto interest = rc == 1 ? SocketInterest::kWritable
                          : *sent ? SocketInterest::kReadable
                                  : SocketInterest::kEither;
    // One poll may be shorter than the deadline; only the deadline itself ends the handshake.
    RB_ASSIGN_OR_RETURN(const bool ready, wait_socket_ready(fd_, interest, deadline.remaining(kPollSlice), cancel));
    if (!ready && deadline.expired()) {
      return make_retryable_error(
          ErrorCategory::kTransientNetwork, codes::kTlsFailed,
          fmt::format("no TLS with '{}': the server did not finish the handshake in time", server_name_));
    }
  }
}

Result<bool> TlsSession::Impl::flush() {
  while (unsent()) {
    const ssize_t n = ::send(fd_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (n >= 0) {
      sent_ += static_cast<size_t>(n);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return false;
    } else if (errno != EINTR) {
      return make_retryable_error(ErrorCategory::kTransientNetwork, codes::kSocketWriteFailed,
                                  fmt::format("writing to the connection failed: {}", errno_text(errno)));
    }
  }
  out_.clear();
  sent_ = 0;
  return true;
}

void TlsSession::Impl::note_read_failure(int ssl_error) {
  if (ssl_error == SSL_ERROR_WANT_READ || ssl_error == SSL_ERROR_WANT_WRITE) return;
  if (ssl_error == SSL_ERROR_ZERO_RETURN) {
    incoming_ = Incoming::kEnded;
    return;
  }
  incoming_ = Incoming::kBroken;
  if (receive_errno_ != 0) {
    broken_ = errno_text(receive_errno_);
  } else if (received_end_) {
    broken_ = "the connection ended without a TLS shutdown, so the data may be truncated";
  } else if (ERR_GET_REASON(ERR_peek_error()) == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED) {
    broken_ = "the server requires a client certificate, which this version does not support";
  } else {
    broken_ = openssl_reason();
  }
}

Result<SocketReadResult> TlsSession::Impl::read(std::span<std::byte> into) {
  using Kind = SocketReadResult::Kind;
  // The peer's answer may depend on what is waiting to be sent. A failure shows at the next write; the peer may have
  // sent something before it went away.
  (void)flush();
  size_t total = 0;
  while (total < into.size() && incoming_ == Incoming::kOpen) {
    size_t got = 0;
    ERR_clear_error();
    received_ = 0;
    const int rc = SSL_read_ex(ssl_.get(), into.data() + total, into.size() - total, &got);
    total += got;
    if (rc != 1) {
      const int ssl_error = SSL_get_error(ssl_.get(), rc);
      note_read_failure(ssl_error);
      break;
    }
    // One more recv() would most likely bring nothing.
    if (drained_ && SSL_has_pending(ssl_.get()) == 0) break;
  }
  if (total > 0) return SocketReadResult{Kind::kData, total};
  switch (incoming_) {
    case Incoming::kOpen: return SocketReadResult{};
    case Incoming::kEnded: return SocketReadResult{Kind::kEof, 0};
    case Incoming::kBroken: break;
  }
  return make_retryable_error(ErrorCategory::kTransientNetwork, codes::kSocketReadFailed,
                              fmt::format("reading from the connection failed: {}", broken_));
}

Result<SocketWriteResult> TlsSession::Impl::write(std::span<const std::byte> data) {
  using Kind = SocketWriteResult::Kind;
  RB_ASSIGN_OR_RETURN(bool sent, flush());
  if (!sent) return SocketWriteResult{};
  size_t total = 0;
  while (sent && total < data.size()) {
    const auto block = data.subspan(total, std::min(data.size() - total, kTlsBlockBytes));
    size_t took = 0;
    ERR_clear_error();
    const int rc = SSL_write_ex(ssl_.get(), block.data(), block.size(), &took);
    if (rc != 1) {
      return make_retryable_error(ErrorCategory::kTransientNetwork, codes::kSocketWriteFailed,
                                  fmt::format("writing to the connection failed: {}",
                                              incoming_ == Incoming::kBroken ? broken_ : openssl_reason()));
    }
    total += took;
    RB_ASSIGN_OR_RETURN(sent, flush());
  }
  return SocketWriteResult{Kind::kWritten, total};
}

Result<bool> TlsSession::Impl::wait(SocketInterest interest, milliseconds timeout, const CancelEvent& cancel) {
  const Deadline deadline = Deadline::after(timeout);
  const bool reads = interest != SocketInterest::kWritable;
  // A whole record may already be in OpenSSL's buffer, which the socket cannot show.
  bool look = reads && SSL_has_pending(ssl_.get()) != 0;
  while (true) {
    if (cancel.token().cancelled()) return socket_cancelled();
    if (look && has_plaintext()) return true;
    if (reads && incoming_ != Incoming::kOpen) return true;
    const auto sent = flush();
    if (!sent.ok()) return true;  // the next write reports it
    const auto events = !reads  ? SocketInterest::kWritable
                        : *sent ? SocketInterest::kReadable
                                : SocketInterest::kEither;
    RB_ASSIGN_OR_RETURN(const bool ready, wait_socket_ready(fd_, events, deadline.remaining(kPollSlice), cancel));
    if (ready && !reads) {
      // There is room for a write only when nothing is queued before it.
      const auto now = flush();
      if (!now.ok() || *now) return true;
    }
    // A wait with a timeout of zero still checks what has arrived.
    look = reads && ready;
    if (!ready && deadline.expired()) return false;
  }
}

bool TlsSession::Impl::has_plaintext() {
  std::byte one{};
  size_t got = 0;
  ERR_clear_error();
  received_ = 0;
  const int rc = SSL_peek_ex(ssl_.get(), &one, 1, &got);
  if (rc == 1) return true;
  note_read_failure(SSL_get_error(ssl_.get(), rc));
  return false;
}

void TlsSession::Impl::close(const CancelEvent& cancel) {
  const Deadline deadline = Deadline::after(kTlsLinger);
  ERR_clear_error();
  // Not after a fatal error: OpenSSL forbids it.
  if (incoming_ != Incoming::kBroken) (void)SSL_shutdown(ssl_.get());
  while (true) {
    const auto sent = flush();
    if (!sent.ok()) return;
    if (*sent || deadline.expired()) break;
    const auto ready = wait_socket_ready(fd_, SocketInterest::kWritable, deadline.remaining(kTlsLinger), cancel);
    if (!ready.ok() || !*ready) break;
  }
  // Closing a socket with unread bytes resets the connection, and the peer could lose what we sent last. A TLS 1.3
  // server sends session tickets that a guest which only writes never reads.
  std::array<char, 4096> unread{};
  for (size_t total = 0; total < kMaxDrainedBytes;) {
    const ssize_t n = ::recv(fd_, unread.data(), unread.size(), 0);
    if (n <= 0) return;
    total += static_cast<size_t>(n);
  }
}

TlsSession::TlsSession(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsSession::~TlsSession() = default;

Result<std::unique_ptr<TlsSession>> TlsSession::connect(int fd, const TlsOptions& options, const Deadline& deadline,
                                                        const CancelEvent& cancel) {
  auto impl = std::make_unique<Impl>(fd);
  RB_RETURN_NOT_OK(impl->prepare(options));
  RB_RETURN_NOT_OK(impl->shake_hands(deadline, cancel));
  return std::unique_ptr<TlsSession>(new TlsSession(std::move(impl)));
}

Result<SocketReadResult> TlsSession::read(std::span<std::byte> into) { return impl_->read(into); }
Result<SocketWriteResult> TlsSession::write(std::span<const std::byte> data) { return impl_->write(data); }
Result<bool> TlsSession::wait(SocketInterest interest, milliseconds timeout, const CancelEvent& cancel) {
  return impl_->wait(interest, timeout, cancel);
}
void TlsSession::close(const CancelEvent& cancel) { impl_->close(cancel); }
std::string TlsSession::version() const { return impl_->version(); }

}  // namespace rapidbyte::runtime
