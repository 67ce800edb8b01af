#pragma once
// Queries of connectors over what the connection itself reaches, with results that go into batches.

#include <memory>
#include <string>

#include "connectors/shared/duckdb/engine.h"

namespace duckdb {
class Connection;
}

namespace rapidbyte::duck {

/// See Engine::prepare_own(). `shown`: its text belongs to the user, and errors say where in it they are. Does not
/// catch exceptions.
sdk::Result<std::unique_ptr<Query>> bind_own_query(duckdb::Connection& connection, const std::string& sql,
                                                   const sdk::Json& parameters, bool shown);

}  // namespace rapidbyte::duck
