# CMake's toolchain for C++ with exceptions in a guest: DuckDB and the C++ runtime that it needs. Code compiled with other flags (-fno-exceptions) may
# be linked to it only if no exception passes through it.
set(CMAKE_SYSTEM_NAME WASI)
set(CMAKE_SYSTEM_PROCESSOR wasm32)
# CMake has no platform file with this name; the one in this folder is nearly empty.
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES LLVM_VERSION)

set(rb_llvm /usr/lib/llvm-${LLVM_VERSION}/bin)
set(CMAKE_C_COMPILER ${rb_llvm}/clang)
set(CMAKE_CXX_COMPILER ${rb_llvm}/clang++)
set(CMAKE_ASM_COMPILER ${rb_llvm}/clang)
# The system's ar does not know WebAssembly, so its archives have no index; wasm-ld reads the members instead. That avoids the package llvm-22.
set(CMAKE_AR /usr/bin/ar CACHE FILEPATH "")
set(CMAKE_RANLIB /bin/true CACHE FILEPATH "")

include(${CMAKE_CURRENT_LIST_DIR}/flags.cmake)
string(JOIN " " CMAKE_C_FLAGS_INIT -w ${RB_WASM_EH_C_FLAGS})
# DuckDB's sizes have 64 bits, a guest's size_t 32. A size that does not fit ends the guest at once, before anything smaller than asked for is
# allocated, copied or cleared: memory that is not there must never be written.
set(rb_checked_sizes -fsanitize=implicit-unsigned-integer-truncation,implicit-signed-integer-truncation -fsanitize-trap=all
    -fsanitize-ignorelist=${CMAKE_CURRENT_LIST_DIR}/sizes.txt)
string(JOIN " " CMAKE_CXX_FLAGS_INIT -w ${RB_WASM_EH_CXX_FLAGS} ${rb_checked_sizes})
set(CMAKE_ASM_FLAGS_INIT --target=wasm32-wasi)
set(CMAKE_C_FLAGS_RELEASE "-O2 -DNDEBUG" CACHE STRING "")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG" CACHE STRING "")
set(CMAKE_FIND_ROOT_PATH /usr/lib/wasm32-wasi)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
