# Guests: C and C++ compiled to WebAssembly components by clang, outside CMake's own (native) toolchain.
