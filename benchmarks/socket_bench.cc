// Measures how fast a guest reads from and writes to a peer on loopback through the host's sockets, for several sizes
// of a call, and as a floor the same between two native threads. Prints one JSON object; run.py starts it. Usage:
// socket_bench <folder of the guests>
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include "rapidbyte/runtime/component_runtime.h"

namespace rapidbyte {
namespace {

constexpr uint64_t kTotalBytes = uint64_t{2} << 30U;  // about a second: long against connecting
constexpr size_t kPeerBlock = size_t{256} << 10U;
constexpr int kRepetitions = 3;
constexpr size_t kCallSizes[] = {size_t{64} << 10U, size_t{256} << 10U, size_t{1} << 20U};

/// A peer on 127.0.0.1 that sends all bytes to whoever connects, or accepts all that come.
class Peer {
 public:
  explicit Peer(bool sends) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    (void)::listen(listener_, 1);
    socklen_t size = sizeof(address);
    (void)::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, sends] { serve(sends); });
  }
  ~Peer() {
    thread_.join();
    ::close(listener_);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  [[nodiscard]] uint16_t port() const { return port_; }

 private:
  void serve(bool sends) const {
    const int fd = ::accept(listener_, nullptr, nullptr);
    std::vector<char> block(kPeerBlock, 7);
    for (uint64_t moved = 0; moved < kTotalBytes;) {
      const size_t most = static_cast<size_t>(std::min<uint64_t>(block.size(), kTotalBytes - moved));
      const ssize_t n = sends ? ::send(fd, block.data(), most, MSG_NOSIGNAL) : ::recv(fd, block.data(), most, 0);
      if (n <= 0) break;
      moved += static_cast<uint64_t>(n);
    }
    ::close(fd);
  }

  int listener_;
  uint16_t port_ = 0;
  std::thread thread_;
};

double gigabytes_per_second(std::chrono::steady_clock::time_point began) {
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - began;
  return static_cast<double>(kTotalBytes) / 1e9 / seconds.count();
}

/// The same work without a guest.
double native(bool reads) {
  const Peer peer(reads);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(peer.port());
  const auto began = std::chrono::steady_clock::now();
  (void)::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address));
  std::vector<char> block(kPeerBlock, 7);
  for (uint64_t moved = 0; moved < kTotalBytes;) {
    const size_t most = static_cast<size_t>(std::min<uint64_t>(block.size(), kTotalBytes - moved));
    const ssize_t n = reads ? ::recv(fd, block.data(), most, 0) : ::send(fd, block.data(), most, MSG_NOSIGNAL);
    if (n <= 0) break;
    moved += static_cast<uint64_t>(n);
  }
  ::close(fd);
  return gigabytes_per_second(began);
}

Result<double> through_guest(runtime::ComponentInstance& guest, bool reads, size_t call_bytes) {
  const Peer peer(reads);
  const auto began = std::chrono::steady_clock::now();
  RB_ASSIGN_OR_RETURN(const auto done,
                      guest.run_read(fmt::format("{} {} {}", peer.port(), call_bytes, reads ? 0 : kTotalBytes)));
  if (done.bytes_read != kTotalBytes) return internal_error("BENCH", "not every byte arrived");
  return gigabytes_per_second(began);
}

double best(const std::vector<double>& values) { return *std::max_element(values.begin(), values.end()); }

Status run(const char* folder) {
  runtime::RuntimeOptions options;
  options.connector_dir = folder;
  options.allow_unmanifested = true;
  RB_ASSIGN_OR_RETURN(auto runtime, runtime::make_component_runtime(options));
  RB_ASSIGN_OR_RETURN(auto connector, runtime->load("bench-socket", runtime::ConnectorRole::kSource));
  runtime::InstanceOptions instance_options;
  instance_options.connector_id = "bench-socket";
  RB_ASSIGN_OR_RETURN(auto guest, runtime->instantiate(std::move(connector), std::move(instance_options)));
  RB_RETURN_NOT_OK(guest->open());
  std::string out;
  for (const bool reads : {true, false}) {
    const char* direction = reads ? "read" : "write";
    std::vector<double> floor;
    for (int i = 0; i < kRepetitions; ++i) floor.push_back(native(reads));
    out += fmt::format(R"("{}_native_gb_per_s": {:.3f}, )", direction, best(floor));
    for (const size_t call_bytes : kCallSizes) {
      std::vector<double> speed;
      for (int i = 0; i < kRepetitions; ++i) {
        RB_ASSIGN_OR_RETURN(const double value, through_guest(*guest, reads, call_bytes));
        speed.push_back(value);
      }
      out += fmt::format(R"("{}_{}k_gb_per_s": {:.3f}, )", direction, call_bytes >> 10U, best(speed));
    }
  }
  RB_RETURN_NOT_OK(guest->close());
  fmt::print("{{{}\"bytes\": {}}}\n", out, kTotalBytes);
  return {};
}

}  // namespace
}  // namespace rapidbyte

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: socket_bench FOLDER_OF_GUESTS\n", stderr);
    return 2;
  }
  const rapidbyte::Status status = rapidbyte::run(argv[1]);
  if (status.ok()) return 0;
  std::fprintf(stderr, "socket_bench: %s\n", status.to_string().c_str());
  return 1;
}
