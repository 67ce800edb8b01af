#pragma once
// What DuckDB says of an error, as Status with our codes. Its exceptions end in guarded().

#include <duckdb/common/error_data.hpp>
#include <exception>
#include <functional>
#include <new>
#include <string>
#include <string_view>

#include "rapidbyte/sdk/error.h"

namespace rapidbyte::duck {

/// DuckDB's message, without its kind and place.
std::string message_of(const duckdb::ErrorData& error);
/// SQL_INVALID (config): what is wrong with the text of a query, and where.
sdk::Status invalid(const duckdb::ErrorData& error, std::string_view sql);
/// SQL_FAILED (data) for what the values of a row can cause, SQL_OUT_OF_MEMORY or SQL_ENGINE_FAILED (internal)
/// otherwise.
sdk::Status failed(const duckdb::ErrorData& error, std::string_view sql);
/// SQL_OUT_OF_MEMORY (internal).
sdk::Status out_of_memory();
/// SQL_ENGINE_FAILED (internal) with that message.
sdk::Status engine_failed(const std::string& message);

/// The only way in for C++ exceptions out of DuckDB: runs `body`, which returns a Status or a Result.
template <typename Body>
auto guarded(Body body, const std::function<sdk::Status(const duckdb::ErrorData&)>& status_of) -> decltype(body()) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const std::exception& exception) {
    return status_of(duckdb::ErrorData(exception));
  } catch (...) {
    return engine_failed("the engine failed without saying why");
  }
}

}  // namespace rapidbyte::duck
