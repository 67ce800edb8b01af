#pragma once
// Error: the protocol's `connector-error`, field for field (docs/protocol.md). A guest's error, a host function's error
// and the program's own are this one type: `category` is the kind of fault, `retryable` and `backoff_class` say whether
// and when the call is retried. The order of the cases is that of the WIT, where they travel as numbers. Plain values,
// any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace rapidbyte::protocol {

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

/// Protocol spelling, for example "transient-network". An invalid value is spelled as the last case.
std::string_view to_string(ErrorCategory value);
std::string_view to_string(ErrorScope value);
std::string_view to_string(BackoffClass value);
std::string_view to_string(CommitState value);

/// Parses the protocol spelling; nullopt when it is not one of the cases.
std::optional<ErrorCategory> error_category_from_string(std::string_view text);
std::optional<ErrorScope> error_scope_from_string(std::string_view text);
std::optional<BackoffClass> backoff_class_from_string(std::string_view text);
std::optional<CommitState> commit_state_from_string(std::string_view text);

/// `code` is UPPER_SNAKE and stable; `message` says what, where, why and how to fix it.
struct Error {
  ErrorCategory category = ErrorCategory::kInternal;
  ErrorScope scope = ErrorScope::kPerStream;
  std::string code;
  std::string message;
  bool retryable = false;
  std::optional<uint64_t> retry_after_ms;
  BackoffClass backoff_class = BackoffClass::kNormal;
  /// True when nothing was changed, or when a retry changes nothing twice.
  bool safe_to_retry = false;
  std::optional<CommitState> commit_state;
  std::optional<std::string> details_json;

  bool operator==(const Error&) const = default;
};

}  // namespace rapidbyte::protocol
