// The host's functions as a guest sees them: values, errors, sockets, folders, environment.

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "guest_fixture.h"
#include "rapidbyte/runtime/sandbox/aot_cache.h"
#include "rapidbyte/runtime/sandbox/host_state.h"
#include "rapidbyte/runtime/sandbox/wasi_context.h"
#include "rapidbyte/runtime/sandbox/wasm_runtime.h"
#include "rapidbyte/state/memory/memory_state_backend.h"

namespace rapidbyte::runtime {
namespace {

TEST_F(GuestTest, EmitBatchWithoutALaterStageIsRefused) {
  InstanceOptions options;
  options.services = std::make_shared<IdleServices>();
  options.config = {{"action", "emit"}};
  auto connector = runtime_->load("source-200", ConnectorRole::kSource);
  auto instance = runtime_->instantiate(*connector, options);
  ASSERT_TRUE(instance.ok());
  ASSERT_TRUE((*instance)->open().ok());
  EXPECT_EQ((*instance)->discover()->substr(0, 26), "error NO_SENDER category 8");
}

TEST_F(GuestTest, NextBatchWithoutAStageBeforeIsRefused) {
  EXPECT_EQ(perform({{"action", "next_batch"}})->substr(0, 28), "error NO_RECEIVER category 8");
}

TEST_F(GuestTest, StateIsKeptComparedAndScoped) {
  auto state = state::make_memory_state();
  const auto lease = state::memory_writer(*state, "p");
  options_.state = lease.get();
  options_.pipeline = "p";
  options_.stream = "orders";
  options_.connector_id = "source";
  EXPECT_EQ(*perform({{"action", "state"}, {"scope", 0}, {"key", "k"}, {"value", "v"}}), "v swapped kept");
  EXPECT_EQ(*perform({{"action", "state"}, {"scope", 1}, {"key", "k"}, {"value", "w"}}), "w swapped kept");
  EXPECT_EQ(*perform({{"action", "state"}, {"scope", 2}, {"key", "k"}, {"value", "x"}}), "x swapped kept");
  EXPECT_EQ(**state->get("p", "k"), "v2");
  EXPECT_EQ(**state->get("p", {state::PairScope::kStream, "orders", "k"}), "w2");
  EXPECT_EQ(**state->get("p", {state::PairScope::kConnector, "source", "k"}), "x2");
  EXPECT_EQ(*state->get("p", "orders:k"), std::nullopt) << "which is a key of the pipeline, and none was put";
}

TEST_F(GuestTest, StateRefusesUnknownScopesAndLongKeys) {
  auto state = state::make_memory_state();
  const auto lease = state::memory_writer(*state, "p");
  options_.state = lease.get();
  EXPECT_EQ(perform({{"action", "state"}, {"scope", 3}, {"key", "k"}})->substr(0, 30),
            "error INVALID_SCOPE category 0");
  EXPECT_EQ(perform({{"action", "state"}, {"key_bytes", 1025}})->substr(0, 29), "error KEY_TOO_LONG category 0");
  EXPECT_EQ(perform({{"action", "state"}, {"key_bytes", 1024}, {"value", "v"}})->substr(0, 1), "v");
}

TEST_F(GuestTest, StateWithoutAStoreIsRefused) {
  EXPECT_EQ(perform({{"action", "state"}, {"key", "k"}})->substr(0, 19), "error STATE_BACKEND");
}

TEST_F(GuestTest, CheckpointsAreCheckedAndUnwrapped) {
  EXPECT_EQ(*perform({{"action", "checkpoint"}, {"payload", "{'id':'1'}"}}), "ok");
  EXPECT_EQ(*perform({{"action", "checkpoint"}, {"payload", "{'payload':{'id':'2'}}"}}), "ok");
  ASSERT_EQ(services_->checkpoints.size(), 2U);
  EXPECT_EQ(services_->checkpoints[0].second, R"({"id":"1"})");
  EXPECT_EQ(services_->checkpoints[1].second, R"({"id":"2"})");
  EXPECT_EQ(perform({{"action", "checkpoint"}, {"kind", 3}, {"payload", "{}"}})->substr(0, 40),
            "error INVALID_CHECKPOINT_KIND category 0");
  for (const char* bad : {"", "nonsense", "[1]", "{'a':}"}) {
    EXPECT_EQ(perform({{"action", "checkpoint"}, {"payload", bad}})->substr(0, 22), "error PARSE_CHECKPOINT") << bad;
  }
}

TEST_F(GuestTest, MetricsAreParsed) {
  EXPECT_EQ(*perform({{"action", "metric"}, {"payload", "{'name':'rows','value':{'counter':5},'labels':[['a','b']]}"}}),
            "ok");
  ASSERT_EQ(services_->metrics.size(), 1U);
  EXPECT_EQ(services_->metrics[0].name, "rows");
  EXPECT_EQ(services_->metrics[0].kind, MetricKind::kCounter);
  EXPECT_EQ(services_->metrics[0].value, 5);
  EXPECT_EQ(services_->metrics[0].labels.at(0).second, "b");
  EXPECT_EQ(perform({{"action", "metric"}, {"payload", "{'name':1}"}})->substr(0, 18), "error PARSE_METRIC");
}

TEST_F(GuestTest, ARejectedRecordArrivesWhole) {
  EXPECT_EQ(*perform({{"action", "dlq"}}), "ok");
  ASSERT_EQ(services_->rejected.size(), 1U);
  EXPECT_EQ(services_->rejected[0].stream, "s");
  EXPECT_EQ(services_->rejected[0].record_json, R"({"a":1})");
  EXPECT_EQ(services_->rejected[0].error_message, "bad value");
  EXPECT_EQ(services_->rejected[0].error_category, "data");
}

TEST_F(GuestTest, OutputOfTheGuestGoesToTheLog) {
  EXPECT_EQ(*perform({{"action", "print"}}), "ok");
  ASSERT_EQ(services_->lines.size(), 2U);
  EXPECT_EQ(services_->lines[0].second, "to stdout");
  EXPECT_EQ(services_->lines[1].second, "to stderr without end");
}

/// A server on loopback that answers one connection with `answer` after it got a request.
class OneShotServer {
 public:
  explicit OneShotServer(std::string answer) : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    const bool listens = listener_ >= 0 && bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                         listen(listener_, 1) == 0 &&
                         getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    EXPECT_TRUE(listens) << "no port on loopback";
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, answer = std::move(answer)] {
      const int peer = accept(listener_, nullptr, nullptr);
      if (peer < 0) return;
      char buffer[16];
      if (read(peer, buffer, sizeof buffer) > 0) {
        for (size_t sent = 0; sent < answer.size();) {
          const ssize_t n = write(peer, answer.data() + sent, answer.size() - sent);
          if (n <= 0) break;
          sent += static_cast<size_t>(n);
        }
      }
      ::close(peer);
    });
  }
  OneShotServer(const OneShotServer&) = delete;
  OneShotServer& operator=(const OneShotServer&) = delete;
  ~OneShotServer() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  [[nodiscard]] uint16_t port() const { return port_; }

 private:
  int listener_;
  uint16_t port_ = 0;
  std::thread thread_;
};

TEST_F(GuestTest, ASocketCarriesBytesAndReadsOf200AreClampedTo64KiB) {
  OneShotServer server(std::string(200'000, 'z') + "tail");
  const auto result = perform({{"action", "socket"}, {"host", "127.0.0.1"}, {"port", server.port()}});
  ASSERT_TRUE(result.ok());
  size_t total = 0;
  std::istringstream parts(*result);
  for (std::string part; parts >> part;) {
    if (part.find_first_not_of("0123456789") != std::string::npos) continue;
    EXPECT_LE(std::stoul(part), 65536U);
    total += std::stoul(part);
  }
  EXPECT_EQ(total, 200'004U);
}

TEST_F(GuestTest, AHostOutsideTheManifestsListIsDenied) {
  auto wasm = WasmRuntime::create(AotCache(std::nullopt));
  ASSERT_TRUE(wasm.ok());
  const auto file =
      read_component_file(std::filesystem::path(std::getenv("RAPIDBYTE_TEST_GUESTS")) / "source_200.wasm");
  ASSERT_TRUE(file.ok());
  auto loaded = (*wasm)->load(*file, "source");
  ASSERT_TRUE(loaded.ok());
  Manifest manifest;
  manifest.permissions.network.allowed_domains = {"db.example.com"};
  InstanceOptions options;
  options.services = services_;
  options.config = {{"action", "socket"}, {"host", "127.0.0.1"}, {"port", 1}};
  auto guest = (*wasm)->start_guest(
      *loaded, std::make_unique<ComponentHostState>(options, derive_network_acl(&manifest, options.config), true), {});
  ASSERT_TRUE(guest.ok());
  const std::string config = options.config.dump();
  const GuestArgument argument = std::string_view(config);
  ASSERT_TRUE((*guest)->call("open", std::span(&argument, 1), &decode_unit).ok());
  std::string said;
  ASSERT_TRUE((*guest)
                  ->call("discover", {},
                         [&](const WitValue& value) {
                           said = *decode_string(value);
                           return Status();
                         })
                  .ok());
  EXPECT_EQ(said.substr(0, 31), "error NETWORK_DENIED category 2") << said;
}

}  // namespace
}  // namespace rapidbyte::runtime
