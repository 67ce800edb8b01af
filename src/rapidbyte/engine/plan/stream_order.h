#pragma once
// The order in which the streams of a run may be loaded: rows that refer to rows of another stream's table (foreign
// keys) can be loaded only after those. Only the destination knows; one with the feature "stream-references" is asked
// before the first stream begins. Streams that do not refer to each other keep the pipeline's order.

#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "rapidbyte/engine/run_context.h"

namespace rapidbyte::engine {

/// Indexes of streams in the run's plans: rows of `stream` refer to rows of `refers_to`.
struct StreamReference {
  size_t stream = 0;
  size_t refers_to = 0;
  bool operator==(const StreamReference&) const = default;
};

struct StreamOrder {
  /// For each stream, those that must have ended before it begins, each once. Without cycles.
  std::vector<std::vector<size_t>> after;
  /// Streams that refer to each other in a cycle, so that no order suits all of them. They are loaded one after the
  /// other, as listed here: in the pipeline's order.
  std::vector<std::vector<size_t>> cycles;
};

/// The order of `count` streams. References of a stream to itself are ignored: it is loaded as a whole.
[[nodiscard]] StreamOrder order_streams(size_t count, const std::vector<StreamReference>& references);

/// Whether a destination can be asked how its streams refer to each other.
[[nodiscard]] bool knows_references(const runtime::Connector& destination);
/// The context of last-committed that asks about `streams` of a pipeline, and the references in the answer (nullopt:
/// none). REFERENCES_INVALID (schema): the answer does not follow docs/protocol.md.
[[nodiscard]] std::string references_question(std::string_view pipeline, std::string_view run_id,
                                              const std::vector<std::string>& streams);
Result<std::vector<StreamReference>> read_references(const runtime::Connector& destination,
                                                     const std::vector<std::string>& streams,
                                                     const std::optional<std::string>& answer);

/// Asks the destination, with an instance of its own; does nothing when the destination lacks the feature, or there is
/// only one stream. Errors: the destination's, REFERENCES_INVALID.
Result<std::vector<StreamReference>> ask_references(RunContext& run, const std::vector<StreamPlan>& plans);

/// Hands out the streams of a run to its workers. Any thread.
class StreamSchedule {
 public:
  explicit StreamSchedule(const StreamOrder& order);

  /// The next stream that may begin, in the pipeline's order. Waits while all remaining ones wait for others. nullopt:
  /// none is left, or stop() was called.
  std::optional<size_t> next();
  /// A stream from next() has succeeded: those that waited for it may begin.
  void ended(size_t stream);
  /// A stream from next() has failed: those that wait for it, directly or indirectly, will not begin. Returns them,
  /// each only once: a stream that waits for two failed ones belongs to the first.
  std::vector<size_t> failed(size_t stream);
  /// No further stream begins.
  void stop();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::vector<size_t>> before_;  // for each stream, those that wait for it
  std::vector<size_t> waits_for_;  // how many each one waits for
  std::set<size_t> ready_;
  std::vector<bool> held_back_;  // waits for one that has failed
  size_t not_begun_;
  bool stopped_ = false;
};

}  // namespace rapidbyte::engine
