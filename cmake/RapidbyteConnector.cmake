# rb_connector(<name> WORLD source|destination|transform|multi SOURCES ... [MANIFEST manifest.json | MANIFESTS ...] [INCLUDES ...] [DEFINES ...]
#              [GUEST_LIBRARIES ...] [GUEST_SYSTEM_INCLUDES ...] [GUEST_OPTIONS ...] [NATIVE_LIBRARIES ...]
#              [TESTS ...] [TEST_DEPS ...] [OUTPUT dir])
#
# A connector on our SDK, built twice from the same sources: the component <name>.wasm (target guest_<name>) with its manifest, and the native library
# connector_<name>, whose host is the SDK's stub, for unit tests and sanitizers. TESTS make the program connector_<name>_test. GUEST_LIBRARIES are
# rb_guest_library() names beyond nanoarrow and the SDK; NATIVE_LIBRARIES are the CMake targets that replace them in the native build.
function(rb_connector name)
  cmake_parse_arguments(arg "" "WORLD;MANIFEST;OUTPUT"
    "SOURCES;MANIFESTS;INCLUDES;DEFINES;GUEST_LIBRARIES;GUEST_SYSTEM_INCLUDES;GUEST_OPTIONS;NATIVE_LIBRARIES;TESTS;TEST_DEPS" ${ARGN})
  set(more)
  if(arg_MANIFEST)
    list(APPEND more MANIFEST ${arg_MANIFEST})
  endif()
  if(arg_MANIFESTS)
    list(APPEND more MANIFESTS ${arg_MANIFESTS})
  endif()
  if(arg_OUTPUT)
    list(APPEND more OUTPUT ${arg_OUTPUT})
  endif()
  rb_guest(${name} WORLD ${arg_WORLD} SOURCES ${arg_SOURCES}
    LIBRARIES nanoarrow rapidbyte_sdk_${arg_WORLD} ${arg_GUEST_LIBRARIES}
    INCLUDES ${RB_SDK_INCLUDE} ${CMAKE_CURRENT_SOURCE_DIR} ${arg_INCLUDES}
    SYSTEM_INCLUDES ${RB_NANOARROW_INCLUDES} ${arg_GUEST_SYSTEM_INCLUDES}
    DEFINES ${arg_DEFINES} OPTIONS ${arg_GUEST_OPTIONS} ${more})

  add_library(connector_${name} STATIC EXCLUDE_FROM_ALL ${arg_SOURCES})
  rb_options(connector_${name})
  target_include_directories(connector_${name} PUBLIC ${CMAKE_CURRENT_SOURCE_DIR} ${arg_INCLUDES})
  target_compile_definitions(connector_${name} PUBLIC ${arg_DEFINES})
  target_link_libraries(connector_${name} PUBLIC rb_sdk_native ${arg_NATIVE_LIBRARIES})
  if(arg_TESTS)
    rb_test(connector_${name}_test SOURCES ${arg_TESTS} DEPS connector_${name} ${arg_TEST_DEPS} LABELS unit)
  endif()
endfunction()
