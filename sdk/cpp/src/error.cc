#include "rapidbyte/sdk/error.h"

namespace rapidbyte::sdk {

std::string_view to_string(ErrorCategory value) {
  switch (value) {
    case ErrorCategory::kConfig: return "config";
    case ErrorCategory::kAuth: return "auth";
    case ErrorCategory::kPermission: return "permission";
    case ErrorCategory::kRateLimit: return "rate-limit";
    case ErrorCategory::kTransientNetwork: return "transient-network";
    case ErrorCategory::kTransientDb: return "transient-db";
    case ErrorCategory::kData: return "data";
    case ErrorCategory::kSchema: return "schema";
    case ErrorCategory::kInternal: return "internal";
  }
  return "internal";
}

Status&& Status::with_context(std::string_view where) && {
  if (error_) error_->message.insert(0, std::string(where) + ": ");
  return std::move(*this);
}

std::string Status::to_string() const {
  if (!error_) return "ok";
  return error_->code + " (" + std::string(sdk::to_string(error_->category)) + "): " + error_->message;
}

Status make_error(ErrorCategory category, std::string code, std::string message) {
  Error error;
  error.category = category;
  error.code = std::move(code);
  error.message = std::move(message);
  return error;
}

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

Status config_error(std::string code, std::string message) {
  return make_error(ErrorCategory::kConfig, std::move(code), std::move(message));
}
Status auth_error(std::string code, std::string message) {
  return make_error(ErrorCategory::kAuth, std::move(code), std::move(message));
}
Status permission_error(std::string code, std::string message) {
  return make_error(ErrorCategory::kPermission, std::move(code), std::move(message));
}
Status schema_error(std::string code, std::string message) {
  return make_error(ErrorCategory::kSchema, std::move(code), std::move(message));
}
Status data_error(std::string code, std::string message) {
  Status status = make_error(ErrorCategory::kData, std::move(code), std::move(message));
  status.error().scope = ErrorScope::kPerRecord;
  return status;
}
Status internal_error(std::string code, std::string message) {
  return make_error(ErrorCategory::kInternal, std::move(code), std::move(message));
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
