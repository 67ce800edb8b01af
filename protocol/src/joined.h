#pragma once
// Joins pieces of text, because guests have no fmt.

#include <cstdint>
#include <string>
#include <string_view>

namespace rapidbyte::protocol {

inline void append_piece(std::string& out, std::string_view piece) { out += piece; }
inline void append_piece(std::string& out, uint64_t piece) { out += std::to_string(piece); }

template <typename... Pieces>
std::string joined(const Pieces&... pieces) {
  std::string out;
  (append_piece(out, pieces), ...);
  return out;
}

}  // namespace rapidbyte::protocol
