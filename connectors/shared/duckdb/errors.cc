#include "connectors/shared/duckdb/errors.h"

#include <charconv>
#include <duckdb.hpp>
#include <optional>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::duck {

using duckdb::ErrorData;
using duckdb::ExceptionType;
using sdk::Json;
using sdk::Status;

namespace {

// What DuckDB says of an error. Its client context writes errors as JSON (errors_as_json), with the place apart from
// the message.
struct Said {
  std::string message;
  std::optional<size_t> position;  // byte in the statement
};

Said said_of(const ErrorData& error) {
  Said said{error.RawMessage(), std::nullopt};
  std::string position;
  if (const auto found = error.ExtraInfo().find("position"); found != error.ExtraInfo().end()) position = found->second;
  if (said.message.starts_with('{')) {
    if (const auto json = sdk::parse_json(said.message); json.ok() && json->is_object()) {
      if (const Json* text = sdk::find_member(*json, "exception_message"); text != nullptr && text->is_string())
        said.message = text->get<std::string>();
      if (const Json* at = sdk::find_member(*json, "position"); at != nullptr && at->is_string())
        position = at->get<std::string>();
    }
  }
  size_t number = 0;
  const auto [end, wrong] = std::from_chars(position.data(), position.data() + position.size(), number);
  if (wrong == std::errc() && !position.empty()) said.position = number;
  return said;
}

// "line 2, column 8: " of a byte of the statement; nothing when it has none.
std::string place_in(std::string_view sql, std::optional<size_t> position) {
  if (!position || *position > sql.size()) return {};
  size_t line = 1;
  size_t column = 1;
  for (const char c : sql.substr(0, *position)) {
    if (c == '\n') {
      ++line;
      column = 1;
    } else if ((static_cast<unsigned char>(c) & 0xC0U) != 0x80U) {
      ++column;  // continuation bytes of UTF-8 are no columns of their own
    }
  }
  return "line " + std::to_string(line) + ", column " + std::to_string(column) + ": ";
}

}  // namespace

std::string message_of(const ErrorData& error) { return said_of(error).message; }

Status invalid(const ErrorData& error, std::string_view sql) {
  const Said said = said_of(error);
  return sdk::config_error(codes::kSqlInvalid, place_in(sql, said.position) + said.message);
}

Status out_of_memory() {
  return sdk::internal_error(
      codes::kSqlOutOfMemory,
      "the query needs more memory than there is for it: raise resources.max_memory, of which it "
      "may use 60 percent, or let it keep fewer rows");
}

Status failed(const ErrorData& error, std::string_view sql) {
  const Said said = said_of(error);
  switch (error.Type()) {
    case ExceptionType::OUT_OF_MEMORY: return out_of_memory();
    // What the values of a row can cause; everything else is no fault of the data.
    case ExceptionType::OUT_OF_RANGE:
    case ExceptionType::CONVERSION:
    case ExceptionType::MISMATCH_TYPE:
    case ExceptionType::DIVIDE_BY_ZERO:
    case ExceptionType::INVALID_INPUT:
    case ExceptionType::DECIMAL:
    case ExceptionType::CONSTRAINT:
      return sdk::data_error(codes::kSqlFailed, place_in(sql, said.position) + said.message);
    default: return sdk::internal_error(codes::kSqlEngineFailed, place_in(sql, said.position) + said.message);
  }
}

Status engine_failed(const std::string& message) { return sdk::internal_error(codes::kSqlEngineFailed, message); }

}  // namespace rapidbyte::duck
