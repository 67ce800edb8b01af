#pragma once
// Files written by DuckDB's copy functions, group of rows by group of rows: what COPY TO does, for rows that come
// little by little.

#include <memory>
#include <string>

#include "connectors/shared/duckdb/engine.h"

namespace duckdb {
class Connection;
}

namespace rapidbyte::duck {

/// See Engine::write_file().
sdk::Result<std::unique_ptr<FileWriter>> open_file(duckdb::Connection& connection, const std::string& path,
                                                   const FileFormat& format, const sdk::Schema& rows,
                                                   const std::string& select, const std::string& where);

}  // namespace rapidbyte::duck
