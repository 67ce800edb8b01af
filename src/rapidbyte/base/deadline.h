#pragma once
// Deadline: a point in time of the steady clock, or never. Every host wait takes one.

#include <algorithm>
#include <chrono>

namespace rapidbyte {

class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  static Deadline never() { return Deadline(Clock::time_point::max()); }
  static Deadline at(Clock::time_point when) { return Deadline(when); }
  static Deadline after(std::chrono::milliseconds duration) {
    // A century: beyond it the sum could leave the clock's range.
    if (duration > std::chrono::hours(24 * 365 * 100)) return never();
    return Deadline(Clock::now() + duration);
  }

  [[nodiscard]] bool is_never() const { return when_ == Clock::time_point::max(); }
  [[nodiscard]] bool expired() const { return !is_never() && Clock::now() >= when_; }
  [[nodiscard]] Clock::time_point time_point() const { return when_; }
  /// Time left, at least zero, at most `cap` (a wait in slices, so that cancellation is seen).
  [[nodiscard]] std::chrono::milliseconds remaining(std::chrono::milliseconds cap) const {
    if (is_never()) return cap;
    auto left = std::chrono::ceil<std::chrono::milliseconds>(when_ - Clock::now());
    return std::clamp(left, std::chrono::milliseconds(0), cap);
  }

 private:
  explicit Deadline(Clock::time_point when) : when_(when) {}
  Clock::time_point when_;
};

}  // namespace rapidbyte
