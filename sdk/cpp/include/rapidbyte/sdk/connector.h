#pragma once
// What a connector author includes. Write a struct with the members below and one line that exports it:
//
//   source:       Status open(const Json& config);  Result<Catalog> discover();  Result<ReadSummary> read(const
//   StreamContext&); destination:  Status open(const Json& config);  Result<WriteSummary> write(const StreamContext&);
//   transform:    Status open(const Json& config);  Result<TransformSummary> transform(const StreamContext&);
//   optional:     Result<Validation> validate();  Status close();
//   of sources:   Result<std::vector<Json>> plan_partitions(const StreamContext&, uint32_t want);
//   of transforms: Result<TransformPlan> plan(const StreamContext&);
//   of destinations: Status begin_stream(const StreamContext&);  Status finish_stream(const StreamContext&, bool
//   succeeded);
//                    Result<std::optional<std::string>> last_committed(const StreamContext&);
//                    Result<std::vector<StreamReference>> references(const std::vector<std::string>& streams);
//
// RAPIDBYTE_SOURCE(MySource), RAPIDBYTE_DESTINATION(MyDestination) or RAPIDBYTE_TRANSFORM(MyTransform) appears once, at
// namespace scope outside of any namespace. open() creates the struct; it is destroyed after close(). A component of
// several connectors has RAPIDBYTE_CONNECTORS (registered_connector.h) instead.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/sdk/arrow.h"  // IWYU pragma: export
#include "rapidbyte/sdk/checkpoint.h"  // IWYU pragma: export
#include "rapidbyte/sdk/config.h"  // IWYU pragma: export
#include "rapidbyte/sdk/context.h"  // IWYU pragma: export
#include "rapidbyte/sdk/error.h"  // IWYU pragma: export
#include "rapidbyte/sdk/host.h"  // IWYU pragma: export
#include "rapidbyte/sdk/json.h"  // IWYU pragma: export

namespace rapidbyte::sdk {

/// Outcome of validate(). kFailed needs a message that says how to fix it.
struct Validation {
  enum class Kind : uint8_t { kSuccess, kFailed, kWarning };
  Kind kind = Kind::kSuccess;
  std::string message;

  static Validation success(std::string message = "ok") { return {Kind::kSuccess, std::move(message)}; }
  static Validation failed(std::string message) { return {Kind::kFailed, std::move(message)}; }
  static Validation warning(std::string message) { return {Kind::kWarning, std::move(message)}; }
};

/// One stream that a source offers.
struct CatalogStream {
  std::string name;
  Schema schema;
  std::vector<SyncMode> supported_sync_modes = {SyncMode::kFullRefresh};
  std::optional<std::string> source_defined_cursor;
  std::vector<std::string> source_defined_primary_key;
};

struct Catalog {
  std::vector<CatalogStream> streams;
  [[nodiscard]] std::string to_text() const;
};

/// Rows of `stream` refer to rows of the table that `refers_to` is loaded into, which therefore has to be loaded first.
struct StreamReference {
  std::string stream;
  std::string refers_to;
};

/// What a transform makes of a stream, known before its first row. For transforms with the feature "plan".
struct TransformPlan {
  /// The columns that it emits; for the destination they are the stream's.
  Schema columns;
  /// Whether it emits what it makes of a batch before it takes the next one (what the feature "stateless" says for all
  /// streams). Otherwise checkpoints wait for the end of the stream.
  bool stateless = false;
  /// One line for the user, shown by `check`; may be empty.
  std::string note = {};

  [[nodiscard]] Json to_json() const;
};

/// The exports of the three worlds with JSON still as text. The macros build them from an author's struct; the glue of
/// a component, or native tests, call them.
class SourceConnector {
 public:
  virtual ~SourceConnector() = default;
  virtual Status open(std::string_view config_json) = 0;
  virtual Result<std::string> discover() = 0;
  virtual Result<Validation> validate() = 0;
  virtual Result<ReadSummary> run_read(std::string_view ctx_json) = 0;
  virtual Status close() = 0;
  virtual Result<std::string> plan_partitions(std::string_view ctx_json, uint32_t want) = 0;
};

class DestinationConnector {
 public:
  virtual ~DestinationConnector() = default;
  virtual Status open(std::string_view config_json) = 0;
  virtual Result<Validation> validate() = 0;
  virtual Result<WriteSummary> run_write(std::string_view ctx_json) = 0;
  virtual Status close() = 0;
  virtual Status begin_stream(std::string_view ctx_json) = 0;
  virtual Status finish_stream(std::string_view ctx_json, bool succeeded) = 0;
  virtual Result<std::optional<std::string>> last_committed(std::string_view ctx_json) = 0;
};

class TransformConnector {
 public:
  virtual ~TransformConnector() = default;
  virtual Status open(std::string_view config_json) = 0;
  virtual Result<Validation> validate() = 0;
  virtual Result<TransformSummary> run_transform(std::string_view ctx_json) = 0;
  virtual Status close() = 0;
};

/// Defined by RAPIDBYTE_SOURCE and its siblings, exactly one of them in a component.
std::unique_ptr<SourceConnector> make_source();
std::unique_ptr<DestinationConnector> make_destination();
std::unique_ptr<TransformConnector> make_transform();

}  // namespace rapidbyte::sdk

#include "rapidbyte/sdk/connector_adapter.h"  // IWYU pragma: export

#define RAPIDBYTE_SOURCE(Type)                                                       \
  std::unique_ptr<::rapidbyte::sdk::SourceConnector> rapidbyte::sdk::make_source() { \
    return std::make_unique<::rapidbyte::sdk::SourceAdapter<Type>>();                \
  }
#define RAPIDBYTE_DESTINATION(Type)                                                            \
  std::unique_ptr<::rapidbyte::sdk::DestinationConnector> rapidbyte::sdk::make_destination() { \
    return std::make_unique<::rapidbyte::sdk::DestinationAdapter<Type>>();                     \
  }
#define RAPIDBYTE_TRANSFORM(Type)                                                          \
  std::unique_ptr<::rapidbyte::sdk::TransformConnector> rapidbyte::sdk::make_transform() { \
    return std::make_unique<::rapidbyte::sdk::TransformAdapter<Type>>();                   \
  }
