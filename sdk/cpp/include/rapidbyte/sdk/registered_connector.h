#pragma once
// Several connectors in one component, which then holds a large library once (world rapidbyte-multi, protocol 2.2).
// Each has a manifest of its own, which names the component in `artifact.entry_point` and the connector in
// `artifact.arguments`: as a program with many names, the component is what its first argument says.
//
//   RAPIDBYTE_CONNECTORS(rapidbyte::sdk::source_named<Numbers>("source-numbers"),
//                        rapidbyte::sdk::destination_named<Sum>("dest-sum"))
//
// stands once, at namespace scope outside of any namespace, instead of RAPIDBYTE_SOURCE and its sisters. A name may be
// registered once for each role.

#include <memory>
#include <span>
#include <string_view>

#include "rapidbyte/sdk/connector.h"

namespace rapidbyte::sdk {

/// One connector of a component; exactly one of the three makes it.
struct RegisteredConnector {
  std::string_view name;
  std::unique_ptr<SourceConnector> (*source)() = nullptr;
  std::unique_ptr<DestinationConnector> (*destination)() = nullptr;
  std::unique_ptr<TransformConnector> (*transform)() = nullptr;
};

template <typename T>
constexpr RegisteredConnector source_named(std::string_view name) {
  return {.name = name,
          .source = []() -> std::unique_ptr<SourceConnector> { return std::make_unique<SourceAdapter<T>>(); }};
}
template <typename T>
constexpr RegisteredConnector destination_named(std::string_view name) {
  return {.name = name, .destination = []() -> std::unique_ptr<DestinationConnector> {
            return std::make_unique<DestinationAdapter<T>>();
          }};
}
template <typename T>
constexpr RegisteredConnector transform_named(std::string_view name) {
  return {.name = name,
          .transform = []() -> std::unique_ptr<TransformConnector> { return std::make_unique<TransformAdapter<T>>(); }};
}

/// The connector of `all` that the first argument names. If there is none of this role, what is made answers every call
/// with CONNECTOR_UNKNOWN (config), which lists those that there are.
std::unique_ptr<SourceConnector> make_registered_source(std::span<const RegisteredConnector> all);
std::unique_ptr<DestinationConnector> make_registered_destination(std::span<const RegisteredConnector> all);
std::unique_ptr<TransformConnector> make_registered_transform(std::span<const RegisteredConnector> all);

}  // namespace rapidbyte::sdk

#define RAPIDBYTE_CONNECTORS(...)                                                              \
  namespace {                                                                                  \
  constexpr ::rapidbyte::sdk::RegisteredConnector kRapidbyteConnectors[] = {__VA_ARGS__};      \
  }                                                                                            \
  std::unique_ptr<::rapidbyte::sdk::SourceConnector> rapidbyte::sdk::make_source() {           \
    return ::rapidbyte::sdk::make_registered_source(kRapidbyteConnectors);                     \
  }                                                                                            \
  std::unique_ptr<::rapidbyte::sdk::DestinationConnector> rapidbyte::sdk::make_destination() { \
    return ::rapidbyte::sdk::make_registered_destination(kRapidbyteConnectors);                \
  }                                                                                            \
  std::unique_ptr<::rapidbyte::sdk::TransformConnector> rapidbyte::sdk::make_transform() {     \
    return ::rapidbyte::sdk::make_registered_transform(kRapidbyteConnectors);                  \
  }
