#pragma once
// Error, Status and Result<T> of the SDK: how connector code reports failure. An Error mirrors the protocol's
// `connector-error` field for field, and the host acts on it: `category` picks the exit code, `retryable` and
// `backoff_class` say whether and when the call is tried again. Guests are built without exceptions, so every call that
// can fail returns one of these, and both are [[nodiscard]].

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace rapidbyte::sdk {

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

/// `code` is UPPER_SNAKE and stable; `message` says what, where, why and how to fix it.
struct Error {
  ErrorCategory category = ErrorCategory::kInternal;
  ErrorScope scope = ErrorScope::kPerStream;
  std::string code;
  std::string message;
  bool retryable = false;
  std::optional<uint64_t> retry_after_ms;
  BackoffClass backoff_class = BackoffClass::kNormal;
  /// True when nothing was changed, or when trying again changes nothing twice.
  bool safe_to_retry = false;
  std::optional<CommitState> commit_state;
  std::optional<std::string> details_json;

  bool operator==(const Error&) const = default;
};

/// Success, or one Error. Success holds no memory.
class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Error error) : error_(std::make_unique<Error>(std::move(error))) {}  // NOLINT: implicit by design
  Status(const Status& other) : error_(other.error_ ? std::make_unique<Error>(*other.error_) : nullptr) {}
  Status& operator=(const Status& other) {
    if (this != &other) error_ = other.error_ ? std::make_unique<Error>(*other.error_) : nullptr;
    return *this;
  }
  Status(Status&&) noexcept = default;
  Status& operator=(Status&&) noexcept = default;
  ~Status() = default;

  [[nodiscard]] bool ok() const { return error_ == nullptr; }
  /// Requires !ok().
  [[nodiscard]] const Error& error() const& { return *error_; }
  [[nodiscard]] Error& error() & { return *error_; }
  [[nodiscard]] Error&& error() && { return std::move(*error_); }

  /// Puts `where: ` before the message; no effect on success.
  Status&& with_context(std::string_view where) &&;
  /// "CODE (category): message", or "ok".
  [[nodiscard]] std::string to_string() const;

 private:
  std::unique_ptr<Error> error_;
};

/// An error of `category` that is not retryable.
Status make_error(ErrorCategory category, std::string code, std::string message);
/// An error that is worth another try; nothing has been committed by the failed call.
Status make_retryable_error(ErrorCategory category, std::string code, std::string message,
                            BackoffClass backoff = BackoffClass::kNormal);

Status config_error(std::string code, std::string message);
Status auth_error(std::string code, std::string message);
Status permission_error(std::string code, std::string message);
Status schema_error(std::string code, std::string message);
/// A value that cannot be taken as it is; scope per-record.
Status data_error(std::string code, std::string message);
Status internal_error(std::string code, std::string message);
Status transient_network_error(std::string code, std::string message);
Status transient_db_error(std::string code, std::string message);
Status rate_limit_error(std::string code, std::string message, uint64_t retry_after_ms);

/// A T or an error. `*result` and `result->` require ok().
template <typename T>
class [[nodiscard]] Result {
 public:
  using value_type = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit by design
  Result(Status status) : state_(std::in_place_index<1>, std::move(status)) {}  // NOLINT
  Result(Error error) : state_(std::in_place_index<1>, Status(std::move(error))) {}  // NOLINT

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  [[nodiscard]] const Error& error() const { return std::get_if<1>(&state_)->error(); }
  /// The error as a Status; ok when there is a value.
  [[nodiscard]] Status status() const& { return ok() ? Status() : *std::get_if<1>(&state_); }
  [[nodiscard]] Status status() && { return ok() ? Status() : std::move(*std::get_if<1>(&state_)); }

  T& operator*() & { return *std::get_if<0>(&state_); }
  const T& operator*() const& { return *std::get_if<0>(&state_); }
  T&& operator*() && { return std::move(*std::get_if<0>(&state_)); }
  T* operator->() { return std::get_if<0>(&state_); }
  const T* operator->() const { return std::get_if<0>(&state_); }

 private:
  std::variant<T, Status> state_;
};

#define RB_SDK_CONCAT_INNER(a, b) a##b
#define RB_SDK_CONCAT(a, b) RB_SDK_CONCAT_INNER(a, b)

/// Returns from the enclosing function when `expr` (a Status) is an error.
#define RB_SDK_RETURN_NOT_OK(expr)                   \
  do {                                               \
    ::rapidbyte::sdk::Status rb_sdk_status = (expr); \
    if (!rb_sdk_status.ok()) return rb_sdk_status;   \
  } while (false)

/// Declares or assigns `lhs` from a Result, or returns its error.
#define RB_SDK_ASSIGN_OR_RETURN(lhs, expr) \
  RB_SDK_ASSIGN_OR_RETURN_IMPL(RB_SDK_CONCAT(rb_sdk_result_, __LINE__), lhs, expr)
#define RB_SDK_ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                                 \
  if (!tmp.ok()) return std::move(tmp).status();     \
  lhs = std::move(*tmp)

}  // namespace rapidbyte::sdk
