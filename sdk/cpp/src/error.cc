#include "rapidbyte/sdk/error.h"

namespace rapidbyte::sdk {

Status make_retryable_error(ErrorCategory category, std::string code, std::string message, BackoffClass backoff) {
  Error error;
  error.category = category;
  error.code = std::move(code);
  error.message = std::move(message);
  error.retryable = true;
  error.safe_to_retry = true;
  error.backoff_class = backoff;
  error.commit_state = CommitState::kBeforeCommit;
  return error;
}

Status data_error(std::string code, std::string message) {
  Status status = make_error(ErrorCategory::kData, std::move(code), std::move(message));
  status.error().scope = ErrorScope::kPerRecord;
  return status;
}
Status transient_network_error(std::string code, std::string message) {
  return make_retryable_error(ErrorCategory::kTransientNetwork, std::move(code), std::move(message));
}
Status transient_db_error(std::string code, std::string message) {
  return make_retryable_error(ErrorCategory::kTransientDb, std::move(code), std::move(message));
}
Status rate_limit_error(std::string code, std::string message, uint64_t retry_after_ms) {
  Status status =
      make_retryable_error(ErrorCategory::kRateLimit, std::move(code), std::move(message), BackoffClass::kSlow);
  status.error().retry_after_ms = retry_after_ms;
  return status;
}

}  // namespace rapidbyte::sdk
