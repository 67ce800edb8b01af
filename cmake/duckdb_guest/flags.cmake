# How C++ with exceptions is compiled for a guest. Read by the toolchain of DuckDB's build and by cmake/RapidbyteGuest.cmake, so that both agree.
# The exceptions are those of WebAssembly 3.0 (exnref), which Wasmtime runs; legacy ones it does not.
set(RB_DUCKDB_GUEST_DIR ${CMAKE_CURRENT_LIST_DIR})
set(RB_WASM_EH_C_FLAGS --target=wasm32-wasi -Wno-deprecated -g0 -msimd128 -mbulk-memory -ffunction-sections -fdata-sections
    -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_PROCESS_CLOCKS -D_WASI_EMULATED_MMAN -D_WASI_EMULATED_GETPID
    -I${RB_DUCKDB_GUEST_DIR}/compat)
# libc++'s headers are Debian's, preceded by our own configuration: DuckDB uses mutexes even without threads, which Debian's build leaves out.
set(RB_WASM_EH_CXX_FLAGS ${RB_WASM_EH_C_FLAGS} -fwasm-exceptions -mllvm -wasm-use-legacy-eh=false -nostdinc++
    -isystem ${RB_DUCKDB_GUEST_DIR}/libcxx -isystem /usr/include/wasm32-wasi/c++/v1)
