#pragma once
// RunObserver: observes a run in progress (progress view, --events). The engine calls it from its own threads,
// concurrently; an implementation does its own locking, returns quickly and must not call back into the engine. Every
// call about a stream comes between its stream_started and stream_finished.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/engine/report/run_report.h"
#include "rapidbyte/runtime/component_runtime.h"

namespace rapidbyte::engine {

/// The progress of a running stream, about every 100 ms. All figures count from the stream's beginning in this run.
struct StreamProgress {
  /// Rows and bytes that left the source. Bytes are Arrow bytes, whether or not batches are compressed in the queue.
  uint64_t rows_read = 0;
  uint64_t bytes_read = 0;
  uint64_t batches_read = 0;
  /// Rows, bytes and batches that the destination has taken (not yet: committed).
  uint64_t rows_written = 0;
  uint64_t bytes_written = 0;
  uint64_t batches_written = 0;
  /// Rows that the destination has committed.
  uint64_t rows_committed = 0;
  uint64_t rows_rejected = 0;
  /// What waits in the queues of this stream now; bytes as they are stored there, compressed or not.
  uint64_t queue_batches = 0;
  uint64_t queue_bytes = 0;
  double seconds = 0;
};

struct PreviewColumn {
  std::string name;
  std::string type;  // as in the protocol: "Int64", "Timestamp(Microsecond, None)" ...
};

/// The first rows of a stream as text; nullopt is null.
struct Preview {
  std::vector<PreviewColumn> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;
};

class RunObserver {
 public:
  virtual ~RunObserver() = default;
  /// Called after the streams are known, before any starts.
  virtual void run_started(std::string_view /*run_id*/, std::string_view /*pipeline*/,
                           const std::vector<std::string>& /*streams*/) {}
  virtual void stream_started(std::string_view /*stream*/, bool /*resumed*/) {}
  virtual void progress(std::string_view /*stream*/, const StreamProgress& /*progress*/) {}
  /// A cursor became durable.
  virtual void checkpoint_committed(std::string_view /*stream*/, uint64_t /*rows_committed*/) {}
  /// The stream (empty: discovery) failed and will be retried after `delay`. `attempt` is the number of the next
  /// attempt, from 2.
  virtual void retry(std::string_view /*stream*/, const ConnectorError& /*error*/, std::chrono::milliseconds /*delay*/,
                     uint32_t /*attempt*/) {}
  virtual void metric(std::string_view /*stream*/, std::string_view /*connector*/, const runtime::Metric& /*metric*/) {}
  /// Dry run only: the first rows of a stream.
  virtual void preview(std::string_view /*stream*/, const Preview& /*preview*/) {}
  virtual void stream_finished(const StreamReport& /*report*/) {}
  virtual void run_finished(const RunReport& /*report*/) {}
};

}  // namespace rapidbyte::engine
