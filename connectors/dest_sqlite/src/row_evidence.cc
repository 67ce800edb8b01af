#include "src/row_evidence.h"

#include <array>
#include <cinttypes>
#include <cstdio>

namespace rapidbyte::dest_sqlite {
namespace {

// FNV-1a. Distinguishes rows that differ by accident, which is all it is for.
class Hash {
 public:
  void add(const void* data, size_t size) {
    for (size_t i = 0; i < size; ++i) {
      value_ ^= static_cast<const uint8_t*>(data)[i];
      value_ *= 0x100000001b3U;
    }
  }
  [[nodiscard]] std::string text() const {
    std::array<char, 17> out{};
    std::snprintf(out.data(), out.size(), "%016" PRIx64, value_);
    return out.data();
  }

 private:
  uint64_t value_ = 0xcbf29ce484222325U;
};

// The name under which SQLite's own row number can be queried: a column may have taken one of the three. nullptr: the
// rows have no row numbers.
const char* row_number(const TableInfo& table) {
  if (table.without_rowid || table.has_integer_key()) return nullptr;
  for (const char* name : {"rowid", "_rowid_", "oid"}) {
    if (table.find(name) == nullptr) return name;
  }
  return nullptr;
}

Result<std::optional<int64_t>> maybe_integer(Database& database, const std::string& sql) {
  RB_SDK_ASSIGN_OR_RETURN(Statement statement, database.prepare(sql));
  const auto row = statement.step();
  if (!row.ok()) return database.error("looking at the rows of an earlier run");
  if (!*row || sqlite3_column_type(statement.handle(), 0) == SQLITE_NULL) return std::optional<int64_t>();
  return std::optional<int64_t>(statement.integer(0));
}

Result<int64_t> integer(Database& database, const std::string& sql) {
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<int64_t> value, maybe_integer(database, sql));
  return value.value_or(0);
}

Result<std::string> hash_of_rows(Database& database, const TableInfo& table, const char* number, int64_t first,
                                 int64_t last) {
  const std::string name(number);
  RB_SDK_ASSIGN_OR_RETURN(Statement statement,
                          database.prepare("SELECT * FROM main." + quote_name(table.name) + " WHERE " + name + " IN (" +
                                           std::to_string(first) + ", " + std::to_string(last) + ") ORDER BY " + name));
  Hash hash;
  for (;;) {
    const auto more = statement.step();
    if (!more.ok()) return database.error("looking at the rows of an earlier run");
    if (!*more) return hash.text();
    for (int i = 0; i < sqlite3_column_count(statement.handle()); ++i) {
      const int type = sqlite3_column_type(statement.handle(), i);
      // So a column that is added later, which is NULL in existing rows, changes nothing.
      if (type == SQLITE_NULL) continue;
      const std::string column = sqlite3_column_name(statement.handle(), i);
      hash.add(column.data(), column.size() + 1);
      hash.add(&type, sizeof(type));
      if (type == SQLITE_FLOAT) {
        const double value = sqlite3_column_double(statement.handle(), i);
        hash.add(&value, sizeof(value));
        continue;
      }
      const void* data = sqlite3_column_blob(statement.handle(), i);
      const auto size = static_cast<size_t>(sqlite3_column_bytes(statement.handle(), i));
      hash.add(&size, sizeof(uint32_t));
      if (data != nullptr) hash.add(data, size);
    }
  }
}

}  // namespace

sdk::Json RowEvidence::to_json() const {
  sdk::Json json = {{"table", table}, {"epoch", epoch}, {"table_has_rows", table_has_rows}};
  if (first_row) json["first_row"] = *first_row;
  if (last_row) json["last_row"] = *last_row;
  if (!edges.empty()) json["edges"] = edges;
  if (table_rows) json["table_rows"] = *table_rows;
  return json;
}

RowEvidence RowEvidence::of(const table::Receipt& receipt) {
  if (receipt.identity.empty()) return {};
  const auto json = sdk::parse_json(receipt.identity);
  return json.ok() ? from_json(*json) : RowEvidence();
}

RowEvidence RowEvidence::from_json(const sdk::Json& json) {
  RowEvidence evidence;
  if (!json.is_object()) return evidence;
  evidence.table = sdk::string_member(json, "table").value_or("");
  evidence.epoch = sdk::int_member(json, "epoch").value_or(0);
  const sdk::Json* rows = sdk::find_member(json, "table_has_rows");
  evidence.table_has_rows = rows != nullptr && rows->is_boolean() && rows->get<bool>();
  evidence.first_row = sdk::int_member(json, "first_row");
  evidence.last_row = sdk::int_member(json, "last_row");
  evidence.edges = sdk::string_member(json, "edges").value_or("");
  evidence.table_rows = sdk::int_member(json, "table_rows");
  return evidence;
}

EvidenceCollector::EvidenceCollector(Database& database, std::string table, std::optional<RowEvidence> previous)
    : database_(database) {
  if (previous) {
    evidence_ = *std::move(previous);
    // The previous run committed nothing, or its table was another one: as a new load.
    if (!same_name(evidence_.table, table)) evidence_ = RowEvidence();
  }
  evidence_.table = std::move(table);
}

Status EvidenceCollector::before_write() {
  if (looked_) return {};
  looked_ = true;
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> table, read_table(database_, evidence_.table));
  if (!table) {
    evidence_.first_row = 1;
    evidence_.table_rows.reset();
    return {};
  }
  if (evidence_.first_row) return {};
  evidence_.first_row = 1;
  const char* number = row_number(*table);
  if (number == nullptr) return {};
  RB_SDK_ASSIGN_OR_RETURN(const int64_t newest, integer(database_, "SELECT max(" + std::string(number) +
                                                                       ") FROM main." + quote_name(table->name)));
  // At the greatest number there is, SQLite picks numbers at random; what_is_missing() will find a gap, and refuse.
  evidence_.first_row = newest == INT64_MAX ? newest : newest + 1;
  return {};
}

Result<RowEvidence> EvidenceCollector::at_commit(int64_t rows, bool is_end, bool appends) {
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<TableInfo> table, read_table(database_, evidence_.table));
  if (!table) return evidence_;
  if (!has_rows_) {
    RB_SDK_ASSIGN_OR_RETURN(has_rows_, has_rows(database_, table->name));
  }
  evidence_.table_has_rows = has_rows_;
  if (rows > 0) evidence_.last_row.reset();
  // An upsert may restart, so nobody needs to know which rows are its own.
  if (!appends) return evidence_;
  const char* number = row_number(*table);
  const std::string from = " FROM main." + quote_name(table->name);
  if (number == nullptr) {
    if (evidence_.table_rows) {
      *evidence_.table_rows += rows;
    } else if (!is_end) {
      // Once per load that commits more than once. SQLite reads no row for it, only how many each page has.
      RB_SDK_ASSIGN_OR_RETURN(evidence_.table_rows, integer(database_, "SELECT count(*)" + from));
    }
    return evidence_;
  }
  if (rows == 0 || !evidence_.first_row) return evidence_;
  RB_SDK_ASSIGN_OR_RETURN(const int64_t last, integer(database_, "SELECT max(" + std::string(number) + ")" + from));
  evidence_.last_row = last;
  RB_SDK_ASSIGN_OR_RETURN(evidence_.edges, hash_of_rows(database_, *table, number, *evidence_.first_row, last));
  return evidence_;
}

Result<std::string> what_is_missing(Database& database, const TableInfo& table, const RowEvidence& evidence) {
  const char* number = row_number(table);
  const std::string from = " FROM main." + quote_name(table.name);
  if (number == nullptr) {
    if (!evidence.table_rows) return std::string("nothing says whether its rows are still those of that run");
    RB_SDK_ASSIGN_OR_RETURN(const int64_t rows, integer(database, "SELECT count(*)" + from));
    if (rows == *evidence.table_rows) return std::string();
    return "it had " + std::to_string(*evidence.table_rows) + " rows then, and has " + std::to_string(rows) + " now";
  }
  if (!evidence.first_row || !evidence.last_row)
    return std::string("nothing says whether its rows are still those of that run");
  RB_SDK_ASSIGN_OR_RETURN(const int64_t rows, integer(database, "SELECT count(*)" + from + " WHERE " + number +
                                                                    " BETWEEN " + std::to_string(*evidence.first_row) +
                                                                    " AND " + std::to_string(*evidence.last_row)));
  const int64_t expected = *evidence.last_row - *evidence.first_row + 1;
  if (rows != expected) {
    return "of the " + std::to_string(expected) + " rows with the numbers " + std::to_string(*evidence.first_row) +
           " to " + std::to_string(*evidence.last_row) + " it has " + std::to_string(rows) + " now";
  }
  RB_SDK_ASSIGN_OR_RETURN(const std::string edges,
                          hash_of_rows(database, table, number, *evidence.first_row, *evidence.last_row));
  if (edges == evidence.edges) return std::string();
  return std::string("the first or the last row of that run is another one now");
}

Result<bool> has_rows(Database& database, std::string_view table) {
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<int64_t> one,
                          maybe_integer(database, "SELECT 1 FROM main." + quote_name(table) + " LIMIT 1"));
  return one.has_value();
}

}  // namespace rapidbyte::dest_sqlite
