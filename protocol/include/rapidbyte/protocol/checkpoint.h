#pragma once
// Checkpoint: a source's position as it travels (docs/protocol.md). The source makes it, the host adds what it knows of
// the load, the destination writes it with its rows as a receipt, and the state keeps it. Each of these steps parses it
// once and writes it once. Unknown keys belong to the source and are kept. Values, any thread.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "rapidbyte/protocol/checkpoint_kind.h"
#include "rapidbyte/protocol/cursor_value.h"
#include "rapidbyte/protocol/json.h"
#include "rapidbyte/protocol/status.h"
#include "rapidbyte/protocol/untrusted_json.h"

namespace rapidbyte::protocol {

class Checkpoint {
 public:
  /// No checkpoint: an empty object.
  Checkpoint() = default;
  /// `body` must be an object.
  explicit Checkpoint(Json body) : body_(std::move(body)) {}

  /// PARSE_CHECKPOINT (data) when `text` is not a JSON object within `limits`.
  static Result<Checkpoint> parse(std::string_view text, const JsonLimits& limits);

  [[nodiscard]] bool empty() const { return body_.empty(); }
  /// Always an object.
  [[nodiscard]] const Json& body() const& { return body_; }
  [[nodiscard]] Json body() && { return std::move(body_); }
  [[nodiscard]] std::string text() const { return json_text(body_); }

  // Written by the connector.
  void set_kind(CheckpointKind kind) { body_["kind"] = to_string(kind); }
  void set_id(std::string id) { body_["id"] = std::move(id); }
  void set_stream(std::string_view stream) { body_["stream"] = stream; }
  /// Null when the stream has none.
  void set_cursor_field(std::string_view field) { body_["cursor_field"] = field.empty() ? Json() : Json(field); }
  [[nodiscard]] std::optional<std::string> cursor_field() const { return string_member(body_, "cursor_field"); }
  void set_cursor(const CursorValue& cursor) { body_["cursor_value"] = cursor.to_json(); }
  /// The position itself, as the host passes it on.
  [[nodiscard]] CursorValue cursor() const { return cursor_member("cursor_value"); }
  /// The position itself, for a reader: INVALID_CURSOR when its kind is unknown.
  [[nodiscard]] Result<CursorValue> understood_cursor() const;
  /// For a source: rows read up to here in this call. For a destination: rows of this call that are committed or
  /// rejected.
  void set_records_processed(uint64_t rows) { body_["records_processed"] = rows; }
  [[nodiscard]] std::optional<uint64_t> records_processed() const { return uint_member(body_, "records_processed"); }
  void set_bytes_processed(uint64_t bytes) { body_["bytes_processed"] = bytes; }

  // Added by the host.
  void set_load_id(std::string_view load_id) { body_["load_id"] = load_id; }
  /// Empty when it belongs to no load.
  [[nodiscard]] std::string load_id() const { return text_member(body_, "load_id"); }
  /// Batches of the attempt that precede it.
  void set_batches_covered(uint64_t batches) { body_["batches_covered"] = batches; }
  [[nodiscard]] std::optional<uint64_t> batches_covered() const { return uint_member(body_, "batches_covered"); }
  /// The last one of its load: everything has been read.
  void set_end(bool end);
  [[nodiscard]] bool is_end() const { return bool_member(body_, "end").value_or(false); }
  /// The position at which the load began, so that it can be restarted.
  void set_load_start_cursor(const CursorValue& cursor) { body_["load_start_cursor"] = cursor.to_json(); }
  [[nodiscard]] CursorValue load_start_cursor() const { return cursor_member("load_start_cursor"); }
  /// Rows of the load that precede it, kept for destinations without receipts; nullopt removes it.
  void set_rows_covered(std::optional<uint64_t> rows);
  [[nodiscard]] std::optional<uint64_t> rows_covered() const { return uint_member(body_, "rows_covered"); }
  /// For a load that was read in partitions, which cannot be resumed.
  void set_partitions(uint64_t count) { body_["partitions"] = count; }

  /// An alternative answer of last-committed: there is no table, so no row can be doubled.
  [[nodiscard]] bool is_target_absent() const { return bool_member(body_, "target_absent").value_or(false); }

  bool operator==(const Checkpoint&) const = default;

 private:
  [[nodiscard]] CursorValue cursor_member(std::string_view key) const;

  Json body_ = Json::object();
};

}  // namespace rapidbyte::protocol
