#pragma once
// Error, Status and Result<T> of the SDK: how connector code reports failure. They are the protocol library's own
// (rapidbyte/protocol/error.h, status.h), so what a connector returns is what the host acts on. Guests are built
// without exceptions, so every call that can fail returns one of these, and both are [[nodiscard]].

#include <cstdint>
#include <string>
#include <utility>

#include "rapidbyte/protocol/status.h"

namespace rapidbyte::sdk {

using protocol::BackoffClass;
using protocol::CommitState;
using protocol::Error;
using protocol::ErrorCategory;
using protocol::ErrorScope;
using protocol::Result;
using protocol::Status;

using protocol::auth_error;
using protocol::config_error;
using protocol::internal_error;
using protocol::make_error;
using protocol::permission_error;
using protocol::schema_error;
using protocol::to_string;

/// An error that is worth a retry; the failed call has committed nothing.
Status make_retryable_error(ErrorCategory category, std::string code, std::string message,
                            BackoffClass backoff = BackoffClass::kNormal);
/// A value that cannot be accepted as it is; scope per-record.
Status data_error(std::string code, std::string message);
Status transient_network_error(std::string code, std::string message);
Status transient_db_error(std::string code, std::string message);
Status rate_limit_error(std::string code, std::string message, uint64_t retry_after_ms);

/// Returns from the enclosing function when `expr` (a Status) is an error.
#define RB_SDK_RETURN_NOT_OK(expr) RB_RETURN_NOT_OK(expr)

/// Declares or assigns `lhs` from a Result, or returns its error.
#define RB_SDK_ASSIGN_OR_RETURN(lhs, expr) RB_ASSIGN_OR_RETURN(lhs, expr)

}  // namespace rapidbyte::sdk
