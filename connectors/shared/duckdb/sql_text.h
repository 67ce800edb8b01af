#pragma once
// Names, texts and types as DuckDB's SQL writes them. Needs nothing of DuckDB's own.

#include <string>

#include "rapidbyte/sdk/data_type.h"

namespace rapidbyte::duck {

/// An SQL name.
std::string sql_name(const std::string& name);
/// An SQL text.
std::string sql_text(const std::string& text);
/// The name of a type.
std::string sql_type(const sdk::DataType& type);

}  // namespace rapidbyte::duck
