#pragma once
// Arrow's C data interface, for a connector that embeds a library which speaks it, such as a query engine or a reader
// or writer of files. Nothing is copied. The structs are those of the interface's definition, as declared by the
// library's own header.

#include <cstddef>

#include "rapidbyte/sdk/batch_reader.h"
#include "rapidbyte/sdk/data_type.h"
#include "rapidbyte/sdk/error.h"

struct ArrowArray;
struct ArrowSchema;

namespace rapidbyte::sdk {

/// Fills `out` (fresh or released) with a struct of `schema`'s fields, which the receiver releases. UNSUPPORTED_SCHEMA
/// (schema) names a column whose name or time zone holds a NUL byte, or whose type is not valid.
Status export_schema(const Schema& schema, ArrowSchema* out);

/// The fields of a struct. UNSUPPORTED_SCHEMA (schema) names the first column of a type that a batch cannot carry.
Result<Schema> import_schema(const ArrowSchema& schema);

/// Fills `out` with a struct of the columns of the batch that `reader` has loaded, rows [begin, begin + rows). The
/// buffers are borrowed: they point into the batch's bytes, which must live until `out` is released.
void export_batch(const BatchReader& reader, size_t begin, size_t rows, ArrowArray* out);

}  // namespace rapidbyte::sdk
