#include "connectors/shared/duckdb/allocation.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <duckdb.hpp>
#include <limits>

namespace rapidbyte::duck {
namespace {

bool fits(duckdb::idx_t bytes) { return bytes <= std::numeric_limits<size_t>::max(); }

// Null is out of memory for DuckDB, which throws it.
duckdb::data_ptr_t allocate(duckdb::PrivateAllocatorData* /*data*/, duckdb::idx_t bytes) {
  return fits(bytes) ? static_cast<duckdb::data_ptr_t>(std::malloc(static_cast<size_t>(bytes))) : nullptr;
}

duckdb::data_ptr_t reallocate(duckdb::PrivateAllocatorData* /*data*/, duckdb::data_ptr_t from,
                              duckdb::idx_t /*old_bytes*/, duckdb::idx_t bytes) {
  return fits(bytes) ? static_cast<duckdb::data_ptr_t>(std::realloc(from, static_cast<size_t>(bytes))) : nullptr;
}

void release(duckdb::PrivateAllocatorData* /*data*/, duckdb::data_ptr_t from, duckdb::idx_t /*bytes*/) {
  std::free(from);
}

}  // namespace

duckdb::unique_ptr<duckdb::Allocator> checked_allocator() {
  return duckdb::make_uniq<duckdb::Allocator>(allocate, release, reallocate, nullptr);
}

void check_default_allocations() {
  static bool done = false;
  if (done) return;
  duckdb::Allocator::DefaultAllocatorReference() =
      duckdb::make_shared_ptr<duckdb::Allocator>(allocate, release, reallocate, nullptr);
  done = true;
}

}  // namespace rapidbyte::duck
