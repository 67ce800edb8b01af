# Finds what ./dev has installed: system packages, and the slow dependencies under RB_DEPS_DIR (built once, outside the checkout, keyed by their
# versions). Here and in ./dev versions come only from cmake/versions.env.
file(STRINGS ${CMAKE_SOURCE_DIR}/cmake/versions.env rb_version_lines REGEX "^[A-Z_0-9]+=")
foreach(line IN LISTS rb_version_lines)
  string(REGEX MATCH "^([A-Z_0-9]+)=(.*)$" _ "${line}")
  set(${CMAKE_MATCH_1} "${CMAKE_MATCH_2}")
endforeach()

if(NOT DEFINED RB_DEPS_DIR)
  if(DEFINED ENV{RAPIDBYTE_DEPS_DIR})
    set(RB_DEPS_DIR $ENV{RAPIDBYTE_DEPS_DIR})
  else()
    set(RB_DEPS_DIR $ENV{HOME}/.cache/rapidbyte/deps)
  endif()
endif()
set(RB_DEPS_DIR ${RB_DEPS_DIR} CACHE PATH "Slow dependencies, made by ./dev deps")

# What users install is one file: everything but the C library is linked into it, so that it runs on a machine without these packages, and starts
# without a dozen libraries to find and to relocate. Developers' builds link dynamically, which is faster.
option(RB_STATIC_LIBRARIES "Link the libraries into the program" OFF)
if(RB_STATIC_LIBRARIES)
  set(OPENSSL_USE_STATIC_LIBS TRUE)
  set(rb_shared_suffixes ${CMAKE_FIND_LIBRARY_SUFFIXES})
  set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
endif()
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(SQLite3 REQUIRED)
find_library(RB_LZ4_LIBRARY lz4 REQUIRED)
find_library(RB_ZSTD_LIBRARY zstd REQUIRED)
find_path(RB_XXHASH_INCLUDE xxhash.h REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
add_library(rb_fmt INTERFACE)
add_library(rb_spdlog INTERFACE)
add_library(rb_yaml_cpp INTERFACE)
if(RB_STATIC_LIBRARIES)
  # Debian has these two as shared libraries only, but their headers contain everything. (spdlog's own target for that would bring back the shared
  # fmt.)
  target_link_libraries(rb_fmt INTERFACE fmt::fmt-header-only)
  target_compile_definitions(rb_spdlog INTERFACE SPDLOG_FMT_EXTERNAL)
  target_link_libraries(rb_spdlog INTERFACE rb_fmt Threads::Threads)
  find_library(RB_YAML_CPP_LIBRARY yaml-cpp REQUIRED)
  target_link_libraries(rb_yaml_cpp INTERFACE ${RB_YAML_CPP_LIBRARY})
  add_link_options(-static-libstdc++ -static-libgcc)
  set(CMAKE_FIND_LIBRARY_SUFFIXES ${rb_shared_suffixes})
else()
  target_link_libraries(rb_fmt INTERFACE fmt::fmt)
  target_link_libraries(rb_spdlog INTERFACE spdlog::spdlog)
  target_link_libraries(rb_yaml_cpp INTERFACE yaml-cpp)
endif()
if(RB_BUILD_TESTS)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()
find_program(RB_CCACHE ccache)
if(RB_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${RB_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${RB_CCACHE})
endif()

# nanoarrow with IPC, from the PyPI source archive.
set(RB_NANOARROW_DIR ${RB_DEPS_DIR}/nanoarrow-${NANOARROW_VERSION})
set(RB_WASMTIME_DIR ${RB_DEPS_DIR}/wasmtime-${WASMTIME_VERSION})
foreach(dir IN ITEMS ${RB_NANOARROW_DIR} ${RB_WASMTIME_DIR})
  if(NOT EXISTS ${dir})
    message(FATAL_ERROR "${dir} is missing. Run ./dev deps (or any other ./dev command, they all do it first).")
  endif()
endforeach()

set(RB_NANOARROW_SOURCES_REL
    src/nanoarrow/common/array.c src/nanoarrow/common/schema.c src/nanoarrow/common/array_stream.c
    src/nanoarrow/common/utils.c src/nanoarrow/ipc/codecs.c src/nanoarrow/ipc/decoder.c src/nanoarrow/ipc/encoder.c
    src/nanoarrow/ipc/reader.c src/nanoarrow/ipc/writer.c
    flatcc/src/runtime/builder.c flatcc/src/runtime/emitter.c flatcc/src/runtime/verifier.c flatcc/src/runtime/refmap.c)
list(TRANSFORM RB_NANOARROW_SOURCES_REL PREPEND ${RB_NANOARROW_DIR}/ OUTPUT_VARIABLE RB_NANOARROW_SOURCES)
set(RB_NANOARROW_INCLUDES ${RB_NANOARROW_DIR}/include ${RB_NANOARROW_DIR}/src ${RB_NANOARROW_DIR}/flatcc/include)

add_library(rb_nanoarrow STATIC EXCLUDE_FROM_ALL ${RB_NANOARROW_SOURCES})
target_include_directories(rb_nanoarrow SYSTEM PUBLIC ${RB_NANOARROW_INCLUDES})
target_compile_options(rb_nanoarrow PRIVATE -w)

# valijson's headers, unless the system has them.
if(EXISTS ${RB_DEPS_DIR}/valijson-${VALIJSON_VERSION}/include)
  include_directories(SYSTEM ${RB_DEPS_DIR}/valijson-${VALIJSON_VERSION}/include)
endif()

# Wasmtime: one Rust static library, built by cargo; cargo itself decides whether there is anything to do.
set(RB_SHIM_DIR ${CMAKE_SOURCE_DIR}/rust/wasmtime_shim)
set(RB_SHIM_LIB ${RB_WASMTIME_DIR}/target/release/librapidbyte_wasmtime_shim.a)
find_program(RB_CARGO cargo REQUIRED)
add_custom_command(
  OUTPUT ${CMAKE_BINARY_DIR}/librapidbyte_wasmtime_shim.a
  COMMAND ${RB_CARGO} build --release --locked --quiet --manifest-path ${RB_SHIM_DIR}/Cargo.toml --target-dir ${RB_WASMTIME_DIR}/target
  COMMAND ${CMAKE_COMMAND} -E copy_if_different ${RB_SHIM_LIB} ${CMAKE_BINARY_DIR}/librapidbyte_wasmtime_shim.a
  COMMAND ${CMAKE_COMMAND} -E touch ${CMAKE_BINARY_DIR}/librapidbyte_wasmtime_shim.a
  DEPENDS ${RB_SHIM_DIR}/src/lib.rs ${RB_SHIM_DIR}/src/folders.rs ${RB_SHIM_DIR}/Cargo.toml ${RB_SHIM_DIR}/Cargo.lock
  COMMENT "Wasmtime shim (cargo)" VERBATIM)
add_custom_target(rb_wasmtime_build DEPENDS ${CMAKE_BINARY_DIR}/librapidbyte_wasmtime_shim.a)
add_library(rb_wasmtime INTERFACE)
add_dependencies(rb_wasmtime rb_wasmtime_build)
target_include_directories(rb_wasmtime SYSTEM INTERFACE ${RB_WASMTIME_DIR}/include)
target_include_directories(rb_wasmtime INTERFACE ${RB_SHIM_DIR}/include)
target_link_libraries(rb_wasmtime INTERFACE ${CMAKE_BINARY_DIR}/librapidbyte_wasmtime_shim.a Threads::Threads ${CMAKE_DL_LIBS} m)

# lld links the large Wasmtime archive in a second; GNU ld takes many.
if(EXISTS /usr/lib/llvm-${LLVM_VERSION}/bin/ld.lld)
  add_link_options(-B/usr/lib/llvm-${LLVM_VERSION}/bin -fuse-ld=lld)
endif()
add_link_options(-Wl,--gc-sections)
