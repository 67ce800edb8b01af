#pragma once
// The only place where WIT values become C++ values and back: errors, validation results and the summaries of the three
// worlds. Every decoder returns WIT_SHAPE (internal) when a guest's value does not have the shape that wit/ defines.
// Pure functions, any thread. Wasmtime's types appear only as forward declarations.

#include <cstdint>
#include <optional>
#include <string>

#include "rapidbyte/base/status.h"
#include "rapidbyte/runtime/component_runtime.h"

struct rb_connector_error;
namespace wasmtime::component {
class Val;
}

namespace rapidbyte::runtime {

using WitValue = wasmtime::component::Val;

// An export's return value: always a `result<T, connector-error>`. A guest's error becomes the Status.
Status decode_unit(const WitValue& value);
Result<std::string> decode_string(const WitValue& value);
Result<std::optional<std::string>> decode_optional_string(const WitValue& value);
Result<ValidationResult> decode_validation_result(const WitValue& value);
Result<ReadSummary> decode_read_summary(const WitValue& value);
Result<WriteSummary> decode_write_summary(const WitValue& value);
Result<TransformSummary> decode_transform_summary(const WitValue& value);

// What a host function returns: `result<T, connector-error>` written into `out`.
void encode_unit(const Status& status, WitValue& out);
void encode_bool(const Result<bool>& result, WitValue& out);
void encode_u64(const Result<uint64_t>& result, WitValue& out);
void encode_optional_string(const Result<std::optional<std::string>>& result, WitValue& out);

// Parameters of a host function. nullopt when the value has another type.
std::optional<std::string_view> as_string(const WitValue& value);
/// option<string>; the outer optional is empty when the value has another type.
std::optional<std::optional<std::string_view>> as_optional_string(const WitValue& value);
std::optional<std::string_view> as_enum(const WitValue& value);

/// Describes `error` for a typed byte function. The texts are borrowed: `error` must outlive the call.
void lower_error(const ConnectorError& error, rb_connector_error& out);

}  // namespace rapidbyte::runtime
