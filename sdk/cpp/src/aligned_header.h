#pragma once
// The header of an Arrow IPC record batch, made readable for flatcc. Flatbuffers want vectors of structs on 8 bytes,
// and arrow-rs up to version 53 writes those of FieldNode and Buffer on 4: most readers do not mind, flatcc's verifier
// refuses them. The header is rewritten, since the two vectors may be off in different ways. Used by the SDK's reader
// and by the host's inspector. Pure functions over bytes of whom nothing is believed.

#include <cstdint>
#include <span>
#include <vector>

namespace rapidbyte::ipc {

/// `header`: the message from its continuation marker to the end of its metadata. False when it needs nothing: its
/// vectors lie on 8 bytes, it is of another kind, or it is so damaged that the verifier must say how. Else `out` is an
/// equal header in the canonical layout.
bool realign_record_batch_header(std::span<const uint8_t> header, std::vector<uint8_t>& out);

}  // namespace rapidbyte::ipc
