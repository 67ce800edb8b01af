// The beginning of a session: TLS according to sslmode, the startup message, and the login.

#include <utility>

#include "postgres/connection_state.h"
#include "postgres/crypto.h"
#include "postgres/scram.h"
#include "rapidbyte/protocol/error_codes.h"

namespace rapidbyte::postgres {

namespace {

using sdk::Result;
using sdk::Status;
using sdk::host::TlsVerify;

constexpr uint32_t kProtocolVersion = 3U << 16U;
constexpr uint32_t kSslRequest = 80877103;  // fixed by the protocol: 1234 << 16 | 5679

// Authentication codes of the server's 'R' message.
constexpr uint32_t kAuthOk = 0;
constexpr uint32_t kAuthCleartext = 3;
constexpr uint32_t kAuthMd5 = 5;
constexpr uint32_t kAuthSasl = 10;
constexpr uint32_t kAuthSaslContinue = 11;
constexpr uint32_t kAuthSaslFinal = 12;

/// The host's error with where it happened and, for those that need it, what to do.
Status explain_network_error(Status status, const ConnectionOptions& options) {
  sdk::Error error = std::move(status).error();
  if (error.code == codes::kSocketTimeout) {
    error.code = codes::kConnectTimeout;
    error.message = "the server did not answer within " + std::to_string(options.connect_timeout_ms) +
                    " ms. Is it overloaded, is a firewall in between, or is this not PostgreSQL's port? "
                    "connect_timeout_seconds sets the limit";
  } else if (error.code == codes::kTcpConnectFailed) {
    error.message +=
        ". Check `host` and `port`, whether the server runs and listens there (listen_addresses), and "
        "firewalls";
  } else if (error.code == codes::kDnsResolutionFailed) {
    error.message += ". Check `host`";
  } else if (error.code == codes::kServerClosed) {
    error.message += " during the login. Is this PostgreSQL's port? See the server's log";
  }
  return Status(std::move(error)).with_context("connect to " + options.where());
}

TlsVerify verify_of(const ConnectionOptions& options) {
  switch (options.ssl_mode) {
    case SslMode::kVerifyFull: return TlsVerify::kFull;
    case SslMode::kVerifyCa: return TlsVerify::kCa;
    // As in libpq: an existing root certificate is used.
    case SslMode::kRequire: return options.ssl_root_cert ? TlsVerify::kCa : TlsVerify::kNone;
    default: return TlsVerify::kNone;
  }
}

/// Requests and negotiates TLS. False: the server has none, and the connection continues without it.
Result<bool> negotiate_tls(ServerSocket& socket, const ConnectionOptions& options) {
  sdk::ByteBuffer request;
  RB_SDK_RETURN_NOT_OK(MessageWriter(request, '\0').number(kSslRequest).end());
  RB_SDK_RETURN_NOT_OK(socket.write(request.span(), nullptr));
  // One byte and no more: what follows belongs to TLS. Bytes that somebody injected become part of the handshake, which
  // then fails, instead of being taken for the server's.
  RB_SDK_ASSIGN_OR_RETURN(const sdk::Bytes answer, socket.read(1));
  if (answer.empty()) return socket.server_closed();
  switch (answer.data()[0]) {
    case 'S': break;
    case 'N': return false;
    case 'E':
      // The text of this error comes unprotected from whoever answers, so it is not repeated.
      return sdk::make_retryable_error(sdk::ErrorCategory::kTransientDb, codes::kTlsRefused,
                                       "the server answers the request for TLS with an error; see the server's log",
                                       sdk::BackoffClass::kSlow);
    default: return protocol_error("it answers the request for TLS with neither yes nor no");
  }
  std::optional<std::string_view> root;
  if (options.ssl_root_cert) root = *options.ssl_root_cert;
  RB_SDK_RETURN_NOT_OK(socket.start_tls(options.host, verify_of(options), root));
  return true;
}

Status tls_missing(const ConnectionOptions& options) {
  return sdk::config_error(codes::kTlsRefused, "the server has no TLS, but sslmode is " +
                                                   std::string(to_string(options.ssl_mode)) +
                                                   ": turn on ssl in the server's postgresql.conf, or lower sslmode");
}

/// One login attempt's dialogue after the startup message.
class Login {
 public:
  Login(MessageStream& stream, const ConnectionOptions& options) : stream_(stream), options_(options) {}

  /// Up to AuthenticationOk.
  Status authenticate() {
    for (;;) {
      RB_SDK_ASSIGN_OR_RETURN(const Message message, stream_.next());
      if (message.type == 'E') {
        RB_SDK_ASSIGN_OR_RETURN(const ServerError error, parse_server_error(message.body));
        return to_status(error, "");
      }
      if (message.type != 'R') {
        return protocol_error("a message " + describe_message_type(message.type) + " during the login");
      }
      BodyReader body(message.body);
      const auto code = body.number<uint32_t>();
      if (body.failed()) return protocol_error("a login message that is cut");
      if (code == kAuthOk) return check_ok();
      RB_SDK_RETURN_NOT_OK(answer(code, body));
    }
  }

 private:
  Status check_ok() const {
    if (scram_ && !scram_verified_) {
      return sdk::auth_error(codes::kScramFailed, "the server lets us in without proving that it knows the password");
    }
    return {};
  }

  Status answer(uint32_t code, BodyReader body) {
    switch (code) {
      case kAuthCleartext: return answer_cleartext();
      case kAuthMd5: return answer_md5(body);
      case kAuthSasl: return begin_scram(body);
      case kAuthSaslContinue: return continue_scram(body);
      case kAuthSaslFinal: return finish_scram(body);
      default:
        return sdk::auth_error(codes::kAuthMethodRefused,
                               "the server asks for a login method that is not supported (code " +
                                   std::to_string(code) +
                                   "; Kerberos, GSSAPI or SSPI): give this user scram-sha-256 in pg_hba.conf");
    }
  }

  [[nodiscard]] Status need_password() const {
    if (!options_.password.empty()) return {};
    return sdk::auth_error(codes::kPasswordMissing, "the server asks for a password, but `password` is empty");
  }

  [[nodiscard]] Status weak_method(std::string_view method, std::string_view setting, std::string_view why) const {
    return sdk::auth_error(codes::kAuthMethodRefused,
                           "the server asks for the password " + std::string(method) + ", " + std::string(why) +
                               ". Better: scram-sha-256 in pg_hba.conf and a password that was set since then. To "
                               "allow it all the same: allow_weak_auth: " +
                               std::string(setting));
  }

  Status answer_cleartext() {
    if (options_.weak_auth != WeakAuth::kCleartext) {
      return weak_method("in clear text", "cleartext", "which shows it to the server and, without TLS, to the network");
    }
    RB_SDK_RETURN_NOT_OK(need_password());
    return MessageWriter(stream_.out(), 'p').zero_terminated(options_.password).end();
  }

  Status answer_md5(BodyReader body) {
    const auto salt = body.bytes(4);
    if (body.failed()) return protocol_error("a login message that is cut");
    if (options_.weak_auth == WeakAuth::kNone) {
      return weak_method("as an MD5 hash", "md5", "which can be broken by who sees it");
    }
    RB_SDK_RETURN_NOT_OK(need_password());
    const std::string inner = md5_hex(bytes_of(options_.password + options_.user));
    const std::string hash = "md5" + md5_hex(bytes_of(inner + std::string(text_of(salt))));
    return MessageWriter(stream_.out(), 'p').zero_terminated(hash).end();
  }

  Status begin_scram(BodyReader body) {
    if (scram_) return protocol_error("a second SCRAM login");
    bool offered = false;
    for (std::string_view name = body.zero_terminated(); !name.empty(); name = body.zero_terminated()) {
      offered = offered || name == "SCRAM-SHA-256";
    }
    if (body.failed()) return protocol_error("a login message that is cut");
    if (!offered) {
      return sdk::auth_error(codes::kAuthMethodRefused,
                             "the server offers no login method that is supported "
                             "(SCRAM-SHA-256 is)");
    }
    RB_SDK_RETURN_NOT_OK(need_password());
    RB_SDK_ASSIGN_OR_RETURN(std::string nonce, make_nonce());
    scram_.emplace(options_.password, std::move(nonce));
    const std::string first = scram_->client_first();
    return MessageWriter(stream_.out(), 'p')
        .zero_terminated("SCRAM-SHA-256")
        .number(static_cast<uint32_t>(first.size()))
        .text(first)
        .end();
  }

  Status continue_scram(BodyReader body) {
    if (!scram_ || scram_answered_) return protocol_error("a SCRAM message out of order");
    // Once: each answer may cost a second of hashing.
    scram_answered_ = true;
    RB_SDK_ASSIGN_OR_RETURN(const std::string final, scram_->client_final(text_of(body.rest())));
    return MessageWriter(stream_.out(), 'p').text(final).end();
  }

  Status finish_scram(BodyReader body) {
    if (!scram_) return protocol_error("a SCRAM message out of order");
    RB_SDK_RETURN_NOT_OK(scram_->verify(text_of(body.rest())));
    scram_verified_ = true;
    return {};
  }

  MessageStream& stream_;
  const ConnectionOptions& options_;
  std::optional<ScramClient> scram_;
  bool scram_answered_ = false;
  bool scram_verified_ = false;
};

Status start_up(ConnectionState& session, const ConnectionOptions& options) {
  MessageWriter startup(session.stream.out(), '\0');
  startup.number(kProtocolVersion);
  const std::pair<std::string_view, std::string_view> settings[] = {{"user", options.user},
                                                                    {"database", options.database},
                                                                    {"application_name", options.application_name},
                                                                    {"client_encoding", "UTF8"}};
  for (const auto& [name, value] : settings) startup.zero_terminated(name).zero_terminated(value);
  startup.zero_terminated("");
  RB_SDK_RETURN_NOT_OK(startup.end());
  RB_SDK_RETURN_NOT_OK(Login(session.stream, options).authenticate());
  return session.read_answer("", [&](const Message& message) -> Result<bool> {
    if (message.type != 'K') return false;
    BodyReader body(message.body);
    session.backend_pid = body.number<uint32_t>();
    session.cancel_key = text_of(body.rest());
    return !body.failed();
  });
}

struct Attempt {
  std::unique_ptr<ConnectionState> session;
  bool encrypted = false;  // also set when the login then failed
  Status status;
};

Attempt attempt(const ConnectionOptions& options, bool try_tls) {
  Attempt out;
  out.status = [&]() -> Status {
    RB_SDK_ASSIGN_OR_RETURN(ServerSocket socket, ServerSocket::connect(options.host, options.port));
    socket.set_deadline_ms(options.connect_timeout_ms);
    if (try_tls) {
      // Set before, so that a failure of TLS itself counts as one of the encrypted attempt.
      out.encrypted = true;
      RB_SDK_ASSIGN_OR_RETURN(out.encrypted, negotiate_tls(socket, options));
      if (!out.encrypted && options.ssl_mode != SslMode::kPrefer) return tls_missing(options);
    }
    ConnectionOptions kept = options;
    kept.password.clear();
    out.session = std::make_unique<ConnectionState>(std::move(socket), std::move(kept));
    out.session->encrypted = out.encrypted;
    RB_SDK_RETURN_NOT_OK(start_up(*out.session, options));
    out.session->stream.socket().set_deadline_ms(0);
    out.session->stream.socket().set_timeout_ms(options.read_timeout_ms);
    return {};
  }();
  return out;
}

/// Whether to try again without TLS, as libpq's `prefer` does: TLS failed, or pg_hba.conf refuses encrypted logins of
/// this user.
bool retry_without_tls(const Attempt& first, const ConnectionOptions& options) {
  if (options.ssl_mode != SslMode::kPrefer || !first.encrypted) return false;
  const sdk::Error& error = first.status.error();
  return error.code == codes::kTlsFailed || error.code == codes::kTlsRefused || error.code == codes::kLoginRefused;
}

}  // namespace

Result<std::unique_ptr<ConnectionState>> open_connection(const ConnectionOptions& options) {
  Attempt first = attempt(options, options.ssl_mode != SslMode::kDisable);
  if (!first.status.ok() && retry_without_tls(first, options)) {
    Attempt second = attempt(options, false);
    // Report the first failure, unless the second attempt got further.
    if (second.status.ok() || second.status.error().code != first.status.error().code) first = std::move(second);
  }
  if (!first.status.ok()) return explain_network_error(std::move(first.status), options);
  return std::move(first.session);
}

Result<ServerSocket> open_cancel_socket(const ConnectionOptions& options, bool encrypted) {
  RB_SDK_ASSIGN_OR_RETURN(ServerSocket socket, ServerSocket::connect(options.host, options.port));
  socket.set_deadline_ms(options.connect_timeout_ms);
  if (encrypted) {
    RB_SDK_ASSIGN_OR_RETURN(const bool has_tls, negotiate_tls(socket, options));
    if (!has_tls) return tls_missing(options);
  }
  return socket;
}

}  // namespace rapidbyte::postgres
