#include "position_origin.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "postgres/crypto.h"

namespace rapidbyte::source_postgres {

namespace {

using sdk::Json;
using sdk::Result;

// 64 bits distinguish two texts of one stream; the text itself may be long, and may contain things that no state should
// show.
constexpr size_t kFingerprintBytes = 8;

std::string fingerprint(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const postgres::Sha256Digest digest = postgres::sha256(postgres::bytes_of(text));
  std::string out;
  for (size_t i = 0; i < kFingerprintBytes; ++i) {
    out += kDigits[digest[i] >> 4U];
    out += kDigits[digest[i] & 15U];
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// Types of one family order and write the same values in the same way.
std::string_view family(std::string_view type) {
  constexpr std::array<std::string_view, 4> kNumbers = {"pg_catalog.int2", "pg_catalog.int4", "pg_catalog.int8",
                                                        "pg_catalog.\"numeric\""};
  if (std::find(kNumbers.begin(), kNumbers.end(), type) != kNumbers.end() || type == "pg_catalog.numeric") {
    return "number";
  }
  if (type == "pg_catalog.text" || type == "pg_catalog.varchar" || type == "pg_catalog.\"varchar\"") return "text";
  return type;
}

}  // namespace

Json make_origin(const std::optional<std::string>& server, const std::optional<std::string>& database,
                 const Relation& relation, const CatalogColumn& cursor, const StreamOptions& options) {
  Json out = {
      {"table", std::to_string(relation.oid)}, {"column", std::to_string(cursor.number)}, {"type", cursor.sql_type}};
  if (server) out["server"] = *server;
  if (database) out["database"] = *database;
  if (!cursor.collation.empty()) out["collation"] = cursor.collation;
  if (const std::string_view where = trimmed(options.where); !where.empty()) out["where"] = fingerprint(where);
  if (!options.select.empty() || !options.text_columns.empty()) {
    // In any order.
    std::vector<std::string> select = options.select;
    std::vector<std::string> text = options.text_columns;
    std::sort(select.begin(), select.end());
    std::sort(text.begin(), text.end());
    out["columns"] = fingerprint(sdk::to_text(Json{{"select", select}, {"text", text}}));
  }
  if (options.child_rows == false) out["child_tables"] = "exclude";
  return out;
}

Result<Json> origin_of(Session& session, const Relation& relation, const CatalogColumn& cursor,
                       const StreamOptions& options) {
  // The identifier stays the same on replicas and after a failover. Some services hide the function from their users.
  RB_SDK_ASSIGN_OR_RETURN(
      const postgres::QueryResult found,
      query_catalog(session.connection,
                    "SELECT d.oid, pg_catalog.has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') FROM "
                    "pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database()"));
  std::optional<std::string> database;
  std::optional<std::string> server;
  if (!found.rows.empty()) {
    database = found.rows[0][0];
    if (found.rows[0][1] == "t") {
      RB_SDK_ASSIGN_OR_RETURN(
          const postgres::QueryResult system,
          query_catalog(session.connection, "SELECT s.system_identifier FROM pg_catalog.pg_control_system() s"));
      if (!system.rows.empty()) server = system.rows[0][0];
    }
  }
  return make_origin(server, database, relation, cursor, options);
}

std::optional<OriginChange> find_origin_change(const Json& position, const Json& now) {
  const auto text = [](const Json& origin, std::string_view key) {
    return sdk::string_member(origin, std::string(key)).value_or("");
  };
  /// Both are known, and they differ.
  const auto differs = [&](std::string_view key) {
    const std::string before = text(position, key);
    const std::string after = text(now, key);
    return !before.empty() && !after.empty() && before != after;
  };
  const auto from_to = [&](std::string_view key) { return text(position, key) + ", now " + text(now, key); };
  if (family(text(position, "type")) != family(text(now, "type"))) {
    return OriginChange{"the cursor's type was " + from_to("type"), false};
  }
  if (text(position, "collation") != text(now, "collation")) {
    return OriginChange{"the cursor's collation, by which its texts are ordered, was " + from_to("collation"), false};
  }
  if (differs("server"))
    return OriginChange{"it was made on another server (system identifier " + from_to("server") + ")"};
  if (differs("database")) return OriginChange{"it was made in another database (OID " + from_to("database") + ")"};
  if (differs("table")) {
    return OriginChange{"the table has replaced another one of the same name (OID " + from_to("table") + ")"};
  }
  if (differs("column")) {
    return OriginChange{"the column has replaced another one of the same name (number " + from_to("column") + ")"};
  }
  if (text(position, "where") != text(now, "where")) {
    return OriginChange{
        "the stream's `where` was different, and rows that only the new one selects may come before "
        "the position"};
  }
  if (text(position, "columns") != text(now, "columns")) {
    return OriginChange{
        "the stream's `select` or `columns` was different, and rows before the position were loaded "
        "with that"};
  }
  if (text(position, "child_tables") != text(now, "child_tables")) {
    return OriginChange{
        "the stream's `child_tables` was different, and rows of child tables may come before the "
        "position"};
  }
  return std::nullopt;
}

}  // namespace rapidbyte::source_postgres
