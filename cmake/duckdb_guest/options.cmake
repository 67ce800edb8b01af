# How DuckDB is configured (cmake -C): without what a guest cannot use, which is programs, threads, sockets and extensions that are loaded at run
# time.
set(CMAKE_PROJECT_DuckDB_INCLUDE ${CMAKE_CURRENT_LIST_DIR}/precompile.cmake CACHE FILEPATH "")
foreach(off IN ITEMS BUILD_SHELL BUILD_UNITTESTS ENABLE_SANITIZER ENABLE_UBSAN ENABLE_JEMALLOC ENABLE_EXTENSION_LOAD ENABLE_BUILTIN_HTTPLIB)
  set(${off} OFF CACHE BOOL "")
endforeach()
set(DISABLE_THREADS ON CACHE BOOL "")
set(EXTENSION_STATIC_BUILD ON CACHE BOOL "")
set(BUILD_EXTENSIONS "core_functions;parquet;json;icu" CACHE STRING "")
set(DUCKDB_CAPABILITIES none CACHE STRING "")
set(STATICALLY_LINK_EXTENSIONS none CACHE STRING "")
set(DUCKDB_EXPLICIT_PLATFORM wasm32_wasi CACHE STRING "")
# Behind DuckDB's own -O3, which makes the component a tenth larger and no query faster.
set(CXX_EXTRA -O2 CACHE STRING "")
