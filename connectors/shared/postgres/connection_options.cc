#include "postgres/connection_options.h"

#include <algorithm>
#include <charconv>

#include "postgres/connection_url.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::postgres {

namespace {

constexpr uint64_t kMaxSeconds = 86'400;
// PostgreSQL silently truncates longer names, and then another object would be meant.
constexpr size_t kMaxNameBytes = 63;

constexpr std::string_view kSslModes[] = {"disable", "prefer", "require", "verify-ca", "verify-full"};

std::optional<SslMode> parse_ssl_mode(std::string_view text) {
  const auto* found = std::ranges::find(kSslModes, text);
  if (found == std::end(kSslModes)) return std::nullopt;
  return static_cast<SslMode>(found - std::begin(kSslModes));
}

/// A whole number from `min` to `max`, or nullopt.
std::optional<uint64_t> parse_number(std::string_view text, uint64_t min, uint64_t max) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < min || value > max) return std::nullopt;
  return value;
}

/// Reads the keys and the URL side by side: `url_` is what the URL says, and every reader refuses to have a value
/// twice.
class OptionsReader {
 public:
  explicit OptionsReader(sdk::ConfigReader& reader) : reader_(reader) {}

  ConnectionOptions read() {
    read_url();
    ConnectionOptions out;
    out.host = text("host", url_.host).value_or("");
    out.port = port();
    out.user = text("user", url_.user).value_or("");
    out.password = text("password", url_.password).value_or("");
    out.database = text("database", url_.database).value_or(out.user);
    out.schema = reader_.optional_string("schema", "public");
    if (const auto mode = ssl_mode()) out.ssl_mode = *mode;
    out.ssl_root_cert = reader_.maybe_string("ssl_root_cert");
    const std::string weak = reader_.optional_enum("allow_weak_auth", "none", {"none", "md5", "cleartext"});
    out.weak_auth = weak == "md5" ? WeakAuth::kMd5 : weak == "cleartext" ? WeakAuth::kCleartext : WeakAuth::kNone;
    out.connect_timeout_ms = connect_timeout_seconds() * 1000;
    out.read_timeout_given = reader_.raw("read_timeout_seconds") != nullptr;
    out.read_timeout_ms =
        static_cast<uint32_t>(reader_.optional_uint("read_timeout_seconds", 600, 0, kMaxSeconds)) * 1000;
    out.application_name = text("application_name", parameter("application_name")).value_or("rapidbyte");
    refuse_unknown_parameters();
    check(out);
    return out;
  }

 private:
  void read_url() {
    const auto text = reader_.maybe_string("url");
    if (!text) return;
    has_url_ = true;
    std::string problem;
    auto url = parse_connection_url(*text, problem);
    if (url) {
      url_ = std::move(*url);
    } else {
      url_is_bad_ = true;
      reader_.add_problem("url", problem);
    }
  }

  /// The parameter of the URL with this name, which then counts as known.
  std::optional<std::string> parameter(std::string_view name) {
    std::optional<std::string> out;
    std::erase_if(url_.parameters, [&](const auto& pair) {
      if (pair.first != name) return false;
      if (out) reader_.add_problem("url", "names the parameter " + std::string(name) + " twice");
      out = pair.second;
      return true;
    });
    return out;
  }

  void refuse_second(std::string_view key) { reader_.add_problem(key, "is also in `url`: name it once"); }

  std::optional<std::string> text(std::string_view key, const std::optional<std::string>& in_url) {
    auto value = reader_.maybe_string(key);
    if (value && in_url) refuse_second(key);
    return value ? value : in_url;
  }

  uint16_t port() {
    const bool has_key = reader_.raw("port") != nullptr;
    const auto by_key = static_cast<uint16_t>(reader_.optional_uint("port", 5432, 1, 65535));
    if (!url_.port) return by_key;
    if (has_key) refuse_second("port");
    const auto by_url = parse_number(*url_.port, 1, 65535);
    if (!by_url) reader_.add_problem("url", "has a port that is not a number from 1 to 65535");
    return static_cast<uint16_t>(by_url.value_or(5432));
  }

  std::optional<SslMode> ssl_mode() {
    const bool has_key = reader_.raw("sslmode") != nullptr;
    const std::string by_key =
        reader_.optional_enum("sslmode", "prefer", {"disable", "prefer", "require", "verify-ca", "verify-full"});
    const auto by_url = parameter("sslmode");
    if (has_key && by_url) refuse_second("sslmode");
    if (has_key || !by_url) return parse_ssl_mode(by_key);
    const auto mode = parse_ssl_mode(*by_url);
    if (!mode) {
      reader_.add_problem("url", "has an sslmode that is not one of disable, prefer, require, verify-ca, verify-full" +
                                     std::string(*by_url == "allow" ? " (allow is not supported: use prefer)" : ""));
    }
    return mode;
  }

  uint32_t connect_timeout_seconds() {
    const bool has_key = reader_.raw("connect_timeout_seconds") != nullptr;
    const auto by_key = static_cast<uint32_t>(reader_.optional_uint("connect_timeout_seconds", 10, 1, kMaxSeconds));
    const auto in_url = parameter("connect_timeout");
    if (!in_url) return by_key;
    if (has_key) refuse_second("connect_timeout_seconds");
    const auto by_url = parse_number(*in_url, 1, kMaxSeconds);
    if (!by_url) reader_.add_problem("url", "has a connect_timeout that is not a number of seconds from 1 to 86400");
    return static_cast<uint32_t>(by_url.value_or(10));
  }

  void refuse_unknown_parameters() {
    for (const auto& [name, value] : url_.parameters) {
      if (name == "sslrootcert") {
        reader_.add_problem("url",
                            "names the file of a root certificate (sslrootcert), but a connector sees no files: "
                            "put its text (PEM) into `ssl_root_cert`");
      } else {
        reader_.add_problem(
            "url", "has the unknown parameter `" + name + "` (known: sslmode, connect_timeout, application_name)");
      }
    }
  }

  void require(std::string_view key, const std::string& value) {
    if (!value.empty() || url_is_bad_) return;
    // A key with a value of the wrong type has been reported.
    const sdk::Json* raw = reader_.raw(key);
    if (raw != nullptr && !raw->is_string()) return;
    reader_.add_problem(key, has_url_ ? "is missing, also in `url`" : "is missing (or `url`)");
  }

  void check(const ConnectionOptions& options) {
    require("host", options.host);
    require("user", options.user);
    if (options.host.starts_with('/')) {
      reader_.add_problem("host",
                          "is a folder with a Unix socket, which a connector cannot reach: give a name or an "
                          "address, for example localhost");
    } else if (options.host.find(',') != std::string::npos) {
      reader_.add_problem("host", "names several hosts; give one");
    }
    check_name("user", options.user);
    if (options.database != options.user) check_name("database", options.database);
    check_name("schema", options.schema);
    if (options.schema.empty()) reader_.add_problem("schema", "must not be empty");
    check_text("password", options.password);
    check_text("application_name", options.application_name);
    if (!options.ssl_root_cert) return;
    if (options.ssl_root_cert->find("-----BEGIN CERTIFICATE-----") == std::string::npos) {
      reader_.add_problem("ssl_root_cert", "must be the text of a certificate (PEM, with -----BEGIN CERTIFICATE-----)");
    }
    if (options.ssl_mode == SslMode::kDisable || options.ssl_mode == SslMode::kPrefer) {
      reader_.add_problem("ssl_root_cert", "needs sslmode require, verify-ca or verify-full: with " +
                                               std::string(to_string(options.ssl_mode)) +
                                               " a wrong certificate would stop nobody");
    }
  }

  void check_text(std::string_view key, const std::string& value) {
    if (value.find('\0') != std::string::npos) reader_.add_problem(key, "must not contain a zero byte");
  }

  void check_name(std::string_view key, const std::string& value) {
    check_text(key, value);
    if (value.size() > kMaxNameBytes) reader_.add_problem(key, "is longer than PostgreSQL's 63 bytes");
  }

  sdk::ConfigReader& reader_;
  ConnectionUrl url_;
  bool has_url_ = false;
  bool url_is_bad_ = false;
};

}  // namespace

std::string_view to_string(SslMode mode) { return kSslModes[static_cast<size_t>(mode)]; }

std::string ConnectionOptions::where() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port) + "/" + database;
}

ConnectionOptions read_connection_options(sdk::ConfigReader& reader) { return OptionsReader(reader).read(); }

const std::string_view kConnectionSchema = R"json({
  "url": {"type": "string", "description": "postgres://user:password@host:port/database?sslmode=..., instead of the single fields or of some of them"},
  "host": {"type": "string", "description": "Name or address of the server"},
  "port": {"type": "integer", "minimum": 1, "maximum": 65535, "default": 5432},
  "user": {"type": "string", "maxLength": 63},
  "password": {"type": "string", "description": "Better as ${NAME} from the environment"},
  "database": {"type": "string", "maxLength": 63, "description": "By default the user's name"},
  "schema": {"type": "string", "minLength": 1, "maxLength": 63, "default": "public"},
  "sslmode": {"enum": ["disable", "prefer", "require", "verify-ca", "verify-full"], "default": "prefer", "description": "As libpq's; only verify-full keeps everybody from standing in between"},
  "ssl_root_cert": {"type": "string", "description": "PEM text of the certificate authorities to trust instead of the system's"},
  "allow_weak_auth": {"enum": ["none", "md5", "cleartext"], "default": "none", "description": "What may be sent besides SCRAM-SHA-256; cleartext allows md5, too"},
  "connect_timeout_seconds": {"type": "integer", "minimum": 1, "maximum": 86400, "default": 10},
  "read_timeout_seconds": {"type": "integer", "minimum": 0, "maximum": 86400, "default": 600, "description": "Longest silence of the server while it owes an answer; 0: no limit"},
  "application_name": {"type": "string", "default": "rapidbyte", "description": "Shown in pg_stat_activity"}
})json";

}  // namespace rapidbyte::postgres
