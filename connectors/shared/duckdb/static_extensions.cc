// The extensions that are part of the guest. DuckDB asks for this function, which its own build generates.
#include <duckdb_static_extension.h>

#include <initializer_list>

extern "C" {

int32_t duckdb_extension_core_functions_describe(duckdb_extension_descriptor* descriptor);
int32_t duckdb_extension_icu_describe(duckdb_extension_descriptor* descriptor);
int32_t duckdb_extension_json_describe(duckdb_extension_descriptor* descriptor);
int32_t duckdb_extension_parquet_describe(duckdb_extension_descriptor* descriptor);

/// To be called before the first database is opened. 0 when all are registered.
int32_t duckdb_register_static_extensions(void) {
  int32_t failed = 0;
  for (const auto describe : {duckdb_extension_core_functions_describe, duckdb_extension_icu_describe,
                              duckdb_extension_json_describe, duckdb_extension_parquet_describe}) {
    if (duckdb_register_static_extension(describe) != 0) failed = 1;
  }
  return failed;
}
}
