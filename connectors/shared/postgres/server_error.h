#pragma once
// ServerError: an ErrorResponse or NoticeResponse of the server with its fields, and what it means to the host: the
// category, whether a retry helps, and what the user can do. The fields travel inside the SDK's error as details_json,
// so that a connector can still ask for the SQLSTATE or the constraint where it handles the error.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "rapidbyte/sdk/error.h"

namespace rapidbyte::postgres {

/// Texts are valid UTF-8 and cut at 8 KiB each; empty: the server did not send that field.
struct ServerError {
  std::string severity;  // ERROR, FATAL, PANIC, WARNING, NOTICE, ...; not translated when the server is 9.6 or newer
  std::string sqlstate;  // five characters
  std::string message;
  std::string detail;
  std::string hint;
  uint32_t position = 0;  // character in the query, from 1; 0: unknown
  std::string where;      // for COPY: "COPY orders, line 17, column price"
  std::string schema;
  std::string table;
  std::string column;
  std::string data_type;
  std::string constraint;
  std::string routine;  // of the server's source code; unlike the message it is not translated
  bool in_inner_query = false;  // in the text of a statement that a function ran
  /// Not said by the server: see refuse_value().
  bool value_refused = false;

  bool operator==(const ServerError&) const = default;
  /// Whether the server ended the session with it.
  [[nodiscard]] bool is_fatal() const { return severity == "FATAL" || severity == "PANIC"; }
  /// The number after "line" in `where`: the row of a COPY, from 1.
  [[nodiscard]] std::optional<uint64_t> copy_line() const;
  /// The part of `where` from the column's name on: "price: \"x\"" of "COPY orders, line 17, column price: \"x\"", in
  /// whatever language the server speaks; empty when it names none. If there is one, then only the type's own parsing
  /// of that value, with no user's function around it, has failed.
  [[nodiscard]] std::string_view copied_value() const;
};

/// The body of an ErrorResponse or NoticeResponse. PROTOCOL (internal) when it is not one.
sdk::Result<ServerError> parse_server_error(std::span<const uint8_t> body);

/// As an error of the SDK: `what` says what was being done ("COPY into public.orders"). The codes are those of
/// docs/connectors/postgresql.md.
sdk::Status to_status(const ServerError& error, std::string_view what);

/// The server's fields in an error made by to_status(); nullopt when it came from elsewhere.
std::optional<ServerError> server_error_of(const sdk::Error& error);
/// Records in an error of the server that the value of `column` is the cause, which the server did not say but the
/// connector has found out: ServerError::value_refused, with `column`.
void refuse_value(sdk::Error& error, const std::string& column);
/// Only the SQLSTATE; empty when the error came from elsewhere.
std::string sqlstate_of(const sdk::Error& error);

}  // namespace rapidbyte::postgres
