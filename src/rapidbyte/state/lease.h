#pragma once
// Lease: holds a pipeline for one run, and is the only way to write the pipeline's state. Every write carries the
// lease's token, which is higher than that of every earlier holder, and the backend checks the token and writes in one
// atomic step: a holder that was replaced without knowing it (its lock file was deleted, its state file replaced, its
// connection dropped by a server) can no longer change anything. It gets LEASE_LOST, and the lease is lost for good.
//
// Thread safe. May outlive its backend. After a crash the backend releases it in its own way (for SQLite, the operating
// system drops the lock with the process).

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "rapidbyte/base/cancel_token.h"
#include "rapidbyte/base/deadline.h"
#include "rapidbyte/base/status.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/state/pair_store.h"
#include "rapidbyte/state/stream_state.h"

namespace rapidbyte::state {

/// How a backend's leases must be renewed.
struct Renewal {
  /// A holder calls renew() this often.
  std::chrono::milliseconds every;
  /// After this long without a renewal the backend may give the pipeline to another run, so the holder stops before
  /// that. Measured on the holder's own steady clock from the start of its last successful renewal; it is never
  /// compared with another machine's clock. nullopt: the lease holds without renewal, and renew() only checks it.
  std::optional<std::chrono::milliseconds> lasts;
};

class Lease : public PairStore {
 public:
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  [[nodiscard]] const std::string& pipeline() const { return pipeline_; }
  /// Rises with each holder of the pipeline's lease. Two holders can have the same token only when the state was
  /// restored from an older copy, so a backend compares the run's id, too.
  [[nodiscard]] uint64_t token() const { return token_; }

  [[nodiscard]] virtual Renewal renewal() const = 0;
  /// Tells the backend that the holder is alive, and checks that it still holds the lease: LEASE_LOST when it does not.
  /// Any other error: nothing is known, and the lease may still be held. Returns by `deadline`. Called by LeaseKeeper.
  Status renew(const Deadline& deadline);
  /// Cancelled, permanently, when a write or a renewal has found that the lease is lost, or by give_up(): the holder's
  /// flag and callback. Wakers run on the thread that found the loss, which holds no lock of the backend.
  [[nodiscard]] const CancelToken& lost() const { return lost_; }
  /// Why it is lost, LEASE_LOST; ok while it is held.
  [[nodiscard]] Status loss() const;
  /// Ends the lease for its holder: no further write reaches the backend. `what_happened`: as in lease_lost().
  void give_up(std::string_view what_happened);

  // Key-value pairs. Writes fail with LEASE_LOST like all others; reads are not fenced.
  Result<std::optional<std::string>> get(const PairKey& key) override { return load_pair(key); }
  Status put(const PairKey& key, std::string_view value) override;
  Result<bool> compare_and_set(const PairKey& key, const std::optional<std::string>& expected,
                               std::string_view value) override;

  // Loads and cursors. A key's pipeline must be the lease's: STATE_BACKEND.

  /// Marks new loads as under way in one transaction, all or none. A load that is already under way is left as it is,
  /// so a retry may call this again; with `drop_checkpoint` it starts over.
  Status begin_loads(std::span<const NewLoad> loads);
  /// begin_loads() of one.
  Status begin_load(const NewLoad& load) { return begin_loads({&load, 1}); }
  Status begin_load(const StreamKey& key, std::string_view load_id, bool drop_checkpoint,
                    std::string_view owner_json = {}) {
    return begin_load(NewLoad{key, std::string(load_id), drop_checkpoint, std::string(owner_json)});
  }
  /// Records what the stream's position and the load under way are for from now on; does nothing when the stream is
  /// unknown.
  Status set_owner(const StreamKey& key, std::string_view owner_json);
  /// Makes `checkpoint_json` the stream's position. Call only after the destination's commit that covers it. Fails when
  /// `load_id` is not the load under way (the state was reset).
  Status save_checkpoint(const StreamKey& key, std::string_view load_id, std::string_view checkpoint_json,
                         uint64_t rows_committed, Durability durability = Durability::kDurable);
  /// Records which rows of the load under way may be in the destination (see StreamState). Call before the rows are
  /// given. Fails when `load_id` is not the load under way.
  Status note_rows(const StreamKey& key, std::string_view load_id, std::optional<uint64_t> rows_given,
                   uint64_t rows_reported);
  /// Ends these loads in one transaction, all or none: after a crash, either every load has to be finished again or
  /// none. May be repeated. Fails, and ends none, when one of them is not its stream's newest load. Relaxed, unless an
  /// end with a checkpoint asks for more.
  Status complete_loads(std::span<const FinishedLoad> loads);
  /// complete_loads() of one.
  Status complete_load(const StreamKey& key, std::string_view load_id,
                       std::optional<FinishedLoad::End> end = std::nullopt);
  /// The engine's own notes about a stream, by name. They are not pairs: components cannot reach them.
  Status set_stream_note(std::string_view stream, std::string_view name, std::string_view value);
  /// Deletes cursors, loads, notes and key-value pairs of one stream, or of the whole pipeline when `stream` is
  /// nullopt.
  Status reset(const std::optional<std::string>& stream);

 protected:
  Lease(std::string pipeline, uint64_t token);
  /// Durable when one of these ends asks for it.
  [[nodiscard]] static Durability durability_of(std::span<const FinishedLoad> loads);

  // The backend's part of the functions above: each write checks the token in the same transaction, LEASE_LOST when
  // another run holds the lease. Keys belong to the lease's pipeline, and spans are not empty.
  virtual Status check_holder(const Deadline& deadline) = 0;
  virtual Result<std::optional<std::string>> load_pair(const PairKey& key) = 0;
  virtual Status store_pair(const PairKey& key, std::string_view value) = 0;
  virtual Result<bool> exchange_pair(const PairKey& key, const std::optional<std::string>& expected,
                                     std::string_view value) = 0;
  virtual Status store_new_loads(std::span<const NewLoad> loads) = 0;
  virtual Status store_owner(const StreamKey& key, std::string_view owner_json) = 0;
  virtual Status store_checkpoint(const StreamKey& key, std::string_view load_id, std::string_view checkpoint_json,
                                  uint64_t rows_committed, Durability durability) = 0;
  virtual Status store_rows(const StreamKey& key, std::string_view load_id, std::optional<uint64_t> rows_given,
                            uint64_t rows_reported) = 0;
  virtual Status store_finished_loads(std::span<const FinishedLoad> loads) = 0;
  virtual Status store_stream_note(std::string_view stream, std::string_view name, std::string_view value) = 0;
  virtual Status forget(const std::optional<std::string>& stream) = 0;

 private:
  /// loss(), or STATE_BACKEND for a key of another pipeline.
  [[nodiscard]] Status check_own(const StreamKey& key) const;
  /// Passes on `status`, and records a loss.
  Status noticed(Status status);

  const std::string pipeline_;
  const uint64_t token_;
  CancelToken lost_;
  mutable std::mutex loss_mutex_;
  Status loss_;
};

/// LEASE_LOST. `what_happened`: a clause for people, "the state file was replaced".
[[nodiscard]] Status lease_lost(std::string_view pipeline, std::string_view what_happened);

}  // namespace rapidbyte::state
