#include "rapidbyte/protocol/status.h"

namespace rapidbyte::protocol {

Status&& Status::with_context(std::string_view where) && {
  if (error_) error_->message.insert(0, std::string(where) + ": ");
  return std::move(*this);
}

std::string Status::to_string() const {
  if (!error_) return "ok";
  return error_->code + " (" + std::string(protocol::to_string(error_->category)) + "): " + error_->message;
}

Status make_error(ErrorCategory category, std::string code, std::string message) {
  Error error;
  error.category = category;
  error.code = std::move(code);
  error.message = std::move(message);
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
Status internal_error(std::string code, std::string message) {
  return make_error(ErrorCategory::kInternal, std::move(code), std::move(message));
}

}  // namespace rapidbyte::protocol
