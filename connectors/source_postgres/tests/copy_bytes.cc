#include "copy_bytes.h"

#include <cstring>

namespace rapidbyte::source_postgres::testing {

CopyBytes::CopyBytes() : data_("PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19) {}

void CopyBytes::number(uint64_t value, int width) {
  for (int shift = 8 * (width - 1); shift >= 0; shift -= 8) data_ += static_cast<char>(value >> shift);
}

CopyBytes& CopyBytes::row(int16_t fields) {
  number(static_cast<uint16_t>(fields), 2);
  return *this;
}

CopyBytes& CopyBytes::null() {
  number(UINT32_MAX, 4);
  return *this;
}

CopyBytes& CopyBytes::bytes(std::string_view value) {
  number(value.size(), 4);
  data_ += value;
  return *this;
}

CopyBytes& CopyBytes::int16(int16_t value) {
  number(2, 4);
  number(static_cast<uint16_t>(value), 2);
  return *this;
}

CopyBytes& CopyBytes::int32(int32_t value) {
  number(4, 4);
  number(static_cast<uint32_t>(value), 4);
  return *this;
}

CopyBytes& CopyBytes::int64(int64_t value) {
  number(8, 4);
  number(static_cast<uint64_t>(value), 8);
  return *this;
}

CopyBytes& CopyBytes::float64(double value) {
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof bits);
  number(8, 4);
  number(bits, 8);
  return *this;
}

std::string numeric_bytes(int16_t weight, uint16_t sign, uint16_t display_scale, const std::vector<int16_t>& digits) {
  std::string out;
  const auto put = [&](uint16_t value) {
    out += static_cast<char>(value >> 8U);
    out += static_cast<char>(value & 0xFFU);
  };
  put(static_cast<uint16_t>(digits.size()));
  put(static_cast<uint16_t>(weight));
  put(sign);
  put(display_scale);
  for (const int16_t digit : digits) put(static_cast<uint16_t>(digit));
  return out;
}

CopyBytes& CopyBytes::numeric(int16_t weight, uint16_t sign, uint16_t display_scale,
                              const std::vector<int16_t>& digits) {
  return bytes(numeric_bytes(weight, sign, display_scale, digits));
}

CopyBytes& CopyBytes::raw(std::string_view value) {
  data_ += value;
  return *this;
}

CopyBytes& CopyBytes::trailer() { return row(-1); }

}  // namespace rapidbyte::source_postgres::testing
