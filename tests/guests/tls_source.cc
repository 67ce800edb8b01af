// A source of protocol 2.1 on our SDK whose discover() speaks TLS as its config says: it connects to `port`, starts TLS
// for `server_name` with `verify` and `ca`, says "ping", and returns what it hears as the name of a stream.

#include "rapidbyte/sdk/connector.h"
#include "rapidbyte/sdk/json.h"
#include "rapidbyte/sdk/tcp.h"

namespace {

using namespace rapidbyte::sdk;

struct TlsSource {
  Status open(const Json& config) {
    config_ = config;
    return {};
  }

  Result<Catalog> discover() {
    const std::string degree = string_member(config_, "verify").value_or("full");
    const auto verify = degree == "none" ? host::TlsVerify::kNone
                        : degree == "ca" ? host::TlsVerify::kCa
                                         : host::TlsVerify::kFull;
    const auto ca = string_member(config_, "ca");
    RB_SDK_ASSIGN_OR_RETURN(
        TcpStream stream,
        TcpStream::connect("127.0.0.1", static_cast<uint16_t>(uint_member(config_, "port").value_or(0))));
    RB_SDK_RETURN_NOT_OK(stream.start_tls(string_member(config_, "server_name").value_or(""), verify,
                                          ca ? std::optional<std::string_view>(*ca) : std::nullopt));
    RB_SDK_RETURN_NOT_OK(stream.write_all("ping"));
    RB_SDK_RETURN_NOT_OK(stream.flush());
    CatalogStream heard;
    for (;;) {
      uint8_t block[1024];
      RB_SDK_ASSIGN_OR_RETURN(const size_t got, stream.read_some(block));
      if (got == 0) break;
      heard.name.append(reinterpret_cast<const char*>(block), got);
    }
    return Catalog{{heard}};
  }

  Result<ReadSummary> read(const StreamContext&) { return ReadSummary(); }

 private:
  Json config_;
};

}  // namespace

RAPIDBYTE_SOURCE(TlsSource)
