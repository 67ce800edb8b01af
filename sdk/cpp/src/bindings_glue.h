#pragma once
// Converts values of the generated bindings in both directions. wit-bindgen names its C types after the world, so this
// header is compiled once per world, selected by RB_SDK_WORLD (source, destination, transform, multi). Internal to the
// component build.

#define RB_SDK_PASTE_INNER(a, b) a##b
#define RB_SDK_PASTE(a, b) RB_SDK_PASTE_INNER(a, b)
#define RB_SDK_QUOTE_INNER(x) #x
#define RB_SDK_QUOTE(x) RB_SDK_QUOTE_INNER(x)
/// rapidbyte_<world>_<name>
#define RB_SDK_BINDING(name) RB_SDK_PASTE(RB_SDK_PASTE(rapidbyte_, RB_SDK_WORLD), name)
#include RB_SDK_QUOTE(RB_SDK_PASTE(rapidbyte_, RB_SDK_WORLD).h)

#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/host.h"

namespace rapidbyte::sdk::glue {

using String = RB_SDK_BINDING(_string_t);
using List = RB_SDK_BINDING(_list_u8_t);
using WireError = rapidbyte_connector_types_connector_error_t;

/// Borrows `text` for one call; the bindings do not write to arguments.
inline String borrow(std::string_view text) {
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(text.data())), text.size()};
}

/// A copy on the heap for a result; the bindings free it after the host has read it.
inline String give(std::string_view text) {
  if (text.empty()) return {nullptr, 0};
  auto* block = static_cast<uint8_t*>(std::malloc(text.size()));
  if (block == nullptr) std::abort();
  std::memcpy(block, text.data(), text.size());
  return {block, text.size()};
}

inline std::string_view view(const String& text) {
  return text.len == 0 ? std::string_view() : std::string_view(reinterpret_cast<const char*>(text.ptr), text.len);
}

/// Takes over a string from the host, and frees the original. The pointer of an empty one does not come from malloc.
inline std::string take(String& text) {
  std::string out(view(text));
  if (text.len != 0) std::free(text.ptr);
  text = {nullptr, 0};
  return out;
}

inline Bytes take(List& list) { return list.len == 0 ? Bytes() : Bytes::adopt(list.ptr, list.len); }

inline Error take(WireError& wire) {
  Error error;
  error.category = static_cast<ErrorCategory>(wire.category);
  error.scope = static_cast<ErrorScope>(wire.scope);
  error.code = take(wire.code);
  error.message = take(wire.message);
  error.retryable = wire.retryable;
  if (wire.retry_after_ms.is_some) error.retry_after_ms = wire.retry_after_ms.val;
  error.backoff_class = static_cast<BackoffClass>(wire.backoff_class);
  error.safe_to_retry = wire.safe_to_retry;
  if (wire.commit_state.is_some) error.commit_state = static_cast<CommitState>(wire.commit_state.val);
  if (wire.details_json.is_some) error.details_json = take(wire.details_json.val);
  return error;
}

inline void give(const Error& error, WireError* wire) {
  *wire = {};
  wire->category = static_cast<uint8_t>(error.category);
  wire->scope = static_cast<uint8_t>(error.scope);
  wire->code = give(error.code);
  wire->message = give(error.message);
  wire->retryable = error.retryable;
  wire->retry_after_ms = {error.retry_after_ms.has_value(), error.retry_after_ms.value_or(0)};
  wire->backoff_class = static_cast<uint8_t>(error.backoff_class);
  wire->safe_to_retry = error.safe_to_retry;
  wire->commit_state = {error.commit_state.has_value(),
                        static_cast<uint8_t>(error.commit_state.value_or(CommitState::kBeforeCommit))};
  wire->details_json.is_some = error.details_json.has_value();
  if (error.details_json) wire->details_json.val = give(*error.details_json);
}

/// The answer of an export without a value: true means success.
inline bool give(const Status& status, WireError* wire) {
  if (!status.ok()) give(status.error(), wire);
  return status.ok();
}

static_assert(RAPIDBYTE_CONNECTOR_TYPES_ERROR_CATEGORY_INTERNAL == static_cast<int>(ErrorCategory::kInternal));
static_assert(RAPIDBYTE_CONNECTOR_TYPES_ERROR_CATEGORY_TRANSIENT_DB == static_cast<int>(ErrorCategory::kTransientDb));
static_assert(RAPIDBYTE_CONNECTOR_TYPES_ERROR_SCOPE_PER_RECORD == static_cast<int>(ErrorScope::kPerRecord));
static_assert(RAPIDBYTE_CONNECTOR_TYPES_BACKOFF_CLASS_SLOW == static_cast<int>(BackoffClass::kSlow));
static_assert(RAPIDBYTE_CONNECTOR_TYPES_COMMIT_STATE_AFTER_COMMIT_CONFIRMED ==
              static_cast<int>(CommitState::kAfterCommitConfirmed));
static_assert(RAPIDBYTE_CONNECTOR_TYPES_SOCKET_INTEREST_WRITABLE == static_cast<int>(host::SocketInterest::kWritable));
static_assert(RAPIDBYTE_CONNECTOR_TYPES_TLS_VERIFY_FULL == static_cast<int>(host::TlsVerify::kFull));

}  // namespace rapidbyte::sdk::glue
