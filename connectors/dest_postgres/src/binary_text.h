#pragma once
// BinaryText: converts values that arrive as texts into the binary form of their type, so that a table with such a
// column need not be loaded in text format: arrays, ranges, bit strings, network addresses. Only texts as PostgreSQL
// itself writes them are converted; anything else a type may accept (blanks, array bounds, older notations) is left to
// the server, and the load continues in text format. Every value is parsed and rebuilt with the OIDs of this server's
// types: no bytes of a source reach the server's binary functions. Pure functions over the caller's memory.

#include <cstdint>
#include <string_view>
#include <vector>

#include "rapidbyte/sdk/byte_buffer.h"
#include "src/column_source.h"
#include "src/column_type.h"

namespace rapidbyte::dest_postgres {

/// How texts of a type become its binary form.
enum class TextForm : uint8_t {
  kNone,  // they do not
  kArray,
  kRange,
  kBits,
  kAddress,  // inet, cidr
  kMacAddress,  // macaddr, macaddr8
};

TextForm text_form(const PgType& type);

/// Appends the value of `type` that `text` denotes, without its length. false: it is not written as the server writes
/// it, and the content of `out` is undefined.
bool put_binary_text(const PgType& type, std::string_view text, sdk::ByteBuffer& out);

/// A column's values in binary form; owns their memory.
class BinaryColumn {
 public:
  /// Reads all values of a column of texts; false: one of them is not written as the server writes it, or together they
  /// would take too much memory.
  bool read(const PgType& type, const ColumnSource& texts, size_t rows);
  /// The values, as Binary; borrowed until the next read(), as are the nulls of `texts`.
  [[nodiscard]] ColumnSource source(const ColumnSource& texts) const;

 private:
  sdk::ByteBuffer values_;
  std::vector<int32_t> offsets_;
};

}  // namespace rapidbyte::dest_postgres
