#pragma once
// In which order the streams of a run may be loaded: rows that refer to rows of another stream's table (foreign keys)
// can only come when those are there. Only the destination knows; one with the feature "stream-references" is asked
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

/// Numbers of streams in the run's plans: rows of `stream` refer to rows of `refers_to`.
struct StreamReference {
  size_t stream = 0;
  size_t refers_to = 0;
  bool operator==(const StreamReference&) const = default;
};

struct StreamOrder {
  /// For each stream those that must have ended before it begins, each once. Without rings.
  std::vector<std::vector<size_t>> after;
  /// Streams that refer to each other in a ring, so that no order suits all of them. They come one after the other, as
  /// they are written here: in the pipeline's order.
  std::vector<std::vector<size_t>> rings;
};

/// The order of `count` streams. References of a stream to itself mean nothing: it is loaded as a whole.
[[nodiscard]] StreamOrder order_streams(size_t count, const std::vector<StreamReference>& references);

/// Whether a destination can be asked how its streams refer to each other.
[[nodiscard]] bool knows_references(const runtime::Connector& destination);
/// The context of last-committed that asks `streams` of a pipeline, and what is in the answer (nullopt: nothing).
/// REFERENCES_INVALID (schema): it is not what docs/protocol.md says.
[[nodiscard]] std::string references_question(std::string_view pipeline, std::string_view run_id,
                                              const std::vector<std::string>& streams);
Result<std::vector<StreamReference>> read_references(const runtime::Connector& destination,
                                                     const std::vector<std::string>& streams,
                                                     const std::optional<std::string>& answer);

/// Asks the destination, by an instance of its own; nothing when it has not the feature, or there is but one stream.
/// Errors: the destination's, REFERENCES_INVALID.
Result<std::vector<StreamReference>> ask_references(RunContext& run, const std::vector<StreamPlan>& plans);

/// Hands the streams of a run out to its workers. Any thread.
class StreamSchedule {
 public:
  explicit StreamSchedule(const StreamOrder& order);

  /// The next stream that may begin: the first one of the pipeline's order. Waits while all that are left wait for
  /// others. nullopt: none is left, or stop() was called.
  std::optional<size_t> next();
  /// What next() gave has ended well: those that waited for it may begin.
  void ended(size_t stream);
  /// What next() gave has failed: those that wait for it, and those that wait for them, will not begin. Which they are,
  /// each once: a stream that waits for two that fail belongs to the first.
  std::vector<size_t> failed(size_t stream);
  /// No further stream begins.
  void stop();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::vector<size_t>> before_;  // for each stream those that wait for it
  std::vector<size_t> waits_for_;  // how many each waits for
  std::set<size_t> ready_;
  std::vector<bool> held_back_;  // waits for one that has failed
  size_t not_begun_;
  bool stopped_ = false;
};

}  // namespace rapidbyte::engine
