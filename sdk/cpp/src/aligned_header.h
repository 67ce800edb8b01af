#pragma once
// Makes the header of an Arrow IPC record batch readable for flatcc. Flatbuffers require vectors of structs to be
// aligned to 8 bytes, and arrow-rs up to version 53 aligns those of FieldNode and Buffer to 4: most readers do not
// mind, but flatcc's verifier refuses them. The header is rewritten, since the two vectors may be misaligned in
// different ways. Used by the SDK's reader and by the host's inspector. Pure functions over untrusted bytes.

#include <cstdint>
#include <span>
#include <vector>

namespace rapidbyte::ipc {

/// `header`: the message from its continuation marker to the end of its metadata. False when nothing needs to be done:
/// its vectors are aligned to 8 bytes, it is of another kind, or it is so damaged that the verifier must say how.
/// Otherwise `out` is an equal header in the canonical layout.
bool realign_record_batch_header(std::span<const uint8_t> header, std::vector<uint8_t>& out);

}  // namespace rapidbyte::ipc
