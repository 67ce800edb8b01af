#pragma once
// BinaryText: values that come as texts, in the binary form of a type that has one, so that a table with such a column
// need not be loaded in text format: arrays, ranges, bit strings, network addresses. Only texts as PostgreSQL itself
// writes them are read; what else a type may read (blanks, bounds of arrays, older notations) is the server's matter,
// and the load goes on in text format. Every value is taken apart and made anew with the OIDs of this server's types:
// no bytes of a source are handed to the server's binary functions. Pure functions over caller's memory.

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

/// Appends the value of `type` that `text` is, without its length. false: it is not written as the server writes it,
/// and `out` has anything.
bool put_binary_text(const PgType& type, std::string_view text, sdk::ByteBuffer& out);

/// A column's values in binary form, with their memory.
class BinaryColumn {
 public:
  /// Reads all values of a column of texts; false: one of them is not as the server writes it, or all together would
  /// take too much memory.
  bool read(const PgType& type, const ColumnSource& texts, size_t rows);
  /// The values, as Binary; borrowed until the next read(), as are the nulls of `texts`.
  [[nodiscard]] ColumnSource source(const ColumnSource& texts) const;

 private:
  sdk::ByteBuffer values_;
  std::vector<int32_t> offsets_;
};

}  // namespace rapidbyte::dest_postgres
