#pragma once
// Lease: holds a pipeline for one run, and is the only way to write the pipeline's state. Every write carries the
// lease's token, which is higher than that of every holder before, and the backend makes the write and the look at the
// token one step: a holder that was replaced without knowing it (its lock file was deleted, its state file exchanged,
// its connection given up by a server) changes nothing any more. It gets LEASE_LOST, and the lease is lost for good.
//
// Thread safe. May outlive its backend. A crash releases it in the backend's own way (for SQLite, the operating system
// drops the lock with the process).

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

/// How a backend wants its leases renewed.
struct Renewal {
  /// A holder calls renew() this often.
  std::chrono::milliseconds every;
  /// Without a renewal for so long the backend may give the pipeline to another run, so the holder stops by itself
  /// before. Counted on the holder's own steady clock from the moment at which its last successful renewal began; no
  /// clock of another machine is ever compared with it. nullopt: the lease holds without being renewed, and renew()
  /// only looks.
  std::optional<std::chrono::milliseconds> lasts;
};

class Lease : public PairStore {
 public:
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  [[nodiscard]] const std::string& pipeline() const { return pipeline_; }
  /// Rises with each holder of the pipeline's lease. Two holders may have the same one only when the state was restored
  /// from an older copy; so a backend compares the run's id, too.
  [[nodiscard]] uint64_t token() const { return token_; }

  [[nodiscard]] virtual Renewal renewal() const = 0;
  /// Shows the backend that the holder lives, and looks whether the lease is still this one's. LEASE_LOST when it is
  /// not. Any other error: nothing is known, and the lease may still be held. Returns by `deadline`. LeaseKeeper calls
  /// it.
  Status renew(const Deadline& deadline);
  /// Cancelled when a write or a renewal has found that the lease is lost, or by give_up(): the flag and the callback
  /// of a holder. It stays so. Wakers run on the thread that found it, which holds no lock of the backend.
  [[nodiscard]] const CancelToken& lost() const { return lost_; }
  /// Why it is lost, LEASE_LOST; ok while it is held.
  [[nodiscard]] Status loss() const;
  /// Ends the lease for its holder: no further write reaches the backend. `what_happened`: as in lease_lost().
  void give_up(std::string_view what_happened);

  // Key-value pairs. Writes fail with LEASE_LOST as the others do; reads are not fenced.
  Result<std::optional<std::string>> get(const PairKey& key) override { return load_pair(key); }
  Status put(const PairKey& key, std::string_view value) override;
  Result<bool> compare_and_set(const PairKey& key, const std::optional<std::string>& expected,
                               std::string_view value) override;

  // Loads and cursors. A key's pipeline must be the lease's: STATE_BACKEND.

  /// Marks new loads as under way in one transaction, all or none. One that is under way already goes on as it stands,
  /// so a retry may call this again; with `drop_checkpoint` it starts anew.
  Status begin_loads(std::span<const NewLoad> loads);
  /// begin_loads() of one.
  Status begin_load(const NewLoad& load) { return begin_loads({&load, 1}); }
  Status begin_load(const StreamKey& key, std::string_view load_id, bool drop_checkpoint,
                    std::string_view owner_json = {}) {
    return begin_load(NewLoad{key, std::string(load_id), drop_checkpoint, std::string(owner_json)});
  }
  /// What the stream's position, and the load under way, are for from now on; nothing when the stream is not known.
  Status set_owner(const StreamKey& key, std::string_view owner_json);
  /// Makes `checkpoint_json` the durable cursor. Call only after the destination's commit that covers it. Fails when
  /// `load_id` is not the load under way (the state was reset).
  Status save_checkpoint(const StreamKey& key, std::string_view load_id, std::string_view checkpoint_json,
                         uint64_t rows_committed);
  /// Notes what of the load under way may be in the destination, as StreamState says. Call before the rows are given.
  /// Fails when `load_id` is not the load under way.
  Status note_rows(const StreamKey& key, std::string_view load_id, std::optional<uint64_t> rows_given,
                   uint64_t rows_reported);
  /// Ends these loads in one transaction, all or none: whoever dies meanwhile leaves either every load to be finished
  /// again or none. Again is fine. Fails, and ends none, when one of them is not its stream's newest load.
  Status complete_loads(std::span<const FinishedLoad> loads);
  /// complete_loads() of one.
  Status complete_load(const StreamKey& key, std::string_view load_id);
  /// What the engine itself notes about a stream, by the note's name. No pair: components cannot reach it.
  Status set_stream_note(std::string_view stream, std::string_view name, std::string_view value);
  /// Forgets cursors, loads, notes and key-value pairs of one stream, or of the whole pipeline when `stream` is
  /// nullopt.
  Status reset(const std::optional<std::string>& stream);

 protected:
  Lease(std::string pipeline, uint64_t token);

  // A backend's part of the functions above: each write in one transaction with the look at the token, LEASE_LOST when
  // another holds the lease. Keys are the lease's own pipeline's, and spans are not empty.
  virtual Status check_holder(const Deadline& deadline) = 0;
  virtual Result<std::optional<std::string>> load_pair(const PairKey& key) = 0;
  virtual Status store_pair(const PairKey& key, std::string_view value) = 0;
  virtual Result<bool> exchange_pair(const PairKey& key, const std::optional<std::string>& expected,
                                     std::string_view value) = 0;
  virtual Status store_new_loads(std::span<const NewLoad> loads) = 0;
  virtual Status store_owner(const StreamKey& key, std::string_view owner_json) = 0;
  virtual Status store_checkpoint(const StreamKey& key, std::string_view load_id, std::string_view checkpoint_json,
                                  uint64_t rows_committed) = 0;
  virtual Status store_rows(const StreamKey& key, std::string_view load_id, std::optional<uint64_t> rows_given,
                            uint64_t rows_reported) = 0;
  virtual Status store_finished_loads(std::span<const FinishedLoad> loads) = 0;
  virtual Status store_stream_note(std::string_view stream, std::string_view name, std::string_view value) = 0;
  virtual Status forget(const std::optional<std::string>& stream) = 0;

 private:
  /// loss(), or STATE_BACKEND for a key of another pipeline.
  [[nodiscard]] Status check_own(const StreamKey& key) const;
  /// Passes `status` on, and notes a loss.
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
