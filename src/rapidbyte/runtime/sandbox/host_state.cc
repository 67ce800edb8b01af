#include "rapidbyte/runtime/sandbox/host_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/protocol/untrusted_json.h"

namespace rapidbyte::runtime {
namespace {

using Json = nlohmann::json;

// A guest of 2.1.0 may read larger blocks than the 64 KiB of 2.0.0: fewer calls per batch.
constexpr uint64_t kMaxSocketReadBytes21 = uint64_t{1} << 20U;

Status cancelled_error() {
  ConnectorError error;
  error.category = ErrorCategory::kInternal;
  error.code = codes::kCancelled;
  error.message = "the run is being cancelled";
  error.safe_to_retry = true;
  return error;
}

std::optional<MetricKind> metric_kind(std::string_view name) {
  if (name == "counter") return MetricKind::kCounter;
  if (name == "gauge") return MetricKind::kGauge;
  if (name == "histogram") return MetricKind::kHistogram;
  return std::nullopt;
}

std::optional<Metric> read_metric(const Json& json) {
  const auto name = json.find("name");
  const auto value = json.find("value");
  if (name == json.end() || !name->is_string() || value == json.end() || !value->is_object() || value->size() != 1) {
    return std::nullopt;
  }
  const auto kind = metric_kind(value->begin().key());
  if (!kind || !value->begin()->is_number()) return std::nullopt;
  Metric metric;
  metric.name = name->get<std::string>();
  metric.kind = *kind;
  metric.value = value->begin()->get<double>();
  if (const auto labels = json.find("labels"); labels != json.end() && labels->is_array()) {
    for (const Json& pair : *labels) {
      if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) return std::nullopt;
      metric.labels.emplace_back(pair[0].get<std::string>(), pair[1].get<std::string>());
    }
  }
  return metric;
}

}  // namespace

ComponentHostState::ComponentHostState(InstanceOptions options, NetworkAcl acl, bool is_2_0)
    : options_(std::move(options)),
      is_2_0_(is_2_0),
      sockets_(std::move(acl), options_.max_sockets, options_.cancel),
      log_([services = options_.services](LogLevel level, std::string_view line) { services->log(level, line); }) {
  begin_call();
}

Status ComponentHostState::emit_batch(std::span<const std::byte> batch) {
  if (batch.empty())
    return internal_error(codes::kEmptyBatch,
                          "emit-batch: a batch of zero bytes; a batch is an Arrow IPC stream, which is never empty");
  if (batch.size() > options_.max_batch_bytes) {
    return make_error(
        ErrorCategory::kData, codes::kBatchTooLarge,
        fmt::format("emit-batch: a batch of {} bytes; the limit is {} (split it, or raise resources.max_batch_bytes)",
                    batch.size(), options_.max_batch_bytes));
  }
  if (is_cancelled()) return cancelled_error();
  const auto start = Clock::now();
  Status status = options_.services->emit_batch(batch);
  batch_moved_ = batch_moved_ || status.ok();
  count_call(start, status.ok());
  return status;
}

Result<std::optional<std::span<const std::byte>>> ComponentHostState::next_batch() {
  current_batch_ = PooledBuffer();
  if (is_cancelled()) return cancelled_error();
  const auto start = Clock::now();
  auto taken = options_.services->next_batch();
  const bool is_batch = taken.ok() && taken->has_value();
  batch_moved_ = batch_moved_ || is_batch;
  // The end may arrive after a long wait, and then the guest commits.
  const bool is_first_end = taken.ok() && !is_batch && !std::exchange(input_ended_, true);
  count_call(start, is_batch || is_first_end);
  RB_ASSIGN_OR_RETURN(std::optional<PooledBuffer> batch, std::move(taken));
  if (!batch) return std::optional<std::span<const std::byte>>();
  current_batch_ = std::move(*batch);
  return std::optional<std::span<const std::byte>>(current_batch_.bytes());
}

void ComponentHostState::log(uint32_t level, std::string_view message) {
  log_.line(static_cast<LogLevel>(std::min(level, 4U)), message);
}

Status ComponentHostState::checkpoint(uint32_t kind, std::string_view payload_json) {
  if (kind > 2) {
    return config_error(codes::kInvalidCheckpointKind,
                        fmt::format("checkpoint: kind {} is not 0 (source), 1 (destination) or 2 (transform)", kind));
  }
  // A destination returns what a source sent, with the host's keys added.
  const bool comes_back = static_cast<CheckpointKind>(kind) == CheckpointKind::kDestination;
  auto checkpoint =
      protocol::Checkpoint::parse(payload_json, comes_back ? protocol::kReceiptLimits : protocol::kCheckpointLimits);
  if (!checkpoint.ok()) return std::move(checkpoint).status();
  if (const Json* inner = protocol::find_member(checkpoint->body(), "payload");
      inner != nullptr && inner->is_object()) {
    *checkpoint = protocol::Checkpoint(Json(*inner));
  }
  const auto start = Clock::now();
  Status status = options_.services->checkpoint(static_cast<CheckpointKind>(kind), *std::move(checkpoint));
  count_call(start, status.ok() && std::exchange(batch_moved_, false));
  return status;
}

Status ComponentHostState::metric(std::string_view payload_json) {
  const auto payload = protocol::parse_untrusted(payload_json, protocol::kMetricLimits);
  const auto metric = payload.ok() && payload->is_object() ? read_metric(*payload) : std::nullopt;
  if (!metric) {
    return make_error(ErrorCategory::kData, codes::kParseMetric,
                      "metric: the payload is not of the form {\"name\": s, \"value\": "
                      "{\"counter\"|\"gauge\"|\"histogram\": n}, \"labels\": [[k, v], ...]}");
  }
  const auto too_long = [](const std::string& text) { return text.size() > kMaxMetricTextBytes; };
  if (too_long(metric->name) || metric->labels.size() > kMaxMetricLabels ||
      std::any_of(metric->labels.begin(), metric->labels.end(),
                  [&](const auto& label) { return too_long(label.first) || too_long(label.second); })) {
    return make_error(ErrorCategory::kData, codes::kMetricTooLarge,
                      fmt::format("metric: a name or label of more than {} bytes, or more than {} labels",
                                  kMaxMetricTextBytes, kMaxMetricLabels));
  }
  if (metric_is_due()) options_.services->metric(*metric);
  return {};
}

bool ComponentHostState::metric_is_due() {
  const auto now = Clock::now();
  if (now - metric_window_ >= std::chrono::seconds(1)) {
    metric_window_ = now;
    metrics_in_window_ = 0;
  }
  const bool due = metrics_in_window_ < kMaxMetricsPerSecond && metrics_ < kMaxMetricsPerInstance;
  if (due) {
    ++metrics_in_window_;
    ++metrics_;
  } else if (!std::exchange(metrics_dropped_, true)) {
    log_.line(LogLevel::kWarn, fmt::format("metrics are dropped: at most {} per second and {} in total are accepted",
                                           kMaxMetricsPerSecond, kMaxMetricsPerInstance));
  }
  return due;
}

Status ComponentHostState::emit_dlq_record(std::string_view stream, std::string_view record_json,
                                           std::string_view message, std::string_view category) {
  const size_t total = stream.size() + record_json.size() + message.size() + category.size();
  if (total > kMaxDlqRecordBytes) {
    return make_error(ErrorCategory::kData, codes::kDlqRecordTooLarge,
                      fmt::format("emit-dlq-record: a record of {} bytes; the limit is {}", total, kMaxDlqRecordBytes));
  }
  const auto start = Clock::now();
  Status status = options_.services->emit_dlq_record(
      {std::string(stream), std::string(record_json), std::string(message), std::string(category)});
  count_call(start, status.ok());
  return status;
}

Result<state::PairKey> ComponentHostState::scoped_key(uint32_t scope, std::string_view key) const {
  if (scope > 2) {
    return config_error(
        codes::kInvalidScope,
        fmt::format("state: scope {} is not 0 (pipeline), 1 (stream) or 2 (connector instance)", scope));
  }
  if (key.size() > kMaxStateKeyBytes) {
    return config_error(codes::kKeyTooLong,
                        fmt::format("state: a key of {} bytes; the limit is {}", key.size(), kMaxStateKeyBytes));
  }
  if (scope == 1) return state::PairKey(state::PairScope::kStream, options_.stream, key);
  if (scope == 2) return state::PairKey(state::PairScope::kConnector, options_.connector_id, key);
  return state::PairKey(key);
}

Status ComponentHostState::check_state_access() const {
  if (options_.state == nullptr)
    return internal_error(codes::kStateBackend, "state: this call of the connector has no state store");
  return {};
}

Result<std::optional<std::string>> ComponentHostState::state_get(uint32_t scope, std::string_view key) {
  RB_ASSIGN_OR_RETURN(const state::PairKey full_key, scoped_key(scope, key));
  RB_RETURN_NOT_OK(check_state_access());
  return options_.state->get(full_key);
}

Status ComponentHostState::state_put(uint32_t scope, std::string_view key, std::string_view value) {
  RB_ASSIGN_OR_RETURN(const state::PairKey full_key, scoped_key(scope, key));
  if (value.size() > kMaxStateValueBytes) {
    return config_error(codes::kValueTooLong,
                        fmt::format("state: a value of {} bytes; the limit is {}", value.size(), kMaxStateValueBytes));
  }
  RB_RETURN_NOT_OK(check_state_access());
  return options_.state->put(full_key, value);
}

Result<bool> ComponentHostState::state_cas(uint32_t scope, std::string_view key,
                                           const std::optional<std::string>& expected, std::string_view value) {
  RB_ASSIGN_OR_RETURN(const state::PairKey full_key, scoped_key(scope, key));
  if (value.size() > kMaxStateValueBytes) {
    return config_error(codes::kValueTooLong,
                        fmt::format("state: a value of {} bytes; the limit is {}", value.size(), kMaxStateValueBytes));
  }
  RB_RETURN_NOT_OK(check_state_access());
  return options_.state->compare_and_set(full_key, expected, value);
}

Result<uint64_t> ComponentHostState::connect_tcp(std::string_view host, uint16_t port) {
  const auto start = Clock::now();
  auto handle = sockets_.connect(host, port);
  count_call(start, handle.ok());
  network_wait_ += Clock::now() - start;
  return handle;
}

Result<SocketReadResult> ComponentHostState::socket_read(uint64_t handle, uint64_t len) {
  const uint64_t size = clamp_socket_read_len(len, is_2_0_ ? kMaxSocketReadBytes : kMaxSocketReadBytes21);
  if (socket_buffer_.size() < size) socket_buffer_.resize(size);
  RB_ASSIGN_OR_RETURN(const SocketReadResult result, sockets_.read(handle, std::span(socket_buffer_).first(size)));
  socket_bytes_ = std::span(socket_buffer_).first(result.size);
  if (result.kind == SocketReadResult::Kind::kData) last_progress_ = Clock::now();
  return result;
}

Result<SocketWriteResult> ComponentHostState::socket_write(uint64_t handle, std::span<const std::byte> data) {
  RB_ASSIGN_OR_RETURN(const SocketWriteResult result, sockets_.write(handle, data));
  if (result.kind != SocketWriteResult::Kind::kWouldBlock && result.size > 0) last_progress_ = Clock::now();
  return result;
}

void ComponentHostState::socket_close(uint64_t handle) { sockets_.close(handle); }

Result<bool> ComponentHostState::socket_wait(uint64_t handle, SocketInterest interest, uint32_t timeout_ms) {
  const auto start = Clock::now();
  RB_ASSIGN_OR_RETURN(const bool ready, sockets_.wait(handle, interest, std::chrono::milliseconds(timeout_ms)));
  const auto waited = Clock::now() - start;
  network_wait_ += waited;
  // Waiting for a slow server does not count as the guest's time; calling this in a loop without waiting, or without
  // reading what is there, does.
  last_progress_ += waited;
  return ready;
}

Status ComponentHostState::socket_start_tls(uint64_t handle, const TlsOptions& options) {
  const auto start = Clock::now();
  Status status = sockets_.start_tls(handle, options);
  count_call(start, status.ok());
  network_wait_ += Clock::now() - start;
  return status;
}

Result<std::optional<std::string>> ComponentHostState::pending_checkpoint() {
  return options_.services->pending_checkpoint();
}

void ComponentHostState::note_given(const Status& status) {
  if (!status.ok()) given_codes_.insert(status.error().code);
}

bool ComponentHostState::gave(std::string_view code) const {
  return given_codes_.contains(code) || (code == codes::kCancelled && is_cancelled());
}

void ComponentHostState::count_call(Clock::time_point start, bool is_progress) {
  const auto now = Clock::now();
  if (is_progress) {
    last_progress_ = now;
  } else if (now - start >= kLateError && late_errors_ < kMaxLateErrors) {
    ++late_errors_;
    last_progress_ = std::max<Clock::time_point>(
        last_progress_, now - options_.guest_timeout + std::min(options_.guest_timeout, kErrorGrace));
  }
}

void ComponentHostState::begin_call() {
  log_.begin_call();
  late_errors_ = 0;
  call_start_ = last_progress_ = Clock::now();
  verdict_ = GuestVerdict::kContinue;
}

GuestVerdict ComponentHostState::judge() {
  const auto now = Clock::now();
  if (const auto cancelled_at = options_.cancel.cancelled_at();
      cancelled_at && now - std::max(*cancelled_at, call_start_) >= kCancelGrace) {
    verdict_ = GuestVerdict::kCancelled;
  } else if (now - last_progress_ >= options_.guest_timeout) {
    verdict_ = GuestVerdict::kTimedOut;
  }
  return verdict_;
}

}  // namespace rapidbyte::runtime
