#pragma once
// What the attacker answers where an honest connector answers a text.

#include <string>

#include "attack.h"

namespace attacker {

inline std::string column(const std::string& name) {
  return "{\"name\": \"" + name + "\", \"data_type\": \"Int64\", \"nullable\": false}";
}
inline std::string stream(const std::string& name, const std::string& columns) {
  return "{\"name\": \"" + name + "\", \"supported_sync_modes\": [\"full_refresh\", \"incremental\"], \"schema\": [" +
         columns + "]}";
}
/// The streams that the honest connector has.
inline std::string honest_streams() { return stream("good", column("id")) + "," + stream("evil", column("id")); }

/// The catalog, hostile where that is the attack.
inline std::string catalog() {
  std::string streams = honest_streams();
  const auto count = static_cast<size_t>(number("count", 100'000));
  if (answers("answer_catalog_deep", "discover"))
    streams = stream("evil", "{\"name\": \"id\", \"data_type\": \"Int64\", \"native_type\": " + nested(count) + "}");
  if (answers("answer_catalog_columns", "discover")) {
    std::string columns = column("id");
    for (size_t i = 1; i < count; ++i) columns += "," + column("c" + std::to_string(i));
    streams = stream("good", column("id")) + "," + stream("evil", columns);
  }
  if (answers("answer_catalog_streams", "discover")) {
    streams = stream("evil", column("id"));
    for (size_t i = 1; i < count; ++i) streams += "," + stream("s" + std::to_string(i), column("id"));
  }
  if (answers("answer_catalog_values", "discover")) {
    std::string values = "0";
    for (size_t i = 1; i < count; ++i) values += ",0";
    streams = stream("evil", "{\"name\": \"id\", \"data_type\": \"Int64\", \"more\": [" + values + "]}");
  }
  if (answers("answer_catalog_bytes", "discover"))
    streams = stream("evil", column(std::string(size_t{33} << 20U, 'n')));
  if (answers("answer_catalog_nul", "discover")) streams = stream("evil", column("price\\u0000old"));
  if (answers("answer_catalog_twice", "discover")) streams += "," + stream("evil", column("id"));
  if (answers("answer_catalog_name", "discover")) streams = stream("evil", column(std::string(5000, 'n')));
  if (answers("answer_catalog_empty_name", "discover")) streams = stream("evil", column(""));
  if (answers("answer_catalog_steering", "discover"))
    streams += "," + stream("a\\u001b]0;title\\u0007\\u202eb", column("\\u202eid\\u001b[31m"));
  if (answers("answer_catalog_types", "discover"))
    streams = "{\"name\": \"evil\", \"schema\": [{\"name\": \"id\", \"data_type\": 7}]}, {\"name\": [], \"schema\": 1}";
  std::string answer = "{\"streams\": [" + streams + "]}";
  if (answers("answer_catalog_no_json", "discover")) answer = "{\"streams\": [";
  if (answers("answer_catalog_nothing", "discover")) answer = "";
  if (answers("answer_not_utf8", "discover")) answer += "\xff";
  return answer;
}

/// The answer of plan-partitions.
inline std::string partitions() {
  const auto count = static_cast<size_t>(number("count", 1'000'000));
  if (answers("answer_partitions_many", "plan")) {
    std::string list = "[1";
    for (size_t i = 1; i < count; ++i) list += ",1";
    return list + "]";
  }
  if (answers("answer_partitions_deep", "plan")) return nested(count);
  if (answers("answer_partitions_null", "plan")) return "[{}, null]";
  if (answers("answer_partitions_object", "plan")) return "{\"0\": {}}";
  if (answers("answer_partitions_no_json", "plan")) return "[{}";
  if (answers("answer_partitions_large", "plan")) return "[\"" + std::string(size_t{12} << 20U, 'p') + "\"]";
  return "[]";
}

/// The answer of last-committed; empty: none.
inline std::string receipt() {
  if (answers("answer_receipt_deep", "last")) return "{\"a\": " + nested(100'000) + "}";
  if (answers("answer_receipt_no_json", "last")) return "{\"load_id\":";
  if (answers("answer_receipt_list", "last")) return "[1, 2]";
  if (answers("answer_receipt_large", "last")) return "{\"a\": \"" + std::string(size_t{20} << 20U, 'a') + "\"}";
  if (answers("answer_receipt_foreign", "last"))
    return "{\"load_id\": \"of-another\", \"end\": true, \"batches_covered\": 99999, \"records_processed\": 99999}";
  return "";
}

/// What validate() answers.
inline std::string verdict() {
  if (answers("answer_verdict_huge", "validate")) return std::string(size_t{16} << 20U, 'V');
  if (answers("answer_verdict_steering", "validate")) return "\x1b[2J\x1b]0;title\x07\xe2\x80\xae fine\r\nok";
  if (answers("answer_not_utf8", "validate")) return "\xff\xfe";
  return "fine";
}

}  // namespace attacker
