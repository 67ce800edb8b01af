#pragma once
// How DuckDB gets its memory in a guest. Its sizes have 64 bits and a guest's have 32.

#include <duckdb/common/allocator.hpp>

namespace rapidbyte::duck {

/// Asks malloc only for what a guest's size_t can say; more is out of memory, before anything is cut. What DuckDB
/// allocates in other ways (arrays and strings of the C++ library) is not checked.
duckdb::unique_ptr<duckdb::Allocator> checked_allocator();
/// The same for what belongs to no database. Before the first is opened.
void check_default_allocations();

}  // namespace rapidbyte::duck
