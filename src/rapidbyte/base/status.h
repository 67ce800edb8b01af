#pragma once
// Status and Result<T> of the host: the protocol library's own, under the names that the host uses.

#include <string>
#include <utility>

#include "rapidbyte/protocol/status.h"

namespace rapidbyte {

using protocol::BackoffClass;
using protocol::CommitState;
using protocol::ErrorCategory;
using protocol::ErrorScope;
using protocol::Result;
using protocol::Status;
/// Named as in the protocol, because the host has errors that no connector has seen.
using ConnectorError = protocol::Error;

using protocol::backoff_class_from_string;
using protocol::commit_state_from_string;
using protocol::config_error;
using protocol::error_category_from_string;
using protocol::error_scope_from_string;
using protocol::internal_error;
using protocol::make_error;
using protocol::to_string;

/// Makes a retryable error of a transient category. Unlike the SDK's, it says nothing about what is committed: a
/// failing host function cannot know what its caller had in flight.
inline Status make_retryable_error(ErrorCategory category, std::string code, std::string message,
                                   BackoffClass backoff = BackoffClass::kNormal) {
  Status status = make_error(category, std::move(code), std::move(message));
  status.error().retryable = true;
  status.error().safe_to_retry = true;
  status.error().backoff_class = backoff;
  return status;
}

}  // namespace rapidbyte
