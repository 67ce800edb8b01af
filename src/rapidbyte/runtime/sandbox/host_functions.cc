// The one table of host functions: how each function of the WIT interface `host` reaches ComponentHostState. Functions
// that carry bytes go through the shim as borrowed spans, the rest through the C API's dynamic values.

#include <array>
#include <exception>
#include <string>
#include <wasmtime/component.hh>

#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/runtime/sandbox/host_state.h"
#include "rapidbyte/runtime/sandbox/wit_bindings.h"
#include "rapidbyte/wasmtime_shim.h"

namespace rapidbyte::runtime {
namespace {

using wasmtime::component::Val;
using Args = std::span<const Val>;

ComponentHostState& state_of(void* data) { return *static_cast<ComponentHostState*>(data); }

std::span<const std::byte> bytes_of(rb_bytes_t bytes) {
  return {reinterpret_cast<const std::byte*>(bytes.data), bytes.size};
}

Status host_exception() {
  return internal_error(codes::kHostException,
                        "a host function failed inside the host (out of memory?); this is a bug in rapidbyte");
}

/// Runs the body of a byte function; an exception (out of memory) becomes an error of the call.
template <typename Body>
int32_t guarded(void* data, rb_connector_error_t* error, Body&& body) noexcept {
  ComponentHostState& state = state_of(data);
  try {
    Result<int32_t> result = body(state);
    if (result.ok()) return *result;
    state.borrowed_error() = std::move(result).status();
  } catch (...) {
    state.borrowed_error() = host_exception();
  }
  state.note_given(state.borrowed_error());
  lower_error(state.borrowed_error().error(), *error);
  return RB_ERROR;
}

int32_t emit_batch(void* data, rb_bytes_t batch, rb_connector_error_t* error) noexcept {
  return guarded(data, error, [&](ComponentHostState& state) -> Result<int32_t> {
    RB_RETURN_NOT_OK(state.emit_batch(bytes_of(batch)));
    return int32_t{RB_OK};
  });
}

int32_t next_batch(void* data, rb_bytes_t* batch, rb_connector_error_t* error) noexcept {
  return guarded(data, error, [&](ComponentHostState& state) -> Result<int32_t> {
    RB_ASSIGN_OR_RETURN(const auto bytes, state.next_batch());
    if (!bytes) return int32_t{RB_NOTHING};
    *batch = {reinterpret_cast<const uint8_t*>(bytes->data()), bytes->size()};
    return int32_t{RB_OK};
  });
}

int32_t socket_read(void* data, uint64_t handle, uint64_t len, rb_bytes_t* bytes,
                    rb_connector_error_t* error) noexcept {
  return guarded(data, error, [&](ComponentHostState& state) -> Result<int32_t> {
    RB_ASSIGN_OR_RETURN(const SocketReadResult result, state.socket_read(handle, len));
    if (result.kind == SocketReadResult::Kind::kEof) return int32_t{RB_NOTHING};
    if (result.kind == SocketReadResult::Kind::kWouldBlock) return int32_t{RB_WOULD_BLOCK};
    *bytes = {reinterpret_cast<const uint8_t*>(state.socket_bytes().data()), state.socket_bytes().size()};
    return int32_t{RB_OK};
  });
}

int32_t socket_write(void* data, uint64_t handle, rb_bytes_t bytes, uint64_t* written,
                     rb_connector_error_t* error) noexcept {
  return guarded(data, error, [&](ComponentHostState& state) -> Result<int32_t> {
    RB_ASSIGN_OR_RETURN(const SocketWriteResult result, state.socket_write(handle, bytes_of(bytes)));
    if (result.kind == SocketWriteResult::Kind::kWouldBlock) return int32_t{RB_WOULD_BLOCK};
    *written = result.size;
    return int32_t{RB_OK};
  });
}

// Wasmtime has checked a call's types against the component's import, so a component that declares another signature
// does not instantiate, unless it declares other types under the same name; these readers then see another kind of
// value and return the type's empty value.
std::string_view text(const Val& value) { return as_string(value).value_or(std::string_view()); }
uint32_t u32(const Val& value) { return value.is_u32() ? value.get_u32() : 0; }
uint64_t u64(const Val& value) { return value.is_u64() ? value.get_u64() : 0; }
uint16_t u16(const Val& value) { return value.is_u16() ? value.get_u16() : uint16_t{0}; }

/// Parameters 1 to 3 of socket-start-tls. An unknown degree of checking is treated as the strictest.
TlsOptions tls_options(Args args) {
  TlsOptions options;
  options.server_name = text(args[1]);
  const auto verify = as_enum(args[2]);
  if (verify == "none") options.verify = TlsVerify::kNone;
  if (verify == "ca") options.verify = TlsVerify::kCa;
  if (const auto pem = as_optional_string(args[3]); pem && *pem) options.ca_pem = std::string(**pem);
  return options;
}

// Results of the other functions; the state records which errors it gave.
void answer(ComponentHostState& state, const Status& status, Val* result) {
  state.note_given(status);
  encode_unit(status, *result);
}
void answer(ComponentHostState& state, const Result<bool>& value, Val* result) {
  state.note_given(value.status());
  encode_bool(value, *result);
}
void answer(ComponentHostState& state, const Result<uint64_t>& value, Val* result) {
  state.note_given(value.status());
  encode_u64(value, *result);
}
void answer(ComponentHostState& state, const Result<std::optional<std::string>>& value, Val* result) {
  state.note_given(value.status());
  encode_optional_string(value, *result);
}

struct HostFunction {
  std::string_view name;
  size_t parameters;
  bool has_result;
  void (*call)(ComponentHostState& state, Args args, Val* result);
};

constexpr auto kFunctions = std::to_array<HostFunction>({
    {"log", 2, false, [](ComponentHostState& s, Args a, Val* /*r*/) { s.log(u32(a[0]), text(a[1])); }},
    {"checkpoint", 2, true,
     [](ComponentHostState& s, Args a, Val* r) { answer(s, s.checkpoint(u32(a[0]), text(a[1])), r); }},
    {"metric", 1, true, [](ComponentHostState& s, Args a, Val* r) { answer(s, s.metric(text(a[0])), r); }},
    {"emit-dlq-record", 4, true,
     [](ComponentHostState& s, Args a, Val* r) {
       answer(s, s.emit_dlq_record(text(a[0]), text(a[1]), text(a[2]), text(a[3])), r);
     }},
    {"state-get", 2, true,
     [](ComponentHostState& s, Args a, Val* r) { answer(s, s.state_get(u32(a[0]), text(a[1])), r); }},
    {"state-put", 3, true,
     [](ComponentHostState& s, Args a, Val* r) { answer(s, s.state_put(u32(a[0]), text(a[1]), text(a[2])), r); }},
    {"state-cas", 4, true,
     [](ComponentHostState& s, Args a, Val* r) {
       std::optional<std::string> expected;
       if (const auto given = as_optional_string(a[2]); given && *given) expected = std::string(**given);
       answer(s, s.state_cas(u32(a[0]), text(a[1]), expected, text(a[3])), r);
     }},
    {"connect-tcp", 2, true,
     [](ComponentHostState& s, Args a, Val* r) { answer(s, s.connect_tcp(text(a[0]), u16(a[1])), r); }},
    {"socket-close", 1, false, [](ComponentHostState& s, Args a, Val* /*r*/) { s.socket_close(u64(a[0])); }},
    {"socket-wait", 3, true,
     [](ComponentHostState& s, Args a, Val* r) {
       const bool writable = as_enum(a[1]) == "writable";
       answer(s, s.socket_wait(u64(a[0]), writable ? SocketInterest::kWritable : SocketInterest::kReadable, u32(a[2])),
              r);
     }},
    {"socket-start-tls", 4, true,
     [](ComponentHostState& s, Args a, Val* r) { answer(s, s.socket_start_tls(u64(a[0]), tls_options(a)), r); }},
    {"is-cancelled", 0, true, [](ComponentHostState& s, Args /*a*/, Val* r) { *r = Val(s.is_cancelled()); }},
    {"pending-checkpoint", 0, true,
     [](ComponentHostState& s, Args /*a*/, Val* r) { answer(s, s.pending_checkpoint(), r); }},
});

/// The callback of every function above; `env` is its row.
wasmtime_error_t* call_host_function(void* env, wasmtime_context_t* context,
                                     const wasmtime_component_func_type_t* /*type*/, wasmtime_component_val_t* args,
                                     size_t arg_count, wasmtime_component_val_t* results,
                                     size_t result_count) noexcept {
  const auto& function = *static_cast<const HostFunction*>(env);
  try {
    if (arg_count != function.parameters || result_count != (function.has_result ? 1U : 0U)) {
      return wasmtime_error_new(
          "the component declares a host function with a signature that differs from the protocol's");
    }
    static_assert(sizeof(Val) == sizeof(wasmtime_component_val_t) && alignof(Val) == alignof(wasmtime_component_val_t));
    const auto* values = reinterpret_cast<const Val*>(args);
    function.call(state_of(wasmtime_context_get_data(context)), Args(values, arg_count),
                  reinterpret_cast<Val*>(results));
    return nullptr;
  } catch (...) {
    return wasmtime_error_new("a host function failed inside the host (out of memory?)");
  }
}

Status linker_error(wasmtime_error_t* raw) {
  wasmtime::Error error(raw);
  return internal_error(codes::kHostLinker, "cannot define the host functions: " + std::string(error.message()));
}

}  // namespace

Status define_host_functions(wasmtime_component_linker_instance_t* instance) {
  const rb_byte_functions_t byte_functions = {&emit_batch, &next_batch, &socket_read, &socket_write};
  if (auto* error = rb_linker_define_byte_functions(instance, &byte_functions)) return linker_error(error);
  for (const HostFunction& function : kFunctions) {
    auto* error =
        wasmtime_component_linker_instance_add_func(instance, function.name.data(), function.name.size(),
                                                    &call_host_function, const_cast<HostFunction*>(&function), nullptr);
    if (error != nullptr) return linker_error(error);
  }
  return {};
}

}  // namespace rapidbyte::runtime
