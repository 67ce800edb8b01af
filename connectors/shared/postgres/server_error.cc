#include "postgres/server_error.h"

#include <algorithm>
#include <charconv>

#include "postgres/message.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::postgres {

namespace {

using sdk::BackoffClass;
using sdk::ErrorCategory;
using sdk::Json;

constexpr size_t kMaxFieldBytes = 8 << 10;

/// What a SQLSTATE means to the host and the user. An entry of two characters covers the rest of its class.
struct Meaning {
  std::string_view sqlstate;
  ErrorCategory category;
  std::string_view code;
  bool retryable;
  BackoffClass backoff;
  std::string_view advice;
};

constexpr bool kRetry = true;
constexpr bool kNoRetry = false;

constexpr Meaning kMeanings[] = {
    // Login.
    {"28P01", ErrorCategory::kAuth, codes::kPasswordRefused, kNoRetry, BackoffClass::kNormal,
     "Check `user` and `password` (a wrong user name looks the same)."},
    {"28000", ErrorCategory::kAuth, codes::kLoginRefused, kNoRetry, BackoffClass::kNormal,
     "The user does not exist, may not log in, or pg_hba.conf of the server does not let it in from here; look also at "
     "`sslmode`."},
    {"3D000", ErrorCategory::kConfig, codes::kDatabaseMissing, kNoRetry, BackoffClass::kNormal,
     "Check `database`; names are case-sensitive."},
    {"53300", ErrorCategory::kTransientDb, codes::kTooManyConnections, kRetry, BackoffClass::kSlow,
     "The server, the database or the role has no connection left: close some, lower resources.parallelism, or raise "
     "the server's max_connections or the CONNECTION LIMIT of the role or the database."},
    {"57P03", ErrorCategory::kTransientDb, codes::kServerNotReady, kRetry, BackoffClass::kSlow,
     "The server is starting, recovering or stopping; try again when it is up."},
    {"57P01", ErrorCategory::kTransientDb, codes::kSessionEnded, kRetry, BackoffClass::kNormal,
     "An administrator ended the session or stopped the server."},
    {"57P02", ErrorCategory::kTransientDb, codes::kServerCrashed, kRetry, BackoffClass::kSlow,
     "A process of the server crashed and it is recovering; see the server's log."},
    {"57P05", ErrorCategory::kTransientDb, codes::kSessionEnded, kRetry, BackoffClass::kNormal,
     "The session was idle for longer than the server's idle_session_timeout."},
    {"25P03", ErrorCategory::kTransientDb, codes::kSessionEnded, kRetry, BackoffClass::kNormal,
     "The transaction was idle for longer than the server's idle_in_transaction_session_timeout: raise it for this "
     "user."},
    {"08", ErrorCategory::kTransientDb, codes::kConnectionLost, kRetry, BackoffClass::kNormal,
     "The server lost the connection."},

    // What exists, and what is allowed.
    {"42P01", ErrorCategory::kSchema, codes::kTableMissing, kNoRetry, BackoffClass::kNormal,
     "Check the table's name and `schema`; names are case-sensitive here."},
    {"3F000", ErrorCategory::kSchema, codes::kSchemaMissing, kNoRetry, BackoffClass::kNormal, "Check `schema`."},
    {"42703", ErrorCategory::kSchema, codes::kColumnMissing, kNoRetry, BackoffClass::kNormal,
     "Check the column's name; names are case-sensitive here."},
    {"42704", ErrorCategory::kSchema, codes::kObjectMissing, kNoRetry, BackoffClass::kNormal, ""},
    {"42883", ErrorCategory::kSchema, codes::kFunctionMissing, kNoRetry, BackoffClass::kNormal,
     "A function or operator that the types need is missing in this database."},
    {"42501", ErrorCategory::kPermission, codes::kPermissionDenied, kNoRetry, BackoffClass::kNormal,
     "Give the user this right (GRANT), or log in as one who has it."},
    {"42601", ErrorCategory::kConfig, codes::kSqlRefused, kNoRetry, BackoffClass::kNormal,
     "If the statement has a part from the pipeline (such as `where`), correct that."},
    {"42", ErrorCategory::kSchema, codes::kSqlRefused, kNoRetry, BackoffClass::kNormal, ""},
    {"0A", ErrorCategory::kSchema, codes::kNotSupported, kNoRetry, BackoffClass::kNormal, ""},
    {"2B", ErrorCategory::kSchema, codes::kDependentObjects, kNoRetry, BackoffClass::kNormal,
     "Other objects depend on this one: drop or change them first."},
    {"54", ErrorCategory::kSchema, codes::kServerLimit, kNoRetry, BackoffClass::kNormal,
     "This goes beyond a limit of PostgreSQL itself."},
    {"25006", ErrorCategory::kConfig, codes::kReadOnly, kNoRetry, BackoffClass::kNormal,
     "The server is a standby, or default_transaction_read_only is on: connect to the primary."},

    // Values.
    {"23", ErrorCategory::kData, codes::kConstraintViolated, kNoRetry, BackoffClass::kNormal, ""},
    {"22", ErrorCategory::kData, codes::kValueRefused, kNoRetry, BackoffClass::kNormal, ""},
    {"44", ErrorCategory::kData, codes::kConstraintViolated, kNoRetry, BackoffClass::kNormal, ""},
    {"P0001", ErrorCategory::kData, codes::kRaised, kNoRetry, BackoffClass::kNormal,
     "A function or trigger of the database refuses this."},

    // Temporary conditions.
    {"40001", ErrorCategory::kTransientDb, codes::kSerializationFailure, kRetry, BackoffClass::kFast, ""},
    {"40P01", ErrorCategory::kTransientDb, codes::kDeadlock, kRetry, BackoffClass::kNormal,
     "Another session locked the same things in another order."},
    {"40", ErrorCategory::kTransientDb, codes::kTransactionRolledBack, kRetry, BackoffClass::kNormal, ""},
    {"55P03", ErrorCategory::kTransientDb, codes::kLocked, kRetry, BackoffClass::kSlow,
     "Another session holds a lock; see pg_locks and lock_timeout."},
    {"55006", ErrorCategory::kTransientDb, codes::kObjectInUse, kRetry, BackoffClass::kSlow, ""},
    {"57014", ErrorCategory::kTransientDb, codes::kQueryCanceled, kNoRetry, BackoffClass::kNormal,
     "Somebody cancelled the statement, or it took longer than statement_timeout: raise that for this user."},
    {"53100", ErrorCategory::kTransientDb, codes::kDiskFull, kNoRetry, BackoffClass::kSlow,
     "The server's disk is full: free space, then run again."},
    {"53200", ErrorCategory::kTransientDb, codes::kServerOutOfMemory, kRetry, BackoffClass::kSlow, ""},
    {"53", ErrorCategory::kTransientDb, codes::kServerOutOfResources, kRetry, BackoffClass::kSlow, ""},
    {"58", ErrorCategory::kTransientDb, codes::kServerIoError, kNoRetry, BackoffClass::kNormal,
     "The server's disk or files failed; see the server's log."},
    {"25P04", ErrorCategory::kTransientDb, codes::kQueryCanceled, kNoRetry, BackoffClass::kNormal,
     "The transaction took longer than transaction_timeout: raise that for this user."},
    {"55000", ErrorCategory::kSchema, codes::kNotReady, kNoRetry, BackoffClass::kNormal, ""},
    {"25P02", ErrorCategory::kInternal, codes::kTransactionFailed, kNoRetry, BackoffClass::kNormal, ""},
};

constexpr Meaning kOther = {"", ErrorCategory::kInternal, codes::kServerError, kNoRetry, BackoffClass::kNormal, ""};

const Meaning& meaning_of(std::string_view sqlstate) {
  const auto find = [&](std::string_view key) -> const Meaning* {
    const auto* found = std::ranges::find(kMeanings, key, &Meaning::sqlstate);
    return found == std::end(kMeanings) ? nullptr : found;
  };
  if (const Meaning* exact = find(sqlstate)) return *exact;
  if (const Meaning* of_class = find(sqlstate.substr(0, 2))) return *of_class;
  return kOther;
}

/// At most kMaxFieldBytes of `text`, with invalid UTF-8 replaced: a login error comes before the encoding has been
/// agreed.
std::string field_text(std::string_view text) {
  bool cut = text.size() > kMaxFieldBytes;
  std::string out(text.substr(0, kMaxFieldBytes));
  // nlohmann replaces invalid bytes on output; parsing that again gives the repaired text.
  if (!std::ranges::all_of(out, [](char c) { return static_cast<unsigned char>(c) < 0x80; })) {
    const auto repaired = sdk::parse_json(sdk::to_text(Json(out)));
    out = repaired.ok() ? std::string(sdk::as_string(*repaired).value_or("")) : "(not UTF-8)";
  }
  if (cut) out += "...";
  return out;
}

void put_if_set(Json& object, const char* key, const std::string& value) {
  if (!value.empty()) object[key] = value;
}

std::string details_json(const ServerError& error) {
  Json out = Json::object();
  put_if_set(out, "severity", error.severity);
  put_if_set(out, "sqlstate", error.sqlstate);
  put_if_set(out, "message", error.message);
  put_if_set(out, "detail", error.detail);
  put_if_set(out, "hint", error.hint);
  if (error.position != 0) out["position"] = error.position;
  put_if_set(out, "where", error.where);
  put_if_set(out, "schema", error.schema);
  put_if_set(out, "table", error.table);
  put_if_set(out, "column", error.column);
  put_if_set(out, "data_type", error.data_type);
  put_if_set(out, "constraint", error.constraint);
  put_if_set(out, "routine", error.routine);
  if (error.in_inner_query) out["in_inner_query"] = true;
  if (error.value_refused) out["value_refused"] = true;
  return sdk::to_text(Json{{"postgres", std::move(out)}});
}

/// Without the full stop that some of the server's texts end with, so that sentences can be joined.
std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '.' || text.back() == ' ' || text.back() == '\n')) text.remove_suffix(1);
  return text;
}

void append_sentence(std::string& message, std::string_view sentence) {
  sentence = trimmed(sentence);
  if (sentence.empty()) return;
  message += ". ";
  message += sentence;
}

}  // namespace

std::optional<uint64_t> ServerError::copy_line() const {
  constexpr std::string_view kLine = ", line ";
  // After the lines of a trigger that raised it.
  const size_t above = where.starts_with("COPY ") ? 0 : where.find("\nCOPY ");
  const size_t at = above == std::string::npos ? above : where.find(kLine, above);
  if (at == std::string::npos) return std::nullopt;
  uint64_t line = 0;
  const char* digits = where.data() + at + kLine.size();
  if (std::from_chars(digits, where.data() + where.size(), line).ec != std::errc()) return std::nullopt;
  return line;
}

std::string_view ServerError::copied_value() const {
  std::string_view place = where;
  if (!place.starts_with("COPY ")) {
    // For a type's name the parser adds "invalid type name "x"" first. What it says about a statement inside a function
    // includes that statement.
    const size_t line = routine.ends_with("yyerror") && !in_inner_query ? place.rfind("\nCOPY ") : std::string::npos;
    if (line == std::string_view::npos) return {};
    place.remove_prefix(line + 1);
  }
  // ", line 17, column price", each word in the server's language.
  for (size_t at = place.find(", "); at != std::string_view::npos; at = place.find(", ", at + 1)) {
    const size_t number = std::min(place.find(' ', at + 2), place.size() - 1) + 1;
    const size_t end = std::min(place.find_first_not_of("0123456789", number), place.size());
    if (end == number) continue;
    // For a whole row it shows the text, which may contain anything.
    if (!place.substr(end).starts_with(", ")) return {};
    const size_t name = place.find(' ', end + 2);
    return name == std::string_view::npos ? std::string_view() : place.substr(name + 1);
  }
  return {};
}

sdk::Result<ServerError> parse_server_error(std::span<const uint8_t> body) {
  BodyReader reader(body);
  ServerError out;
  std::string local_severity;
  for (;;) {
    const auto field = static_cast<char>(reader.number<uint8_t>());
    if (field == '\0') break;
    const std::string_view value = reader.zero_terminated();
    switch (field) {
      case 'S': local_severity = field_text(value); break;
      case 'V': out.severity = field_text(value); break;
      case 'C': out.sqlstate = field_text(value.substr(0, 5)); break;
      case 'M': out.message = field_text(value); break;
      case 'D': out.detail = field_text(value); break;
      case 'H': out.hint = field_text(value); break;
      case 'P': (void)std::from_chars(value.data(), value.data() + value.size(), out.position); break;
      case 'W': out.where = field_text(value); break;
      case 's': out.schema = field_text(value); break;
      case 't': out.table = field_text(value); break;
      case 'c': out.column = field_text(value); break;
      case 'd': out.data_type = field_text(value); break;
      case 'n': out.constraint = field_text(value); break;
      case 'R': out.routine = field_text(value); break;
      case 'q': out.in_inner_query = true; break;
      default: break;  // fields of newer servers, file and line in the server's source code
    }
  }
  if (reader.failed()) return protocol_error("an error message that is cut");
  if (out.severity.empty()) out.severity = std::move(local_severity);
  if (out.sqlstate.empty() && out.message.empty()) return protocol_error("an error message without code and text");
  return out;
}

sdk::Status to_status(const ServerError& error, std::string_view what) {
  const Meaning& meaning = meaning_of(error.sqlstate);
  std::string message(what);
  if (!message.empty()) message += ": ";
  message += trimmed(error.message);
  append_sentence(message, error.detail);
  append_sentence(message, error.where);
  append_sentence(message, error.hint);
  append_sentence(message, meaning.advice);
  message += " (SQLSTATE " + error.sqlstate + ")";

  sdk::Error out;
  out.category = meaning.category;
  out.code = meaning.code;
  out.message = std::move(message);
  out.retryable = meaning.retryable;
  out.safe_to_retry = meaning.retryable;
  out.backoff_class = meaning.backoff;
  out.details_json = details_json(error);
  return out;
}

std::optional<ServerError> server_error_of(const sdk::Error& error) {
  if (!error.details_json) return std::nullopt;
  const auto parsed = sdk::parse_json(*error.details_json);
  const Json* fields = parsed.ok() ? sdk::find_member(*parsed, "postgres") : nullptr;
  if (fields == nullptr) return std::nullopt;
  const auto text = [&](std::string_view key) { return sdk::string_member(*fields, key).value_or(""); };
  ServerError out;
  out.severity = text("severity");
  out.sqlstate = text("sqlstate");
  out.message = text("message");
  out.detail = text("detail");
  out.hint = text("hint");
  out.position = static_cast<uint32_t>(sdk::uint_member(*fields, "position").value_or(0));
  out.where = text("where");
  out.schema = text("schema");
  out.table = text("table");
  out.column = text("column");
  out.data_type = text("data_type");
  out.constraint = text("constraint");
  out.routine = text("routine");
  out.in_inner_query = sdk::bool_member(*fields, "in_inner_query").value_or(false);
  out.value_refused = sdk::bool_member(*fields, "value_refused").value_or(false);
  return out;
}

void refuse_value(sdk::Error& error, const std::string& column) {
  auto server = server_error_of(error);
  if (!server) return;
  server->column = column;
  server->value_refused = true;
  error.details_json = details_json(*server);
}

std::string sqlstate_of(const sdk::Error& error) {
  const auto fields = server_error_of(error);
  return fields ? fields->sqlstate : std::string();
}

}  // namespace rapidbyte::postgres
