#include "rapidbyte/base/cancel_token.h"

#include <utility>

namespace rapidbyte {

struct CancelToken::Registration::Entry {
  // Recursive: a waker may end its own registration, as the last owner of a child token does.
  std::recursive_mutex mutex;
  std::function<void()> waker;
};

void CancelToken::cancel() const {
  std::list<std::shared_ptr<Registration::Entry>> entries;
  {
    std::lock_guard lock(state_->mutex);
    if (state_->flag.load(std::memory_order_relaxed)) return;
    state_->when = std::chrono::steady_clock::now();
    state_->flag.store(true, std::memory_order_release);
    entries.swap(state_->entries);
  }
  for (const auto& entry : entries) {
    std::lock_guard lock(entry->mutex);
    // Moved out first, so that a registration that ends during the call does not destroy the running function.
    const std::function<void()> waker = std::move(entry->waker);
    entry->waker = nullptr;
    if (waker) waker();
  }
}

std::optional<std::chrono::steady_clock::time_point> CancelToken::cancelled_at() const {
  if (!cancelled()) return std::nullopt;
  std::lock_guard lock(state_->mutex);
  return state_->when;
}

CancelToken CancelToken::child() const {
  CancelToken token;
  std::weak_ptr<State> weak = token.state_;
  auto registration = on_cancel([weak] {
    if (auto state = weak.lock()) {
      CancelToken alive;
      alive.state_ = state;
      alive.cancel();
    }
  });
  std::lock_guard lock(token.state_->mutex);
  token.state_->parent = std::move(registration);
  return token;
}

CancelToken::Registration CancelToken::on_cancel(std::function<void()> waker) const {
  Registration registration;
  auto entry = std::make_shared<Registration::Entry>();
  entry->waker = std::move(waker);
  bool run_now = false;
  {
    std::lock_guard lock(state_->mutex);
    if (state_->flag.load(std::memory_order_relaxed)) {
      run_now = true;
    } else {
      state_->entries.push_back(entry);
    }
  }
  if (run_now) entry->waker();
  registration.state_ = state_;
  registration.entry_ = std::move(entry);
  return registration;
}

CancelToken::Registration::Registration(Registration&& other) noexcept
    : state_(std::move(other.state_)), entry_(std::move(other.entry_)) {}

CancelToken::Registration& CancelToken::Registration::operator=(Registration&& other) noexcept {
  if (this != &other) {
    reset();
    state_ = std::move(other.state_);
    entry_ = std::move(other.entry_);
  }
  return *this;
}

CancelToken::Registration::~Registration() { reset(); }

void CancelToken::Registration::reset() noexcept {
  if (!entry_) return;
  auto state = std::static_pointer_cast<State>(state_);
  {
    std::lock_guard lock(state->mutex);
    state->entries.remove(entry_);
  }
  // A waker that is running on another thread ends before its captures are destroyed.
  {
    std::lock_guard lock(entry_->mutex);
    entry_->waker = nullptr;
  }
  entry_.reset();
  state_.reset();
}

}  // namespace rapidbyte
