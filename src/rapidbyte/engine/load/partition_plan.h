#pragma once
// PartitionPlan: whether a stream is read in partitions, and the source's answer to plan-partitions (see
// docs/protocol.md). Used on the stream's thread. Owns the planning instance and keeps it open, with its snapshot,
// until release(), after every partition has been read.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "rapidbyte/engine/load/attempt_context.h"

namespace rapidbyte::engine {

/// How many partitions of this stream may be read concurrently; 1: it is not split. Only a load that can restart
/// without doubling rows is split, because several writers cannot commit as one: full_refresh with replace or upsert,
/// where both sides support it (protocol 2.1, the destination's feature "partitioned").
[[nodiscard]] uint32_t partitions_wanted(const RunContext& run, const StreamPlan& plan);

class PartitionPlan {
 public:
  explicit PartitionPlan(AttemptContext& attempt) : attempt_(attempt) {}
  ~PartitionPlan() { release(/*ended_well=*/false); }
  PartitionPlan(const PartitionPlan&) = delete;
  PartitionPlan& operator=(const PartitionPlan&) = delete;

  /// Asks the source for about `want` partitions. When it has none, the instance is released. PARTITIONS_INVALID, or
  /// the source's error.
  Status ask(uint32_t want);
  /// The source's objects; empty when the stream is not split.
  [[nodiscard]] const std::vector<nlohmann::json>& partitions() const { return partitions_; }
  /// Closes the planning instance, and with it the snapshot; an instance that had nothing to plan goes back to the
  /// worker when the stream `ended_well`. Further calls do nothing.
  void release(bool ended_well);

 private:
  AttemptContext& attempt_;
  KeptInstance planner_;
  std::vector<nlohmann::json> partitions_;
};

}  // namespace rapidbyte::engine
