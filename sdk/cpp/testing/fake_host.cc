#include "rapidbyte/testing/fake_host.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "rapidbyte/protocol/checkpoint.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/batch_reader.h"
#include "tls_session.h"

namespace rapidbyte::sdk::testing {

namespace {

// Host functions carry no handle of their instance: the one created last on this thread is asked.
thread_local FakeHost* current_host = nullptr;

constexpr size_t kMaxKeyBytes = 1024;        // of a state key
constexpr uint64_t kMaxReadBytes = 1U << 20U;  // one socket read never allocates more

std::vector<uint8_t> to_vector(std::span<const uint8_t> bytes) { return {bytes.begin(), bytes.end()}; }

std::string errno_text() { return std::strerror(errno); }

}  // namespace

FakeHost::FakeHost() : previous_(std::exchange(current_host, this)) {}

FakeHost::~FakeHost() {
  for (const auto& [handle, fd] : sockets_) ::close(fd);
  current_host = previous_;
}

FakeHost* FakeHost::current() { return current_host; }

void FakeHost::next_stream() {
  input_.clear();
  batches_pushed_ = 0;
  last_pushed_marker_ = Json();
  covered_.clear();
  durable_.clear();
  sent_.clear();
  checkpoints_.clear();
  logs_.clear();
  dlq_.clear();
  metrics_.clear();
  calls_.clear();
  faults_.clear();
}

void FakeHost::push_batch(std::span<const uint8_t> batch) {
  input_.push_back({to_vector(batch), {}});
  ++batches_pushed_;
}

void FakeHost::push_marker(Json checkpoint) {
  checkpoint["load_id"] = load_id;
  checkpoint["batches_covered"] = batches_pushed_;
  push_raw_marker(std::move(checkpoint));
}

void FakeHost::push_raw_marker(Json checkpoint) {
  last_pushed_marker_ = checkpoint;
  input_.push_back({{}, std::move(checkpoint)});
}

void FakeHost::push_end_marker() {
  Json marker = last_pushed_marker_.is_object() ? last_pushed_marker_ : Json::object();
  marker["end"] = true;
  push_marker(std::move(marker));
}

void FakeHost::push_stream_of(const FakeHost& source) {
  for (const StreamItem& item : source.sent_) {
    if (item.is_batch()) {
      push_batch(item.batch);
    } else {
      push_marker(item.marker);
    }
  }
  push_end_marker();
}

std::vector<std::vector<uint8_t>> FakeHost::sent_batches() const {
  std::vector<std::vector<uint8_t>> out;
  for (const StreamItem& item : sent_) {
    if (item.is_batch()) out.push_back(item.batch);
  }
  return out;
}

uint64_t FakeHost::calls(std::string_view function) const {
  const auto found = calls_.find(function);
  return found == calls_.end() ? 0 : found->second;
}

void FakeHost::fail_call(std::string_view function, uint64_t nth, Error error) {
  faults_.push_back({std::string(function), nth, std::move(error)});
}

Status FakeHost::enter(std::string_view function) {
  if (before_call) before_call(function);
  ++calls_[std::string(function)];
  for (auto fault = faults_.begin(); fault != faults_.end(); ++fault) {
    if (fault->function != function || --fault->countdown != 0) continue;
    Error error = std::move(fault->error);
    faults_.erase(fault);
    return error;
  }
  return {};
}

Status FakeHost::emit_batch(std::span<const uint8_t> batch) {
  RB_SDK_RETURN_NOT_OK(enter("emit-batch"));
  if (cancelled_) return internal_error(codes::kCancelled, "emit-batch: the run is being cancelled");
  if (!has_sender) return internal_error(codes::kNoSender, "emit-batch: this connector has no output");
  if (batch.empty()) return internal_error(codes::kEmptyBatch, "emit-batch: a batch of no bytes");
  if (batch.size() > max_batch_bytes) {
    return internal_error(codes::kBatchTooLarge, "emit-batch: " + std::to_string(batch.size()) +
                                                     " bytes, the limit is " + std::to_string(max_batch_bytes));
  }
  if (check_batches) {
    BatchReader reader;
    RB_SDK_RETURN_NOT_OK(reader.load(batch).with_context("emit-batch"));
  }
  sent_.push_back({to_vector(batch), {}});
  return {};
}

Result<std::optional<Bytes>> FakeHost::next_batch() {
  RB_SDK_RETURN_NOT_OK(enter("next-batch"));
  if (cancelled_) return internal_error(codes::kCancelled, "next-batch: the run is being cancelled");
  if (!has_receiver) return internal_error(codes::kNoReceiver, "next-batch: this connector has no input");
  absorb_markers();
  if (input_.empty()) return std::optional<Bytes>();
  Bytes batch = Bytes::copy_of(input_.front().batch);
  input_.pop_front();
  if (eager_markers) absorb_markers();
  return std::optional<Bytes>(std::move(batch));
}

void FakeHost::absorb_markers() {
  while (!input_.empty() && !input_.front().is_batch()) {
    covered_.push_back(std::move(input_.front().marker));
    input_.pop_front();
  }
}

void FakeHost::log(host::LogLevel level, std::string_view message) {
  (void)enter("log");
  logs_.push_back({level, std::string(message)});
}

Status FakeHost::checkpoint(host::CheckpointKind kind, std::string_view payload_json) {
  RB_SDK_RETURN_NOT_OK(enter("checkpoint"));
  if (kind > host::CheckpointKind::kTransform) {
    return config_error(codes::kInvalidCheckpointKind, "checkpoint: kind is 0, 1 or 2");
  }
  const auto parsed = protocol::Checkpoint::parse(payload_json, protocol::kReceiptLimits);
  if (!parsed.ok()) return parsed.status();
  const Json* wrapped = find_member(parsed->body(), "payload");
  const Json payload = wrapped != nullptr ? *wrapped : parsed->body();
  checkpoints_.push_back({kind, payload});
  if (kind == host::CheckpointKind::kSource) sent_.push_back({{}, payload});
  if (kind == host::CheckpointKind::kDestination) make_durable(uint_member(payload, "batches_covered"));
  return {};
}

void FakeHost::make_durable(std::optional<uint64_t> batches_covered) {
  const auto is_covered = [&](const Json& marker) {
    return !batches_covered || uint_member(marker, "batches_covered").value_or(0) <= *batches_covered;
  };
  while (!covered_.empty() && is_covered(covered_.front())) {
    durable_.push_back(std::move(covered_.front()));
    covered_.erase(covered_.begin());
  }
}

Result<std::optional<std::string>> FakeHost::pending_checkpoint() {
  RB_SDK_RETURN_NOT_OK(enter("pending-checkpoint"));
  if (eager_markers) absorb_markers();
  if (covered_.empty()) return std::optional<std::string>();
  return std::optional<std::string>(to_text(covered_.back()));
}

Status FakeHost::metric(std::string_view payload_json) {
  RB_SDK_RETURN_NOT_OK(enter("metric"));
  const Result<Json> parsed = parse_json(payload_json);
  if (!parsed.ok()) return internal_error(codes::kParseMetric, "metric: not JSON");
  SentMetric metric;
  metric.name = string_member(*parsed, "name").value_or("");
  const Json* value = find_member(*parsed, "value");
  for (const char* kind : {"counter", "gauge", "histogram"}) {
    if (value == nullptr || find_member(*value, kind) == nullptr) continue;
    metric.kind = kind;
    metric.value = double_member(*value, kind).value_or(0);
  }
  if (metric.name.empty() || metric.kind.empty())
    return internal_error(codes::kParseMetric, "metric: no name or no value");
  if (const Json* labels = find_member(*parsed, "labels"); labels != nullptr && labels->is_array()) {
    for (const Json& label : *labels) {
      if (!label.is_array() || label.size() != 2)
        return internal_error(codes::kParseMetric, "metric: a label is [key, value]");
      metric.labels.emplace_back(as_string(label[0]).value_or(""), as_string(label[1]).value_or(""));
    }
  }
  metrics_.push_back(std::move(metric));
  return {};
}

Status FakeHost::emit_dlq_record(DlqRecord record) {
  RB_SDK_RETURN_NOT_OK(enter("emit-dlq-record"));
  dlq_.push_back(std::move(record));
  return {};
}

namespace {

Status check_key(host::Scope scope, std::string_view key) {
  if (scope > host::Scope::kInstance) return config_error(codes::kInvalidScope, "state: scope is 0, 1 or 2");
  if (key.size() > kMaxKeyBytes) return config_error(codes::kKeyTooLong, "state: a key has at most 1024 bytes");
  return {};
}

}  // namespace

Result<std::optional<std::string>> FakeHost::state_get(host::Scope scope, std::string_view key) {
  RB_SDK_RETURN_NOT_OK(enter("state-get"));
  RB_SDK_RETURN_NOT_OK(check_key(scope, key));
  const auto found = state.find({static_cast<uint32_t>(scope), std::string(key)});
  if (found == state.end()) return std::optional<std::string>();
  return std::optional<std::string>(found->second);
}

Status FakeHost::state_put(host::Scope scope, std::string_view key, std::string_view value) {
  RB_SDK_RETURN_NOT_OK(enter("state-put"));
  RB_SDK_RETURN_NOT_OK(check_key(scope, key));
  state[{static_cast<uint32_t>(scope), std::string(key)}] = std::string(value);
  return {};
}

Result<bool> FakeHost::state_cas(host::Scope scope, std::string_view key, std::optional<std::string_view> expected,
                                 std::string_view value) {
  RB_SDK_RETURN_NOT_OK(enter("state-cas"));
  RB_SDK_RETURN_NOT_OK(check_key(scope, key));
  const auto found = state.find({static_cast<uint32_t>(scope), std::string(key)});
  const bool same = expected ? found != state.end() && found->second == *expected : found == state.end();
  if (same) state[{static_cast<uint32_t>(scope), std::string(key)}] = std::string(value);
  return same;
}

void FakeHost::script_sockets(std::vector<std::vector<uint8_t>> pieces) { script_ = std::move(pieces); }

Result<host::SocketHandle> FakeHost::connect_tcp(std::string_view host, uint16_t port) {
  RB_SDK_RETURN_NOT_OK(enter("connect-tcp"));
  const std::string name(host);
  if (!allow_network) return permission_error(codes::kNetworkDenied, "connect-tcp: " + name + " is not allowed");
  if (script_) {
    scripted_[next_socket_] = 0;
    return next_socket_++;
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* addresses = nullptr;
  if (::getaddrinfo(name.c_str(), std::to_string(port).c_str(), &hints, &addresses) != 0) {
    return transient_network_error(codes::kDnsResolutionFailed, "connect-tcp: no address for " + name);
  }
  int fd = -1;
  for (const addrinfo* at = addresses; at != nullptr && fd < 0; at = at->ai_next) {
    fd = ::socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
    if (fd >= 0 && ::connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
      ::close(fd);
      fd = -1;
    }
  }
  ::freeaddrinfo(addresses);
  if (fd < 0) {
    return transient_network_error(codes::kTcpConnectFailed,
                                   "connect-tcp: " + name + ":" + std::to_string(port) + ": " + errno_text());
  }
  const int one = 1;
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  (void)::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  sockets_[next_socket_] = fd;
  return next_socket_++;
}

Result<int> FakeHost::find_socket(host::SocketHandle handle) const {
  const auto found = sockets_.find(handle);
  if (found == sockets_.end()) return internal_error(codes::kInvalidSocket, "no open socket has this handle");
  return found->second;
}

Result<host::SocketRead> FakeHost::socket_read(host::SocketHandle handle, uint64_t max_bytes) {
  RB_SDK_RETURN_NOT_OK(enter("socket-read"));
  if (const auto scripted = scripted_.find(handle); scripted != scripted_.end()) {
    if (scripted->second == script_->size()) return host::SocketRead{.kind = host::SocketRead::Kind::kEof, .data = {}};
    const std::vector<uint8_t>& piece = (*script_)[scripted->second++];
    if (piece.empty()) return host::SocketRead{};
    if (piece.size() > max_bytes) return internal_error(codes::kSocketReadFailed, "socket-read: less was asked for");
    return host::SocketRead{.kind = host::SocketRead::Kind::kData, .data = Bytes::copy_of(piece)};
  }
  RB_SDK_ASSIGN_OR_RETURN(const int fd, find_socket(handle));
  const size_t wanted = std::clamp<uint64_t>(max_bytes, 1, kMaxReadBytes);
  std::vector<uint8_t> buffer(wanted);
  if (const auto tls = tls_.find(handle); tls != tls_.end()) return tls->second->read(buffer);
  const ssize_t got = ::recv(fd, buffer.data(), wanted, 0);
  host::SocketRead out;
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return out;
  if (got < 0) return transient_network_error(codes::kSocketReadFailed, "socket-read: " + errno_text());
  out.kind = got == 0 ? host::SocketRead::Kind::kEof : host::SocketRead::Kind::kData;
  out.data = Bytes::copy_of({buffer.data(), static_cast<size_t>(got)});
  return out;
}

Result<std::optional<uint64_t>> FakeHost::socket_write(host::SocketHandle handle, std::span<const uint8_t> data) {
  RB_SDK_RETURN_NOT_OK(enter("socket-write"));
  if (scripted_.contains(handle)) return std::optional<uint64_t>(data.size());
  RB_SDK_ASSIGN_OR_RETURN(const int fd, find_socket(handle));
  if (const auto tls = tls_.find(handle); tls != tls_.end()) return tls->second->write(data);
  const ssize_t sent = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
  if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return std::optional<uint64_t>();
  if (sent < 0) return transient_network_error(codes::kSocketWriteFailed, "socket-write: " + errno_text());
  return std::optional<uint64_t>(static_cast<uint64_t>(sent));
}

Result<bool> FakeHost::socket_wait(host::SocketHandle handle, host::SocketInterest interest, uint32_t timeout_ms) {
  RB_SDK_RETURN_NOT_OK(enter("socket-wait"));
  if (cancelled_) return internal_error(codes::kCancelled, "socket-wait: the run is being cancelled");
  if (scripted_.contains(handle)) return true;
  RB_SDK_ASSIGN_OR_RETURN(const int fd, find_socket(handle));
  const auto tls = tls_.find(handle);
  if (interest == host::SocketInterest::kReadable && tls != tls_.end() && tls->second->has_pending()) return true;
  pollfd entry{fd, static_cast<short>(interest == host::SocketInterest::kReadable ? POLLIN : POLLOUT), 0};
  return ::poll(&entry, 1, static_cast<int>(std::min<uint32_t>(timeout_ms, INT32_MAX))) > 0;
}

Status FakeHost::socket_start_tls(host::SocketHandle handle, std::string_view server_name, host::TlsVerify verify,
                                  std::optional<std::string_view> ca_pem) {
  RB_SDK_RETURN_NOT_OK(enter("socket-start-tls"));
  if (scripted_.contains(handle)) return transient_network_error(codes::kTlsFailed, "socket-start-tls: nobody there");
  RB_SDK_ASSIGN_OR_RETURN(const int fd, find_socket(handle));
  if (tls_.contains(handle)) return internal_error(codes::kTlsFailed, "socket-start-tls: this socket has TLS already");
  RB_SDK_ASSIGN_OR_RETURN(TlsSession session, TlsSession::start(fd, server_name, verify, ca_pem));
  tls_[handle] = std::make_unique<TlsSession>(std::move(session));
  return {};
}

void FakeHost::socket_close(host::SocketHandle handle) {
  (void)enter("socket-close");
  scripted_.erase(handle);
  const auto found = sockets_.find(handle);
  if (found == sockets_.end()) return;
  tls_.erase(handle);
  ::close(found->second);
  sockets_.erase(found);
}

bool FakeHost::is_cancelled() {
  (void)enter("is-cancelled");
  return cancelled_;
}

Json make_context(std::string_view stream, const Schema& schema) {
  return Json{
      {"stream_name", std::string(stream)},
      {"schema", {{"columns", schema.to_json()}}},
      {"sync_mode", "full_refresh"},
      {"cursor_info", nullptr},
      {"limits",
       {{"max_batch_bytes", 256U << 10U},
        {"max_record_bytes", 16U << 20U},
        {"max_inflight_batches", 16},
        {"max_parallel_requests", 1},
        {"checkpoint_interval_bytes", 64U << 20U},
        {"checkpoint_interval_rows", 0},
        {"checkpoint_interval_seconds", 0}}},
      {"policies",
       {{"on_data_error", "fail"},
        {"schema_evolution",
         {{"new_column", "add"},
          {"removed_column", "ignore"},
          {"type_change", "fail"},
          {"nullability_change", "allow"}}}}},
      {"write_mode", "append"},
      {"pipeline", "test"},
      {"run_id", "run-1"},
      {"load_id", "load-1"},
      {"partition", nullptr},
      {"resume", nullptr},
      {"stream_options", Json::object()},
  };
}

}  // namespace rapidbyte::sdk::testing
