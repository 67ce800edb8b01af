#include "stream_reader.h"

#include <algorithm>

#include "child_tables.h"
#include "position_origin.h"
#include "rapidbyte/protocol/error_codes.h"
#include "rapidbyte/sdk/host.h"
#include "rapidbyte/table/sql_name.h"
#include "user_code.h"

namespace rapidbyte::source_postgres {

namespace {

using sdk::Result;
using sdk::Status;

// If the host sets no limit.
constexpr uint64_t kDefaultRecordBytes = uint64_t{16} << 20U;

uint64_t record_limit(const sdk::Limits& limits) {
  return limits.max_record_bytes == 0 ? kDefaultRecordBytes : limits.max_record_bytes;
}

sdk::Schema schema_of(const std::vector<ColumnPlan>& columns) {
  sdk::Schema schema;
  for (const ColumnPlan& column : columns) {
    if (column.kind != WireKind::kWatched) schema.fields.push_back(column.field);
  }
  return schema;
}

ColumnPlan watched(const CatalogColumn& column) {
  ColumnPlan plan;
  plan.field.name = column.name;
  plan.kind = WireKind::kWatched;
  plan.cast_to_text = true;
  return plan;
}

}  // namespace

StreamReader::StreamReader(const sdk::StreamContext& ctx, const StreamOptions& options, Session& session)
    : ctx_(ctx),
      options_(options),
      session_(session),
      pacer_(ctx),
      rejection_(options.name, ctx.policies.on_data_error, record_limit(ctx.limits)) {}

Result<sdk::ReadSummary> StreamReader::run(const sdk::StreamContext& ctx, const StreamOptions& options,
                                           Session& session, bool& begun) {
  StreamReader reader(ctx, options, session);
  Status status = reader.prepare();
  begun = status.ok();
  if (begun) status = reader.copy();
  if (!status.ok()) return std::move(status).with_context(reader.what());
  reader.rejection_.log_summary();
  reader.summary_.checkpoint_count = reader.pacer_.count();
  reader.summary_.records_skipped = reader.rejection_.rejected();
  return reader.summary_;
}

std::string StreamReader::what() const {
  // The host adds the stream before it.
  std::string out = "table " + options_.table.spelling("");
  if (partition_) out += ", rows from block " + std::to_string(partition_->from_block) + " on";
  return out;
}

Status StreamReader::prepare() {
  if (ctx_.sync_mode == sdk::SyncMode::kCdc) {
    return sdk::config_error(codes::kUnsupportedSyncMode, "source-postgres reads full_refresh and incremental");
  }
  if (!ctx_.partition.is_null()) {
    RB_SDK_ASSIGN_OR_RETURN(partition_, Partition::from_json(ctx_.partition));
  }
  RB_SDK_ASSIGN_OR_RETURN(
      relation_, begin_read(session_, options_.table, partition_ ? std::optional(partition_->snapshot) : std::nullopt,
                            /*for_cursor=*/ctx_.sync_mode == sdk::SyncMode::kIncremental));
  if (relation_.filtered) {
    sdk::host::log_warn(what() +
                        ": row-level security is on; only the rows that the policies show to this role are read");
  }
  RB_SDK_RETURN_NOT_OK(choose_child_rows(options_, relation_, query_));
  RB_SDK_RETURN_NOT_OK(describe_composites(session_.connection, {&relation_, 1}));
  RB_SDK_ASSIGN_OR_RETURN(std::vector<ColumnPlan> columns,
                          plan_columns(relation_, options_.only_readable ? select_readable(relation_) : options_.select,
                                       options_.text_columns));
  RB_SDK_RETURN_NOT_OK(check_columns(columns));
  query_.table = options_.table;
  if (!options_.where.empty()) query_.conditions.push_back(options_.where);
  if (partition_) RB_SDK_RETURN_NOT_OK(prepare_partition());
  if (ctx_.sync_mode == sdk::SyncMode::kIncremental) RB_SDK_RETURN_NOT_OK(prepare_incremental());
  RB_SDK_RETURN_NOT_OK(prepare_path());
  RB_SDK_ASSIGN_OR_RETURN(encoder_, sdk::IpcEncoder::make(schema_of(columns)));
  query_.columns.insert(query_.columns.end(), std::make_move_iterator(columns.begin()),
                        std::make_move_iterator(columns.end()));
  return {};
}

Status StreamReader::prepare_partition() {
  RB_SDK_ASSIGN_OR_RETURN(std::vector<postgres::Oid> tables, tables_of_snapshot(session_.connection, relation_));
  if (query_.only || (relation_.kind != 'p' && tables.size() <= 1)) {
    query_.only = true;  // costs nothing per row
    tables.clear();
  }
  query_.conditions.push_back(partition_->condition(query_.table.sql(), tables));
  return {};
}

Status StreamReader::prepare_incremental() {
  if (!ctx_.cursor || ctx_.cursor->field.empty()) {
    return sdk::config_error(codes::kCursorFieldMissing, "sync_mode incremental needs a cursor_field");
  }
  RB_SDK_ASSIGN_OR_RETURN(plan_, plan_incremental(relation_, options_, ctx_.cursor->field));
  // A checkpoint of an interrupted load has the same kind of position as that of a completed one.
  sdk::CursorValue last = ctx_.cursor->last_value;
  if (!ctx_.resume.is_null()) {
    if (const sdk::Json* value = sdk::find_member(ctx_.resume, "cursor_value")) {
      RB_SDK_ASSIGN_OR_RETURN(last, sdk::CursorValue::from_json(*value));
    }
  }
  RB_SDK_ASSIGN_OR_RETURN(sdk::Json origin, origin_of(session_, relation_, *plan_->cursor, options_));
  RB_SDK_ASSIGN_OR_RETURN(position_, CursorPosition::make(*plan_, last, std::move(origin)));
  if (plan_->cursor->nullable) RB_SDK_RETURN_NOT_OK(check_null_cursors());
  query_.conditions.push_back(position_->condition(query_));
  if (plan_->lag) {
    query_.conditions.push_back(lag_condition(*plan_, query_, options_.where, session_.server_time_zone));
  }
  query_.columns.push_back(watched(*plan_->cursor));
  query_.order.push_back(plan_->cursor->name);
  for (const CatalogColumn* tie : plan_->ties) {
    query_.columns.push_back(watched(*tie));
    query_.order.push_back(tie->name);
  }
  return {};
}

Status StreamReader::prepare_path() {
  user_path_ = needs_user_path(options_, relation_);
  if (!user_path_) return {};
  RB_SDK_ASSIGN_OR_RETURN(query_.output_in_catalog, refers_by_name(session_.connection, relation_));
  return {};
}

Status StreamReader::check_null_cursors() {
  std::vector<std::string> conditions = query_.conditions;
  const std::string column = query_.column_sql(plan_->cursor->name);
  conditions.push_back(column + " IS NULL");
  if (needs_user_path(options_, relation_)) RB_SDK_RETURN_NOT_OK(set_user_path(session_.connection));
  const Patience patience(session_);  // without an index it looks at the whole table
  RB_SDK_ASSIGN_OR_RETURN(
      const postgres::QueryResult found,
      session_.connection.execute("SELECT 1" + query_.from_sql() + where_sql(conditions) + " LIMIT 1", {}));
  if (found.rows.empty()) return {};
  const std::string message =
      "the cursor column `" + plan_->cursor->name +
      "` is null in some rows, which an incremental read cannot see. Fill it, or say that they are not wanted with the "
      "stream option where: \"" +
      table::quote_name(plan_->cursor->name) + " IS NOT NULL\"";
  // They cannot be counted or kept: the next run would find the same rows again.
  if (ctx_.policies.on_data_error != sdk::OnDataError::kSkip) return sdk::data_error(codes::kNullCursor, message);
  sdk::host::log_warn(what() + ": " + message);
  return {};
}

Status StreamReader::check_columns(const std::vector<ColumnPlan>& columns) const {
  const std::vector<sdk::Field>& expected = ctx_.schema.fields;
  if (expected.empty()) return {};
  std::string difference;
  if (expected.size() != columns.size()) {
    difference = std::to_string(columns.size()) + " columns where " + std::to_string(expected.size()) + " were found";
  }
  for (size_t i = 0; i < columns.size() && difference.empty(); ++i) {
    const sdk::Field& field = columns[i].field;
    if (field.name == expected[i].name && field.type == expected[i].type) {
      if (field.native_fields == expected[i].native_fields) continue;
      difference = "the fields " + field.native_fields + " in column `" + field.name + "` where " +
                   expected[i].native_fields + " were found";
      continue;
    }
    difference = "the column `" + field.name + "` of type " + field.type.name() + " where `" + expected[i].name +
                 "` of type " + expected[i].type.name() + " was found";
  }
  if (difference.empty()) return {};
  return sdk::schema_error(codes::kSchemaChanged,
                           "the table was altered since this run looked at it: it has " + difference + ". Run again");
}

Status StreamReader::copy() {
  if (!ctx_.resume.is_null() && !position_ && sdk::uint_member(ctx_.resume, "records_processed").value_or(0) != 0) {
    return sdk::internal_error(codes::kInvalidResume,
                               "a full refresh is read from one snapshot and cannot resume in the middle; start over "
                               "with: rapidbyte state reset");
  }
  DecoderLimits limits;
  limits.batch_bytes = sdk::batch_payload_bytes(ctx_.limits, query_.columns.size());
  limits.record_bytes = static_cast<size_t>(std::min<uint64_t>(record_limit(ctx_.limits), SIZE_MAX));
  limits.special_values = ctx_.destination_has(sdk::kSpecialValues);
  CopyDecoder decoder(query_.columns, limits);
  if (!finds_nothing()) RB_SDK_RETURN_NOT_OK(copy_rows(decoder));
  RB_SDK_RETURN_NOT_OK(emit_batch(decoder));
  if (encoder_->schema().fields.empty() && summary_.batches_emitted == 0) {
    // A schema without columns means that they are unknown. A batch means that they are known.
    RB_SDK_RETURN_NOT_OK(emit_encoded(decoder, 0));
  }
  summary_.records_read = decoder.rows_seen();
  if (!position_) return {};
  RB_SDK_RETURN_NOT_OK(position_->finish());
  return pacer_.emit(position_->to_cursor());
}

bool StreamReader::finds_nothing() const {
  // A partition is read as its snapshot was, which is older than the look.
  if (!relation_.has_no_rows || relation_.has_children || partition_ || position_ || !options_.where.empty()) {
    return false;
  }
  return std::all_of(relation_.columns.begin(), relation_.columns.end(),
                     [](const CatalogColumn& column) { return column.readable; });
}

Status StreamReader::copy_rows(CopyDecoder& decoder) {
  Patience until_first_row(session_);
  std::string sql = query_.copy_sql();
  if (user_path_) sql.insert(0, std::string(kUserPath) + "; ");
  RB_SDK_ASSIGN_OR_RETURN(postgres::CopyOut copy, session_.connection.copy_out(sql));
  postgres::CopyChunk chunk;
  bool ended = false;
  while (copy.next(chunk)) {
    until_first_row.end();
    summary_.bytes_read += chunk.bytes.size();
    decoder.feed(chunk.bytes);
    for (auto event = decoder.next(); event != CopyDecoder::Event::kNeedMore; event = decoder.next()) {
      ended = event == CopyDecoder::Event::kEnd;
      if (ended) break;
      RB_SDK_RETURN_NOT_OK(take(decoder, event));
    }
  }
  RB_SDK_RETURN_NOT_OK(copy.status());
  if (!ended) {
    return sdk::internal_error(codes::kUnexpectedData,
                               "the server ended the copy without the trailer of its binary format");
  }
  if (copy.result().affected_rows != decoder.rows_seen()) {
    return sdk::internal_error(codes::kUnexpectedData,
                               "the server counts " + std::to_string(copy.result().affected_rows) + " rows where " +
                                   std::to_string(decoder.rows_seen()) + " came");
  }
  return {};
}

Status StreamReader::take(CopyDecoder& decoder, CopyDecoder::Event event) {
  if (event == CopyDecoder::Event::kCorrupt) return decoder.corruption();
  if (position_) {
    if (event == CopyDecoder::Event::kRejected && decoder.problem().watched_too_large) {
      return sdk::data_error(codes::kRecordTooLarge,
                             "row " + std::to_string(decoder.rows_seen()) +
                                 ": the values of the cursor and the tie-breaker are longer than a "
                                 "row may be, so that no position can hold them. Raise "
                                 "resources.max_record_bytes, or use another cursor");
    }
    // The row is not part of what was emitted, so the position before it covers exactly that.
    if (checkpoint_waits_ && !position_->is_equal(decoder.watched())) {
      RB_SDK_RETURN_NOT_OK(pacer_.emit(position_->to_cursor()));
    }
    checkpoint_waits_ = false;
    RB_SDK_RETURN_NOT_OK(position_->note(decoder.watched()));
  }
  if (event == CopyDecoder::Event::kRejected) {
    return rejection_.reject(decoder.problem(), decoder.columns(), decoder.rows_seen());
  }
  if (event != CopyDecoder::Event::kBatchFull) return {};
  RB_SDK_RETURN_NOT_OK(emit_batch(decoder));
  if (!position_ || !pacer_.due() || !position_->is_exact()) return {};
  checkpoint_waits_ = !plan_->is_unique;
  if (checkpoint_waits_) return {};
  return pacer_.emit(position_->to_cursor());
}

Status StreamReader::emit_batch(CopyDecoder& decoder) {
  const size_t rows = decoder.batch_rows();
  return rows == 0 ? Status() : emit_encoded(decoder, rows);
}

Status StreamReader::emit_encoded(CopyDecoder& decoder, size_t rows) {
  RB_SDK_ASSIGN_OR_RETURN(const auto batch, encoder_->encode(static_cast<int64_t>(rows), decoder.batch()));
  RB_SDK_RETURN_NOT_OK(sdk::host::emit_batch(batch));
  pacer_.add_batch(rows, batch.size());
  ++summary_.batches_emitted;
  decoder.clear_batch();
  return {};
}

}  // namespace rapidbyte::source_postgres
