#pragma once
// Whether a message of Arrow IPC has every table that nanoarrow takes for granted: the header that its type promises, a
// type for every field, a key and a value for every pair of metadata. The flatbuffers verifier does not guarantee them,
// and reading a missing one crashes the program. Pure.

#include <cstdint>
#include <span>

namespace rapidbyte::sdk {

/// `metadata`: the flatbuffer of a message, without its prefix. Null when everything is there, otherwise what is
/// missing.
const char* missing_table(std::span<const uint8_t> metadata);

}  // namespace rapidbyte::sdk
