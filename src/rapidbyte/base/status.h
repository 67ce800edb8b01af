#pragma once
// Status and Result<T>: how every module reports failure. An error mirrors the protocol's `connector-error`
// field for field (protocol.md section 1), so a guest's error, a host function's error and our own are one type.
// Exceptions never cross a module boundary; code that calls a throwing library catches in the same file.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace rapidbyte {

enum class ErrorCategory : uint8_t {
  kConfig,
  kAuth,
  kPermission,
  kRateLimit,
  kTransientNetwork,
  kTransientDb,
  kData,
  kSchema,
  kInternal,
};
enum class ErrorScope : uint8_t { kPerStream, kPerBatch, kPerRecord };
enum class BackoffClass : uint8_t { kFast, kNormal, kSlow };
enum class CommitState : uint8_t { kBeforeCommit, kAfterCommitUnknown, kAfterCommitConfirmed };

/// Protocol spelling, for example "transient-network".
std::string_view to_string(ErrorCategory value);
std::string_view to_string(ErrorScope value);
std::string_view to_string(BackoffClass value);
std::string_view to_string(CommitState value);

/// Parses the protocol spelling; nullopt when it is not one of the cases.
std::optional<ErrorCategory> error_category_from_string(std::string_view text);
std::optional<ErrorScope> error_scope_from_string(std::string_view text);
std::optional<BackoffClass> backoff_class_from_string(std::string_view text);
std::optional<CommitState> commit_state_from_string(std::string_view text);

/// The protocol's `connector-error`. `code` is UPPER_SNAKE and stable; `message` says what, where, why and how to fix.
struct ConnectorError {
  ErrorCategory category = ErrorCategory::kInternal;
  ErrorScope scope = ErrorScope::kPerStream;
  std::string code;
  std::string message;
  bool retryable = false;
  std::optional<uint64_t> retry_after_ms;
  BackoffClass backoff_class = BackoffClass::kNormal;
  bool safe_to_retry = false;
  std::optional<CommitState> commit_state;
  std::optional<std::string> details_json;

  bool operator==(const ConnectorError&) const = default;
};

/// Success, or one ConnectorError. Moving is cheap; success holds no memory.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(ConnectorError error)
      : error_(std::make_unique<ConnectorError>(std::move(error))) {}  // NOLINT: implicit by design
  Status(const Status& other) : error_(other.error_ ? std::make_unique<ConnectorError>(*other.error_) : nullptr) {}
  Status& operator=(const Status& other) {
    if (this != &other) error_ = other.error_ ? std::make_unique<ConnectorError>(*other.error_) : nullptr;
    return *this;
  }
  Status(Status&&) noexcept = default;
  Status& operator=(Status&&) noexcept = default;
  ~Status() = default;

  static Status ok_status() { return {}; }

  [[nodiscard]] bool ok() const { return error_ == nullptr; }
  /// Requires !ok().
  [[nodiscard]] const ConnectorError& error() const { return *error_; }
  [[nodiscard]] ConnectorError& error() { return *error_; }

  /// Puts `where: ` before the message; no effect on success.
  Status&& with_context(std::string_view where) &&;
  /// "CODE (category): message", or "ok".
  [[nodiscard]] std::string to_string() const;

 private:
  std::unique_ptr<ConnectorError> error_;
};

/// Makes an error of `category` that is not retryable.
Status make_error(ErrorCategory category, std::string code, std::string message);
/// Makes an error of a transient category that says to try again.
Status make_retryable_error(ErrorCategory category, std::string code, std::string message,
                            BackoffClass backoff = BackoffClass::kNormal);
inline Status config_error(std::string code, std::string message) {
  return make_error(ErrorCategory::kConfig, std::move(code), std::move(message));
}
inline Status internal_error(std::string code, std::string message) {
  return make_error(ErrorCategory::kInternal, std::move(code), std::move(message));
}

/// A T or an error. `*result` and `result->` require ok().
template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit by design
  Result(Status status) : state_(std::in_place_index<1>, std::move(status)) {}  // NOLINT
  Result(ConnectorError error) : state_(std::in_place_index<1>, Status(std::move(error))) {}  // NOLINT

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  [[nodiscard]] const ConnectorError& error() const { return std::get<1>(state_).error(); }
  /// The error as a Status; ok when there is a value.
  [[nodiscard]] Status status() const& { return ok() ? Status() : std::get<1>(state_); }
  [[nodiscard]] Status status() && { return ok() ? Status() : std::get<1>(std::move(state_)); }

  T& operator*() & { return *std::get_if<0>(&state_); }
  const T& operator*() const& { return *std::get_if<0>(&state_); }
  T&& operator*() && { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }

 private:
  std::variant<T, Status> state_;
};

#define RB_CONCAT_INNER(a, b) a##b
#define RB_CONCAT(a, b) RB_CONCAT_INNER(a, b)

/// Returns from the enclosing function when `expr` (a Status) is an error.
#define RB_RETURN_NOT_OK(expr)              \
  do {                                      \
    ::rapidbyte::Status rb_status = (expr); \
    if (!rb_status.ok()) return rb_status;  \
  } while (false)

/// Declares or assigns `lhs` from a Result, or returns its error.
#define RB_ASSIGN_OR_RETURN(lhs, expr) RB_ASSIGN_OR_RETURN_IMPL(RB_CONCAT(rb_result_, __LINE__), lhs, expr)
#define RB_ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                             \
  if (!tmp.ok()) return std::move(tmp).status(); \
  lhs = std::move(*tmp)

}  // namespace rapidbyte
