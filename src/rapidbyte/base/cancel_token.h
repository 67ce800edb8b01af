#pragma once
// CancelToken: one per run. cancel() is called once, from any thread (a signal watcher, a failing stage); every blocked
// wait in the process registers a waker and returns promptly. Copies share one state.

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>

namespace rapidbyte {

class CancelToken {
 public:
  CancelToken() : state_(std::make_shared<State>()) {}

  /// Sets the flag and runs every registered waker, on the caller's thread. Further calls do nothing.
  void cancel() const;
  [[nodiscard]] bool cancelled() const { return state_->flag.load(std::memory_order_acquire); }
  /// When cancel() was called; nullopt before that.
  [[nodiscard]] std::optional<std::chrono::steady_clock::time_point> cancelled_at() const;
  /// A token that is cancelled together with this one, but can also be cancelled alone (one stream of a run).
  [[nodiscard]] CancelToken child() const;

  /// Keeps `waker` registered as long as it lives. The waker must be quick, must not throw, and must not call back into
  /// the token, except to end registrations. It runs at once when the token is already cancelled.
  class [[nodiscard]] Registration {
   public:
    Registration() = default;
    Registration(Registration&& other) noexcept;
    Registration& operator=(Registration&& other) noexcept;
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;
    ~Registration();

   private:
    friend class CancelToken;
    struct Entry;
    std::shared_ptr<void> state_;
    std::shared_ptr<Entry> entry_;
    void reset() noexcept;
  };
  [[nodiscard]] Registration on_cancel(std::function<void()> waker) const;

 private:
  struct State {
    std::atomic<bool> flag{false};
    std::mutex mutex;
    std::chrono::steady_clock::time_point when;
    std::list<std::shared_ptr<Registration::Entry>> entries;
    // A child's link to its parent; dropped with the child, so that a long run does not collect entries.
    Registration parent;
  };
  std::shared_ptr<State> state_;
};

}  // namespace rapidbyte
