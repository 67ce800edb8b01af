# Guests: C and C++ compiled to WebAssembly components by clang, beside CMake's own (native) toolchain.
#
# rb_guest_library(<name> SOURCES ... [INCLUDES ...] [DEFINES ...] [OPTIONS ...] [EXCEPTIONS])
#   Compiles sources for wasm once; sets RB_GUEST_OBJECTS_<name>, to be named in several guests' LIBRARIES.
# rb_guest_library_adds(<name> <others>...)   see below
# rb_guest(<name> WORLD source|destination|transform|multi SOURCES ... [LIBRARIES ...] [INCLUDES ...] [DEFINES ...]
#          [OPTIONS ...] [BINDINGS dir] [MANIFEST file | MANIFESTS files...] [OUTPUT dir] [MAX_MEMORY bytes] [IMPORTS file] [EXCEPTIONS]
#          [ARCHIVES ...])
#   Makes <OUTPUT>/<name>.wasm and, with MANIFEST, <name>.manifest.json beside it with the component's checksum filled in.
#   MANIFESTS, of WORLD multi: one for each connector in the component, named after the connector's id (transform_sql.manifest.json of
#   rapidbyte/transform-sql).
#   <name> is the file stem (source_file). BINDINGS: folder of committed wit-bindgen output, by default the SDK's (2.1.0).
#   IMPORTS: WIT of what the sources import by hand, beside what the bindings and the C library do.
#   EXCEPTIONS: C++ with exceptions, all of it with the C++ runtime of cmake/duckdb_guest. ARCHIVES: libraries made elsewhere.
#   The target is guest_<name>; all guests are built by `all`.
set(RB_LLVM_BIN /usr/lib/llvm-${LLVM_VERSION}/bin)
set(RB_WASM_CLANG ${RB_LLVM_BIN}/clang)
set(RB_WASM_CLANGXX ${RB_LLVM_BIN}/clang++)
set(RB_COMPONENT_LD ${RB_DEPS_DIR}/wasm-component-ld-${WASM_COMPONENT_LD_VERSION}/bin/wasm-component-ld)
set(RB_WASM_BUILTINS /usr/lib/llvm-${LLVM_VERSION}/lib/clang/${LLVM_VERSION}/lib/wasi/libclang_rt.builtins-wasm32.a)
set(RB_CONNECTOR_OUTPUT ${CMAKE_BINARY_DIR}/connectors)

# Header-only libraries of the host that guests may use, each on its own, so that no host header is found by accident.
set(RB_GUEST_HEADERS ${CMAKE_BINARY_DIR}/guest-headers)
file(MAKE_DIRECTORY ${RB_GUEST_HEADERS})
file(CREATE_LINK /usr/include/nlohmann ${RB_GUEST_HEADERS}/nlohmann SYMBOLIC)

# -O3 and SIMD for speed; no exceptions, as guests report errors as values.
set(RB_WASM_FLAGS --target=wasm32-wasi -Wno-deprecated -O3 -g0 -msimd128 -mbulk-memory -fno-exceptions -fno-rtti
    -ffunction-sections -fdata-sections -D_WASI_EMULATED_SIGNAL -D_WASI_EMULATED_PROCESS_CLOCKS -D_WASI_EMULATED_MMAN
    -D_WASI_EMULATED_GETPID)
# With exceptions, for guests that contain a library which throws: all parts of such a guest agree on the flags and the C++ runtime.
include(${CMAKE_CURRENT_LIST_DIR}/duckdb_guest/flags.cmake)
file(GLOB_RECURSE duckdb_guest_files ${CMAKE_CURRENT_LIST_DIR}/duckdb_guest/*)
set_property(DIRECTORY ${CMAKE_SOURCE_DIR} APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${duckdb_guest_files} ${CMAKE_CURRENT_LIST_DIR}/versions.env)
execute_process(COMMAND bash ${CMAKE_CURRENT_LIST_DIR}/duckdb_guest/key.sh OUTPUT_VARIABLE key OUTPUT_STRIP_TRAILING_WHITESPACE
    COMMAND_ERROR_IS_FATAL ANY)
set(RB_DUCKDB_DIR ${RB_DEPS_DIR}/duckdb-guest-${key})
set(RB_WASM_WARNINGS -Wall -Wextra)
if(RB_WARNINGS_AS_ERRORS)
  list(APPEND RB_WASM_WARNINGS -Werror)
endif()

function(rb_wasm_compile out_var key)
  cmake_parse_arguments(arg "THIRD_PARTY;EXCEPTIONS" "" "SOURCES;INCLUDES;SYSTEM_INCLUDES;DEFINES;OPTIONS" ${ARGN})
  set(objects)
  set(flags ${RB_WASM_FLAGS})
  if(arg_EXCEPTIONS)
    list(REMOVE_ITEM flags -fno-exceptions -fno-rtti)
  endif()
  list(APPEND flags ${arg_OPTIONS})
  foreach(dir IN LISTS arg_INCLUDES)
    list(APPEND flags -I${dir})
  endforeach()
  foreach(dir IN LISTS arg_SYSTEM_INCLUDES)
    list(APPEND flags -isystem ${dir})
  endforeach()
  foreach(define IN LISTS arg_DEFINES)
    list(APPEND flags -D${define})
  endforeach()
  if(arg_THIRD_PARTY)
    list(APPEND flags -w)
  else()
    list(APPEND flags ${RB_WASM_WARNINGS})
  endif()
  foreach(source IN LISTS arg_SOURCES)
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
    get_filename_component(stem ${source} NAME)
    string(MD5 hash ${source})
    string(SUBSTRING ${hash} 0 8 hash)
    set(object ${CMAKE_BINARY_DIR}/guest-objects/${key}/${stem}.${hash}.o)
    if(source MATCHES "\\.c$")
      set(compiler ${RB_WASM_CLANG})
      set(std)
    else()
      set(compiler ${RB_WASM_CLANGXX})
      set(std -std=c++20)
      if(arg_EXCEPTIONS)
        list(APPEND std ${RB_WASM_EH_CXX_FLAGS})
      endif()
    endif()
    add_custom_command(OUTPUT ${object}
      COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/guest-objects/${key}
      COMMAND ${RB_CCACHE} ${compiler} ${flags} ${std} -MD -MF ${object}.d -c ${source} -o ${object}
      DEPENDS ${source} DEPFILE ${object}.d
      COMMENT "Guest object ${key}/${stem}" VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  set(${out_var} ${objects} PARENT_SCOPE)
endfunction()

function(rb_guest_library name)
  if(NOT RB_BUILD_GUESTS)
    return()
  endif()
  rb_wasm_compile(objects lib-${name} ${ARGN})
  # One target builds the objects, so that two guests that use them never compile the same file at the same time.
  add_custom_target(guest_library_${name} DEPENDS ${objects})
  set_property(GLOBAL PROPERTY RB_GUEST_OBJECTS_${name} ${objects})
endfunction()

# rb_guest_library_adds(<name> <others>...): whoever names the first in LIBRARIES gets the objects of the others, too.
function(rb_guest_library_adds name)
  if(NOT RB_BUILD_GUESTS)
    return()
  endif()
  foreach(other IN LISTS ARGN)
    get_property(objects GLOBAL PROPERTY RB_GUEST_OBJECTS_${other})
    set_property(GLOBAL APPEND PROPERTY RB_GUEST_OBJECTS_${name} ${objects})
    add_dependencies(guest_library_${name} guest_library_${other})
  endforeach()
endfunction()

function(rb_guest name)
  if(NOT RB_BUILD_GUESTS)
    return()
  endif()
  cmake_parse_arguments(arg "EXCEPTIONS" "WORLD;BINDINGS;MANIFEST;OUTPUT;MAX_MEMORY;IMPORTS"
    "SOURCES;LIBRARIES;INCLUDES;SYSTEM_INCLUDES;DEFINES;OPTIONS;ARCHIVES;MANIFESTS" ${ARGN})
  set(exceptions)
  set(cxx_runtime -lc++ -lc++abi)
  # 1 MiB of stack placed first: an overflow runs into address 0 and traps instead of corrupting data.
  set(stack_bytes 1048576)
  if(arg_EXCEPTIONS)
    set(exceptions EXCEPTIONS)
    set(cxx_runtime ${RB_DUCKDB_DIR}/lib/librb_guest_cxx.a)
    # DuckDB's expressions may be nested a thousand deep.
    set(stack_bytes 8388608)
  endif()
  if(NOT arg_BINDINGS)
    set(arg_BINDINGS ${CMAKE_SOURCE_DIR}/sdk/cpp/bindings/${arg_WORLD})
  endif()
  if(NOT arg_OUTPUT)
    set(arg_OUTPUT ${RB_CONNECTOR_OUTPUT})
  endif()
  file(GLOB bindings ${arg_BINDINGS}/*.c)
  file(GLOB component_type ${arg_BINDINGS}/*_component_type.o)
  rb_wasm_compile(binding_objects ${name} SOURCES ${bindings} THIRD_PARTY)
  rb_wasm_compile(objects ${name} SOURCES ${arg_SOURCES} INCLUDES ${arg_BINDINGS} ${arg_INCLUDES}
    SYSTEM_INCLUDES ${RB_GUEST_HEADERS} ${arg_SYSTEM_INCLUDES} DEFINES ${arg_DEFINES} OPTIONS ${arg_OPTIONS} ${exceptions})
  set(library_objects)
  set(library_targets)
  foreach(library IN LISTS arg_LIBRARIES)
    get_property(more GLOBAL PROPERTY RB_GUEST_OBJECTS_${library})
    list(APPEND library_objects ${more})
    list(APPEND library_targets guest_library_${library})
  endforeach()
  set(wasm ${arg_OUTPUT}/${name}.wasm)
  set(memory_flags)
  if(arg_MAX_MEMORY)
    set(memory_flags --max-memory=${arg_MAX_MEMORY})
  endif()
  set(import_flags)
  if(arg_IMPORTS)
    cmake_path(ABSOLUTE_PATH arg_IMPORTS BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
    set(import_flags --component-type ${arg_IMPORTS})
  endif()
  add_custom_command(OUTPUT ${wasm}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${arg_OUTPUT}
    COMMAND ${CMAKE_COMMAND} -E env "PATH=${RB_LLVM_BIN}:$ENV{PATH}" ${RB_COMPONENT_LD} --wasi-adapter reactor
      -L/usr/lib/wasm32-wasi /usr/lib/wasm32-wasi/crt1-reactor.o --entry=_initialize --gc-sections --strip-all
      --stack-first -z stack-size=${stack_bytes} ${memory_flags} ${import_flags}
      ${binding_objects} ${objects} ${library_objects} ${component_type}
      ${arg_ARCHIVES} ${cxx_runtime} -lwasi-emulated-signal -lwasi-emulated-process-clocks -lwasi-emulated-mman -lwasi-emulated-getpid
      -lc -lm ${RB_WASM_BUILTINS} --export=cabi_realloc -o ${wasm}
    DEPENDS ${binding_objects} ${objects} ${library_objects} ${library_targets} ${component_type} ${arg_IMPORTS} ${arg_ARCHIVES}
    COMMENT "Guest ${name}.wasm" VERBATIM)
  set(outputs ${wasm})
  foreach(source IN LISTS arg_MANIFEST arg_MANIFESTS)
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} NORMALIZE)
    set(stem ${name})
    if(NOT arg_MANIFEST)
      set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source})
      file(READ ${source} json)
      string(JSON stem GET "${json}" id)
      string(REGEX REPLACE "^.*/" "" stem ${stem})
      string(REPLACE - _ stem ${stem})
      # A component of its own, left by an earlier build, would come before the one that the manifest names.
      file(REMOVE ${arg_OUTPUT}/${stem}.wasm)
    endif()
    set(manifest ${arg_OUTPUT}/${stem}.manifest.json)
    add_custom_command(OUTPUT ${manifest}
      COMMAND ${CMAKE_COMMAND} -DWASM=${wasm} -DIN=${source} -DOUT=${manifest} -P ${CMAKE_SOURCE_DIR}/cmake/write_manifest.cmake
      DEPENDS ${wasm} ${source} ${CMAKE_SOURCE_DIR}/cmake/write_manifest.cmake
      COMMENT "Manifest ${stem}.manifest.json" VERBATIM)
    list(APPEND outputs ${manifest})
  endforeach()
  add_custom_target(guest_${name} ALL DEPENDS ${outputs})
endfunction()

# What every one of our guests links: nanoarrow with IPC.
rb_guest_library(nanoarrow THIRD_PARTY SOURCES ${RB_NANOARROW_SOURCES} INCLUDES ${RB_NANOARROW_INCLUDES})
