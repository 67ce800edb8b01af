#pragma once
// CopyBytes: COPY's binary format written by hand, for tests of the decoder.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace rapidbyte::source_postgres::testing {

class CopyBytes {
 public:
  CopyBytes();
  CopyBytes& row(int16_t fields);
  CopyBytes& null();
  CopyBytes& bytes(std::string_view value);
  CopyBytes& int16(int16_t value);
  CopyBytes& int32(int32_t value);
  CopyBytes& int64(int64_t value);
  CopyBytes& float64(double value);
  /// From its parts, as numeric_send() gives them.
  CopyBytes& numeric(int16_t weight, uint16_t sign, uint16_t display_scale, const std::vector<int16_t>& digits);
  CopyBytes& raw(std::string_view value);
  CopyBytes& trailer();

  [[nodiscard]] const std::string& data() const { return data_; }

 private:
  void number(uint64_t value, int width);
  std::string data_;
};

/// The bytes of a numeric alone.
std::string numeric_bytes(int16_t weight, uint16_t sign, uint16_t display_scale, const std::vector<int16_t>& digits);

}  // namespace rapidbyte::source_postgres::testing
