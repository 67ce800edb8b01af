#pragma once
// Status and Result<T>: how the host, the SDK and connectors report failure. Both are [[nodiscard]]. Guests are built
// without exceptions; in the host they never cross a module boundary, and code that calls a throwing library catches in
// the same file. Values, any thread.

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "rapidbyte/protocol/error.h"

namespace rapidbyte::protocol {

/// Success, or one Error. Moving is cheap; success holds no memory.
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

  static Status ok_status() { return {}; }

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

/// An error of `category` that is not retryable; scope per-stream.
Status make_error(ErrorCategory category, std::string code, std::string message);
Status config_error(std::string code, std::string message);
Status auth_error(std::string code, std::string message);
Status permission_error(std::string code, std::string message);
Status schema_error(std::string code, std::string message);
Status internal_error(std::string code, std::string message);

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

#define RB_CONCAT_INNER(a, b) a##b
#define RB_CONCAT(a, b) RB_CONCAT_INNER(a, b)

/// Returns from the enclosing function when `expr` (a Status) is an error.
#define RB_RETURN_NOT_OK(expr)                        \
  do {                                                \
    ::rapidbyte::protocol::Status rb_status = (expr); \
    if (!rb_status.ok()) return rb_status;            \
  } while (false)

/// Declares or assigns `lhs` from a Result, or returns its error.
#define RB_ASSIGN_OR_RETURN(lhs, expr) RB_ASSIGN_OR_RETURN_IMPL(RB_CONCAT(rb_result_, __LINE__), lhs, expr)
#define RB_ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                             \
  if (!tmp.ok()) return std::move(tmp).status(); \
  lhs = std::move(*tmp)

}  // namespace rapidbyte::protocol
