#pragma once
// StreamContext: what the host tells a connector about one stream (protocol.md section 4), as values. Unknown keys are
// kept in `raw`. A context without one of the optional parts (a 2.0 host) reads with the protocol's defaults.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidbyte/sdk/data_type.h"
#include "rapidbyte/sdk/error.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::sdk {

enum class SyncMode : uint8_t { kFullRefresh, kIncremental, kCdc };
enum class WriteMode : uint8_t { kAppend, kReplace, kUpsert };
enum class OnDataError : uint8_t { kFail, kSkip, kDlq };
enum class NewColumn : uint8_t { kAdd, kIgnore, kFail };
enum class RemovedColumn : uint8_t { kIgnore, kFail };
enum class TypeChange : uint8_t { kCoerce, kFail, kNull };
enum class NullabilityChange : uint8_t { kAllow, kFail };

/// A position in a stream: protocol.md's "cursor value".
struct CursorValue {
  enum class Kind : uint8_t { kNull, kInt64, kUtf8, kTimestampMillis, kTimestampMicros, kDecimal, kJson };
  Kind kind = Kind::kNull;
  int64_t integer = 0;  // kInt64 and the timestamps
  std::string text;     // kUtf8; kDecimal: the unscaled or plain value as the source gave it
  int32_t scale = 0;    // kDecimal
  Json json;            // kJson

  static CursorValue of_int64(int64_t value) { return {Kind::kInt64, value, {}, 0, {}}; }
  static CursorValue of_utf8(std::string value) { return {Kind::kUtf8, 0, std::move(value), 0, {}}; }
  static CursorValue of_timestamp_micros(int64_t value) { return {Kind::kTimestampMicros, value, {}, 0, {}}; }
  static CursorValue of_timestamp_millis(int64_t value) { return {Kind::kTimestampMillis, value, {}, 0, {}}; }
  static CursorValue of_decimal(std::string value, int32_t scale) {
    return {Kind::kDecimal, 0, std::move(value), scale, {}};
  }
  static CursorValue of_json(Json value) { return {Kind::kJson, 0, {}, 0, std::move(value)}; }

  [[nodiscard]] bool is_null() const { return kind == Kind::kNull; }
  bool operator==(const CursorValue&) const = default;
  /// INVALID_CURSOR (config).
  static Result<CursorValue> from_json(const Json& json);
  [[nodiscard]] Json to_json() const;
};

struct CursorInfo {
  std::string field;
  std::string type;  // int64, utf8, timestamp_millis, timestamp_micros, decimal, json; empty when unknown
  CursorValue last_value;
};

struct Limits {
  uint64_t max_batch_bytes = uint64_t{256} << 10U;  // a batch stays in cache
  uint64_t max_record_bytes = uint64_t{16} << 20U;
  uint32_t max_inflight_batches = 16;
  uint32_t max_parallel_requests = 1;
  uint64_t checkpoint_interval_bytes = uint64_t{64} << 20U;
  uint64_t checkpoint_interval_rows = 0;     // 0: no limit by rows
  uint64_t checkpoint_interval_seconds = 0;  // 0: no limit by time
};

/// How many bytes of buffers, of `columns` columns, make a batch of about limits.max_batch_bytes: the messages around
/// them take a few hundred bytes per column. Batches of very many columns are larger, so that they are not mostly
/// messages.
size_t batch_payload_bytes(const Limits& limits, size_t columns);

struct Policies {
  OnDataError on_data_error = OnDataError::kFail;
  NewColumn new_column = NewColumn::kAdd;
  RemovedColumn removed_column = RemovedColumn::kIgnore;
  TypeChange type_change = TypeChange::kFail;
  NullabilityChange nullability_change = NullabilityChange::kAllow;
};

/// Destination feature: it understands the values of Field::special_values.
inline constexpr std::string_view kSpecialValues = "special-values";

struct StreamContext {
  std::string stream_name;
  /// The discovered columns; empty when the host gave none.
  Schema schema;
  SyncMode sync_mode = SyncMode::kFullRefresh;
  std::optional<CursorInfo> cursor;
  Limits limits;
  Policies policies;
  /// Destinations: nullopt when the host gave none.
  std::optional<WriteMode> write_mode;
  std::vector<std::string> primary_key;  // of upsert

  // 2.1.0
  std::string pipeline;
  std::string run_id;
  std::string load_id;
  /// The partition to read (a member of what plan_partitions() returned), else null.
  Json partition;
  /// A checkpoint of this source from which to go on, else null.
  Json resume;
  /// The stream's own keys in the pipeline file; an object, maybe empty.
  Json stream_options = Json::object();
  /// Sources and transforms: what the destination's manifest says that it can do, as far as every transform between
  /// them can do it too.
  std::vector<std::string> destination_features;
  /// Destinations: streams whose rows refer to each other in a ring (see references()), this one among them, in the
  /// order in which they are loaded. Usually empty.
  std::vector<std::string> reference_ring;
  /// Destinations: the names of all streams of the pipeline, also of those that this run leaves out; empty when the
  /// host does not say, or when a stream of this run has begun with them. Two of them that are one table are refused
  /// before anything is made (TARGET_CONFLICT).
  std::vector<std::string> pipeline_streams;
  /// Destinations: the load whose checkpoint `cursor->last_value` is from; empty when nobody knows. See
  /// check_receipt_fits().
  std::string cursor_load_id;
  /// Destinations: the user says that the rows before the cursor are there although nothing shows it.
  bool keep_positions = false;
  /// Destinations: the user takes into account that rows are appended which are there already.
  bool allow_doubled_rows = false;

  /// The whole context as it came.
  Json raw;

  [[nodiscard]] bool destination_has(std::string_view feature) const;

  /// INVALID_CONTEXT (config) names the key.
  static Result<StreamContext> parse(std::string_view text);
};

}  // namespace rapidbyte::sdk
