#include "rapidbyte/base/status.h"

#include <array>

namespace rapidbyte {
namespace {

constexpr std::array<std::string_view, 9> kCategories = {
    "config", "auth", "permission", "rate-limit", "transient-network", "transient-db", "data", "schema", "internal"};
constexpr std::array<std::string_view, 3> kScopes = {"per-stream", "per-batch", "per-record"};
constexpr std::array<std::string_view, 3> kBackoffs = {"fast", "normal", "slow"};
constexpr std::array<std::string_view, 3> kCommitStates = {"before-commit", "after-commit-unknown",
                                                           "after-commit-confirmed"};

template <typename Enum, size_t N>
std::optional<Enum> find_case(const std::array<std::string_view, N>& names, std::string_view text) {
  for (size_t i = 0; i < N; ++i) {
    if (names[i] == text) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(ErrorCategory value) { return kCategories.at(static_cast<size_t>(value)); }
std::string_view to_string(ErrorScope value) { return kScopes.at(static_cast<size_t>(value)); }
std::string_view to_string(BackoffClass value) { return kBackoffs.at(static_cast<size_t>(value)); }
std::string_view to_string(CommitState value) { return kCommitStates.at(static_cast<size_t>(value)); }

std::optional<ErrorCategory> error_category_from_string(std::string_view text) {
  return find_case<ErrorCategory>(kCategories, text);
}
std::optional<ErrorScope> error_scope_from_string(std::string_view text) {
  return find_case<ErrorScope>(kScopes, text);
}
std::optional<BackoffClass> backoff_class_from_string(std::string_view text) {
  return find_case<BackoffClass>(kBackoffs, text);
}
std::optional<CommitState> commit_state_from_string(std::string_view text) {
  return find_case<CommitState>(kCommitStates, text);
}

Status&& Status::with_context(std::string_view where) && {
  if (error_) error_->message = std::string(where) + ": " + error_->message;
  return std::move(*this);
}

std::string Status::to_string() const {
  if (!error_) return "ok";
  return error_->code + " (" + std::string(rapidbyte::to_string(error_->category)) + "): " + error_->message;
}

Status make_error(ErrorCategory category, std::string code, std::string message) {
  ConnectorError error;
  error.category = category;
  error.code = std::move(code);
  error.message = std::move(message);
  return error;
}

Status make_retryable_error(ErrorCategory category, std::string code, std::string message, BackoffClass backoff) {
  ConnectorError error;
  error.category = category;
  error.code = std::move(code);
  error.message = std::move(message);
  error.retryable = true;
  error.safe_to_retry = true;
  error.backoff_class = backoff;
  return error;
}

}  // namespace rapidbyte
