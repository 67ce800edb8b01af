#include "connectors/dest_duckdb/src/dialect.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <set>
#include <utility>

#include "connectors/dest_duckdb/src/load_writer.h"
#include "connectors/dest_duckdb/src/receipts.h"
#include "connectors/dest_duckdb/src/target.h"
#include "connectors/shared/duckdb/sql_text.h"
#include "connectors/shared/duckdb/stream_runs.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/config.h"
#include "rapidbyte/sdk/host.h"

namespace rapidbyte::dest_duckdb {

using duck::quoted_name;
using duck::quoted_text;
using duck::TextRow;
using table::Place;
using table::Receipt;

Status DuckdbDialect::configure(const sdk::Json& config) {
  sdk::ConfigReader reader(config);
  path_ = reader.required_string("path");
  table_prefix_ = reader.optional_string("table_prefix");
  storage_version_ = reader.optional_enum("storage_version", "v1.0.0", {"v1.0.0", "v1.2.0", "v1.5.0", "latest"});
  accept_emptied_ = reader.optional_enum("emptied_target", "fail", {"fail", "continue"}) == "continue";
  RB_SDK_RETURN_NOT_OK(reader.finish());
  if (path_.empty() || path_.find('\0') != std::string::npos) {
    return sdk::config_error(codes::kInvalidConfig,
                             "config: `path` is empty or holds a NUL character; give the database's file");
  }
  return {};
}

Result<sdk::Validation> DuckdbDialect::validate() {
  const auto there = open_existing();
  if (!there.ok()) return sdk::Validation::failed(there.error().code + ": " + there.error().message);
  if (!*there) return sdk::Validation::success("the database " + path_ + " will be created by the first run");
  return sdk::Validation::success("the database " + path_ + " can be opened");
}

Status DuckdbDialect::close() {
  if (database_) database_->close();
  database_.reset();
  return {};
}

Status DuckdbDialect::check_stream(const std::string& stream) const {
  return check_table_name(stream, target_of(stream));
}

std::string DuckdbDialect::table_key(const std::string& stream) const { return lower_name(target_of(stream)); }

std::string DuckdbDialect::named(const std::string& stream) const { return "table " + quoted_name(target_of(stream)); }

std::string DuckdbDialect::receipts_name(const std::string& /*stream*/) const { return kReceiptsTable; }

Status DuckdbDialect::check_together(const std::vector<std::string>& streams) const {
  for (const std::string& stream : streams) RB_SDK_RETURN_NOT_OK(check_stream(stream));
  return {};
}

std::string DuckdbDialect::conflict_advice() const {
  return ": DuckDB considers names that differ only in the case of ASCII letters equal. Leave one of them out, or "
         "load it in a separate pipeline with another `table_prefix`. Nothing was written.";
}

std::string DuckdbDialect::emptied_advice(const sdk::StreamContext& ctx, bool is_gone) const {
  if (is_gone) return " If `path` or `table_prefix` was changed, change it back.";
  return std::string(" If just these old rows are not wanted, say so with: DELETE FROM ") + kReceiptsTable +
         " WHERE pipeline = " + quoted_text(ctx.pipeline) + " AND stream = " + quoted_text(ctx.stream_name);
}

std::string DuckdbDialect::name_of(const std::string& stream, Place place) const {
  return place == Place::kStaging ? "_rapidbyte_staging_" + target_of(stream) : target_of(stream);
}

bool DuckdbDialect::is_of(const Receipt& receipt, const std::string& stream, Place place) const {
  // Publishing leaves the name of the staging table in it.
  if (receipt.published) return place == Place::kTarget;
  return same_name(receipt.target, name_of(stream, place));
}

Status DuckdbDialect::open() {
  if (database_) return database_->check_in_place();
  RB_SDK_ASSIGN_OR_RETURN(database_, duck::Database::open({.path = path_, .storage_version = storage_version_}));
  return {};
}

Result<bool> DuckdbDialect::open_existing() {
  if (!database_ && !duck::Database::is_there(path_)) return false;
  RB_SDK_RETURN_NOT_OK(open());
  return true;
}

Status DuckdbDialect::in_transaction(const std::function<Status()>& work, bool /*rows_go*/) {
  RB_SDK_RETURN_NOT_OK(database_->begin());
  Status status = work();
  if (status.ok()) status = database_->commit();
  if (!status.ok()) database_->rollback();
  return status;
}

void DuckdbDialect::rollback() {
  if (database_) database_->rollback();
}

Result<std::optional<Receipt>> DuckdbDialect::read_receipt(const sdk::StreamContext& ctx) {
  return dest_duckdb::read_receipt(*database_, ctx);
}

Status DuckdbDialect::write_receipt(const sdk::StreamContext& ctx, const Receipt& receipt) {
  return dest_duckdb::write_receipt(*database_, ctx, receipt);
}

Result<bool> DuckdbDialect::still_holds(const sdk::StreamContext& ctx, const Receipt& receipt) {
  if (receipt.load_id != ctx.load_id) return true;
  const std::string written = name_of(ctx.stream_name, table::written_place(ctx));
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<duck::TableDescription> existing, read_table(*database_, written));
  if (!existing) return false;
  RB_SDK_ASSIGN_OR_RETURN(const RowEvidence now, RowEvidence::of_table(*database_, existing->name));
  const std::string differs = RowEvidence::of(receipt).what_differs(now);
  if (differs.empty()) return true;
  const std::string where = "stream \"" + ctx.stream_name + "\": an earlier run was interrupted after " +
                            std::to_string(receipt.rows) + " rows were committed into table " +
                            quoted_name(existing->name) + " of " + path_;
  // Rows that are read again replace themselves.
  if (table::mode_of(ctx) == sdk::WriteMode::kUpsert) {
    sdk::host::log_warn(where + ", and another program has changed the table since. The load restarts");
    return false;
  }
  // The staging table belongs to nobody else.
  if (table::written_place(ctx) == Place::kStaging) return false;
  return sdk::config_error(
      codes::kReceiptMissing,
      where + ". Another program has changed the table since: " + differs +
          ". So resuming could leave a gap, and reading again could double rows. This run wrote nothing. " +
          table::how_to_restart(ctx, "table " + quoted_name(existing->name), /*rows_there=*/true));
}

Status DuckdbDialect::stream_begins(const sdk::StreamContext& ctx) {
  RB_SDK_RETURN_NOT_OK(database_->set_memory(ctx.limits.max_memory_bytes / 100 * duck::kEnginePercent));
  return exists(ctx, Place::kTarget).status();
}

Result<bool> DuckdbDialect::exists(const sdk::StreamContext& ctx, Place place) {
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<duck::TableDescription> found,
                          read_table(*database_, name_of(ctx.stream_name, place)));
  return found.has_value();
}

Result<bool> DuckdbDialect::has_rows(const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(
      const std::vector<TextRow> rows,
      database_->query("SELECT 1 FROM main." + quoted_name(target_of(ctx.stream_name)) + " LIMIT 1"));
  return !rows.empty();
}

Result<bool> DuckdbDialect::may_be_empty(const sdk::StreamContext& ctx, const std::optional<Receipt>& newest) {
  if (newest) return newest->rows == 0 && RowEvidence::of(*newest).table_rows == 0;
  sdk::host::log_warn("stream \"" + ctx.stream_name +
                      "\": this run would only load what is new since the last one, but " + described(ctx.stream_name) +
                      " is empty and has no receipt of this pipeline; only new rows are loaded into it");
  return true;
}

Status DuckdbDialect::check_upsert_key(const sdk::StreamContext& ctx) {
  RB_SDK_ASSIGN_OR_RETURN(const bool is_there, exists(ctx, Place::kTarget));
  if (!is_there) return {};
  return dest_duckdb::check_upsert_key(*database_, target_of(ctx.stream_name), ctx.primary_key);
}

Status DuckdbDialect::make_target(const sdk::StreamContext& ctx, const sdk::Schema& schema) {
  return prepare_target(
             *database_, target_of(ctx.stream_name),
             {.stream = ctx.stream_name, .schema = schema, .key = table::upsert_key(ctx), .policies = ctx.policies})
      .status();
}

Status DuckdbDialect::make_staging(const sdk::StreamContext& ctx, const sdk::Schema& schema) {
  RB_SDK_ASSIGN_OR_RETURN(const bool is_there, exists(ctx, Place::kStaging));
  if (is_there) return {};
  return create_replacement(*database_, target_of(ctx.stream_name), name_of(ctx.stream_name, Place::kStaging),
                            {.stream = ctx.stream_name, .schema = schema, .key = {}, .policies = ctx.policies});
}

Status DuckdbDialect::drop_staging(const sdk::StreamContext& ctx) {
  return database_->execute("DROP TABLE IF EXISTS main." + quoted_name(name_of(ctx.stream_name, Place::kStaging)));
}

namespace {

// Names do not differ by the case of ASCII letters alone.
std::string folded(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::vector<std::string> columns_only_in(const duck::TableDescription& table, const duck::TableDescription& other) {
  std::set<std::string> there;
  for (const auto& column : other.columns) there.insert(folded(column.name));
  std::vector<std::string> names;
  for (const auto& column : table.columns) {
    if (!there.contains(folded(column.name))) names.push_back(column.name);
  }
  return names;
}

// Whether SQL as DuckDB prints it has `name` as a word or in quotes. It may take another word of this name for it.
bool mentions(std::string_view sql, const std::string& name) {
  const auto in_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '"'; };
  const std::string text = folded(sql);
  for (const std::string& form : {folded(name), folded(quoted_name(name))}) {
    for (size_t at = text.find(form); at != std::string::npos; at = text.find(form, at + 1)) {
      const size_t end = at + form.size();
      if ((at == 0 || !in_word(text[at - 1])) && (end == text.size() || !in_word(text[end]))) return true;
    }
  }
  return false;
}

// Takes out the indexes (name, SQL, expressions) over columns that the new rows lack, with a warning: to try them would
// abort the whole transaction.
void leave_out_lost(std::vector<TextRow>& indexes, const std::vector<std::string>& gone, const std::string& stream,
                    const std::string& table) {
  std::erase_if(indexes, [&](const TextRow& index) {
    const auto column = std::find_if(gone.begin(), gone.end(),
                                     [&](const std::string& each) { return mentions(index[2].value_or(""), each); });
    if (column == gone.end()) return false;
    sdk::host::log_warn("stream \"" + stream + "\": index " + quoted_name(index[0].value_or("")) + " of table " +
                        quoted_name(table) + " is gone, because the new rows have no column " + quoted_name(*column) +
                        ". It was: " + index[1].value_or(""));
    return true;
  });
}

}  // namespace

Status DuckdbDialect::publish_staging(const sdk::StreamContext& ctx, int64_t rows) {
  const std::string staging = quoted_name(name_of(ctx.stream_name, Place::kStaging));
  RB_SDK_ASSIGN_OR_RETURN(const std::vector<TextRow> count, database_->query("SELECT count(*) FROM main." + staging));
  if (count[0][0] != std::to_string(rows)) {
    return sdk::internal_error(
        codes::kStagingLost, "stream \"" + ctx.stream_name + "\": the staging table of " + described(ctx.stream_name) +
                                 " has " + count[0][0].value_or("no") + " rows instead of " + std::to_string(rows) +
                                 ". The old table was left as it was; run again.");
  }
  const std::string target = target_of(ctx.stream_name);
  RB_SDK_ASSIGN_OR_RETURN(const std::optional<duck::TableDescription> table, read_table(*database_, target));
  const std::string name = table ? table->name : target;
  std::vector<TextRow> indexes;
  if (table) {
    RB_SDK_ASSIGN_OR_RETURN(
        indexes,
        database_->query(
            "SELECT index_name, sql, expressions FROM duckdb_indexes() WHERE database_name = current_database() "
            "AND schema_name = 'main' AND table_name = $1 ORDER BY index_oid",
            {name}));
    RB_SDK_ASSIGN_OR_RETURN(const auto replacement, read_table(*database_, name_of(ctx.stream_name, Place::kStaging)));
    if (replacement) leave_out_lost(indexes, columns_only_in(*table, *replacement), ctx.stream_name, name);
    RB_SDK_RETURN_NOT_OK(database_->execute("DROP TABLE main." + quoted_name(name)));
  }
  RB_SDK_RETURN_NOT_OK(database_->execute("ALTER TABLE main." + staging + " RENAME TO " + quoted_name(name)));
  for (const TextRow& index : indexes) {
    const Status status = database_->execute(index[1].value_or(""));
    if (status.ok()) continue;
    const std::string what = "stream \"" + ctx.stream_name + "\": index " + quoted_name(index[0].value_or("")) +
                             " of table " + quoted_name(name) +
                             " cannot be recreated on the new rows: " + status.error().message;
    if (status.error().code != codes::kRowRefused && status.error().code != codes::kSqlInvalid) return status;
    return sdk::data_error(codes::kIndexLost,
                           what + ". The old table was left as it was. Correct the source, or drop the index.");
  }
  return {};
}

Result<std::unique_ptr<table::Writer>> DuckdbDialect::make_writer(const sdk::StreamContext& ctx,
                                                                  const std::optional<Receipt>& /*previous*/) {
  const Place place = table::written_place(ctx);
  LoadWriter::MakeTable make;
  if (place == Place::kStaging) make = [this, &ctx](const sdk::Schema& schema) { return make_staging(ctx, schema); };
  return std::unique_ptr<table::Writer>(std::make_unique<LoadWriter>(*database_, ctx, name_of(ctx.stream_name, place),
                                                                     table::upsert_key(ctx), std::move(make)));
}

}  // namespace rapidbyte::dest_duckdb
