#pragma once
// Whom a TLS client trusts, and why it did not trust a server: certificate stores, and messages about a refused
// certificate. OpenSSL's types appear only as forward declarations.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/base/status.h"

struct x509_store_st;
struct x509_store_ctx_st;

namespace rapidbyte::runtime {

struct X509StoreDeleter {
  void operator()(x509_store_st* store) const noexcept;
};
using X509StorePtr = std::unique_ptr<x509_store_st, X509StoreDeleter>;

/// The certificates in `pem`, each of them an anchor, or without it the system's (also SSL_CERT_FILE and SSL_CERT_DIR;
/// read once per process). TLS_FAILED (config) when `pem` holds no certificate.
[[nodiscard]] Result<X509StorePtr> trust_store(const std::optional<std::string>& pem);

/// The first refused certificate, as text: certificates come from the other side and are sanitised and cut.
struct RefusedCertificate {
  int error = 0;  // X509_V_ERR_*
  std::string subject;
  std::string issuer;
  std::string not_before;
  std::string not_after;
  std::vector<std::string> names;  // the names it is for

  /// Records the current certificate of `context`.
  void remember(x509_store_ctx_st* context);
  /// TLS_FAILED (auth): which certificate, why, and what to do.
  [[nodiscard]] Status explain(std::string_view server_name, bool own_ca) const;
};

}  // namespace rapidbyte::runtime
