#pragma once
// Converts between our Schema and nanoarrow's ArrowSchema; owners for nanoarrow's C structs. Internal to the SDK.

#include <nanoarrow/nanoarrow.h>

#include <string>
#include <string_view>

#include "rapidbyte/sdk/data_type.h"

namespace rapidbyte::sdk {

/// Owns an ArrowSchema.
class SchemaHandle {
 public:
  SchemaHandle() { schema_.release = nullptr; }
  ~SchemaHandle() { reset(); }
  SchemaHandle(const SchemaHandle&) = delete;
  SchemaHandle& operator=(const SchemaHandle&) = delete;
  void reset() {
    if (schema_.release != nullptr) ArrowSchemaRelease(&schema_);
  }
  ArrowSchema* get() { return &schema_; }

 private:
  ArrowSchema schema_{};
};

/// UNSUPPORTED_SCHEMA (schema) when `text`, the name or time zone of `column`, holds a NUL byte: C strings end there.
Status check_text_of_schema(const std::string& column, std::string_view text);
/// The name for a message, with \0 for NUL.
std::string shown_name(std::string_view name);

/// Fills `out` (released or fresh) with a struct of `schema`'s fields. UNSUPPORTED_SCHEMA (schema).
Status to_nanoarrow(const Schema& schema, ArrowSchema* out);

/// UNSUPPORTED_SCHEMA (schema) names the first column of a type that the SDK does not know.
Result<Schema> from_nanoarrow(const ArrowSchema& schema);

}  // namespace rapidbyte::sdk
