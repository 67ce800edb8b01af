#pragma once
// Whose checkpoint it is. Sent as a number from guests to the host, and as a word in the checkpoint.

#include <cstdint>
#include <string_view>

namespace rapidbyte::protocol {

enum class CheckpointKind : uint32_t {
  kSource = 0,       // the source's position
  kDestination = 1,  // a destination's commit
  kTransform = 2,    // a transform's own checkpoint
};
/// "source", "dest", "transform": the member `kind`.
[[nodiscard]] std::string_view to_string(CheckpointKind kind);

}  // namespace rapidbyte::protocol
