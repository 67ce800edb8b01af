#pragma once
// Whether a message of Arrow IPC has every table that nanoarrow takes for granted: the header that its type promises, a
// type for every field, a key and a value for every pair of metadata. The verifier of flatbuffers does not promise
// them, and reading one that is missing ends the program. Pure.

#include <cstdint>
#include <span>

namespace rapidbyte::sdk {

/// `metadata`: the flatbuffer of a message, without its prefix. Null when all is there, else what is missing.
const char* missing_table(std::span<const uint8_t> metadata);

}  // namespace rapidbyte::sdk
