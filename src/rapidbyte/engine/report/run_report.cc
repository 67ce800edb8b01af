#include "rapidbyte/engine/report/run_report.h"

#include "rapidbyte/base/redaction.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/protocol/untrusted_json.h"

namespace rapidbyte::engine {

using nlohmann::json;

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::kSucceeded: return "succeeded";
    case Outcome::kFailed: return "failed";
    case Outcome::kInterrupted: return "interrupted";
    case Outcome::kNotStarted: return "not_started";
  }
  return "failed";
}

uint64_t RunReport::rows_read() const {
  uint64_t sum = 0;
  for (const StreamReport& stream : streams) sum += stream.rows_read;
  return sum;
}

uint64_t RunReport::rows_written() const {
  uint64_t sum = 0;
  for (const StreamReport& stream : streams) sum += stream.rows_written;
  return sum;
}

uint64_t RunReport::rows_rejected() const {
  uint64_t sum = 0;
  for (const StreamReport& stream : streams) sum += stream.rows_rejected;
  return sum;
}

json to_json(const RunFailure& failure) {
  const ConnectorError& error = failure.error;
  json out = {{"stage", to_string(failure.stage)}, {"code", error.code},       {"category", to_string(error.category)},
              {"scope", to_string(error.scope)},   {"message", error.message}, {"retryable", error.retryable}};
  if (error.commit_state) out["commit_state"] = to_string(*error.commit_state);
  if (error.details_json) {
    auto details = protocol::parse_untrusted(*error.details_json, protocol::kDetailsLimits);
    if (details.ok()) {
      out["details"] = *std::move(details);
    } else if (details.error().code == codes::kInvalidJson) {
      out["details"] = *error.details_json;
    } else {
      out["details"] = {{"left_out", details.error().message}};
    }
  }
  return out;
}

json to_json(const StageUsage& usage) {
  const auto seconds = [](std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); };
  return {{"stage", usage.stage},
          {"connector", usage.connector},
          {"seconds", seconds(usage.total)},
          {"busy_seconds", seconds(usage.busy())},
          {"waiting_input_seconds", seconds(usage.waiting_input)},
          {"waiting_output_seconds", seconds(usage.waiting_output)},
          {"waiting_network_seconds", seconds(usage.waiting_network)},
          {"cpu_seconds", seconds(usage.cpu)}};
}

json to_json(const StreamReport& report) {
  json stages = json::array();
  for (const StageUsage& usage : report.stages) stages.push_back(to_json(usage));
  json out = {{"stream", report.stream},
              {"outcome", to_string(report.outcome)},
              {"rows_read", report.rows_read},
              {"rows_written", report.rows_written},
              {"rows_rejected", report.rows_rejected},
              {"rows_transformed_away", report.rows_transformed_away},
              {"rows_maybe_doubled", report.rows_maybe_doubled ? json(*report.rows_maybe_doubled) : json(nullptr)},
              {"rows_in_doubt", report.rows_in_doubt},
              {"rows_already_there", report.rows_already_there},
              {"bytes_read", report.bytes_read},
              {"bytes_written", report.bytes_written},
              {"batches", report.batches},
              {"checkpoints", report.checkpoints},
              {"retries", report.retries},
              {"partitions", report.partitions},
              {"seconds", report.seconds},
              {"stages", std::move(stages)},
              {"resumed", report.resumed},
              {"load_id", report.load_id},
              {"held_back_by", report.held_back_by.empty() ? json(nullptr) : json(report.held_back_by)},
              {"failure", report.failure ? to_json(*report.failure) : json(nullptr)}};
  for (const CounterTotal& counter : report.counters) {
    json labels = json::object();
    for (const auto& [key, value] : counter.labels) labels[redact(key)] = redact(value);
    out["counters"].push_back({{"connector", counter.connector},
                               {"name", redact(counter.name)},
                               {"labels", std::move(labels)},
                               {"value", counter.value}});
  }
  return out;
}

json to_json(const RunReport& report) {
  json streams = json::array();
  for (const StreamReport& stream : report.streams) streams.push_back(to_json(stream));
  json compiled = json::array();
  for (const auto& [connector, seconds] : report.compiled)
    compiled.push_back({{"connector", connector}, {"seconds", seconds}});
  return {{"run_id", report.run_id},
          {"pipeline", report.pipeline},
          {"started_at", report.started_at},
          {"finished_at", report.finished_at},
          {"outcome", to_string(report.outcome)},
          {"dry_run", report.dry_run},
          {"limit", report.limit ? json(*report.limit) : json(nullptr)},
          {"seconds", report.seconds},
          {"rows_read", report.rows_read()},
          {"rows_written", report.rows_written()},
          {"rows_rejected", report.rows_rejected()},
          {"streams", std::move(streams)},
          {"compiled", std::move(compiled)},
          {"failure", report.failure ? to_json(*report.failure) : json(nullptr)},
          {"dlq_path", report.dlq_path.empty() ? json(nullptr) : json(report.dlq_path.string())},
          {"dlq_records", report.dlq_records},
          {"peak_guest_memory_bytes", report.peak_guest_memory_bytes},
          {"peak_resident_bytes", report.peak_resident_bytes}};
}

}  // namespace rapidbyte::engine
