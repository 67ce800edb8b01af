#include "rapidbyte/runtime/net/tls_trust.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/runtime/net/tls_session.h"

namespace rapidbyte::runtime {
namespace {

// Names of one certificate in a message; some certificates have hundreds.
constexpr size_t kMaxShownNames = 5;
constexpr size_t kMaxShownBytes = 200;

struct OpenSslDeleter {
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
  void operator()(GENERAL_NAMES* names) const noexcept { GENERAL_NAMES_free(names); }
};
using BioPtr = std::unique_ptr<BIO, OpenSslDeleter>;
using X509Ptr = std::unique_ptr<X509, OpenSslDeleter>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, OpenSslDeleter>;

std::string clean(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, kMaxShownBytes)) out += (c >= ' ' && c <= '~') ? c : '?';
  return out;
}

/// The output of `write` into a BIO.
template <typename Write>
std::string printed(Write&& write) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || write(bio.get()) < 0) return "?";
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return size > 0 ? clean({data, static_cast<size_t>(size)}) : std::string();
}

std::string name_text(const X509_NAME* name) {
  const std::string text = printed([&](BIO* bio) { return X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE); });
  return text.empty() ? "nobody" : text;
}

std::string time_text(const ASN1_TIME* time) {
  return printed([&](BIO* bio) { return ASN1_TIME_print(bio, time); });
}

std::optional<std::string> general_name_text(const GENERAL_NAME* name) {
  if (name->type == GEN_DNS) {
    return clean({reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                  static_cast<size_t>(ASN1_STRING_length(name->d.dNSName))});
  }
  if (name->type != GEN_IPADD) return std::nullopt;
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int size = ASN1_STRING_length(name->d.iPAddress);
  if (size != 4 && size != 16) return std::nullopt;
  const int family = size == 4 ? AF_INET : AF_INET6;
  if (inet_ntop(family, ASN1_STRING_get0_data(name->d.iPAddress), text.data(), text.size()) == nullptr)
    return std::nullopt;
  return text.data();
}

/// The names that the certificate is for: its subject alternative names, or without any, its common name.
std::vector<std::string> certificate_names(X509* certificate) {
  std::vector<std::string> out;
  const NamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    if (auto text = general_name_text(sk_GENERAL_NAME_value(names.get(), i))) out.push_back(*std::move(text));
  }
  if (out.empty()) out.push_back(name_text(X509_get_subject_name(certificate)));
  if (out.size() > kMaxShownNames) {
    const size_t more = out.size() - kMaxShownNames;
    out.resize(kMaxShownNames);
    out.push_back(fmt::format("{} more", more));
  }
  return out;
}

// An encrypted PEM block would otherwise make OpenSSL ask for a password on the terminal.
int no_password(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*data*/) noexcept { return 0; }

Status ca_error(std::string_view why) {
  return config_error(codes::kTlsFailed,
                      fmt::format("the CA certificate in the connector's config cannot be used: {}. Give "
                                  "the text of a PEM file, with its BEGIN and END CERTIFICATE lines",
                                  why));
}

Result<X509StorePtr> own_store(const std::string& pem) {
  if (pem.size() > kMaxCaPemBytes)
    return ca_error(fmt::format("it has {} bytes, the limit is {}", pem.size(), kMaxCaPemBytes));
  X509StorePtr store(X509_STORE_new());
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!store || !bio) return internal_error(codes::kTlsFailed, "out of memory");
  int count = 0;
  ERR_clear_error();
  while (const X509Ptr certificate{PEM_read_bio_X509(bio.get(), nullptr, &no_password, nullptr)}) {
    if (X509_STORE_add_cert(store.get(), certificate.get()) != 1) return ca_error("a certificate in it is broken");
    ++count;
  }
  // The end of the text is reported as "no start line"; anything else is a certificate that cannot be read.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_end)
    return ca_error(count == 0 ? "it is not a certificate" : fmt::format("certificate {} is broken", count + 1));
  if (count == 0) return ca_error("it contains no certificate");
  // Everything that the user lists is trusted, also an intermediate CA or the server's own certificate.
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  return store;
}

/// Read once, since a trust store of 140 certificates takes 20 ms; lives as long as the process.
X509_STORE* system_store() {
  static X509_STORE* const store = [] {
    X509_STORE* made = X509_STORE_new();
    // Without a trust store nobody is trusted, and the refusal says so.
    if (made != nullptr) (void)X509_STORE_set_default_paths(made);
    ERR_clear_error();
    return made;
  }();
  return store;
}

}  // namespace

void X509StoreDeleter::operator()(x509_store_st* store) const noexcept { X509_STORE_free(store); }

Result<X509StorePtr> trust_store(const std::optional<std::string>& pem) {
  if (pem) return own_store(*pem);
  X509_STORE* store = system_store();
  if (store == nullptr || X509_STORE_up_ref(store) != 1) return internal_error(codes::kTlsFailed, "out of memory");
  return X509StorePtr(store);
}

void RefusedCertificate::remember(x509_store_ctx_st* context) {
  error = X509_STORE_CTX_get_error(context);
  X509* certificate = X509_STORE_CTX_get_current_cert(context);
  if (certificate == nullptr) return;
  subject = name_text(X509_get_subject_name(certificate));
  issuer = name_text(X509_get_issuer_name(certificate));
  not_before = time_text(X509_get0_notBefore(certificate));
  not_after = time_text(X509_get0_notAfter(certificate));
  names = certificate_names(certificate);
}

Status RefusedCertificate::explain(std::string_view server_name, bool own_ca) const {
  const std::string which = subject.empty() ? std::string("the server's certificate")
                                            : fmt::format("the certificate of {} (issued by {})", subject, issuer);
  std::string why;
  switch (error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      why = fmt::format("is for {}, not for {}. Connect by one of its names, or check only the CA",
                        fmt::join(names, ", "), server_name);
      break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
      why = fmt::format("expired on {}. It must be renewed on the server, unless the clock of this machine is wrong",
                        not_after);
      break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      why = fmt::format("is not valid before {}. Check the clocks of this machine and of the server", not_before);
      break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      why = fmt::format("is not signed by a CA that {}. {}",
                        own_ca ? "the connector's config trusts" : "this machine trusts",
                        own_ca ? "Give the certificate of the CA that signed it"
                               : "Give the certificate of the server's CA in the connector's config");
      break;
    default: why = fmt::format("was refused: {}", X509_verify_cert_error_string(error)); break;
  }
  return make_error(ErrorCategory::kAuth, codes::kTlsFailed,
                    fmt::format("no TLS with '{}': {} {}", server_name, which, why));
}

}  // namespace rapidbyte::runtime
