#include "connectors/dest_duckdb/src/receipts.h"

#include <charconv>
#include <utility>

#include "connectors/shared/duckdb/sql_text.h"
#include "rapidbyte/sdk/json.h"

namespace rapidbyte::dest_duckdb {

using duck::TextRow;
using table::Receipt;

namespace {

std::string partition_text(const sdk::StreamContext& ctx) {
  return ctx.partition.is_null() ? std::string() : sdk::to_text(ctx.partition);
}

int64_t number_of(const std::optional<std::string>& text) {
  int64_t number = 0;
  if (text) std::from_chars(text->data(), text->data() + text->size(), number);
  return number;
}

constexpr const char* kOfStream = " WHERE pipeline = $1 AND stream = $2 AND \"partition\" = $3";

}  // namespace

Result<std::optional<Receipt>> read_receipt(duck::Database& database, const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<duck::TableDescription> table, database.describe(kReceiptsTable));
  if (!table) return std::optional<Receipt>();
  RB_SDK_ASSIGN_OR_RETURN(
      const std::vector<TextRow> rows,
      database.query(std::string("SELECT load_id, target, checkpoint_json, \"rows\", published, identity FROM main.") +
                         kReceiptsTable + kOfStream,
                     {ctx.pipeline, ctx.stream_name, partition_text(ctx)}));
  if (rows.empty()) return std::optional<Receipt>();
  const TextRow& row = rows[0];
  return std::optional(Receipt{.load_id = row[0].value_or(""),
                               .target = row[1].value_or(""),
                               .checkpoint_json = row[2],
                               .rows = number_of(row[3]),
                               .published = row[4] == "true",
                               .identity = row[5].value_or("")});
}

Status write_receipt(duck::Database& database, const sdk::StreamContext& ctx, const Receipt& receipt) {
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<duck::TableDescription> table, database.describe(kReceiptsTable));
  if (!table) {
    // Without a key: an index over a handful of rows would only be one more thing that a log has to replay.
    RB_SDK_RETURN_NOT_OK(database.execute(
        std::string("CREATE TABLE main.") + kReceiptsTable +
        " (pipeline VARCHAR NOT NULL, stream VARCHAR NOT NULL, \"partition\" VARCHAR NOT NULL, load_id VARCHAR NOT "
        "NULL, "
        "target VARCHAR NOT NULL, checkpoint_json VARCHAR, \"rows\" BIGINT NOT NULL, published BOOLEAN NOT NULL, "
        "identity VARCHAR NOT NULL, committed_at TIMESTAMP NOT NULL)"));
  }
  const std::vector<std::optional<std::string>> values = {
      ctx.pipeline,    ctx.stream_name,         partition_text(ctx),          receipt.load_id,
      receipt.target,  receipt.checkpoint_json, std::to_string(receipt.rows), receipt.published ? "true" : "false",
      receipt.identity};
  RB_SDK_ASSIGN_OR_RETURN(
      const std::vector<TextRow> updated,
      database.query(std::string("UPDATE main.") + kReceiptsTable +
                         " SET load_id = $4, target = $5, checkpoint_json = $6, \"rows\" = CAST($7 AS BIGINT), "
                         "published = CAST($8 AS BOOLEAN), identity = $9, committed_at = CAST(now() AS TIMESTAMP)" +
                         kOfStream,
                     values));
  if (!updated.empty() && number_of(updated[0][0]) > 0) return {};
  return database
      .query(std::string("INSERT INTO main.") + kReceiptsTable +
                 " VALUES ($1, $2, $3, $4, $5, $6, CAST($7 AS BIGINT), CAST($8 AS BOOLEAN), $9, "
                 "CAST(now() AS TIMESTAMP))",
             values)
      .status();
}

Result<RowEvidence> RowEvidence::of_table(duck::Database& database, const std::string& table) {
  const std::string from = " FROM main." + duck::quoted_name(table);
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<TextRow> count, database.query("SELECT count(*)" + from));
  RowEvidence evidence{.table_rows = number_of(count[0][0])};
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<TextRow> first,
                          database.query("SELECT md5(CAST(_rapidbyte_row AS VARCHAR)) FROM (SELECT _rapidbyte_row" +
                                         from + " AS _rapidbyte_row LIMIT 1)"));
  if (!first.empty()) evidence.first_row = first[0][0].value_or("");
  return evidence;
}

RowEvidence RowEvidence::of(const Receipt& receipt) {
  RowEvidence evidence;
  if (receipt.identity.empty()) return evidence;
  const auto json = sdk::parse_json(receipt.identity);
  if (!json.ok() || !json->is_object()) return evidence;
  evidence.table_rows = sdk::int_member(*json, "table_rows").value_or(0);
  evidence.first_row = sdk::string_member(*json, "first_row").value_or("");
  return evidence;
}

std::string RowEvidence::to_text() const {
  return sdk::to_text(sdk::Json{{"table_rows", table_rows}, {"first_row", first_row}});
}

std::string RowEvidence::what_differs(const RowEvidence& now) const {
  if (now.table_rows != table_rows) {
    return "it had " + std::to_string(table_rows) + " rows then, and has " + std::to_string(now.table_rows) + " now";
  }
  if (now.first_row != first_row) return "its first row is another one now";
  return {};
}

}  // namespace rapidbyte::dest_duckdb
